"""What a workload cannot do, seen from inside; probes; logs and their bounds."""
import glob
import os
import re

from skerry_test import WorldTest, actor_pod, free_port, keepers_of, main, pod, wait_until


def sockets_of(pid):
    inodes = set()
    for link in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            inodes.update(re.findall(r"^socket:\[(\d+)\]", os.readlink(link)))
        except FileNotFoundError:
            pass  # closed meanwhile
    return inodes


class Sandbox(WorldTest):
    def setUp(self):
        super().setUp()
        self.image = self.push_actor()

    def findings(self, name):
        self.device.wait_line(name, "looked")
        return self.device.lines(name)

    def test_an_image_has_nothing_to_grasp(self):
        self.deploy(actor_pod("looker", "look", image=self.image, restartPolicy="Never"))
        lines = self.findings("looker")
        self.assertEqual([line for line in lines if line.startswith("BAD")], [])
        self.assertIn("good /tmp can be written", lines)
        self.assertIn("host name looker", lines)

    def test_a_program_of_the_board_sees_a_read_only_board_without_our_folders(self):
        script = ("ls -A %s %s 2>&1 | head -n 2; touch /usr/x 2>&1; id -u; "
                  "cat /proc/1/comm; echo looked; sleep 100" %
                  (self.device.state_dir, self.device.run_dir))
        self.deploy(pod("board", "/bin/sh", "-c", script))
        lines = self.findings("board")
        self.assertTrue(any("Read-only file system" in line for line in lines), lines)
        self.assertFalse(any("skerry.db" in line or "control.sock" in line for line in lines), lines)

    def test_every_container_has_a_user_of_its_own_that_stays(self):
        self.deploy(actor_pod("one", "wait", image=self.image),
                    actor_pod("two", "wait", image=self.image))
        uids = [os.stat(f"/proc/{self.device.pid(n)}").st_uid for n in ("one/main", "two/main")]
        self.assertNotEqual(*uids)
        self.deploy(actor_pod("one", "talk", 1, image=self.image),
                    actor_pod("two", "wait", image=self.image))
        self.assertEqual(os.stat(f"/proc/{self.device.pid('one/main')}").st_uid, uids[0])

    def test_its_score_says_that_the_agent_comes_first(self):
        self.deploy(actor_pod("app", "wait", image=self.image))
        with open(f"/proc/{self.device.pid('app/main')}/oom_score_adj") as f:
            self.assertGreaterEqual(int(f.read()), 200)

    def test_folders_are_closed_to_everybody_else(self):
        self.deploy(actor_pod("app", "wait", image=self.image))
        for path in (self.device.state_dir, self.device.run_dir,
                     os.path.join(self.device.run_dir, "w/app.main"),
                     os.path.join(self.device.state_dir, "images")):
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o700, path)
        control = os.path.join(self.device.run_dir, "control.sock")
        self.assertEqual(os.stat(control).st_mode & 0o777, 0o600)

    def test_nothing_of_ours_listens_in_the_abstract_name_space(self):
        """A workload in the board's network could knock there."""
        self.deploy(actor_pod("app", "wait", image=self.image))
        keepers = keepers_of(os.path.join(self.device.run_dir, "w/app.main"))
        self.assertTrue(keepers)
        inodes = set().union(*map(sockets_of, [self.device.part.pid, *keepers]))
        with open("/proc/net/unix") as f:
            ours = [words for words in map(str.split, f) if words[6] in inodes]
        self.assertTrue(ours)
        self.assertEqual([w for w in ours if len(w) > 7 and w[7].startswith("@")], [])


class Probes(WorldTest):
    def setUp(self):
        super().setUp()
        self.image = self.push_actor()

    def test_readiness_turns_with_what_the_program_answers(self):
        port = free_port()
        p = actor_pod("web", "serve", port, "/tmp/fine/file", image=self.image, volumes=[
            {"name": "fine", "emptyDir": {}}], container_extra={
                "volumeMounts": [{"name": "fine", "mountPath": "/tmp/fine"}],
                "readinessProbe": {"httpGet": {"port": port, "path": "/"}, "periodSeconds": 1,
                                   "failureThreshold": 1}})
        self.deploy(p, phase="Progressing")
        switch = os.path.join(self.device.state_dir, "volumes/web/fine/file")
        self.device.wait_line("web", "serving")
        self.assertFalse(self.device.workload("web/main")["ready"])
        with open(switch, "w"):
            pass
        wait_until("ready", 40, lambda: self.device.workload("web/main")["ready"])
        self.device.wait_phase("Available", 1)
        os.unlink(switch)
        wait_until("not ready", 40, lambda: not self.device.workload("web/main")["ready"])
        self.assertEqual(self.device.workload("web/main")["restarts"], 0)

    def test_liveness_restarts_and_says_why(self):
        p = actor_pod("app", "wait", image=self.image, container_extra={
            "livenessProbe": {"exec": {"command": ["/actor", "exit", "9", "0"]},
                              "periodSeconds": 1, "failureThreshold": 2}})
        self.deploy(p, phase=None)
        wait_until("it was restarted", 40, lambda: self.device.workload("app/main").get(
            "restarts", 0) >= 1)
        wait_until("the hub knows why", 40, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'Unhealthy'"
            " AND message LIKE '%liveness probe failed 2 times: exit code 9%'"))

    def test_tcp_probes_and_startup_probes_hold_the_others_back(self):
        port = free_port()
        p = actor_pod("web", "serve", port, "/actor", image=self.image, container_extra={
            "startupProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1, "timeoutSeconds": 30,
                             "failureThreshold": 60},
            "livenessProbe": {"httpGet": {"port": port}, "periodSeconds": 1, "timeoutSeconds": 30}})
        self.deploy(p)
        self.assertTrue(self.device.workload("web/main")["ready"])
        self.assertEqual(self.device.workload("web/main")["restarts"], 0)

    def test_an_exec_probe_that_hangs_is_a_failure(self):
        p = actor_pod("app", "wait", image=self.image, container_extra={
            "readinessProbe": {"exec": {"command": ["/actor", "stubborn"]}, "periodSeconds": 1,
                               "failureThreshold": 1}})
        self.deploy(p, phase="Progressing")
        self.device.wait_line("app", "waiting")
        self.assertFalse(self.device.workload("app/main")["ready"])


class Logs(WorldTest):
    def setUp(self):
        super().setUp()
        self.image = self.push_actor()

    def test_a_million_bytes_of_output_stay_within_their_bounds(self):
        self.deploy(actor_pod("chatty", "talk", 200000, image=self.image))
        self.device.wait_line("chatty", "all said", 40)
        folder = os.path.join(self.device.run_dir, "w/chatty.main")
        sizes = [os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)
                 if f.startswith("log.")]
        self.assertLessEqual(len(sizes), 2)
        self.assertLessEqual(max(sizes), 256 * 1024)
        # What rotation overtook is said, not hidden.
        wait_until("the gap is told", 30, lambda: self.world.db(
            "SELECT 1 FROM log WHERE line LIKE '%bytes of output were lost to rotation%'"))

    def test_lines_arrive_once_and_in_order_over_a_restart_of_the_agent(self):
        self.deploy(actor_pod("talker", "talk", 3000, image=self.image), phase=None)
        self.device.wait_line("talker", "all said", 40)
        self.device.kill()
        self.device.start().wait_up()
        wait_until("all lines are in the hub", 60, lambda: self.world.db(
            "SELECT count(*) FROM log WHERE line LIKE 'line %'")[0][0] >= 3000)
        self.world.wait_drained(self.device)
        lines = [row[0] for row in self.world.db(
            "SELECT line FROM log WHERE line LIKE 'line %' ORDER BY rowid")]
        self.assertEqual(sorted(int(line.split()[1]) for line in lines), list(range(1, 3001)))

    def test_a_tail_follows_live(self):
        import signal
        import subprocess
        import time
        from skerry_test import BIN
        script = "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.2; done"
        self.deploy(pod("ticker", "/bin/sh", "-c", script))
        wait_until("it is reported", 40, lambda: (
            "ticker/main" in self.world.state(self.device)["workloads"]))
        env = {**os.environ, "SKERRY_BROKER": f"mqtt://127.0.0.1:{self.world.port}"}
        out = os.path.join(self.world.folder, "tail.txt")
        with open(out, "w") as f:
            p = subprocess.Popen([os.path.join(BIN, "skerry"), "logs", "ticker", "-f", "-n", "1"],
                                 env=env, stdout=f)
        try:
            def ticks():
                with open(out) as f:
                    return [int(line.split()[1]) for line in f if line.startswith("tick")]
            wait_until("ticks come", 40, lambda: len(ticks()) > 12)
            seen = ticks()
            self.assertEqual(seen[1:], list(range(seen[1], seen[1] + len(seen) - 1)))
        finally:
            p.send_signal(signal.SIGINT)
            self.assertEqual(p.wait(60), 130)


if __name__ == "__main__":
    main()
