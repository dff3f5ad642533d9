"""Update and rollback: a new generation proves itself, or the last good one comes back."""
import os
import shutil

from skerry_test import WorldTest, actor_pod, main, pod, wait_until


class Update(WorldTest):
    def setUp(self):
        super().setUp()
        self.image = self.push_actor()
        self.good = actor_pod("app", "talk", 3, image=self.image)

    def bad(self):
        return actor_pod("app", "exit", 7, 0, image=self.image)

    def test_a_crashing_update_goes_back_by_itself_and_says_why(self):
        self.deploy(self.good)
        self.deploy(self.bad(), phase="RolledBack", seconds=40)
        self.device.wait_state("app/main", "running")
        s = self.device.status()
        self.assertEqual((s["observed"], s["applied"]), (2, 1))
        c = self.device.condition("RolledBack")
        self.assertIn("app/main: exit code 7", c["message"])
        self.assertIn("exiting with 7", [line["l"] for line in c["lastWords"]["lines"]])
        event = wait_until("the hub has the event", 20, lambda: self.world.db(
            "SELECT message, more FROM event WHERE reason = 'RolledBack'"))
        self.assertIn("exit code 7", event[0][0])
        self.assertIn("exiting with 7", event[0][1])

    def test_what_was_rolled_back_is_not_tried_again(self):
        self.deploy(self.good)
        self.deploy(self.bad(), phase="RolledBack", seconds=40)
        self.world.send_desired(self.device, 2, [self.bad()])
        self.device.kill()
        self.device.start().wait_up()
        self.device.wait_phase("RolledBack", 2)
        self.assertEqual(self.device.status()["applied"], 1)
        self.device.wait_state("app/main", "running")

    def test_an_update_that_never_becomes_ready_goes_back_at_the_deadline(self):
        self.deploy(self.good)
        never = actor_pod("app", "wait", image=self.image, container_extra={
            "readinessProbe": {"exec": {"command": ["/actor", "exit", "1", "0"]},
                               "periodSeconds": 1}})
        self.deploy(never, phase="RolledBack", progressDeadline="3s", seconds=20)
        self.assertIn("not healthy in time", self.device.condition("RolledBack")["message"])
        self.device.wait_state("app/main", "running")

    def test_an_image_that_cannot_start_goes_back(self):
        self.deploy(self.good)
        self.deploy(pod("app", "/no/such/program", image=self.image), phase="RolledBack",
                    seconds=40)
        self.assertIn("/no/such/program", self.device.condition("RolledBack")["message"])

    def test_without_a_good_state_to_go_back_to_it_is_degraded_and_kept_running(self):
        self.deploy(self.bad(), phase="Degraded", seconds=40)
        self.assertEqual(self.device.status()["applied"], 1)

    def test_rollback_off_stays_with_the_new_state(self):
        self.deploy(self.good)
        self.deploy(self.bad(), phase="Degraded", rollback="off", seconds=40)
        self.assertEqual(self.device.status()["applied"], 2)

    def test_a_newer_generation_takes_the_place_of_one_on_trial(self):
        self.deploy(self.good)
        self.deploy(actor_pod("app", "wait", image=self.image), phase="Progressing",
                    healthyFor="30s")
        self.deploy(self.good)
        self.assertEqual(self.device.status()["applied"], 3)

    def test_a_trial_survives_the_agents_death_and_goes_on(self):
        self.deploy(self.good)
        self.deploy(actor_pod("app", "wait", image=self.image), phase="Progressing",
                    healthyFor="15s")
        self.device.wait_state("app/main", "running")
        pid = self.device.pid("app/main")
        self.device.kill()
        self.device.start().wait_ready()
        self.device.wait_phase("Available", 2, 60)
        self.assertEqual(self.device.pid("app/main"), pid)

    def test_a_reboot_during_a_trial_ends_with_the_new_or_the_old_never_a_mix(self):
        two = actor_pod("second", "wait", image=self.image)
        self.deploy(self.good, two)
        changed = actor_pod("app", "wait", image=self.image), actor_pod(
            "second", "talk", 1, image=self.image)
        self.deploy(*changed, phase="Progressing", healthyFor="30s")
        self.device.kill()
        self.device.clean()
        shutil.rmtree(self.device.run_dir)
        self.device.start().wait_ready()
        for name in ("app/main", "second/main"):
            self.device.wait_state(name, "running")
        self.assertEqual(self.device.status()["applied"], 2)
        self.device.wait_line("second", "line 1")

    def test_volumes_live_as_long_as_the_pod_and_are_shared_in_it(self):
        def container(name, *argv):
            return {"name": name, "image": self.image, "command": ["/actor", *argv],
                    "volumeMounts": [{"name": "shared", "mountPath": "/shared"},
                                     {"name": "fast", "mountPath": "/tmp/fast"}]}
        p = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "vol"},
             "spec": {"terminationGracePeriodSeconds": 1,
                      "volumes": [{"name": "shared", "emptyDir": {}},
                                  {"name": "fast", "emptyDir": {"medium": "Memory",
                                                                "sizeLimit": "1Mi"}}],
                      "containers": [container("a", "wait"), container("b", "wait")]}}
        self.deploy(p)
        folder = os.path.join(self.device.state_dir, "volumes/vol/shared")
        self.assertEqual(os.stat(folder).st_mode & 0o777, 0o777)
        self.deploy()
        wait_until("the volume is gone", 10, lambda: not os.path.exists(folder))

    def test_host_paths_are_mounted_where_they_are_allowed(self):
        data = os.path.join(self.world.folder, "data")
        os.makedirs(data)
        os.chmod(data, 0o777)
        self.device.stop()
        self.device.settings["allow_host_path"] = data
        self.device.start().wait_up()
        p = pod("writer", "/bin/sh", "-c", "echo hello > /tmp/out/file; sleep 100",
                volumes=[{"name": "out", "hostPath": {"path": data, "type": "Directory"}}],
                container_extra={"volumeMounts": [{"name": "out", "mountPath": "/tmp/out"}]})
        self.deploy(p)
        wait_until("the file is there", 10, lambda: os.path.exists(os.path.join(data, "file")))
        self.assertGreaterEqual(os.stat(os.path.join(data, "file")).st_uid, 700000)


if __name__ == "__main__":
    main()
