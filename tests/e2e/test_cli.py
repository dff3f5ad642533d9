"""The command line: what it says, where, and what it ends with."""
import glob
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import unittest

from mqtt import Client
from skerry_test import (BIN, SLOW, Part, Relay, World, WorldTest, is_listening, main, pod, skip,
                         wait_until)
from tls_world import TlsWorld

try:
    import jsonschema
    import yaml
except ImportError:
    jsonschema = yaml = None

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
DOCS = os.path.join(ROOT, "docs")
STEADY = pod("steady", "/bin/sh", "-c", "echo hello; echo oops >&2; exec sleep 1000")
FAILING = pod("steady", "/bin/sh", "-c", "echo broken; exit 7")
VERBS = {"apply": "-f", "diff": "-f", "get": "devices", "logs": "POD", "events": "--since", "telemetry": "--sql",
         "status": "--run-dir", "validate": "-f", "explain": "FIELD", "pack": "FOLDER",
         "push": "FOLDER", "dev": "-f", "wake": "POD", "files": "POD",
         "export": "FOLDER", "history": "DEVICE", "import": "FOLDER", "key": "new NAME", "device": "add NAME",
         "completion": "bash", "schema": "KIND", "convert": "COMPOSE",
         "rollout": "start",
         "top": "DEVICE", "restart": "POD", "exec": "COMMAND"}
GOOD_YAML = """apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  terminationGracePeriodSeconds: 2
  containers:
    - name: main
      image: host
      command: ["/bin/sh", "-c", "echo hello; exec sleep 1000"]
      resources:
        limits: {cpu: 100m, memory: 16Mi}
"""


def schema(name):
    with open(os.path.join(DOCS, "schema", name + ".json")) as f:
        return json.load(f)


def start(*args, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
    env.update(more.pop("env", {}))
    program = more.pop("program", os.path.join(BIN, "skerry"))
    return subprocess.Popen([program, *args], env=env, text=True,
                            stdout=more.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
                            **more)


class Alone(unittest.TestCase):
    """What needs neither broker nor device."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def run_it(self, code, *args, says=None):
        done = self.world.cli(*args, broker=False, check=code, seconds=30)
        if says:
            self.assertIn(says, done.stderr)
        if code:
            self.assertRegex(done.stderr, r"\A(error: |usage: )")
        return done

    def refuse(self, text, where, says, name="pod.yaml"):
        path = self.world.write(name, text)
        done = self.run_it(2, "validate", "-f", name)
        self.assertEqual(done.stdout, "")
        self.assertTrue(done.stderr.startswith(f"error: {name}:{where}: "), done.stderr)
        self.assertIn(says, done.stderr)
        os.unlink(path)


class Usage(Alone):
    def test_help_names_every_verb_and_every_exit_code(self):
        for argument in ("--help", "help"):
            done = self.run_it(0, argument)
            self.assertEqual(done.stderr, "")
            for verb in VERBS:
                self.assertRegex(done.stdout, rf"(?m)^  {verb} ")
            for code in (0, 1, 2, 3, 4, 5, 6, 7, 8, 130):
                self.assertRegex(done.stdout, rf"\b{code} [a-z]")

    def test_every_verb_has_a_help_of_its_own(self):
        for verb, mentions in VERBS.items():
            with self.subTest(verb):
                done = self.run_it(0, verb, "--help")
                self.assertIn(f"usage: skerry {verb}", done.stdout)
                self.assertIn(mentions, done.stdout)
                self.assertEqual(done.stderr, "")

    def test_version(self):
        self.assertRegex(self.run_it(0, "--version").stdout, r"\Askerry \d+\.\d+\.\d+\n\Z")

    def test_without_arguments_the_usage_goes_to_stderr(self):
        done = self.run_it(2)
        self.assertEqual(done.stdout, "")
        self.assertIn("usage: skerry VERB", done.stderr)

    def test_a_verb_that_is_not_there(self):
        self.assertIn('no verb "dance"', self.run_it(2, "dance").stderr)

    def test_unknown_options_and_missing_values_are_told_with_the_usage_of_the_verb(self):
        for verb in VERBS:
            with self.subTest(verb):
                done = self.run_it(2, verb, "--no-such-flag", says="unknown option --no-such-flag")
                self.assertIn(f"usage: skerry {verb} ", done.stderr)
                self.run_it(2, verb, "--fleet", says="--fleet needs a value")
        self.run_it(2, "logs", "-n", "none", says='"none" is not a count')
        self.run_it(2, "apply", "--timeout", "soon", says='"soon" is not a duration')
        self.run_it(2, "get", "-F", "Main", says='"Main" is not the name of a fleet')
        self.run_it(2, "logs", "-d", "Not_A_Device", "x", says="is not the name of a device")

    def test_an_output_that_is_not_there_is_refused(self):
        self.run_it(2, "get", "devices", "-b", "mqtt://127.0.0.1:1", "-o", "yaml", says="yaml")

    def test_switches_may_stand_before_the_verb(self):
        self.run_it(2, "--dry-run", "apply", says="which broker? give --broker")

    def test_an_option_that_a_verb_does_not_look_at_is_refused(self):
        self.run_it(2, "validate", "--prune", says="validate does not take --prune")
        self.run_it(2, "get", "-n", "3", says="get does not take -n")
        self.run_it(2, "status", "-f", "x", says="status does not take -f")

    def test_the_help_of_a_verb_has_its_options_and_no_others(self):
        text = self.run_it(0, "apply", "--help").stdout
        self.assertRegex(text, r"(?m)^  -f, --file FILE +manifests")
        self.assertIn("--broker URL", text)
        self.assertNotIn("--sql", text)
        self.assertNotIn("--broker", self.run_it(0, "validate", "--help").stdout)

    def test_verbs_say_what_they_need(self):
        self.run_it(2, "get", says="which broker? give --broker")
        self.run_it(2, "apply", "-f", "x.yaml", says="which broker? give --broker")
        self.run_it(2, "events", says="which database? give --db")
        self.run_it(2, "events", "-w", says="watch what? give --db")
        self.run_it(2, "events", "-w", "--db", "x", "-d", "a", "-d", "b", says="watch one device")
        self.run_it(2, "telemetry", says="which database? give --db")
        self.run_it(2, "history", "--db", "hub.db", says="which device? one is expected")
        self.run_it(3, "history", "--run-dir", self.world.folder, says="no agent listens")
        self.run_it(2, "history", "drone-07", says="which database? give --db")
        self.run_it(2, "logs", says="which workload?")
        self.run_it(2, "validate", says="which files? give -f")
        self.run_it(2, "pack", says="one folder or tar is expected")
        self.run_it(2, "restart", says="POD or POD/CONTAINER")
        self.run_it(2, "restart", "drone-07", "camera", says="which broker? give --broker")
        self.run_it(2, "exec", "camera", says="-- COMMAND")
        self.run_it(2, "exec", "drone-07", "camera", "--", "ls", says="which broker? give --broker")
        self.run_it(2, "top", "drone-07", says="a broker")
        self.run_it(3, "exec", "--run-dir", self.world.folder, "camera", "--", "ls", "--help",
                    says="no agent listens")

    def test_a_bad_broker_url_is_told_without_its_password(self):
        done = self.run_it(2, "get", "-b", "http://user:secret@host", says="mqtt://")
        self.assertNotIn("secret", done.stderr)

    def test_the_agent_and_the_hub_speak_of_their_arguments_alike(self):
        for program, wrong in (("skerryd", ["--config"]), ("skerry-hub", ["--db"])):
            path = os.path.join(BIN, program)
            self.assertIn("usage: " + program, subprocess.check_output([path, "--help"], text=True))
            self.assertTrue(subprocess.check_output([path,
                                                     "--version"]).startswith(program.encode()))
            done = subprocess.run([path, *wrong], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertNotEqual(done.stderr, "")


class Files(Alone):
    """An error in a file says file:line, the path of the field, and what is wrong."""

    def test_a_good_file_is_fine(self):
        self.world.write("pod.yaml", GOOD_YAML)
        self.assertIn("pod.yaml: pod web is fine",
                      self.run_it(0, "validate", "-f", "pod.yaml").stdout)

    def test_the_projects_examples_are_fine(self):
        for folder, _, names in os.walk(os.path.join(DOCS, "examples")):
            for name in names:
                if name.endswith(".yaml"):
                    self.run_it(0, "validate", "-f", os.path.join(folder, name))

    def test_defects_with_their_lines(self):
        def change(old, new):
            self.assertIn(old, GOOD_YAML)
            return GOOD_YAML.replace(old, new)

        self.refuse(change("command", "comand"), 10,
                    "spec.containers[0].comand: this field is not supported")
        self.refuse(change("16Mi", "16XB"), 12,
                    'spec.containers[0].resources.limits.memory: "16XB"')
        self.refuse(change("16Mi", "16"), 12, 'did you mean "16Mi"')
        self.refuse(change("image: host", "image: nginx"), 9, "spec.containers[0].image")
        self.refuse(change("name: web", "name: Web"), 4, 'metadata.name: "Web" is not a name')
        self.refuse(change("apiVersion: v1", "apiVersion: v2"), 1, "apiVersion: v1 is expected")
        self.refuse(change("kind: Pod", "kind: StatefulSet"), 2,
                    'kind: "StatefulSet" is not run on a board')
        self.refuse(change("kind: Pod", "kind: Deployment"), 1,
                    "apiVersion: apps/v1 is expected for a Deployment")
        self.refuse(change("  terminationG", "  hostPID: true\n  terminationG"), 6, "spec.hostPID")
        self.refuse(change("      image: host\n", ""), 8, "image is missing")

    def test_yaml_that_is_none(self):
        self.refuse("a: [1\nb: 2\n", 2, "")
        self.refuse("a: 1\na: 2\n", 2, "a")
        self.refuse("a: &x 1\nb: *x\n", 2, "")

    def test_lines_of_a_second_document_count_on(self):
        lines = GOOD_YAML.count("\n")
        self.refuse(GOOD_YAML + "---\n" + GOOD_YAML.replace("command", "comand"), lines + 1 + 10,
                    "comand")
        self.refuse(GOOD_YAML + "---\n" + GOOD_YAML, lines + 1 + 4, 'a second pod is called "web"')

    def test_standard_input_is_a_file_too(self):
        p = start("validate", "-f", "-", stdin=subprocess.PIPE)
        out, err = p.communicate(GOOD_YAML.replace("command", "comand"), timeout=20)
        self.assertEqual(p.returncode, 2)
        self.assertIn(":10: spec.containers[0].comand", err)

    def test_a_file_that_is_not_there_is_not_found(self):
        self.run_it(3, "validate", "-f", "no.yaml", says="no.yaml")
        self.run_it(3, "pack", "no-folder", says="no-folder")
        self.run_it(3, "events", "--db", "no.db", says="no.db")
        self.assertFalse(os.path.exists(os.path.join(self.world.folder, "no.db")))

    def test_validate_answers_programs_too(self):
        self.world.write("pod.yaml", GOOD_YAML)
        done = self.run_it(0, "validate", "-f", "pod.yaml", "-o", "json")
        jsonschema.validate(json.loads(done.stdout), schema("validate"))

    def test_pack_says_for_which_machine(self):
        for name, machine in (("one", 183), ("two", 40)):
            path = os.path.join(self.world.folder, "image", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(b"\177ELF\2\1\1" + bytes(11) + machine.to_bytes(2, "little"))
            os.chmod(path, 0o755)
        done = self.run_it(2, "pack", "image", says="an image is for one architecture")
        self.assertIn("two is for arm, but image/one for arm64", done.stderr)
        os.chmod(path, 0o644)
        self.run_it(0, "pack", "image", "-o", "layout")

        def blob(descriptor):
            name = descriptor["digest"].replace(":", "/")
            with open(os.path.join(self.world.folder, "layout/blobs", name)) as f:
                return json.load(f)

        with open(os.path.join(self.world.folder, "layout/index.json")) as f:
            manifest = blob(json.load(f)["manifests"][0])
        self.assertEqual(blob(manifest["config"])["architecture"], "arm64")

    def test_pack_answers_a_digest_that_depends_on_the_content_alone(self):
        self.world.write("image/hello", "hello\n")
        first = self.run_it(0, "pack", "image").stdout
        shutil.copytree(os.path.join(self.world.folder, "image"),
                        os.path.join(self.world.folder, "copy"))
        self.assertEqual(self.run_it(0, "pack", "copy").stdout, first)
        answer = json.loads(self.run_it(0, "pack", "image", "-o", "json").stdout)
        jsonschema.validate(answer, schema("pack"))
        self.assertEqual(answer["digest"], first.strip())


    def test_fields_that_are_ignored_are_told(self):
        self.world.write("pod.yaml", GOOD_YAML.replace(
            "      command", "      imagePullPolicy: Always\n      command"))
        done = self.run_it(0, "validate", "-f", "pod.yaml")
        self.assertEqual("warning: pod.yaml:10: Pod web: ignored, see docs/manifest.md: "
                         "spec.containers[0].imagePullPolicy\n", done.stderr)


def spread(path):
    """a.{b,c}.d is a.b.d and a.c.d."""
    found = re.search(r"\{([^}]*)\}", path)
    if not found:
        return [path]
    return [p for part in found.group(1).split(",")
            for p in spread(path[:found.start()] + part + path[found.end():])]


class Pages(Alone):
    """docs/manifest.md and docs/configuration.md name what the sources know."""

    def read(self, path):
        with open(os.path.join(ROOT, path)) as f:
            return f.read()

    def block(self, page, name):
        return re.search(rf"^```\w+ {name}\n(.*?)^```$", page, re.M | re.S).group(1)

    def explained(self, *field):
        answer = json.loads(self.run_it(0, "explain", *field, "-o", "json").stdout)
        jsonschema.validate(answer, schema("explain"))
        return answer

    def test_the_full_pod_is_fine_and_has_every_honoured_field(self):
        text = self.block(self.read("docs/manifest.md"), "pod-full")
        self.world.write("full.yaml", text)
        done = self.run_it(0, "validate", "-f", "full.yaml")
        self.assertEqual(done.stderr, "")  # nothing of it is ignored
        names = {row["field"].split(".")[-1].removesuffix("[]") for row in self.explained("pod")
                 if row["what"] == "honoured"}
        self.assertGreater(len(names), 80)
        self.assertEqual([n for n in sorted(names) if not re.search(rf"\b{n}\b:", text)], [])

    def test_the_page_has_the_rows_of_explain_and_no_others(self):
        rows = {}
        for line in re.findall(r"(?m)^\| `[a-z]+\..*$", self.read("docs/manifest.md")):
            path, what, default, sentence = [cell.strip() for cell in
                                             re.split(r"(?<!\\)\|", line)[1:-1]]
            for field in spread(path.strip("`")):
                self.assertNotIn(field, rows)
                rows[field] = (what, default, sentence)
        code = {row["field"]: (row["what"], row["default"], row["sentence"])
                for row in self.explained()}
        self.assertEqual(rows, code)

    def test_explain_finds_a_field_as_people_write_it(self):
        for field in ("pod.spec.containers.image", "pod.spec.containers[].image",
                      "pod.spec.containers[0].image"):
            self.assertIn("pod.spec.containers[].image: honoured",
                          self.run_it(0, "explain", field).stdout)
        below = self.explained("pod.spec.containers.livenessProbe")
        self.assertIn("pod.spec.containers[].livenessProbe.periodSeconds",
                      [row["field"] for row in below])
        self.assertTrue(all("livenessProbe" in row["field"] for row in below))
        self.run_it(3, "explain", "pod.spec.contain", says="no field")

    def test_fields_that_the_page_refuses_are_refused(self):
        refused = [row["field"] for row in self.explained() if row["what"] == "refused"]
        self.assertGreater(len(refused), 15)
        for field in refused:
            parts = field.removeprefix("pod.spec.").split(".")
            indent = "  "
            if parts[0] == "containers[]":
                if len(parts) != 2:
                    continue  # deeper ones are tests/unit/workloads/test_manifest.c's
                self.refuse(GOOD_YAML.replace("      command", f"      {parts[1]}: [x]\n      command"),
                            10, f"spec.containers[0].{parts[1]}")
            elif parts[0] == "volumes[]" and len(parts) == 2:
                self.refuse(GOOD_YAML.replace(
                    "  containers:",
                    f"  volumes:\n    - name: v\n      {parts[1]}: {{}}\n  containers:"), 9,
                    f"spec.volumes[0].{parts[1]}")
            elif len(parts) == 1:
                self.refuse(GOOD_YAML.replace("  containers:", f"{indent}{parts[0]}: x\n  containers:"),
                            7, f"spec.{parts[0]}")
        self.refuse(GOOD_YAML.replace("kind: Pod", "kind: StatefulSet"), 2, "StatefulSet")

    def test_the_agents_keys_are_on_the_page_and_its_example_is_read(self):
        page = self.read("docs/configuration.md")
        keys = re.findall(r"\{ \"(\w+)\", (\w+),", self.read("agent/config.c"))
        self.assertGreater(len(keys), 15)
        example = self.block(page, "skerryd")
        for key, reader in keys:
            if reader == "refuse_later":
                self.assertIn(f"`{key}`", page)
                self.check_config(f"{key} = x\n", 1, "not in this version yet")
            else:
                self.assertRegex(page, rf"(?m)^\| `{key}` \|")
                self.assertRegex(example, rf"(?m)^{key} = ")
        # The line behind the example is the first that is wrong.
        self.check_config(example + "no_such_key = 1\n", example.count("\n") + 1,
                          'unknown key "no_such_key"')

    def check_config(self, text, line, says):
        path = self.world.write("skerryd.conf", text)
        done = subprocess.run([os.path.join(BIN, "skerryd"), "--config", path], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"skerryd.conf:{line}: ", done.stderr)
        self.assertIn(says, done.stderr)

    def test_limits_of_keys_are_those_of_the_page(self):
        for key, good, bad in (
                ("device", ["a", "drone-07", "a" * 63],
                 ["", "A", "-a", "a-", "a" * 64, "hub", "a.b"]),
                ("fleet", ["b"], ["hub", "B"]),
                ("broker", ["mqtt://h", "mqtt://h:1", "mqtt://u:p@[::1]:65535", "mqtts://h"],
                 ["h", "http://h", "mqtt://", "mqtt://h:0", "mqtt://h:65536", "mqtts://"]),
                ("tls_ca", ["/a"], ["ca.pem", ""]),
                ("tls_alpn", ["mqtt", "a" * 32], ["", "a" * 33]),
                ("state_dir", ["/a", "/" + "a" * 126], ["a", "", "/" + "a" * 127]),
                ("run_dir", ["/a"], ["./a"]),
                ("allow_host_image", ["true", "false"], ["yes", "1", ""]),
                ("allow_host_path", ["", "/a, /b/", ",".join(["/a"] * 16)],
                 ["a", "/a/../b", ",".join(["/a"] * 17), "/" + "a" * 1023]),
                ("telemetry_flush", ["100ms", "1h", "1m30s"], ["99ms", "61m", "5", "-1s", ""]),
                ("host_metrics", ["off", "1s", "1h"], ["0", "999ms", "61m", "on", ""]),
                ("statsd", ["off", "127.0.0.1:8125", "127.9.9.9:1", "[::1]:65535"],
                 ["0.0.0.0:8125", "192.0.2.1:1", "[::]:1", "127.0.0.1", "127.0.0.1:0", ":1", ""]),
                ("statsd_interval", ["1s", "1h"], ["off", "999ms", "61m"]),
                ("local_broker", ["mqtt://h", "mqtt://u:p@[::1]:65535"], ["h", "mqtts://h", "mqtt://"]),
                ("local_topics", ["", "a/+/b -> s", "# -> s as json, a -> t",
                                  ", ".join(["a -> s"] * 8)],
                 ["a", "a->s", "a# -> s", "a -> S", "a -> s as xml", ", ".join(["a -> s"] * 9),
                  "a" * 201 + " -> s"]),
                ("outbox_quota", ["256Ki", "1Gi", "1e6"], ["255Ki", "64MB", ""]),
                ("labels", ["", "a=b", ",".join(["a=b"] * 16)],
                 ["a", "=b", ",".join(["a=b"] * 17), "a=" + "b" * 64])):
            for value in good:
                with self.subTest(key, value=value):
                    self.check_config(f"{key} = {value}\nwrong\n", 2, "is not key = value")
            for value in bad:
                with self.subTest(key, value=value):
                    self.check_config(f"{key} = {value}\n", 1, f": {key}: ")

    def test_the_options_of_the_command_line_are_on_the_page(self):
        page = self.read("docs/configuration.md")
        options = re.findall(r"\{ \"(--[\w-]+)\", (?:\"(-\w)\"|NULL),",
                             self.read("cloud/skerry/options.c"))
        self.assertGreater(len(options), 15)
        for name, short in options:
            self.assertRegex(page, rf"(?m)^\| .*`{name}`")
            if short:
                self.assertIn(f"`{short}`", page)


def places_of(value, path=()):
    """Every place in a document: a way to it, and what is there."""
    yield path, value
    inside = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from places_of(one, (*path, key))


def with_change(document, path, value):
    changed = json.loads(json.dumps(document))
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


class Schema(Alone):
    """What an editor is told of manifests agrees with what the readers take."""

    def setUp(self):
        super().setUp()
        with open(os.path.join(DOCS, "manifest.md")) as f:
            text = re.search(r"^```yaml pod-full\n(.*?)^```$", f.read(), re.M | re.S).group(1)
        self.full = yaml.safe_load(text)
        self.pod = self.of("pod")

    def of(self, kind):
        found = json.loads(self.run_it(0, "schema", kind).stdout)
        jsonschema.Draft7Validator.check_schema(found)
        return jsonschema.Draft7Validator(found)

    def refused(self, document):
        self.world.write("pod.json", json.dumps(document))
        return self.world.cli("validate", "-f", "pod.json", broker=False, seconds=30).returncode == 2

    def test_there_is_one_for_every_kind_and_examples_are_fine(self):
        schemas = {kind: self.of(kind) for kind in self.run_it(0, "schema").stdout.split()}
        self.assertEqual(len(schemas), 7)
        seen = set()
        schemas["Pod"].validate(self.full)
        for path in glob.glob(os.path.join(DOCS, "examples", "**", "*.yaml"), recursive=True):
            with open(path) as f:
                for document in filter(None, yaml.safe_load_all(f)):
                    if document["kind"] in schemas:
                        schemas[document["kind"]].validate(document)
                        seen.add(document["kind"])
        self.assertLessEqual({"Pod"}, seen)
        for kind, version, spec in (
                ("Deployment", "apps/v1", {"template": {"spec": self.full["spec"]}}),
                ("DaemonSet", "apps/v1", {"template": {"spec": self.full["spec"]}}),
                ("Job", "batch/v1", {"template": {"spec": self.full["spec"]}}),
                ("CronJob", "batch/v1", {"schedule": "0 1 * * *", "jobTemplate": {
                    "spec": {"template": {"spec": self.full["spec"]}}}})):
            good = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}
            schemas[kind].validate(good)
            self.assertFalse(schemas[kind].is_valid({**good, "kind": "Pod"}))
            self.assertFalse(schemas[kind].is_valid({**good, "spec": {}}))
        self.run_it(3, "schema", "StatefulSet", says="no kind")

    def test_what_it_refuses_the_readers_refuse(self):
        wrong, tried = [7, "x", True, [7], {"x": 7}], 0
        self.assertFalse(self.refused(self.full))
        for n, (path, _) in enumerate(places_of(self.full)):
            if not path:
                continue
            value = wrong[n % len(wrong)]
            bad = with_change(self.full, path, value)
            if not self.pod.is_valid(bad):
                tried += 1
                self.assertTrue(self.refused(bad), f"{path} = {value} is taken")
        self.assertGreater(tried, 150)

    def test_an_unknown_field_is_refused_by_both(self):
        objects = [path for path, value in places_of(self.full) if isinstance(value, dict)]
        tried = 0
        for path in objects:
            bad = with_change(self.full, (*path, "notAField"), {"x": 7})
            if not self.pod.is_valid(bad):
                tried += 1
                self.assertTrue(self.refused(bad), f"{path}.notAField is taken")
        self.assertGreater(tried, 40)


class Convert(Alone):
    """A compose file as manifests."""
    FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compose")

    def convert(self, text, code=0, says=None):
        self.world.write("compose.yaml", text)
        return self.run_it(code, "convert", "compose.yaml", says=says)

    def test_the_whole_of_one(self):
        def golden(name):
            with open(os.path.join(self.FOLDER, name)) as f:
                return f.read()

        done = self.convert(golden("two.yaml"))
        self.assertEqual(done.stdout, golden("two.pods.yaml"))
        self.assertEqual(done.stderr, golden("two.warnings").replace("two.yaml", "compose.yaml"))
        self.world.write("pods.yaml", done.stdout)
        self.run_it(0, "validate", "-f", "pods.yaml")
        for pod in yaml.safe_load_all(done.stdout):
            self.assertEqual(pod["kind"], "Pod")

    def test_texts_stay_texts(self):
        values = ["true", "yes", "007", "1.0", "~", "null", "", " x ", "a: b", "#no", "- x", "a\nb\n",
                  "[x]", "{x", "\"q\"", "it's", "\u00e9", "!tag", "&a", "*b", "%x", "@x", "a #b", "on",
                  "0x1f", "1_000", "12:30", "2026-11-27", ".inf", "-", "+1", "./x", "64Mi"]
        services = {"services": {"s": {"image": "x", "environment": {
            f"K{i}": v for i, v in enumerate(values)}}}}
        done = self.convert(json.dumps(services))
        env = yaml.safe_load(done.stdout)["spec"]["containers"][0]["env"]
        self.assertEqual([e["value"] for e in env], values)
        self.world.write("pods.yaml", done.stdout)
        self.run_it(0, "validate", "-f", "pods.yaml")

    def test_commands_are_split_as_a_shell_does(self):
        done = self.convert("""services: {s: {image: x, command: 'a "b c" d\\ e ""'}}""")
        self.assertEqual(yaml.safe_load(done.stdout)["spec"]["containers"][0]["args"],
                         ["a", "b c", "d e", ""])

    def test_what_is_wrong_is_told_with_its_line(self):
        def service(key):
            return f"services:\n  s:\n    image: x@sha256:{64 * '0'}\n    {key}\n"

        for key, says in (("restart: sometimes", "restart: no, always"),
                          ("mem_limit: much", "mem_limit: an amount such as 64m"),
                          ("cpus: all", "cpus: a number"),
                          ("user: www", "user: a number"),
                          ("volumes: [./here:/there]", "volumes: a folder of the desk"),
                          ("ports: [8000-8010]", "ports: one port"),
                          ("command: 'a \"b'", "command: a quote is not closed"),
                          ("env_file: .env", "env_file: run it through docker compose config"),
                          ("environment: [HOME]", "environment: a variable of the desk"),
                          ("healthcheck: {test: [X]}", "healthcheck: test:"),
                          ("stop_grace_period: 5", "stop_grace_period: a duration"),
                          ("command: ${X}", "docker compose config")):
            with self.subTest(key):
                done = self.convert(service(key), 2, says)
                self.assertIn("compose.yaml:4: ", done.stderr)
                self.assertEqual(done.stdout, "")
        two = service("tmpfs: /x") + service("cpus: all").replace("services:\n  s:", "  t:")
        self.assertEqual(self.convert(two, 2, "t: cpus").stdout, "")
        self.convert("services: {s: {command: x}}", 2, "image: is missing")
        self.convert("services: {S_S: {image: x}}", 2, "S_S")
        self.convert("a: 1", 2, "is it a compose file")
        self.convert("", 2, "it is empty")
        self.convert("services: [", 2, "line")
        self.run_it(3, "convert", "none.yaml", says="none.yaml")
        self.run_it(2, "convert", says="one compose file is expected")


class Completion(Alone):
    """Each shell is asked for what it would show."""

    def setUp(self):
        super().setUp()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
        self.env["PATH"] = os.path.abspath(BIN) + ":" + self.env["PATH"]

    def shell(self, name, script):
        if not shutil.which(name):
            self.skipTest(f"{name} is not installed")
        done = subprocess.run([name, "-c", script], env=self.env, capture_output=True, text=True,
                              timeout=30, cwd=self.world.folder)
        self.assertEqual(done.stderr, "")
        return done.stdout.split("\n")

    def bash(self, line):
        words = line.split(" ")
        return self.shell("bash", f"""source <(skerry completion bash); compopt() {{ echo FILES; }}
            COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({line}) COMP_CWORD={len(words) - 1}
            _skerry; printf '%s\\n' "${{COMPREPLY[@]}}" """)

    def test_bash(self):
        self.assertEqual(self.bash("skerry va"), ["validate", ""])
        self.assertEqual(self.bash("skerry get --fl"), ["--fleet", ""])
        self.assertEqual(self.bash("skerry --db x.db telemetry --sq"), ["--sql", ""])
        self.assertIn("FILES", self.bash("skerry apply -f "))
        self.assertNotIn("FILES", self.bash("skerry logs -f "))
        self.assertEqual(self.bash("skerry get --nothing-of-it"), ["", ""])

    def test_fish(self):
        found = self.shell("fish", "skerry completion fish | source; complete -C 'skerry va'")
        self.assertEqual(found, ["validate\tcheck manifests; needs no broker", ""])
        self.world.write("here.yaml", "")
        self.assertIn("here.yaml", self.shell(
            "fish", "skerry completion fish | source; complete -C 'skerry apply -f '"))
        self.assertNotIn("here.yaml", self.shell(
            "fish", "skerry completion fish | source; complete -C 'skerry get '"))

    def test_zsh(self):
        found = self.shell("zsh", """compdef() { :; }; _describe() { print -l -- $candidates; }
            _files() { print FILES; }; source <(skerry completion zsh)
            words=(skerry va) CURRENT=2; _skerry; words=(skerry apply -f "") CURRENT=4; _skerry""")
        self.assertEqual(found, ["validate:check manifests; needs no broker", "FILES", "", ""])


class Codes(Alone):
    """Exit codes that come without a world."""

    def test_1_an_output_that_cannot_be_written(self):
        self.world.write("pod.yaml", GOOD_YAML)
        with open("/dev/full", "w") as full:
            p = start("validate", "-f", "pod.yaml", stdout=full, cwd=self.world.folder)
            self.assertIn("error: ", p.communicate(timeout=60)[1])
        self.assertEqual(p.returncode, 1)

    def test_3_no_agent_on_this_board(self):
        self.run_it(3, "--run-dir", self.world.folder, "status", says="is skerryd running")
        self.run_it(3, "--run-dir", self.world.folder, "logs", "web", says="is skerryd running")

    def test_5_dev_needs_root(self):
        # As a descriptor: others may have no way to where it was built.
        with open(os.path.join(BIN, "skerry"), "rb") as program:
            p = start("dev", program=f"/proc/self/fd/{program.fileno()}", user="nobody", cwd="/",
                      pass_fds=[program.fileno()])
        _, err = p.communicate(timeout=60)
        self.assertEqual((p.returncode, err), (5, "error: dev runs workloads: it needs root\n"))

    def test_6_no_broker(self):
        self.run_it(6, "get", "-b", "mqtt://127.0.0.1:1", says="no broker at mqtt://127.0.0.1:1")
        self.world.write("pod.yaml", GOOD_YAML)
        self.run_it(6, "apply", "-f", "pod.yaml", "-b", "mqtt://127.0.0.1:1", says="no broker at")

    def test_5_a_broker_that_refuses_the_user(self):
        config = self.world.write("strict.conf",
                                  f"listener {self.world.port} 127.0.0.1\nuser root\n"
                                  "allow_anonymous false\n")
        mosquitto = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.world.broker = Part("broker", [mosquitto, "-c", config], self.world.folder)
        wait_until("the broker listens", 10, lambda: is_listening(self.world.port))
        self.run_it(5, "get", "-b", f"mqtt://127.0.0.1:{self.world.port}", says="refused")

    def test_5_a_broker_that_refuses_to_be_read(self):
        with FakeBroker(granted=False) as b:
            self.run_it(5, "get", "-b", b.url, says="does not let this user read")

    def test_130_interrupted_while_waiting_for_a_broker(self):
        self.world.write("pod.yaml", GOOD_YAML)
        self.world.write("image/hello", "hello\n")
        for words in (["apply", "-f", "pod.yaml"], ["get"], ["logs", "web"], ["push", "image"]):
            with self.subTest(words[0]), FakeBroker(silent=True) as b:
                p = start(*words, "-b", b.url, cwd=self.world.folder)
                wait_until("it has come", 10, lambda: b.guests)
                time.sleep(0.2)
                p.send_signal(signal.SIGINT)
                p.communicate(timeout=60)
                self.assertEqual(p.returncode, 130)


class FakeBroker:
    """Says what a test wants to CONNECT and SUBSCRIBE, or nothing at all."""

    def __init__(self, granted=True, silent=False):
        self.granted, self.silent = granted, silent
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self.server.getsockname()[1]}"
        self.guests = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                guest, _ = self.server.accept()
            except OSError:
                return
            self.guests.append(guest)
            threading.Thread(target=self._serve, args=(guest,), daemon=True).start()

    def _serve(self, guest):
        data = b""
        while True:
            try:
                more = guest.recv(4096)
            except OSError:
                return
            if not more:
                return
            data += more
            while not self.silent and len(data) >= 2 and len(data) >= 2 + data[1]:
                packet, data = data[:2 + data[1]], data[2 + data[1]:]
                if packet[0] >> 4 == 1:
                    guest.sendall(b"\x20\x02\x00\x00")
                if packet[0] >> 4 == 8:
                    filters, at = 0, 4
                    while at < len(packet):
                        at += 2 + int.from_bytes(packet[at:at + 2], "big") + 1
                        filters += 1
                    code = b"\x01" if self.granted else b"\x80"
                    guest.sendall(bytes([0x90, 2 + filters]) + packet[2:4] + code * filters)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()
        for guest in self.guests:
            guest.close()


class Fleet(WorldTest):
    """Verbs against a device."""

    settings = {"labels": "site=north"}

    def cli(self, code, *args, says=None, **more):
        done = self.world.cli(*args, check=code, **more)
        if says:
            self.assertIn(says, done.stderr)
        return done

    def yaml(self, text=GOOD_YAML, name="pod.yaml"):
        self.world.write(name, text)
        return name

    def valid(self, name, *args, code=0):
        answer = json.loads(self.cli(code, *args, "-o", "json").stdout)
        jsonschema.validate(answer, schema(name))
        return answer

    def send(self, text):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            fd = os.open(self.device.run_dir, os.O_PATH | os.O_DIRECTORY)
            try:
                s.sendto(text.encode(), f"/proc/self/fd/{fd}/telemetry.sock")
            finally:
                os.close(fd)

    def running(self):
        """One workload that runs, reported and collected."""
        self.deploy(STEADY)
        self.send('batt,cell=1 volt=15.72,n=4i,ok=t,note="fine"\nbatt,cell=2 volt=15i')
        wait_until("logs and points are collected", 15, lambda: (
            self.world.rows("batt") == 2
            and self.world.db("SELECT count(*) FROM log")[0][0] == 2))
        wait_until("it is reported", 10, lambda: (
            self.world.state(self.device)["phase"] == "Available"))

    # --- documents for programs ---

    def test_every_json_answer_follows_its_schema(self):
        name, board = self.device.name, ("--run-dir", self.device.run_dir)
        self.valid("get-devices", "get", "devices")
        self.running()
        d = self.valid("get-devices", "get")["devices"]
        self.assertEqual([(x["device"], x["status"], x["desired"]) for x in d],
                         [(name, "ready", 1)])
        self.valid("get-device", "get", name)
        w = self.valid("get-workloads", "get", "workloads")["workloads"]
        self.assertEqual([(x["workload"], x["device"], x["state"]) for x in w],
                         [("steady/main", name, "running")])
        self.assertEqual(self.valid("status", *board, "status")["device"], name)
        self.assertGreater(len(self.valid("events", "events")), 3)
        told = self.valid("history", "history", name)
        self.assertEqual([(x["GENERATION"], x["KEPT"]) for x in told], [(1, "yes")])
        points = self.valid("telemetry", "telemetry", "batt")
        self.assertEqual(points[0]["FIELDS"], {"volt": 15.72, "n": 4, "ok": True, "note": "fine"})
        rows = self.valid("telemetry-sql", "telemetry", "--sql",
                          "SELECT device, count(*) AS n FROM point")
        self.assertEqual(rows, [{"device": name, "n": 2}])
        lines = self.valid("logs", "logs", "steady", "--db", self.world.db_path)
        self.assertEqual(sorted(x["LINE"] for x in lines), ["hello", "oops"])
        self.world.write("image/hello", "hello\n")
        self.valid("pack", "push", "image")

        # What failed, and what has left, follow them too.
        self.deploy(FAILING, phase="RolledBack", seconds=40)
        wait_until("it is reported", 10, lambda: (
            self.world.state(self.device)["phase"] == "RolledBack"))
        self.valid("get-device", "get", name)
        self.valid("status", *board, "status", code=1)
        jsonschema.validate(self.world.state(self.device), schema("state"))
        self.device.stop()
        self.assertEqual(self.valid("get-device", "get", name)["status"], "offline")

    def test_logs_of_a_device_and_of_a_board_answer_programs_too(self):
        self.running()
        url = f"mqtt://127.0.0.1:{self.world.port}"
        for where in (["-b", url], ["--run-dir", self.device.run_dir]):
            with self.subTest(where[0]):
                done = self.world.cli(*where, "logs", "steady", "-o", "json", broker=False, check=0)
                jsonschema.validate(json.loads(done.stdout), schema("logs"))
                done = self.world.cli(*where, "top", "-o", "json", broker=False, check=0)
                jsonschema.validate(json.loads(done.stdout), schema("top"))

    def test_whole_numbers_beyond_2_to_the_53_stay_fields(self):
        self.send("big n=9223372036854775807i")
        wait_until("it is collected", 15, lambda: self.world.rows("big") == 1)
        self.assertEqual(self.valid("telemetry", "telemetry", "big")[0]["FIELDS"],
                         {"n": 9223372036854775807})

    def test_the_same_things_have_the_same_schema(self):
        shared = {}
        for file in sorted(os.listdir(os.path.join(DOCS, "schema"))):
            s = schema(file[:-len(".json")])
            jsonschema.Draft202012Validator.check_schema(s)
            for name, definition in s.get("$defs", {}).items():
                self.assertEqual(shared.setdefault(name, definition), definition, f"{file}: {name}")
        state, status = schema("state"), schema("status")
        self.assertEqual(state["properties"],
                         {k: v for k,
                          v in status["properties"].items() if k in state["properties"]})

    # --- tables for people ---

    def test_tables_are_aligned_and_name_their_columns(self):
        self.running()
        done = self.cli(0, "get", "devices")
        head, row = done.stdout.splitlines()
        self.assertTrue(head.startswith("DEVICE"))
        for title in ("STATE", "GEN", "WORKLOADS", "LABELS"):
            at = head.index(title)
            self.assertEqual(row[at - 1], " ")
            self.assertNotEqual(row[at], " ")
        self.assertIn("site=north", row)
        self.assertEqual(done.stderr, "")
        self.assertIn("steady/main", self.cli(0, "get", "workloads").stdout)
        one = self.cli(0, "get", self.device.name).stdout
        self.assertRegex(one, r"(?m)^Available +yes")
        self.assertIn("steady/main", self.cli(0, "--run-dir", self.device.run_dir, "status").stdout)

    def test_the_doctor_of_a_fleet(self):
        def found():
            done = self.cli(0, "doctor", "fleet", "-o", "json")
            answer = json.loads(done.stdout)
            jsonschema.validate(answer, schema("doctor"))
            return {c["check"]: c for c in answer["checks"]}

        self.running()
        checks = found()
        self.assertEqual({c for c in checks if checks[c]["result"] != "ok"}, {"broker", "trust"})
        self.assertRegex(checks["hub"]["found"],
                         r"^answers within \d+ ms: version \d+\.\d+\.\d+, sqlite$")
        self.assertEqual(checks["desk"]["found"], "has no certificate")
        self.assertIn("without TLS", checks["broker"]["found"])
        self.assertEqual(checks["trust"]["found"], f"1: {self.device.name}")
        self.device.stop()
        self.assertEqual(found()["offline"]["found"], f"1: {self.device.name}")
        empty = self.cli(0, "doctor", "fleet", "-F", "nobody").stdout
        self.assertRegex(empty, r"(?m)^devices +warn +0 have reported")
        done = start("doctor", "fleet", "-b", "mqtt://127.0.0.1:1")
        self.assertIn("no broker at", done.communicate(timeout=30)[1])
        self.assertEqual(done.returncode, 6)
        done = self.cli(0, "doctor", "fleet")
        self.assertRegex(done.stdout, r"(?m)^offline +warn +1: ")
        self.assertRegex(done.stdout, r"(?m)^offline: on the board")
        self.world.hub.end()
        hub = found()["hub"]
        self.assertEqual((hub["result"], hub["found"]), ("warn", "no hub answers on this broker"))
        self.assertIn("skerry-hub --broker", hub["remedy"])

    def on_a_terminal(self, *args, until, then=None, **env):
        """What a person sees: everything up to `until`. `then`: a text, and what is done at it."""
        master, slave = pty.openpty()
        p = start(*args, "-b", f"mqtt://127.0.0.1:{self.world.port}", stdout=slave,
                  env={"TERM": "xterm", **env})
        os.close(slave)
        seen = b""

        def has_come():
            nonlocal seen, then
            if select.select([master], [], [], 0.1)[0]:
                seen += os.read(master, 65536)
            if then and then[0] in seen.decode():
                then[1]()
                then = None
            return until in seen.decode()

        try:
            wait_until(f"{until!r} is on the terminal", 15, has_come)
        finally:
            p.send_signal(signal.SIGINT)
            p.communicate(timeout=60)
            os.close(master)
        return seen.decode(), p.returncode

    def test_words_have_a_colour_on_a_terminal_alone(self):
        self.running()
        green = "\033[32mready\033[0m"
        self.assertIn(green, self.on_a_terminal("get", until=green)[0])
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            seen = self.on_a_terminal("get", until="ready", **env)[0]
            self.assertNotIn("\033", seen)
        self.assertNotIn("\033", self.cli(0, "get").stdout)

    def test_what_a_device_says_cannot_speak_to_the_terminal(self):
        evil, key = "\033]0;x\007\x9b2J\rb\nc", "\033]0;y\007\x9b2J"
        self.world.publish("liar/up/state", {
            "v": 1, "t": 1, "epoch": 1, "observed": 1, "applied": 1, "phase": evil, "arch": "x86_64",
            "labels": {key: evil, "skerry.dev/host-image": "true"}, "clock": evil, "buffer": {"bytes": 1},
            "identity": {"why": evil, "expires": 1}, "workloads": {
                key: {"state": evil}, "steady/main": {"state": evil, "trouble": evil}},
            "conditions": [{"type": t, "status": True, "generation": 1, "reason": evil,
                            "message": evil} for t in ("Rejected", "Available", evil)]},
            retain=True)
        self.world.publish("liar/up/online", {"online": True, "agent": evil}, retain=True)
        self.world.publish("liar/dn/desired", {
            "kind": "DesiredState", "apiVersion": "skerry.dev/v1", "v": 1, "epoch": 1,
            "generation": 1, "labels": {key: evil}, "workloads": [
                {"kind": "Pod", "metadata": {"name": name, "labels": {key: evil}},
                 "spec": {"containers": [{"name": "main", "image": evil}]}}
                for name in ("old" + key, "steady")]}, retain=True)
        self.letter(1, evil, "told.", device="liar")
        wait_until("the hub has it", 15, lambda: self.world.db(
            "SELECT 1 FROM event WHERE message = 'told.'"))
        steady = self.yaml(json.dumps(STEADY), "steady.yaml")
        for words in (("get",), ("get", "workloads"), ("get", "liar"), ("doctor", "fleet"),
                      ("events",), ("diff", "-f", steady, "-d", "liar"),
                      ("explain", "pod/steady"), ("explain", "-f", steady, "-d", "liar"),
                      ("apply", "-f", steady, "-d", "liar", "--timeout", "1s"),
                      ("events", "-w", "--timeout", "1s", "--db", self.world.db_path)):
            done = self.world.cli(*words)
            self.assertIn("liar", done.stdout + done.stderr, words)
            self.assertNotRegex(done.stdout + done.stderr, r"[\x00-\x08\x0b-\x1f\x7f-\x9f]",
                                words)

    def test_what_a_hub_says_cannot_either(self):
        self.world.hub.end()
        hub = Client(self.world.port, "hub")
        hub.subscribe("skerry1/main/hub/dn/cmd/+")

        def refuse():
            while not hub.messages:
                hub.read(time.monotonic() + 15)
            asked = json.loads(hub.messages[0][1])
            hub.publish(f"skerry1/main/hub/up/res/{asked['re']}", json.dumps(
                {"v": 1, "id": asked["id"], "code": 409, "body": "told \033[2J\x9b2J\nerror: x"}))

        answering = threading.Thread(target=refuse)
        answering.start()
        done = self.cli(0, "rollout", "status")
        answering.join()
        hub.vanish()
        self.assertIn("told ?[2J?2J?error: x\n", done.stderr)

    def test_watch_draws_what_has_changed(self):
        self.running()
        # The offline device is drawn over the online one, on a cleared screen.
        seen, code = self.on_a_terminal("get", "devices", "-w", until="offline",
                                        then=("ready", self.device.stop))
        self.assertLess(seen.index("ready"), seen.index("offline"))
        self.assertGreaterEqual(seen.count("\033[H\033[2J"), 2)
        self.assertEqual(code, 130)

    def test_a_board_knows_its_past_states_without_any_network(self):
        def told():
            done = self.world.cli("history", "--run-dir", self.device.run_dir, "-o", "json",
                                  broker=False, check=0)
            answer = json.loads(done.stdout)
            jsonschema.validate(answer, schema("history"))
            return [(s["generation"], s.get("outcome")) for s in answer["states"]], answer["states"]

        self.assertEqual(told()[0], [])
        self.deploy(STEADY)
        wait_until("it is reported", 10, lambda: (
            self.world.state(self.device)["observed"] == 1))
        self.deploy(FAILING, phase="RolledBack", seconds=40)
        self.deploy(pod("steady", "/missing", image="camera@sha256:" + 64 * "0"),
                    phase="Downloading")
        self.world.stop_broker()
        self.device.kill()
        self.device.start().wait_ready()
        outcomes, states = told()
        self.assertEqual(outcomes, [(1, "available"), (2, "rolled-back"), (3, None)])
        self.assertIn("exit code 7", states[1]["reason"])
        self.assertEqual(states[2]["document"], self.device.status()["document"])
        board = self.world.cli("history", "--run-dir", self.device.run_dir, broker=False,
                               check=0).stdout
        self.assertRegex(board, r"(?m)^\S+Z +2 +rolled-back +\S+Z +it keeps failing: .* +sha256:")
        self.assertRegex(board, r"(?m)^\S+Z +3 +progressing +- +- +sha256:")

    # --- bytes as they go ---

    def push_on_a_terminal(self, relay, **env):
        """What a person sees of a push."""
        master, slave = pty.openpty()
        env = {**os.environ, "TERM": "xterm", **env}
        p = subprocess.Popen([os.path.join(BIN, "skerry"), "push", "big", "-b",
                              f"mqtt://127.0.0.1:{relay.port}"], env=env, cwd=self.world.folder,
                             stdout=subprocess.PIPE, stderr=slave)
        os.close(slave)
        seen = b""
        try:
            while chunk := os.read(master, 65536):
                seen += chunk
        except OSError:  # the other side is closed
            pass
        p.communicate(timeout=60)
        os.close(master)
        self.assertEqual(p.returncode, 0)
        return seen.decode()

    def test_a_push_says_on_a_terminal_how_far_it_is(self):
        relay = Relay(self.world.port)
        self.addCleanup(relay.close)
        relay.bytes_per_s = 4 << 20
        path = self.world.write("big/noise", "")

        def push(**env):
            with open(path, "wb") as f:
                f.write(os.urandom(3 << 20))  # the hub has none of it
            return self.push_on_a_terminal(relay, **env)

        seen = push()
        total = re.search(r"of (3(\.\d)?MiB)  ", seen).group(1)
        lines = [x for x in seen.split("\r\n")[0].split("\r") if x]
        self.assertGreater(len(lines), 3, seen)
        for line in lines:
            self.assertRegex(line, rf"^pushing  [0-9.]+([KM]i)?B of {re.escape(total)}  \d+%"
                             r"(  [0-9.]+([KM]i)?B/s)? *$")
        percents = [int(re.search(r"(\d+)%", x).group(1)) for x in lines]
        self.assertEqual(percents, sorted(percents))
        self.assertGreater(len(set(percents)), 3)
        self.assertRegex(lines[-1], rf"^pushing  {re.escape(total)} of .* 100%  \S+/s *$")
        self.assertRegex(seen.split("\r\n")[1], r"^\S+ in 3 blobs")
        self.assertNotIn("pushing", self.push_on_a_terminal(relay))  # the hub has it: nothing goes
        self.assertNotIn("\033", seen + push(NO_COLOR="1"))
        self.assertNotIn("pushing", push(TERM="dumb"))
        with open(path, "wb") as f:
            f.write(os.urandom(1 << 20))
        self.assertNotIn("pushing", self.cli(0, "push", "big").stderr)  # in a pipe

    # --- events as they come ---

    def letter(self, seq, *messages, buf="e2e0test", device=None):
        """As a device would send it."""
        self.world.publish(f"{device or self.device.name}/up/event", {
            "v": 1, "dev": self.device.name, "buf": buf, "seq": seq,
            "events": [{"t": 1795533397871, "type": "Warning", "reason": "Exited",
                        "object": "camera/grabber", "message": m} for m in messages]})

    def watching(self, *args, broker=False):
        """Events in a pipe, and how to read them: lines until one has a text."""
        where = ["-b", f"mqtt://127.0.0.1:{self.world.port}"] if broker else \
            ["--db", self.world.db_path]
        p = start("events", *where, *args)
        self.addCleanup(p.stderr.close)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait, 20)
        self.addCleanup(p.kill)
        lines = []

        def until(text):
            end = threading.Timer(60 * SLOW, p.kill)
            end.start()
            try:
                while not lines or text not in lines[-1]:
                    line = p.stdout.readline()
                    self.assertTrue(line, f"{text} has not come: {lines}")
                    lines.append(line)
            finally:
                end.cancel()
            return lines

        return p, until

    def test_watched_events_are_told_once_each(self):
        # It begins in the middle of what comes.
        for i in range(10):
            self.letter(i, f"before-{i}.")
        p, until = self.watching("camera", "-w", "-o", "json", "-n", "1000")
        for i in range(10, 60):
            self.letter(i, f"m-{i}.", f"n-{i}.")
        self.letter(60, "last.")
        for line in until("last."):
            jsonschema.validate(json.loads(line), schema("events")["items"])
        told = [json.loads(line)["MESSAGE"] for line in until("last.")]
        rows = self.world.db("SELECT message FROM event WHERE object LIKE 'camera%'")
        self.assertEqual(sorted(told), sorted(r[0] for r in rows))
        self.assertGreaterEqual(len(told), 101)
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.wait(60), 130)

    def test_a_row_that_takes_the_number_of_a_removed_one_is_told(self):
        self.letter(1, "one.", "two.", "three.")
        p, until = self.watching("camera", "-w")
        until("three.")
        with sqlite3.connect(self.world.db_path, timeout=60) as db:  # as --keep does
            before = db.execute("SELECT max(rowid) FROM event").fetchone()
            db.execute("DELETE FROM event WHERE message IN ('two.', 'three.')")
        db.close()
        self.letter(2, "four.", "five.")
        lines = until("five.")
        self.assertEqual(self.world.db("SELECT max(rowid) FROM event"), [before])
        self.assertEqual([m.split()[-1] for m in lines],
                         ["MESSAGE", "one.", "two.", "three.", "four.", "five."])

    def test_a_database_that_is_moved_away_ends_the_watching(self):
        self.letter(1, "one.")
        p, until = self.watching("camera", "-w")
        until("one.")
        os.rename(self.world.db_path, self.world.db_path + ".old")
        self.assertEqual(p.wait(60), 6)
        self.assertIn(f"{self.world.db_path} is gone, or is another file now", p.stderr.read())

    def test_events_are_watched_without_a_hub(self):
        self.world.hub.end()
        p, until = self.watching("-f", "-d", self.device.name, broker=True)
        until("MESSAGE")  # it listens
        for _ in range(2):  # nobody acknowledges: a device sends it again
            self.letter(1, "one.")
            self.letter(2, "two \033[31m.")
        self.letter(9, "not of this device", device="another")
        self.letter(3, "three.")
        messages = [m[m.index("grabber"):].split(None, 1)[1] for m in until("three.")[1:]]
        self.assertEqual(messages, ["one.\n", "two ?[31m.\n", "three.\n"])
        self.device.kill()  # and a real one
        self.device.start()
        self.deploy(STEADY)
        self.assertRegex(until("Started")[-1], r"Normal +Started +steady/main")

    def test_events_are_watched_on_a_terminal_until_somebody_has_seen_enough(self):
        self.letter(1, "it was there.")
        wait_until("the hub has it", 15, lambda: self.world.db("SELECT 1 FROM event"))
        seen, code = self.on_a_terminal("events", "-w", "--db", self.world.db_path, "-n", "1",
                                        until="it came later",
                                        then=("there.", lambda: self.letter(2, "it came later")))
        self.assertRegex(seen, r"TIME +DEVICE +TYPE +REASON +OBJECT +MESSAGE")
        self.assertEqual(code, 130)
        done = start("events", "-w", "--timeout", "100ms", "-b",
                     f"mqtt://127.0.0.1:{self.world.port}")
        self.assertEqual((done.communicate(timeout=30), done.returncode)[1], 0)
        done = start("events", "-w", "--timeout", "100ms", "--db", self.world.db_path)
        self.assertEqual((done.communicate(timeout=30), done.returncode)[1], 0)

    def test_a_shell_is_told_names_that_live(self):
        self.running()
        url = f"mqtt://127.0.0.1:{self.world.port}"

        def see(line, *names):
            def candidates():
                done = self.cli(0, "completion", "candidates", f"skerry -b {url} {line}")
                return [x.split("\t")[0] for x in done.stdout.splitlines()] == list(names)
            # A shell gets what has come within 1.5 s: on a busy machine, less than all.
            wait_until(f"{line} offers {names}", 20, candidates)

        see("get ", "devices", "workloads", self.device.name)
        see("logs st", "steady/main")
        see("apply -d ", self.device.name)
        see(f"--run-dir {self.device.run_dir} wake ", "steady/main", "steady/main")

    def test_history_keeps_the_order_of_one_millisecond(self):
        self.deploy(pod("row", "/bin/sh", "-c",
                        'printf "%s\\n" 1 2 3 4 5 6 7 8 9; exec sleep 1000'))
        wait_until("the lines are collected", 15,
                   lambda: self.world.db("SELECT count(*) FROM log")[0][0] == 9)
        done = self.cli(0, "logs", "row", "--db", self.world.db_path, "-o", "json")
        self.assertEqual([x["LINE"] for x in json.loads(done.stdout)], list("123456789"))
        self.send("\n".join(f"m n={i}i 1790000000000000000" for i in range(9)))
        wait_until("the points are collected", 15, lambda: self.world.rows("m") == 9)
        done = self.cli(0, "telemetry", "m", "-n", "3", "-o", "json")
        self.assertEqual([x["FIELDS"]["n"] for x in json.loads(done.stdout)], [6, 7, 8])

    # --- exit codes ---

    def test_0_and_1_apply_answers_what_became_of_it(self):
        done = self.cli(0, "apply", "-f", self.yaml(), "--healthy-for", "500ms")
        self.assertIn("generation 0->1", done.stdout)
        self.assertIn("available", done.stderr)
        self.assertIn("unchanged", self.cli(0, "apply", "-f", "pod.yaml").stdout)
        bad = self.yaml(GOOD_YAML.replace("echo hello; exec sleep 1000", "echo broken; exit 7"))
        done = self.cli(1, "apply", "-f", bad, says="generation 2")
        self.assertIn("exit code 7", done.stderr)
        self.assertIn("| broken", done.stderr)
        self.cli(1, "--run-dir", self.device.run_dir, "status")

    def test_dry_run_changes_nothing(self):
        self.assertIn("0->1", self.cli(0, "apply", "--dry-run", "-f", self.yaml()).stdout)
        self.assertEqual(self.device.status()["observed"], 0)
        self.assertEqual(self.world.db("SELECT count(*) FROM device WHERE desired IS NOT NULL"),
                         [(0,)])

    def test_2_apply_refuses_a_bad_file_before_anything_moves(self):
        done = self.cli(2, "apply", "-f", self.yaml(GOOD_YAML.replace("command", "comand")))
        self.assertTrue(done.stderr.startswith("error: pod.yaml:10: spec.containers[0].comand"))
        self.assertEqual(self.device.status()["observed"], 0)

    def test_2_what_the_device_rejects_is_an_invalid_file(self):
        curious = self.yaml(GOOD_YAML + "  volumes: [{name: all, hostPath: {path: /}}]\n")
        self.cli(2, "apply", "-f", curious, says="allow_host_path")
        self.assertIsNotNone(self.device.condition("Rejected"))

    def test_2_what_the_device_would_reject_is_not_published(self):
        greedy = self.yaml(GOOD_YAML.replace("memory: 16Mi", "memory: 900Gi"))
        self.cli(2, "apply", "-f", greedy, says="nothing was published")
        self.assertEqual(self.device.status()["observed"], 0)

    def test_2_a_query_that_is_none(self):
        self.cli(2, "telemetry", "--sql", "SELEKT", says="error: ")

    def test_a_query_cannot_write(self):
        self.running()
        done = self.world.cli("telemetry", "--sql", "DELETE FROM point")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.world.rows("batt"), 2)

    def test_3_what_is_not_there(self):
        self.cli(3, "get", "nowhere", says='no device "nowhere"')
        url = f"mqtt://127.0.0.1:{self.world.port}"
        for where in (["-b", url], ["-b", url, "-d", self.device.name],
                      ["--run-dir", self.device.run_dir]):
            done = self.world.cli("logs", "nothing", *where, broker=False, check=3)
            self.assertIn("no", done.stderr)
        self.world.cli("apply", "-f", self.yaml(), "-F", "empty", check=3)

    def test_4_two_edits_of_the_same_generation(self):
        """Both build on generation 1; the other desk is faster in being last."""
        self.deploy(STEADY)
        slow = Relay(self.world.port)
        self.addCleanup(slow.close)
        mine = start("apply", "-f", self.yaml(), "-b", f"mqtt://127.0.0.1:{slow.port}",
                     "--healthy-for", "60s", cwd=self.world.folder)
        self.addCleanup(mine.wait)
        listener = subprocess.Popen(
            ["mosquitto_sub", "-p", str(self.world.port), "-t",
             f"skerry1/main/{self.device.name}/dn/desired",
             "-C", "2", "-N", "-W", "60", "-F", "%p\n"], stdout=subprocess.PIPE, text=True)
        slow.bytes_per_s = 1000
        theirs = self.world.desired(self.device, 2, [])
        for line in listener.stdout:
            if line.strip() and json.loads(line)["generation"] == 2:
                self.world.publish(f"{self.device.name}/dn/desired", theirs, retain=True)
                break
        _, err = mine.communicate(timeout=120)
        listener.communicate(timeout=60)
        self.assertEqual(mine.returncode, 4, err)
        self.assertIn("generation 2", err)
        c = wait_until("the device tells it too", 10, lambda: self.device.condition("Conflict"))
        self.assertEqual(c["generation"], 2)

    def test_4_building_on_what_the_broker_has_lost(self):
        self.running()
        self.world.hub.kill()
        self.world.publish(f"{self.device.name}/dn/desired", b"", retain=True)
        self.cli(4, "apply", "-f", self.yaml(), says="--prune begins anew")
        self.cli(0, "apply", "-f", "pod.yaml", "--prune", "--healthy-for", "500ms")
        wait_until("the other has ended", 20, lambda: (
            list(self.device.status()["workloads"]) == ["web/main"]))

    def test_6_a_device_that_must_be_online(self):
        self.running()
        self.device.stop()
        url = f"mqtt://127.0.0.1:{self.world.port}"
        done = self.world.cli("logs", "steady", "-b", url, broker=False, check=6)
        self.assertIn("is offline", done.stderr)
        done = self.cli(0, "apply", "-f", self.yaml(), says="will follow when it comes back")

    def test_6_no_hub_to_push_to(self):
        self.world.hub.kill()
        self.world.write("image/hello", "hello\n")
        self.cli(6, "push", "image", says="no hub answers")

    def test_7_not_done_in_time(self):
        self.cli(7, "apply", "-f", self.yaml(), "--healthy-for", "30s", "--timeout", "1s",
                 says="still on its way")

    def test_130_interrupted(self):
        self.running()
        url = f"mqtt://127.0.0.1:{self.world.port}"
        p = start("apply", "-f", self.yaml(), "-b", url, "--healthy-for", "30s",
                  cwd=self.world.folder)
        wait_until("it waits", 20, lambda: self.device.status()["observed"] == 2)
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=60)
        self.assertEqual(p.returncode, 130)
        p = start("logs", "steady", "-f", "-b", url)
        self.assertEqual(p.stdout.readline(), "hello\n")
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=60)
        self.assertEqual(p.returncode, 130)

    # --- pipes ---

    def test_a_reader_that_leaves_is_no_error_message(self):
        self.running()
        url = f"mqtt://127.0.0.1:{self.world.port}"
        for words in (["get", "devices", "-o", "json", "-b", url],
                      ["events", "--db", self.world.db_path]):
            with self.subTest(words[0]):
                read_end, write_end = os.pipe()
                os.close(read_end)
                p = start(*words, stdout=write_end)
                os.close(write_end)
                _, err = p.communicate(timeout=60)
                self.assertEqual(err, "")
                self.assertNotEqual(p.returncode, 0)

    def test_following_ends_with_its_reader(self):
        self.deploy(pod("steady", "/bin/sh", "-c", "while :; do echo tick; sleep 0.3; done"))
        wait_until("it is reported", 10, lambda: (
            self.world.state(self.device)["phase"] == "Available"))
        p = start("logs", "steady", "-f", "-b", f"mqtt://127.0.0.1:{self.world.port}")
        self.addCleanup(lambda: p.poll() is None and p.kill())
        self.assertEqual(p.stdout.readline(), "tick\n")
        p.stdout.close()
        try:
            p.wait(60)
        except subprocess.TimeoutExpired:
            self.fail("logs -f goes on though nobody reads")
        finally:
            p.stderr.close()


def days_from_now(days):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 24 * 3600))


class Certificates(unittest.TestCase):
    """Those that a configuration names end one day, and nobody renews them."""

    def setUp(self):
        self.world = TlsWorld()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.start_hub()

    def device(self, name, days):
        self.world.client(name, end=days_from_now(days))
        device = self.world.device(name).start().wait_up()
        wait_until("it reports when its certificate ends", 10,
                   lambda: (self.world.state(device) or {}).get("certificate"))
        return device

    def found(self, code):
        answer = json.loads(self.world.cli("doctor", "fleet", "-o", "json", check=code).stdout)
        jsonschema.validate(answer, schema("doctor"))
        return {c["check"]: c for c in answer["checks"]}

    def see(self, check, result, found, code):
        c = self.found(code)[check]
        self.assertEqual(c["result"], result, c)
        self.assertRegex(c["found"], found)
        self.assertEqual(result == "ok", "remedy" not in c)

    def test_the_doctor_of_a_fleet_counts_the_days(self):
        self.device("c-far", 40)
        self.see("certificates", "ok", "^no device's ends within 30 days$", 0)
        near = self.device("b-near", 20)
        self.see("certificates", "warn", "^1: b-near$", 0)
        self.device("a-urgent", 5)
        self.see("certificates", "fail", "^1: a-urgent$", 1)
        state = self.world.state(near)
        jsonschema.validate(state, schema("state"))
        self.assertAlmostEqual(state["certificate"]["expires"] / 1000,
                               time.time() + 20 * 24 * 3600, delta=600)
        board = self.world.cli("status", "--run-dir", near.run_dir).stdout
        self.assertRegex(board, r"(?m)^identity +tls_cert +until \d{4}-")

    def test_the_desk_has_days_too(self):
        for days, result, code in ((40, "ok", 0), (20, "warn", 0), (5, "fail", 1)):
            self.world.clients["desk"] = self.world.pki.issue(
                "desk", usage="clientAuth", san=None, end=days_from_now(days))
            self.see("desk", result, rf"^\S+desk.pem: until \d{{4}}-\d\d-\d\d, {days - 1} days$",
                     code)


if __name__ == "__main__":
    if not jsonschema:
        skip("needs python3-jsonschema and python3-yaml")
    main()
