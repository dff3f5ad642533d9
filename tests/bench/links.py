"""Links, disks and other outboxes for tests/bench/outbox.

A wire adds half a round trip to each direction and counts bytes. A loop device counts what
reaches the medium, file system and all. The others: mosquitto as a bridge, and one row a
sample in SQLite.
"""
import os
import re
import select
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from bench import metric, wait_until
from skerry_test import free_port, is_listening

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


class Wire:
    """A proxy to a port; what it is given arrives `rtt` / 2 later, in order."""

    def __init__(self, to_port, rtt_s):
        self.to_port, self.delay_s, self.up_bytes = to_port, rtt_s / 2, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.to_port))
            except OSError:
                return
            for s in (near, far):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._carry, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, False), daemon=True).start()

    def _carry(self, a, b, is_up):
        waiting = []  # (when it is due, bytes)
        try:
            while True:
                wait_s = max(0, waiting[0][0] - time.monotonic()) if waiting else 60
                if len(waiting) < 4096 and select.select([a], [], [], wait_s)[0]:
                    data = a.recv(262144)
                    if not data:
                        break
                    self.up_bytes += len(data) if is_up else 0
                    waiting.append((time.monotonic() + self.delay_s, data))
                while waiting and waiting[0][0] <= time.monotonic():
                    b.sendall(waiting.pop(0)[1])
        except OSError:
            pass
        for s in (a, b):
            s.close()

    def close(self):
        self.listener.close()


class LoopDisk:
    """ext4 on a loop device of its own, in a mount name space of its own."""

    def __init__(self, folder):
        self.image, self.mount = os.path.join(folder, "disk.img"), os.path.join(folder, "disk")
        os.makedirs(self.mount, exist_ok=True)
        with open(self.image, "wb") as f:
            f.truncate(512 * 1024 * 1024)
        run = lambda *argv: subprocess.run(argv, check=True, capture_output=True, text=True)
        run("mkfs.ext4", "-q", "-F", self.image)
        self.device = run("losetup", "-f", "--show", self.image).stdout.strip()
        run("mount", self.device, self.mount)

    def written(self):
        """Bytes that have reached the device, after what is dirty has."""
        subprocess.run(["sync", "-f", self.mount], check=True)
        with open(f"/sys/block/{os.path.basename(self.device)}/stat") as f:
            return int(f.read().split()[6]) * 512

    def close(self):
        subprocess.run(["umount", self.mount], capture_output=True)
        subprocess.run(["losetup", "-d", self.device], capture_output=True)
        os.unlink(self.image)


def alone():
    """Go on in a mount name space that nobody else sees."""
    if os.environ.get("SKERRY_BENCH_ALONE"):
        return
    os.environ["SKERRY_BENCH_ALONE"] = "1"
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, "-B",
                          *sys.argv])


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def payload(i):
    return f'{{"m":"made","g":{{"span":"4"}},"t":{1790000000000 + i},"v":{15 + i % 100 / 100}}}'


class Mosquitto:
    """A broker on the board that keeps what it is given while the cloud's is away."""

    def __init__(self, disk, name, extra):
        self.folder = os.path.join(disk.mount, name)
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        self.port, self.cloud_port = free_port(), free_port()
        self.config = os.path.join(self.folder, "mosquitto.conf")
        with open(self.config, "w") as f:
            f.write(f"listener {self.port} 127.0.0.1\nuser root\nallow_anonymous true\n"
                    f"persistence true\npersistence_location {self.folder}/\n"
                    f"connection cloud\naddress 127.0.0.1:{self.cloud_port}\n"
                    f"topic # out 1\ncleansession false\nclientid board-{name}\n"
                    f"restart_timeout 1 1\n{extra}\n")
        self.start()

    def start(self):
        self.process = subprocess.Popen([MOSQUITTO, "-c", self.config],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("the bridge listens", 10, lambda: is_listening(self.port))

    def publish(self, count):
        text = "\n".join(payload(i) for i in range(count)) + "\n"
        subprocess.run(["mosquitto_pub", "-p", str(self.port), "-q", "1", "-t", "tele", "-l"],
                       input=text, text=True, check=True, timeout=300)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def arrived(self, count, patience_s=15):
        """How many reach the cloud, once it is there."""
        cloud = os.path.join(self.folder, "cloud.conf")
        with open(cloud, "w") as f:
            f.write(f"listener {self.cloud_port} 127.0.0.1\nuser root\nallow_anonymous true\n"
                    "max_queued_messages 0\n")
        broker = subprocess.Popen([MOSQUITTO, "-c", cloud], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        wait_until("the cloud listens", 10, lambda: is_listening(self.cloud_port))
        got = subprocess.run(["mosquitto_sub", "-p", str(self.cloud_port), "-q", "1", "-t",
                              "tele", "-C", str(count), "-W", str(patience_s)],
                             capture_output=True, text=True)
        broker.kill()
        broker.wait()
        return len(set(got.stdout.splitlines()))


def bridge(disk, name, extra, count):
    """Lost after kill -9, and bytes of flash for each message."""
    m = Mosquitto(disk, name, extra)
    idle, before = rss_kib(m.process.pid), disk.written()
    m.publish(count)
    time.sleep(6)  # the autosave of every five seconds, where there is one
    per_message = (disk.written() - before) / count
    full = rss_kib(m.process.pid)
    m.kill()
    m.start()
    lost = count - m.arrived(count)
    m.kill()
    metric(f"{name}_lost_after_kill", 100 * lost / count, "percent")
    metric(f"{name}_flash_per_message", per_message, "bytes")
    metric(f"{name}_rss_idle", idle, "KiB")
    metric(f"{name}_rss_{count}_queued", full, "KiB")
    return per_message


def row_table(disk, rate, seconds, flush_s):
    """One row a sample, JSON, default settings, a commit every flush_s."""
    path = os.path.join(disk.mount, "rows.db")
    c = sqlite3.connect(path)
    c.execute("CREATE TABLE sample(id INTEGER PRIMARY KEY, body TEXT)")
    c.commit()
    before = disk.written()
    for _ in range(seconds // flush_s):
        with c:
            c.executemany("INSERT INTO sample(body) VALUES(?)",
                          [(payload(i),) for i in range(rate * flush_s)])
        time.sleep(flush_s)
    per_sample = (disk.written() - before) / (rate * seconds)
    c.close()
    return per_sample
