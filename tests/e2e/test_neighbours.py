"""A bad neighbour: the others go on, its limits hold, the agent answers, and it can be taken away.

How late the good one's samples were, with and without it, is told and not judged: the
machine may be busy by itself.
"""
import contextlib
import glob
import os
import re
import time

from skerry_test import SLOW, World, WorldTest, actor_pod, main, wait_until

BEAT_MS = 20
WATCH_S = 2
PIDS_MAX = 128  # PIDS_PER_WORKLOAD
TMP_BYTES = 16 << 20  # TMP_DEFAULT
FILES_MAX = 1024
LOG_BYTES = 256 << 10


class Neighbours(WorldTest):
    """The good one is the same process from the first test to the last."""

    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.close)
        cls.world.start_broker().start_hub()
        cls.device = cls.world.device().start().wait_up()
        first = cls()
        first.setUp()
        cls.image = first.push_actor()
        cls.good = actor_pod("good", "beat", BEAT_MS, image=cls.image)
        first.deploy(cls.good)
        cls.pid = first.device.pid("good/main")
        cls.alone = first.watch()

    def setUp(self):
        self.generation = self.device.status().get("observed", 0)

    def watch(self):
        """Look on for a while: the worst p99 of the good one. The agent must answer meanwhile."""
        before = len(self.beats())
        end = time.monotonic() + WATCH_S
        while time.monotonic() < end or len(self.beats()) <= before:
            self.assertLess(time.monotonic(), end + 20 * SLOW, "the good one has no more beats")
            self.world.cli("--run-dir", self.device.run_dir, "status", broker=False, check=0)
            time.sleep(0.1)
        return max(self.beats()[before:])

    def beats(self):
        return [int(m[1]) for m in (re.match(r"beat \d+ p99_us (\d+)", line)
                                    for line in self.device.lines("good")) if m]

    def beside(self, *args, memory="16Mi", **more):
        self.deploy(self.good, actor_pod("bad", *args, image=self.image, container_extra={
            "resources": {"limits": {"memory": memory, "cpu": "500m"}}}, **more), phase=None)

    def check_the_good_one(self):
        beside = self.watch()
        print(f"\n  the good one's p99: {self.alone} us alone, {beside} us beside it", flush=True)
        w = self.device.workload("good/main")
        self.assertEqual((w["state"], w["restarts"], w["pid"]), ("running", 0, self.pid))

    def take_it_away(self):
        """Nothing of it is left, and of the good one's samples none is missing."""
        self.deploy(self.good, seconds=40)
        wait_until("nothing of it is left", 20, lambda: not self.groups())
        self.assertEqual(self.device.pid("good/main"), self.pid)
        sent = self.last_beat()
        wait_until("its samples are in the hub", 30, lambda: self.samples()[1] >= sent)
        count, most = self.samples()
        self.assertEqual(count, most)

    def last_beat(self):
        return max(int(line.split()[1]) for line in self.device.lines("good") if line.startswith("beat"))

    def samples(self):
        """How many are in the hub, and the number of the last."""
        found = self.world.db("SELECT count(*), max(json_extract(fields, '$.n')) FROM point"
                              " WHERE measurement = 'beat'")
        return found[0] if found else (0, 0)

    def groups(self):
        return glob.glob(f"/sys/fs/cgroup/**/skerry-{self.device.name}/bad.main", recursive=True)

    def test_it_ignores_sigterm(self):
        self.beside("stubborn")
        self.device.wait_line("bad", "waiting")
        self.check_the_good_one()
        self.take_it_away()

    def test_it_forks_for_ever(self):
        self.beside("bomb")
        self.device.wait_line("bad", "no more after")
        with open(os.path.join(self.groups()[0], "cgroup.procs")) as f:
            processes = len(f.readlines())
        self.assertGreater(processes, PIDS_MAX // 2)
        self.assertLessEqual(processes, PIDS_MAX)
        self.check_the_good_one()
        self.take_it_away()

    def test_it_fills_its_private_folders(self):
        self.beside("fill", "/tmp", "/dev/shm", "/run", memory="64Mi")
        for folder in ("/tmp", "/dev/shm"):
            took = self.device.wait_line("bad", rf"^{folder} took (\d+), then: No space")
            self.assertLessEqual(int(took[1]), TMP_BYTES)
        self.device.wait_line("bad", "^/run took 0, then: Permission denied")
        self.check_the_good_one()
        self.take_it_away()

    def test_it_fills_more_than_its_memory(self):
        self.beside("fill", "/tmp", memory="8Mi")
        wait_until("the kernel ended it", 20, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'OOMKilled' AND object LIKE '%bad%'"))
        self.check_the_good_one()
        self.take_it_away()

    def test_it_floods_its_log(self):
        self.beside("shout")
        self.device.wait_line("bad", "^aaaa")
        self.check_the_good_one()
        for _ in range(20):
            self.assertLessEqual(sum(self.log_sizes()), 3 * LOG_BYTES)
        wait_until("two files are kept", 5, lambda: len(self.log_sizes()) <= 2)
        self.take_it_away()

    def log_sizes(self):
        """One that rotates away meanwhile counts nothing."""
        sizes = []
        for path in glob.glob(os.path.join(self.device.run_dir, "w/bad.main/log.*")):
            with contextlib.suppress(FileNotFoundError):
                sizes.append(os.path.getsize(path))
        return sizes

    def test_it_opens_10000_sockets(self):
        self.beside("sockets", 10000)
        opened = self.device.wait_line("bad", r"^opened (\d+), then: (No file descriptors|Too many open files)")
        self.assertLess(int(opened[1]), FILES_MAX)
        self.check_the_good_one()
        self.take_it_away()

    def test_it_ends_again_and_again(self):
        self.beside("exit", 1, 0)
        wait_until("it was started again", 20,
                   lambda: self.device.workload("bad/main").get("restarts", 0) >= 1)
        self.check_the_good_one()
        self.take_it_away()

    def test_it_stops_itself(self):
        self.beside("halt")
        self.device.wait_line("bad", "halting")
        self.check_the_good_one()
        self.take_it_away()


if __name__ == "__main__":
    main()
