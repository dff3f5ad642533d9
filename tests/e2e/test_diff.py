"""What files would change: seen before anything is told to anybody."""
import json
import os
import signal
import subprocess
import unittest

import jsonschema

from crowd import Crowd, Member
from signer import Signer
from skerry_test import ACTOR, BIN, World, main, wait_until
from test_fleet import APP

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")
CONFIG = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  mode: MODE
  app.conf: |
    one
    two
    THREE
    four
---
apiVersion: v1
kind: Secret
metadata: {name: door}
stringData: {password: PASSWORD}
"""


class DiffTest(unittest.TestCase):
    size = 3

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.crowd = Crowd(self.world.port, 0.02)
        self.addCleanup(self.crowd.close)
        for i in range(self.size):
            self.crowd.add(f"d{i:02d}", labels={"site": f"s{i % 2}"})
        os.environ["XDG_STATE_HOME"] = os.path.join(self.world.folder, "home")

    def write(self, version="1", config="", name="app.yaml", **words):
        for word, value in words.items():
            config = config.replace(word, value)
        return self.world.write(name, APP.replace('VERSION"}', version + '"}') + config)

    def diff(self, code, *args):
        told = [len(m.got) for m in self.crowd.members]
        done = self.world.cli("diff", *args, check=code)
        self.assertEqual([len(m.got) for m in self.crowd.members], told)
        return done

    def report(self, code, *args):
        report = json.loads(self.diff(code, *args, "-o", "json").stdout)
        with open(os.path.join(DOCS, "schema/diff.json")) as f:
            jsonschema.validate(report, json.load(f))
        return report


class Manifests(DiffTest):
    def test_a_long_line_of_a_text_is_cut_and_says_so(self):
        app = self.write(config=CONFIG, THREE="x" * 200 + "a", PASSWORD="p")
        self.world.cli("apply", "-f", app, "--all", check=0)
        app = self.write(config=CONFIG, THREE="x" * 200 + "b", PASSWORD="p")
        done = self.diff(1, "-f", app, "--all")
        for sign in "-+":
            self.assertIn(f"        {sign} {'x' * 200}...\n", done.stdout)

    def test_a_diff_that_cannot_be_written_has_failed(self):
        app, url = self.write(), f"mqtt://127.0.0.1:{self.world.port}"
        with open("/dev/full", "w") as full:
            done = subprocess.run([os.path.join(BIN, "skerry"), "diff", "-f", app, "--all", "-b", url],
                                  stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertIn("error: the output cannot be written", done.stderr)
        self.assertEqual(done.returncode, 2)

    def test_which_device_has_a_state_that_does_not_read(self):
        self.world.publish("odd/dn/desired", {"kind": "DesiredState", "epoch": 1, "generation": 1,
                                              "workloads": [], "configs": [1]}, retain=True)
        for verb, code in (("diff", 2), ("explain", 2), ("apply", 2)):
            done = self.world.cli(verb, "-f", self.write(), *["--all"] * (verb != "explain"),
                                  check=code)
            self.assertIn("error: odd: configs[0]: ", done.stderr, verb)

    def test_a_field_of_a_pod(self):
        app = self.write("1")
        self.world.cli("apply", "-f", app, "--all", check=0)
        done = self.diff(0, "-f", app, "--all")
        self.assertEqual((done.stdout, done.stderr), ("", "0 would change, 3 would not\n"))
        app = self.write("2")
        done = self.diff(1, "-f", app, "--all")
        self.assertEqual(done.stdout, "".join(f"d0{i}  generation 1->2\n" for i in range(3)) +
                         "~ pod app\n"
                         '    ~ spec.containers[main].env[VERSION].value: "1" -> "2"\n')
        self.assertEqual(done.stderr, "3 would change, 0 would not\n")
        # It is what apply does.
        self.world.cli("apply", "-f", app, "--all", check=0)
        self.assertEqual([m.got[-1] for m in self.crowd.members], [2, 2, 2])
        self.diff(0, "-f", app, "--all")

    def test_devices_that_change_alike_are_one_group(self):
        self.world.cli("apply", "-f", self.write("1"), "--all", check=0)
        self.world.cli("apply", "-f", self.write("3"), "-d", "d01", check=0)
        report = self.report(1, "-f", self.write("2"), "--all")
        self.assertEqual([[d["device"] for d in g["devices"]] for g in report["groups"]],
                         [["d00", "d02"], ["d01"]])
        self.assertEqual([g["changes"][0]["fields"][0]["before"] for g in report["groups"]],
                         ["1", "3"])
        report = self.report(0, "-f", self.write("3"), "-l", "site=s1")
        self.assertEqual(report, {"groups": [], "unchanged": ["d01"], "left": []})

    def test_pods_come_and_go_on_a_device_that_nobody_has_told_anything(self):
        app = self.write("1")
        done = self.diff(1, "-f", app, "-d", "d00")
        self.assertIn("+ pod app\n", done.stdout)
        self.assertIn('    + spec.containers[main].image: "host"\n', done.stdout)
        self.diff(1, "-f", app, "-d", "never-seen")
        self.diff(0, "--prune", "-d", "never-seen")
        self.world.cli("apply", "-f", app, "-d", "d00", check=0)
        done = self.diff(1, "--prune", "-d", "d00")
        self.assertEqual(done.stdout, "d00  generation 1->2\n- pod app\n")

    def test_a_text_is_compared_by_its_lines_and_a_secret_not_shown(self):
        words = {"MODE": "day", "THREE": "three", "PASSWORD": "swordfish"}
        app = self.write("1", CONFIG, **words)
        self.world.cli("apply", "-f", app, "-d", "d00", check=0)
        words = {"MODE": "night", "THREE": "3\n    3a", "PASSWORD": "marlin"}
        app = self.write("1", CONFIG, **words)
        done = self.diff(1, "-f", app, "-d", "d00")
        self.assertEqual(done.stdout, """d00  generation 1->2
~ ConfigMap settings
    ~ data.mode: "day" -> "night"
    ~ data[app.conf]: from line 3 on
        - three
        + 3
        + 3a
~ Secret door
    ~ stringData.password: (secret)
""")
        text = json.dumps(self.report(1, "-f", app, "-d", "d00"))
        for secret in ("swordfish", "marlin"):
            self.assertNotIn(secret, text)

    def test_an_image_is_packed_and_handed_to_nobody(self):
        app = self.world.write("app.yaml", APP.replace("image: host", f"image: {ACTOR}"))
        report = self.report(1, "-f", app, "-d", "d00")  # there is no hub
        images = [f["after"] for f in report["groups"][0]["changes"][0]["fields"]
                  if f["path"] == "spec.containers[main].image"]
        self.assertRegex(images[0], r"@sha256:[0-9a-f]{64}$")

    def test_what_is_wrong_is_no_difference(self):
        bad = self.world.write("bad.yaml", APP.replace("16Mi", "16Mo"))
        done = self.diff(2, "-f", bad, "-d", "d00")
        self.assertIn("bad.yaml:10", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertIn("which of the 3", self.diff(2, "-f", self.write("1")).stderr)
        self.diff(3, "-f", self.write("1"), "-l", "site=nowhere")
        self.assertIn("does not take --sign", self.diff(2, "-f", bad, "--sign", "k.pem").stderr)
        self.world.broker.kill()
        self.diff(6, "-f", self.write("1"), "-d", "d00")


class Signed(DiffTest):
    def test_it_takes_no_key_to_look(self):
        s = Signer(os.path.join(self.world.folder, "keys"), "r1", "s1", "a1")
        trust = s.envelope(s.trust(1, ["r1"], ["s1"], ["a1"], 1), "r1")
        anchor = self.world.write("anchor.json", json.dumps(trust))
        self.world.cli("apply", "-f", self.write("1"), "-d", "signed", "--sign", s.path("s1"),
                       "--trust", anchor, check=0)
        self.diff(0, "-f", self.write("1"), "-d", "signed")
        done = self.diff(1, "-f", self.write("2"), "-d", "signed")
        self.assertIn('env[VERSION].value: "1" -> "2"', done.stdout)
        self.world.cli("apply", "-f", self.write("2"), "-d", "signed", check=5)


class RolloutTest(DiffTest):
    def rollout(self, version, **devices):
        self.write(version)
        documents = [{"apiVersion": "skerry.dev/v1", "kind": "Rollout",
                      "metadata": {"name": "v" + version},
                      "spec": {"selector": {}, "to": {"files": ["app.yaml"]},
                               "healthyFor": "1s"}}]
        documents += [{"apiVersion": "skerry.dev/v1", "kind": "Device", "metadata": {"name": n},
                       "spec": spec} for n, spec in devices.items()]
        return self.world.write("rollout.yaml", "\n---\n".join(map(json.dumps, documents)))


class Rollouts(RolloutTest):
    def test_overrides_and_pins_count(self):
        patch = {"spec": {"containers": [{"name": "main", "env": [
            {"name": "VERSION", "value": "own"}]}]}}
        path = self.rollout("2", d00={"overrides": {"pod/app": patch}},
                            d01={"pinned": "it is being repaired"})
        report = self.report(1, "-f", path)
        self.assertEqual([[d["device"] for d in g["devices"]] for g in report["groups"]],
                         [["d00"], ["d02"]])
        self.assertEqual(report["left"], [{"device": "d01",
                                           "why": "pinned: it is being repaired"}])
        self.assertIn("left       d01  pinned", self.diff(1, "-f", path).stderr)
        self.world.cli("rollout", "start", "-f", path, "--wait", "--timeout", "30s", check=0)
        report = self.report(0, "-f", path)
        self.assertEqual(report["unchanged"], ["d00", "d02"])


def seconds_of_work(pid):
    with open(f"/proc/{pid}/stat") as f:
        user, system = f.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Interrupted(RolloutTest):
    size = 1

    def setUp(self):
        super().setUp()
        for i in range(2000):  # reports that one client has left for all of them
            m = Member(self.crowd, f"m{i:04d}")
            m.writer = self.crowd.members[0].writer
            self.crowd.loop.call_soon_threadsafe(m.report)

    def interrupt(self, *args):
        url = f"mqtt://127.0.0.1:{self.world.port}"
        busy = subprocess.Popen([os.path.join(BIN, "skerry"), *args, "-b", url],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            wait_until("it computes", 60, lambda: seconds_of_work(busy.pid) >= 0.4)
            busy.send_signal(signal.SIGINT)
            out = busy.communicate(timeout=60)[0]
            self.assertEqual((out[:100], busy.returncode), (b"", 130), args)
        finally:
            busy.kill()

    def test_what_looks_at_thousands_hears_the_keyboard(self):
        rollout, app = self.rollout("1"), os.path.join(self.world.folder, "app.yaml")
        self.world.write("app.yaml", "\n---\n".join(APP.replace("name: app", f"name: app-{i}")
                                                    for i in range(24)))
        self.interrupt("explain", "-f", app)
        self.interrupt("diff", "-f", app, "--all")
        self.interrupt("diff", "-f", rollout)
        self.interrupt("rollout", "start", "-f", rollout)
        self.assertEqual(self.crowd.members[0].got, [])


class Terminal(DiffTest):
    def test_colours_are_for_terminals(self):
        app = self.write("1")
        plain = self.diff(1, "-f", app, "-d", "d00").stdout
        self.assertNotIn("\033", plain)
        env = {**os.environ, **self.world.desk(), "TERM": "xterm"}
        env.pop("NO_COLOR", None)
        command = f"{os.path.join(BIN, 'skerry')} diff -f {app} -d d00"
        seen = subprocess.run(["script", "-qc", command, "/dev/null"], env=env,
                              capture_output=True, text=True, timeout=60).stdout
        self.assertIn("\033[32m+ pod app\033[0m", seen)


if __name__ == "__main__":
    main()
