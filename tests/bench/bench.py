"""What the benches share: a device on real parts, and lines of `name value unit`.

Figures are printed, never asserted: machines are noisy. Ratios come last, each
against a peer or a floor that was measured in the same run. Needs root and a
release build (./demo makes one).
"""
import os
import socket
import statistics
import struct
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("SKERRY_BIN", os.path.join(ROOT, "build/release/bin"))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
sys.dont_write_bytecode = True

from skerry_test import BIN, World, keepers_of, pod, wait_until  # noqa: E402, F401


def metric(name, value, unit):
    print(f"{name} {value:.3f} {unit}" if isinstance(value, float) else f"{name} {value} {unit}",
          flush=True)


def ratio(name, value, to):
    metric(name, value / to if to else float("nan"), "ratio")


def p50(values):
    return float(statistics.median(values))


def memory_kib(pid):
    """RSS, PSS and private memory, as the kernel sums them up."""
    kib = {}
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            words = line.split()
            if words[-1] == "kB":
                kib[words[0].rstrip(":")] = int(words[1])
    return {"rss": kib["Rss"], "pss": kib["Pss"],
            "private": kib["Private_Clean"] + kib["Private_Dirty"]}


def written_bytes(pid):
    """What the process has sent towards the storage layer."""
    with open(f"/proc/{pid}/io") as f:
        return int(dict(line.split(": ") for line in f)["write_bytes"])


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


class Bench:
    """A broker, a hub and one device; taken apart at the end of a `with`."""

    def __init__(self, **settings):
        if os.geteuid() != 0:
            sys.exit("this bench needs root: it starts workloads in cgroups and name spaces")
        self.world = World()
        self.settings = settings
        self.generation = 0

    def __enter__(self):
        # Nagle in the broker would add 40 ms to an answer behind an acknowledgement.
        self.world.start_broker("set_tcp_nodelay true").start_hub()
        self.device = self.world.device(**self.settings).start().wait_up()
        return self

    def __exit__(self, *_):
        self.world.close()

    def deploy(self, *pods, seconds=60):
        self.generation += 1
        self.world.send_desired(self.device, self.generation, list(pods), healthyFor="100ms")
        self.device.wait_phase("Available", self.generation, seconds)

    def send(self, text):
        """A datagram to the board's own telemetry socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            fd = os.open(self.device.run_dir, os.O_PATH | os.O_DIRECTORY)
            try:
                s.sendto(text.encode(), f"/proc/self/fd/{fd}/telemetry.sock")
            finally:
                os.close(fd)


class Publisher:
    """An open MQTT connection, so that a publish costs one packet."""

    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = f"bench-{os.getpid()}".encode()
        body = b"\0\4MQTT\4\2\0\x3c" + struct.pack(">H", len(name)) + name
        self.s.sendall(b"\x10" + bytes([len(body)]) + body)
        assert self.s.recv(4)[3] == 0, "the broker refused"

    def publish(self, topic, payload):
        """Retained, QoS 0. When it was handed over, in ns since 1970."""
        body = struct.pack(">H", len(topic)) + topic.encode() + payload
        size, left = b"", len(body)
        while True:
            size += bytes([left % 128 | (128 if left > 127 else 0)])
            left //= 128
            if not left:
                break
        at = time.time_ns()
        self.s.sendall(b"\x31" + size + body)
        return at
