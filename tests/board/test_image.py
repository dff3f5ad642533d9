"""The card image: flashed, enrolled by a file on its boot partition, started by U-Boot, and the
main job on it. Nobody logs in: what is known comes from the cloud, the console and the card."""
import os
import shutil
import subprocess
import tempfile
import time
import unittest

from board import PATIENCE, ROOT, facts_of
from board_test import HOST, main
from skerry_test import Device, World, actor_pod, wait_until

IMAGE = os.path.join(ROOT, "build/images/skerry-qemu-arm64.img")
SIZE_MAX = 12_000_000  # bytes on the boot partition: kernel, user land and agent
U_BOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
DATA = 25 << 20  # where the data partition begins
BOOT = "@@1M"  # where the boot partition begins, for mtools


class Card(Device):
    """A board that is known by what the cloud has of it."""

    def __init__(self, world, folder):
        self.world, self.name, self.folder = world, "pylon-7", folder
        self.image = os.path.join(folder, "card")
        self.process = None
        subprocess.run(["cp", "--sparse=always", IMAGE, self.image], check=True)

    def write(self, name, text):
        subprocess.run(["mcopy", "-o", "-i", self.image + BOOT, "-", f"::{name}"], input=text, text=True,
                       check=True)

    def read(self, name):
        """None: it is not there."""
        done = subprocess.run(["mtype", "-i", self.image + BOOT, f"::{name}"], capture_output=True, text=True)
        return None if done.returncode else done.stdout

    def enrol(self):
        self.write("skerryd.conf", f"device = {self.name}\nbroker = mqtt://{HOST}:{self.world.port}\n"
                                   "telemetry_flush = 1s\n")

    def power_on(self, network=True):
        argv = [*facts_of("qemu-arm64")["emulator"], "-m", "128", "-nographic", "-nodefaults", "-no-reboot",
                "-bios", U_BOOT, "-serial", f"file:{self.folder}/console",
                "-drive", f"if=none,id=card,file={self.image},format=raw", "-device", "virtio-blk-pci,drive=card",
                "-device", "virtio-rng-pci"]
        if network:
            argv += ["-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0,romfile="]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        return self

    def console(self):
        try:
            with open(f"{self.folder}/console", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def wait_console(self, text, seconds=60):
        wait_until(f"the console says {text}", seconds * PATIENCE, lambda: text in self.console())

    def cut_power(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def status(self):
        return self.world.state(self) or {}

    def clean(self):
        self.cut_power()


class Image(unittest.TestCase):
    def setUp(self):
        self.assertTrue(os.path.exists(IMAGE), "boards/image qemu-arm64 makes it")
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker().start_hub()
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.card = Card(self.world, folder)
        self.addCleanup(self.card.cut_power)

    def test_size(self):
        with open(IMAGE + ".size") as f:
            size = int(f.read())
        print(f"{size} bytes of {SIZE_MAX}", end=" ... ", flush=True)
        self.assertLessEqual(size, SIZE_MAX)

    def deploy(self, *pods):
        folder = os.path.join(ROOT, "build/static-arm64/tests/actor-image")
        image = "actor@" + self.world.cli("push", folder, check=0).stdout.strip()
        self.world.send_desired(self.card, 1, [actor_pod(*p, image=image) for p in pods])
        wait_until("it is Available", 60 * PATIENCE, lambda: self.card.status().get("phase") == "Available")

    def test_from_the_card_to_the_main_job(self):
        self.card.enrol()
        started = time.monotonic()
        self.card.power_on()
        wait_until("the board is online", 60 * PATIENCE, lambda: self.card.status().get("phase") == "Unmanaged")
        print(f"online {time.monotonic() - started:.1f} s after power on", end=" ... ", flush=True)
        self.deploy(("sampler", "sample", 20, 200))
        wait_until("all samples are there", 60 * PATIENCE, lambda: self.world.rows("made") == 200)

        self.card.cut_power()
        self.assertIsNone(self.card.read("skerryd.conf"))  # no password stays readable
        started = time.monotonic()
        self.card.power_on()
        wait_until("the workload runs again by itself", 60 * PATIENCE, lambda: self.world.rows("made") == 400)
        print(f"a workload's samples {time.monotonic() - started:.1f} s after power on", end=" ... ", flush=True)

    def test_a_card_that_nobody_enrolled_says_so(self):
        self.card.power_on().wait_console("not enrolled: put a skerryd.conf on the boot partition")

    def test_a_wrong_file_is_refused_with_the_reason(self):
        self.card.write("skerryd.conf", "device = Pylon 7\n")
        self.card.power_on().wait_console("not enrolled")
        self.card.cut_power()
        self.assertIn("skerryd.conf:1: device:", self.card.read("refused.txt"))
        self.assertIn("Pylon 7", self.card.read("skerryd.conf"))

        self.card.enrol()
        self.card.power_on()
        wait_until("the board is online", 60 * PATIENCE, lambda: self.card.status().get("phase") == "Unmanaged")
        self.card.cut_power()
        self.assertIsNone(self.card.read("refused.txt"))

    def test_a_card_without_its_data_partition_stays_enrollable(self):
        self.card.enrol()
        with open(self.card.image, "r+b") as f:
            f.seek(DATA)
            f.write(bytes(65536))
        self.card.power_on().wait_console("the data partition cannot be mounted")
        wait_until("the board is online", 60 * PATIENCE, lambda: self.card.status().get("phase") == "Unmanaged")
        self.card.cut_power()
        self.assertIn("device = pylon-7", self.card.read("skerryd.conf"))


if __name__ == "__main__":
    main()
