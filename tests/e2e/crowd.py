"""Many devices in one thread, on a real broker: what a rollout sees of a fleet.

Each is an MQTT 3.1.1 client that speaks docs/protocol.md's presence, desired state and report,
and takes a state as an agent does: by (epoch, generation), Progressing first, then Available,
or back with RolledBack. What they run is nothing: a test says how each of them fares.
"""
import asyncio
import base64
import hashlib
import json
import threading
import time


def text(s):
    return len(s).to_bytes(2, "big") + s


def packet(first, body):
    length, n = b"", len(body)
    while True:
        n, low = n >> 7, n & 127
        length += bytes([low | (128 if n else 0)])
        if not n:
            return bytes([first]) + length + body


class Member:
    """One device. `fate` is called with each document that is new to it: "good", "bad", "mute"
    (it sees it, and proves nothing), or "deaf" (it says nothing at all)."""

    def __init__(self, crowd, name, labels=None, fate=None, features=None, mib=512):
        self.crowd = crowd
        self.name = name
        self.labels = labels or {}
        self.fate = fate or (lambda document: "good")
        self.features = features or {}
        self.capacity = {"memBytes": mib << 20, "cpuMilli": 1000, "diskBytes": 1 << 30}
        self.writer = None
        self.session = 0
        self.epoch = self.observed = self.applied = 0
        self.digest = ""
        self.document = None  # that it runs
        self.phase, self.message = "Unmanaged", ""
        self.rejected = None
        self.got = []  # generations, as they came
        self.retained = None

    # --- the wire ---
    def topic(self, rest):
        return f"skerry1/main/{self.name}/{rest}".encode()

    def publish(self, rest, payload):
        if self.writer:
            body = text(self.topic(rest)) + json.dumps(payload).encode()
            self.writer.write(packet(0x31, body))  # QoS 0, retained

    def presence(self, online):
        p = {"v": 1, "online": online, "session": self.session, "boot": "c0de", "agent": "0.1.0",
             "generation": self.applied}
        return p if online else {**p, "why": "lost"}

    async def live(self):
        reader, self.writer = await asyncio.open_connection("127.0.0.1", self.crowd.port)
        self.session += 1
        will = json.dumps(self.presence(False)).encode()
        self.writer.write(packet(0x10, text(b"MQTT") + bytes([4, 0x02 | 0x04 | 0x08 | 0x20, 0, 60])
                                 + text(self.name.encode()) + text(self.topic("up/online"))
                                 + text(will)))
        self.writer.write(packet(0x82, b"\0\1" + text(self.topic("dn/desired")) + b"\1"))
        self.publish("up/online", self.presence(True))
        self.report()
        try:
            while True:
                await self.read(reader)
        except (asyncio.IncompleteReadError, ConnectionError, OSError):
            pass
        finally:
            if self.writer:
                self.writer.close()
            self.writer = None

    async def read(self, reader):
        first = (await reader.readexactly(1))[0]
        n = shift = 0
        while True:
            low = (await reader.readexactly(1))[0]
            n |= (low & 127) << shift
            shift += 7
            if low < 128:
                break
        body = await reader.readexactly(n)
        if first >> 4 != 3:
            return
        at = 2 + int.from_bytes(body[:2], "big")
        if first & 6:
            self.writer.write(packet(0x40, body[at:at + 2]))
            at += 2
        self.on_desired(body[at:])

    # --- what it does ---
    def on_desired(self, message):
        if not message:
            return
        document = message
        envelope = json.loads(message)
        if "payload" in envelope:
            document = base64.b64decode(envelope["payload"])
        d = json.loads(document)
        order, mine = (d["epoch"], d["generation"]), (self.epoch, self.observed)
        digest = "sha256:" + hashlib.sha256(document).hexdigest()
        if order <= mine:
            return
        self.got.append(d["generation"])
        fate = self.fate(d)
        if fate == "deaf":
            return
        self.epoch, self.observed = order
        self.digest = digest
        self.move("Progressing", "")
        asyncio.get_running_loop().create_task(self.prove(d, fate))

    async def prove(self, d, fate):
        await self.crowd.wait(self)
        if fate == "mute" or self.observed != d["generation"]:
            return
        if fate == "bad":
            self.move("RolledBack", "it keeps failing: app/main: exit code 7")
            return
        self.applied, self.document = d["generation"], d
        self.move("Available", "")

    def move(self, phase, message):
        self.phase, self.message = phase, message
        self.crowd.trace.append((time.monotonic(), self.name, phase, self.observed))
        self.report()

    def report(self):
        now = int(time.time() * 1000)
        conditions = [{"type": "Available", "status": self.phase == "Available",
                       "reason": self.phase, "message": self.message, "since": now}]
        self.publish("up/state", {
            "v": 1, "t": now, "clock": "set", "session": self.session, "epoch": self.epoch,
            "observed": self.observed, "applied": self.applied, "document": self.digest,
            "phase": self.phase, "trust": None, "conditions": conditions, "workloads": {},
            "capacity": self.capacity, "allocatable": self.capacity,
            "features": {"cgroup": "v2: memory cpu pids", "sandbox": "seccomp, landlock 2",
                         "arch": "aarch64", "imageArch": "arm64", "kernel": "6.1.0-18-arm64",
                         "hostImage": True, **self.features},
            "buffer": {"buf": "k3f9x0ab", "batches": 0, "bytes": 0, "quota": 1 << 26,
                       "oldest": None, "dropped": {"event": 0, "log": 0, "tele": 0}, "dead": 0,
                       "sources": {}},
            "labels": self.labels})

    # --- for tests, from any thread ---
    def come(self):
        asyncio.run_coroutine_threadsafe(self.start(), self.crowd.loop).result(60)

    async def start(self):
        self.task = asyncio.get_running_loop().create_task(self.live())
        while not self.writer:
            await asyncio.sleep(0.005)

    def leave(self):
        """As if the cable was pulled: the broker tells its will."""
        asyncio.run_coroutine_threadsafe(self.stop(), self.crowd.loop).result(60)

    async def stop(self):
        if self.writer:
            self.writer.transport.abort()
        await self.task


class Crowd:
    def __init__(self, port, delay=0.05):
        self.port = port
        self.delay = delay  # until a device has proved itself, or has not
        self.members = []
        self.trace = []  # (when, who, phase, generation)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def add(self, name, comes=True, **more):
        m = Member(self, name, **more)
        self.members.append(m)
        if comes:
            m.come()
        return m

    async def wait(self, member):
        """Before `member` proves itself."""
        await asyncio.sleep(self.delay)

    def __getitem__(self, name):
        return next(m for m in self.members if m.name == name)

    def close(self):
        for m in self.members:
            if m.writer:
                m.leave()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def most_changing(self, names):
        """The most of these that were Progressing at the same time."""
        now, most = set(), 0
        for _, name, phase, _ in self.trace:
            if name in names:
                (now.add if phase == "Progressing" else now.discard)(name)
                most = max(most, len(now))
        return most
