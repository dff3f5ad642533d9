"""Desired states: order, defects, and what a board does about each."""
import copy
import json
import time

from skerry_test import WorldTest, main, pod, wait_until

GOOD = pod("steady", "/bin/sleep", "1000")


def broken(change):
    document = copy.deepcopy(GOOD)
    change(document)
    return document


def container(document):
    return document["spec"]["containers"][0]


class Order(WorldTest):
    def test_a_lower_generation_is_stale_and_changes_nothing(self):
        self.deploy(GOOD)
        self.deploy(GOOD)
        pid = self.device.pid("steady/main")
        self.world.send_desired(self.device, 1, [])
        c = wait_until("Stale", 10, lambda: self.device.condition("Stale"))
        self.assertEqual(c["generation"], 1)
        self.assertEqual(self.device.pid("steady/main"), pid)

    def test_a_lower_generation_does_not_stay_at_the_broker(self):
        self.deploy(pod("app", "/bin/sleep", "1000"))
        self.deploy(pod("app", "/bin/sleep", "1001"))
        newest = self.world.subscribe(f"{self.device.name}/dn/desired", raw=True)
        wait_until("the hub has it", 40, lambda: self.world.db(
            "SELECT 1 FROM device WHERE desired_generation = 2"))
        self.world.send_desired(self.device, 1, [pod("other", "/bin/sleep", "1")])
        wait_until("it is Stale", 40, lambda: self.device.condition("Stale"))
        wait_until("the newer one is back", 40, lambda: self.world.subscribe(
            f"{self.device.name}/dn/desired", raw=True) == newest)
        self.assertEqual(list(self.device.status()["workloads"]), ["app/main"])

    def test_another_document_of_the_same_generation_is_a_conflict(self):
        self.deploy(GOOD)
        pid = self.device.pid("steady/main")
        self.world.send_desired(self.device, 1, [])
        c = wait_until("Conflict", 10, lambda: self.device.condition("Conflict"))
        self.assertEqual(c["generation"], 1)
        self.assertEqual(self.device.pid("steady/main"), pid)

    def test_the_same_document_again_is_nothing(self):
        self.deploy(GOOD)
        events = self.world.db("SELECT count(*) FROM event")
        pid = self.device.pid("steady/main")
        self.world.send_desired(self.device, 1, [GOOD])
        self.world.send_desired(self.device, 1, [GOOD])
        self.device.wait_phase("Available", 1)
        self.assertEqual(self.device.pid("steady/main"), pid)
        self.assertIsNone(self.device.condition("Conflict"))
        self.assertLessEqual(events, self.world.db("SELECT count(*) FROM event"))

    def test_a_higher_epoch_comes_before_a_higher_generation(self):
        self.generation = 6
        self.deploy(GOOD)
        self.world.send_desired(self.device, 1, [], epoch=2)
        wait_until("epoch 2 is applied", 10, lambda: self.device.status()["epoch"] == 2)
        self.device.wait_phase("Available", 1)
        wait_until("nothing is left", 20, lambda: self.device.status()["workloads"] == {})

    def test_an_empty_document_is_unmanaged_and_everything_goes_on(self):
        self.deploy(GOOD)
        pid = self.device.pid("steady/main")
        self.world.publish(f"{self.device.name}/dn/desired", b"", retain=True)
        wait_until("Unmanaged", 10, lambda: self.device.condition("Unmanaged"))
        self.assertEqual(self.device.pid("steady/main"), pid)
        self.device.kill()
        self.device.start().wait_ready()
        self.assertEqual(self.device.pid("steady/main"), pid)


class Defects(WorldTest):
    """Each is answered with its reason in up/state and changes nothing."""

    def check(self, document, reason, raw=None):
        payload = raw if raw is not None else json.dumps(document)
        before = self.device.pid("steady/main")
        seen = (self.device.condition("Rejected") or {}).get("since")
        self.world.publish(f"{self.device.name}/dn/desired", payload)
        c = wait_until(f"Rejected: {reason}", 10, lambda: (
            lambda c: c if c and c["since"] != seen else None)(self.device.condition("Rejected")))
        self.assertIn(reason, c["message"])
        self.assertEqual(self.device.pid("steady/main"), before)
        self.assertEqual(self.device.status()["observed"], 1)
        # The cloud reads the same sentence.
        wait_until("the report says so", 10, lambda: any(
            reason in x["message"] for x in self.world.state(self.device)["conditions"]))

    def document(self, *pods, **members):
        d = self.world.desired(self.device, 2, list(pods))
        d.update(members)
        return d

    def test_envelopes_that_are_not_for_this_board_or_not_documents(self):
        self.deploy(GOOD)
        self.check(None, "not acceptable JSON", raw='{"apiVersion":')
        self.check(None, "not acceptable JSON", raw='{"a":1,"a":2}')
        # Libraries and brokers let it through; the device measures.
        self.check(None, "65537 bytes", raw="[" + "0," * 32767 + "0]")
        self.check(self.document(kind="Deployment"), "kind")
        self.check(self.document(apiVersion="skerry.dev/v2"), "apiVersion")
        self.check(self.document(device="another"), "device")
        self.check(self.document(fleet="other"), "fleet")
        self.check(self.document(generation=-1), "generation")
        self.check(self.document(generation="2"), "generation")
        self.check(self.document(workloads={}), "workloads")
        self.check(self.document(configs=[{"kind": "ConfigMap"}]), "configs[0]: ")
        self.check(self.document(configs={}), "configs")

    def test_manifests_with_defects_are_refused_with_their_path(self):
        self.deploy(GOOD)
        cases = [
            (lambda d: d["spec"].update(hostUsers=False), "workloads[0]: spec.hostUsers"),
            (lambda d: container(d).update(livenesProbe={}), "spec.containers[0].livenesProbe"),
            (lambda d: container(d)["resources"]["limits"].update(memory="12XB"),
             "spec.containers[0].resources.limits.memory"),
            (lambda d: container(d)["resources"]["limits"].update(memory="192"),
             'did you mean "192Mi"'),
            (lambda d: d["metadata"].update(name="Not_A_Label"), "metadata.name"),
            (lambda d: d["spec"]["containers"].append(copy.deepcopy(container(d))),
             'a second container is called "main"'),
            (lambda d: container(d).update(image="nginx:latest"), "spec.containers[0].image"),
            (lambda d: container(d).pop("image"), "image is missing"),
            (lambda d: container(d).update(volumeMounts=[{"name": "no", "mountPath": "/x"}]),
             "spec.volumes has no"),
            (lambda d: d["spec"].update(volumes=[{"name": "v", "hostPath": {"path": "/etc"}}]),
             "not in allow_host_path"),
            (lambda d: d["spec"].update(restartPolicy="Sometimes"), "spec.restartPolicy"),
            (lambda d: container(d)["resources"]["limits"].update(memory="900Gi"),
             "this board has"),
            (lambda d: d.update(kind="StatefulSet"), "workloads[0]: kind: "),
            (lambda d: d.update(kind="Job"), "apiVersion: batch/v1 is expected for a Job"),
        ]
        for change, reason in cases:
            with self.subTest(reason):
                self.check(self.document(broken(change)), reason)
        self.check(self.document(GOOD, GOOD), 'a second pod is called "steady"')

    def test_host_images_are_refused_where_the_configuration_does_not_allow_them(self):
        self.device.stop()
        self.device.settings["allow_host_image"] = "false"
        self.device.start().wait_up()
        self.world.send_desired(self.device, 1, [GOOD])
        c = wait_until("Rejected", 10, lambda: self.device.condition("Rejected"))
        self.assertIn("allow_host_image", c["message"])
        self.assertEqual(self.device.status()["observed"], 0)


    def test_what_is_refused_is_answered_once_and_not_shown_for_ever(self):
        big = pod("big", "/bin/sleep", "1000", container_extra={
            "resources": {"limits": {"memory": "64Ti"}}})
        self.world.send_desired(self.device, 1, [big])
        wait_until("Rejected", 10, lambda: self.device.condition("Rejected"))
        wait_until("the hub has the answer", 20, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'Rejected'"))
        time.sleep(4)  # nothing must happen: there is nothing to wait for
        self.assertEqual(self.world.db("SELECT count(*) FROM event WHERE reason = 'Rejected'"),
                         [(1,)])
        self.assertLessEqual(self.world.hub.log().count("shown again"), 1)


class KeptOnFlash(WorldTest):
    def test_the_last_good_state_runs_after_a_reboot_without_network(self):
        self.deploy(GOOD)
        self.world.stop_broker()
        self.device.kill()
        # A reboot ends every process and empties run_dir.
        self.device.clean()
        import shutil
        shutil.rmtree(self.device.run_dir)
        self.device.start().wait_ready()
        self.device.wait_state("steady/main", "running")
        self.assertFalse(self.device.status()["link"]["up"])
        self.assertEqual(self.device.status()["observed"], 1)

    def test_a_hub_shows_a_newer_state_to_a_device_that_has_an_older_one(self):
        self.deploy(GOOD)
        self.device.stop()
        self.world.send_desired(self.device, 2, [])
        wait_until("the hub knows it", 10, lambda: self.world.db(
            "SELECT 1 FROM device WHERE desired_generation = 2"))
        # The broker forgets; the device comes back with generation 1.
        self.world.stop_broker()
        self.world.start_broker()
        self.device.start().wait_up()
        self.device.wait_phase("Available", 2, 30)


if __name__ == "__main__":
    main()
