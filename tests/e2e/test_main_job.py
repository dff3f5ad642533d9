"""The main job: a workload comes from the cloud, runs, and its data arrives."""
import json
import os

from skerry_test import ACTOR, WorldTest, actor_pod, is_running, main, wait_until

POD = """apiVersion: v1
kind: Pod
metadata:
  name: sampler
spec:
  terminationGracePeriodSeconds: 2
  containers:
    - name: main
      image: {image}
      command: ["/actor", "sample", "50", "100"]
      resources:
        limits: {{memory: 8Mi, cpu: 200m}}
"""


class MainJob(WorldTest):
    def test_a_folder_becomes_a_running_workload_and_its_samples_become_rows(self):
        path = self.world.write("pod.yaml", POD.format(image=ACTOR))
        done = self.world.cli("apply", "-f", path, "--healthy-for", "500ms", check=0)
        self.assertIn("generation 0->1", done.stdout)
        self.assertIn("available", done.stderr)
        self.device.wait_line("sampler", "made 100")
        wait_until("100 rows", 20, lambda: self.world.rows() == 100)
        self.world.wait_drained(self.device)
        numbers = [json.loads(f)["n"] for (f,) in
                   self.world.db("SELECT fields FROM point WHERE measurement = 'made'")]
        self.assertEqual(sorted(numbers), list(range(1, 101)))
        tags = self.world.db("SELECT DISTINCT json_extract(tags, '$.workload') FROM point")
        self.assertEqual(tags, [("sampler/main",)])
        # What it printed is in the hub too, and at hand on the device.
        wait_until("the log line is in the hub", 20, lambda: self.world.db(
            "SELECT 1 FROM log WHERE line = 'made 100' AND container = 'main'"))
        self.assertIn("made 100", self.world.cli("logs", "sampler", check=0).stdout)

    def test_applying_the_same_again_changes_nothing(self):
        path = self.world.write("pod.yaml", POD.format(image=ACTOR))
        self.world.cli("apply", "-f", path, "--healthy-for", "500ms", check=0)
        pid = self.device.pid("sampler/main")
        done = self.world.cli("apply", "-f", path, check=0)
        self.assertIn("unchanged", done.stdout)
        self.assertEqual(self.device.pid("sampler/main"), pid)
        self.assertEqual(self.device.status()["observed"], 1)

    def test_only_what_changed_is_replaced(self):
        image = self.push_actor()
        one, two = actor_pod("one", "wait", image=image), actor_pod("two", "wait", image=image)
        self.deploy(one, two)
        pids = self.device.pid("one/main"), self.device.pid("two/main")
        two["spec"]["containers"][0]["env"] = [{"name": "X", "value": "1"}]
        self.deploy(one, two)
        self.assertEqual(self.device.pid("one/main"), pids[0])
        self.assertNotEqual(self.device.pid("two/main"), pids[1])

    def test_removed_pods_end_and_leave_nothing(self):
        image = self.push_actor()
        self.deploy(actor_pod("gone", "wait", image=image))
        pid = self.device.pid("gone/main")
        self.deploy()
        wait_until("the process has ended", 10, lambda: not is_running(pid))
        wait_until("its folder is gone", 10,
                   lambda: not os.listdir(os.path.join(self.device.run_dir, "w")))
        wait_until("so are its groups", 10, lambda: not any(
            os.path.exists(os.path.join(base, "gone.main")) for base in self.device.cgroups()))
        wait_until("its last words are in the hub", 20, lambda: self.world.db(
            "SELECT 1 FROM log WHERE line = 'told to stop'"))
        # The image is not needed any more: flash is given back.
        images = os.path.join(self.device.state_dir, "images")
        wait_until("the image is gone", 20, lambda: os.listdir(images) == ["shared"] and (
            not os.listdir(os.path.join(images, "shared"))))

    def test_limits_are_set_before_the_first_instruction(self):
        image = self.push_actor()
        self.deploy(actor_pod("limited", "wait", image=image))
        limits = {}
        for base in self.device.cgroups():
            leaf = os.path.join(base, "limited.main")
            for knob in ("memory.limit_in_bytes", "memory.max", "cpu.cfs_quota_us", "cpu.max",
                         "pids.max"):
                path = os.path.join(leaf, knob)
                if os.path.exists(path):
                    with open(path) as f:
                        limits[knob] = f.read().strip()
        self.assertIn(str(16 << 20), (limits.get("memory.limit_in_bytes"), limits.get("memory.max")))
        self.assertTrue(limits.get("cpu.cfs_quota_us") == "50000" or
                        limits.get("cpu.max") == "50000 100000")
        self.assertEqual(limits["pids.max"], "128")
        pid = self.device.pid("limited/main")
        with open(f"/proc/{pid}/cgroup") as f:
            self.assertIn(f"skerry-{self.device.name}/limited.main", f.read())


if __name__ == "__main__":
    main()
