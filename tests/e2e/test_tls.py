"""The main job over mqtts://, and brokers that are not what they should be.

Each of the latter ends in one clear line, in `skerry status` as in the log, and in
another attempt.
"""
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import unittest
import unittest.mock

import pki
import test_main_job
from skerry_test import ACTOR, SANITIZED, Part, World, is_listening, main, skip, wait_until
from tls_world import TlsWorld

WALLCLOCK = os.path.join(ACTOR, "../wallclock.so")
DAY_MS = 24 * 3600 * 1000
YEAR_MS = 365 * DAY_MS


def at_year(year):
    """The environment of an agent whose clock says this year."""
    return {"LD_PRELOAD": WALLCLOCK, "WALLCLOCK_SHIFT_MS": str((year - 2026) * YEAR_MS)}


class MainJobOverTls(test_main_job.MainJob):
    """The same tests, every word of them: the world is another."""

    def setUp(self):
        self.world = TlsWorld()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.start_hub()
        self.device = self.world.device()
        self.device.start().wait_up()
        self.generation = 0

    def test_everybody_is_on_tls(self):
        self.assertRegex(self.device.status()["link"]["tls"], r"^TLSv1\.[23]$")
        self.assertRegex(self.world.hub.log(), r'connected broker=mqtts://\S+ database=\S+ tls="TLSv1')
        self.assertIn(self.device.name, self.world.cli("get", "devices", check=0).stdout)


class TlsTest(unittest.TestCase):
    def setUp(self):
        self.world = TlsWorld()
        self.addCleanup(self.world.close)

    def tearDown(self):
        for d in self.world.devices:
            if d.part and d.part.is_alive():
                self.assertNotIn("PRIVATE KEY", d.part.log())

    def assert_refused(self, device, text, tries=2):
        """One line with this text, in status and log; and it tries again."""
        def refused():
            s = device.status()
            return s and not s["link"]["up"] and s["session"] >= tries and text in s["link"]["why"]
        try:
            wait_until(text, 60, refused)
        except AssertionError:
            raise AssertionError(f"{text}\n{device.status() and device.status()['link']}\n{device.part.log()}")
        lines = [line for line in device.part.log().splitlines() if "link down" in line]
        self.assertEqual(sum(text in line for line in lines), 1, lines)
        self.assertTrue(device.part.is_alive())


class Brokers(TlsTest):
    """One broker with many faces; each has a port of its own."""

    def face(self, cert, key, **more):
        port = self.world.another_port()
        self.world.start_broker(listeners=self.world.listener(port, cert, key, **more))
        self.world.tls_port = port
        return self

    def expect(self, text, **settings):
        device = self.world.device(**settings).start()
        self.assert_refused(device, text)
        return device

    def test_of_another_ca(self):
        self.world.pki.authority("stranger")
        self.face(*self.world.pki.issue("impostor", issuer="stranger")).expect(
            "is signed by no CA of ours")

    def test_for_another_host(self):
        self.face(*self.world.pki.issue("other", san="DNS:elsewhere.example")).expect(
            "is for another host (asked for localhost)")

    def test_for_another_address(self):
        self.world.host = "127.0.0.1"
        self.face(*self.world.pki.issue("other", san="IP:127.0.0.2,DNS:127.0.0.1")).expect(
            "is for another host (asked for 127.0.0.1)")

    def test_for_this_address(self):
        self.world.host = "127.0.0.1"
        self.world.start_broker()
        self.world.device().start().wait_up()

    def test_with_a_name_in_cn_alone(self):
        self.face(*self.world.pki.issue("old", san=None, cn="localhost")).expect(
            "it needs subjectAltName")

    def test_of_version_1(self):
        self.face(*self.world.pki.issue_v1("v1")).expect("is not X.509 v3")

    def test_with_a_cas_certificate(self):
        self.face(*self.world.pki.issue("authority", is_ca=True)).expect("is a CA's own")

    def test_not_for_servers(self):
        self.face(*self.world.pki.issue("bare", usage=None)).expect("serverAuth")

    def test_for_clients(self):
        self.face(*self.world.pki.issue("board", usage="clientAuth")).expect("serverAuth")

    def test_expired(self):
        self.face(*self.world.pki.issue("old", start="20250101000000Z", end="20260201000000Z")).expect(
            "the broker's certificate has expired on 2026-02-01")

    def test_not_yet_valid(self):
        self.face(*self.world.pki.issue("early", start="20400101000000Z", end="20410101000000Z")).expect(
            "the broker's certificate is not valid before 2040-01-01")

    def test_revoked(self):
        self.world.pki.revoke("server")
        self.world.start_broker()
        self.expect("the broker's certificate is revoked", tls_crl=self.world.pki.crls("root", "ca"))

    def test_without_a_list_for_each_issuer(self):
        self.world.start_broker()
        self.expect('tls_crl has no revocation list of CN=ca', tls_crl=self.world.pki.crls("root"))

    def test_with_lists(self):
        self.world.start_broker()
        self.world.device(tls_crl=self.world.pki.crls("root", "ca")).start().wait_up()

    def test_with_an_old_list(self):
        self.world.start_broker()
        crl = self.world.pki.crls("root", update="20260101000000Z", end="20260201000000Z")
        self.expect("the revocation list of CN=root has expired on 2026-02-01", tls_crl=crl)

    def test_with_a_list_that_somebody_else_has_signed(self):
        self.world.start_broker()
        # Another CA of the same name.
        other = pki.Pki(os.path.join(self.world.folder, "other"))
        text = pki.read(other.crls("ca")) + pki.read(self.world.pki.crls("root"))
        self.expect("has a revocation list that its CA did not sign",
                    tls_crl=self.world.pki.write("mixed.pem", text))

    def test_with_rsa(self):
        self.face(*self.world.pki.issue("rsa", rsa=2048))
        self.world.device().start().wait_up()

    def test_without_tls(self):
        self.world.start_broker()
        self.world.tls_port = self.world.port
        self.expect("is this its TLS port")


class Boards(TlsTest):
    """What a broker, or the board itself, holds against the board."""

    def expect(self, text, **settings):
        self.world.start_broker()
        device = self.world.device(**settings).start()
        self.assert_refused(device, text)
        return device

    def test_without_a_certificate(self):
        self.expect("it wants a certificate of ours", tls_cert=None, tls_key=None)

    def test_of_another_ca(self):
        self.world.pki.authority("stranger")
        cert, key = self.world.pki.issue("fake", issuer="stranger", usage="clientAuth", san=None)
        self.expect("of a CA that it does not know", tls_cert=cert, tls_key=key)

    def test_revoked(self):
        cert, key = self.world.client("lost")
        self.world.pki.revoke("lost")
        crl = self.world.pki.crls("root", "ca")
        self.world.start_broker(listeners=f"crlfile {crl}\n")
        self.assert_refused(self.world.device(tls_cert=cert, tls_key=key).start(),
                            "our certificate is revoked")

    def test_expired(self):
        cert, key = self.world.client("old", start="20250101000000Z", end="20260201000000Z")
        self.expect("our certificate has expired", tls_cert=cert, tls_key=key)

    def test_whose_key_others_may_read(self):
        cert, key = self.world.client("open")
        os.chmod(key, 0o640)
        device = self.expect(f"others may use this private key (mode 0640): chmod 600 {key}",
                             tls_cert=cert, tls_key=key)
        os.chmod(key, 0o600)
        device.wait_up()

    def test_with_another_key(self):
        cert, _ = self.world.client("one")
        _, key = self.world.client("two")
        self.expect("is not the key of", tls_cert=cert, tls_key=key)

    def test_with_files_that_are_not_there_yet(self):
        late = self.world.pki.path("late.pem")
        device = self.expect("late.pem", tls_ca=late)
        os.link(self.world.ca, late)
        device.wait_up()

    def test_with_files_that_are_something_else(self):
        self.expect("no certificate in PEM", tls_ca=self.world.write("ca.pem", "trust me\n"))


@unittest.skipIf(SANITIZED, "a preloaded clock does not go with AddressSanitizer")
class Clocks(TlsTest):
    def setUp(self):
        super().setUp()
        self.crl = self.world.pki.crls("root", "ca")
        self.world.start_broker()

    def test_a_board_that_does_not_know_the_time_connects(self):
        self.world.device(tls_crl=self.crl).start(env=at_year(1970)).wait_up()

    def test_a_board_in_another_century_says_so(self):
        device = self.world.device(tls_crl=self.crl).start(env=at_year(2100))
        self.assert_refused(device, "and this clock says 2100-")

    def test_a_board_whose_clock_is_a_little_early_says_so(self):
        """Set, and wrong: nothing is forgiven."""
        early = self.world.pki.issue("early", start="20270101000000Z", end="20280101000000Z")
        self.world.stop_broker()
        self.world.start_broker(server=early)
        self.assert_refused(self.world.device().start(), "is not valid before 2027-01-01")


class Sessions(TlsTest):
    def connections(self, device):
        """For each so far: was it resumed?"""
        return [bool(resumed) for resumed in
                re.findall(r'link up .*tls="TLSv1\.[23]( resumed)?"', device.part.log())]

    def reconnect(self, device, count):
        self.world.relay.cut()
        wait_until("it is up again", 30, lambda: len(self.connections(device)) == count)
        return self.connections(device)[-1]

    def test_a_reconnect_resumes_and_is_short(self):
        self.world.start_broker()
        self.world.use_relay()
        device = self.world.device().start().wait_up()
        self.assertEqual(self.connections(device), [False])
        self.assertTrue(self.reconnect(device, 2))
        self.assertIn("resumed", device.status()["link"]["tls"])
        self.assertTrue(self.reconnect(device, 3))

    def test_a_broker_revoked_meanwhile_is_refused_in_spite_of_the_session(self):
        self.world.start_broker()
        self.world.use_relay()
        device = self.world.device(tls_crl=self.world.pki.crls("root", "ca")).start().wait_up()
        self.assertTrue(self.reconnect(device, 2))
        self.world.pki.revoke("server")
        self.world.pki.crls("root", "ca")
        self.world.relay.cut()
        self.assert_refused(device, "the broker's certificate is revoked", tries=4)

    def test_another_ca_is_asked_in_spite_of_the_session(self):
        self.world.start_broker()
        self.world.use_relay()
        own = self.world.pki.write("trusted.pem", pki.read(self.world.ca))
        device = self.world.device(tls_ca=own).start().wait_up()
        self.world.pki.authority("stranger")
        self.world.pki.write("trusted.pem", pki.read(self.world.pki.cert_of("stranger")))
        self.world.relay.cut()
        self.assert_refused(device, "is signed by no CA of ours", tries=3)

    def test_a_new_certificate_of_ours_is_shown(self):
        self.world.start_broker()
        self.world.use_relay()
        device = self.world.device().start().wait_up()
        cert, key = self.world.client("renewed")
        for new, old in ((cert, "tls_cert"), (key, "tls_key")):
            os.replace(new, device.settings[old])
        self.assertFalse(self.reconnect(device, 2))
        self.assertTrue(self.reconnect(device, 3))


class Fake:
    """A broker of a few lines of Python, with the right certificate, that does as it likes."""

    def __init__(self, world, behave):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*world.server)
        context.load_verify_locations(world.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        self.server = socket.create_server(("127.0.0.1", 0))
        self.count = 0
        world.tls_port = self.server.getsockname()[1]

        def serve():
            while True:
                try:
                    plain, _ = self.server.accept()
                except OSError:
                    return
                self.count += 1
                try:
                    with context.wrap_socket(plain, server_side=True) as s:
                        behave(s)
                except OSError:
                    pass
        threading.Thread(target=serve, daemon=True).start()


class Fakes(TlsTest):
    def expect(self, behave, text):
        fake = Fake(self.world, behave)
        self.addCleanup(fake.server.close)
        device = self.world.device().start()
        self.assert_refused(device, text)
        # As many connections as sessions: each attempt has its pause, and there is one for each.
        self.assertLessEqual(fake.count, device.status()["session"])
        return device

    def test_that_closes_after_connack(self):
        def behave(s):
            s.recv(1024)
            s.sendall(b"\x20\2\0\0")
            s.recv(1)
        self.expect(behave, "the broker closed the connection")

    def test_that_closes_instead_of_connack(self):
        self.expect(lambda s: s.recv(1024), "the broker closed the connection")

    def test_that_refuses(self):
        def behave(s):
            s.recv(1024)
            s.sendall(b"\x20\2\0\5")
            s.recv(1)
        self.expect(behave, "the broker refused: Connection Refused: not authorised")

    def test_that_promises_256_mib(self):
        def behave(s):
            s.recv(1024)
            s.sendall(b"\x20\2\0\0\x30\xff\xff\xff\x7f" + bytes(100000))
            s.recv(1)
        device = self.expect(behave, "the broker sent an MQTT PUBLISH of 268435455 bytes")
        with open(f"/proc/{device.part.pid}/status") as f:
            peak = int(re.search(r"VmHWM:\s+(\d+)", f.read())[1])
        self.assertLess(peak, (200 if SANITIZED else 30) * 1024)

    def test_that_speaks_mqtt_5(self):
        def behave(s):
            s.recv(1024)
            s.sendall(b"\x20\5\0\0\2\x6f\0")
            s.recv(1)
        self.expect(behave, "the broker sent an MQTT CONNACK of 5 bytes")


class LongRecords(TlsTest):
    def test_that_says_much_at_once_and_then_nothing(self):
        """What is left of a record when our buffer is full raises no event by itself."""
        topic = f"skerry1/main/t{os.getpid()}-0/dn/desired".encode()
        body = len(topic).to_bytes(2, "big") + topic + b"[" * 60000
        length = len(body)
        frame = b"\x30" + bytes([length & 127 | 128, length >> 7 & 127 | 128, length >> 14]) + body

        def behave(s):
            s.recv(1024)
            s.sendall(b"\x20\2\0\0")
            subscribe = s.recv(1024)
            s.sendall(b"\x90\6" + subscribe[2:4] + bytes(4) + frame)
            while s.recv(65536):
                pass
        fake = Fake(self.world, behave)
        self.addCleanup(fake.server.close)
        device = self.world.device().start()
        # Not a minute: then a PINGREQ wakes it.
        wait_until("it has come whole", 30, lambda: device.condition("Rejected"))


class Twins(TlsTest):
    def test_two_boards_of_one_name_live_on_and_say_so(self):
        self.world.start_broker()
        name = f"t{os.getpid()}-twin"
        one = self.world.device(name, state_dir=os.path.join(self.world.folder, "one"),
                                run_dir=os.path.join(self.world.folder, "one-run"))
        one.run_dir = os.path.join(self.world.folder, "one-run")
        one.start().wait_up()
        two = self.world.device(name, state_dir=os.path.join(self.world.folder, "two"),
                                run_dir=os.path.join(self.world.folder, "two-run"))
        two.run_dir = os.path.join(self.world.folder, "two-run")
        two.start().wait_up()
        wait_until("each has put out the other", 40, lambda: one.part.log().count("link down") and
                   two.part.log().count("link up") > 1)
        self.assertTrue(one.part.is_alive() and two.part.is_alive())
        self.assertIn("the broker closed the connection", one.part.log())
        # Ever more rarely, and then by name.
        wait_until("one asks for the other", 90, lambda: f"is there another device {name}?" in
                   one.part.log() + two.part.log())


class Desks(TlsTest):
    def test_a_desk_needs_what_it_names(self):
        self.world.start_broker()
        desk = self.world.desk()
        args = ["--broker", desk["SKERRY_BROKER"], "get", "devices"]
        done = self.world.cli(*args, broker=False, check=2)
        self.assertIn("SKERRY_CA", done.stderr)
        done = self.world.cli("--ca", desk["SKERRY_CA"], *args, broker=False, check=6)
        self.assertIn("it wants a certificate of ours", done.stderr)
        files = ["--ca", desk["SKERRY_CA"], "--cert", desk["SKERRY_CERT"], "--key", desk["SKERRY_KEY"]]
        self.world.cli(*files, *args, broker=False, check=0)
        done = self.world.cli(*files, "--broker", f"mqtt://127.0.0.1:{self.world.port}", "get", "devices",
                              broker=False, check=2)
        self.assertIn("write mqtts://", done.stderr)
        os.chmod(desk["SKERRY_KEY"], 0o644)
        done = self.world.cli(*files, *args, broker=False, check=5)
        self.assertIn("chmod 600", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_desk_refuses_a_revoked_broker(self):
        self.world.start_broker()
        self.world.pki.revoke("server")
        done = self.world.cli("--crl", self.world.pki.crls("root", "ca"), "get", "devices", check=6)
        self.assertIn("the broker's certificate is revoked", done.stderr)

    def test_a_hub_with_a_wrong_file_tries_again(self):
        self.world.start_broker()
        key = self.world.desk()["SKERRY_KEY"]
        os.chmod(key, 0o604)
        self.world.hub = Part("hub", self.world.hub_argv(), self.world.folder, self.world.desk())
        self.world.parts.append(self.world.hub)
        wait_until("it says so", 15, lambda: "chmod 600" in self.world.hub.log())
        time.sleep(10)  # it tries again, and has nothing new to say
        self.assertEqual(self.world.hub.log().count("chmod 600"), 1)
        os.chmod(key, 0o600)
        wait_until("the hub is connected", 40, lambda: "connected broker=mqtts" in self.world.hub.log())


    def test_a_hub_has_its_private_socket_where_systemd_wants_it(self):
        self.world.start_broker()
        folder = os.path.join(self.world.folder, "run")
        os.mkdir(folder, 0o700)
        before = os.stat(folder).st_mtime_ns
        with unittest.mock.patch.dict(os.environ, RUNTIME_DIRECTORY=folder):
            self.world.start_hub()
        wait_until("the hub is connected", 40, lambda: "connected broker=mqtts" in self.world.hub.log())
        self.assertGreater(os.stat(folder).st_mtime_ns, before)
        self.assertEqual(os.listdir(folder), [])


class Page(TlsTest):
    """docs/security.md, as somebody would follow it."""

    def block(self, kind):
        page = pki.read(os.path.join(os.path.dirname(__file__), "../../docs/security.md"))
        page = page[page.index("### A CA and its certificates"):]
        return re.search(rf"(?ms)^```{kind}\n(.*?)^```", page)[1].replace("broker.example", "localhost")

    def test_its_certificates_and_its_broker_work(self):
        folder = self.world.pki.folder
        subprocess.run(["sh", "-e"], input=self.block("sh"), cwd=folder, check=True, text=True,
                       capture_output=True)
        self.world.pki.write("acl", self.block("acl"))
        lines = (self.block("mosquitto.conf").replace("/etc/mosquitto", folder)
                 .replace("listener 8883", f"listener {self.world.tls_port} 127.0.0.1"))
        World.start_broker(self.world, lines)
        wait_until("it listens with TLS", 40, lambda: is_listening(self.world.tls_port))
        self.world.ca = self.world.pki.path("ca.pem")
        for name, user in (("desk", "desk"), ("hub", "hub"), ("drone-07", "drone-07")):
            self.world.clients[name] = self.world.pki.path(f"{user}.pem"), self.world.pki.path(f"{user}.key")
        self.world.start_hub()
        device = self.world.device("drone-07").start().wait_up()
        self.assertEqual(device.status()["link"]["why"], "")
        wait_until("the desk sees it", 40,
                   lambda: "drone-07" in self.world.cli("get", "devices", check=0).stdout)


class Leaks(TlsTest):
    def test_no_descriptor_outlives_an_exec(self):
        self.world.start_broker()
        device = self.world.device().start().wait_up()
        folder = f"/proc/{device.part.pid}/fdinfo"
        for fd in os.listdir(folder):
            try:
                flags = int(re.search(r"flags:\s*(\d+)", pki.read(f"{folder}/{fd}"))[1], 8)
                name = os.readlink(f"/proc/{device.part.pid}/fd/{fd}")
            except FileNotFoundError:
                continue  # closed meanwhile
            if int(fd) > 2:
                self.assertTrue(flags & os.O_CLOEXEC, name)
        self.assertEqual([f for f in os.listdir(device.run_dir) if "mqtt" in f], [])


if __name__ == "__main__":
    if not pki.is_there():
        skip("needs openssl (Debian: openssl)")
    main()
