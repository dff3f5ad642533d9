"""An emulated board: what QEMU runs, a control port into it, and ways to break it.

boards/NAME/board.json says what it is. Its first disk is /dev/vda with what is
under test, read-only; the second, /dev/vdb, is the board's flash. The control
port is no network: with the cable pulled it still answers.
"""
import glob
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 5  # deadlines are wall clock, the machine may be shared
BOOT_S = 60


class BoardError(Exception):
    pass


def facts_of(name):
    with open(os.path.join(ROOT, "boards", name, "board.json")) as f:
        return json.load(f)


def output_of(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def make_disk(path, mib, folder=None):
    """A file that holds an ext4 file system, filled from a folder. No mount, no loop."""
    with open(path, "wb") as f:
        f.truncate(mib << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=0",
                    *(["-d", folder] if folder else []), path], check=True)
    return path


def make_program_disk(path, arch, tests=False, old=None):
    """The static build of `arch`, stripped: bin/, examples/ and, if wanted, tests/; old/
    from that folder."""
    build = os.path.join(ROOT, "build", f"static-{arch}")
    strip = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu",
             "armhf": "arm-linux-gnueabihf"}[arch] + "-strip"
    programs = glob.glob(f"{build}/bin/skerry*") + (
        [f for kind in ("contract", "fault", "board", "bench")
         for f in glob.glob(f"{build}/tests/{kind}.*")] if tests else [])
    older = glob.glob(f"{old}/skerry*") if old else []
    with tempfile.TemporaryDirectory() as folder:
        for program in programs + older:
            name = f"old/{os.path.basename(program)}" if program in older else os.path.relpath(program, build)
            to = os.path.join(folder, name)
            os.makedirs(os.path.dirname(to), exist_ok=True)
            subprocess.run([strip, "-o", to, program], check=True)
        shutil.copytree(os.path.join(build, "examples"), os.path.join(folder, "examples"))
        return make_disk(path, 64 if tests else 16, folder)


class Card:
    """A file behind tests/board/card.py, which says what `cut` means. One for each boot."""

    def __init__(self, image, cut, seed):
        path = f"{image}.sock"
        self.url = f"nbd:unix:{path}"
        self.process = subprocess.Popen([sys.executable, os.path.join(ROOT, "tests/board/card.py"),
                                         path, image, cut, str(seed)])
        end = time.monotonic() + 10 * PATIENCE
        while not os.path.exists(path):
            if self.process.poll() is not None or time.monotonic() > end:
                raise BoardError("the card does not listen")
            time.sleep(0.01)

    def wait(self):
        """Until what the cut left of its cache is on the card."""
        self.process.wait(10 * PATIENCE)

    def close(self):
        self.process.kill()
        self.process.wait()


class Board:
    """Options: kernel ("6.1"), cgroup (v2, v1, hybrid, none), memory (MiB), append (to the
    command line), rtc (QEMU's -rtc base), flash (a file, or "nbd:unix:PATH"), network, root (a
    disk with another user land, which stays as it is; /dev/vdc)."""

    def __init__(self, name, folder, **options):
        self.facts = facts_of(name)
        self.arch = self.facts["architecture"]
        self.folder = tempfile.mkdtemp(prefix="board-", dir=folder)
        self.options = options
        self.runs = 0
        self.process = self.port = None
        self.rest = b""

    # --- starting ---
    def _kernel(self):
        k = self.facts["kernels"][self.options.get("kernel", self.facts["kernel"])]
        folder = output_of(os.path.join(ROOT, "boards/kernel"), self.arch, k["suite"], k["package"])
        return (os.path.join(folder, "vmlinuz"),
                output_of(os.path.join(ROOT, "tests/board/initramfs"), self.arch, folder))

    def _argv(self):
        o = self.options
        kernel, initramfs = self._kernel()
        line = " ".join([self.facts["commandLine"], "rdinit=/init panic=-1 quiet loglevel=3",
                         f"board.cgroup={o.get('cgroup', 'v2')}",
                         "board.root=/dev/vdc" if "root" in o else "", o.get("append", "")])
        argv = [*self.facts["emulator"], "-m", str(o.get("memory", self.facts["memoryMiB"])),
                "-smp", "1", "-nographic", "-nodefaults", "-no-user-config", "-no-reboot",
                "-kernel", kernel, "-initrd", initramfs, "-append", line,
                "-serial", f"file:{self.folder}/console",
                "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
                "-chardev", f"socket,id=control,path={self.folder}/control,server=on,wait=off",
                "-device", "virtio-serial-pci",
                "-device", "virtserialport,chardev=control,name=skerry.control"]
        if o.get("network", True):
            argv += ["-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0,romfile=,id=nic0"]
        for i, (disk, more) in enumerate(((o.get("programs"), ",readonly=on"), (o.get("flash"), ""),
                                          (o.get("root"), ",snapshot=on"))):
            if disk:
                argv += ["-drive", f"if=none,id=disk{i},file={disk},format=raw,cache=writeback{more}",
                         "-device", f"virtio-blk-pci,drive=disk{i}"]
        if "rtc" in o:
            argv += ["-rtc", f"base={o['rtc']}"]
        return argv + list(o.get("extra", ()))

    def power_on(self, restore=None):
        """`restore`: a file that save() wrote, of a board with the same options."""
        argv = self._argv() + (["-incoming", f"exec:cat {restore}"] if restore else [])
        with open(f"{self.folder}/qemu.log", "wb") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.port, self.rest = self._connect("control"), b""
        if restore:
            while self.qmp("query-status")["status"] == "inmigrate":
                time.sleep(0.02)
            self.qmp("cont")
        self._wait_up()
        return self

    def _connect(self, name):
        end = time.monotonic() + 10 * PATIENCE
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(f"{self.folder}/{name}")
                return s
            except OSError:
                s.close()
                if self.process.poll() is not None or time.monotonic() > end:
                    raise BoardError(f"no {name} of the emulator: {self._log('qemu.log')}") from None
                time.sleep(0.02)

    def _log(self, name):
        try:
            with open(f"{self.folder}/{name}", errors="replace") as f:
                return f.read()[-2000:]
        except OSError:
            return ""

    def console(self):
        return self._log("console")

    def _wait_up(self):
        end = time.monotonic() + BOOT_S * PATIENCE
        n = 0
        while time.monotonic() < end:
            n += 1
            self.port.sendall(f"PING {n}\n".encode())
            try:
                while self._line(0.3) != f"PONG {n}":
                    pass
                return
            except TimeoutError:
                pass
        raise BoardError(f"the board did not come up: {self.console()}")

    # --- talking ---
    def _line(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.port], [], [], left)[0]:
                if left <= 0:
                    raise TimeoutError
                continue
            data = self.port.recv(65536)
            if not data:
                raise BoardError(f"the board is gone: {self.console()}{self._log('qemu.log')}")
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace")

    def send(self, script):
        """Begin a script; its lines are read with read_line()."""
        self.runs += 1
        self.port.sendall(f"RUN {self.runs}\n{script}\nEND {self.runs}\n".encode())

    def read_line(self, seconds):
        """The next line of what runs; TimeoutError."""
        return self._line(seconds)

    def run(self, script, seconds=30):
        """Run a script on the board: its exit code and its output."""
        self.send(script)
        end, lines = time.monotonic() + seconds * PATIENCE, []
        try:
            while self._line(end - time.monotonic()) != f"OUT {self.runs}":
                pass
            while True:
                line = self._line(end - time.monotonic())
                done = re.fullmatch(rf"EXIT {self.runs} (\d+)", line)
                if done:
                    return int(done[1]), "\n".join(lines).rstrip("\n")
                lines.append(line)
        except TimeoutError:
            raise BoardError(f"no end of {script!r} in {seconds * PATIENCE} s, so far: "
                             f"{lines[-5:]} {self.console()}") from None

    def check(self, script, seconds=30):
        """The output of a script that must succeed."""
        code, output = self.run(script, seconds)
        if code:
            raise BoardError(f"{script!r} ended with {code}: {output}")
        return output

    def qmp(self, command, **arguments):
        with self._connect("qmp") as s, s.makefile("rw") as f:
            f.readline()
            for c in ({"execute": "qmp_capabilities"},
                      {"execute": command, "arguments": arguments}):
                f.write(json.dumps(c) + "\n")
                f.flush()
                answer = {}
                while not answer.keys() & {"return", "error"}:
                    answer = json.loads(f.readline())
            if "error" in answer:
                raise BoardError(f"{command}: {answer['error']}")
            return answer["return"]

    # --- breaking ---
    def pull_cable(self):
        self.qmp("set_link", name="nic0", up=False)

    def plug_cable(self):
        self.qmp("set_link", name="nic0", up=True)

    def cut_power(self):
        """At once: nothing is flushed."""
        self.process.kill()
        self.process.wait()
        self.port.close()

    def wait_off(self, seconds):
        """Until it is off by itself: the emulator ends where a board would reset."""
        try:
            self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise BoardError(f"still on after {seconds * PATIENCE} s: {self.console()}") from None

    def save(self, path):
        """Its state into a file; the board is gone afterwards. Disks must not be mounted."""
        self.check("sync; echo 3 >/proc/sys/vm/drop_caches")
        self.qmp("stop")
        self.qmp("migrate", uri=f"exec:cat >{path}")
        while self.qmp("query-migrate").get("status") not in ("completed", "failed"):
            time.sleep(0.05)
        self.cut_power()

    def close(self):
        if self.process and self.process.poll() is None:
            self.cut_power()
        shutil.rmtree(self.folder, ignore_errors=True)
