"""Sources of telemetry beside the sockets: the board itself, and what others speak."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

from skerry_test import SANITIZED, Part, WorldTest, actor_pod, free_port, is_listening, main, wait_until


class Sources(WorldTest):
    def points(self, measurement):
        return [(t, json.loads(tags), json.loads(fields)) for t, tags, fields in self.world.db(
            "SELECT ts_ms, tags, fields FROM point WHERE measurement = ? ORDER BY rowid",
            measurement)]

    def source(self, name):
        return (self.device.status() or {}).get("buffer", {}).get("sources", {}).get(name, {})

    def wait_points(self, measurement, count=1, seconds=20):
        return wait_until(f"{count} points of {measurement}", seconds, lambda: (
            lambda p: p if len(p) >= count else None)(self.points(measurement)))


class HostMetrics(Sources):
    settings = {"host_metrics": "1s"}

    def test_the_board_tells_how_it_is(self):
        _, tags, cpu = self.wait_points("cpu", 2)[-1]
        self.assertEqual(tags, {"cpu": "cpu-total"})
        shares = [v for k, v in cpu.items() if k != "usage_active"]
        self.assertAlmostEqual(sum(shares), 100, delta=0.1)
        _, _, mem = self.points("mem")[-1]
        with open("/proc/meminfo") as f:
            total = int(f.readline().split()[1]) * 1024
        self.assertEqual(mem["total"], total)
        self.assertEqual(mem["used"] + mem["available"], total)
        _, _, system = self.points("system")[-1]
        self.assertEqual(system["n_cpus"], os.cpu_count())
        with open("/proc/uptime") as f:
            self.assertAlmostEqual(system["uptime"], float(f.read().split()[0]), delta=60)
        _, tags, disk = self.points("disk")[-1]
        there = os.statvfs(self.device.state_dir)
        self.assertEqual(disk["total"], there.f_blocks * there.f_frsize)
        self.assertTrue(self.device.state_dir.startswith(tags["path"]), tags)
        interfaces = {tags["interface"] for _, tags, _ in self.points("net")}
        self.assertTrue(interfaces <= set(os.listdir("/sys/class/net")) - {"lo"})
        if os.path.exists("/proc/pressure/io"):
            self.assertEqual({(tags["resource"], tags["type"]) for _, tags, _ in
                              self.points("pressure")},
                             {("cpu", "some"), ("memory", "some"), ("memory", "full"),
                              ("io", "some"), ("io", "full")})
        s = self.source("host_metrics")
        self.assertGreater(s["points"], 0)
        self.assertEqual((s["dropped"], s["invalid"]), (0, 0))

    def test_what_a_workload_takes_is_told(self):
        image = self.push_actor()
        self.deploy(actor_pod("holder", "hold", 6, image=image))
        tags, f = wait_until("it is told with what it holds", 60, lambda: next((
            (tags, f) for _, tags, f in self.points("kubernetes_pod_container")
            if f["memory_usage_bytes"] > 6 << 20), None))
        self.assertEqual(tags, {"pod_name": "holder", "container_name": "main",
                                "workload": "holder/main"})
        self.assertGreaterEqual(f["memory_peak_bytes"], f["memory_usage_bytes"])
        self.assertLessEqual(f["memory_working_set_bytes"], f["memory_usage_bytes"])
        self.assertGreater(f["cpu_usage_core_nanoseconds"], 0)
        self.assertEqual(f["processes"], self.device.workload("holder/main")["processes"])
        self.assertEqual((f["oom_kills"], f["restarts"]), (0, 0))

    def test_off_is_silent(self):
        self.device.stop()
        del self.device.settings["host_metrics"]
        self.device.start().wait_up()
        self.assertNotIn("host_metrics", self.device.status()["buffer"]["sources"])


class LocalBroker(Sources):
    """A broker of the gateway's own; its sensors know nothing of us."""

    def setUp(self):
        super().setUp()
        self.local_port = free_port()
        self.start_local()
        self.device.stop()
        self.device.settings.update(
            local_broker=f"mqtt://127.0.0.1:{self.local_port}",
            local_topics="sensors/+/temp -> sensors, meters/# -> meters, raw -> raw as line")
        self.device.start().wait_up()
        self.wait_heard()

    def start_local(self):
        config = self.world.write("local.conf", f"listener {self.local_port} 127.0.0.1\nuser root\n"
                                  "allow_anonymous true\nmax_queued_messages 0\n")
        self.local = Part("local", ["mosquitto", "-c", config], self.world.folder)
        self.addCleanup(lambda: self.local.is_alive() and self.local.end())
        wait_until("the local broker listens", 10, lambda: is_listening(self.local_port))

    def wait_heard(self):
        """Published until one arrives, and what arrived before is told apart."""
        topic = f"meters/probe/{time.monotonic_ns()}"

        def arrived():
            self.say(topic, "1")
            return self.source("local_broker").get("points", 0) and self.values("meters", topic)
        wait_until("it is subscribed", 60, arrived)

    def say(self, topic, *payloads, retain=False):
        argv = ["mosquitto_pub", "-p", str(self.local_port), "-q", "1", "-t", topic]
        argv += ["-r"] if retain else []
        argv += ["-l"] if len(payloads) > 1 else ["-s"]
        subprocess.run(argv, input="\n".join(payloads).encode(), check=True, timeout=60)

    def values(self, measurement, topic):
        return [f for _, tags, f in self.points(measurement) if tags.get("topic") == topic]

    def test_what_sensors_speak_becomes_points(self):
        self.say("sensors/7/temp", "21.5")
        self.say("sensors/8/temp", "true")
        self.say("meters/3", '{"power":5,"on":true,"ENERGY":{"Total":1.25},"mode":"eco"}')
        self.say("meters/line", "flow,pipe=2 rate=3i 1790000000000000000")
        self.say("meters/senml", '[{"n":"level","u":"m","v":1.5}]')
        self.say("raw", "21 x=1")  # declared: not taken for a number
        self.say("elsewhere", "1")
        wait_until("all are there", 20, lambda: self.points("flow") and self.points("level") and
                   self.values("sensors", "sensors/8/temp") and self.points("21"))
        self.assertEqual(self.values("sensors", "sensors/7/temp"), [{"value": 21.5}])
        self.assertEqual(self.values("sensors", "sensors/8/temp"), [{"value": True}])
        self.assertEqual(self.values("meters", "meters/3"),
                         [{"power": 5, "on": True, "ENERGY_Total": 1.25, "mode": "eco"}])
        self.assertEqual(self.points("flow"), [(1790000000000, {"pipe": "2", "topic": "meters/line"},
                                                {"rate": 3})])
        self.assertEqual(self.points("level")[0][1:], ({"unit": "m", "topic": "meters/senml"},
                                                       {"value": 1.5}))
        self.assertEqual({s for (s,) in self.world.db(
            "SELECT DISTINCT stream FROM batch WHERE kind = 'telec'")}, {"sensors", "meters", "raw"})

    def test_nonsense_is_counted_and_costs_nothing_else(self):
        before = self.source("local_broker")
        for payload in ("21 degrees", "{", "[1]", "{}", "nan", "x" * 40000):
            self.say("meters/1", payload)
        # Of any length: the library would take memory for all of it.
        self.say("meters/1", "y" * 3000000)
        self.say("sensors/7/temp", "1")
        wait_until("the good one is there", 20, lambda: self.values("sensors", "sensors/7/temp"))
        s = self.source("local_broker")
        self.assertEqual(s["invalid"] - before["invalid"], 7)
        self.assertNotIn("trouble", s)
        with open(f"/proc/{self.device.part.pid}/status") as f:
            peak = int(next(line for line in f if line.startswith("VmHWM")).split()[1])
        if not SANITIZED:
            self.assertLess(peak, 12000, "KiB")

    def test_what_was_retained_is_of_unknown_age_and_passed_over(self):
        self.say("sensors/old/temp", "1", retain=True)
        wait_until("it came as it was published", 20,
                   lambda: self.values("sensors", "sensors/old/temp") == [{"value": 1}])
        self.device.stop()
        self.local.end()
        self.start_local()  # without the session of before
        self.say("sensors/old/temp", "2", retain=True)
        self.device.start().wait_up()
        self.wait_heard()
        self.say("sensors/old/temp", "3", retain=True)
        wait_until("the next one is there", 20, lambda: len(
            self.values("sensors", "sensors/old/temp")) > 1)
        self.assertEqual(self.values("sensors", "sensors/old/temp"), [{"value": 1}, {"value": 3}])

    def test_a_broker_that_goes_is_told_and_found_again(self):
        self.local.end()
        trouble = wait_until("it is told", 20, lambda: self.source("local_broker").get("trouble"))
        board = self.world.cli("--run-dir", self.device.run_dir, "status", broker=False, check=0)
        self.assertRegex(board.stdout, r"(?m)^local_broker +\d+ +0 +0 +\S")
        self.assertIn("broker", trouble)
        self.start_local()
        self.wait_heard()
        self.assertNotIn("trouble", self.source("local_broker"))
        self.assertGreater(self.source("local_broker")["failures"], 0)

    def test_a_killed_agent_loses_none(self):
        """What it has acknowledged is gathered; the rest waits at the broker."""
        total, sent = 3000, 0
        publisher = subprocess.Popen(
            ["mosquitto_pub", "-p", str(self.local_port), "-q", "1", "-t", "meters/n", "-l"],
            stdin=subprocess.PIPE, text=True)
        for kills in range(3):
            before = self.source("local_broker").get("points", 0)
            for _ in range(total // 3):
                publisher.stdin.write(f"{sent}\n")
                sent += 1
            publisher.stdin.flush()
            wait_until("some have come", 20, lambda: (
                self.source("local_broker").get("points", 0) > before))
            self.device.kill()
            self.device.start().wait_ready()
        publisher.stdin.close()
        publisher.wait(60)
        wait_until("all are there", 60, lambda: len(
            {f["value"] for f in self.values("meters", "meters/n")}) == total)

    def test_a_flood_is_bounded_and_the_agent_answers(self):
        flood = subprocess.Popen(
            "seq 1 60000 | sed 's/.*/x v=&\\nx v=&/;' | awk '{print}' | "
            f"mosquitto_pub -p {self.local_port} -q 0 -t raw -l", shell=True)
        while flood.poll() is None:
            self.assertIsNotNone(self.device.status())
        self.say("sensors/7/temp", "1")
        wait_until("others are still heard", 60, lambda: self.values("sensors", "sensors/7/temp"))


class Statsd(Sources):
    def setUp(self):
        super().setUp()
        self.device.stop()
        self.port = free_port()
        self.device.settings.update(statsd=f"127.0.0.1:{self.port}", statsd_interval="1s")
        self.device.start().wait_up()

    def tell(self, *datagrams):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for d in datagrams:
                s.sendto(d if isinstance(d, bytes) else d.encode(), ("127.0.0.1", self.port))

    def total(self, measurement, field="value"):
        return sum(f[field] for _, _, f in self.points(measurement))

    def test_what_programs_tell_is_put_together(self):
        self.tell("page.views:1|c|@0.5|#host:a,env:dev", "fuel:10|g\nfuel:-4|g",
                  "wait:" + ":".join(str(i) for i in range(1, 11)) + "|ms", "users:anna|s\nusers:bert|s")
        self.wait_points("users")
        self.assertEqual(self.points("page_views")[0][1:],
                         ({"env": "dev", "host": "a", "metric_type": "counter"}, {"value": 2}))
        self.assertEqual(self.points("fuel")[0][2], {"value": 6})
        self.assertEqual(self.points("wait")[0][1:], ({"metric_type": "timing"}, {
            "count": 10, "sum": 55, "mean": 5.5, "lower": 1, "upper": 10, "50_percentile": 5,
            "95_percentile": 10}))
        self.assertEqual(self.points("users")[0][2], {"value": 2})
        self.assertEqual(self.world.db("SELECT DISTINCT stream FROM batch WHERE kind = 'telec'"),
                         [("statsd",)])

    def test_none_is_lost_over_intervals_and_a_stop(self):
        for i in range(200):
            self.tell("made:1|c")
            time.sleep(0.01)
        self.device.stop()
        self.device.start().wait_up()
        wait_until("all are counted", 20, lambda: self.total("made") == 200)

    def test_hostile_datagrams_are_counted_and_the_agent_answers(self):
        self.tell(b"\x00" * 1000, b"\xff:\xff|c", "a:1|c|#" + "k:v," * 15000, "x" * 65000, "_e{1,1}:a|b",
                  *[os.urandom(500) for _ in range(100)])
        # The kernel may have no room for one.
        wait_until("it listens on", 20, lambda: self.tell("good:1|c") or self.points("good"))
        wait_until("they are counted", 20, lambda: (
            self.tell(os.urandom(500)) or self.source("statsd")["invalid"] > 50))
        self.assertIsNotNone(self.device.status())

    def test_more_series_than_there_may_be_are_dropped_and_counted(self):
        self.tell("\n".join(f"s{i}:1|c" for i in range(300)))
        wait_until("all are told or dropped", 20, lambda: (
            lambda s: (s["points"], s["dropped"]) == (256, 44))(self.source("statsd")))

    def test_what_the_kernel_had_no_room_for_is_counted(self):
        os.kill(self.device.part.pid, signal.SIGSTOP)
        try:
            for _ in range(20):
                self.tell(*["made:1|c"] * 100)
        finally:
            os.kill(self.device.part.pid, signal.SIGCONT)
        wait_until("all are told or dropped", 20, lambda: (
            self.total("made") + self.source("statsd").get("dropped", 0) == 2000))
        self.assertGreater(self.source("statsd")["dropped"], 0)

    def test_a_port_that_somebody_has_is_told_and_taken_when_it_is_free(self):
        self.device.stop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", self.port))
            self.device.start().wait_up()
            self.assertIn("in use", self.source("statsd")["trouble"])
        wait_until("it listens", 20, lambda: "trouble" not in self.source("statsd"))
        self.tell("now:1|c")
        self.wait_points("now")


SHOWN = '''# HELP requests_total how many
# TYPE requests_total counter
requests_total{method="get",code="200"} 1027
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.1"} 3
wait_seconds_bucket{le="+Inf"} 4
wait_seconds_sum 0.75
wait_seconds_count 4
# TYPE rpc_seconds summary
rpc_seconds{quantile="0.5"} NaN
rpc_seconds_count 0
heat 21.5
this is nothing
'''


class Scrape(Sources):
    settings = {"network": "own"}

    def setUp(self):
        super().setUp()
        self.image = self.push_actor()
        self.port = free_port()

    def shown(self, name="web", port=None, text=SHOWN, path="/metrics", **annotations):
        port = port or self.port
        p = actor_pod(name, "show", port, text, image=self.image, container_extra={
            "resources": {"limits": {"memory": "16Mi", "cpu": "100m"}}})
        p["metadata"]["annotations"] = {
            "prometheus.io/scrape": "true", "prometheus.io/port": str(port),
            "prometheus.io/path": path, "skerry.dev/scrape-interval": "1s", **annotations}
        return p

    def trouble(self, name, seconds=30):
        return wait_until(f"{name} is in trouble", seconds,
                          lambda: self.source(f"scrape:{name}").get("trouble"))

    def check_shown(self):
        self.wait_points("heat", 2)
        workload = {"workload": "web/main"}
        self.assertEqual(self.points("heat")[0][1:], (workload, {"value": 21.5}))
        self.assertEqual(self.points("requests_total")[0][1:],
                         ({**workload, "method": "get", "code": "200"}, {"value": 1027}))
        self.assertEqual({tags["le"]: f["value"] for _, tags, f in
                          self.points("wait_seconds_bucket")}, {"0.1": 3, "+Inf": 4})
        self.assertEqual(self.points("wait_seconds_sum")[0][2], {"value": 0.75})
        self.assertEqual(self.points("rpc_seconds"), [])  # no number to tell
        # One bad line beside seven good ones; what is being read right now is half counted.
        wait_until("all is counted, without trouble", 20, lambda: (
            lambda s: s.get("invalid") and s["invalid"] * 7 == s["points"] and "trouble" not in s)(
                self.source("scrape:web")))

    def test_a_pod_with_a_network_of_its_own_is_read(self):
        self.deploy(self.shown())
        self.check_shown()
        self.deploy()  # and no more when it is gone
        wait_until("it is forgotten", 20, lambda: "scrape:web" not in
                   self.device.status()["buffer"]["sources"])

    def test_a_pod_in_the_boards_network_is_read(self):
        self.deploy(self.shown(**{"skerry.dev/network": "host"}))
        self.check_shown()

    def test_what_is_the_boards_is_not_read_for_a_pod(self):
        """A pod that names a port of somebody else's, in the board's network or its own."""
        asked = []

        def serve():
            with socket.create_server(("127.0.0.1", 0)) as server:
                self.port = server.getsockname()[1]
                ready.set()
                server.settimeout(0.2)
                while not done.is_set():
                    try:
                        c, _ = server.accept()
                    except TimeoutError:
                        continue
                    asked.append(c)
                    c.sendall(b"HTTP/1.0 200 OK\r\n\r\nsecret 1\n")
                    c.close()
        ready, done = threading.Event(), threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(done.set)
        ready.wait(10)
        mine = free_port()
        for name, network in (("spy", "host"), ("own", "own")):
            p = self.shown(name, mine, **{"skerry.dev/network": network,
                                          "prometheus.io/port": str(self.port)})
            self.deploy(p)
            self.assertRegex(self.trouble(name), "not the pod alone|refused")
            wait_until("it was tried again", 20, lambda: self.source(f"scrape:{name}")["failures"] > 2)
        self.assertEqual(asked, [])
        self.assertEqual(self.points("secret"), [])

    def test_failures_are_told_and_block_nobody(self):
        self.deploy(self.shown(),
                    self.shown("gone", path="/nothing"), self.shown("moved", path="/away"),
                    self.shown("mute", path="/silent"), self.shown("big", path="/endless"))
        self.assertIn("HTTP 404", self.trouble("gone"))
        self.assertIn("HTTP 302", self.trouble("moved"))
        self.assertIn("no answer in time", self.trouble("mute"))
        self.assertIn("more than", self.trouble("big", 60))
        self.wait_points("heat", 2)
        self.assertEqual(set(self.device.lines("moved/main")), {"asked for /away"})
        wait_until("the first is well", 20, lambda: (
            lambda s: s and "trouble" not in s)(self.source("scrape:web")))

    def test_one_that_rests_is_not_woken(self):
        p = self.shown(**{"skerry.dev/network": "host", "skerry.dev/standby": "true"})
        p["spec"]["containers"][0]["ports"] = [{"containerPort": self.port}]
        self.deploy(p, self.shown("other"))
        self.device.wait_state("web/main", "standby")
        asked = len(self.device.lines("web/main"))
        others = len(self.points("heat"))
        self.wait_points("heat", others + 3)
        self.assertEqual(self.device.workload("web/main")["state"], "standby")
        self.assertEqual(len(self.device.lines("web/main")), asked)

    def test_more_samples_than_there_may_be_are_dropped_and_counted(self):
        text = "".join(f'many{{n="{i}"}} {i}\n' for i in range(2500))
        self.deploy(self.shown(text=text))
        # What is being read right now is half counted.
        wait_until("2000 of 2500 were taken each time", 30, lambda: (
            lambda s: s.get("dropped", 0) and s["points"] == 4 * s["dropped"])(
                self.source("scrape:web")))


if __name__ == "__main__":
    main()
