"""An agent and a keeper of different age: the board is upgraded, or set back, under running workloads."""
import os
import subprocess
import unittest

from board import ROOT
from board_test import BoardTest, actor_pod, main, wait_until

OLD = subprocess.run([os.path.join(ROOT, "tests/board/old"), "arm64"], stdout=subprocess.PIPE, text=True)


@unittest.skipIf(OLD.returncode == 77, "the earlier commit is not in this clone")
class Upgrade(BoardTest):
    old = OLD.stdout.strip()
    runs, then = "/skerry/old", "/skerry/bin"

    def test_workloads_go_on_and_their_end_is_told(self):
        self.assertEqual(OLD.returncode, 0)
        self.device.wait_up()
        image = self.push_actor()
        self.deploy(actor_pod("calm", "wait", image=image), actor_pod("sampler", "sample", 20, 100, image=image))
        pid = self.device.pid("calm/main")
        self.assertEqual(self.board.check("readlink /proc/$(pidof skerry-keeper | cut -d' ' -f1)/exe"),
                         f"{self.runs}/skerry-keeper")

        self.device.kill()
        self.device.programs = self.then
        self.device.start().wait_ready()
        self.assertEqual(self.board.check("readlink /proc/$(cat /run/skerryd.pid)/exe"), f"{self.then}/skerryd")
        self.assertEqual(self.device.pid("calm/main"), pid)
        self.device.wait_up()
        wait_until("all samples are there", 60, lambda: self.world.rows("made") >= 100)

        self.board.check(f"kill -9 {pid}")
        wait_until("it has been started again", 30, lambda: self.device.pid("calm/main") not in (None, pid))
        self.assertEqual(self.device.workload("calm/main")["lastExit"]["signal"], 9)
        wait_until("the cloud knows", 30, lambda: self.world.db(
            "SELECT 1 FROM event WHERE object = 'calm/main' AND message LIKE '%signal 9%'"))

        # A new state: what ran before ends by an old keeper's hand, too.
        self.deploy(actor_pod("other", "wait", image=image), seconds=60)
        wait_until("only the other one runs", 30,
                   lambda: list(self.device.status()["workloads"]) == ["other/main"])


class SetBack(Upgrade):
    runs, then = "/skerry/bin", "/skerry/old"


if __name__ == "__main__":
    main()
