"""Another agent comes to a board whose card loses what was not flushed, and the power is cut."""
import os
import random
import shutil
import subprocess
import time

from board import ROOT
from board_test import BoardDevice, BoardTest, actor_pod, main, wait_until

TRIAL_S = 240  # an emulated processor on a busy machine


class LaunchedDevice(BoardDevice):
    """Under an init that starts the launcher again, whatever became of the agent before."""

    def start(self):
        config = "".join(f"{k} = {v}\n" for k, v in self.settings.items())
        self.board.check(f"cat >/run/skerryd.conf <<'X'\n{config}X\n"
                         f"(while :; do {self.programs}/skerry-launcher --trial {TRIAL_S} --config "
                         "/run/skerryd.conf; sleep 1; done) >>/run/skerryd.log 2>&1 &")
        return self

    def update(self):
        return (self.status() or {}).get("update", {})


class AgentUpdate(BoardTest):
    card = "drop"
    device_class = LaunchedDevice

    def setUp(self):
        super().setUp()
        self.device.wait_up()
        self.deploy(actor_pod("calm", "wait", image=self.push_actor()))

    def programs_of(self, script=None):
        """The programs of the board once more: as an image, they are another slot."""
        folder = os.path.join(self.world.folder, "agent")
        os.makedirs(folder)
        for program in ("skerryd", "skerry-keeper", "skerry-unpack"):
            subprocess.run(["aarch64-linux-gnu-strip", "-o", os.path.join(folder, program),
                            os.path.join(ROOT, "build/static-arm64/bin", program)], check=True)
        if script:
            shutil.move(os.path.join(folder, "skerryd"), os.path.join(folder, "skerryd.real"))
            path = os.path.join(folder, "skerryd")
            with open(path, "w") as f:
                f.write('#!/bin/sh\nfor last; do :; done\n[ "$last" = --check ] && exit 0\n' + script)
            os.chmod(path, 0o755)
        return folder

    def wish(self, folder):
        self.world.cli("apply", "-d", self.device.name, "--agent", folder, "--no-wait", check=0)

    def again(self):
        self.board.cut_power()
        self.power_on()
        self.device.wait_state("calm/main", "running", 60)

    def test_power_cuts_on_the_way_leave_one_that_runs_and_in_the_end_the_new_one(self):
        seed = random.randrange(1 << 30)
        print(f"seed {seed}", flush=True)
        dice = random.Random(seed)
        folder = self.programs_of()
        self.wish(folder)
        for _ in range(2):
            time.sleep(dice.uniform(0, 12))
            self.again()
        wait_until("it is on trial, or has proved itself", 120, lambda: (
            self.device.update().get("slot") == self.device.update().get("wanted", "none")))
        self.again()
        wait_until("it has proved itself", 120, lambda: self.device.update().get("phase") in ("Running", "Failed")
                   and self.device.update().get("wanted"))
        u = self.device.update()
        if u["phase"] == "Failed":  # the cuts have used up its starts: the old one runs
            self.assertEqual(u["slot"], "package")
            self.world.cli("apply", "-d", self.device.name, "--agent", folder, "--retry", "--no-wait",
                           check=0)
            wait_until("it has proved itself, asked again", 120, lambda: (
                self.device.update().get("phase") == "Running" and
                self.device.update()["slot"] == self.device.update()["wanted"]))
            u = self.device.update()
        self.assertEqual((u["phase"], u["slot"]), ("Running", u["wanted"]))
        self.again()
        self.assertEqual(self.device.update()["slot"], u["wanted"])

    def test_a_bad_one_is_given_up_also_when_the_power_is_cut(self):
        self.wish(self.programs_of("echo hanging; exec sleep 100000\n"))
        wait_until("it hangs", 120, lambda: "hanging" in self.board.check("cat /run/skerryd.log"))
        for _ in range(2):
            self.board.cut_power()
            self.boot()
            wait_until("it hangs again", 60, lambda: "hanging" in self.board.check("cat /run/skerryd.log"))
        self.again()
        self.assertEqual(self.device.update()["slot"], "package")
        self.assertIn("ended 3 times", self.device.condition("AgentUpdateFailed")["message"])


if __name__ == "__main__":
    main()
