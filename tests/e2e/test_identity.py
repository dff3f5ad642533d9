"""A board becomes a member: one line from the desk, a key of its own, a certificate."""
import base64
import json
import os
import re
import shutil
import stat
import subprocess
import unittest

import pki
from identity_world import IdentityWorld
from skerry_test import ACTOR, BIN, SANITIZED, main, skip, wait_until
from test_protocol import Listener, example, shape

WALLCLOCK = os.path.join(ACTOR, "../wallclock.so")
DAY_MS = 24 * 3600 * 1000


def read(path):
    with open(path) as f:
        return f.read()


class IdentityTest(unittest.TestCase):
    hub = ()

    def setUp(self):
        self.world = IdentityWorld()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.start_hub(*self.hub)
        self.board = self.world.board("drone-07")

    def tearDown(self):
        for name in os.listdir(self.world.folder):
            if name.endswith(".log"):
                self.assertNotIn("PRIVATE KEY", read(os.path.join(self.world.folder, name)))

    def slots(self):
        return read(os.path.join(self.board.identity, "slots"))

    def devices(self):
        return self.world.cli("get", "devices", check=0).stdout

    def join_and_start(self):
        self.world.join(self.board, self.world.invite(self.board.name))
        self.world.start(self.board).wait_up()
        wait_until("the certificate is in use", 40, lambda: self.slots() == "a -\n")


class Joining(IdentityTest):
    def test_one_line_makes_a_member(self):
        line = self.world.invite("drone-07", "--label", "site=north", "--label", "kind=drone")
        # The hub answers before it shows whom it awaits.
        wait_until("it is awaited", 40, lambda: "drone-07 is awaited" in self.devices())
        done = self.world.join(self.board, line)
        self.assertIn("joined      drone-07 of fleet main", done.stdout)
        self.assertIn("systemctl enable --now skerryd", done.stdout)
        self.assertEqual(self.slots(), "- a\n")
        wait_until("it is not awaited any more", 40, lambda: "awaited" not in self.devices())

        self.world.start(self.board).wait_up()
        wait_until("the certificate is in use", 40, lambda: self.slots() == "a -\n")
        s = self.board.status()
        self.assertEqual(s["labels"], {"site": "north", "kind": "drone"})
        self.assertEqual(s["identity"]["slot"], "a")
        self.assertFalse(s["identity"]["expired"])
        wait_until("the desk sees it", 40, lambda: re.search(r"drone-07 +unmanaged", self.devices()))

    def test_the_doctor_looks_at_it_too(self):
        def finding():
            done = self.world.cli("doctor", "--config", self.board.config, "-o", "json")
            return {f["check"]: f for f in json.loads(done.stdout)["checks"]}["identity"]
        self.world.join(self.board, self.world.invite("drone-07"))
        self.assertEqual(finding()["result"], "ok")
        self.assertIn("a.pem until 20", finding()["found"])
        with open(os.path.join(self.board.identity, "a.pem"), "w") as f:
            f.write("junk")
        self.assertEqual(finding()["result"], "fail")
        self.assertIn("skerry device add drone-07", finding()["remedy"])

    def test_what_is_on_flash_is_for_root_alone_and_no_more_than_needed(self):
        self.world.join(self.board, self.world.invite("drone-07"))
        self.assertEqual(stat.S_IMODE(os.stat(self.board.identity).st_mode), 0o700)
        names = sorted(os.listdir(self.board.identity))
        self.assertEqual(names, ["a.key", "a.pem", "ca.pem", "issuer.pem", "slots"])
        for name in names:
            mode = os.stat(os.path.join(self.board.identity, name)).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600, name)

    def test_the_certificate_is_what_others_expect(self):
        self.world.join(self.board, self.world.invite("drone-07"))
        cert = os.path.join(self.board.identity, "a.pem")
        pki.openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile",
                    self.world.boards_ca, cert)
        text = pki.openssl("x509", "-in", cert, "-noout", "-text")
        self.assertIn("Subject: CN = drone-07", text)
        self.assertIn("DNS:drone-07", text)
        self.assertIn("TLS Web Client Authentication", text)
        self.assertNotIn("TLS Web Server", text)

    def test_the_token_and_the_claims_key_are_in_no_log_and_in_no_message_of_the_board(self):
        line = self.world.invite("drone-07")
        coded = line.split(":")[1]
        secret = json.loads(base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)))
        done = self.world.join(self.board, line)
        for text in (done.stdout, done.stderr, self.world.hub.log(), read(self.board.config)):
            self.assertNotIn(secret["token"], text)
            self.assertNotIn(secret["claim"]["key"][0], text)

    def test_the_line_may_come_on_the_standard_input(self):
        line = self.world.invite("drone-07")
        self.world.join(self.board, "-", stdin=line + "\n")
        self.assertEqual(self.slots(), "- a\n")

    def test_the_same_line_again_changes_nothing(self):
        line = self.world.invite("drone-07")
        self.world.join(self.board, line)
        before = read(os.path.join(self.board.identity, "a.pem"))
        done = self.world.join(self.board, line)
        self.assertIn("as it was", done.stdout)
        self.assertEqual(read(os.path.join(self.board.identity, "a.pem")), before)

    def test_a_second_board_with_the_same_line_is_refused(self):
        line = self.world.invite("drone-07")
        self.world.join(self.board, line)
        thief = self.world.board("thief")
        done = self.world.join(thief, line, check=4)
        self.assertIn("the token was used already, by another key", done.stderr)
        self.assertFalse(os.path.exists(thief.config))
        self.assertIn("code=409", self.world.hub.log())

    def test_a_line_that_was_replaced_or_taken_back_is_refused(self):
        old = self.world.invite("drone-07")
        new = self.world.invite("drone-07")
        self.assertIn("no invitation fits", self.world.join(self.board, old, check=5).stderr)
        self.assertIn("no longer awaited",
                      self.world.cli("device", "rm", "drone-07", check=0).stdout)
        self.assertIn("no invitation fits", self.world.join(self.board, new, check=5).stderr)
        self.world.cli("device", "rm", "drone-07", check=3)

    def test_a_line_that_is_damaged_says_so(self):
        line = self.world.invite("drone-07")
        for bad, says in ((line[:-20], "damaged"), ("skerry1:", "damaged"), ("hello", "is no invitation")):
            with self.subTest(bad[:20]):
                self.assertIn(says, self.world.join(self.board, bad, check=2).stderr)

    def test_names_that_are_taken(self):
        for name in ("hub", "claim", "Drone"):
            done = self.world.cli("device", "add", name, check=2)
            self.assertIn("hub and claim are taken", done.stderr)

    def test_a_configuration_that_says_otherwise_is_not_overwritten(self):
        self.world.write("drone-07/skerryd.conf", "# mine\ndevice = other\nbroker = mqtt://192.0.2.1\n"
                         "trust_anchor = /etc/anchor.json\nlink_daily = 5Mi\n")
        line = self.world.invite("drone-07")
        before = read(self.board.config)
        done = self.world.join(self.board, line, check=4)
        self.assertIn("--force", done.stderr)
        self.assertEqual(read(self.board.config), before)
        self.world.join(self.board, line, "--force")
        after = read(self.board.config)
        for kept in ("# mine", "trust_anchor = /etc/anchor.json", "link_daily = 5Mi", "device = drone-07"):
            self.assertIn(kept, after)
        self.assertNotIn("other", after)
        self.assertNotIn("mqtt://", after)

    def test_no_hub_answers(self):
        line = self.world.invite("drone-07")
        self.world.hub.end()
        done = self.world.join(self.board, line, "--timeout", "10s", check=7)
        self.assertIn("no hub has answered", done.stderr)
        self.world.start_hub()
        self.world.join(self.board, line)

    def test_a_broker_of_another_ca_hears_nothing(self):
        line = self.world.invite("drone-07")
        self.world.stop_broker()
        self.world.pki.authority("stranger")
        self.world.server = self.world.pki.issue("impostor", issuer="stranger")
        self.world.start_broker()
        done = self.world.join(self.board, line, "--timeout", "10s", check=6)
        self.assertIn("is signed by no CA of ours", done.stderr)

    def test_the_claims_credential_can_do_nothing_else(self):
        """The hub drops what it says; the broker's rules keep it from everybody else's topics."""
        cert, key = self.world.client("claim")

        def publish(topic, text):
            subprocess.run(["mosquitto_pub", "-h", "localhost", "-p", str(self.world.tls_port),
                            "--cafile", self.world.ca, "--cert", cert, "--key", key, "-q", "1",
                            "-t", f"skerry1/main/{topic}", "-m", text], check=True, timeout=60,
                           capture_output=True)
        letter = json.dumps({"v": 1, "dev": "claim", "buf": "x", "seq": 1, "events": [
            {"t": 1795533397871, "reason": "Forged", "object": "device"}]})
        for topic in ("claim/up/event", "drone-07/up/event"):
            publish(topic, letter)
        publish("claim/up/online", json.dumps({"v": 1, "online": True, "session": 1}))
        self.world.publish("drone-08/up/event", letter)  # by who may: the hub reads on
        wait_until("the last one is there", 40, lambda: self.world.db("SELECT device FROM event"))
        self.assertEqual(self.world.db("SELECT device FROM event"), [("drone-08",)])
        self.assertEqual(self.world.db("SELECT device FROM device WHERE device = 'claim'"), [])
        self.assertNotIn("claim", self.world.cli("get", "devices", check=0).stdout)


class Hubs(IdentityTest):
    """Other ways to sign, and a hub that does not."""

    def restart(self, *more, **how):
        self.world.hub.end()
        self.world.start_hub(*more, **how)

    def test_one_that_does_not_sign_says_so(self):
        self.restart(signs=False)
        done = self.world.cli("device", "add", "drone-07", check=5)
        self.assertIn("--csr-command", done.stderr)

    def test_a_command_signs(self):
        script = self.world.write("sign", f"""#!/bin/sh
set -eu
[ "$SKERRY_DEVICE" = drone-07 ] && [ "$SKERRY_FLEET" = main ]
openssl x509 -req -CA {self.world.boards_ca} -CAkey {self.world.boards_key} -days 30 \\
  -set_serial 7 -extfile {self.world.folder}/ext 2>/dev/null
""")
        os.chmod(script, 0o755)
        self.world.write("ext", "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n")
        self.restart("--csr-command", script, "--ca-cert", self.world.boards_ca, signs=False)
        self.join_and_start()
        self.assertEqual(self.board.status()["identity"]["serial"], "07")

    def test_a_command_that_signs_for_somebody_else_is_not_believed(self):
        wrong, key = self.world.pki.issue("other", issuer="boards", usage="clientAuth", san=None)
        self.restart("--csr-command", f"cat {wrong}", "--ca-cert", self.world.boards_ca, signs=False)
        done = self.world.join(self.board, self.world.invite("drone-07"), "--timeout", "10s", check=7)
        self.assertIn("for another device or key", done.stderr)

    def test_a_command_that_fails_says_how(self):
        self.restart("--csr-command", "exit 3", "--ca-cert", self.world.boards_ca, signs=False)
        done = self.world.join(self.board, self.world.invite("drone-07"), "--timeout", "10s", check=7)
        self.assertIn("exit code 3", done.stderr)


class Answers(IdentityTest):
    """Whoever has the broker can answer in the hub's place."""

    def answer(self, line, text):
        """Join while something else than the hub answers with `text`; the hub is away."""
        self.world.hub.end()
        part = subprocess.Popen(self.world.join_argv(self.board, line, "--timeout", "60s"),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(part.kill)
        heard = self.world.subscribe("claim/up/csr/+", seconds=40).decode().split(" ", 1)
        name = heard[0].rsplit("/", 1)[1]
        self.world.publish(f"claim/dn/crt/{name}", text)
        return part

    def finish(self, part, check):
        out, err = part.communicate(timeout=120)
        self.assertEqual(part.returncode, check, err)
        return err

    def test_forged_ones_are_told_and_the_right_one_is_waited_for(self):
        wrong, _ = self.world.pki.issue("drone-07x", issuer="root", cn="drone-07", usage="clientAuth",
                                        san=None)
        der = subprocess.run(["openssl", "x509", "-in", wrong, "-outform", "DER"], check=True,
                             capture_output=True).stdout
        line = self.world.invite("drone-07")
        part = self.answer(line, {"v": 1, "code": 200, "cert": [base64.b64encode(der).decode()]})
        self.world.start_hub()
        self.assertIn("is for another key than ours", self.finish(part, 0))
        self.assertEqual(self.slots(), "- a\n")

    def test_junk_is_no_answer(self):
        line = self.world.invite("drone-07")
        part = self.answer(line, {"v": 1, "code": 200, "cert": ["AAAA", 7]})
        self.world.start_hub()
        self.finish(part, 0)


def at_day(days):
    """The environment of an agent whose clock is ahead by so much."""
    return {"LD_PRELOAD": WALLCLOCK, "WALLCLOCK_SHIFT_MS": str(days * DAY_MS)}


class Renewing(IdentityTest):
    hub = ("--certificate-life", "30s")  # renewed after 20: what is asked before then has to be quick

    def serial(self):
        return self.board.status()["identity"]["serial"]

    def renewed(self, before):
        s = self.board.status() or {}
        return s.get("link", {}).get("up") and s["identity"]["serial"] != before

    def test_the_next_certificate_comes_in_time_and_is_used_at_once(self):
        self.join_and_start()
        first, key = self.serial(), read(os.path.join(self.board.identity, "a.key"))
        pid = self.board.part.pid
        wait_until("it is renewed", 60, lambda: self.renewed(first))
        wait_until("it is in use", 40, lambda: self.slots() == "b -\n")
        self.assertNotEqual(read(os.path.join(self.board.identity, "b.key")), key)
        self.assertFalse(os.path.exists(os.path.join(self.board.identity, "a.key")))
        second = self.serial()
        wait_until("and again", 60, lambda: self.renewed(second))
        self.assertEqual(self.board.part.pid, pid)
        self.assertNotIn("link down", self.board.part.log())
        reasons = [e["reason"] for e in self.board.status()["events"]]
        self.assertIn("CertificateRenewed", reasons)

    def test_one_that_expired_says_so_and_how_to_join_again(self):
        self.join_and_start()
        self.board.kill()
        old = os.path.join(self.board.identity, "a.pem")
        wait_until("it has expired", 80, lambda: "will expire" in subprocess.run(
            ["openssl", "x509", "-checkend", "0", "-noout", "-in", old], capture_output=True,
            text=True).stdout)
        self.world.start(self.board)
        why = wait_until("it says so", 40, lambda: (self.board.status() or {}).get("link", {}).get("why"))
        self.assertRegex(why, "has expired on .*: join again, at a desk with `skerry device add drone-07`")
        self.assertTrue(self.board.status()["identity"]["expired"])
        self.assertIn("EXPIRED", self.world.cli("status", "--run-dir", self.board.run_dir).stdout)
        self.board.stop()
        done = self.world.join(self.board, self.world.invite("drone-07"))
        self.assertIn("as it was", done.stdout)
        self.world.start(self.board).wait_up()
        wait_until("the new one is in use", 40, lambda: self.slots() == "b -\n")

    def test_a_device_that_was_dismissed_gets_no_more(self):
        self.join_and_start()
        first = self.serial()
        self.assertIn("1 certificates revoked", self.world.cli("device", "rm", "drone-07", check=0).stdout)
        why = wait_until("it is told", 60, lambda: self.board.status()["identity"].get("why"))
        self.assertIn("the hub refuses to renew", why)
        self.assertEqual(self.serial(), first)


class Diagnosed(IdentityTest):
    hub = ("--certificate-life", "10m")

    def test_one_that_renews_itself_is_early_enough_with_minutes_left(self):
        self.join_and_start()
        state = wait_until("it reports", 40, lambda: self.world.state(self.board))
        self.assertLess(state["identity"]["expires"], state["t"] + 7 * 24 * 3600 * 1000)
        wait_until("the desk sees it", 40, lambda: re.search(
            r"(?m)^certificates +ok ", self.world.cli("doctor", "fleet", check=0).stdout))

    def test_a_request_without_the_present_keys_signature_is_refused(self):
        """Whoever may publish in a board's name gets no certificate for it."""
        self.join_and_start()
        key = self.world.pki.key(self.world.pki.path("thief.key"))
        csr = self.world.pki.path("thief.csr")
        pki.openssl("req", "-new", "-key", key, "-subj", "/CN=drone-07", "-outform", "DER", "-out", csr)
        public = self.world.pki.path("thief.pub")
        pki.openssl("pkey", "-in", key, "-pubout", "-outform", "DER", "-out", public)
        signature = self.world.pki.path("thief.sig")
        pki.openssl("dgst", "-sha256", "-sign", key, "-out", signature, csr)
        name = pki.openssl("dgst", "-sha256", public).split()[-1][:32]
        cert = os.path.join(self.board.identity, "a.pem")
        present = self.world.pki.path("present.pub")
        der = subprocess.run(["openssl", "x509", "-in", cert, "-pubkey", "-noout"], check=True,
                             capture_output=True).stdout
        subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER", "-out", present], input=der,
                       check=True)
        by = pki.openssl("dgst", "-sha256", present).split()[-1][:32]

        def coded(path):
            with open(path, "rb") as f:
                return base64.b64encode(f.read()).decode()
        self.world.publish(f"drone-07/up/csr/{name}", {"v": 1, "csr": coded(csr), "by": by,
                                                       "sig": coded(signature)})
        wait_until("it is refused", 40, lambda: "code=403" in self.world.hub.log())
        self.assertEqual(self.world.db("SELECT count(*) FROM certificate"), [(1,)])


class Documented(IdentityTest):
    """What travels has the shape that docs/protocol.md shows."""
    hub = ("--certificate-life", "30s")

    def test_every_message_is_as_on_the_page(self):
        heard = Listener(self.world, "#")
        self.addCleanup(heard.close)
        line = self.world.invite(self.board.name)
        self.world.join(self.board, line)
        self.world.join(self.world.board("thief"), line, check=4)
        self.world.start(self.board).wait_up()
        heard.wait("drone-07/dn/cmd/certificate", seconds=80)
        wait_until("who is awaited is told", 40, lambda: any(
            json.loads(p)["devices"] for p in heard.find("hub/up/awaited")))
        for name, topic, fits in (
                ("enrol-invite", "hub/dn/cmd/invite", None),
                ("enrol-invited", "hub/up/res/", None),
                ("enrol-awaited", "hub/up/awaited", lambda m: m["devices"]),
                ("enrol-claim", "claim/up/csr/", None),
                ("enrol-certificate", "claim/dn/crt/", lambda m: m["code"] == 200),
                ("enrol-refused", "claim/dn/crt/", lambda m: m["code"] == 409),
                ("enrol-renewal", "drone-07/up/csr/", None),
                ("enrol-next", "drone-07/dn/cmd/certificate", None)):
            with self.subTest(name):
                found = [json.loads(text) for _, where, text in list(heard.got) if where.startswith(topic)]
                found = [m for m in found if not fits or fits(m)]
                self.assertTrue(found, topic)
                self.assertEqual(shape(found[0]), shape(example(name)))


class Fallback(IdentityTest):
    hub = ("--certificate-life", "45s")  # a quarter is left for the old one when the new one is refused

    def test_a_certificate_that_the_broker_does_not_take_is_given_up(self):
        """The hub's new CA is not the broker's: the board goes on with what it has."""
        self.join_and_start()
        self.world.pki.authority("new")
        issuer = os.path.join(self.board.identity, "issuer.pem")
        with open(issuer, "a") as f:
            f.write(read(self.world.pki.cert_of("new")))
        self.world.hub.end()
        self.world.boards_ca, self.world.boards_key = (self.world.pki.cert_of("new"),
                                                       self.world.pki.path("new", "key.pem"))
        self.world.start_hub("--certificate-life", "10m")
        wait_until("it is taken", 80, lambda: os.path.exists(os.path.join(self.board.identity, "b.pem")))
        wait_until("it is refused", 40, lambda: "CA that it does not know" in self.board.part.log())
        self.assertEqual(self.slots(), "a b\n")
        wait_until("the old one connects", 40, lambda: (self.board.status() or {}).get("link", {}).get("up"))
        self.assertEqual(self.board.status()["identity"]["slot"], "a")


class Revoking(IdentityTest):
    hub = ()

    def setUp(self):
        super().setUp()
        self.world.hub.end()
        self.world.crl = os.path.join(self.world.folder, "crl.pem")
        self.world.start_hub("--crl-file", self.world.crl)

    def test_the_brokers_list_ends_a_dismissed_device(self):
        self.join_and_start()
        other = self.world.board("drone-08")
        self.world.join(other, self.world.invite("drone-08"))
        self.world.cli("device", "rm", "drone-07", check=0)
        serial = self.board.status()["identity"]["serial"].upper()
        self.assertIn(serial, pki.openssl("crl", "-in", self.world.crl, "-noout", "-text"))
        pki.openssl("crl", "-in", self.world.crl, "-CAfile", self.world.boards_ca, "-noout")
        # Each issuer of a client needs its list there: mosquitto takes one file.
        lists = self.world.write("lists.pem", read(self.world.crl) + read(self.world.pki.crls("root")))
        self.world.stop_broker()
        self.world.start_broker(f"crlfile {lists}")
        self.world.start(other).wait_up()
        wait_until("it is refused", 30, lambda: "is revoked" in self.board.part.log())
        self.assertFalse(self.board.status()["link"]["up"])


class Kills(IdentityTest):
    """Killed before each call that changes something on flash, it goes on at the next start."""
    CALLS = ("rename", "unlink", "fsync")

    def killed(self, call, n, argv, env=()):
        """Start a program that dies before the n-th of these calls. With -D it is our child."""
        preload = [word for item in env for word in ("-E", item)]
        return subprocess.Popen(["strace", "-D", "-qq", "-o", "/dev/null", *preload, "-e", f"trace={call}", "-e",
                                 f"inject={call}:signal=SIGKILL:when={n}", *argv],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})

    def test_of_joining(self):
        for call in self.CALLS:
            for n in range(1, 40):
                with self.subTest(f"{call} {n}"):
                    name = f"{call}-{n}"
                    board = self.board = self.world.board(name)
                    line = self.world.invite(name)
                    part = self.killed(call, n, self.world.join_argv(board, line))
                    code = part.wait(60)
                    done = self.world.join(board, line)
                    self.assertIn(f"joined      {name}", done.stdout)
                    self.assertEqual(self.slots(), "- a\n")
                    pki.openssl("verify", "-CAfile", self.world.boards_ca,
                                os.path.join(board.identity, "a.pem"))
                if code == 0:
                    break
            else:
                self.fail(f"more than {n} calls of {call}")
            self.assertGreater(n, 2)

    def test_of_renewing(self):
        """The agent's clock is 70 days ahead, so that renewing is due when it starts."""
        if SANITIZED:
            self.skipTest("faking the clock does not go with the sanitizers' own preload")
        env = [f"{k}={v}" for k, v in at_day(70).items()]
        for call in ("rename", "unlink"):
            for n in range(1, 40):
                name = f"{call}-{n}"
                board = self.board = self.world.board(name)
                with self.subTest(name):
                    self.world.join(board, self.world.invite(name))
                    self.world.start(board).wait_up()
                    wait_until("it is in use", 40, lambda: self.slots() == "a -\n")
                    board.kill()
                    argv = [os.path.join(BIN, "skerryd"), "--config", board.config]
                    part = self.killed(call, n, argv, env)
                    self.addCleanup(part.kill)
                    done = wait_until("killed or renewed", 30, lambda: (
                        part.poll() is not None or self.slots() == "b -\n" and not os.path.exists(
                            os.path.join(board.identity, "a.key"))))
                    survived = part.poll() is None
                    if survived:
                        part.terminate()
                    part.wait(60)
                    self.world.start(board, at_day(70)).wait_up()
                    wait_until("renewed", 30, lambda: re.fullmatch("[ab] -\n", self.slots()) and (
                        board.status() or {}).get("link", {}).get("up") and self.count(name) >= 2)
                    board.kill()
                if survived:
                    break
            else:
                self.fail(f"more than {n} calls of {call}")

    def count(self, name):
        return self.world.db("SELECT count(*) FROM certificate WHERE device = ?", name)[0][0]


if __name__ == "__main__":
    for program in ("openssl", "strace"):
        if not shutil.which(program):
            skip(f"needs the {program} command (Debian: {program})")
    main()
