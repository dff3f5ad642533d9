"""`skerry doctor` and the agent's own words, on a board that has something wrong with it."""
import json
import os

import jsonschema

from board_test import ROOT, BoardTest, main


class Doctor(BoardTest):
    def expect(self, check, result, remedy, facts=None):
        code, found = self.doctor(facts)
        self.assertEqual(found[check]["result"], result, found[check])
        self.assertIn(remedy, found[check]["remedy"])
        self.assertEqual(code, 1 if result == "fail" else 0)

    def refuses_to_start(self, reason):
        code, output = self.board.run("skerryd --config /run/skerryd.conf 2>&1")
        self.assertEqual(code, 1)
        self.assertIn(reason, output.splitlines()[-1])
        self.assertIn("skerry doctor", output.splitlines()[-1])

    def test_a_healthy_board(self):
        code, found = self.doctor()
        self.assertEqual(code, 0, found)
        # Nobody has configured the watchdog, and 64 MiB of flash are less than the quota.
        self.assertEqual({c for c in found if found[c]["result"] != "ok"},
                         {"watchdog", "state_dir"}, found)
        answer = json.loads(self.board.check(
            "skerry doctor -o json /run/board.json --config /run/skerryd.conf"))
        with open(os.path.join(ROOT, "docs/schema/doctor.json")) as f:
            jsonschema.validate(answer, json.load(f))
        table = self.board.check("skerry doctor --config /run/skerryd.conf")
        self.assertRegex(table, r"(?m)^cgroup +ok +v2: memory cpu pids( \w+)* kill$")

    def test_wrong_facts(self):
        self.expect("architecture", "fail", "qemu-arm64 says amd64", {"architecture": "amd64"})
        self.expect("memory", "fail", "qemu-arm64 says 512MiB", {"memoryMiB": 512})
        self.expect("command-line", "fail", "add cgroup_enable=memory to /boot/cmdline.txt",
                    {"commandLine": "cgroup_enable=memory", "commandLineFile": "/boot/cmdline.txt"})
        self.expect("devices", "fail", "driver", {"devices": {"sensors": ["/sys/no-such-sensor"]}})

    def test_a_full_disk(self):
        self.board.run("dd if=/dev/zero of=/data/fill bs=64k 2>/dev/null; sync")
        self.expect("state_dir", "fail", "delete something there")
        self.device.wait_up()  # and it goes on
        self.device.stop()
        self.device.start().wait_ready()  # even from the beginning

    def test_a_full_disk_before_the_first_start(self):
        self.device.stop()
        self.board.run("rm -rf /data/skerry; dd if=/dev/zero of=/data/fill bs=64k 2>/dev/null; "
                       "dd if=/dev/zero of=/data/rest bs=512 2>/dev/null; sync")
        self.refuses_to_start("No space left on device")

    def test_a_read_only_state_folder(self):
        self.device.stop()
        self.board.check("mount -o remount,ro /data")
        self.expect("state_dir", "fail", "mount -o remount,rw")
        self.refuses_to_start("Read-only file system")

    def test_no_cgroup_file_system(self):
        self.device.stop()
        self.board.check("sleep 0.5; umount -l /sys/fs/cgroup")
        self.expect("cgroup", "fail", "mount a cgroup file system")
        self.refuses_to_start("mount -t cgroup2 none /sys/fs/cgroup")


class WithoutEntropy(BoardTest):
    """A kernel that trusts neither its boot loader nor its processor."""

    options = {"append": "random.trust_bootloader=off random.trust_cpu=off"}

    def test_the_agent_waits_a_moment_and_runs(self):
        self.device.wait_up()
        self.assertIn("crng init done", self.board.check("dmesg"))
        self.assertEqual(self.doctor()[1]["entropy"]["result"], "ok")


if __name__ == "__main__":
    main()
