"""An MQTT 3.1.1 client that says what it is told to, and hides no answer.

For attacks and for what readers other than ours do: mosquitto_pub and its like
neither show the code of a SUBACK nor tell a PUBACK from a connection that ended.
"""
import socket
import ssl
import struct
import time

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP = 1, 2, 3, 4, 8, 9, 12, 13
REFUSED = 0x80


class Closed(Exception):
    """The broker has ended the connection."""


def text(s):
    raw = s.encode() if isinstance(s, str) else s
    return struct.pack(">H", len(raw)) + raw


def frame(kind, body, flags=0):
    left, length = len(body), b""
    while True:
        length += bytes([left % 128 | (128 if left > 127 else 0)])
        left //= 128
        if not left:
            return bytes([kind << 4 | flags]) + length + body


class Client:
    """`will` is (topic, payload, retained). `tls` is an SSLContext."""

    def __init__(self, port, client_id, user=None, password=None, will=None, tls=None, seconds=60):
        self.seconds = seconds
        self.buffer = b""
        self.messages = []  # (topic, payload, retained)
        self.ticket = 0
        plain = socket.create_connection(("127.0.0.1", port), seconds)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        flags, body = 2, text(client_id)
        if will:
            flags |= 4 | 1 << 3 | (32 if will[2] else 0)
            body += text(will[0]) + text(will[1])
        if user is not None:
            flags |= 128
            body += text(user)
        if password is not None:
            flags |= 64
            body += text(password)
        self.send(frame(CONNECT, text("MQTT") + bytes([4, flags]) + struct.pack(">H", 60) + body))
        self.code = self.wait(CONNACK)[1]
        if self.code:
            self.socket.close()
            raise Closed(f"CONNACK {self.code}")

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (OSError, ssl.SSLError) as e:
            raise Closed(str(e)) from e

    def take_frame(self):
        """(kind, flags, body) of what has come, or None."""
        length, at = 0, 1
        while True:
            if at >= len(self.buffer):
                return None
            length |= (self.buffer[at] & 127) << 7 * (at - 1)
            at += 1
            if self.buffer[at - 1] < 128:
                break
        if len(self.buffer) < at + length:
            return None
        first, body = self.buffer[0], self.buffer[at:at + length]
        self.buffer = self.buffer[at + length:]
        return first >> 4, first & 15, body

    def note(self, flags, body):
        n = struct.unpack(">H", body[:2])[0]
        topic, rest = body[2:2 + n].decode(), body[2 + n:]
        if flags & 6:
            self.send(frame(PUBACK, rest[:2]))
            rest = rest[2:]
        self.messages.append((topic, rest, bool(flags & 1)))

    def read(self, deadline):
        """One frame; messages are noted and acknowledged on the way."""
        while True:
            got = self.take_frame()
            if got:
                if got[0] == PUBLISH:
                    self.note(*got[1:])
                return got
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"the broker says nothing; so far {self.messages}")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                continue
            except (OSError, ssl.SSLError) as e:
                raise Closed(str(e)) from e
            if not data:
                raise Closed("the broker has closed the connection")
            self.buffer += data

    def wait(self, kind):
        deadline = time.monotonic() + self.seconds
        while True:
            got = self.read(deadline)
            if got[0] == kind:
                return got[2]

    def subscribe(self, *filters, qos=1):
        """The codes of the SUBACK."""
        self.ticket += 1
        body = struct.pack(">H", self.ticket) + b"".join(text(f) + bytes([qos]) for f in filters)
        self.send(frame(SUBSCRIBE, body, 2))
        return list(self.wait(SUBACK)[2:])

    def publish(self, topic, payload, retain=False, qos=1):
        """Returns at the PUBACK; Closed is raised if there is none."""
        self.ticket += 1
        body = text(topic) + (struct.pack(">H", self.ticket) if qos else b"")
        body += payload.encode() if isinstance(payload, str) else payload
        self.send(frame(PUBLISH, body, qos << 1 | retain))
        if qos:
            self.wait(PUBACK)

    def wait_for(self, topic, payload):
        """Until this message has come; all that came before it stays in `messages`."""
        raw = payload.encode() if isinstance(payload, str) else payload
        deadline = time.monotonic() + self.seconds
        while not any(m[:2] == (topic, raw) for m in self.messages):
            self.read(deadline)

    def ping(self):
        self.send(frame(PINGREQ, b""))
        self.wait(PINGRESP)

    def heard(self, topic=None):
        return [m for m in self.messages if topic is None or m[0] == topic]

    def vanish(self):
        """End without DISCONNECT: the broker publishes the will."""
        self.socket.close()
