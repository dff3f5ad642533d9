"""The Debian package on a board with Debian's systemd: installed, configured, restarted, hung,
upgraded and purged, with a workload running all the while."""
import glob
import os
import shutil
import tempfile

from board import ROOT, Board, make_disk, output_of
from board_test import HOST, BoardDevice, BoardTest, actor_pod, main, wait_until

PACKAGES = os.path.join(ROOT, "build/packages")
WATCHDOG_S = 30  # WatchdogSec= of the unit
FILES = ("find / -xdev -path /proc -prune -o -path /sys -prune -o -path /run -prune -o -path /tmp -prune -o "
         "-path /var/lib/dpkg -prune -o -path /var/lib/systemd -prune -o -path /var/log -prune -o -print | sort")


class PackagedDevice(BoardDevice):
    """Under systemd, with a configuration of the two lines that are needed."""

    def start(self):
        self.board.check("printf 'device = %s\\nbroker = mqtt://%s:%s\\n' "
                         f"{self.name} {HOST} {self.world.port} >>/etc/skerry/skerryd.conf\n"
                         "systemctl restart skerryd", 60)
        return self


class Package(BoardTest):
    def setUp(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.assertTrue(glob.glob(f"{PACKAGES}/*_arm64.deb"), "boards/package makes it")
        self.packages = make_disk(folder + ".disk", 16, PACKAGES)
        self.addCleanup(os.unlink, self.packages)
        super().setUp()

    def power_on(self):
        self.board = Board(self.board_name, self.world.folder, programs=self.packages, memory=256,
                           flash=self.flash, root=output_of(os.path.join(ROOT, "tests/board/debian"), "arm64"))
        self.addCleanup(self.board.close)
        self.board.power_on()
        self.board.check("mount -o ro /dev/vda /skerry")
        self.device = PackagedDevice(self.world, self.board, self.settings)
        self.world.devices = [self.device]

    def install(self):
        return self.board.check("dpkg -i /skerry/skerry_*_arm64.deb 2>&1", 120)

    def running(self):
        """The main process of the unit."""
        return self.board.check("systemctl show --value -p MainPID skerryd")

    def same_workload_under_another_agent(self, before, pid):
        wait_until("another agent runs", 60, lambda: self.running() not in ("0", before))
        self.device.wait_ready()
        self.assertEqual(self.device.pid("calm/main"), pid)

    def test_its_life(self):
        before = self.board.check(FILES)

        said = self.install()
        self.assertIn("device is not set", said)
        self.assertIn("edit /etc/skerry/skerryd.conf", said)
        self.assertEqual(self.board.run("systemctl is-enabled skerryd; systemctl is-active skerryd"),
                         (3, "enabled\ninactive"))

        self.device.start().wait_ready()
        self.device.wait_up()
        self.deploy(actor_pod("calm", "wait", image=self.push_actor()))
        pid = self.device.pid("calm/main")
        self.assertEqual(self.device.status()["features"]["cgroup"], "v2: memory cpu pids cpuset io devices kill")

        agent = self.running()
        self.board.check("systemctl restart skerryd", 60)
        self.same_workload_under_another_agent(agent, pid)

        agent = self.running()
        self.board.check(f"kill -9 {agent}")
        self.same_workload_under_another_agent(agent, pid)

        agent = self.running()
        self.board.check(f"kill -STOP {agent}")
        wait_until("systemd has given it up", 2 * WATCHDOG_S + 30, lambda: self.running() != agent)
        self.same_workload_under_another_agent(agent, pid)

        agent = self.running()
        self.install()
        self.same_workload_under_another_agent(agent, pid)

        self.board.check("useradd -U -G skerry technician && useradd -U stranger")
        ask = "setpriv --reuid {0} --regid {0} --init-groups skerry status"
        self.assertIn("calm/main", self.board.check(ask.format("technician")))
        self.assertEqual(self.board.run(ask.format("stranger"))[0], 5)

        self.board.check("userdel technician; userdel stranger; dpkg --purge skerry 2>&1", 120)
        self.assertEqual(self.board.run(f"ls -d /proc/{pid} 2>/dev/null; pgrep -l skerry; getent group skerry")[1], "")
        self.assertEqual(self.board.check("find /sys/fs/cgroup -name '*skerry*'"), "")
        self.assertEqual(self.board.check(FILES).splitlines(), before.splitlines())


if __name__ == "__main__":
    main()
