"""Workloads outlive the agent, and the agent hears of everything that happened."""
import os
import signal
import unittest

from skerry_test import SANITIZED, WorldTest, actor_pod, is_running, keepers_of, main, pod, wait_until

CRASHES_MAX = 5  # of agent/crashes.h


class Survival(WorldTest):
    def setUp(self):
        super().setUp()
        self.image = self.push_actor()

    def test_kill_9_of_the_agent_leaves_every_pid_as_it_was(self):
        self.deploy(*[actor_pod(f"w{i}", "wait", image=self.image) for i in range(4)])
        before = {n: w["pid"] for n, w in self.device.status()["workloads"].items()}
        for _ in range(3):
            self.device.kill()
            self.device.start().wait_ready()
        after = {n: w["pid"] for n, w in self.device.status()["workloads"].items()}
        self.assertEqual(before, after)
        self.assertEqual(len(after), 4)

    def test_stopping_the_agent_leaves_them_too_and_says_goodbye(self):
        self.deploy(actor_pod("app", "wait", image=self.image))
        pid = self.device.pid("app/main")
        self.assertEqual(self.device.stop(), 0)
        self.assertTrue(is_running(pid))
        presence = self.world.subscribe(f"{self.device.name}/up/online", raw=True)
        self.assertIn(b'"online":false', presence)
        self.assertIn(b'"why":"stop"', presence)
        self.device.start().wait_up()
        self.assertEqual(self.device.pid("app/main"), pid)

    def test_history_goes_along(self):
        self.deploy(actor_pod("app", "wait", image=self.image))
        os.kill(self.device.pid("app/main"), signal.SIGKILL)
        wait_until("it was restarted", 10, lambda: self.device.workload("app/main").get(
            "restarts") == 1)
        self.device.wait_state("app/main", "running")
        self.device.kill()
        self.device.start().wait_ready()
        w = self.device.workload("app/main")
        self.assertEqual((w["state"], w["restarts"], w["lastExit"]["signal"]), ("running", 1, 9))

    def test_an_end_while_no_agent_lives_is_told_by_the_next_one(self):
        once = pod("once", "/bin/sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.1; done",
                   restartPolicy="Never")
        self.deploy(once)
        self.device.wait_line("once", "up")
        pid = self.device.pid("once/main")
        self.device.kill()
        os.kill(pid, signal.SIGTERM)
        wait_until("it has ended", 10, lambda: not is_running(pid))
        self.device.start().wait_ready()
        self.device.wait_state("once/main", "failed")
        self.assertEqual(self.device.workload("once/main")["lastExit"]["code"], 3)
        self.device.wait_up()
        wait_until("the hub hears of it", 20, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'Exited' AND message LIKE '%exit code 3%'"))
        # Told once: a further agent does not tell it again.
        self.device.kill()
        self.device.start().wait_up()
        self.world.wait_drained(self.device)
        self.assertEqual(len(self.world.db("SELECT 1 FROM event WHERE reason = 'Exited'")), 1)

    def test_out_of_memory_is_told_from_a_kill(self):
        hungry = actor_pod("hungry", "eat", 20, image=self.image, restartPolicy="Never")
        self.deploy(hungry, actor_pod("app", "wait", image=self.image, restartPolicy="Never"),
                    phase=None)
        self.device.wait_state("app/main", "running")
        self.device.wait_state("hungry/main", "failed", 30)
        self.assertEqual(self.device.workload("hungry/main")["lastExit"]["reason"], "OOMKilled")
        os.kill(self.device.pid("app/main"), signal.SIGKILL)
        self.device.wait_state("app/main", "failed")
        self.assertEqual(self.device.workload("app/main")["lastExit"]["reason"], "Exited")

    def test_out_of_memory_while_no_agent_lives_is_known(self):
        hungry = pod("hungry", "/bin/sh", "-c", "trap 'x=x; while :; do x=$x$x; done' TERM; echo up;"
                     " while :; do sleep 0.1; done", restartPolicy="Never")
        self.deploy(hungry)
        self.device.wait_line("hungry", "up")
        pid = self.device.pid("hungry/main")
        self.device.kill()
        os.kill(pid, signal.SIGTERM)
        wait_until("it was killed", 30, lambda: not is_running(pid))
        self.device.start().wait_ready()
        self.device.wait_state("hungry/main", "failed")
        self.assertEqual(self.device.workload("hungry/main")["lastExit"]["reason"], "OOMKilled")

    def test_a_keeper_that_is_killed_takes_its_workload_along_and_it_starts_again(self):
        self.deploy(actor_pod("app", "wait", image=self.image))
        pid = self.device.pid("app/main")
        (keeper,) = keepers_of(os.path.join(self.device.run_dir, "w/app.main"))[:1]
        os.kill(keeper, signal.SIGKILL)
        wait_until("a new process runs", 15, lambda: self.device.pid("app/main") not in (None, pid))
        self.assertFalse(is_running(pid))

    def test_back_off_is_0_then_10_seconds(self):
        self.deploy(actor_pod("crash", "exit", 1, 0, image=self.image), phase=None)
        w = wait_until("it waits", 15, lambda: (
            lambda w: w if w.get("state") == "waiting" else None)(self.device.workload("crash/main")))
        self.assertEqual(w["restarts"], 1)
        wait_until("the wait is told", 10, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'BackOff' AND message LIKE '%10s%'"))

    def test_a_stubborn_workload_is_killed_after_its_grace(self):
        self.deploy(actor_pod("stubborn", "stubborn", image=self.image))
        pid = self.device.pid("stubborn/main")
        self.deploy()
        wait_until("it is gone", 10, lambda: not is_running(pid))

    def test_on_failure_and_never_leave_a_good_end_alone(self):
        self.deploy(actor_pod("job", "exit", 0, 0, image=self.image, restartPolicy="OnFailure"))
        self.device.wait_state("job/main", "completed")
        self.device.kill()
        self.device.start().wait_ready()
        self.assertEqual(self.device.workload("job/main")["state"], "completed")
        self.assertEqual(self.device.workload("job/main")["restarts"], 0)

    def test_restarting_at_any_moment_ends_with_everything_running(self):
        import random
        import time
        rng = random.Random(7)
        pods = [actor_pod(f"w{i}", "wait", image=self.image) for i in range(3)]
        self.generation = 1
        for round_ in range(8):
            self.generation += 1
            pods[round_ % 3]["spec"]["containers"][0]["env"] = [
                {"name": "ROUND", "value": str(round_)}]
            self.world.send_desired(self.device, self.generation, pods)
            time.sleep(rng.random() * 0.3)
            self.device.kill()
            self.device.start().wait_up()
        self.device.wait_phase("Available", self.generation, 40)
        for i in range(3):
            self.device.wait_state(f"w{i}/main", "running")
        wait_until("three keepers are left", 20, lambda: len(
            [p for leaf in os.listdir(os.path.join(self.device.run_dir, "w"))
             for p in keepers_of(os.path.join(self.device.run_dir, "w", leaf))]) == 3)


@unittest.skipIf(SANITIZED, "AddressSanitizer has the fatal signals")
class SafeMode(WorldTest):
    def setUp(self):
        super().setUp()
        self.image = self.push_actor()
        self.deploy(actor_pod("calm", "wait", image=self.image))
        self.calm = self.device.pid("calm/main")

    def crash(self, times):
        for _ in range(times):
            self.device.part.process.send_signal(signal.SIGABRT)
            self.device.part.process.wait(60)
            self.device.start().wait_ready()

    def send(self, generation, *pods):
        self.world.send_desired(self.device, generation, list(pods))

    def test_an_agent_that_keeps_crashing_leaves_workloads_alone_until_a_new_state_comes(self):
        self.send(2, actor_pod("calm", "wait", image=self.image), actor_pod("new", "wait", image=self.image))
        self.device.wait_state("new/main", "running")
        self.crash(CRASHES_MAX - 1)
        self.assertIsNone(self.device.condition("SafeMode"))
        self.crash(1)
        self.assertTrue(self.device.condition("SafeMode")["status"])
        self.assertTrue(is_running(self.calm))
        self.device.wait_up()
        wait_until("the cloud knows", 10, lambda: "SafeMode" in [
            c["type"] for c in (self.world.state(self.device) or {}).get("conditions", [])])

        # Goodbye and start again: with the new state, as on any other day.
        self.send(3, actor_pod("calm", "wait", image=self.image), actor_pod("third", "wait", image=self.image))
        self.assertEqual(self.device.part.process.wait(60), 1)
        self.device.start().wait_phase("Available", 3)
        self.assertIsNone(self.device.condition("SafeMode"))
        self.assertEqual(self.device.pid("calm/main"), self.calm)
        self.device.wait_state("third/main", "running")

    def test_what_was_on_its_way_is_given_up(self):
        pods = [actor_pod("calm", "wait", image=self.image), actor_pod("bad", "wait", image=self.image)]
        self.world.send_desired(self.device, 2, pods, healthyFor="1h")
        self.device.wait_state("bad/main", "running")
        self.crash(CRASHES_MAX)
        status = self.device.status()
        self.assertEqual((status["phase"], status["observed"]), ("RolledBack", 2))
        self.assertIn("kept crashing", self.device.condition("Available")["message"])

        # Whoever clears the count gets a normal start: with the state before.
        for name in os.listdir(self.device.state_dir):
            if name.startswith("crashes-"):
                os.unlink(os.path.join(self.device.state_dir, name))
        self.device.stop()
        self.device.start().wait_phase("RolledBack", 2)
        self.device.wait_state("calm/main", "running")
        wait_until("the bad one is gone", 20, lambda: not self.device.workload("bad/main"))
        self.assertEqual(self.device.pid("calm/main"), self.calm)

    def test_kills_from_outside_are_no_fault(self):
        for _ in range(CRASHES_MAX + 1):
            self.device.kill()
            self.device.start().wait_ready()
        self.assertIsNone(self.device.condition("SafeMode"))


if __name__ == "__main__":
    main()
