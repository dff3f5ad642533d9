"""What the tests of boards share: the cloud on this machine, a board beside it.

The broker and the hub are real programs on loopback, as in tests/e2e; the board
reaches them through QEMU's network. A BoardDevice is asked through the control port.
"""
import json
import os
import shlex
import sys
import tempfile
import unittest

from board import PATIENCE, ROOT, Board, Card, facts_of, make_disk, make_program_disk

sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
os.environ.setdefault("SKERRY_BIN", os.path.join(ROOT, "build/release/bin"))

import skerry_test  # noqa: E402
from skerry_test import World, actor_pod, pod, wait_until  # noqa: E402, F401
from tls_world import TlsWorld  # noqa: E402

skerry_test.SLOW = PATIENCE
HOST = "10.0.2.2"  # this machine, as QEMU's network shows it


class BoardDevice(skerry_test.Device):
    """skerryd on a board. What Device asks its socket, this asks the board's `skerry`."""

    programs = "/skerry/bin"

    def __init__(self, world, board, settings):
        self.world, self.board, self.name = world, board, "board-1"
        self.settings = {"device": self.name, "broker": f"mqtt://{HOST}:{world.port}",
                         "state_dir": "/data/skerry", "run_dir": "/run/skerry",
                         "allow_host_image": "true", "telemetry_flush": "1s", **settings}

    def start(self):
        config = "".join(f"{k} = {v}\n" for k, v in self.settings.items())
        self.board.check(f"cat >/run/skerryd.conf <<'X'\n{config}X\n"
                         f"{self.programs}/skerryd --config /run/skerryd.conf >>/run/skerryd.log 2>&1 &\n"
                         "echo $! >/run/skerryd.pid")
        return self

    def kill(self):
        self.board.check("p=$(cat /run/skerryd.pid); kill -9 $p; while [ -d /proc/$p ]; do sleep 0.1; done")

    def stop(self):
        self.board.check("p=$(cat /run/skerryd.pid); kill $p; while [ -d /proc/$p ]; do sleep 0.1; done")

    def log(self):
        return self.board.check("cat /run/skerryd.log")

    def ask(self, request, seconds=5):
        argv = ["status"] if request["verb"] == "status" else ["logs", request["workload"]]
        code, output = self.board.run(
            "skerry --run-dir /run/skerry -o json " + shlex.join(argv) + " 2>/dev/null")
        if code:
            raise OSError(output)
        return json.loads(output)

    def clean(self):
        pass


class BoardTest(unittest.TestCase):
    """`board` is the folder below boards/; options are those of Board."""

    board_name = "qemu-arm64"
    options = {}
    settings = {}
    flash_mib = 64
    card = None  # or what a power cut does: tests/board/card.py
    old = None  # a folder of earlier programs
    runs = "/skerry/bin"  # or /skerry/old
    device_class = BoardDevice

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker().start_hub()
        self.arch = facts_of(self.board_name)["architecture"]
        self.programs = make_program_disk(os.path.join(self.world.folder, "programs"), self.arch,
                                          old=self.old)
        self.flash = make_disk(os.path.join(self.world.folder, "flash"), self.flash_mib)
        self.board = None
        self.generation = 0
        self.power_on()

    def power_on(self, **more):
        """Boot with what is on the flash, and start the agent; it answers."""
        self.boot(**more)
        self.device.wait_ready()

    def boot(self, **more):
        if self.board:
            self.board.close()
        flash = self.flash
        if self.card:
            card = Card(self.flash, self.card, seed=1)
            self.addCleanup(card.close)
            flash = card.url
        self.board = Board(self.board_name, self.world.folder, programs=self.programs,
                           flash=flash, **{**self.options, **more})
        self.addCleanup(self.board.close)
        self.board.power_on()
        self.board.check("mount -o ro /dev/vda /skerry && mount /dev/vdb /data")
        self.device = self.device_class(self.world, self.board, self.settings)
        self.device.programs = self.runs
        self.world.devices = [self.device]
        self.device.start()

    def use_tls(self, **settings):
        """The agent begins anew, on a broker with TLS that wants its certificate."""
        self.device.stop()
        self.world = TlsWorld()
        self.addCleanup(self.world.close)
        self.world.server = self.world.pki.issue("cloud", san=f"DNS:localhost,IP:{HOST}")
        self.world.start_broker().start_hub()
        cert, key = self.world.client(self.device.name)
        files = {"tls_ca": self.world.ca, "tls_cert": cert, "tls_key": key,
                 "tls_crl": self.world.pki.crls("root", "ca")}
        self.board.check("mkdir -p /data/tls")
        for name, path in files.items():
            with open(path) as f:
                self.board.check(f"umask 077; cat >/data/tls/{name} <<'X'\n{f.read()}X\n")
        self.device.world = self.world
        self.world.devices = [self.device]
        self.device.settings.update(broker=f"mqtts://{HOST}:{self.world.tls_port}",
                                    **{name: f"/data/tls/{name}" for name in files}, **settings)
        self.device.start().wait_ready()

    def doctor(self, facts=None):
        """skerry doctor's exit code, and its findings by name."""
        with open(os.path.join(ROOT, "boards", self.board_name, "board.json")) as f:
            facts = {**json.load(f), **(facts or {})}
        code, output = self.board.run(
            f"cat >/run/board.json <<'X'\n{json.dumps(facts)}\nX\n"
            "skerry -o json doctor /run/board.json --config /run/skerryd.conf")
        return code, {c["check"]: c for c in json.loads(output)["checks"]}

    def push_actor(self):
        folder = os.path.join(ROOT, "build", f"static-{self.arch}", "tests/actor-image")
        return "actor@" + self.world.cli("push", folder, check=0).stdout.strip()

    def deploy(self, *pods, phase="Available", seconds=30, **more):
        self.generation += 1
        self.world.send_desired(self.device, self.generation, list(pods), **more)
        if phase:
            self.device.wait_phase(phase, self.generation, seconds)


def main():
    if not all(os.path.exists(os.path.join(ROOT, f"build/static-{arch}/tests/board.cut"))
               for arch in ("arm64", "armhf")):
        skerry_test.skip("the programs for boards are not built: boards/generic/install boards, "
                         "then boards/build")
    tempfile.tempdir = os.path.join(ROOT, "build")  # disks want a real file system
    unittest.main(verbosity=2)
