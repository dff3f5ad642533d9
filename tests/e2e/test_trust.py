"""A board with a trust anchor runs what its signers say, whoever holds the broker."""
import base64
import hashlib
import json
import os
import random
import sqlite3
import subprocess
import threading
import time
import unittest

from signer import Signer
from test_protocol import Listener, example, shape
from skerry_test import ACTOR, BIN, World, WorldTest, actor_pod, is_running, main, pod, wait_until

KEYS = ("r1", "r2", "r3", "r4", "s1", "s2", "a1", "a2", "evil")


class TrustTest(unittest.TestCase):
    """A broker, a hub, and a device whose anchor openssl has made."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.start_hub()
        self.signer = Signer(os.path.join(self.world.folder, "keys"), *KEYS)
        first = self.signer.trust(1, ["r1", "r2", "r3"], ["s1"], ["a1"])
        self.first = self.signer.envelope(first, "r1", "r2")
        self.second = self.signer.envelope(
            self.signer.trust(2, ["r1", "r2", "r4"], ["s2"], ["a1"]), "r1", "r2")
        self.anchor = self.world.write("anchor.json", json.dumps(self.first))
        self.device = self.world.device(trust_anchor=self.anchor)
        self.device.start().wait_up()

    def state(self, generation, *pods, trust=1, **members):
        return {**self.world.desired(self.device, generation, list(pods)), "trust": trust,
                "issued": "2026-11-26T12:00:00Z", "expires": "2096-11-01T00:00:00Z", **members}

    def send(self, message):
        self.world.publish(f"{self.device.name}/dn/desired", message, retain=True)

    def sign(self, generation, *pods, key="s1", beside=None, **members):
        self.send(self.signer.envelope(self.state(generation, *pods, **members), key,
                                       **(beside or {})))

    def run_camera(self):
        self.sign(1, pod("camera", "/bin/sleep", "1000"))
        self.device.wait_phase("Available", 1)
        return self.device.pid("camera/main")

    def refuses(self, message, *says):
        """It is refused, and the device says why."""
        self.send(message)
        last = lambda: (self.device.condition("Rejected") or {}).get("message", "")
        try:
            wait_until(f"refused: {says}", 40, lambda: all(s in last() for s in says))
        except AssertionError as e:
            raise AssertionError(f"{e}; it says: {last()}") from None


class Trust(TrustTest):
    def test_a_state_that_was_signed_with_openssl_runs(self):
        self.run_camera()
        status = self.device.status()
        self.assertEqual((status["trust"]["version"], status["trust"]["state"]), (1, 1))
        out = self.world.cli("--run-dir", self.device.run_dir, "status", broker=False, check=0)
        self.assertRegex(out.stdout, r"trust +version 1 +until 2096-11-26T00:00:00Z")
        # The hub keeps the message as it came, with the signatures.
        wait_until("the hub has it", 40, lambda: self.world.db(
            "SELECT 1 FROM device WHERE desired_generation = 1 AND desired LIKE '%sigs%'"))

    def test_whatever_the_broker_says_what_runs_goes_on(self):
        pid = self.run_camera()
        # A hub keeps whatever is newest on the broker and would show it again in between.
        self.world.hub.end()
        evil = pod("evil", "/bin/sleep", "999")
        plain = self.state(7, evil)
        tampered = self.signer.envelope(plain, "s1")
        forged = self.state(7, evil, writer="x")
        tampered["payload"] = base64.b64encode(json.dumps(forged).encode()).decode()
        for message, says in (
                (self.world.desired(self.device, 7, [evil]), "nobody has signed it"),
                (self.signer.envelope(plain), "0 of 0"),
                (self.signer.envelope(plain, "evil"), "0 of 1"),
                (self.signer.envelope(plain, "r1", "r2", "r3", "a1"), "0 of 4"),
                (tampered, "0 of 1"),
                (self.signer.envelope({**plain, "device": "drone-08"}, "s1"), "drone-08"),
                (self.signer.envelope({**plain, "fleet": "other"}, "s1"), "other"),
                (self.signer.envelope({**plain, "trust": 2}, "s1"), "version 2 is needed"),
                (self.signer.envelope({**plain, "expires": "2026-11-26T12:00:01Z"}, "s1"),
                 "expires"),
                (self.signer.envelope(self.signer.trust(2, ["r1"], ["s1"], ["a1"], 1), "s1"),
                 "kind"),
                ("{", "JSON")):
            self.refuses(message, says)
            self.assertEqual(self.device.pid("camera/main"), pid)
        # An older one that was good once is only stale.
        self.sign(0, evil)
        wait_until("it is stale", 40, lambda: self.device.condition("Stale"))
        self.assertEqual(list(self.device.status()["workloads"]), ["camera/main"])
        self.assertTrue(is_running(pid))
        # All this is nothing to a newer good one, and after another start.
        self.device.kill()
        self.device.start().wait_up()
        self.assertEqual(self.device.pid("camera/main"), pid)
        self.sign(8, pod("camera", "/bin/sleep", "1001"))
        self.device.wait_phase("Available", 8)

    def test_an_older_signed_state_stays_old_over_restarts(self):
        self.sign(5, pod("camera", "/bin/sleep", "1000"))
        self.device.wait_phase("Available", 5)
        self.device.kill()
        self.world.hub.end()  # it would put the newer one back
        self.sign(4, pod("old", "/bin/sleep", "1000"))
        self.device.start().wait_up()
        wait_until("it is stale", 40, lambda: self.device.condition("Stale"))
        self.assertEqual(list(self.device.status()["workloads"]), ["camera/main"])

    def test_another_agent_needs_its_builders_signature(self):
        manifest = b'{"what":"an agent"}'
        digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
        wish = lambda n: self.state(n, agent={"image": f"skerry@{digest}"})
        entry = lambda key: [{"digest": digest, "sigs": self.signer.sigs(manifest, key)}]
        self.refuses(self.signer.envelope(wish(1), "s1"), digest, "nobody has signed this image")
        for n, key in enumerate(("a2", "s1")):
            self.refuses(self.signer.envelope(wish(2 + n), "s1", artifacts=entry(key)), digest, "0 of 1")
        self.assertNotIn("update", self.device.status())
        self.send(self.signer.envelope(wish(9), "s1", artifacts=entry("a1")))
        self.device.wait_phase("Available", 9, 30)
        self.assertEqual(self.device.status()["update"]["wanted"], digest)

    def test_an_image_needs_its_builders_signature(self):
        digest = self.world.cli("push", ACTOR, check=0).stdout.strip()
        app = actor_pod("app", "wait", image="actor@" + digest)
        manifest = None
        self.refuses(self.signer.envelope(self.state(1, app), "s1"), "app: ", digest,
                     "nobody has signed this image")
        entry = lambda key, content: [{"digest": digest, "sigs": self.signer.sigs(content, key)}]
        manifest = self.manifest(digest)
        for n, (key, content) in enumerate((("a2", manifest), ("s1", manifest),
                                            ("a1", manifest + b" "))):
            self.refuses(self.signer.envelope(self.state(2 + n, app), "s1",
                                              artifacts=entry(key, content)), "app: ", "0 of 1")
        self.assertEqual(self.device.status()["workloads"], {})
        self.sign(9, app, beside={"artifacts": entry("a1", manifest)})
        self.device.wait_phase("Available", 9, 30)

    def manifest(self, digest):
        """The bytes that a builder signs: the image's manifest, as `pack` writes it."""
        layout = os.path.join(self.world.folder, "layout")
        self.world.cli("pack", ACTOR, "-o", layout, check=0)
        with open(os.path.join(layout, "blobs/sha256", digest.split(":")[1]), "rb") as f:
            return f.read()

    def test_trust_is_handed_on_and_a_revoked_key_is_worth_nothing(self):
        pid = self.run_camera()
        half = self.signer.envelope(self.signer.trust(2, ["r1", "r2", "r4"], ["evil"], ["a1"]),
                                    "r1")
        self.refuses(self.signer.envelope(self.state(2, trust=2), "evil", trust=[half]),
                     "0 of 1", "role root")
        self.sign(2, pod("camera", "/bin/sleep", "1000"), key="s2", trust=2,
                  beside={"trust": [self.second]})
        self.device.wait_phase("Available", 2)
        self.assertEqual(self.device.status()["trust"]["version"], 2)
        self.assertEqual(self.device.pid("camera/main"), pid)
        self.device.kill()
        self.device.start().wait_up()
        self.refuses(self.signer.envelope(self.state(3), "s1"), "role state of trust version 2")
        self.refuses(self.signer.envelope(self.state(3), "s1", trust=[self.first]),
                     "role state of trust version 2")
        # The next generation needs the chain no more.
        self.sign(3, key="s2", trust=2)
        self.device.wait_phase("Available", 3)

    def signed(self, envelope):
        return json.loads(base64.b64decode(envelope["payload"]))

    def kept_by_hub(self):
        return self.world.db("SELECT desired_generation FROM device WHERE device = ?",
                             self.device.name)

    def test_who_used_up_all_generations_is_undone_at_the_hub_too(self):
        last = (1 << 53) - 1
        self.run_camera()
        self.sign(last, pod("thief", "/bin/sleep", "1000"))
        self.device.wait_phase("Available", last)
        wait_until("the hub keeps it", 40, lambda: self.kept_by_hub() == [(last,)])
        self.sign(1, pod("camera", "/bin/sleep", "1000"), key="s2", trust=2,
                  beside={"trust": [self.second]})
        self.device.wait_phase("Available", 1)
        wait_until("newer trust counts more", 40, lambda: self.kept_by_hub() == [(1,)])
        # Once more, behind it: it is seen, and neither kept nor shown to anybody.
        self.send(self.signer.envelope(self.state(last, pod("thief", "/bin/sleep", "1000")), "s1"))
        wait_until("the hub has seen it", 40, lambda: self.world.db(
            "SELECT kept FROM audit ORDER BY seq")[3:] == [(0,)])
        self.assertEqual(self.kept_by_hub(), [(1,)])
        wait_until("the newer one is what the broker holds", 40, lambda: self.signed(
            json.loads(self.world.subscribe(f"{self.device.name}/dn/desired", raw=True)))["trust"] == 2)
        self.device.kill()
        self.device.start().wait_up()
        self.assertEqual(list(self.device.status()["workloads"]), ["camera/main"])

    def test_killed_at_any_moment_it_has_the_old_state_or_the_new_one(self):
        rng = random.Random(3)
        self.run_camera()
        for generation in range(2, 22):
            message = self.signer.envelope(
                self.state(generation, pod("camera", "/bin/sleep", "1000"), writer=f"{generation}"),
                "s1")
            sending = threading.Thread(target=self.send, args=[message])
            sending.start()
            time.sleep(rng.random() * 0.03)
            self.device.kill()
            sending.join()
            kept = self.read_store()
            document = kept.get("desired/next") or kept["desired/good"]
            order = json.loads(base64.b64decode(json.loads(document)["payload"]))["generation"]
            floor, trust, epoch, marked, _ = kept["trust/mark"].split()
            # A promoted state is under `good` and its mark stays: they never part.
            self.assertEqual((int(trust), int(epoch), int(marked)), (1, 1, order))
            self.assertIn(order, (generation - 1, generation))
            self.assertGreater(int(floor), 0)
            self.device.start().wait_up()
            self.device.wait_phase("Available", generation)

    def read_store(self):
        path = os.path.join(self.device.state_dir, "skerry.db")
        with sqlite3.connect(path) as c:
            rows = c.execute("SELECT key, value FROM setting WHERE key LIKE 'desired/%'"
                             " OR key LIKE 'trust/%'").fetchall()
        return {k: v.decode() if isinstance(v, bytes) else v for k, v in rows}


class Fresh(TrustTest):
    """Whoever has the online key says what is new, and what time it is."""

    def setUp(self):
        super().setUp()
        self.signer.make("f1")
        self.device.stop()
        trust = self.signer.give(self.signer.trust(1, ["r1", "r2", "r3"], ["s1"], ["a1"]),
                                 "fresh", "f1")
        self.anchor = self.world.write("fresh.json", json.dumps(
            self.signer.envelope(trust, "r1", "r2")))
        self.device.settings["trust_anchor"] = self.anchor

    def question(self):
        """What the device asks when it connects."""
        listener = Listener(self.world, f"{self.device.name}/up/fresh")
        self.addCleanup(listener.close)
        self.device.start().wait_up()
        return listener.wait_json(f"{self.device.name}/up/fresh")

    def answer(self, nonce, *keys, **members):
        payload = {**example("fresh-payload", self.device.name), "nonce": nonce, "generation": 1,
                   "now": int(time.time() * 1000), **members}
        message = self.signer.envelope(payload, *keys)
        self.world.publish(f"{self.device.name}/dn/cmd/fresh", message)
        return message

    def refused(self, times):
        wait_until(f"{times} refusals", 40,
                   lambda: self.device.part.log().count("an answer to what is new") == times)

    def test_a_hub_with_the_key_confirms_the_newest_state(self):
        self.world.hub.end()
        self.world.start_hub("--fresh-key", self.signer.path("f1"), name="hub-fresh")
        self.device.start().wait_up()
        self.run_camera()
        self.device.stop()
        self.device.start().wait_up()
        def confirmed():
            """When that was, in its own life: the start counts, too."""
            s = self.device.status()
            return s["agentUpMs"] - s["trust"]["confirmedMs"]
        before = confirmed()
        wait_until("it is confirmed", 40, lambda: confirmed() > 10)
        self.assertGreaterEqual(before, 0)
        self.assertIsNone(self.device.condition("Withheld"))
        self.assertNotIn("an answer to what is new", self.device.part.log())

    def test_a_broker_that_withholds_is_noticed_and_nothing_is_undone(self):
        self.world.hub.end()
        question = self.question()
        self.assertEqual(shape(question), shape(example("fresh")))
        self.assertEqual(question["session"], self.device.status()["session"])
        nonce = question["nonce"]
        pid = self.run_camera()
        self.answer(nonce, "f1", generation=2)
        c = wait_until("it is told", 40, lambda: self.device.condition("Withheld"))
        expected = example("condition-withheld")
        self.assertEqual(shape(c), shape(expected))
        self.assertEqual(c["message"], expected["message"].replace("42", "2"))
        self.assertEqual(self.device.status()["phase"], "Available")
        self.assertTrue(is_running(pid))
        out = self.world.cli("--run-dir", self.device.run_dir, "status", broker=False)
        self.assertIn("Withheld", out.stdout)
        self.sign(2, pod("camera", "/bin/sleep", "1000"))
        self.device.wait_phase("Available", 2)
        self.assertIsNone(self.device.condition("Withheld"))

    def test_what_is_forged_played_again_or_a_lie_about_the_time(self):
        self.world.hub.end()
        nonce = self.question()["nonce"]
        floor = lambda: self.device.status()["trust"]["floor"]
        for n, keys in enumerate(([], ["evil"], ["s1"], ["r1", "r2"])):
            self.answer(nonce, *keys, generation=9)
            self.refused(n + 1)
        self.answer("0" * 32, "f1", generation=9)
        self.refused(5)
        self.assertIsNone(self.device.condition("Withheld"))
        # 2100, and trust ends in 2096: later than that it never gets.
        good = self.answer(nonce, "f1", now=4102444800000, generation=0)
        end = self.device.status()["trust"]["expires"]
        wait_until("the floor has risen", 40, lambda: floor() == end)
        self.world.publish(f"{self.device.name}/dn/cmd/fresh", good)
        self.refused(6)
        self.device.kill()
        self.device.start().wait_up()
        self.assertEqual(floor(), end)
        self.world.publish(f"{self.device.name}/dn/cmd/fresh", good)
        wait_until("it is refused again", 40,
                   lambda: self.device.part.log().count("an answer to what is new") == 7)


class Desk(TrustTest):
    def setUp(self):
        super().setUp()
        wait_until("the hub knows what it believes", 40, lambda: self.world.db(
            "SELECT 1 FROM device WHERE device = ? AND state LIKE '%trust%'", self.device.name))
        self.world.write("pod.yaml", json.dumps(pod("camera", "/bin/sleep", "1000")))

    def apply(self, *more, check=0, file="pod.yaml"):
        return self.world.cli("apply", "-f", file, "-d", self.device.name, "--healthy-for",
                              "500ms", "--timeout", "30s", *more, check=check)

    def test_apply_signs_and_later_needs_no_trust_document(self):
        s1 = self.signer.path("s1")
        done = self.apply(check=5)
        self.assertIn("signed states only", done.stderr)
        self.assertIn("--trust", self.apply("--sign", s1, check=2).stderr)
        self.apply("--sign", s1, "--trust", self.anchor)
        self.assertIn("unchanged", self.apply("--sign", s1).stdout)
        self.world.write("pod2.yaml", json.dumps(pod("radio", "/bin/sleep", "1000")))
        self.apply("--sign", s1, file="pod2.yaml")
        self.assertEqual(sorted(self.device.status()["workloads"]), ["camera/main", "radio/main"])
        done = self.apply("--sign", self.signer.path("evil"), "--prune", check=2)
        self.assertIn("0 of 1 signatures count", done.stderr)

    def test_apply_builds_on_nothing_that_its_key_has_not_signed(self):
        evil = self.state(1, pod("evil", "/bin/sleep", "1000"))
        for message in (evil, self.signer.envelope(evil, "evil")):
            self.send(message)
            done = self.apply("--sign", self.signer.path("s1"), "--trust", self.anchor, check=5)
            self.assertIn("has not signed the state", done.stderr)
        self.apply("--sign", self.signer.path("s1"), "--trust", self.anchor, "--prune")
        self.assertEqual(list(self.device.status()["workloads"]), ["camera/main"])

    def test_apply_takes_the_builders_signature_or_makes_it(self):
        s1, a1 = self.signer.path("s1"), self.signer.path("a1")
        digest = self.world.cli("push", ACTOR, check=0).stdout.strip()
        app = actor_pod("app", "wait", image="actor@" + digest)
        self.world.write("app.yaml", json.dumps(app))
        done = self.apply("--sign", s1, "--trust", self.anchor, file="app.yaml", check=5)
        self.assertIn("nobody has signed this image", done.stderr)
        self.world.cli("key", "sign", digest, a1, "-o", "app.sig", check=0)
        self.apply("--sign", s1, "--trust", self.anchor, "--signature", "app.sig", file="app.yaml")
        # It is taken over as long as the image stays; a folder is packed and signed at once.
        self.apply("--sign", s1)
        app["spec"]["containers"][0].update(image=ACTOR, command=["/actor", "stubborn"])
        self.world.write("app.yaml", json.dumps(app))
        self.apply("--sign", s1, "--sign-images", a1, file="app.yaml")

    def test_key_makes_what_openssl_made_and_more_of_it(self):
        for name in ("n1", "n2", "n3", "n4", "n5"):
            self.world.cli("key", "new", name, check=0)
        mode = os.stat(os.path.join(self.world.folder, "n1.pem")).st_mode
        self.assertEqual(mode & 0o777, 0o600)
        self.world.cli("key", "new", "n1", check=4)
        der = subprocess.run(["openssl", "pkey", "-in", "n1.pem", "-pubout", "-outform", "DER"],
                             cwd=self.world.folder, check=True, capture_output=True).stdout
        ours = Signer(self.world.folder)
        self.assertEqual(self.world.cli("key", "id", "n1.pub.pem", check=0).stdout.strip(),
                         ours.id("n1"))
        self.assertEqual(len(der), 91)
        self.world.cli("key", "trust", "--root", "n1.pub.pem", "--root", "n2.pub.pem", "--threshold",
                       "2", "--state", "n3.pub.pem", "-o", "t1.json", check=0)
        self.world.cli("key", "sign", "t1.json", "n1.pem", check=0)
        self.world.cli("key", "sign", "t1.json", "n2.pem", check=0)
        other = self.world.device(trust_anchor=os.path.join(self.world.folder, "t1.json"))
        other.start().wait_up()
        # The state's key goes, a root too; all of it in one next version.
        self.world.cli("key", "trust", "-f", "t1.json", "--root", "n2.pub.pem", "--root",
                       "n4.pub.pem", "--state", "n5.pub.pem", "-o", "t2.json", check=0)
        self.world.cli("key", "sign", "t2.json", "n1.pem", "n2.pem", check=0)
        self.device = other
        self.apply("--sign", "n5.pem", "--trust", "t1.json", "--trust", "t2.json")
        self.assertEqual(other.status()["trust"]["version"], 2)
        self.assertIn("expected", self.world.cli("key", "sign", "t2.json",
                                                 "n1.pub.pem", check=2).stderr)
        self.world.cli("key", "sign", "nowhere.json", "n1.pem", check=3)
        done = self.world.cli("key", "trust", "-f", "t2.json", "--command", "n1.pub.pem", "--fresh",
                              "n2.pub.pem", "--floor", "2026-12-01T00:00:00Z", "--floor",
                              "drone-07=1.12", check=0)
        third = json.loads(base64.b64decode(json.loads(done.stdout)["payload"]))
        self.assertEqual(third["roles"]["command"], {"threshold": 1, "keys": [ours.id("n1")]})
        self.assertEqual(third["roles"]["fresh"], {"threshold": 1, "keys": [ours.id("n2")]})
        self.assertEqual(third["floors"], [{"issued": "2026-12-01T00:00:00Z"},
                                           {"device": "drone-07", "epoch": 1, "generation": 12}])
        for wrong in ("soon", "1", "1.x", "Up=1.2", "=1.2"):
            self.world.cli("key", "trust", "-f", "t2.json", "--floor", wrong, check=2)
        self.world.cli("key", "trust", "--state", "n3.pub.pem", check=2)


class Unsigned(WorldTest):
    def test_a_board_without_an_anchor_says_so_and_takes_either_kind(self):
        out = self.world.cli("--run-dir", self.device.run_dir, "status", broker=False, check=0)
        self.assertIn("trust: none, unsigned states are taken", out.stdout)
        self.assertEqual(self.device.part.log().count("no trust_anchor"), 1)
        self.assertIsNone(self.device.status()["trust"])
        self.deploy(pod("camera", "/bin/sleep", "1000"))
        pid = self.device.pid("camera/main")
        signer = Signer(os.path.join(self.world.folder, "keys"), "s1", "r1", "r2")
        state = {**self.world.desired(self.device, 2, [pod("camera", "/bin/sleep", "1000")]),
                 "trust": 1, "issued": "2026-11-26T12:00:00Z", "expires": "2096-11-01T00:00:00Z"}
        message = signer.envelope(state, "s1")
        self.world.publish(f"{self.device.name}/dn/desired", message, retain=True)
        self.device.wait_phase("Available", 2)
        # The anchor comes: what runs goes on, and the same message is now believed.
        anchor = signer.envelope(signer.trust(1, ["r1", "r2"], ["s1"], ["s1"]), "r1", "r2")
        self.device.settings["trust_anchor"] = self.world.write("anchor.json", json.dumps(anchor))
        self.device.stop()
        self.device.start().wait_up()
        wait_until("it is verified", 40, lambda: self.device.status()["trust"]["state"] == 1)
        self.device.wait_phase("Available", 2)
        self.assertEqual(self.device.pid("camera/main"), pid)

    def test_an_anchor_that_is_none_does_not_mean_unsigned(self):
        self.device.stop()
        for text, says in ((None, "No such file"), ("{}", "payload"), ("x", "JSON")):
            path = os.path.join(self.world.folder, "anchor.json")
            if text:
                self.world.write("anchor.json", text)
            config = self.world.write("c.conf", "device = a\nbroker = mqtt://127.0.0.1:1\n"
                                      f"state_dir = {self.device.state_dir}\n"
                                      f"run_dir = {self.device.run_dir}\ntrust_anchor = {path}\n")
            done = subprocess.run([os.path.join(BIN, "skerryd"), "--config", config],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn("trust_anchor", done.stderr)
            self.assertIn(says, done.stderr)


if __name__ == "__main__":
    main()
