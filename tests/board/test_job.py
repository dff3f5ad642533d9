"""The main job on an emulated board: deploy, sample, lose the network and the agent, lose nothing."""
from board_test import BoardTest, actor_pod, main, pod, wait_until


class Job(BoardTest):
    """cgroup v2 on arm64; the others below differ in one thing each."""

    cgroup = "v2: memory cpu pids kill"

    def test_the_main_job(self):
        self.device.wait_up()
        self.assertEqual(self.device.status()["features"]["cgroup"], self.cgroup)
        image = self.push_actor()
        self.deploy(actor_pod("sampler", "sample", 20, 200, image=image),
                    actor_pod("hungry", "wait", image=image))
        pid = self.device.pid("sampler/main")

        self.board.pull_cable()
        self.board.check("kill -9 $(cat /run/skerryd.pid)")
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
    cgroup = "v1: memory cpu pids"


class JobWithBoth(Job):
    options = {"cgroup": "hybrid"}
    cgroup = "v1: memory cpu pids, v2: kill"


class JobOnAnOldKernel(Job):
    options = {"kernel": "5.10"}
    cgroup = "v2: memory cpu pids kill"


class JobOnANewKernel(Job):
    options = {"kernel": "6.12"}


class JobOnArmv7(Job):
    board_name = "qemu-armv7"
    options = {"memory": 64}


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
