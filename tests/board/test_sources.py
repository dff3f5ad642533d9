"""The board's own metrics as each kind of kernel and control group tells them."""
import json

from board_test import BoardTest, actor_pod, main, wait_until


class HostMetrics(BoardTest):
    """cgroup v2 and Linux 6.1; the others below differ in one thing each."""

    settings = {"host_metrics": "2s"}
    # What not every kernel tells of a workload.
    told = {"memory_peak_bytes", "cpu_throttled_nanoseconds", "io_read_bytes", "io_write_bytes"}
    untold = set()

    def fields(self, measurement):
        rows = self.world.db("SELECT tags, fields FROM point WHERE measurement = ? ORDER BY rowid",
                             measurement)
        return [(json.loads(t), json.loads(f)) for t, f in rows]

    def test_what_the_board_tells(self):
        self.device.wait_up()
        image = self.push_actor()
        self.deploy(actor_pod("quiet", "wait", image=image))
        for measurement in ("kubernetes_pod_container", "mem", "disk", "cpu", "net", "diskio"):
            wait_until(f"{measurement} is told", 40, lambda: len(self.fields(measurement)) > 1)
        _, mem = self.fields("mem")[-1]
        total = int(self.board.check("grep MemTotal /proc/meminfo").split()[1]) * 1024
        self.assertEqual(mem["total"], total)
        tags, disk = self.fields("disk")[-1]
        self.assertEqual(tags["path"], "/data")
        self.assertGreater(disk["inodes_free"], 0)
        self.assertTrue(self.fields("cpu"))
        self.assertIn("eth0", {tags["interface"] for tags, _ in self.fields("net")})
        self.assertTrue({tags["name"] for tags, _ in self.fields("diskio")})
        code, _ = self.board.run("cat /proc/pressure/cpu")
        self.assertEqual(bool(self.fields("pressure")), code == 0)
        tags, f = self.fields("kubernetes_pod_container")[-1]
        self.assertEqual(tags["workload"], "quiet/main")
        self.assertGreater(f["cpu_usage_core_nanoseconds"], 0)
        self.assertGreater(f["memory_usage_bytes"], 32 << 10)
        self.assertLessEqual(f["memory_working_set_bytes"], f["memory_usage_bytes"])
        self.assertEqual(f["oom_kills"], 0)
        self.assertLessEqual(self.told, set(f))
        self.assertEqual(self.untold & set(f), set())


class HostMetricsWithCgroupV1(HostMetrics):
    options = {"cgroup": "v1"}
    told = {"memory_peak_bytes", "cpu_throttled_nanoseconds"}
    untold = {"cpu_pressure_some_total", "io_pressure_some_total"}


class HostMetricsOnAnOldKernel(HostMetrics):
    options = {"kernel": "5.10"}
    told = {"cpu_throttled_nanoseconds"}
    untold = {"memory_peak_bytes"}  # since 5.19


class HostMetricsOnArmv7(HostMetrics):
    board_name = "qemu-armv7"
    options = {"memory": 64}


if __name__ == "__main__":
    main()
