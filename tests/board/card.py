#!/usr/bin/env python3
"""card SOCKET IMAGE CUT SEED - a memory card with a volatile cache, as an NBD server.

What is written stays in the cache until the host flushes (or writes through).
When the client vanishes, power is gone, and CUT says what becomes of the cache:
  drop    nothing of it reaches the card
  subset  a random half does, in random order, and the last write is torn at a sector
With CUT=lie a flush is acknowledged and does nothing: no software survives that.
While a file IMAGE.worn exists, writes and flushes fail, as on a card at its end.
While a file IMAGE.slow exists, each takes as many milliseconds longer as it says.
Serves one client, and ends with it. Protocol: NBD's fixed newstyle handshake.
"""
import errno
import os
import random
import socket
import struct
import sys
import time

SECTOR = 512
HAS_FLAGS, SEND_FLUSH, SEND_FUA = 1, 4, 8
READ, WRITE, LEAVE, FLUSH = 0, 1, 2, 3
FUA_FLAG = 1
EXPORT_NAME, ABORT, INFO, GO = 1, 2, 6, 7
ACK, INFO_REPLY, UNSUPPORTED = 1, 3, 0x80000001


class Card:
    def __init__(self, image, cut, seed):
        self.fd = os.open(image, os.O_RDWR)
        self.worn, self.slow = f"{image}.worn", f"{image}.slow"
        self.size = os.fstat(self.fd).st_size
        self.cut, self.chance = cut, random.Random(seed)
        self.cache = []   # (offset, bytes), oldest first
        self.newest = {}  # sector: bytes

    def read(self, offset, length):
        data = bytearray(os.pread(self.fd, length, offset))
        for at in range(0, length, SECTOR):
            data[at:at + SECTOR] = self.newest.get((offset + at) // SECTOR, data[at:at + SECTOR])
        return bytes(data)

    def write(self, offset, data):
        self.cache.append((offset, data))
        for at in range(0, len(data), SECTOR):
            self.newest[(offset + at) // SECTOR] = data[at:at + SECTOR]

    def flush(self):
        if self.cut == "lie":
            return
        for offset, data in self.cache:
            os.pwrite(self.fd, data, offset)
        self.forget()

    def forget(self):
        self.cache, self.newest = [], {}

    def lose_power(self):
        if self.cut == "subset":
            lucky = [w for w in self.cache if self.chance.random() < 0.5]
            self.chance.shuffle(lucky)
            if lucky:
                offset, data = lucky[-1]
                lucky[-1] = (offset, data[:self.chance.randrange(len(data) // SECTOR) * SECTOR])
            for offset, data in lucky:
                os.pwrite(self.fd, data, offset)
        self.forget()


def receive(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def greet(s, card):
    """False: the client only asked."""
    flags = HAS_FLAGS | SEND_FLUSH | SEND_FUA
    s.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
    receive(s, 4)
    while True:
        _, option, length = struct.unpack(">8sII", receive(s, 16))
        receive(s, length)

        def reply(kind, body=b""):
            s.sendall(struct.pack(">QIII", 0x3e889045565a9, option, kind, len(body)) + body)

        if option == EXPORT_NAME:
            s.sendall(struct.pack(">QH", card.size, flags) + bytes(124))
            return True
        if option in (INFO, GO):
            reply(INFO_REPLY, struct.pack(">HQH", 0, card.size, flags))
            reply(ACK)
            if option == GO:
                return True
        elif option == ABORT:
            reply(ACK)
            return False
        else:
            reply(UNSUPPORTED)


def serve(s, card):
    while True:
        _, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", receive(s, 28))
        answer, error = b"", 0
        data = receive(s, length) if kind == WRITE else b""
        if kind in (WRITE, FLUSH) and os.path.exists(card.slow):
            with open(card.slow) as f:
                time.sleep(int(f.read()) / 1000)
        if kind in (WRITE, FLUSH) and os.path.exists(card.worn):
            error = errno.EIO
        elif kind == READ:
            answer = card.read(offset, length)
        elif kind == WRITE:
            card.write(offset, data)
            if flags & FUA_FLAG:
                card.flush()
        elif kind == FLUSH:
            card.flush()
        elif kind == LEAVE:
            return
        s.sendall(struct.pack(">IIQ", 0x67446698, error, handle) + answer)


def main():
    path, image, cut, seed = sys.argv[1:5]
    card = Card(image, cut, int(seed))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    s, _ = listener.accept()
    os.unlink(path)
    try:
        if greet(s, card):
            serve(s, card)
    except (EOFError, OSError):
        pass
    card.lose_power()
    os.fsync(card.fd)


if __name__ == "__main__":
    main()
