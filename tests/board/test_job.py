"""The main job on an emulated board: deploy, sample, lose the network and the agent, lose nothing."""
import time

from board_test import BoardTest, actor_pod, main, pod, wait_until

WATCHDOG_S = 30  # WATCHDOG_TIMEOUT_S of ports/watchdog.h


class Job(BoardTest):
    """cgroup v2 on arm64; the others below differ in one thing each."""

    cgroup = "v2: memory cpu pids cpuset io devices kill"

    def test_the_main_job(self):
        self.device.wait_up()
        self.assertEqual(self.device.status()["features"]["cgroup"], self.cgroup)
        image = self.push_actor()
        self.deploy(actor_pod("sampler", "sample", 20, 200, image=image),
                    actor_pod("hungry", "wait", image=image))
        pid = self.device.pid("sampler/main")

        self.board.pull_cable()
        self.device.kill()
        self.device.start().wait_ready()
        self.assertEqual(self.device.pid("sampler/main"), pid)
        self.device.wait_line("sampler", "made")

        self.board.plug_cable()
        self.device.wait_up()
        wait_until("all samples are there", 30, lambda: self.world.rows("made") == 200)
        self.world.wait_drained(self.device)
        doubled = self.world.db("SELECT count(*) - count(DISTINCT fields) FROM point")[0][0]
        self.assertEqual((self.world.rows("made"), doubled), (200, 0))


class JobWithCgroupV1(Job):
    options = {"cgroup": "v1"}
    cgroup = "v1: memory cpu pids freezer"


class JobWithBoth(Job):
    options = {"cgroup": "hybrid"}
    cgroup = "v1: memory cpu pids, v2: cpuset io devices kill"


class JobOnAnOldKernel(Job):
    options = {"kernel": "5.10"}
    cgroup = "v2: memory cpu pids cpuset io devices kill"


class JobOnANewKernel(Job):
    options = {"kernel": "6.12"}


class JobOnArmv7(Job):
    board_name = "qemu-armv7"
    options = {"memory": 64}


class PowerCut(BoardTest):
    card = "drop"

    def test_the_last_good_state_runs_again_without_network_and_nothing_flushed_is_lost(self):
        self.device.wait_up()
        self.deploy(actor_pod("sampler", "sample", 20, 0, image=self.push_actor()))
        self.board.pull_cable()
        wait_until("samples wait on the flash", 30,
                   lambda: self.device.status()["buffer"]["batches"] >= 4)
        waiting = self.device.status()["buffer"]["batches"]
        self.board.cut_power()

        self.power_on(network=False)
        self.device.wait_state("sampler/main", "running")
        s = self.device.status()
        self.assertEqual((s["phase"], s["applied"]), ("Available", 1))
        self.assertGreaterEqual(s["buffer"]["batches"], waiting)
        wait_until("new samples are on the flash too", 30, lambda:
                   self.device.status()["buffer"]["batches"] >= s["buffer"]["batches"] + 3)
        self.board.cut_power()

        self.power_on()
        self.device.wait_up()
        runs = wait_until("all three runs are there", 60, lambda: (
            lambda found: found if len(found) == 3 else None)(self.world.db(
                "SELECT json_extract(tags, '$.run'), max(json_extract(fields, '$.n')), count(*)"
                " FROM point WHERE measurement = 'made' GROUP BY 1")))
        for _, newest, rows in runs:
            self.assertEqual(newest, rows)  # from the first to the last flushed, each once


class BareBoards(BoardTest):
    """What a kernel does not have is said, with the remedy."""

    def expect(self, state, note):
        self.device.wait_up()
        self.deploy(actor_pod("sampler", "sample", 20, 20, image=self.push_actor()), phase=None)
        self.device.wait_state("sampler/main", state)
        for said in (self.device.workload("sampler/main")["trouble"], self.device.log(),
                     self.doctor()[1]["cgroup"]["remedy"]):
            self.assertIn(note, said)


class WithoutMemoryController(BareBoards):
    options = {"append": "cgroup_disable=memory"}

    def test_a_limit_that_cannot_be_kept_is_refused(self):
        self.expect("waiting", "add cgroup_enable=memory to the kernel's command line")


class CgroupV1OnANewKernel(BareBoards):
    options = {"kernel": "6.12", "cgroup": "v1"}

    def test_a_limit_that_cannot_be_kept_is_refused(self):
        self.expect("waiting", "mount cgroup v2")


class WithoutClock(BoardTest):
    options = {"append": "initcall_blacklist=pl031_driver_init"}

    def test_the_hub_knows_when_it_was(self):
        began = time.time() * 1000
        self.assertEqual(self.board.run("ls /dev/rtc0")[0], 1)
        self.assertLess(int(self.board.check("date +%Y")), 1971)
        self.assertIn("NTP", self.doctor()[1]["clock"]["remedy"])
        self.device.wait_up()
        self.assertEqual(self.device.status()["clock"], "unset")
        self.deploy(actor_pod("sampler", "sample", 20, 20, image=self.push_actor()))
        wait_until("samples are there", 30, lambda: self.world.rows("made") == 20)
        now = time.time() * 1000
        for (t,) in self.world.db("SELECT ts_ms FROM point UNION SELECT ts_ms FROM event"):
            self.assertTrue(began - 120_000 < t < now + 120_000, (began, t, now))


class SlowCard(BoardTest):
    """50 ms for each write and flush: 5-10 commits a second, as on a card that is nearly full."""

    card = "drop"

    def test_the_main_job(self):
        self.device.wait_up()
        image = self.push_actor()
        with open(self.flash + ".slow", "w") as f:
            f.write("50")
        self.deploy(actor_pod("sampler", "sample", 50, 500, image=image), seconds=60)
        wait_until("all samples are there", 60, lambda: self.world.rows("made") == 500)
        self.assertEqual(self.device.status()["buffer"]["dropped"]["tele"], 0)


class WornCard(BoardTest):
    card = "drop"

    def test_the_agent_goes_on_and_says_so(self):
        self.device.wait_up()
        self.deploy(actor_pod("sampler", "sample", 20, 0, image=self.push_actor()))
        pid = self.device.pid("sampler/main")
        with open(self.flash + ".worn", "w"):
            pass
        wait_until("it says so", 30, lambda: self.device.status()["buffer"].get("trouble"))
        wait_until("the cloud hears of it", 30, lambda: (
            self.world.state(self.device) or {}).get("buffer", {}).get("trouble"))
        status = self.device.status()
        self.assertTrue(status["link"]["up"])
        self.assertEqual(self.device.pid("sampler/main"), pid)


class Watchdog(BoardTest):
    settings = {"watchdog": "/dev/watchdog0"}

    def test_a_board_whose_agent_hangs_is_reset(self):
        time.sleep(WATCHDOG_S + 10)
        self.board.check("true")  # fed: it lives
        self.board.check("kill -STOP $(cat /run/skerryd.pid)")
        self.board.wait_off(WATCHDOG_S + 10)

    def test_a_board_whose_agent_was_stopped_is_not(self):
        self.device.stop()
        self.assertEqual(self.board.check("cat /sys/class/watchdog/watchdog0/state"), "inactive")


class OutOfMemory(BoardTest):
    def test_a_workload_that_eats_too_much_is_killed_alone(self):
        self.device.wait_up()
        image = self.push_actor()
        self.deploy(actor_pod("eater", "eat", 64, image=image), pod("calm", "/bin/sleep", "1000"),
                    phase=None)
        self.device.wait_state("calm/main", "running")
        wait_until("the cloud knows why", 30, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'OOMKilled' AND object = 'eater/main'"))
        self.assertEqual(self.device.workload("calm/main")["restarts"], 0)


if __name__ == "__main__":
    main()
