"""docs/protocol.md is true: its examples are given to the real programs."""
import base64
import hashlib
import json
import os
import re
import socket
import subprocess
import threading
import time
import unittest
import zlib

import columns
from skerry_test import World, WorldTest, main, pod, wait_until, within

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")
PAGE = os.path.join(DOCS, "protocol.md")


def read_examples(page=PAGE):
    """{name: text} of the blocks that have a name behind their language."""
    with open(page) as f:
        text = f.read()
    found = re.findall(r"^```(\w+) ([\w-]+)\n(.*?)^```$", text, re.M | re.S)
    names = [name for _, name, _ in found]
    assert len(names) == len(set(names)), "a name stands twice"
    return {name: body for _, name, body in found}


EXAMPLES = read_examples()


def example(name, device=None):
    """The document `name`, as if it were of `device`."""
    text = EXAMPLES[name]
    return json.loads(text.replace("drone-07", device) if device else text)


def hex_example(name):
    return bytes.fromhex("".join(line.split("#")[0] for line in EXAMPLES[name].splitlines()))


def shape(document):
    """The names of a document's members and the kinds of its values."""
    if isinstance(document, dict):
        return {k: shape(v) for k, v in document.items()}
    if isinstance(document, list):
        return [shape(document[0])] if document else []
    return "number" if isinstance(document, (int, float)) and not isinstance(
        document, bool) else type(document).__name__


class Listener:
    """All messages below a filter, as they come: (retained, topic, payload)."""

    def __init__(self, world, rest):
        self.got = []
        self.process = subprocess.Popen(
            ["mosquitto_sub", "-p", str(world.port), "-q", "1", "-t", f"skerry1/main/{rest}",
             "-t", "skerry1/main/listener/ready", "-F", "%r %t %x"],
            stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        # Subscribed is who hears itself being called.
        wait_until("the listener listens", 40, lambda: (
            world.publish("listener/ready", b"-") or self.got))

    def _read(self):
        for line in self.process.stdout:
            retained, topic, payload = (line.rstrip("\n").split(" ") + [""])[:3]
            self.got.append((retained == "1", topic.split("/", 2)[2], bytes.fromhex(payload)))

    def forget(self):
        time.sleep(0.2)  # for a call that is still on its way
        self.got.clear()

    def find(self, rest):
        return [payload for _, topic, payload in list(self.got) if topic == rest]

    def wait(self, rest, fits=lambda payload: True, seconds=40):
        return wait_until(f"a message on {rest}", seconds, lambda: next(
            (p for p in self.find(rest) if fits(p)), None))

    def wait_json(self, rest, fits=lambda document: True, seconds=40):
        return json.loads(self.wait(rest, lambda p: p and fits(json.loads(p)), seconds))

    def close(self):
        self.process.kill()
        self.process.communicate()


class Page(unittest.TestCase):
    """What can be seen without any program."""

    def test_documents_are_json_and_fit_into_a_message(self):
        with open(PAGE) as f:
            for language, name in re.findall(r"^```(\w+) ([\w-]+)$", f.read(), re.M):
                if language == "json":
                    json.loads(EXAMPLES[name])
                self.assertLess(len(EXAMPLES[name]), 65536)

    def test_no_block_is_without_a_name(self):
        with open(PAGE) as f:
            self.assertEqual(re.findall(r"^```\w*$", f.read(), re.M),
                             ["```"] * len(EXAMPLES))

    def test_the_decoder_that_was_written_from_the_page_reads_its_bytes(self):
        head, points = columns.decode(hex_example("telec"))
        self.assertEqual(head, {"hist": True, "buf": "k3f9x0ab", "seq": 1842})
        self.assertEqual(points, columns.decode_tables(hex_example("columns")))
        self.assertEqual(points, [
            (1790000000000, "batt", {"cell": "1"},
             {"volt": 15.72, "cycles": 41, "ok": True, "note": "ok"}),
            (1790000001000, "batt", {"cell": "1"},
             {"volt": 15.7, "cycles": 41, "ok": True, "note": "ok"}),
            (1790000002000, "batt", {"cell": "1"},
             {"volt": 15.64, "cycles": 41, "ok": False, "note": "low"}),
            (1790000000000, "ratio", {}, {"third": 1 / 3, "near": 0.3333333432674408})])
        body = zlib.compress(hex_example("columns"))
        head, _ = columns.decode(hex_example("telec-head-offset") + body)
        self.assertEqual(head,
                         {"hist": False, "buf": "k3f9x0ab", "seq": 1843, "offset": 1795533390000})


class Signed(WorldTest):
    """The page's own commands, and a board that believes what they make."""

    def setUp(self):
        super().setUp()
        self.world.hub.end()
        script = EXAMPLES["sign-openssl"].replace("drone-07", self.device.name)
        subprocess.run(["sh", "-eu", "-c", "c=; " + script], cwd=self.world.folder, check=True)
        self.device.stop()
        self.device.settings["trust_anchor"] = os.path.join(self.world.folder, "anchor.json")
        self.device.start().wait_up()

    def test_openssl_alone_makes_a_state_that_is_believed(self):
        with open(os.path.join(self.world.folder, "desired.json")) as f:
            message = f.read()
        self.assertEqual(shape(json.loads(message)), {
            k: v for k, v in shape(example("envelope")).items() if k in ("payload", "sigs")})
        self.world.publish(f"{self.device.name}/dn/desired", message, retain=True)
        self.device.wait_phase("Available", 1)
        self.assertEqual(self.device.status()["trust"]["state"], 1)

    def sign(self, payload, *keys):
        """By the commands of the page."""
        self.world.write("payload", payload)
        script = EXAMPLES["sign-openssl"].split("\n\n")[0]
        sigs = subprocess.run(
            ["sh", "-eu", "-c", script + "\nsep=; for k; do printf '%s' \"$sep\"; sig $k payload; "
             "sep=,; done", "sh", *keys], cwd=self.world.folder, check=True, capture_output=True,
            text=True).stdout
        return (f'{{"payload":"{base64.b64encode(payload.encode()).decode()}",'
                f'"sigs":[{sigs}]}}')

    def test_a_command_that_openssl_has_signed_is_carried_out(self):
        good = example("desired-good", self.device.name)
        good.update(trust=1, issued="2026-11-27T00:00:00Z", expires="2027-02-27T00:00:00Z")
        self.world.publish(f"{self.device.name}/dn/desired", self.sign(json.dumps(good), "state"),
                           retain=True)
        self.device.wait_phase("Available", 42)
        listener = Listener(self.world, f"{self.device.name}/up/res/ops-9c1")
        self.addCleanup(listener.close)
        command = example("command-payload", self.device.name)
        command["session"] = self.device.status()["session"]
        self.world.publish(f"{self.device.name}/dn/cmd/restart",
                           self.sign(json.dumps(command), "state"))
        got = listener.wait_json(f"{self.device.name}/up/res/ops-9c1")
        self.assertEqual((got["code"], got["body"]), (200, "camera"))

    def test_floors_of_the_page_outlaw_a_state(self):
        with open(os.path.join(self.world.folder, "trust.json")) as f:
            trust = json.load(f)
        trust.update(version=2, floors=example("trust-floors", self.device.name))
        second = json.loads(self.sign(json.dumps(trust), "root-a", "root-b"))
        state = {**example("desired-none", self.device.name), "trust": 2,
                 "issued": "2026-12-01T00:00:00Z", "expires": "2027-02-27T00:00:00Z"}

        def send(**members):
            message = json.loads(self.sign(json.dumps({**state, **members}), "state"))
            self.world.publish(f"{self.device.name}/dn/desired", {**message, "trust": [second]},
                               retain=True)

        for n, members in enumerate(({"issued": "2026-11-30T00:00:00Z"}, {"generation": 42})):
            send(**members)
            wait_until("it is refused", 40, lambda n=n: f"floors[{n}] of trust version 2" in (
                self.device.condition("Rejected") or {}).get("message", ""))
        send()
        self.device.wait_phase("Available", 43)

    def test_what_nobody_has_signed_is_refused_by_its_digest(self):
        text = EXAMPLES["desired-good"].replace("drone-07", self.device.name).encode()
        self.world.publish(f"{self.device.name}/dn/desired", text, retain=True)
        got = wait_until("it is refused", 40, lambda: self.device.condition("Rejected"))
        expected = example("condition-unsigned")
        self.assertEqual(shape(got), shape(expected))
        for key in ("reason", "message", "epoch", "generation"):
            self.assertEqual(got[key], expected[key])
        self.assertEqual(got["document"], "sha256:" + hashlib.sha256(text).hexdigest())

    def test_the_trust_document_of_the_page_is_read(self):
        payload = base64.b64encode(EXAMPLES["trust"].encode()).decode()
        self.world.write("page.json", json.dumps({"payload": payload, "sigs": []}))
        done = self.world.cli("key", "trust", "-f", "page.json", check=0)
        after = json.loads(base64.b64decode(json.loads(done.stdout)["payload"]))
        self.assertEqual(after["version"], 2)
        self.assertEqual((after["keys"], after["roles"]),
                         (example("trust")["keys"], example("trust")["roles"]))


class Device(WorldTest):
    """Examples that a device reads, and those that it should have written."""

    settings = {"labels": "site=north"}

    def setUp(self):
        super().setUp()
        self.name = self.device.name
        self.listener = Listener(self.world, f"{self.name}/#")
        self.addCleanup(self.listener.close)

    def desire(self, name):
        document = EXAMPLES[name].replace("drone-07", self.name)
        self.world.publish(f"{self.name}/dn/desired", document, retain=True)
        return json.loads(document)["generation"]

    def camera(self):
        """The good example runs, and is reported."""
        self.device.wait_phase("Available", self.desire("desired-good"))
        self.device.wait_line("camera/grabber", "grabbing")
        return self.listener.wait_json(f"{self.name}/up/state", lambda j: (
            j["phase"] == "Available" and j["workloads"]))

    def condition(self, kind):
        return self.listener.wait_json(f"{self.name}/up/state", lambda j: any(
            c["type"] == kind for c in j["conditions"])) and wait_until(
                kind, 10, lambda: self.device.condition(kind))

    def check_condition(self, example_name, **same):
        """What the report says is what the page says, but for the time."""
        expected = example(example_name)
        got = self.condition(expected["type"])
        self.assertEqual(shape(got), shape(expected))
        for key in ("type", "status", "reason", "message", "epoch", "generation"):
            self.assertEqual(got.get(key), expected.get(key))
        self.assertLess(abs(got["since"] - time.time() * 1000), 60000)
        return got

    def test_presence_comes_with_the_connection_and_with_each_generation(self):
        retained = json.loads(self.world.subscribe(f"{self.name}/up/online", raw=True))
        self.assertEqual(shape(retained), shape(example("presence")))
        self.assertEqual((retained["v"], retained["online"], retained["generation"]), (1, True, 0))
        with open("/proc/sys/kernel/random/boot_id") as f:
            self.assertEqual(retained["boot"], f.read()[:4])
        self.camera()
        again = self.listener.wait_json(f"{self.name}/up/online", lambda j: j["generation"] == 42)
        self.assertEqual(again, {**retained, "generation": 42})

    def test_the_will_says_lost_and_a_stop_says_stop_and_sessions_rise(self):
        self.device.kill()
        lost = self.listener.wait_json(f"{self.name}/up/online", lambda j: not j["online"])
        self.assertEqual(shape(lost), shape(example("presence-will")))
        self.assertEqual(lost["why"], example("presence-will")["why"])
        self.listener.forget()
        self.device.start().wait_up()
        born = self.listener.wait_json(f"{self.name}/up/online", lambda j: j["online"])
        self.assertGreater(born["session"], lost["session"])
        self.listener.forget()
        self.device.stop()
        left = self.listener.wait_json(f"{self.name}/up/online", lambda j: j.get("why") == "stop")
        self.assertEqual(shape(left), shape(example("presence-goodbye")))
        self.assertEqual(left["session"], born["session"])

    def test_a_good_state_runs_and_is_reported(self):
        got = self.camera()
        expected = example("state")
        self.assertIn("camera/grabber", got["workloads"])
        # What depends on the moment: has something been buffered, and by whom.
        got["buffer"]["oldest"] = expected["buffer"]["oldest"]
        got["buffer"]["sources"] = expected["buffer"]["sources"]
        self.assertEqual(shape(got), shape(expected))
        for key in ("v", "clock", "epoch", "observed", "applied", "phase", "labels"):
            self.assertEqual(got[key], expected[key])
        w = got["workloads"]["camera/grabber"]
        self.assertEqual((w["state"], w["ready"], w["memLimit"]), ("running", True, 16 << 20))
        self.assertEqual(got["allocatable"]["memBytes"], got["capacity"]["memBytes"] - (16 << 20))
        self.assertEqual(got["allocatable"]["cpuMilli"], got["capacity"]["cpuMilli"] - 200)

    def test_conflict_and_stale_are_told_and_change_nothing(self):
        self.camera()
        pid = self.device.pid("camera/grabber")
        self.desire("desired-conflict")
        self.check_condition("condition-conflict")
        self.desire("desired-stale")
        self.check_condition("condition-stale")
        self.assertEqual(self.device.pid("camera/grabber"), pid)
        # The next that is accepted takes their conditions away.
        self.device.wait_phase("Available", self.desire("desired-none"))
        wait_until("the camera is gone", 40, lambda: self.device.status()["workloads"] == {})
        self.assertEqual([c["type"] for c in self.device.status()["conditions"]], ["Available"])

    def test_what_is_not_known_is_ignored_with_a_warning(self):
        self.device.wait_phase("Available", self.desire("desired-warned"))
        expected = example("event-warned")
        event = self.listener.wait_json(f"{self.name}/up/event", lambda j: (
            j["events"][0]["reason"] == "Accepted"))["events"][0]
        self.assertEqual({**event, "t": 0}, {**expected, "t": 0})

    def test_what_is_not_honoured_is_refused_with_its_path(self):
        self.camera()
        self.desire("desired-refused")
        self.check_condition("condition-rejected")
        self.assertEqual(self.device.status()["observed"], 42)

    def test_an_agent_that_is_wanted_takes_a_launcher(self):
        self.device.wait_phase("Available", self.desire("desired-agent"))
        self.check_condition("condition-nolauncher")
        self.assertEqual(self.device.status()["update"]["wanted"],
                         example("desired-agent")["agent"]["image"].split("@")[1])

    def test_a_refusal_names_the_generation_that_it_refuses(self):
        for member, value in (("workloads", {}), ("kind", "Other"), ("device", "another")):
            with self.subTest(member):
                self.listener.forget()
                document = {**example("desired-none", self.name), member: value}
                self.world.publish(f"{self.name}/dn/desired", document)
                state = self.listener.wait_json(f"{self.name}/up/state", lambda j, m=member: any(
                    c["type"] == "Rejected" and m in c["message"] for c in j["conditions"]))
                c = next(c for c in state["conditions"] if c["type"] == "Rejected")
                self.assertEqual((c["epoch"], c["generation"]), (1, 43))

    def test_an_unusable_image_rejects_its_state_also_after_a_restart(self):
        self.camera()
        digest = "sha256:" + hashlib.sha256(b"{}").hexdigest()
        self.world.send_desired(self.device, 43, [pod("a", "/a", image="a@" + digest)])
        request = self.listener.wait_json(f"{self.name}/up/blob/get")
        self.world.publish(f"{self.name}/dn/blob/{request['id']}/0", b"{}", qos=0)
        c = self.condition("Rejected")
        self.assertEqual((c["generation"], c["message"][:6]), (43, "image:"))
        before = self.device.status()
        self.assertEqual((before["phase"], before["applied"]), ("Available", 42))
        self.device.kill()
        self.device.start().wait_ready()
        after = self.device.status()
        self.assertEqual((after["phase"], after["applied"]), ("Available", 42))

    def test_what_fails_is_rolled_back_with_its_last_words(self):
        self.camera()
        self.device.wait_phase("RolledBack", self.desire("desired-failing"), 40)
        got = self.check_condition("condition-rolledback")
        words = example("condition-rolledback")["lastWords"]
        self.assertEqual(got["lastWords"]["workload"], words["workload"])
        self.assertEqual({(x["c"], x["s"], x["l"]) for x in got["lastWords"]["lines"]},
                         {(x["c"], x["s"], x["l"]) for x in words["lines"]})
        waiting = self.listener.wait_json(f"{self.name}/up/state", lambda j: (
            j["workloads"].get("camera/grabber", {}).get("state") == "waiting"))
        self.assertEqual(shape(waiting["workloads"]["camera/grabber"]),
                         shape(example("state-waiting")))
        event = self.listener.wait_json(f"{self.name}/up/event", lambda j: (
            j["events"][0]["reason"] == "RolledBack"))
        self.assertEqual(event["events"][0]["more"], got["lastWords"])

    def test_an_empty_document_is_unmanaged_and_one_of_no_workloads_is_not(self):
        self.camera()
        self.world.publish(f"{self.name}/dn/desired", b"", retain=True)
        c = self.condition("Unmanaged")
        self.assertEqual((c["status"], c["reason"]), (True, "EmptyDocument"))
        self.assertEqual(self.device.workload("camera/grabber")["state"], "running")
        self.device.wait_phase("Available", self.desire("desired-none"))
        wait_until("the camera is gone", 40, lambda: self.device.status()["workloads"] == {})

    def test_letters_of_events_and_logs_look_like_the_examples(self):
        self.camera()
        event = self.listener.wait_json(f"{self.name}/up/event")
        self.assertEqual(shape(event), shape(example("event")))
        log = self.listener.wait_json(f"{self.name}/up/log/camera")
        self.assertEqual(shape(log), shape(example("log")))
        self.assertEqual([(x["c"], x["s"], x["l"]) for x in log["lines"]],
                         [("grabber", "out", "grabbing")])
        letters = [json.loads(p) for _, topic, p in list(self.listener.got)
                   if topic.startswith((f"{self.name}/up/event", f"{self.name}/up/log/"))]
        self.assertEqual({(x["v"], x["dev"], x["buf"]) for x in letters},
                         {(1, self.name, self.device.status()["buffer"]["buf"])})
        seqs = {x["seq"] for x in letters}
        self.assertEqual(seqs, set(range(1, len(seqs) + 1)))

    def test_points_become_the_bytes_of_the_page(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            fd = os.open(self.device.run_dir, os.O_PATH | os.O_DIRECTORY)
            try:
                s.sendto(EXAMPLES["columns-lines"].encode(), f"/proc/self/fd/{fd}/telemetry.sock")
            finally:
                os.close(fd)
        payload = self.listener.wait(f"{self.name}/up/telec/host")
        documented = hex_example("telec")
        buf = self.device.status()["buffer"]["buf"].encode()
        head = bytes([1, 1, len(buf)]) + buf + b"\x01"
        self.assertEqual(payload[:len(head)], head)
        self.assertEqual(zlib.decompress(payload[len(head):]), hex_example("columns"))
        # What is inside is fixed; how well it is packed is not, but the window is.
        self.assertEqual(payload[len(head):][:1], documented[13:14])

    def test_commands_are_answered_as_documented(self):
        self.camera()
        session = self.device.status()["session"]
        for name in ("ping", "logs", "tail", "unknown", "old"):
            with self.subTest(name):
                request, expected = example(f"cmd-{name}"), example(f"res-{name}")
                if "session" in request:
                    request["session"] = session
                verb = {"unknown": "dance", "old": "ping"}.get(name, name)
                self.world.publish(f"{self.name}/dn/cmd/{verb}", request)
                got = self.listener.wait_json(f"{self.name}/up/res/{request['re']}",
                                              lambda j, i=request["id"]: j["id"] == i)
                self.assertEqual(shape(got), shape(expected))
                self.assertEqual((got["v"], got["code"]), (expected["v"], expected["code"]))
                if name in ("tail", "unknown"):
                    self.assertEqual(got["body"], expected["body"])
                if name == "old":
                    self.assertEqual(re.sub(r"here .*Z", "", got["body"]),
                                     re.sub(r"here .*Z", "", expected["body"]))
                if name == "logs":
                    self.assertEqual([x["l"] for x in got["body"]["lines"]], ["grabbing"])
        self.world.publish(f"{self.name}/dn/cmd/ping",
                           {**example("cmd-ping"), "id": "c-s", "session": session + 1})
        got = self.listener.wait_json(f"{self.name}/up/res/ops-9c1", lambda j: j["id"] == "c-s")
        self.assertEqual(got["code"], 409)
        self.world.publish(f"{self.name}/dn/cmd/logs",
                           {"id": "c-n", "re": "ops-9c1", "args": {"workload": "no"}})
        got = self.listener.wait_json(f"{self.name}/up/res/ops-9c1", lambda j: j["id"] == "c-n")
        self.assertEqual(got["code"], 404)

    def ask(self, name, verb):
        request = example(f"cmd-{name}")
        self.world.publish(f"{self.name}/dn/cmd/{verb}", request)
        return self.listener.wait_json(f"{self.name}/up/res/{request['re']}",
                                       lambda j: j["id"] == request["id"])

    def test_what_processes_use_and_what_acts_is_as_documented(self):
        self.device.stop()
        self.device.settings["allow_exec"] = "true"
        self.device.start().wait_up()
        self.camera()
        same = {"camera/grabber": 0}
        got, expected = self.ask("top", "top"), example("res-top")
        self.assertEqual(list(got["body"]["workloads"]), list(same))
        self.assertEqual(shape(got), shape(expected))
        got, expected = self.ask("exec", "exec"), example("res-exec")
        self.assertEqual(got, expected)
        self.assertEqual(self.listener.wait_json(f"{self.name}/up/tail/ops-9c1"),
                         example("exec-tail"))
        pid = self.device.pid("camera/grabber")
        self.assertEqual(self.ask("restart", "restart"), example("res-restart"))
        wait_until("it runs again", 40, lambda: self.device.pid("camera/grabber") not in (
            None, pid))
        event = self.listener.wait_json(f"{self.name}/up/event", lambda j: (
            j["events"][0]["reason"] == "Restarted"))["events"][0]
        self.assertEqual({**event, "t": 0}, {**example("event-restarted"), "t": 0})

    def test_a_tail_tells_new_lines(self):
        self.deploy(pod("clock", "/bin/sh", "-c", "while :; do echo tick; sleep 0.2; done"))
        self.world.publish(f"{self.name}/dn/cmd/tail",
                           {**example("cmd-tail"), "args": {"workload": "clock"}})
        got = self.listener.wait_json(f"{self.name}/up/tail/ops-9c1", lambda j: j["lines"])
        self.assertEqual(shape(got), shape(example("tail")))
        self.assertEqual((got["workload"], got["lines"][0]["l"]), ("clock/main", "tick"))

    def test_a_device_asks_for_blocks_as_documented(self):
        digest = "sha256:" + "0" * 64
        self.world.send_desired(self.device, 1, [pod("a", "/a", image="a@" + digest)])
        request = self.listener.wait_json(f"{self.name}/up/blob/get")
        expected = example("blob-get")
        self.assertEqual(shape(request), shape(expected))
        self.assertEqual(list(request), list(expected))
        self.assertEqual((request["d"], request["off"], request["len"], request["n"]),
                         (digest, 0, expected["len"], expected["n"]))
        answer = self.listener.wait(f"{self.name}/dn/blob/{request['id']}/err")
        self.assertEqual(answer.decode() + "\n", EXAMPLES["blob-err"])
        wait_until("the report says what is missing", 40, lambda: (
            digest in (self.device.condition("Available") or {}).get("message", "")))


class Acknowledged(WorldTest):
    """What an acknowledgement frees, and what it does not; no hub is there."""

    def setUp(self):
        super().setUp()
        self.world.hub.kill()
        self.deploy(pod("steady", "/bin/sleep", "1000"))
        self.name = self.device.name
        buffer = wait_until("letters wait", 40, lambda: (
            lambda b: b if b["batches"] >= 4 else None)(self.device.status()["buffer"]))
        self.buf = buffer["buf"]

    def batches(self):
        return self.device.status()["buffer"]["batches"]

    def ack(self, document):
        self.world.publish(f"{self.name}/dn/ack", document)

    def settles(self, count):
        return wait_until(f"{count} letters are left", 40, lambda: self.batches() == count)

    def stays(self, count):
        time.sleep(12)  # acknowledgements are carried out after at most ten seconds
        self.assertEqual(self.batches(), count)

    def test_ranges_are_freed(self):
        before = self.batches()
        self.ack({**example("ack"), "buf": self.buf, "ok": [[1, 2], [4, 4]]})
        self.settles(before - 3)

    def test_a_refused_letter_is_set_aside(self):
        before = self.batches()
        self.ack({**example("ack-bad"), "buf": self.buf, "bad": [[1, "pts[1]: f is empty"]]})
        self.settles(before - 1)
        self.assertEqual(self.device.status()["buffer"]["dead"], 1)

    def test_a_hello_brings_everything_again_and_frees_nothing(self):
        before = self.batches()
        listener = Listener(self.world, f"{self.name}/up/event")
        self.addCleanup(listener.close)
        self.ack(EXAMPLES["ack-hello"])
        # Without a hello it would come again after 30 s.
        within("all of it comes again", 20,
               lambda: len(listener.find(f"{self.name}/up/event")) >= before)
        self.assertEqual(self.batches(), before)

    def test_others_free_nothing(self):
        before = self.batches()
        for document in ({"buf": "another", "ok": [[1, 9]]}, {"ok": [[1, 9]]}, '{"buf":',
                         {"buf": self.buf, "ok": [[9, 1]]},
                         {"buf": self.buf, "ok": [[1, 2]], "bad": [1]},
                         {"buf": self.buf, "ok": [[n, n] for n in range(1, 258)]}):
            self.ack(document)
        self.stays(before)

    def test_one_that_names_no_buf_frees_nothing(self):
        before = self.batches()
        self.ack({"buf": "", "ok": [[1, 9]]})
        self.stays(before)


class Hub(unittest.TestCase):
    """Examples that the hub reads: published by hand, in the name of a device."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.start_hub()
        self.listener = Listener(self.world, "+/dn/#")
        self.addCleanup(self.listener.close)

    def publish(self, rest, name):
        text = EXAMPLES[name]
        self.world.publish("drone-07/" + rest, text)
        return json.loads(text)

    def acked(self, buf, seq):
        self.listener.wait_json("drone-07/dn/ack", lambda j: (
            j["buf"] == buf and any(a <= seq <= b for a, b in j["ok"])))

    def test_columns_become_rows_and_an_ack(self):
        self.world.publish("drone-07/up/telec/host", hex_example("telec"))
        self.acked("k3f9x0ab", 1842)
        rows = self.world.db("SELECT ts_ms, fleet, device, measurement, tags, fields"
                             " FROM point ORDER BY rowid")
        self.assertEqual(
            [(t, m, json.loads(tags), json.loads(f)) for t, _, _, m, tags, f in rows],
            columns.decode_tables(hex_example("columns")))
        self.assertEqual({r[1:3] for r in rows}, {("main", "drone-07")})
        self.assertEqual(self.world.db("SELECT device, stream, buf, seq, kind, hist FROM batch"),
                         [("drone-07", "host", "k3f9x0ab", 1842, "telec", 1)])

    def test_a_clock_offset_is_added(self):
        body = zlib.compress(bytes.fromhex("01 01 61 00 01 01 76 01 01 e6 41 02"))  # a v=1i 4211
        self.world.publish("drone-07/up/telec/host", hex_example("telec-head-offset") + body)
        self.acked("k3f9x0ab", 1843)
        self.assertEqual(self.world.db("SELECT ts_ms, fields FROM point"),
                         [(1795533394211, '{"v":1}')])

    def test_telemetry_as_json_becomes_rows_and_comes_twice_without_harm(self):
        sent = self.publish("up/tele/main", "tele")
        self.acked(sent["buf"], sent["seq"])
        self.listener.got.clear()
        self.publish("up/tele/main", "tele")
        self.acked(sent["buf"], sent["seq"])
        p = sent["pts"][0]
        rows = self.world.db("SELECT ts_ms, measurement, tags, fields FROM point")
        self.assertEqual([(t, m, json.loads(g), json.loads(f)) for t, m, g, f in rows],
                         [(p["t"], p["m"], p["g"], p["f"])])

    def test_one_bad_point_refuses_its_letter(self):
        self.publish("up/tele/main", "tele-bad")
        got = self.listener.wait_json("drone-07/dn/ack", lambda j: j["bad"])
        self.assertEqual(got, example("ack-bad"))
        self.assertEqual(self.world.db("SELECT count(*) FROM point"), [(0,)])
        self.assertEqual(self.world.db("SELECT count(*) FROM batch"), [(0,)])

    def test_a_letter_that_cannot_be_named_is_not_answered(self):
        for payload in ('{"pts":', {"v": 1, "pts": []}, {"buf": "a", "seq": 0, "pts": []},
                        {"buf": "a" * 32, "seq": 1, "pts": []}):
            self.world.publish("drone-07/up/tele/main", payload)
        for payload in (b"", b"\x02\x00\x01a\x01", b"\x01\x08\x01a\x01", b"\x01\x00\x00\x01",
                        b"\x01\x00\x20" + b"a" * 32 + b"\x01", b"\x01\x00\x01a\x80"):
            self.world.publish("drone-07/up/telec/main", payload)
        sent = self.publish("up/tele/main", "tele")
        self.acked(sent["buf"], sent["seq"])
        self.assertEqual(len(self.listener.find("drone-07/dn/ack")), 1)
        self.assertEqual(self.world.db("SELECT count(*) FROM batch"), [(1,)])

    def test_columns_that_do_not_read_are_refused_with_their_seq(self):
        head = hex_example("telec-head-offset")
        for body in (b"", b"no zlib", zlib.compress(b"\x01"),
                     zlib.compress(hex_example("columns") + b"\x00")):
            self.world.publish("drone-07/up/telec/host", head + body)
            got = self.listener.wait_json("drone-07/dn/ack", lambda j: j["bad"])
            self.assertEqual((got["buf"], got["ok"], got["bad"][0][0]), ("k3f9x0ab", [], 1843))
            self.listener.got.clear()
        self.assertEqual(self.world.db("SELECT count(*) FROM point"), [(0,)])

    def test_events_become_rows_at_the_right_time(self):
        for name in ("event", "event-offset", "event-now"):
            before = time.time() * 1000
            sent = self.publish("up/event", name)
            self.acked(sent["buf"], sent["seq"])
        now = time.time() * 1000
        rows = self.world.db("SELECT ts_ms, type, reason, object, message, more"
                             " FROM event ORDER BY rowid")
        sent = [example(n)["events"][0] for n in ("event", "event-offset", "event-now")]
        self.assertEqual([r[1:5] for r in rows],
                         [(e["type"], e["reason"], e["object"], e["message"]) for e in sent])
        self.assertEqual([r[0] for r in rows[:2]], [1795533397871, 1795533394211])
        # A second before it came to the hub.
        self.assertTrue(before - 1 <= rows[2][0] + 1000 <= now + 1, (before, rows[2][0], now))
        self.assertEqual([r[5] and json.loads(r[5]) for r in rows], [None, None, sent[2]["more"]])
        self.assertEqual(self.world.db("SELECT stream, kind, hist FROM batch ORDER BY seq"),
                         [("event", "event", 0), ("event", "event", 1), ("event", "event", 0)])

    def test_log_lines_become_rows(self):
        sent = self.publish("up/log/camera", "log")
        self.acked(sent["buf"], sent["seq"])
        self.assertEqual(
            self.world.db("SELECT ts_ms, device, pod, container, stream, line"
                          " FROM log ORDER BY rowid"),
            [(x["t"], "drone-07", "camera", x["c"], x["s"], x["l"]) for x in sent["lines"]])

    def test_presence_of_an_older_session_is_ignored(self):
        def row():
            return self.world.db("SELECT online, session, boot, agent, generation, why FROM device")

        self.publish("up/online", "presence")
        wait_until("it is online", 40, lambda: row() == [(1, 12, "9f2c", "0.1.0", 42, None)])
        self.world.publish("drone-07/up/online", {**example("presence-will"), "session": 11})
        self.publish("up/event", "event")
        self.acked("k3f9x0ab", 12)
        self.assertEqual(row()[0][0], 1)
        self.publish("up/online", "presence-will")
        wait_until("it is lost", 40, lambda: row() == [(0, 12, "9f2c", "0.1.0", 42, "lost")])

    def test_a_state_is_kept_and_an_older_one_is_shown_the_newer(self):
        self.world.publish("drone-07/dn/desired", EXAMPLES["desired-none"], retain=True)
        wait_until("the hub knows it", 40, lambda: self.world.db(
            "SELECT desired_epoch, desired_generation FROM device") == [(1, 43)])
        self.listener.wait("drone-07/dn/desired")  # our own
        self.listener.got.clear()
        self.publish("up/state", "state")
        shown = self.listener.wait("drone-07/dn/desired")
        self.assertEqual(shown.decode(), EXAMPLES["desired-none"])
        wait_until("the report is kept", 40, lambda: self.world.db(
            "SELECT 1 FROM device WHERE state IS NOT NULL"))
        self.assertEqual(json.loads(self.world.db("SELECT state FROM device")[0][0]),
                         example("state"))

    def test_a_new_hub_says_hello_to_who_was_online(self):
        self.publish("up/online", "presence")
        wait_until("it is online", 40,
                   lambda: self.world.db("SELECT 1 FROM device WHERE online = 1"))
        self.world.hub.end()
        self.world.start_hub()
        self.assertEqual(self.listener.wait_json("drone-07/dn/ack"), example("ack-hello"))

    def test_a_desk_is_shown_what_the_hub_knows(self):
        heard = Listener(self.world, "hub/up/#")
        self.addCleanup(heard.close)
        self.publish("up/online", "presence")
        self.publish("up/state", "state")
        self.world.publish("drone-07/dn/desired", EXAMPLES["desired-good"], retain=True)
        wait_until("the hub knows all of it", 40, lambda: self.world.db(
            "SELECT 1 FROM device WHERE online = 1 AND state IS NOT NULL AND desired IS NOT NULL"))
        self.world.publish("hub/dn/cmd/about", example("cmd-about"))
        self.assertEqual(heard.wait_json("hub/up/res/desk-k2j4h6g8"), example("res-about"))
        heard.got.clear()
        self.world.publish("hub/dn/cmd/view", example("cmd-view"))
        self.assertEqual(heard.wait_json("hub/up/res/desk-k2j4h6g8"), example("res-view"))
        for channel, name in (("online", "presence"), ("state", "state")):
            self.assertEqual(heard.wait_json(f"hub/up/{channel}/desk-k2j4h6g8/drone-07"),
                             example(name))
        shown = heard.wait("hub/up/desired/desk-k2j4h6g8/drone-07")
        self.assertEqual(shown.decode(), EXAMPLES["desired-good"])

        for i in range(64):
            self.world.publish(f"zz-{i:02}/up/online", example("presence"))
        wait_until("the hub knows them", 40, lambda: self.world.db(
            "SELECT count(*) FROM device")[0][0] == 65)
        heard.got.clear()
        self.world.publish("hub/dn/cmd/view", example("cmd-view"))
        got = heard.wait_json("hub/up/res/desk-k2j4h6g8")["body"]
        self.assertEqual(got, {"documents": 66, "last": "zz-62", "more": True})
        self.world.publish("hub/dn/cmd/view", {**example("cmd-view"), "args": {"after": "zz-62"}})
        got = heard.wait_json("hub/up/res/desk-k2j4h6g8", lambda j: not j["body"]["more"])["body"]
        self.assertEqual(got, {"documents": 1, "last": "zz-63", "more": False})

    def test_an_announced_artifact_is_pulled_and_then_served(self):
        heard = Listener(self.world, "hub/up/#")
        self.addCleanup(heard.close)
        push = example("push")
        self.world.publish("hub/dn/cmd/push", push)
        request = heard.wait_json("hub/up/blob/get")
        self.assertEqual(shape(request), shape(example("blob-get")))
        self.assertEqual((request["d"], request["off"]), (push["args"]["digest"], 0))
        self.world.publish(f"hub/dn/blob/{request['id']}/0", b"abc", qos=0)
        done = heard.wait_json(f"hub/up/res/{push['re']}")
        self.assertEqual(done, example("push-done"))

        # Announced again it is there; asked for it is served; another is not.
        heard.got.clear()
        self.world.publish("hub/dn/cmd/push", push)
        self.assertEqual(heard.wait_json(f"hub/up/res/{push['re']}")["body"], "here already")
        ask = example("blob-get")
        self.publish("up/blob/get", "blob-get")
        self.assertEqual(self.listener.wait(f"drone-07/dn/blob/{ask['id']}/0"), b"abc")
        self.world.publish("drone-07/up/blob/get", {**ask, "id": "second", "off": 1, "len": 1})
        self.assertEqual(self.listener.wait("drone-07/dn/blob/second/1"), b"b")
        self.listener.wait("drone-07/dn/blob/second/2", lambda p: p == b"c")
        wait_until("the end is told", 40, lambda: ("drone-07/dn/blob/second/3" in [
            topic for _, topic, _ in self.listener.got]))
        self.world.publish("drone-07/up/blob/get",
                           {**ask, "id": "third", "d": "sha256:" + "0" * 64})
        got = self.listener.wait("drone-07/dn/blob/third/err")
        self.assertEqual(got.decode() + "\n", EXAMPLES["blob-err"])

    def test_a_file_is_taken_block_by_block(self):
        announced = example("file")
        for rest in ("up/file/f1", "up/file/f1/0"):
            self.world.publish(f"drone-07/{rest}", announced if rest == "up/file/f1" else b"a")
        self.assertEqual(self.listener.wait_json("drone-07/dn/file/f1"), example("file-have"))
        self.listener.got.clear()
        self.world.publish("drone-07/up/file/f1/2", b"c")  # what comes before it is missing
        self.assertEqual(self.listener.wait_json("drone-07/dn/file/f1")["have"], 1)
        self.listener.got.clear()
        self.world.publish("drone-07/up/file/f1/1", b"bc")
        self.assertEqual(self.listener.wait_json("drone-07/dn/file/f1"), example("file-done"))
        row = self.world.db("SELECT pod, name, bytes, digest, ts_ms, path FROM file")[0]
        self.assertEqual(row[:5], (announced["pod"], announced["name"], 3, announced["d"],
                                   announced["t"]))
        with open(os.path.join(self.world.db_path + ".files", row[5])) as f:
            self.assertEqual(f.read(), "abc")
        # What was lost of the answers does no harm.
        self.listener.got.clear()
        self.publish("up/file/f1", "file")
        self.assertEqual(self.listener.wait_json("drone-07/dn/file/f1"), example("file-done"))

    def test_files_that_are_refused_say_why(self):
        good = example("file")
        for wrong, reason in [({"size": 2 ** 40}, example("file-bad")["bad"]),
                              ({"name": "../up"}, "name: "), ({"name": ".hidden"}, "name: "),
                              ({"pod": "../x"}, "id and pod"), ({"d": "sha256:1"}, "d: "),
                              ({"size": -1}, "size: "), ({"pod": None}, "are needed")]:
            self.listener.got.clear()
            self.world.publish("drone-07/up/file/f2", {**good, **wrong})
            got = self.listener.wait_json("drone-07/dn/file/f2")
            self.assertTrue(got["bad"].startswith(reason) or reason in got["bad"], got)
        self.listener.got.clear()
        self.world.publish("drone-07/up/file/f3/0", b"a")
        self.assertEqual(self.listener.wait_json("drone-07/dn/file/f3"), example("file-again"))
        self.listener.got.clear()
        self.world.publish("drone-07/up/file/f4", {**good, "size": 1})
        self.world.publish("drone-07/up/file/f4/0", b"x")
        got = self.listener.wait_json("drone-07/dn/file/f4", lambda j: "bad" in j)
        self.assertIn("its digest is", got["bad"])
        self.assertEqual(self.world.db("SELECT count(*) FROM file"), [(0,)])

    def test_a_push_without_a_digest_is_refused(self):
        heard = Listener(self.world, "hub/up/res/#")
        self.addCleanup(heard.close)
        self.world.publish("hub/dn/cmd/push", {**example("push"), "args": {}})
        got = heard.wait_json("hub/up/res/desk-k2j4h6g8")
        self.assertEqual((got["code"], got["body"]), (400, "digest is missing"))

    def test_rollouts_are_listed_and_one_that_was_not_pushed_is_refused(self):
        for name in ("cmd-rollout", "cmd-rollout-list"):
            heard = Listener(self.world, "hub/up/res/#")
            self.addCleanup(heard.close)
            self.world.publish("hub/dn/cmd/rollout", example(name))
            self.assertEqual(heard.wait_json("hub/up/res/desk-k2j4h6g8"),
                             example(name.replace("cmd", "res")))

    def test_tables_have_the_columns_of_the_page(self):
        documented = dict(re.findall(r"^(\w+)\((.*)\)$", EXAMPLES["tables"], re.M))
        found = {}
        for (name,) in self.world.db("SELECT name FROM sqlite_master WHERE type = 'table'"):
            found[name] = ", ".join(c[1] for c in self.world.db(f"PRAGMA table_info({name})"))
        self.assertEqual(found, documented)
        self.assertEqual(self.world.db("SELECT key, value FROM meta"), [("schema", "4")])


class Keeper(WorldTest):
    """docs/keeper.md: what an agent of any age finds in a workload's folder."""

    def setUp(self):
        super().setUp()
        self.page = read_examples(os.path.join(DOCS, "keeper.md"))
        self.deploy(pod("camera", "/bin/sh", "-c", "echo grabbing; exec sleep 1000",
                        container="grabber"))
        self.device.wait_line("camera/grabber", "grabbing")
        self.folder = os.path.join(self.device.run_dir, "w/camera.grabber")

    def read(self, name):
        with open(os.path.join(self.folder, name)) as f:
            return f.read()

    def knock(self):
        guest = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(guest.close)
        guest.settimeout(60)
        fd = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
        try:
            guest.connect(f"/proc/self/fd/{fd}/sock")
        finally:
            os.close(fd)
        return guest

    def hear(self, guest, word):
        while True:
            packet = guest.recv(8192)
            self.assertTrue(packet, f"it ended before {word}")
            if packet.startswith(word):
                return packet.decode()

    def test_the_launch_file_has_the_entries_of_the_page(self):
        def keys(entries):
            # How a cgroup is joined depends on the board.
            return [e.split("=")[0] for e in entries if not e.startswith("cgroup-")]

        text = self.read("launch")
        self.assertTrue(text.endswith("\0"))
        got, documented = text[:-1].split("\0"), self.page["launch"].splitlines()
        self.assertEqual(keys(got), keys(documented))
        values = dict(e.split("=", 1) for e in got)
        expected = dict(e.split("=", 1) for e in documented)
        for key in ("skerry-launch", "workload", "hostname", "root", "tmp-bytes", "log-bytes",
                    "files",
                    "mount", "mount-target", "mount-source", "mount-read-only"):
            self.assertEqual(values[key], expected[key])
        self.assertEqual(int(values["generation"]), self.generation)

    def test_a_guest_is_greeted_with_the_socket_and_may_run_a_command(self):
        guest = self.knock()
        packet, fds, _, _ = socket.recv_fds(guest, 8192, 4)
        word, version, pid, started = packet.decode().split()
        self.assertEqual((word, version, int(pid)),
                         ("hello", "1", self.device.pid("camera/grabber")))
        self.assertGreater(int(started), 0)
        self.assertEqual(len(fds), 1)
        os.close(fds[0])
        guest.send(b"dance 1")  # of a younger agent: skipped
        guest.send(b"exec 7 60000\0/bin/sh\0-c\0echo hi; exit 3")
        self.assertEqual(self.hear(guest, b"exec"), "exec 7 3\nhi\n")
        guest.send(b"exec 8 100\0/bin/sleep\x005")
        self.assertEqual(self.hear(guest, b"exec"), "exec 8 -1\n")
        guest.send(b"exec 9 60000\0/no/such/program")
        self.assertTrue(self.hear(guest, b"exec").startswith("exec 9 126\n"))

    def test_output_lies_in_lines_as_the_page_shows_them(self):
        pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) [FP] .*"
        for line in self.page["log"].splitlines():
            self.assertRegex(line, rf"\A{pattern}\Z")
        self.assertRegex(self.read("log.0"), rf"\A{pattern}\n\Z")

    def test_an_end_is_told_and_kept_in_the_lines_of_the_page(self):
        self.device.kill()  # so that nobody starts it again
        guest = self.knock()
        guest.send(b"signal 9")
        told = self.hear(guest, b"exit")
        kept = self.read("exit")
        self.assertEqual(told, "exit\n" + kept)
        self.assertEqual([line.split()[0] for line in kept.splitlines()],
                         [line.split()[0] for line in self.page["exit"].splitlines()])
        self.assertTrue(kept.startswith("code -1\nsignal 9\noom 0\nfailed-start 0\n"))
        wait_until("the door is closed", 40,
                   lambda: not os.path.exists(os.path.join(self.folder, "sock")))

    def test_an_agent_understands_what_an_older_or_younger_keeper_left(self):
        """Unknown keys in `launch`, unknown lines in `exit`: taken over, and its end is told."""
        pid = self.device.pid("camera/grabber")
        self.device.kill()
        with open(os.path.join(self.folder, "launch"), "ab") as f:
            f.write(b"from-the-future=1\0")
        self.device.start().wait_ready()
        self.assertEqual(self.device.pid("camera/grabber"), pid)
        self.device.kill()
        guest = self.knock()
        guest.send(b"signal 15")
        self.hear(guest, b"exit")
        wait_until("the door is closed", 40,
                   lambda: not os.path.exists(os.path.join(self.folder, "sock")))
        with open(os.path.join(self.folder, "exit"), "a") as f:
            f.write("from-the-future 1\n")
        self.device.start().wait_up()
        wait_until("its end is told", 40, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'Exited' AND object = 'camera/grabber'"))
        self.device.wait_state("camera/grabber", "running")


class Access(unittest.TestCase):
    """The two rules of an ACL are enough for a device, and keep it out of all else."""

    def test_with_the_rules_of_the_page_a_device_works(self):
        world = World()
        self.addCleanup(world.close)
        rules = world.write("acl",
                            EXAMPLES["acl-mosquitto"] + "user hub\ntopic readwrite skerry1/#\n"
                            "user desk\ntopic readwrite skerry1/#\n")
        os.chmod(rules, 0o600)
        world.start_broker(f"acl_file {rules}")
        world.start_hub()
        device = world.device().start().wait_up()
        self.assertIsNone(device.condition("LinkRefused"))
        document = json.dumps(world.desired(device, 1, [pod("steady", "/bin/sleep", "1000")]))
        subprocess.run(["mosquitto_pub", "-p", str(world.port), "-u", "desk", "-q", "1", "-r", "-t",
                        f"skerry1/main/{device.name}/dn/desired", "-m",
                        document], check=True, timeout=60)
        device.wait_phase("Available", 1)
        wait_until("the hub has its events", 40, lambda: world.db("SELECT 1 FROM event"))
        world.wait_drained(device)


if __name__ == "__main__":
    main()
