"""A board, or a desk, whose private key is in a token: SoftHSM 2, by PKCS#11.

A module that counts stands before SoftHSM's where a test asks what the token was asked.
"""
import glob
import json
import os
import re
import shutil
import unittest

import softhsm
from identity_world import IdentityWorld
from skerry_test import ACTOR, main, skip, wait_until
from test_trust import TrustTest, pod
from tls_world import TlsWorld

COUNTING = os.path.join(ACTOR, "../counting_token.so")


class TokenTest(unittest.TestCase):
    make = TlsWorld

    def setUp(self):
        self.world = self.make()
        self.addCleanup(self.world.close)
        self.token = softhsm.Token(os.path.join(self.world.folder, "token"))
        self.use(**self.token.env, TOKEN_FOLDER=self.token.folder)

    def tearDown(self):
        for name in os.listdir(self.world.folder):
            if name.endswith(".log"):
                with open(os.path.join(self.world.folder, name), errors="replace") as f:
                    self.assertNotRegex(f.read(), f"{softhsm.PIN}|PRIVATE KEY|Sanitizer|runtime error")

    def use(self, **env):
        os.environ.update(env)
        for name in env:
            self.addCleanup(os.environ.pop, name, None)

    def count(self, what):
        path = os.path.join(self.token.folder, what)
        return os.path.getsize(path) if os.path.exists(path) else 0


class Link(TokenTest):
    def setUp(self):
        super().setUp()
        self.world.start_broker()
        self.world.use_relay()
        self.cert, self.file = self.world.client("board")

    def board(self, **attributes):
        """One whose key has moved into the token; attributes of its URI."""
        self.token.take(self.file, "skerry")
        return self.named(self.token.uri("skerry", **attributes))

    def named(self, uri):
        return self.world.device("board", tls_cert=self.cert, tls_key=uri).start()

    def says(self, device, text, tries=1):
        def told():
            s = device.status()
            return s and not s["link"]["up"] and s["session"] >= tries and text in s["link"]["why"]
        try:
            wait_until(text, 60, told)
        except AssertionError:
            raise AssertionError(f"{text}\n{device.status() and device.status()['link']}\n{device.part.log()}")
        self.assertTrue(device.part.is_alive())

    def connections(self, device):
        return [bool(r) for r in re.findall(r'link up .*tls="TLSv1\.[23]( resumed)?"', device.part.log())]

    def test_it_connects_and_resumes_without_a_signature(self):
        device = self.board(module_path=COUNTING).wait_up()
        self.assertFalse(os.path.exists(self.file))
        # One to see that it is the certificate's, one for the broker.
        self.assertEqual(self.count("signatures"), 2)
        self.world.relay.cut()
        wait_until("it is up again", 30, lambda: self.connections(device) == [False, True])
        self.assertEqual(self.count("signatures"), 2)
        with open(f"/proc/{device.part.pid}/cmdline") as f:
            self.assertNotIn(softhsm.PIN, f.read())

    def test_a_wrong_pin_is_tried_once(self):
        self.token.write("pin", "000000\n")
        device = self.board(module_path=COUNTING)
        self.says(device, "has refused this PIN, and it is not tried again: correct "
                  + self.token.pin_file, tries=4)
        self.assertEqual(self.count("logins"), 1)
        self.token.write("pin", softhsm.PIN)
        device.wait_up()
        self.assertEqual(self.count("logins"), 2)

    def test_the_last_try_is_not_taken(self):
        self.token.write("final", "")
        device = self.board(module_path=COUNTING)
        self.says(device, "has one try left before it locks itself", tries=2)
        self.assertEqual(self.count("logins"), 0)

    def test_a_pin_that_others_may_read_is_not_used(self):
        os.chmod(self.token.pin_file, 0o644)
        device = self.board(module_path=COUNTING)
        self.says(device, "others may read the PIN: chmod 600 " + self.token.pin_file)
        self.assertEqual(self.count("logins"), 0)
        os.chmod(self.token.pin_file, 0o600)
        device.wait_up()

    def test_without_a_pin_the_key_is_not_seen(self):
        self.says(self.board(pin_source=None), 'has no private key "skerry", or does not show it without a PIN')

    def test_a_key_that_is_not_there(self):
        device = self.named(self.token.uri("skerry"))
        self.says(device, 'has no private key "skerry"')
        self.token.take(self.file, "skerry")
        device.wait_up()

    def test_two_keys_of_one_name(self):
        _, other = self.world.client("other")
        self.token.take(other, "skerry", ident="02")
        device = self.board()
        self.says(device, "has several private keys that fit")
        device.kill()
        self.named(self.token.uri("skerry", id="%01")).wait_up()

    def test_the_key_of_another_certificate(self):
        _, other = self.world.client("other")
        self.says(self.named(self.token.take(other, "skerry")), "is not the key of " + self.cert)

    def test_a_key_of_another_curve(self):
        self.world.pki.curve = "secp384r1"
        self.cert, self.file = self.world.client("large")
        self.says(self.board(), 'the key "skerry" is not of P-256')

    def test_a_module_that_is_not_there_or_is_none(self):
        self.says(self.board(module_path="/nowhere/m.so"), "module-path /nowhere/m.so: No such file")

    def test_a_module_that_is_something_else(self):
        self.says(self.board(module_path=os.path.realpath(glob.glob("/lib/*/libz.so.1")[0])),
                  "no library of PKCS#11")

    def test_a_module_that_others_may_write_to(self):
        module = os.path.join(self.token.folder, "m.so")
        shutil.copy(softhsm.MODULE, module)
        os.chmod(module, 0o775)
        self.says(self.board(module_path=module), f"others may write to {module} (mode 0775)")

    def test_a_token_that_is_pulled_out_and_comes_back(self):
        device = self.board().wait_up()
        os.rename(self.token.store, self.token.store + ".away")
        os.mkdir(self.token.store)
        self.world.relay.cut()
        self.says(device, 'there is no token "board" now', tries=3)
        os.rmdir(self.token.store)
        os.rename(self.token.store + ".away", self.token.store)
        device.wait_up()

    def test_a_token_that_is_pulled_out_while_it_is_to_sign(self):
        pulled = self.token.write("pulled", "")
        device = self.board(module_path=COUNTING)
        self.says(device, "sign: the token was pulled out (0x32)", tries=2)
        os.remove(pulled)
        device.wait_up()

    def test_the_doctor_looks_at_it(self):
        device = self.board().wait_up()
        def finding():
            done = self.world.cli("doctor", "--config", os.path.join(device.folder, "skerryd.conf"), "-o", "json")
            return {f["check"]: f for f in json.loads(done.stdout)["checks"]}["tls"]
        self.assertIn("mbedTLS", finding()["found"])
        os.rename(self.token.store, self.token.store + ".away")
        os.mkdir(self.token.store)
        self.assertEqual(finding()["result"], "fail")
        self.assertIn("there is no token", finding()["found"])


class Joining(TokenTest):
    make = IdentityWorld

    def setUp(self):
        super().setUp()
        self.world.start_broker()
        self.world.start_hub()
        self.device = self.world.board("drone-07")

    def test_a_hub_signs_with_a_cas_key_in_a_token(self):
        self.world.hub.end()
        self.world.boards_key = self.token.take(self.world.boards_key, "ca")
        self.world.start_hub("--crl-file", os.path.join(self.world.folder, "crl.pem"))
        self.world.join(self.device, self.world.invite("drone-07"))
        self.world.start(self.device).wait_up()

    def test_it_never_puts_a_file_in_the_place_of_a_token(self):
        with open(self.device.config, "w") as f:
            f.write(f"tls_cert = /etc/cert.pem\ntls_key = {self.token.uri('skerry')}\n")
        line = self.world.invite("drone-07")
        for more in ((), ("--force",)):
            done = self.world.join(self.device, line, *more, check=None)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("tls_key is in a token", done.stderr)
        self.assertFalse(os.path.exists(self.device.identity))
        os.remove(self.device.config)
        done = self.world.join(self.device, line, "--set", f"tls_key={self.token.uri('skerry')}", check=None)
        self.assertIn("tls_key is in a token", done.stderr)
        self.world.join(self.device, line)


class Desk(TrustTest):
    """States are signed by a token's key: the same key as that of a file, and as good."""

    use = TokenTest.use

    def setUp(self):
        super().setUp()
        self.token = softhsm.Token(os.path.join(self.world.folder, "token"))
        self.use(**self.token.env)
        self.uri = self.token.take(self.signer.path("s1"), "state")

    def test_a_board_runs_what_it_has_signed(self):
        path = self.world.write("camera.json", json.dumps(pod("camera", "/bin/sleep", "1000")))
        done = self.world.cli("apply", "-f", path, "-d", self.device.name, "--sign", self.uri,
                              "--trust", self.anchor, check=0)
        self.assertNotIn(softhsm.PIN, done.stdout + done.stderr)
        self.assertTrue(self.device.pid("camera/main"))


if __name__ == "__main__":
    if not softhsm.is_there():
        skip("needs softhsm2-util (Debian: softhsm2)")
    main()
