"""Rollouts: a desk brings a state to a fleet of 50, and devices answer as they like."""
import asyncio
import json
import os
import signal
import re
import subprocess
import unittest

import jsonschema
import yaml

from crowd import Crowd
from signer import Signer
from skerry_test import BIN, World, main, pod, wait_until

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")
APP = """apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  containers:
    - name: main
      image: host
      command: ["/bin/sleep", "1000"]
      env: [{name: VERSION, value: "VERSION"}]
      resources: {limits: {memory: 16Mi, cpu: 100m}}
"""


def version_of(document):
    for w in document["workloads"]:
        return w["spec"]["containers"][0]["env"][0]["value"]
    return None


class FleetTest(unittest.TestCase):
    size = 10
    delay = 0.05

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.crowd = Crowd(self.world.port, self.delay)
        self.addCleanup(self.crowd.close)
        for i in range(self.size):
            self.add(i)
        os.environ["XDG_STATE_HOME"] = os.path.join(self.world.folder, "home")
        self.running = []
        self.addCleanup(self.end_all)

    def add(self, i, **more):
        labels = {"app": "inspect", "site": f"s{i % 5}", "stage": "canary" if i < 2 else "prod"}
        return self.crowd.add(f"d{i:02d}", labels={**labels, **more.pop("labels", {})}, **more)

    def end_all(self):
        for p in self.running:
            if p.poll() is None:
                p.kill()
            p.communicate()

    # --- the desk ---
    def rollout(self, version="1", name=None, **spec):
        self.world.write("app.yaml", APP.replace("VERSION\"}", f"{version}\"}}"))
        spec = {"selector": {"matchLabels": {"app": "inspect"}}, "to": {"files": ["app.yaml"]},
                "healthyFor": "1s", **spec}
        self.name = name or f"v{version}"
        return self.world.write("rollout.yaml", json.dumps({
            "apiVersion": "skerry.dev/v1", "kind": "Rollout", "metadata": {"name": self.name},
            "spec": spec}))

    def start(self, version="1", code=0, wait=True, name=None, args=(), **spec):
        return self.world.cli("rollout", "start", "-f", self.rollout(version, name, **spec),
                              *(["--wait"] if wait else []), "--timeout", "60s", *args, check=code)

    def begin(self, *args):
        """Start one that goes on while the test does something."""
        p = subprocess.Popen([os.path.join(BIN, "skerry"), "rollout", "start", *args, "--wait"],
                             env={**os.environ, **self.world.desk()}, cwd=self.world.folder,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.running.append(p)
        return p

    def status(self):
        return json.loads(self.world.cli("rollout", "status", self.name, "-o", "json",
                                         check=0).stdout)

    def wait_status(self, what, condition, seconds=20):
        def look():
            done = self.world.cli("rollout", "status", self.name, "-o", "json")
            return done.returncode == 0 and condition(json.loads(done.stdout))
        return wait_until(what, seconds, look)

    def versions(self):
        return [version_of(m.document) if m.document else None for m in self.crowd.members]


class Batches(FleetTest):
    size = 50

    def test_fifty_devices_batch_by_batch(self):
        done = self.start(batches=[{"selector": {"matchLabels": {"stage": "canary"}}, "limit": 1},
                                   {"limit": "20%"}])
        self.assertEqual(self.versions(), ["1"] * 50)
        first = {}
        for when, name, phase, _ in self.crowd.trace:
            first.setdefault((name, phase), when)
        canary = first["d00", "Available"]
        second = sorted(first[f"d{i:02d}", "Progressing"] for i in range(1, 11))
        third = sorted(first[f"d{i:02d}", "Progressing"] for i in range(11, 50))
        self.assertLess(canary, second[0])
        self.assertLess(max(first[f"d{i:02d}", "Available"] for i in range(1, 11)), third[0])
        self.assertIn("succeeded  d49", done.stdout)
        self.assertIn("batch 3 of 3", done.stdout)
        s = self.status()
        self.assertEqual((s["phase"], s["counts"]["succeeded"]), ("complete", 50))
        # What it carried is in the state: how long, and why.
        d = self.crowd["d00"].document
        self.assertEqual(d["policy"]["healthyFor"], "1000ms")
        self.assertEqual(d["reason"], "rollout v1")

    def test_another_terminal_watches_it(self):
        p = self.begin("-f", self.rollout(batches=[{"limit": "20%"}, {"limit": "20%"}],
                                          approve=[2]))
        self.wait_status("it waits for a person", lambda s: s["waits"] and s["batch"] == 2)
        watch = subprocess.Popen([os.path.join(BIN, "skerry"), "rollout", "status", self.name,
                                  "-w"], env={**os.environ, **self.world.desk()},
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.running.append(watch)
        self.assertRegex(watch.stdout.readline(), "running  batch 2 of 3")
        self.world.cli("rollout", "approve", self.name, check=0)
        self.assertEqual((p.wait(60), watch.wait(60)), (0, 0))
        lines = watch.stdout.read().splitlines()
        self.assertEqual(lines[-1], "complete")
        self.assertIn("batch 3 of 3", lines)

    def test_a_bad_build_stops_at_the_canaries(self):
        self.start("1")
        for m in self.crowd.members:
            m.fate = lambda d: "bad" if version_of(d) == "2" else "good"
        done = self.start("2", code=8, batches=[{"limit": 2}])
        self.assertIn("exit code 7", done.stdout)
        self.assertIn("skerry rollout resume v2", done.stderr)
        self.assertEqual(self.versions(), ["1"] * 50)
        touched = [m.name for m in self.crowd.members if 2 in m.got]
        self.assertEqual(touched, ["d00", "d01"])

    def test_the_bound_of_each_site_holds(self):
        async def in_twos(member):
            site = [m for m in self.crowd.members if m.labels["site"] == member.labels["site"]]
            while sum(m.phase == "Progressing" for m in site) < min(2, sum(not m.applied for m in site)):
                await asyncio.sleep(0.01)

        self.crowd.wait = in_twos
        self.start(maxUnavailable={"limit": 2, "groupBy": "site"})
        self.assertEqual(self.versions(), ["1"] * 50)
        for site in range(5):
            names = {f"d{i:02d}" for i in range(50) if i % 5 == site}
            self.assertEqual(self.crowd.most_changing(names), 2)

    def test_a_rollback_takes_all_back_within_the_bound(self):
        self.start("1")
        self.crowd.trace.clear()
        for m in self.crowd.members[30:]:
            m.fate = lambda d: "bad" if version_of(d) == "2" else "good"
        self.start("2", code=8, maxUnavailable=5,
                   halt={"failures": 3, "then": "rollback"})
        self.assertEqual(self.versions(), ["1"] * 50)
        self.assertLessEqual(self.crowd.most_changing({m.name for m in self.crowd.members}), 5)
        self.assertEqual(self.status()["phase"], "returned")
        # Never told, never touched.
        self.assertEqual(self.crowd["d49"].got, [1])


class Away(FleetTest):
    def test_who_is_offline_is_late_and_follows(self):
        self.crowd["d03"].leave()
        done = self.start(code=7, batches=[{"limit": 5}])
        self.assertEqual(self.status()["counts"]["late"], 1)
        self.assertEqual(self.versions().count("1"), 9)
        self.assertIn("complete", done.stdout)
        self.crowd["d03"].come()
        wait_until("it follows", 10, lambda: self.versions() == ["1"] * 10)

    def test_silence_is_neither_and_the_next_batch_waits_for_an_answer(self):
        self.crowd["d00"].fate = lambda d: "deaf"
        done = self.start(code=7, batches=[{"limit": 1}], deadline="1s", args=("--timeout", "4s"))
        self.assertIn("waits for an answer: all of batch 1 are late", done.stdout)
        s = self.status()
        self.assertEqual((s["counts"]["failed"], s["counts"]["waiting"], s["counts"]["late"]),
                         (0, 9, 1))

    def test_seen_and_not_healthy_by_the_deadline_fails(self):
        self.crowd["d00"].fate = lambda d: "mute"
        done = self.start(code=8, batches=[{"limit": 1}], deadline="1s")
        self.assertIn("failed     d00  seen, and not healthy by the deadline", done.stdout)


class People(FleetTest):
    def test_approval(self):
        p = self.begin("-f", self.rollout(batches=[{"limit": 2}], approve=[2]))
        self.wait_status("it asks", lambda s: s["waits"] == "batch 2 waits for approval")
        self.assertEqual(self.versions().count("1"), 2)
        self.world.cli("rollout", "approve", self.name, "--batch", "1", check=4)
        self.world.cli("rollout", "approve", self.name, check=0)
        self.assertEqual(p.wait(60), 0)
        self.assertEqual(self.versions(), ["1"] * 10)
        wishes = self.status()["wishes"]
        self.assertEqual([w["do"] for w in wishes], ["approve"])

    def test_pause_and_resume_from_another_terminal(self):
        self.crowd["d00"].fate = lambda d: "mute"
        p = self.begin("-f", self.rollout(batches=[{"limit": 1}]))
        self.wait_status("the first is told", lambda s: s["counts"]["updating"] == 1)
        self.world.cli("rollout", "pause", self.name, check=0)
        self.wait_status("it pauses", lambda s: s["phase"] == "paused")
        m = self.crowd["d00"]
        m.applied, m.document = m.observed, {"workloads": []}
        self.crowd.loop.call_soon_threadsafe(m.move, "Available", "")
        self.wait_status("it listens on", lambda s: s["counts"]["succeeded"] == 1)
        self.assertEqual(self.versions().count("1"), 0)
        self.world.cli("rollout", "pause", self.name, check=4)
        self.world.cli("rollout", "resume", self.name, check=0)
        self.assertEqual(p.wait(60), 0)
        self.assertEqual(self.versions().count("1"), 9)

    def test_a_halted_one_is_resumed_or_taken_back(self):
        self.start("1")
        self.crowd["d00"].fate = lambda d: "bad" if version_of(d) == "2" else "good"
        self.start("2", code=8, batches=[{"limit": 1}])
        self.world.cli("rollout", "resume", "v2", check=0)
        done = self.world.cli("rollout", "start", "v2", "--wait", check=7)
        self.assertIn("complete", done.stdout)
        self.assertEqual(self.versions(), ["1"] + ["2"] * 9)
        self.world.cli("rollout", "undo", "v2", check=0)
        self.assertEqual(self.versions(), ["1"] * 10)
        self.world.cli("rollout", "undo", "v2", check=4)

    def test_interrupted_and_resumed_elsewhere_nobody_is_told_twice(self):
        self.crowd["d00"].fate = lambda d: "mute"
        p = self.begin("-f", self.rollout(batches=[{"limit": 1}, {"limit": 3}]))
        self.wait_status("the first is told", lambda s: s["counts"]["updating"] == 1)
        self.world.cli("rollout", "start", self.name, "--wait", check=4)  # one runs it already
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.wait(60), 130)
        self.assertIn(f"skerry rollout start {self.name} --wait", p.stderr.read())
        m = self.crowd["d00"]
        m.applied, m.document = m.observed, {"workloads": []}
        self.crowd.loop.call_soon_threadsafe(m.move, "Available", "")
        self.world.cli("rollout", "start", self.name, "--wait", check=0)
        self.assertEqual([m.got for m in self.crowd.members], [[1]] * 10)

    def test_a_killed_one_goes_on_from_any_moment(self):
        self.crowd.delay = 0.3
        self.begin("-f", self.rollout(maxUnavailable=1))
        for n in (1, 3, 6):
            self.wait_status("it gets on", lambda s, n=n: s["counts"]["succeeded"] >= n)
            self.running[-1].kill()
            self.running[-1].wait()
            self.begin(self.name)
        self.assertEqual(self.running[-1].wait(60), 0)
        self.assertEqual([m.got for m in self.crowd.members], [[1]] * 10)
        self.assertEqual(self.crowd.most_changing({m.name for m in self.crowd.members}), 1)

    def test_the_window(self):
        # It opens for a minute at New Year; nothing is told before.
        done = self.start(code=7, window={"cron": "0 0 1 1 *", "duration": "1m"},
                          args=("--timeout", "2s"))
        self.assertIn("waits: the window is closed until ", done.stdout)
        self.assertEqual([m.got for m in self.crowd.members], [[]] * 10)
        # Always open.
        self.start("2", window={"cron": "* * * * *", "duration": "2m"})
        self.assertEqual(self.versions(), ["2"] * 10)


class Labels(FleetTest):
    size = 2

    def labels(self, device):
        return (self.crowd[device].document or {}).get("labels")

    def chosen(self, selector):
        done = self.world.cli("get", "devices", "-l", selector, "-o", "json", check=0)
        return [d["device"] for d in json.loads(done.stdout)["devices"]]

    def label(self, code, *changes, args=()):
        return self.world.cli("device", "label", "d00", *changes, *args, check=code)

    def test_given_and_taken_and_kept_by_what_does_not_mention_them(self):
        self.assertEqual(self.label(0, "stage=field", "zone=b").stdout,
                         "d00  generation 0->1\n")
        self.assertEqual(self.labels("d00"), {"stage": "field", "zone": "b"})
        self.assertEqual(self.chosen("stage=field,app=inspect"), ["d00"])
        shown = self.world.cli("get", "d00", "-o", "json", check=0).stdout
        self.assertEqual(json.loads(shown)["labels"],
                         {"app": "inspect", "site": "s0", "stage": "field", "zone": "b"})
        self.world.write("app.yaml", APP)
        self.world.cli("apply", "-f", "app.yaml", "--all", check=0)
        self.assertEqual(self.labels("d00"), {"stage": "field", "zone": "b"})
        # A rollout chooses by them, and keeps them too.
        self.start("2", selector={"matchLabels": {"zone": "b"}})
        self.assertEqual(self.versions(), ["2", "VERSION"])
        self.assertEqual(self.labels("d00"), {"stage": "field", "zone": "b"})
        self.label(0, "zone-", "stage=lab")
        self.assertEqual(self.labels("d00"), {"stage": "lab"})
        self.assertIn("unchanged", self.label(0, "stage=lab").stdout)
        self.label(0, "stage-")
        self.assertIsNone(self.labels("d00"))
        self.assertEqual(self.chosen("stage=canary"), ["d00", "d01"])

    def test_what_cannot_be_a_label_changes_nothing(self):
        for change, why in (("stage", "KEY=VALUE, or KEY-"), ("a b=c", "a b"),
                            ("a=" + "x" * 64, "a"), ("=x", "key of a label"), ("-", "key of a label"),
                            ("kubernetes.io/hostname=other", "fact that the board tells")):
            done = self.label(2, change)
            self.assertIn(why, done.stderr)
        self.assertIn("a=: a value is expected", self.label(2, "a=").stderr)
        for twice in (("a=b", "a-"), ("a=b", "c=d", "a=e")):
            self.assertIn("changed twice", self.label(2, *twice).stderr)
        self.assertIsNone(self.crowd["d00"].document)

    def test_a_pod_that_asks_for_one_is_in_the_way(self):
        self.world.write("app.yaml", APP + "  nodeSelector: {zone: b}\n")
        self.label(0, "zone=b")
        self.world.cli("apply", "-f", "app.yaml", "-d", "d00", check=0)
        self.assertIn("zone=b is asked for", self.label(2, "zone-").stderr)
        self.assertEqual(self.labels("d00"), {"zone": "b"})


class Races(FleetTest):
    """Two desks write the same generation: a broker has no compare-and-set, but one order."""
    size = 1
    races = int(os.environ.get("SKERRY_RACES", "100"))

    def test_exactly_one_of_two_wins_each_time(self):
        outcomes = {}
        for path, word in (("a.yaml", "a"), ("b.yaml", "b")):
            self.world.write(path, APP.replace("VERSION\"}", f"{word}\"}}"))
        m = self.crowd["d00"]
        # A slow link makes both read before either writes.
        relay = self.world.use_relay()
        relay.bytes_per_s = 60000
        env = {**os.environ, "SKERRY_BROKER": f"mqtt://127.0.0.1:{relay.port}"}
        for n in range(self.races):
            # What both build on differs from either.
            base = self.world.desired(m, 2 * n + 1, [])
            self.world.publish("d00/dn/desired", base, retain=True)
            both = [subprocess.Popen([os.path.join(BIN, "skerry"), "apply", "-f", f, "-d", "d00",
                                      "--no-wait"], env=env, cwd=self.world.folder,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                    for f in ("a.yaml", "b.yaml")]
            self.running = both
            codes = tuple(p.wait(60) for p in both)
            said = [p.communicate() for p in both]
            generations = [int(re.search(r"->(\d+)", s[0]).group(1)) for s in said]
            raced = generations[0] == generations[1]
            outcomes[codes, raced] = outcomes.get((codes, raced), 0) + 1
            # One after the other is no race: the second builds on the first.
            self.assertEqual(sorted(codes), [0, 4] if raced else [0, 0], said)
            if raced:
                winner = "ab"[codes.index(0)]
                self.assertEqual(version_of(json.loads(self.world.subscribe(
                    "d00/dn/desired", raw=True))), winner)
                wait_until("the device has the winner's", 10, lambda: m.document and
                           m.observed == 2 * n + 2 and version_of(m.document) == winner)
            else:
                self.world.publish("d00/dn/desired", b"", retain=True)
                m.epoch, m.observed = 1, 2 * n + 2
        print(outcomes)
        raced = sum(k for (_, r), k in outcomes.items() if r)
        self.assertGreater(raced, self.races // 4)


class Others(FleetTest):
    def test_what_somebody_else_applies_meanwhile_stands(self):
        self.crowd["d00"].fate = lambda d: "mute" if version_of(d) == "1" else "good"
        p = self.begin("-f", self.rollout(batches=[{"limit": 1}]))
        self.wait_status("the first is told", lambda s: s["counts"]["updating"] == 1)
        self.world.write("other.yaml", APP.replace("VERSION\"}", "other\"}"))
        # d00 comes last: with it the first batch is over, and all others are told.
        self.world.cli("apply", "-f", "other.yaml", "-d", "d05", "-d", "d00", check=0)
        self.assertEqual(p.wait(60), 7)
        s = self.status()
        self.assertEqual((s["counts"]["other"], s["counts"]["succeeded"]), (2, 8))
        self.world.cli("rollout", "undo", self.name, check=0)
        self.assertEqual(version_of(self.crowd["d00"].document), "other")
        self.assertEqual(self.crowd["d01"].document["workloads"], [])

    def test_a_broker_that_forgets_is_told_again(self):
        self.crowd["d00"].fate = lambda d: "deaf"
        p = self.begin("-f", self.rollout())
        self.wait_status("nine answer", lambda s: s["counts"]["succeeded"] == 9)
        self.crowd["d00"].fate = lambda d: "good"
        self.world.publish("d00/dn/desired", b"", retain=True)
        self.assertEqual(p.wait(60), 0)


def schema(name):
    with open(os.path.join(DOCS, "schema", name + ".json")) as f:
        return json.load(f)


class Places(FleetTest):
    size = 4
    SELECTOR = "spec:\n  nodeSelector: {site: s1, kubernetes.io/arch: arm64}\n"

    def setUp(self):
        super().setUp()
        self.world.write("picky.yaml", APP.replace("spec:\n", self.SELECTOR))

    def test_apply_publishes_nothing_if_one_device_has_no_place(self):
        done = self.world.cli("apply", "-f", "picky.yaml", "--all", check=2)
        for name, site in (("d00", "s0"), ("d02", "s2"), ("d03", "s3")):
            self.assertIn(f"misfit      {name}  app: spec.nodeSelector: site=s1 is asked for, "
                          f"the board has it as {site}", done.stderr)
        self.assertIn("3 of 4 devices", done.stderr)
        self.assertEqual([m.got for m in self.crowd.members], [[]] * 4)
        self.world.cli("apply", "-f", "picky.yaml", "-d", "d01", check=0)
        self.assertEqual(self.crowd["d01"].got, [1])

    def test_a_rollout_leaves_misfits_and_one_that_fits_nowhere_is_refused(self):
        path = self.rollout(to={"files": ["picky.yaml"]})
        done = self.world.cli("rollout", "start", "-f", path, "--wait", check=0)
        self.assertIn("left       d00  misfit: app: spec.nodeSelector: site=s1 ", done.stderr)
        self.assertEqual([m.got for m in self.crowd.members], [[], [1], [], []])
        nowhere = self.SELECTOR.replace("arm64", "amd64")
        self.world.write("picky.yaml", APP.replace("spec:\n", nowhere))
        done = self.world.cli("rollout", "start", "-f", self.rollout(
            name="again", to={"files": ["picky.yaml"]}), "--wait", check=2)
        self.assertIn("left       d01  misfit: app: spec.nodeSelector: kubernetes.io/arch=amd64 "
                      "is asked for, the board has it as arm64", done.stderr)
        self.assertIn("it fits nowhere", done.stderr)
        self.assertEqual([m.got for m in self.crowd.members], [[], [1], [], []])


class Room(FleetTest):
    """Requests beside what devices have said that they have."""
    size = 2

    def setUp(self):
        super().setUp()
        self.crowd.add("small", labels={"app": "inspect"}, mib=64)

    def pods(self, *pods):
        """A file of (name, priority, memory)."""
        return self.world.write("pods.yaml", "---\n".join(
            APP.replace("name: app", f"name: {name}").replace(
                "spec:\n", f"spec:\n  priorityClassName: {priority}\n").replace(
                "limits: {memory: 16Mi", f"limits: {{memory: {memory}")
            for name, priority, memory in pods))

    def got(self):
        return [m.got for m in self.crowd.members]

    def test_apply_publishes_nothing_if_a_pod_can_never_fit(self):
        path = self.pods(("big", "high", "100Mi"))
        done = self.world.cli("apply", "-f", path, "--all", check=2)
        self.assertIn("misfit      small  big: it requests 100 MiB of memory, this board has "
                      "64 MiB", done.stderr)
        self.assertIn("1 of 3 devices would refuse it; nothing was published", done.stderr)
        self.assertEqual(self.got(), [[], [], []])
        path = self.pods(("big", "high", "513Mi"))
        done = self.world.cli("apply", "-f", path, "--all", check=2)
        for name, has in (("d00", 512), ("d01", 512), ("small", 64)):
            self.assertIn(f"misfit      {name}  big: it requests 513 MiB of memory, this board "
                          f"has {has} MiB", done.stderr)
        self.assertIn("it fits nowhere: 3 of 3 devices", done.stderr)
        self.assertEqual(self.got(), [[], [], []])

    def test_equals_that_do_not_fit_together_are_refused_and_lower_ones_wait(self):
        path = self.pods(("a", "normal", "40Mi"), ("b", "normal", "40Mi"))
        done = self.world.cli("apply", "-f", path, "-d", "small", check=2)
        self.assertIn("misfit      small  all of one priorityClassName, they request 80 MiB of "
                      "memory, this board has 64 MiB", done.stderr)
        path = self.pods(("a", "low", "40Mi"), ("b", "normal", "40Mi"))
        done = self.world.cli("apply", "-f", path, "-d", "small", check=0)
        self.assertIn("waits       small  a: needs 40Mi, 24Mi are free beside pods of higher "
                      "priority", done.stderr)
        self.assertEqual(self.crowd["small"].got, [1])

    def test_what_is_there_counts_and_what_is_replaced_does_not(self):
        self.world.cli("apply", "-f", self.pods(("a", "normal", "60Mi")), "-d", "small", check=0)
        # The same pod, larger: its former self goes.
        self.world.cli("apply", "-f", self.pods(("a", "normal", "62Mi")), "-d", "small", check=0)
        # Another beside it.
        done = self.world.cli("apply", "-f", self.pods(("b", "normal", "3Mi")), "-d", "small",
                              check=2)
        self.assertIn("they request 65 MiB", done.stderr)
        self.world.cli("apply", "-f", self.pods(("b", "normal", "3Mi")), "-d", "small", "--prune",
                       check=0)
        self.assertEqual(self.crowd["small"].got, [1, 2, 3])

    def test_a_device_that_has_never_reported_judges_alone(self):
        path = self.pods(("big", "high", "513Mi"))
        done = self.world.cli("apply", "-f", path, "-d", "new", check=0)
        self.assertIn("unknown     new  the device has never reported, and judges by itself",
                      done.stderr)
        self.assertTrue(self.world.subscribe("new/dn/desired", raw=True))

    def explain(self, *args, code=0):
        rows = json.loads(self.world.cli("explain", *args, "-o", "json", check=code).stdout)
        jsonschema.validate(rows, schema("explain-files"))
        return {(r["device"], r["pod"]): r for r in rows}

    def test_explain_says_of_each_device_what_would_become_of_each_pod(self):
        self.world.cli("apply", "-f", self.pods(("old", "low", "40Mi")), "-d", "small", check=0)
        before = [list(g) for g in self.got()]
        self.pods(("big", "high", "100Mi"), ("app", "normal", "40Mi"))
        rows = self.explain("-f", "pods.yaml", "-l", "app=inspect")
        self.assertEqual({at: r["verdict"] for at, r in rows.items()}, {
            ("d00", "big"): "runs", ("d00", "app"): "runs", ("d01", "big"): "runs",
            ("d01", "app"): "runs", ("small", "big"): "refused", ("small", "app"): "refused"})
        self.assertEqual(rows["d00", "app"]["why"],
                         "it requests 40Mi of 512Mi and 100m of 1000m cpu")
        self.assertEqual(rows["small", "big"]["why"],
                         "it requests 100 MiB of memory, this board has 64 MiB")
        self.assertEqual(rows["small", "app"]["why"], "the state is refused as a whole: big: "
                         "it requests 100 MiB of memory, this board has 64 MiB")
        # What is there already counts, and is told if it would not run any more.
        rows = self.explain("-f", self.pods(("app", "normal", "40Mi")), "-d", "small")
        self.assertEqual({at: (r["verdict"], r["displaces"]) for at, r in rows.items()}, {
            ("small", "app"): ("runs", ["old"]), ("small", "old"): ("waits", [])})
        rows = self.explain("-f", "pods.yaml", "-d", "small", "--prune")
        self.assertEqual(rows["small", "app"]["displaces"], [])
        # People see the same, and who is away.
        self.crowd["d01"].leave()
        table = self.world.cli("explain", "-f", "pods.yaml", "-d", "small", "-d", "d01", "-d", "new",
                               check=0).stdout.splitlines()
        self.assertEqual(table[0].split(), ["DEVICE", "POD", "VERDICT", "WHY"])
        self.assertRegex(table[1], r"^d01 +app +runs +it requests .* cpu; offline, last report \S+ ago$")
        self.assertRegex(table[2], "^new +app +unknown +the device has never reported, and judges")
        self.assertRegex(table[4], "^small +app +runs +it requests .*; before old$")
        self.assertRegex(table[3], "^small +old +waits +needs 40Mi, 24Mi are free")
        self.assertEqual(self.got(), before)

    def test_explain_looks_at_images_and_labels(self):
        self.world.write("only-arm/oci-layout", '{"imageLayoutVersion": "1.0.0"}')
        self.world.write("only-arm/index.json", json.dumps({
            "schemaVersion": 2, "manifests": [
                {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 2,
                 "digest": "sha256:" + "0" * 64, "platform": {"os": "linux", "architecture": a}}
                for a in ("arm", "riscv64")]}))
        self.world.write("image.yaml", APP.replace("image: host", "image: ./only-arm"))
        rows = self.explain("-f", "image.yaml", "-d", "d00", "-d", "new")
        self.assertEqual(rows["d00", "app"]["verdict"], "refused")
        self.assertIn("no image for arm64; there are: arm", rows["d00", "app"]["why"])
        self.world.write("picky.yaml", APP.replace("spec:\n", Places.SELECTOR))
        rows = self.explain("-f", "picky.yaml")
        self.assertEqual({d: r["verdict"] for (d, _), r in rows.items()},
                         {"d00": "refused", "d01": "runs", "small": "refused"})
        self.assertIn("site=s1 is asked for", rows["small", "app"]["why"])

    def test_explain_refuses_what_it_cannot_answer(self):
        self.world.write("app.yaml", APP)
        for args, code, says in ((["-f", "app.yaml", "pod.spec"], 2, "one of them"),
                                 (["-f", "app.yaml", "pod/app"], 2, "one of them"),
                                 (["pod.spec", "-d", "d00"], 2, "-f FILE or pod/NAME"),
                                 (["pod/nothing"], 3, "no device runs a pod"),
                                 (["pod/app", "-d", "nobody"], 3, "no device \"nobody\""),
                                 (["pod/a/b"], 2, "not the name of a pod"),
                                 (["-f", "app.yaml", "-l", "site=nowhere"], 3, "no device is chosen"),
                                 (["-f", "none.yaml"], 3, "none.yaml")):
            done = self.world.cli("explain", *args, check=code)
            self.assertIn(says, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_a_rollout_leaves_those_out_that_have_no_room(self):
        path = self.pods(("big", "high", "100Mi"))
        done = self.world.cli("rollout", "start", "-f", self.rollout(
            to={"files": [path]}), "--wait", check=0)
        self.assertIn("left       small  misfit: big: it requests 100 MiB of memory, this board "
                      "has 64 MiB", done.stderr)
        self.assertEqual(self.got(), [[1], [1], []])


class Selectors(FleetTest):
    size = 6

    def names(self, *args):
        rows = self.world.cli("get", "devices", *args, check=0).stdout.splitlines()
        at = rows[0].split().index("DRIFT")
        return {r.split()[0]: r.split()[at] for r in rows[1:]}

    def test_apply_and_get_by_labels_and_who_drifts(self):
        self.world.write("app.yaml", APP)
        self.world.cli("apply", "-f", "app.yaml", "-l", "stage=prod,site in (s2,s3)", check=0)
        self.assertEqual([len(m.got) for m in self.crowd.members], [0, 0, 1, 1, 0, 0])
        self.assertEqual(self.names("-l", "stage=prod,site!=s4"),
                         {"d02": "no", "d03": "no", "d05": "-"})
        self.crowd["d02"].fate = lambda d: "bad"
        self.world.cli("apply", "-f", "app.yaml", "--healthy-for", "2s", "-l", "site=s2", check=1)
        self.assertEqual(self.names()["d02"], "yes")
        self.assertEqual(self.names()["d03"], "no")
        # JSON of all is chosen likewise.
        done = self.world.cli("get", "-l", "kubernetes.io/hostname=d01", "-o", "json", check=0)
        self.assertEqual([d["device"] for d in json.loads(done.stdout)["devices"]], ["d01"])

    def test_what_is_no_choice_is_told(self):
        self.world.write("app.yaml", APP)
        for args, code, says in ((["-l", "a=b=c"], 2, "selector: "),
                                 (["-l", "site=s1", "--all"], 2, "one of them"),
                                 (["-l", "site=s1", "-d", "d01"], 2, "one of them"),
                                 (["-l", "site=nowhere"], 3, "no device is chosen")):
            done = self.world.cli("apply", "-f", "app.yaml", *args, check=code)
            self.assertIn(says, done.stderr)
        self.world.cli("get", "-l", ",", check=2)
        self.assertEqual([m.got for m in self.crowd.members], [[]] * 6)


class Board(unittest.TestCase):
    """A real agent, and what it does with a state that nobody has looked at before."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.device = self.world.device(labels="site=north")
        self.device.start()
        self.device.wait_up()

    def send(self, generation, wanted, **more):
        p = pod("app", "/bin/sleep", "1000")
        p["spec"]["nodeSelector"] = wanted
        document = self.world.desired(self.device, generation, [p])
        document.update(more)
        self.world.publish(f"{self.device.name}/dn/desired", document, retain=True)

    def test_a_board_does_what_the_desk_has_foretold(self):
        has = wait_until("it reports", 10, lambda: self.world.state(self.device))["capacity"]["memBytes"]
        self.world.write("pods.yaml", "---\n".join(
            APP.replace("name: app", f"name: {name}").replace(
                "spec:\n", f"spec:\n  priorityClassName: {name}\n").replace(
                "limits: {memory: 16Mi, cpu: 100m}", f"requests: {{memory: {has * 6 // 10}}}")
            for name in ("low", "high")))
        def foretold():
            rows = json.loads(self.world.cli("explain", "-f", "pods.yaml", "-o", "json",
                                             check=0).stdout)
            return {r["pod"]: (r["verdict"], r["displaces"]) for r in rows}
        expected = {"low": ("waits", []), "high": ("runs", ["low"])}
        self.assertEqual(foretold(), expected)
        self.assertEqual(self.world.subscribe(f"{self.device.name}/dn/desired", seconds=1, raw=True), b"")
        done = self.world.cli("apply", "-f", "pods.yaml", "--healthy-for", "500ms", check=0)
        self.assertIn(f"waits       {self.device.name}  low: needs ", done.stderr)
        self.assertEqual([self.device.workload(w)["state"] for w in ("low/main", "high/main")],
                         ["waiting", "running"])
        self.assertEqual(foretold(), expected)
        # The board's own words.
        says = self.world.cli("explain", "-f", "pods.yaml", check=0).stdout
        self.assertIn(self.device.workload("low/main")["trouble"].removeprefix("Preempted: "), says)

    def explain_pod(self, name, *args):
        rows = json.loads(self.world.cli("explain", f"pod/{name}", *args, "-o", "json",
                                         check=0).stdout)
        jsonschema.validate(rows, schema("explain-pod"))
        return rows

    def reason(self, name, workload, reason, *args):
        """Its row, once the report says so."""
        return wait_until(f"{workload} {reason}", 20, lambda: next(
            (r for r in self.explain_pod(name, *args)
             if (r["workload"], r["reason"]) == (workload, reason)), None))

    def test_why_a_published_pod_does_not_run(self):
        self.world.start_hub()
        device = self.device.name
        has = wait_until("it reports", 10, lambda: self.world.state(self.device))["capacity"]["memBytes"]
        pods = [pod(name, "/bin/sleep", "1000") for name in ("low", "high")]
        for p in pods:
            p["spec"]["priorityClassName"] = p["metadata"]["name"]
            p["spec"]["containers"][0]["resources"] = {"requests": {"memory": has * 6 // 10}}
        self.world.send_desired(self.device, 1, pods)
        row = self.reason("low", "low/main", "Preempted")
        self.assertEqual((row["device"], row["state"], row["online"]), (device, "waiting", True))
        self.assertRegex(row["why"], "^needs .* are free beside pods of higher priority$")
        event = wait_until("the event is collected", 15, lambda: self.explain_pod("low")[0].get("event"))
        self.assertEqual((event["reason"], event["object"]), ("Preempted", "low/main"))
        self.assertEqual(self.reason("high", "high/main", "")["state"], "running")
        table = self.world.cli("explain", "pod/low", "-d", device, check=0).stdout.splitlines()
        self.assertEqual(table[0].split(), ["DEVICE", "WORKLOAD", "STATE", "REASON", "WHY"])
        self.assertRegex(table[1], f"^{device} +low/main +waiting +Preempted +needs .*; last event "
                         ".* ago: Preempted needs ")
        # What comes next is refused: the one before runs on, and that is not what was asked for.
        pods[1]["spec"]["nodeSelector"] = {"site": "south"}
        self.world.send_desired(self.device, 2, pods + [pod("more", "/bin/sleep", "1000")])
        row = self.reason("high", "high/main", "Rejected")
        self.assertEqual(row["state"], "running")
        self.assertIn("site=south is asked for", row["why"])
        row = self.reason("more", "more", "Rejected")
        self.assertEqual(row["state"], "absent")
        # One that fails, and goes back.
        self.world.send_desired(self.device, 3, [pod("more", "/bin/sh", "-c", "exit 7")])
        row = self.reason("more", "more", "RolledBack")
        self.assertIn("exit code 7", row["why"])

    def test_devices_that_nobody_has_heard_of_a_pod_from(self):
        self.send(1, {"site": "north"})
        self.reason("app", "app/main", "")
        other = self.world.desired(self.device, 1, [pod("app", "/bin/sleep", "1000")])
        other["device"] = "away"
        self.world.publish("away/dn/desired", other, retain=True)
        rows = {r["device"]: r for r in self.explain_pod("app")}
        self.assertEqual((rows["away"]["workload"], rows["away"]["state"], rows["away"]["reason"]),
                         ("app", "unknown", "NeverReported"))
        self.assertEqual(rows[self.device.name]["state"], "running")
        self.assertEqual([r["device"] for r in self.explain_pod("app", "-l", "site=north")],
                         [self.device.name])
        self.device.stop()
        self.send(2, {"site": "north", "stage": "new"})
        row = self.explain_pod("app", "-d", self.device.name)[0]
        self.assertEqual((row["reason"], row["online"]), ("NotSeen", False))
        table = self.world.cli("explain", "pod/app", "-d", self.device.name, check=0).stdout
        self.assertRegex(table, r"generation 2 has not reached it; offline, last report \S+ ago\n")
        # A shell completes its name.
        wait_until("it is offered", 20, lambda: f"pod/app\t{self.device.name}\n" in self.world.cli(
            "completion", "candidates", "skerry explain pod/a", check=0).stdout)

    def test_admission_by_its_labels_and_those_that_the_desk_gives(self):
        self.send(1, {"site": "south"})
        c = wait_until("Rejected", 10, lambda: self.device.condition("Rejected"))
        self.assertEqual(c["message"], "workloads[0]: spec.nodeSelector: site=south is asked for, "
                         "the board has it as north")
        self.send(2, {"site": "north", "kubernetes.io/os": "linux", "colour": "red"})
        c = wait_until("Rejected", 10, lambda: (
            lambda c: c if c and c["generation"] == 2 else None)(self.device.condition("Rejected")))
        self.assertIn("colour=red is asked for, the board has no such label", c["message"])
        self.send(3, {"site": "north", "kubernetes.io/os": "linux", "colour": "red"},
                  labels={"colour": "red"})
        self.device.wait_phase("Available", 3)
        # Labels that are gone after a restart end nothing.
        self.device.stop()
        self.device.settings["labels"] = "site=south"
        self.device.start()
        self.device.wait_phase("Available", 3)


class Signed(unittest.TestCase):
    """A real agent with a trust anchor under a rollout that was signed at its start."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        os.environ["XDG_STATE_HOME"] = os.path.join(self.world.folder, "home")
        self.signer = Signer(os.path.join(self.world.folder, "keys"), "r1", "s1", "evil", "a1")
        trust = self.signer.envelope(self.signer.trust(1, ["r1"], ["s1"], ["a1"], 1), "r1")
        self.anchor = self.world.write("anchor.json", json.dumps(trust))
        self.device = self.world.device(trust_anchor=self.anchor)
        self.device.start()
        self.device.wait_up()

    def start(self, name, program, code, *args):
        self.world.write("app.yaml", APP.replace("/bin/sleep", program))
        path = self.world.write("rollout.yaml", json.dumps({
            "apiVersion": "skerry.dev/v1", "kind": "Rollout", "metadata": {"name": name},
            "spec": {"to": {"files": ["app.yaml"]}, "healthyFor": "1s"}}))
        return self.world.cli("rollout", "start", "-f", path, "--trust", self.anchor, "--timeout",
                              "60s", *args, check=code)

    def running(self):
        return self.device.workload("app/main")["state"], self.device.status()["applied"]

    def test_forward_a_bad_one_and_the_way_back(self):
        s1 = self.signer.path("s1")
        self.start("good", "/bin/sleep", 0, "--wait", "--sign", s1)
        self.assertEqual(self.running(), ("running", 1))
        done = self.start("bad", "/bin/false", 8, "--wait", "--sign", s1)
        self.assertIn("it keeps failing", done.stdout)
        wait_until("the first runs again", 20, lambda: self.running() == ("running", 1))
        # Whoever releases what was signed needs no key: here, the way back.
        os.rename(s1, s1 + ".away")
        def explained():
            row, = json.loads(self.world.cli("explain", "pod/app", "-o", "json", check=0).stdout)
            return row["state"], row["reason"]
        wait_until("it is reported", 20, lambda: explained() == ("running", "RolledBack"))
        # To ask takes none either, where to tell does.
        self.world.cli("apply", "-f", "app.yaml", check=5)
        self.assertRegex(self.world.cli("explain", "-f", "app.yaml", check=0).stdout, " app +runs ")
        self.world.cli("rollout", "undo", "bad", "--timeout", "60s", check=0)
        self.device.wait_phase("Available", 3)
        wait_until("it runs", 20, lambda: self.running() == ("running", 3))

    def test_a_key_that_the_board_does_not_trust(self):
        done = self.start("evil", "/bin/sleep", 8, "--wait", "--sign", self.signer.path("evil"))
        self.assertIn("0 of 1 signatures count for the role state", done.stdout)
        self.assertEqual(self.device.status()["observed"], 0)
        # Nor does anybody sign a way back to what he has not signed.
        done = self.start("good", "/bin/sleep", 5, "--wait", "--sign", self.signer.path("s1"))
        self.assertIn("this key has not signed", done.stderr)


class Documents(FleetTest):
    """docs/fleet.md as it stands."""

    def setUp(self):
        super().setUp()
        with open(os.path.join(DOCS, "fleet.md")) as f:
            self.examples = dict(re.findall(r"```yaml ([a-z-]+)\n(.*?)```", f.read(), re.S))
        for name, text in self.examples.items():
            self.world.write(f"{name}.yaml", text)
        self.world.write("inspect.yaml", APP.replace("name: app}", "name: inspect}"))

    def test_examples_follow_their_schemas(self):
        for text in self.examples.values():
            for document in yaml.safe_load_all(text):
                jsonschema.validate(document, schema(document["kind"].lower()))
        done = self.world.cli("validate", "-f", "fleet.yaml", "-f", "rollout.yaml", "-o", "json",
                              check=0)
        answer = json.loads(done.stdout)
        jsonschema.validate(answer, schema("validate"))
        self.assertEqual(len(answer["objects"]), 5)

    def test_defects_have_their_line(self):
        self.world.write("bad.yaml", self.examples["rollout"].replace("95%", "95"))
        done = self.world.cli("rollout", "start", "-f", "bad.yaml", check=2)
        self.assertIn("error: bad.yaml:10: spec.success: ", done.stderr)
        self.world.write("bad.yaml", self.examples["fleet"].replace("name: tuning", "name: T"))
        done = self.world.cli("rollout", "start", "-f", "bad.yaml", check=2)
        self.assertRegex(done.stderr, r"error: bad.yaml:\d+: spec.template.configs\[0\]: metadata")
        done = self.world.cli("apply", "-f", "fleet.yaml", "-d", "d00", check=2)
        self.assertIn("skerry rollout start", done.stderr)
        done = self.world.cli("rollout", "start", check=2)
        done = self.world.cli("rollout", "dance", check=2)
        self.world.cli("rollout", "status", "nobody", check=3)

    def test_the_rollout(self):
        plan = self.world.cli("rollout", "start", "-f", "rollout.yaml", "--dry-run", check=0)
        batches = dict(reversed(line.split()[:2]) for line in plan.stdout.splitlines()[1:])
        self.assertEqual([batches[f"d{i:02d}"] for i in range(10)], list("1123333333"))
        self.name = "inspect-1-4"
        p = self.begin("-f", "rollout.yaml")
        self.wait_status("it asks", lambda s: s["waits"] == "batch 3 waits for approval")
        jsonschema.validate(self.status(), schema("rollout-status"))
        listed = json.loads(self.world.cli("rollout", "status", "-o", "json", check=0).stdout)
        jsonschema.validate(listed, schema("rollout-list"))
        self.assertIn("inspect-1-4  running",
                      self.world.cli("rollout", "status", check=0).stdout)
        self.world.cli("rollout", "approve", "inspect-1-4", check=0)
        self.assertEqual(p.wait(60), 0)

    def test_the_fleet(self):
        self.crowd.add("drone-07")
        self.crowd.add("drone-08", labels={"app": "inspect"})
        self.world.write("own.yaml", APP.replace("name: app}", "name: own}"))
        self.world.cli("apply", "-f", "own.yaml", "-d", "d00", check=0)
        done = self.world.cli("rollout", "start", "-f", "fleet.yaml", "--wait", check=0)
        self.assertIn("left       drone-08  pinned: repair", done.stderr)
        plain, special = self.crowd["d00"].document, self.crowd["drone-07"].document
        self.assertEqual([w["metadata"]["name"] for w in plain["workloads"]], ["inspect"])
        limits = [d["workloads"][0]["spec"]["containers"][0]["resources"]["limits"]
                  for d in (plain, special)]
        self.assertEqual(limits, [{"memory": "16Mi", "cpu": "100m"},
                                  {"memory": "24Mi", "cpu": "100m"}])
        self.assertEqual([d["configs"][0]["data"] for d in (plain, special)],
                         [{"rate": "5"}, {"rate": "20"}])
        self.assertIsNone(self.crowd["drone-08"].document)
        # Once more: nothing would change.
        done = self.world.cli("rollout", "start", "-f", "fleet.yaml", "--wait", check=0)
        self.assertIn("left       d00  unchanged", done.stderr)


if __name__ == "__main__":
    main()
