"""Rollouts that a hub runs: a desk hands one over and leaves, and hubs may be killed."""
import json
import os
import signal
import subprocess
import unittest

import jsonschema

import test_fleet
from postgresql import binaries
from skerry_test import BIN, Relay, main, wait_until
from test_fleet import schema, version_of
from test_protocol import Listener


class WithHub(test_fleet.FleetTest):
    def setUp(self):
        super().setUp()
        self.prepare()
        self.start_hubs()

    def prepare(self):
        pass

    def start_hubs(self):
        self.world.start_hub()

    def hand(self, version="1", name=None, code=0, args=(), **spec):
        return self.world.cli("rollout", "start", "-f", self.rollout(version, name, **spec), *args,
                              check=code)

    def wait_phase(self, phase, seconds=30):
        return self.wait_status(f"it is {phase}", lambda s: s["phase"] == phase, seconds)

    def ends(self, phase, succeeded, seconds=40):
        """The row says that it is over: nothing is left to be told."""
        self.wait_phase(phase, seconds)
        wait_until("the hub lets go of it", 20, lambda: self.world.db(
            f"SELECT is_over FROM rollout WHERE name = '{self.name}'") == [(1,)])
        self.assertEqual(self.status()["counts"]["succeeded"], succeeded)

    def wish(self, what, code=0, *args):
        return self.world.cli("rollout", what, self.name, *args, check=code)


class Hub(WithHub):
    def test_batch_by_batch_while_no_desk_is_there(self):
        done = self.hand(batches=[{"selector": {"matchLabels": {"stage": "canary"}}, "limit": 1},
                                  {"limit": "20%"}])
        self.assertIn("handed     v1  10 devices; the hub runs it", done.stdout)
        self.ends("complete", 10)
        self.assertEqual(self.versions(), ["1"] * 10)
        self.assertEqual([m.got for m in self.crowd.members], [[1]] * 10)
        first = {}
        for when, name, phase, _ in self.crowd.trace:
            first.setdefault((name, phase), when)
        self.assertLess(first["d00", "Available"],
                        min(first[f"d{i:02d}", "Progressing"] for i in range(1, 10)))
        # Another desk sees the same, and in the same form.
        os.environ["XDG_STATE_HOME"] = os.path.join(self.world.folder, "elsewhere")
        jsonschema.validate(self.status(), schema("rollout-status"))
        done = self.world.cli("rollout", "status", self.name, check=0)
        self.assertIn("v1  complete  batch 3 of 3", done.stdout)
        rows = json.loads(self.world.cli("rollout", "status", "-o", "json", check=0).stdout)
        jsonschema.validate(rows, schema("rollout-list"))
        self.assertEqual([(r["rollout"], r["runner"], r["succeeded"]) for r in rows],
                         [("v1", "hub", 10)])
        self.assertRegex(self.world.cli("rollout", "status", check=0).stdout,
                         r"v1 +complete +3/3 +10/10 +0 +0 +hub ")
        told = json.loads(self.world.cli("history", "d03", "-o", "json", check=0).stdout)
        self.assertEqual([(r["GENERATION"], r["REASON"]) for r in told], [(1, "rollout v1")])

    def test_a_bad_build_halts_and_is_resumed_or_taken_back(self):
        self.hand("1")
        self.ends("complete", 10)
        for m in self.crowd.members[:1]:
            m.fate = lambda d: "bad" if version_of(d) == "2" else "good"
        self.hand("2", batches=[{"limit": 1}])
        self.wait_phase("halted")
        self.assertIn("exit code 7", self.world.cli("rollout", "status", "v2", check=0).stdout)
        self.assertEqual([m.got for m in self.crowd.members], [[1, 2]] + [[1]] * 9)
        self.wish("resume")
        self.ends("complete", 9)
        self.assertEqual(self.versions(), ["1"] + ["2"] * 9)
        done = self.wish("undo")
        self.assertIn("the hub is told", done.stderr)
        self.ends("returned", 0)
        self.assertEqual(self.versions(), ["1"] * 10)
        self.wish("undo", 4)
        wishes = [w["do"] for w in self.status()["wishes"]]
        self.assertEqual(wishes, ["resume", "undo"])

    def test_a_rule_takes_all_back(self):
        self.hand("1")
        self.ends("complete", 10)
        for m in self.crowd.members[5:]:
            m.fate = lambda d: "bad" if version_of(d) == "2" else "good"
        self.hand("2", maxUnavailable=2, halt={"failures": 2, "then": "rollback"})
        self.ends("returned", 0)
        self.assertEqual(self.versions(), ["1"] * 10)
        self.assertEqual(self.crowd["d09"].got, [1])

    def test_pause_resume_and_approval(self):
        self.crowd["d00"].fate = lambda d: "mute"
        self.hand(batches=[{"limit": 1}, {"limit": 3}], approve=[3])
        self.wait_status("the first is told", lambda s: s["counts"]["updating"] == 1)
        self.wish("pause")
        self.wait_phase("paused")
        m = self.crowd["d00"]
        m.applied, m.document = m.observed, {"workloads": []}
        self.crowd.loop.call_soon_threadsafe(m.move, "Available", "")
        self.wait_status("it listens on", lambda s: s["counts"]["succeeded"] == 1)
        self.assertEqual(self.versions().count("1"), 0)
        self.wish("pause", 4)
        self.wish("resume")
        self.wait_status("it asks", lambda s: s["waits"] == "batch 3 waits for approval")
        self.assertEqual(self.versions().count("1"), 3)
        self.wish("approve", 2, "--batch", "1")
        self.wish("approve")
        self.ends("complete", 10)

    def test_killed_at_any_moment_it_goes_on_and_nobody_is_told_twice(self):
        self.crowd.delay = 0.3
        self.hand(maxUnavailable=1)
        for n in (1, 3, 5, 8):
            self.wait_status("it gets on", lambda s, n=n: s["counts"]["succeeded"] >= n)
            self.world.hub.kill()
            self.world.start_hub()
        self.ends("complete", 10, 60)
        self.assertEqual([m.got for m in self.crowd.members], [[1]] * 10)
        self.assertEqual(self.crowd.most_changing({m.name for m in self.crowd.members}), 1)

    def test_who_is_away_is_late_and_follows(self):
        self.crowd["d03"].leave()
        self.hand(batches=[{"limit": 5}])
        self.wait_phase("complete")
        self.assertEqual(self.status()["counts"]["late"], 1)
        self.crowd["d03"].come()
        wait_until("it follows", 20, lambda: self.versions() == ["1"] * 10)
        # The hub looks no more by itself, and again when it is asked.
        status = self.wait_status("it is seen", lambda s: s["counts"]["late"] == 0)
        self.assertTrue(status)
        self.ends("complete", 10)

    def test_what_somebody_else_applies_meanwhile_stands(self):
        self.crowd["d00"].fate = lambda d: "mute" if version_of(d) == "1" else "good"
        self.hand(batches=[{"limit": 1}])
        self.wait_status("the first is told", lambda s: s["counts"]["updating"] == 1)
        self.world.write("other.yaml", test_fleet.APP.replace("VERSION\"}", "other\"}"))
        self.world.cli("apply", "-f", "other.yaml", "-d", "d00", "-d", "d05", check=0)
        self.ends("complete", 8)
        self.assertEqual(self.status()["counts"]["other"], 2)
        self.assertEqual(version_of(self.crowd["d05"].document), "other")

    def test_a_broker_that_forgets_is_told_again(self):
        self.crowd["d00"].fate = lambda d: "deaf"
        self.hand()
        self.wait_status("nine answer", lambda s: s["counts"]["succeeded"] == 9)
        self.crowd["d00"].fate = lambda d: "good"
        self.world.publish("d00/dn/desired", b"", retain=True)
        self.ends("complete", 10)

    def watch(self, *args, terminal=False):
        argv = [os.path.join(BIN, "skerry"), "rollout", "status", self.name, "-w", *args]
        if terminal:
            argv = ["script", "-qec", " ".join(argv), "/dev/null"]
        env = {**os.environ, **self.world.desk(), "TERM": "xterm"}
        p = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             stdin=subprocess.DEVNULL, text=True)
        self.running.append(p)
        return p

    def test_it_is_watched_until_it_has_ended(self):
        self.hand(batches=[{"limit": 3}, {"limit": 3}], approve=[2])
        self.wait_status("it waits for a person", lambda s: s["waits"] and s["batch"] == 2)
        watchers = (self.watch(), self.watch(terminal=True), self.watch("-o", "json"))
        plain, picture, programs = watchers
        first = [p.stdout.readline() for p in watchers]
        self.wish("approve")
        self.ends("complete", 10, 60)
        self.assertEqual([p.wait(100) for p in (plain, picture, programs)], [0, 0, 0])
        lines = plain.stdout.read().splitlines()
        self.assertRegex(first[0], "^v1  running  batch 2 of 3")  # then what changed
        self.assertIn("batch 3 of 3", lines)
        self.assertEqual(lines[-1], "complete")
        last = [line for line in lines if line.startswith("succeeded")]
        self.assertEqual(last, list(dict.fromkeys(last)))
        self.assertIn("\033[", picture.stdout.read())
        text, documents = first[2] + programs.stdout.read(), []
        while text.strip():
            document, end = json.JSONDecoder().raw_decode(text)
            documents.append(document)
            text = text[end:].lstrip()
        for document in documents:
            jsonschema.validate(document, schema("rollout-status"))
        self.assertEqual(documents[-1]["counts"]["succeeded"], 10)
        self.assertGreater(len(documents), 1)

    def test_who_watches_one_that_halts_or_none_at_all(self):
        self.crowd["d00"].fate = lambda d: "bad"
        self.hand(batches=[{"limit": 1}])
        p = self.watch()
        self.assertEqual(p.wait(100), 8)
        self.assertIn("failed", p.communicate()[0])
        self.assertEqual(self.watch("--timeout", "60s").wait(100), 8)  # it has ended already
        self.name = "other"
        self.assertEqual(self.watch().wait(100), 3)
        self.world.cli("rollout", "status", "-w", check=2)

    def test_a_watch_is_ended_by_time_or_by_a_person(self):
        self.hand(batches=[{"limit": 1}], approve=[2])
        self.wait_status("it waits", lambda s: s["waits"])
        self.assertEqual(self.watch("--timeout", "1s").wait(100), 7)
        p = self.watch()
        self.assertRegex(p.stdout.readline(), "^v1  running")
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.wait(100), 130)

    def test_what_makes_no_sense_is_told(self):
        self.name = "nowhere"
        for verb in ("status", "pause"):
            self.assertIn("there is no rollout nowhere at this hub",
                          self.world.cli("rollout", verb, "nowhere", check=3).stderr)
        self.hand(args=["--dry-run"])
        self.world.cli("rollout", "status", self.name, check=3)
        self.crowd["d00"].fate = lambda d: "deaf"
        self.hand()
        done = self.hand("2", name="v1", code=4)
        self.assertIn("the rollout v1 still goes on at the hub", done.stderr)

    def test_a_prepared_one_that_is_none_is_refused(self):
        heard = Listener(self.world, "hub/up/res/#")
        self.addCleanup(heard.close)
        self.world.publish("hub/dn/cmd/rollout", {"v": 1, "id": "c-1", "re": "desk-x",
                                                  "args": {"do": "dance"}})
        got = heard.wait_json("hub/up/res/desk-x")
        self.assertEqual(got["code"], 400)
        self.world.publish("hub/dn/cmd/rollout", {
            "v": 1, "id": "c-2", "re": "desk-y", "args": {"do": "start", "digest": "x"}})
        got = heard.wait_json("hub/up/res/desk-y")
        self.assertEqual((got["code"], got["body"]), (400, "digest is missing"))


class Races(WithHub):
    """A desk's message reaches the broker between the hub's decision and its own."""
    size = 1

    def start_hubs(self):
        self.relay = Relay(self.world.port)
        self.addCleanup(self.relay.close)
        port, self.world.port = self.world.port, self.relay.port
        self.world.start_hub()
        self.world.port = port

    def test_the_first_of_a_generation_stays_retained(self):
        m = self.crowd["d00"]
        self.hand(approve=[1])
        self.wait_status("it asks", lambda s: s["waits"] == "batch 1 waits for approval")
        self.relay.holds = b"d00/dn/desired"
        self.running.append(subprocess.Popen(
            [os.path.join(BIN, "skerry"), "rollout", "approve", self.name],
            env={**os.environ, **self.world.desk()}, stderr=subprocess.DEVNULL))
        wait_until("the hub has decided", 60, lambda: self.world.db(
            "SELECT 1 FROM rollout WHERE progress LIKE '%\"told\":1%'"))
        first = self.world.desired(m, 1, [], healthyFor="1s")
        self.world.publish("d00/dn/desired", first, retain=True)
        wait_until("the device has the first", 10, lambda: m.got == [1])
        self.relay.holds = None
        wait_until("the hub says so", 60,
                   lambda: "another desk was first" in self.world.hub.log())
        wait_until("it is what stays", 20, lambda: json.loads(self.world.subscribe(
            "d00/dn/desired", raw=True)) == first)
        self.ends("complete", 0)
        self.assertEqual(self.status()["counts"]["other"], 1)


@unittest.skipUnless(binaries(), "needs PostgreSQL (Debian: postgresql)")
class TwoHubs(WithHub):
    def prepare(self):
        self.world.use_postgresql()

    def start_hubs(self):
        for name in ("hub-1", "hub-2"):
            self.world.start_hub(name=name)

    def leader(self):
        live = [p for p in self.world.parts if p.is_alive()]
        # The last that has said so.
        return next(p for p in reversed(live) if "controls" in p.log())

    def let_prove(self, name):
        m = self.crowd[name]
        m.applied = m.observed
        self.crowd.loop.call_soon_threadsafe(m.move, "Available", "")

    def test_the_leader_is_killed_in_the_middle_of_a_batch(self):
        self.crowd.delay = 0.5
        self.crowd["d02"].fate = lambda d: "mute"  # so that the middle lasts
        self.hand(batches=[{"limit": 2}], maxUnavailable=2)
        self.wait_status("the second batch is under way", lambda s: s["batch"] == 2 and
                         s["counts"]["updating"] > 0)
        first = self.leader()
        first.kill()
        self.let_prove("d02")
        self.ends("complete", 10, 60)
        self.assertIsNot(self.leader(), first)
        wait_until("it has said so", 20, lambda: "rollout is over" in self.leader().log())
        self.assertEqual([m.got for m in self.crowd.members], [[1]] * 10)
        self.assertLessEqual(self.crowd.most_changing({m.name for m in self.crowd.members}), 2)

    def test_the_database_goes_away_in_the_middle_of_a_batch(self):
        self.crowd.delay = 0.5
        self.crowd["d02"].fate = lambda d: "mute"  # so that the middle lasts
        self.hand(batches=[{"limit": 2}])
        self.wait_status("the second batch is under way", lambda s: s["batch"] == 2 and
                         s["counts"]["updating"] > 0)
        self.world.postgresql.stop(signal.SIGQUIT)
        self.let_prove("d02")
        wait_until("a hub says so", 30, lambda: any("devices will send again" in p.log()
                                                    for p in self.world.parts))
        self.world.postgresql.start()
        self.ends("complete", 10, 90)
        self.assertEqual([m.got for m in self.crowd.members], [[1]] * 10)

    def test_roles_apart_one_takes_it_and_another_runs_it(self):
        for p in self.world.parts:
            p.end()
        self.world.start_hub("--collect", "--serve", name="serving")
        self.world.start_hub("--control", name="controlling")
        self.hand()
        self.ends("complete", 10)
        wait_until("it has said so", 20, lambda: "rollout is over" in self.world.hub.log())


@unittest.skipUnless(binaries(), "needs PostgreSQL (Debian: postgresql)")
class Moved(WithHub):
    def test_it_goes_on_from_another_database(self):
        self.hand(batches=[{"limit": 4}], approve=[2])
        self.wait_status("it waits for a person", lambda s: s["batch"] == 2 and s["waits"])
        self.world.hub.end()
        file = self.world.db_path
        self.world.use_postgresql()
        subprocess.run([os.path.join(BIN, "skerry-hub"), "migrate", "--from", file, "--to",
                        self.world.db_path], check=True, capture_output=True, timeout=120)
        self.world.start_hub()
        self.assertEqual(self.status()["counts"]["succeeded"], 4)
        self.wish("approve")
        self.ends("complete", 10)
        self.assertEqual([m.got for m in self.crowd.members], [[1]] * 10)


class Signed(test_fleet.Signed):
    """The hub holds no key: it releases what the desk has signed."""

    def setUp(self):
        super().setUp()
        self.world.start_hub()

    def status(self, name):
        done = self.world.cli("rollout", "status", name, "-o", "json")
        return json.loads(done.stdout)["phase"] if done.returncode == 0 else None

    def test_forward_a_bad_one_and_the_way_back(self):
        s1 = self.signer.path("s1")
        self.start("good", "/bin/sleep", 0, "--sign", s1)
        wait_until("it is complete", 40, lambda: self.status("good") == "complete")
        self.assertEqual(self.running(), ("running", 1))
        self.start("bad", "/bin/false", 0, "--sign", s1)
        os.rename(s1, s1 + ".away")
        wait_until("it has halted", 60, lambda: self.status("bad") == "halted")
        wait_until("the first runs again", 20, lambda: self.running() == ("running", 1))
        self.world.cli("rollout", "undo", "bad", check=0)
        wait_until("it is back", 40, lambda: self.status("bad") == "returned")
        self.device.wait_phase("Available", 3)

    def test_a_key_that_the_board_does_not_trust(self):
        self.start("evil", "/bin/sleep", 0, "--sign", self.signer.path("evil"))
        wait_until("it has halted", 40, lambda: self.status("evil") == "halted")
        self.assertEqual(self.device.status()["workloads"], {})


if __name__ == "__main__":
    main()
