"""Sources of telemetry beside the sockets: the board itself, and what others speak."""
import json
import os
import socket
import time

from skerry_test import Part, WorldTest, actor_pod, free_port, is_listening, main, wait_until


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
        self.deploy(actor_pod("eater", "eat", 6, image=image))
        _, tags, f = self.wait_points("kubernetes_pod_container", 2)[-1]
        self.assertEqual(tags, {"pod_name": "eater", "container_name": "main",
                                "workload": "eater/main"})
        self.assertGreater(f["memory_usage_bytes"], 6 << 20)
        self.assertGreaterEqual(f["memory_peak_bytes"], f["memory_usage_bytes"])
        self.assertLessEqual(f["memory_working_set_bytes"], f["memory_usage_bytes"])
        self.assertGreater(f["cpu_usage_core_nanoseconds"], 0)
        self.assertEqual(f["processes"], self.device.workload("eater/main")["processes"])
        self.assertEqual((f["oom_kills"], f["restarts"]), (0, 0))

    def test_off_is_silent(self):
        self.device.stop()
        del self.device.settings["host_metrics"]
        self.device.start().wait_up()
        self.assertNotIn("host_metrics", self.device.status()["buffer"]["sources"])


if __name__ == "__main__":
    main()
