"""Standby, idle-timeout, networks, devices, and what a workload says of itself."""
import os
import socket
import stat
import time

from skerry_test import WorldTest, actor_pod, free_port, main, pod, wait_until


def annotated(p, **annotations):
    p["metadata"]["annotations"] = {f"skerry.dev/{k.replace('_', '-')}": v
                                    for k, v in annotations.items()}
    return p


def ask(port, seconds=60):
    with socket.create_connection(("127.0.0.1", port), seconds) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return s.recv(100).decode().split("\r\n")[0]


class Rest(WorldTest):
    settings = {"network": "host"}

    def setUp(self):
        super().setUp()
        self.image = self.push_actor()
        self.port = free_port()

    def state(self, name="web/main"):
        return self.device.workload(name).get("state")

    def wait_state(self, state, name="web/main", seconds=15):
        wait_until(f"{name} is {state}", seconds, lambda: self.state(name) == state)

    def cpu_ms(self):
        return self.device.workload("web/main")["cpuMs"]

    def web(self, **annotations):
        return annotated(actor_pod("web", "serve", self.port, "/actor", image=self.image,
                                   container_extra={"ports": [{"containerPort": self.port}]}),
                         **annotations)

    def test_one_in_standby_is_frozen_until_somebody_connects(self):
        self.deploy(self.web(standby="true"))
        self.wait_state("standby")
        pid, before = self.device.workload("web/main")["pid"], self.cpu_ms()
        self.assertTrue(self.device.workload("web/main")["ready"])
        self.assertEqual(ask(self.port), "HTTP/1.1 200 OK")
        self.wait_state("running")
        workload = self.device.workload("web/main")
        self.assertEqual((workload["pid"], workload["restarts"]), (pid, 0))
        self.assertGreaterEqual(workload["cpuMs"], before)

    def test_with_a_time_it_is_frozen_again(self):
        self.deploy(self.web(standby="true", idle_timeout="1s"))
        for _ in range(2):
            self.wait_state("standby")
            self.assertEqual(ask(self.port), "HTTP/1.1 200 OK")
        self.wait_state("standby")

    def test_a_command_wakes_it(self):
        self.deploy(annotated(actor_pod("app", "wait", image=self.image), standby="true"))
        self.wait_state("standby", "app/main")
        self.world.publish(f"{self.device.name}/dn/cmd/wake", {
            "v": 1, "id": "c-1", "re": "ops", "args": {"workload": "app"}})
        self.wait_state("running", "app/main")

    def test_a_technician_wakes_it_without_any_network(self):
        self.deploy(annotated(actor_pod("app", "wait", image=self.image), standby="true"))
        self.wait_state("standby", "app/main")
        self.world.broker.kill()
        said = self.world.cli("wake", "app", "--run-dir", self.device.run_dir, broker=False, check=0)
        self.assertEqual(said.stdout, "app/main is awake\n")
        self.wait_state("running", "app/main")
        self.world.cli("wake", "nobody", "--run-dir", self.device.run_dir, broker=False, check=3)

    def test_a_frozen_one_need_not_feed_its_watchdog(self):
        self.deploy(annotated(actor_pod("app", "notify", 200, *["WATCHDOG=1"] * 40, image=self.image),
                              standby="true", watchdog="2s"))
        self.wait_state("standby", "app/main")
        before = self.device.workload("app/main")
        wait_until("the watchdog's time is over twice", 10, lambda: self.device.workload(
            "app/main").get("upMs", 0) > before["upMs"] + 4000)
        workload = self.device.workload("app/main")
        self.assertEqual((workload["state"], workload["restarts"]), ("standby", before["restarts"]))

    def test_a_frozen_one_stops_in_its_own_way(self):
        self.deploy(self.web(standby="true"))
        self.wait_state("standby")
        self.deploy()
        wait_until("it is gone", 20, lambda: self.device.workload("web/main") == {})

    def test_a_later_agent_finds_a_frozen_one(self):
        self.deploy(self.web(standby="true"))
        self.wait_state("standby")
        pid = self.device.workload("web/main")["pid"]
        self.device.kill()
        self.device.start().wait_up()
        self.wait_state("standby")
        self.assertEqual(ask(self.port), "HTTP/1.1 200 OK")
        self.assertEqual(self.device.workload("web/main")["pid"], pid)

    def test_an_idle_one_ends_and_no_connection_is_refused(self):
        self.deploy(self.web(idle_timeout="1s"))
        self.device.wait_line("web", "serving what was handed over")
        for _ in range(2):
            self.wait_state("idle")
            workload = self.device.workload("web/main")
            self.assertNotIn("pid", workload)
            self.assertEqual(workload["restarts"], 0, self.device.status()["events"])
            self.assertTrue(workload["ready"])
            self.assertEqual(ask(self.port), "HTTP/1.1 200 OK")
        self.device.wait_phase("Available", 1)

    def test_a_group_that_was_busy_for_a_moment_does_not_end_the_next_run(self):
        self.deploy(self.web(idle_timeout="1s"))
        busy = []
        with socket.create_connection(("127.0.0.1", self.port), 60):  # as long as it is, it works
            self.wait_state("running")
            for base in self.device.cgroups():
                busy.append(os.path.join(base, "web.main", "busy"))
                os.mkdir(busy[-1])
        self.wait_state("idle")
        for folder in busy:
            os.rmdir(folder)
        self.assertEqual(ask(self.port), "HTTP/1.1 200 OK")
        time.sleep(0.2)
        self.wait_state("idle")
        self.assertEqual(self.device.workload("web/main")["restarts"], 0)

    def test_sockets_outlive_the_agent_with_the_workload(self):
        self.deploy(self.web(idle_timeout="3s"))
        with socket.create_connection(("127.0.0.1", self.port), 60):  # as long as it is, it works
            self.wait_state("running")
            self.device.kill()
        self.assertEqual(ask(self.port), "HTTP/1.1 200 OK")
        with socket.create_connection(("127.0.0.1", self.port), 60):
            self.device.start().wait_up()
            wait_until("adopted", 10, lambda: self.state() == "running")
        self.wait_state("idle")
        self.assertEqual(ask(self.port), "HTTP/1.1 200 OK")


class Networks(WorldTest):
    settings = {"network": "own"}

    def test_a_board_may_keep_its_network_and_probes_follow(self):
        image, port = self.push_actor(), free_port()
        self.deploy(actor_pod("web", "serve", port, "/actor", image=image, container_extra={
            "readinessProbe": {"httpGet": {"port": port}, "periodSeconds": 1}}))
        self.assertTrue(self.device.workload("web/main")["ready"])
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 2)
        # Containers of a pod share it, and a later agent finds it again.
        self.device.kill()
        self.device.start().wait_up()
        wait_until("ready again", 15, lambda: self.device.workload("web/main").get("ready"))

    def test_without_a_network_there_are_not_even_sockets(self):
        self.deploy(
            annotated(pod("none", "/bin/sh", "-c", "cat /proc/net/dev | tail -n +3 | tr -d ' ' |"
                          " cut -d: -f1; exec sleep 1000"), network="none"),
            pod("host", "/bin/sh", "-c", "readlink /proc/self/ns/net; exec sleep 1000",
                hostNetwork=True))
        self.device.wait_line("none", "^lo$")
        self.device.wait_line("host", rf"^{os.readlink('/proc/self/ns/net')}$".replace("[", r"\["))


class Devices(WorldTest):
    settings = {"allow_host_path": "/dev/zero, /dev/disk-by-name"}

    def test_a_device_that_the_board_allows_is_a_node_of_its_own(self):
        self.deploy(pod("reader", "/bin/sh", "-c", "stat -c '%A %t:%T' /dev/zeros;"
                        " head -c 4 /dev/zeros | od -An -tx1; exec sleep 1000",
                        volumes=[{"name": "d", "hostPath": {"path": "/dev/zero",
                                                            "type": "CharDevice"}}],
                        container_extra={"volumeMounts": [{"name": "d",
                                                           "mountPath": "/dev/zeros"}]}))
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/zero").st_mode))
        self.device.wait_line("reader", "^crw------- 1:5$")
        self.device.wait_line("reader", "^ 00 00 00 00$")

    def test_another_is_refused(self):
        self.deploy(pod("reader", "/bin/true", volumes=[
            {"name": "d", "hostPath": {"path": "/dev/full", "type": "CharDevice"}}],
            container_extra={"volumeMounts": [{"name": "d", "mountPath": "/dev/x"}]}),
            phase=None)
        wait_until("refused", 15, lambda: "/dev/full is not in allow_host_path" in (
            (self.device.condition("Rejected") or {}).get("message", "")))


class Notify(WorldTest):
    def setUp(self):
        super().setUp()
        self.image = self.push_actor()

    def test_it_has_started_when_it_says_so(self):
        self.deploy(annotated(actor_pod("app", "notify", 1000, *["STATUS=warming up"] * 10, "READY=1",
                                        image=self.image), notify="true"), phase="Progressing")
        w = wait_until("it says what it does", 10, lambda: (
            lambda w: w if w.get("status") == "warming up" else None)(self.device.workload("app/main")))
        self.assertFalse(w["ready"])
        self.device.wait_phase("Available", 1)
        self.device.kill()
        self.device.start().wait_up()
        wait_until("still ready", 10, lambda: self.device.workload("app/main").get("ready"))
        self.assertEqual(self.device.workload("app/main")["status"], "warming up")

    def test_one_that_falls_silent_is_restarted(self):
        self.deploy(annotated(actor_pod("app", "notify", 300, *["WATCHDOG=1"] * 40,
                                        image=self.image), watchdog="3s"))
        self.assertEqual(self.device.workload("app/main")["restarts"], 0)
        wait_until("restarted", 15, lambda: self.device.workload("app/main").get("restarts"))
        wait_until("the hub knows why", 20, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'Unhealthy' AND message LIKE '%WATCHDOG=1%'"))

    def test_its_last_words_stand_in_the_event(self):
        self.deploy(actor_pod("app", "last", "no card in the slot", image=self.image), phase=None)
        wait_until("the hub has them", 20, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'Exited'"
            " AND message = 'exit code 3: no card in the slot'"))


if __name__ == "__main__":
    main()
