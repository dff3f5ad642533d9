"""Pods as Kubernetes has them: configs, order, hooks, ends, users, with real programs."""
import base64
import os
import shutil
import stat
import time

from skerry_test import ACTOR, WorldTest, actor_pod, main, wait_until, within

WALLCLOCK = os.path.join(ACTOR, "../wallclock.so")


def sh(script):
    return ["/bin/sh", "-c", script]


def container(name, script, **more):
    return {"name": name, "image": "host", "command": sh(script),
            "resources": {"limits": {"memory": "16Mi", "cpu": "500m"}}, **more}


def pod_of(name, containers, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"terminationGracePeriodSeconds": 5, "containers": containers, **spec}}


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def secret(name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque",
            "data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}}


class PodTest(WorldTest):
    def send(self, *pods, configs=(), **policy):
        self.generation += 1
        document = self.world.desired(self.device, self.generation, list(pods), **policy)
        document["configs"] = list(configs)
        self.world.publish(f"{self.device.name}/dn/desired", document, retain=True)

    def bring(self, *pods, configs=(), phase="Available", **policy):
        self.send(*pods, configs=configs, **policy)
        self.device.wait_phase(phase, self.generation, 30)

    def refused(self, *pods, configs=()):
        self.send(*pods, configs=configs)

        def answer():
            c = self.device.condition("Rejected")
            return c if c and c["generation"] == self.generation else None
        return wait_until("Rejected", 40, answer)["message"]

    def said(self, workload):
        return [line for line in self.device.lines(workload) if line]

    def events(self, reason):
        return self.world.db("SELECT object, message FROM event WHERE reason = ? ORDER BY ts_ms",
                             reason)


SPEAKS = """
env | grep -E '^(A_|ONE|TWO|NAME|NODE|LABEL|CPU|UID_|IP|NO)' | sort | sed 's/^/env /'
echo ready
exec sleep 1000
"""

READS = """
umask 077
echo "mode $(stat -Lc %a /run/c/key.txt) $(stat -Lc %a /run/s/pass)"
while :; do
    echo "key $(cat /run/c/key.txt) pass $(cat /run/s/pass) env $KEY"
    sleep 0.3
done
"""


class Configs(PodTest):
    def variables(self):
        ref = {"name": "conf", "key": "one"}
        return pod_of("speaks", [container("main", SPEAKS, env=[
            {"name": "ONE", "valueFrom": {"configMapKeyRef": ref}},
            {"name": "TWO", "valueFrom": {"secretKeyRef": {"name": "conf", "key": "two"}}},
            {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "not", "key": "x",
                                                             "optional": True}}},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "UID_", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu",
                                                               "divisor": "1m"}}},
        ], envFrom=[{"prefix": "A_", "configMapRef": {"name": "conf"}}])])

    def test_variables_come_from_configs_fields_and_resources(self):
        self.bring(self.variables(), configs=[config_map("conf", one="1", plain="$(ONE)"),
                                              secret("conf", two="zwei")])
        self.device.wait_line("speaks/main", "^ready$")
        got = dict(line[4:].split("=", 1) for line in self.said("speaks/main")
                   if line.startswith("env "))
        self.assertRegex(got.pop("UID_"), r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        self.assertRegex(got.pop("IP"), r"^[0-9a-f.:]+$")
        self.assertEqual(got.pop("NOTIFY_SOCKET"), "/run/skerry/notify.sock")
        self.assertEqual(got, {"ONE": "1", "TWO": "zwei", "NAME": "speaks", "CPU": "500",
                               "NODE": self.device.name, "A_one": "1", "A_plain": "$(ONE)"})

    def test_what_is_missing_is_refused_and_nothing_changes(self):
        self.bring(self.variables(), configs=[config_map("conf", one="1"), secret("conf", two="2")])
        pid = self.device.pid("speaks/main")
        for configs in ([], [config_map("conf", one="1")], [config_map("conf", other="1"),
                                                           secret("conf", two="2")]):
            self.assertIn("CreateContainerConfigError",
                          self.refused(self.variables(), configs=configs))
        self.assertEqual(self.device.pid("speaks/main"), pid)

    def reader(self):
        mounts = [{"name": "c", "mountPath": "/run/c"}, {"name": "s", "mountPath": "/run/s"},
                  {"name": "d", "mountPath": "/run/d"},
                  {"name": "c", "mountPath": "/run/part.txt", "subPath": "key.txt"}]
        volumes = [{"name": "c", "configMap": {"name": "conf", "items": [
                       {"key": "key", "path": "key.txt"}]}},
                   {"name": "s", "secret": {"secretName": "conf", "defaultMode": "0400"}},
                   {"name": "d", "projected": {"sources": [
                       {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {
                           "fieldPath": "metadata.labels"}}]}},
                       {"configMap": {"name": "conf"}}]}}]
        p = pod_of("reads", [container("main", READS, volumeMounts=mounts, env=[
            {"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "key"}}}])],
            volumes=volumes)
        p["metadata"]["labels"] = {"app": "reads"}
        return p

    def test_a_changed_config_reaches_the_files_and_restarts_nothing(self):
        self.bring(self.reader(), configs=[config_map("conf", key="old"), secret("conf", pass_="x",
                                                                                  **{"pass": "p1"})])
        self.device.wait_line("reads/main", "^mode 644 400$")
        self.device.wait_line("reads/main", "^key old pass p1 env old$")
        before = self.device.workload("reads/main")
        self.bring(self.reader(), configs=[config_map("conf", key="new"),
                                           secret("conf", **{"pass": "p2"})])
        # The files at once, the variable at the next start.
        self.device.wait_line("reads/main", "^key new pass p2 env old$", 30)
        after = self.device.workload("reads/main")
        self.assertEqual((after["pid"], after["restarts"]), (before["pid"], 0))
        self.assertTrue(self.read_inside("/run/d/labels").startswith('app="reads"'))
        self.assertEqual(self.read_inside("/run/d/key"), "new")
        self.assertEqual(self.read_inside("/run/part.txt"), "old")  # as Kubernetes: never updated

    def test_a_config_that_changed_while_no_agent_lived_reaches_the_files(self):
        self.bring(self.reader(), configs=[config_map("conf", key="old"),
                                           secret("conf", **{"pass": "p"})])
        self.device.wait_line("reads/main", "^key old")
        pid = self.device.pid("reads/main")
        # Killed after the state was switched to, before its files were written.
        folder = os.path.join(self.device.run_dir, "w/reads.main/files/c")
        before = os.readlink(folder + "/..data")
        self.bring(self.reader(), configs=[config_map("conf", key="new"),
                                           secret("conf", **{"pass": "p"})])
        self.device.kill()
        shutil.copytree(os.path.join(folder, os.readlink(folder + "/..data")),
                        os.path.join(folder, before))
        os.unlink(folder + "/..data")
        os.symlink(before, folder + "/..data")
        with open(os.path.join(folder, before, "key.txt"), "w") as f:
            f.write("old")
        self.device.start().wait_ready()
        wait_until("the file is the new one", 40,
                   lambda: self.device.pid("reads/main") and self.read_inside("/run/c/key.txt") == "new")
        self.assertEqual(self.device.pid("reads/main"), pid)

    def read_inside(self, path):
        with open(f"/proc/{self.device.pid('reads/main')}/root{path}") as f:
            return f.read()

    def test_what_a_secret_says_lies_in_memory_behind_a_closed_folder(self):
        self.bring(self.reader(), configs=[config_map("conf", key="k"),
                                           secret("conf", **{"pass": "very-secret-word"})])
        self.device.wait_line("reads/main", "very-secret-word")
        folder = os.path.join(self.device.run_dir, "w/reads.main")
        self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
        path = os.path.join(folder, "files/s/pass")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o400)
        self.assertGreaterEqual(os.stat(path).st_uid, 700000)
        for root, _, names in os.walk(self.device.state_dir):
            for name in names:
                if "skerry.db" in name:
                    continue  # the kept desired state itself
                with open(os.path.join(root, name), "rb") as f:
                    self.assertNotIn(b"very-secret-word", f.read())

    def test_the_workload_cannot_write_its_files(self):
        p = pod_of("writes", [container(
            "main", "echo x > /run/c/key; echo wrote $?; rm -rf /run/c/..data; echo rm $?; "
            "exec sleep 1000", volumeMounts=[{"name": "c", "mountPath": "/run/c"}])],
            volumes=[{"name": "c", "configMap": {"name": "conf"}}])
        self.bring(p, configs=[config_map("conf", key="k")])
        self.assertNotEqual(self.device.wait_line("writes/main", r"^wrote (\d+)$").group(1), "0")
        self.assertNotEqual(self.device.wait_line("writes/main", r"^rm (\d+)$").group(1), "0")

    def test_skerry_apply_brings_them_along(self):
        text = """
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {key: %s}
---
apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  terminationGracePeriodSeconds: 2
  volumes:
    - {name: c, configMap: {name: conf}}
  containers:
    - name: main
      image: host
      command: ["/bin/sh", "-c", "while :; do cat /run/c/key; echo; sleep 0.3; done"]
      volumeMounts: [{name: c, mountPath: /run/c}]
"""
        self.world.write("app.yaml", text % "first")
        self.world.cli("apply", "-f", "app.yaml", "-d", self.device.name, "--healthy-for", "1s",
                       check=0)
        self.device.wait_line("app/main", "^first$")
        pid = self.device.pid("app/main")
        self.world.write("app.yaml", text % "second")
        self.world.cli("apply", "-f", "app.yaml", "-d", self.device.name, check=0)
        self.device.wait_line("app/main", "^second$")
        self.assertEqual(self.device.pid("app/main"), pid)
        self.assertIn("unchanged", self.world.cli("apply", "-f", "app.yaml", "-d",
                                                  self.device.name, check=0).stdout)
        # Without its ConfigMap the pod would not start: told here, before anything is published.
        self.world.write("alone.yaml", text.split("---")[1].replace("name: app", "name: alone")
                         .replace("name: conf", "name: other"))
        done = self.world.cli("apply", "-f", "alone.yaml", "-d", self.device.name, check=2)
        self.assertIn('ConfigMap "other" is not there', done.stderr)


class Order(PodTest):
    shared = [{"name": "shared", "emptyDir": {}}]
    mount = [{"name": "shared", "mountPath": "/run/shared"}]

    def test_init_containers_run_one_after_another_before_the_others(self):
        def step(name, script):
            return container(name, script, volumeMounts=self.mount)
        # Each container has a user of its own: those that share files share one, too.
        p = pod_of("steps", [step("main", "cat /run/shared/log; exec sleep 1000")],
                   volumes=self.shared, securityContext={"runAsUser": 800001},
                   initContainers=[step("one", "sleep 0.7; echo one >> /run/shared/log"),
                                   step("two", "echo two >> /run/shared/log")])
        self.bring(p)
        wait_until("main speaks", 40, lambda: self.said("steps/main") == ["one", "two"])
        self.assertEqual(self.device.workload("steps/one")["state"], "completed")

    def test_an_init_container_that_fails_is_run_again_and_the_others_wait(self):
        p = pod_of("again", [container("main", "echo main; exec sleep 1000")], volumes=self.shared,
                   initContainers=[container(
                       "init", "[ -e /run/shared/once ] && exit 0; touch /run/shared/once; exit 1",
                       volumeMounts=self.mount)])
        self.bring(p)
        self.device.wait_line("again/main", "^main$")
        self.assertEqual(self.device.workload("again/init")["restarts"], 1)

    def test_an_init_container_that_fails_for_good_keeps_the_pod_from_starting(self):
        p = pod_of("never", [container("main", "echo main; exec sleep 1000")],
                   restartPolicy="Never", initContainers=[container("init", "exit 3")])
        self.send(p, progressDeadline="60s", rollback="off")
        self.device.wait_state("never/init", "failed")
        time.sleep(1)
        self.assertEqual(self.device.workload("never/main")["state"], "stopped")
        self.assertEqual(self.device.workload("never/init")["restarts"], 0)

    def test_sidecars_start_first_and_end_last(self):
        trap = ("trap 'echo {0} ends >> /run/shared/log; exit 0' TERM; "
                "echo {0} begins >> /run/shared/log; while :; do sleep 0.1; done")

        def part(name, **more):
            return container(name, trap.format(name), volumeMounts=[
                {"name": "log", "mountPath": "/run/shared"}], **more)
        self.device.stop()
        folder = os.path.join(self.world.folder, "shared")
        os.makedirs(folder)
        os.chmod(folder, 0o777)
        self.device.settings["allow_host_path"] = folder
        self.device.start().wait_up()

        def probe(name):
            """Without one a sidecar counts as started before it has said anything."""
            return {"exec": {"command": sh(f"grep -q '{name} begins' /run/shared/log")},
                    "periodSeconds": 1, "timeoutSeconds": 30, "failureThreshold": 60}
        p = pod_of("cars", [part("main")],
                   volumes=[{"name": "log", "hostPath": {"path": folder, "type": "Directory"}}],
                   initContainers=[part("first", restartPolicy="Always", startupProbe=probe("first")),
                                   part("second", restartPolicy="Always", startupProbe=probe("second"))],
                   terminationGracePeriodSeconds=60)
        log = os.path.join(folder, "log")
        with open(log, "w"):
            os.chmod(log, 0o666)
        self.bring(p)


        def lines():
            with open(log) as f:
                return f.read().splitlines()
        wait_until("main has begun", 40, lambda: "main begins" in lines())
        self.bring()
        wait_until("all are gone", 90, lambda: self.device.status()["workloads"] == {})
        self.assertEqual(lines(),
                         ["first begins", "second begins", "main begins",
                          "main ends", "second ends", "first ends"])

    def test_a_pod_that_is_done_lets_its_sidecar_go(self):
        p = pod_of("done", [container("main", "sleep 1; echo done")], restartPolicy="Never",
                   initContainers=[container("car", "trap 'exit 0' TERM; while :; do sleep 0.1; done",
                                             restartPolicy="Always")])
        self.bring(p)
        self.device.wait_state("done/main", "completed")
        self.device.wait_state("done/car", "stopped")
        # An agent that comes later leaves it at that.
        self.device.kill()
        self.device.start().wait_ready()
        self.device.wait_state("done/main", "completed")
        self.assertEqual(self.device.workload("done/car")["state"], "stopped")
        self.assertEqual(len(self.said("done/main")), 1)

    def test_a_new_agent_finds_a_pod_in_the_middle_of_its_order(self):
        p = pod_of("mid", [container("main", "echo main; exec sleep 1000")],
                   volumes=[{"name": "v", "emptyDir": {}}],
                   initContainers=[container("one", "echo one"), container(
                       "two", "while [ ! -e /run/v/go ]; do sleep 0.1; done; echo two",
                       volumeMounts=[{"name": "v", "mountPath": "/run/v"}])])
        self.send(p)
        self.device.wait_state("mid/two", "running")
        self.device.kill()
        self.device.start().wait_ready()
        with open(os.path.join(self.device.state_dir, "volumes/mid/v/go"), "w"):
            pass
        self.device.wait_line("mid/main", "^main$")
        self.assertEqual(self.said("mid/one"), ["one"])
        self.assertEqual(self.said("mid/two"), ["two"])


class Hooks(PodTest):
    def test_post_start_runs_before_the_container_is_ready(self):
        p = pod_of("hook", [container("main", "exec sleep 1000", lifecycle={"postStart": {
            "exec": {"command": sh("while [ ! -e /tmp/go ]; do sleep 0.1; done; touch /tmp/hooked")}}})])
        self.send(p)
        self.device.wait_state("hook/main", "running")
        self.assertFalse(self.device.workload("hook/main")["ready"])
        with open(f"/proc/{self.device.pid('hook/main')}/root/tmp/go", "w"):
            pass
        wait_until("ready", 40, lambda: self.device.workload("hook/main")["ready"])
        self.assertTrue(os.path.exists(f"/proc/{self.device.pid('hook/main')}/root/tmp/hooked"))

    def test_a_post_start_that_fails_ends_the_container(self):
        p = pod_of("bad", [container("main", "exec sleep 1000", lifecycle={"postStart": {
            "exec": {"command": sh("echo no luck; exit 9")}}})])
        self.send(p, rollback="off")
        message = wait_until("the event", 40, lambda: self.events("FailedPostStartHook"))[0][1]
        self.assertIn("exit code 9: no luck", message)
        wait_until("it is started again", 40,
                   lambda: self.device.workload("bad/main").get("restarts", 0) > 0)

    def test_pre_stop_comes_before_sigterm_and_inside_the_grace(self):
        p = pod_of("stop", [container(
            "main", "trap 'echo term; exit 0' TERM; echo set; while :; do sleep 0.1; done",
            lifecycle={"preStop": {"exec": {"command": sh("echo pre > /proc/1/fd/1; sleep 1")}}})],
            terminationGracePeriodSeconds=60)
        self.bring(p)
        self.device.wait_line("stop/main", "^set$", 40)
        began = time.monotonic()
        self.bring()
        wait_until("gone", 90, lambda: self.device.status()["workloads"] == {})
        took = time.monotonic() - began
        self.assertGreater(took, 1)

        def lines():
            return [r[0] for r in self.world.db("SELECT line FROM log WHERE pod = 'stop' ORDER BY ts_ms")]
        wait_until("its last word", 40, lambda: "term" in lines())
        self.assertEqual(lines()[-1], "term")

    def test_a_pre_stop_that_takes_too_long_is_cut_at_the_grace(self):
        p = pod_of("slow", [container("main", "trap '' TERM; echo set; while :; do sleep 0.1; done",
                                      lifecycle={"preStop": {"sleep": {"seconds": 600}}})],
                   terminationGracePeriodSeconds=2)
        self.bring(p)
        self.device.wait_line("slow/main", "^set$", 40)
        began = time.monotonic()
        self.bring()
        wait_until("gone", 40, lambda: self.device.status()["workloads"] == {})
        took = time.monotonic() - began
        self.assertGreater(took, 3.5)  # 2 s of grace, then Kubernetes' least of 2 s after SIGTERM

    def test_a_probe_has_a_grace_of_its_own(self):
        p = pod_of("sick", [container("main", "trap '' TERM; while :; do sleep 0.1; done",
                                      livenessProbe={"exec": {"command": ["/bin/false"]},
                                                     "periodSeconds": 1, "failureThreshold": 1,
                                                     "terminationGracePeriodSeconds": 2})],
                   terminationGracePeriodSeconds=600)
        self.send(p, rollback="off")
        wait_until("it was killed", 40,
                   lambda: self.device.workload("sick/main").get("lastExit", {}).get("signal") == 9)


class Ends(PodTest):
    def test_a_pod_that_is_active_for_too_long_fails(self):
        p = pod_of("late", [container("main", "exec sleep 1000")], activeDeadlineSeconds=3)
        self.send(p, rollback="off")
        self.device.wait_state("late/main", "failed", 40)
        self.assertIn("DeadlineExceeded", self.device.workload("late/main")["trouble"])
        wait_until("the event", 40, lambda: self.events("DeadlineExceeded"))
        self.device.kill()
        self.device.start().wait_ready()
        self.device.wait_state("late/main", "failed")
        time.sleep(1)
        self.assertIsNone(self.device.pid("late/main"))

    def test_the_deadline_goes_on_while_no_agent_lives(self):
        p = pod_of("later", [container("main", "exec sleep 1000")], activeDeadlineSeconds=24)
        self.bring(p)
        pid = self.device.pid("later/main")
        self.device.kill()
        time.sleep(12)
        self.device.start().wait_ready()
        self.assertEqual(self.device.pid("later/main"), pid)
        within("24 s have not begun anew", 22, lambda: self.device.workload("later/main").get(
            "state") == "failed")

    def test_on_failure_and_never(self):
        self.bring(pod_of("fails", [container("main", "[ -e /run/v/x ] && exit 0; touch /run/v/x; "
                                              "exit 1", volumeMounts=[
                                                  {"name": "v", "mountPath": "/run/v"}])],
                          volumes=[{"name": "v", "emptyDir": {}}], restartPolicy="OnFailure"))
        self.device.wait_state("fails/main", "completed")
        self.assertEqual(self.device.workload("fails/main")["restarts"], 1)


class Users(PodTest):
    def identity(self, name="who", container_security=None, **security):
        c = container("main", "id -u; id -g; id -G; stat -c '%u %g %a' /run/v; "
                      "touch /run/v/f; stat -c %g /run/v/f; exec sleep 1000",
                      volumeMounts=[{"name": "v", "mountPath": "/run/v"}])
        if container_security:
            c["securityContext"] = container_security
        return pod_of(name, [c], volumes=[{"name": "v", "emptyDir": {}}], securityContext=security)

    def test_users_and_groups_are_as_asked(self):
        self.bring(self.identity(runAsUser=800001, runAsGroup=800002, fsGroup=800003,
                                 supplementalGroups=[800004], runAsNonRoot=True,
                                 container_security={"runAsUser": 800009}))
        wait_until("it has said all", 40, lambda: len(self.said("who/main")) == 5)
        uid, gid, groups, folder, file = self.said("who/main")
        self.assertEqual((uid, gid), ("800009", "800002"))
        self.assertEqual(set(groups.split()), {"800002", "800003", "800004"})
        self.assertEqual((folder, file), ("0 800003 2777", "800003"))

    def test_the_boards_own_users_are_refused_on_its_own_root(self):
        self.assertIn("spec.securityContext.runAsUser: 1000 would be the board's own",
                      self.refused(self.identity(runAsUser=1000)))
        self.assertIn("is root", self.refused(self.identity(runAsUser=0)))
        self.assertIn("supplementalGroups: 42", self.refused(self.identity(supplementalGroups=[42])))


class Names(PodTest):
    def test_a_pod_has_its_own_hosts_and_resolver(self):
        p = pod_of("names", [container("main", "hostname; echo host $HOSTNAME; cat /etc/hosts; "
                                       "cat /etc/resolv.conf; exec sleep 1000")],
                   hostname="other", hostAliases=[{"ip": "10.1.2.3", "hostnames": ["a.b", "c"]}],
                   dnsPolicy="None", dnsConfig={"nameservers": ["10.0.0.53"],
                                                "searches": ["x.y", "z"],
                                                "options": [{"name": "ndots", "value": "2"}]})
        self.bring(p)
        wait_until("it has said all", 40, lambda: "options ndots:2" in self.said("names/main"))
        lines = self.said("names/main")
        self.assertEqual(lines[:2], ["other", "host other"])
        for line in ("10.1.2.3 a.b c", "nameserver 10.0.0.53", "search x.y z"):
            self.assertIn(line, lines)


class Volumes(PodTest):
    def test_a_file_is_mounted_on_a_file_that_an_image_does_not_have(self):
        p = actor_pod("files", "wait", image=self.push_actor(), container_extra={"volumeMounts": [
            {"name": "c", "mountPath": "/etc/app/app.conf", "subPath": "app.conf"},
            {"name": "c", "mountPath": "/etc/all"}]},
            volumes=[{"name": "c", "configMap": {"name": "conf"}}],
            hostAliases=[{"ip": "10.1.2.3", "hostnames": ["a"]}])
        conf = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"},
                "data": {"app.conf": "it is there"}}
        self.bring(p, configs=[conf])
        for path, content in (("etc/app/app.conf", "it is there"),
                              ("etc/all/app.conf", "it is there"), ("etc/hosts", "10.1.2.3 a")):
            with open(f"/proc/{self.device.pid('files/main')}/root/{path}") as f:
                self.assertIn(content, f.read())

    def test_parts_of_volumes_and_folders_that_are_made(self):
        self.device.stop()
        allowed = os.path.join(self.world.folder, "allowed")
        os.makedirs(allowed)
        self.device.settings["allow_host_path"] = allowed
        self.device.start().wait_up()
        mounts = [{"name": "v", "mountPath": "/run/part", "subPath": "a/b"},
                  {"name": "v", "mountPath": "/run/whole"},
                  {"name": "h", "mountPath": "/run/made"}]
        p = pod_of("parts", [container("main", "echo x > /run/part/f && cat /run/whole/a/b/f; "
                                       "ls -d /run/made; exec sleep 1000", volumeMounts=mounts)],
                   volumes=[{"name": "v", "emptyDir": {}},
                            {"name": "h", "hostPath": {"path": allowed + "/new/deep",
                                                       "type": "DirectoryOrCreate"}}])
        self.bring(p)
        wait_until("both are there", 40, lambda: self.said("parts/main") == ["x", "/run/made"])
        self.assertEqual(stat.S_IMODE(os.stat(allowed + "/new/deep").st_mode), 0o755)

    def test_a_pod_that_fills_its_volume_beyond_its_limit_is_evicted(self):
        p = pod_of("full", [container("main", "dd if=/dev/zero of=/run/v/f bs=1k count=600; echo full; "
                                      "exec sleep 1000",
                                      volumeMounts=[{"name": "v", "mountPath": "/run/v"}])],
                   volumes=[{"name": "v", "emptyDir": {"sizeLimit": "512Ki"}}])
        self.bring(p)
        self.device.wait_line("full/main", "^full$")
        self.assertEqual(self.device.workload("full/main")["state"], "running")
        self.device.wait_state("full/main", "failed", 120)  # it is looked at once a minute
        self.assertIn("Evicted: emptyDir v holds", self.device.workload("full/main")["trouble"])

    def test_a_host_path_of_another_type_is_no_mount(self):
        self.device.stop()
        allowed = os.path.join(self.world.folder, "allowed")
        os.makedirs(allowed + "/folder")
        self.device.settings["allow_host_path"] = allowed
        self.device.start().wait_up()
        p = pod_of("typed", [container("main", "exec sleep 1000", volumeMounts=[
            {"name": "h", "mountPath": "/run/h"}])],
            volumes=[{"name": "h", "hostPath": {"path": allowed + "/folder", "type": "File"}}])
        self.send(p, rollback="off")
        wait_until("it says why", 40, lambda: "is no plain file" in
                   self.device.workload("typed/main").get("trouble", ""))


def job_of(name, script, pod_spec=None, **spec):
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {
        "template": {"spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 2,
                              "containers": [container("main", script)], **(pod_spec or {})}},
        **spec}}


def cron_job_of(name, script, schedule="* * * * *", job=None, **spec):
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": {
        "schedule": schedule, **spec, "jobTemplate": {"spec": job_of("x", script,
                                                                     **(job or {}))["spec"]}}}


class Kinds(PodTest):
    def test_a_deployment_and_a_daemon_set_run_their_template(self):
        def around(kind, name):
            return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": {
                    "terminationGracePeriodSeconds": 2,
                    "containers": [container("main", "echo $APP; exec sleep 1000", env=[
                        {"name": "APP", "valueFrom": {"fieldRef": {
                            "fieldPath": "metadata.labels['app']"}}}])]}}}}
        self.bring(around("Deployment", "dep"), around("DaemonSet", "dae"))
        self.device.wait_line("dep/main", "^dep$")
        self.device.wait_line("dae/main", "^dae$")

    def test_paths_of_refusals_are_those_of_the_document(self):
        bad = job_of("bad", "exit 0")
        bad["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
        self.assertIn("workloads[0]: spec.template.spec.containers[0].livenesProbe",
                      self.refused(bad))


class Jobs(PodTest):
    def test_a_job_runs_once_and_not_again_after_a_reboot(self):
        self.bring(job_of("once", "echo ran"))
        self.device.wait_state("once/main", "completed")
        wait_until("the event", 40, lambda: self.events("JobComplete"))
        self.device.kill()
        self.device.clean()
        shutil.rmtree(self.device.run_dir)
        self.device.start().wait_ready()
        self.device.wait_state("once/main", "completed")
        time.sleep(1)
        self.assertEqual(self.said("once/main"), [])

    def test_a_job_that_keeps_failing_is_given_up_after_its_backoff_limit(self):
        self.send(job_of("fails", "echo try; exit 3", backoffLimit=1), rollback="off")
        self.device.wait_state("fails/main", "failed", 20)
        self.assertIn("BackoffLimitExceeded", self.device.workload("fails/main")["trouble"])
        wait_until("both have spoken", 40, lambda: len(self.said("fails/main")) == 2)
        wait_until("the event", 40, lambda: self.events("JobFailed"))
        time.sleep(1)
        self.assertEqual(len(self.said("fails/main")), 2)

    def test_a_job_has_a_deadline_and_what_it_left_goes_after_its_ttl(self):
        job = job_of("late", "echo x > /run/v/f; exec sleep 1000", activeDeadlineSeconds=12,
                     ttlSecondsAfterFinished=2,
                     pod_spec={"volumes": [{"name": "v", "emptyDir": {}}]})
        job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [
            {"name": "v", "mountPath": "/run/v"}]
        self.send(job, rollback="off")
        folder = os.path.join(self.device.state_dir, "volumes/late")
        wait_until("it has written", 40, lambda: os.path.exists(folder + "/v/f"))
        self.device.wait_state("late/main", "failed", 60)
        self.assertIn("DeadlineExceeded", self.device.workload("late/main")["trouble"])
        wait_until("its volume is gone", 40, lambda: not os.path.exists(folder))
        self.assertEqual(self.device.workload("late/main")["state"], "failed")


class CronJobs(PodTest):
    def set_clock(self, wall_s):
        """A new agent whose wall clock says `wall_s` now."""
        self.device.stop()
        shift = int((wall_s - time.time()) * 1000)
        self.device.start(env={"LD_PRELOAD": WALLCLOCK, "WALLCLOCK_SHIFT_MS": str(shift),
                               "ASAN_OPTIONS": "verify_asan_link_order=0"}).wait_up()

    @staticmethod
    def before_a_minute(seconds):
        return (int(time.time()) // 60 + 5) * 60 - seconds

    def test_it_runs_at_its_time_and_each_run_is_a_new_one(self):
        self.set_clock(self.before_a_minute(20))
        self.bring(cron_job_of("tick", "echo run; touch /run/v/f && ls /run/v | wc -l",
                               job={"pod_spec": {
                                   "volumes": [{"name": "v", "emptyDir": {}}],
                                   "containers": [container(
                                       "main", "ls /run/v | wc -l; touch /run/v/f",
                                       volumeMounts=[{"name": "v", "mountPath": "/run/v"}])]}}))
        self.assertEqual(self.device.workload("tick/main")["state"], "stopped")
        self.device.wait_state("tick/main", "completed", 60)
        wait_until("the event", 40, lambda: self.events("JobComplete"))
        # A minute later, for an agent that was away meanwhile.
        self.set_clock(self.before_a_minute(2) + 60)
        wait_until("it ran again", 40, lambda: len(self.events("JobComplete")) >= 2)
        lines = wait_until("the hub has both", 40, lambda: (lambda rows: rows if len(rows) >= 2
                                                            else None)(self.world.db(
                                "SELECT line FROM log WHERE pod = 'tick'")))
        self.assertEqual([row[0] for row in lines[:2]], ["0", "0"])

    def test_a_run_that_is_still_going_keeps_the_next_one_away(self):
        self.set_clock(self.before_a_minute(4))
        self.bring(cron_job_of("slow", "exec sleep 1000", concurrencyPolicy="Forbid"),
                   cron_job_of("again", "exec sleep 1000", concurrencyPolicy="Replace"))
        self.device.wait_state("slow/main", "running", 60)
        self.device.wait_state("again/main", "running", 60)
        slow, again = self.device.pid("slow/main"), self.device.pid("again/main")
        self.set_clock(self.before_a_minute(2) + 60)
        wait_until("a time was left out", 40, lambda: self.events("JobAlreadyActive"))
        self.assertEqual(self.device.pid("slow/main"), slow)
        wait_until("another run took its place", 40, lambda: self.device.pid("again/main")
                   not in (None, again))

    def test_a_board_whose_clock_was_never_set_runs_none_and_says_so(self):
        self.set_clock(1000)
        self.bring(cron_job_of("tick", "echo run"))
        found = wait_until("it says so", 40, lambda: [
            e for e in self.device.status()["events"] if e["reason"] == "ClockNotSet"])
        self.assertIn("never set", found[0]["message"])
        self.assertEqual(self.device.workload("tick/main")["state"], "stopped")

    def test_a_suspended_one_does_not_run(self):
        self.set_clock(self.before_a_minute(3))
        self.bring(cron_job_of("tick", "echo run", suspend=True))
        time.sleep(6)
        self.assertEqual(self.device.workload("tick/main")["state"], "stopped")
        self.assertEqual(self.said("tick/main"), [])


class Priorities(PodTest):
    def pod(self, name, priority, part=None, **spec):
        """A pod that requests a part of the board's memory, in hundredths."""
        c = container("main", "exec sleep 1000")
        c["resources"] = {} if part is None else {"requests": {
            "memory": str(self.device.status()["capacity"]["memBytes"] * part // 100)}}
        return pod_of(name, [{**c, **spec.pop("container", {})}], priorityClassName=priority, **spec)

    def seen(self, name):
        w = self.device.workload(f"{name}/main")
        return w["state"], w["qos"], w["priority"]

    def test_the_lowest_waits_with_its_reason_and_comes_back(self):
        low, normal, high = (self.pod("a", "low", 40), self.pod("b", "normal", 40),
                             self.pod("c", "high", 40))
        self.bring(low, normal)
        before = self.device.pid("b/main")
        self.bring(low, normal, high)
        self.device.wait_state("a/main", "waiting", 40)
        self.assertEqual(self.seen("a"), ("waiting", "Burstable", "low"))
        self.assertRegex(self.device.workload("a/main")["trouble"],
                         r"^Preempted: needs \S+i, \S+i are free beside pods of higher priority$")
        self.assertNotIn("pid", self.device.workload("a/main"))
        self.assertEqual(self.seen("c"), ("running", "Burstable", "high"))
        self.assertEqual(self.device.pid("b/main"), before)
        wait_until("it is an event", 40, lambda: self.events("Preempted"))
        self.assertGreaterEqual(self.device.status()["allocatable"]["memBytes"], 0)
        self.bring(low, normal)
        self.device.wait_state("a/main", "running")
        self.assertNotIn("trouble", self.device.workload("a/main"))
        self.assertEqual(self.device.pid("b/main"), before)

    def test_it_waits_over_a_restart_of_the_agent_and_comes_back_when_another_is_done(self):
        job = self.pod("b", "high", 60, restartPolicy="Never", container={
            "command": sh("while [ ! -e /run/go/now ]; do sleep 0.1; done"),
            "volumeMounts": [{"name": "go", "mountPath": "/run/go"}]},
            volumes=[{"name": "go", "configMap": {"name": "go", "optional": True}}])
        low = self.pod("a", "low", 60)
        self.bring(job, low)
        self.assertEqual(self.seen("a")[0], "waiting")
        pid = self.device.pid("b/main")
        self.device.kill()
        self.device.start().wait_up()
        self.assertEqual(self.seen("a")[0], "waiting")
        self.assertEqual(self.device.pid("b/main"), pid)
        self.send(job, low, configs=[config_map("go", now="")])
        self.device.wait_state("b/main", "completed")
        self.device.wait_state("a/main", "running")
        # What has ended takes no room when the agent finds it again, either.
        pid = self.device.pid("a/main")
        self.device.kill()
        self.device.start().wait_up()
        self.assertEqual(self.device.pid("a/main"), pid)

    def test_one_that_gives_way_waits_as_a_successor_too(self):
        self.bring(self.pod("a", "low", 60))
        self.bring(self.pod("a", "low", 61), self.pod("b", "high", 60))
        self.device.wait_state("a/main", "waiting")
        self.assertEqual(self.seen("b")[0], "running")

    def test_what_can_never_fit_and_what_nobody_decides_is_refused(self):
        self.assertIn("workloads[1]: it requests", self.refused(
            self.pod("a", "high", 10), self.pod("b", "low", 110)))
        self.assertIn("all of one priorityClassName, they request", self.refused(
            self.pod("a", "low", 60), self.pod("b", "low", 60)))

    def test_what_is_idle_steps_back(self):
        self.bring(self.pod("a", "idle"), self.pod("b", "system-node-critical"))
        self.assertEqual(self.seen("a"), ("running", "BestEffort", "idle"))
        self.assertEqual(self.seen("b"), ("running", "BestEffort", "system-critical"))
        a, b = self.device.pid("a/main"), self.device.pid("b/main")
        self.assertEqual((os.sched_getscheduler(a), os.sched_getscheduler(b)),
                         (os.SCHED_IDLE, os.SCHED_OTHER))
        self.assertEqual([self.score(pid) for pid in (a, b)], [1000, 200])

    def score(self, pid):
        with open(f"/proc/{pid}/oom_score_adj") as f:
            return int(f.read())


if __name__ == "__main__":
    main()
