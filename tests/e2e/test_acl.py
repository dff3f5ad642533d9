"""The two rules of docs/engines.md, attacked: a device reaches its own topics and no others.

Every attack has its proof of life: the same connection, or the next one of the
same device, is heard on its own topic. How an engine says no differs, and what it
says is part of what is tested; that nothing passes is the same with all of them.
"""
import json
import socket
import ssl
import sys
import unittest

import engines
from mqtt import REFUSED, Client, Closed
from skerry_test import wait_until

A, B, PLUS = "drone-07", "drone-08", "+"
# What an engine does with what it does not allow.
SILENT, CODED, CLOSED = "granted or acknowledged, and nothing comes of it", "SUBACK 128", "closed"


def topic(device, rest):
    return f"skerry1/main/{device}/{rest}"


def connected(port, client_id, *who, **more):
    """A client, as soon as the broker lets it in."""
    def connect():
        try:
            return Client(port, client_id, *who, **more)
        except Closed as e:
            # NATS lets nobody in for a second who seems to be two.
            return print(f"{client_id}: {e}, again", file=sys.stderr)
    return wait_until(f"{client_id} is connected", 30, connect)


class Attacks:
    """One engine for all attacks of a class: none leaves it in another state than it was."""

    engine = None
    read, write = SILENT, SILENT
    wildcard_users = True  # may connect at all
    takes_over = True  # somebody else's client id ends that one's connection
    counter = 0

    @classmethod
    def setUpClass(cls):
        why = cls.engine.missing()
        if why:
            raise unittest.SkipTest(why)
        cls.world = engines.EngineWorld(cls.engine, [A, B, PLUS])
        cls.addClassCleanup(cls.world.close)
        cls.world.start_broker()

    def setUp(self):
        Attacks.counter += 1
        self.word = f"word-{Attacks.counter}"
        self.clients = {}
        self.addCleanup(lambda: [c.vanish() for c in self.clients.values()])
        self.desk = self.client("desk")
        self.assertEqual(self.desk.subscribe("skerry1/#"), [1])

    def client(self, user, client_id=None, **more):
        """A connection of `user`; what it had before is given up."""
        client_id = client_id or (f"{user}-1" if user in engines.SYSTEM else user)
        if client_id in self.clients:
            self.clients[client_id].vanish()

        self.clients[client_id] = connected(self.world.port, client_id, user, engines.secret(user), **more)
        return self.clients[client_id]

    # --- proofs of life ---
    def hears_its_own(self, c, device=A):
        """What the desk says to it last comes, so what was to come before has come."""
        self.desk.publish(topic(device, "dn/cmd/ping"), self.word)
        c.wait_for(topic(device, "dn/cmd/ping"), self.word)

    def is_heard(self, c, device=A):
        c.publish(topic(device, "up/event"), self.word)
        self.desk.wait_for(topic(device, "up/event"), self.word)

    def refused(self, how, act):
        """Does `act` end as this engine says no? Is the connection still there?"""
        if how == CLOSED:
            with self.assertRaises(Closed):
                act()
            return False
        codes = act()
        if codes:
            self.assertEqual(codes, [REFUSED if how == CODED else 1])
        return True

    def try_to_read(self, what):
        """A subscription to `what` gives nothing of B's; its own topic does."""
        foreign = f"foreign {self.word} {what}"
        c = self.client(A)
        self.assertEqual(c.subscribe(topic(A, "dn/cmd/+")), [1])
        self.desk.publish(topic(B, "dn/desired"), foreign, retain=True)
        if not self.refused(self.read, lambda: c.subscribe(what)):
            c = self.client(A)
            self.assertEqual(c.subscribe(topic(A, "dn/cmd/+")), [1])
        self.desk.publish(topic(B, "dn/desired"), foreign, retain=True)
        self.hears_its_own(c)
        self.assertEqual([m for m in c.heard() if m[0].startswith(topic(B, ""))], [])

    def try_to_write(self, where, user=A):
        """A message to `where` reaches nobody, retained or not; one to its own topic does."""
        kept = f"kept {self.word}"
        self.desk.publish(where, kept, retain=True)
        c = self.client(user)
        for retain in (True, False):
            if not self.refused(self.write, lambda: c.publish(where, "forged", retain)):
                c = self.client(user)
        if user == A:
            self.is_heard(c)
        else:
            self.is_heard(self.client(A))
        self.assertEqual([m for m in self.desk.heard() if m[1] == b"forged"], [])
        late = self.client("desk", "desk-late")
        self.assertEqual(late.subscribe(where), [1])
        late.wait_for(where, kept)
        self.assertEqual([m[1] for m in late.heard(where)], [kept.encode()])

    # --- the attacks ---
    def test_the_desired_state_of_another_by_its_topic(self):
        self.try_to_read(topic(B, "dn/desired"))

    def test_the_desired_state_of_another_by_wildcards(self):
        for what in ("#", "skerry1/#", "skerry1/main/+/dn/#", "skerry1/main/+/dn/desired",
                     "+/+/+/dn/desired", "+/main/drone-08/#"):
            with self.subTest(what):
                self.try_to_read(what)

    def test_what_another_says(self):
        self.try_to_read(topic(B, "up/#"))

    def test_a_desired_state_of_its_own_making(self):
        self.try_to_write(topic(A, "dn/desired"))

    def test_writing_as_another_device(self):
        for rest in ("up/state", "up/event", "up/telec/host", "dn/desired", "dn/ack"):
            with self.subTest(rest):
                self.try_to_write(topic(B, rest))

    def test_writing_as_the_hub(self):
        self.try_to_write(topic(B, "dn/blob/x1/0"))
        self.try_to_write(topic("hub", "up/res/desk-1"))
        self.try_to_write(topic("hub", "dn/cmd/push"))

    def test_a_will_on_a_foreign_topic(self):
        def die(where):
            c = self.client(A, will=(where, f"will {self.word}", True))
            c.ping()
            c.vanish()
        die(topic(B, "up/online"))
        die(topic(A, "up/online"))
        self.desk.wait_for(topic(A, "up/online"), f"will {self.word}")
        self.is_heard(self.client(A))
        late = self.client("desk", "desk-late")
        late.subscribe(topic(B, "up/online"), topic("desk-late", "dn/echo"))
        late.publish(topic("desk-late", "dn/echo"), self.word)
        late.wait_for(topic("desk-late", "dn/echo"), self.word)
        for listener in (self.desk, late):
            self.assertEqual(listener.heard(topic(B, "up/online")), [])

    def test_a_user_whose_name_is_a_wildcard(self):
        if not self.wildcard_users:
            with self.assertRaises(Closed):
                Client(self.world.port, PLUS, PLUS, engines.secret(PLUS))
            return self.client(A).ping()
        c = self.client(PLUS)
        for what in ("dn/desired", "dn/#"):
            if not self.refused(self.read, lambda: c.subscribe(topic("+", what))):
                c = self.client(PLUS)
        self.desk.publish(topic(B, "dn/desired"), f"foreign {self.word}", retain=True)
        self.is_heard(self.client(A))
        if self.read != CLOSED:
            c.ping()
        self.assertEqual(c.heard(), [])
        self.try_to_write(topic(B, "up/event"), PLUS)

    def test_the_client_id_of_another_device(self):
        """It gets nothing of what the other is sent. Some engines end the other's connection for it."""
        owner = self.client(B)
        self.assertEqual(owner.subscribe(topic(B, "dn/cmd/+")), [1])
        thief = self.client(A, client_id=B)
        if self.takes_over:
            with self.assertRaises(Closed):
                owner.ping()
        self.refused(self.read, lambda: thief.subscribe(topic(B, "dn/cmd/+")))
        self.desk.publish(topic(B, "dn/cmd/ping"), self.word)
        owner = self.client(B)
        self.assertEqual(owner.subscribe(topic(B, "dn/cmd/+")), [1])
        self.hears_its_own(owner, B)
        self.assertEqual(thief.heard(), [])

    def test_nobody_without_the_right_password(self):
        self.client(A).ping()
        for user, password in ((None, None), (A, None), (A, "guess"), (A, engines.secret(B))):
            with self.assertRaises(Closed):
                Client(self.world.port, A, user, password)


class Certificates:
    """The same with certificates: the user is who the certificate says."""

    def tls(self, name):
        context = ssl.create_default_context(cafile=self.world.pki.cert_of("root"))
        if name:
            context.load_cert_chain(*self.world.certificate(name))
        return context

    def by_certificate(self, name):
        c = connected(self.world.engine.tls_port, name, tls=self.tls(name))
        self.addCleanup(c.vanish)
        return c

    def test_the_user_is_whom_the_certificate_names(self):
        c = self.by_certificate(A)
        self.assertEqual(c.subscribe(topic(A, "dn/cmd/+")), [1])
        self.hears_its_own(c)
        self.is_heard(c)
        self.desk.publish(topic(B, "up/state"), f"kept {self.word}", retain=True)
        self.refused(self.write, lambda: c.publish(topic(B, "up/state"), "forged", True))
        self.is_heard(self.by_certificate(A))
        self.assertEqual([m for m in self.desk.heard() if m[1] == b"forged"], [])

    def test_another_name_beside_the_certificate_gives_no_rights(self):
        try:
            c = Client(self.world.engine.tls_port, A, B, tls=self.tls(A))
            self.addCleanup(c.vanish)
            self.refused(self.write, lambda: c.publish(topic(B, "up/event"), "forged"))
        except Closed:
            pass
        self.is_heard(self.by_certificate(A))
        self.assertEqual([m for m in self.desk.heard() if m[1] == b"forged"], [])

    def test_nobody_without_a_certificate(self):
        self.by_certificate(A).ping()
        with self.assertRaises((Closed, OSError)):
            Client(self.world.engine.tls_port, A, A, engines.secret(A), tls=self.tls(None))


class Mosquitto(Attacks, Certificates, unittest.TestCase):
    engine = engines.Mosquitto

    def test_with_a_certificate_the_client_id_is_its_name(self):
        owner = self.by_certificate(B)
        self.assertEqual(owner.subscribe(topic(B, "dn/cmd/+")), [1])
        thief = Client(self.world.engine.tls_port, B, A, tls=self.tls(A))
        self.addCleanup(thief.vanish)
        thief.ping()
        self.hears_its_own(owner, B)


class Nats(Attacks, unittest.TestCase):
    engine = engines.Nats
    read = CODED

    def test_its_own_protocol_is_closed_to_devices(self):
        """There, `$MQTT.sub.>` would show what everybody is sent."""
        def answer(user):
            with socket.create_connection(("127.0.0.1", self.world.engine.nats_port), 15) as s:
                s.settimeout(15)
                login = {"user": user, "pass": engines.secret(user), "verbose": False}
                s.sendall(f"CONNECT {json.dumps(login)}\r\nPING\r\n".encode())
                got = b""
                while b"PONG" not in got and b"-ERR" not in got:
                    part = s.recv(4096)
                    if not part:
                        break
                    got += part
            return got.decode()
        self.client(A).ping()
        self.assertIn("-ERR 'Authorization Violation'", answer(A))


class NatsCertificates(Certificates, unittest.TestCase):
    """Its MQTT has one listener: with certificates everybody comes with one."""

    engine = engines.NatsTls
    write = SILENT
    setUpClass = Attacks.__dict__["setUpClass"]
    is_heard, hears_its_own, refused = Attacks.is_heard, Attacks.hears_its_own, Attacks.refused

    def setUp(self):
        Attacks.counter += 1
        self.word = f"word-{Attacks.counter}"
        self.desk = self.by_certificate("desk")
        self.assertEqual(self.desk.subscribe("skerry1/#"), [1])


class RabbitMq(Attacks, Certificates, unittest.TestCase):
    engine = engines.RabbitMq
    read = write = CLOSED


class Aedes(Attacks, unittest.TestCase):
    engine = engines.Aedes
    read, write, wildcard_users = CODED, CLOSED, False


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
