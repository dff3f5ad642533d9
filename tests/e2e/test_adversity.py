"""A full disk, a broker that says nothing or lies, a clock that was never set."""
import glob
import json
import os
import socket
import subprocess
import sys
import threading
import time
import unittest

from skerry_test import SANITIZED, Part, World, WorldTest, actor_pod, fill, main, pod, wait_until

STEADY = pod("steady", "/bin/sh", "-c", "echo up; exec sleep 1000")


def send(device, text):
    """A datagram of line protocol, as from the board itself."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        fd = os.open(device.run_dir, os.O_PATH | os.O_DIRECTORY)
        try:
            s.sendto(text.encode(), f"/proc/self/fd/{fd}/telemetry.sock")
        finally:
            os.close(fd)


class FullDisk(WorldTest):
    """The state folder is a file system of 4 MiB, seen through the agent's mount name space."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker().start_hub()
        self.device = self.world.device()
        os.makedirs(self.device.state_dir)
        mount = f'mount -t tmpfs -o size=4m,mode=700 state "{self.device.state_dir}" && exec "$@"'
        self.device.start(wrap=("unshare", "-m", "--propagation", "private",
                                "sh", "-c", mount, "sh")).wait_up()
        self.generation = 0

    def filler(self):
        return f"/proc/{self.device.part.pid}/root{self.device.state_dir}/filler"

    def test_nothing_new_is_accepted_what_runs_goes_on_and_points_wait_for_room(self):
        self.deploy(STEADY)
        pid = self.device.pid("steady/main")
        self.world.stop_broker()
        fill(self.filler())
        sent = 0

        def no_room():
            # The log that is kept at its size takes some before the disk matters.
            nonlocal sent
            send(self.device, "\n".join(f'full n={sent + i}i,s="{os.urandom(90).hex()}"'
                                for i in range(100)))
            sent += 100
            return "not stored" in self.device.part.log()
        wait_until("the agent says that it cannot store", 30, no_room)
        self.assertEqual(self.device.pid("steady/main"), pid)  # and it answers
        self.world.start_broker()
        self.device.wait_up()
        large = pod("large", "/bin/sh", "-c", "sleep 1000; # " + "x" * 50000)
        self.deploy(large, phase=None)
        refused = wait_until("it is refused", 20, lambda: self.device.condition("Rejected"))
        self.assertEqual(refused["generation"], 2)
        self.assertRegex(refused["message"], "full|space")
        self.assertEqual(self.device.pid("steady/main"), pid)

        os.unlink(self.filler())
        wait_until("it stores again", 20, lambda: "stored again" in self.device.part.log())
        send(self.device, "room v=1")
        wait_until("points come again", 40, lambda: self.world.rows("room") == 1)
        self.assertTrue(self.device.part.is_alive())
        source = self.device.status()["buffer"]["sources"]["host"]
        wait_until("what was taken has arrived", 40, lambda: (
            self.world.rows("full") + self.world.rows("room") >= source["points"]))
        self.assertEqual(source["points"] + source["dropped"], sent + 1)


class FullHub(WorldTest):
    """The hub's database is on a file system of 8 MiB, seen through the hub's mount name space."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        folder = os.path.join(self.world.folder, "small")
        os.makedirs(folder)
        self.world.db_path = os.path.join(folder, "hub.db")
        mount = f'mount -t tmpfs -o size=8m,mode=700 hub "{folder}" && exec "$@"'
        self.world.hub = Part("hub", ["unshare", "-m", "--propagation", "private", "sh", "-c",
                                      mount, "sh", *self.world.hub_argv()], self.world.folder,
                              self.world.desk())
        self.world.parts.append(self.world.hub)
        wait_until("the hub is connected", 15,
                   lambda: "connected broker" in self.world.hub.log())
        self.filler = f"/proc/{self.world.hub.pid}/root{folder}/filler"
        self.device = self.world.device(telemetry_flush="200ms")
        self.device.start().wait_up()
        self.generation = 0

    def numbers(self):
        """Asked where the database can be seen."""
        ask = ("import json, sqlite3, sys\n"
               "with sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True, timeout=5) as c:\n"
               "    print(json.dumps([json.loads(f)['n'] for (f,) in c.execute("
               "\"SELECT fields FROM point WHERE measurement = 'made'\")]))")
        done = subprocess.run(["nsenter", "-t", str(self.world.hub.pid), "-m", sys.executable,
                               "-c", ask, self.world.db_path], capture_output=True, text=True,
                              check=True, timeout=60)
        return sorted(json.loads(done.stdout))

    def test_nothing_is_acknowledged_that_has_no_room_and_all_comes_once_there_is(self):
        count = 1500
        self.deploy(actor_pod("sampler", "sample", 60, count, image=self.push_actor()))
        wait_until("rows come", 30, lambda: len(self.numbers()) > 50)
        fill(self.filler)
        wait_until("the hub says so", 40,
                   lambda: "devices will send again" in self.world.hub.log())
        wait_until("the device keeps what nobody takes", 20,
                   lambda: self.device.status()["buffer"]["batches"] > 3)
        self.assertTrue(self.world.hub.is_alive())
        os.unlink(self.filler)
        wait_until("all rows are there", 90, lambda: len(self.numbers()) >= count)
        self.world.wait_drained(self.device)
        self.assertEqual(self.numbers(), list(range(1, count + 1)))
        self.assertNotIn("batch refused", self.world.hub.log())


class Silence(unittest.TestCase):
    def test_a_broker_that_accepts_and_says_nothing_holds_nothing_up(self):
        world = World()
        self.addCleanup(world.close)
        with socket.create_server(("127.0.0.1", world.port)) as silent:
            device = world.device()
            device.start().wait_ready()
            silent.settimeout(60)
            connection, _ = silent.accept()
            with connection:
                connection.settimeout(60)
                self.assertEqual(connection.recv(1), b"\x10")  # CONNECT came; no CONNACK
                for _ in range(20):
                    status = device.status()
                    self.assertFalse(status["link"]["up"])
            self.assertEqual(device.stop(), 0)


class Liar:
    """A broker that acknowledges whatever comes, and passes none of it on."""

    def __init__(self, port):
        self.dropped = []  # topics
        self.server = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                try:
                    while self.answer(connection, stream):
                        pass
                except OSError:
                    pass

    def answer(self, connection, stream):
        head, length, shift = stream.read(1), 0, 0
        if not head:
            return False
        while True:
            byte = stream.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        kind, body = head[0] >> 4, stream.read(length)
        if kind == 1:
            connection.sendall(b"\x20\2\0\0")
        elif kind == 3:
            end = 2 + int.from_bytes(body[:2], "big")
            self.dropped.append(body[2:end].decode())
            if head[0] & 6:
                connection.sendall(b"\x40\2" + body[end:end + 2])
        elif kind == 8:
            granted, at = b"", 2
            while at < length:
                at += 3 + int.from_bytes(body[at:at + 2], "big")
                granted += b"\1"
            connection.sendall(b"\x90" + bytes([2 + len(granted)]) + body[:2] + granted)
        elif kind == 12:
            connection.sendall(b"\xd0\0")
        return kind != 14

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


class Lies(unittest.TestCase):
    def test_a_broker_that_acknowledges_what_it_drops_costs_nothing(self):
        world = World()
        self.addCleanup(world.close)
        liar = Liar(world.port)
        device = world.device().start().wait_up()
        for i in range(50):
            send(device, f"kept n={i}i")
        wait_until("all of it went to the liar", 20, lambda: (
            device.status()["buffer"]["sources"]["host"]["points"] == 50 and
            any("/up/telec/" in topic for topic in liar.dropped)))
        liar.close()
        device.kill()  # nothing but its flash knows what the hub has not got
        world.start_broker().start_hub()
        device.start().wait_up()
        wait_until("the hub has all of it", 40, lambda: world.rows("kept") == 50)


# Preloaded by ourselves: the command of that name forks, and would be killed alone.
FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")


@unittest.skipUnless(FAKETIME, "needs faketime (Debian: faketime)")
@unittest.skipIf(SANITIZED, "faketime's preload does not go with AddressSanitizer")
class Clock(WorldTest):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker().start_hub()
        self.device = self.world.device()
        self.device.start(env={"LD_PRELOAD": FAKETIME[0], "FAKETIME": "@1970-01-01 00:01:00"}).wait_up()
        self.generation = 0

    def test_a_board_in_1970_works_and_the_hub_knows_when_it_was(self):
        self.deploy(STEADY)
        wait_until("events have come", 20, lambda: self.world.db(
            "SELECT count(*) FROM event WHERE reason = 'Available'")[0][0] == 1)
        now = time.time() * 1000
        for (t,) in self.world.db("SELECT ts_ms FROM event"):
            self.assertLess(abs(t - now), 120_000)
        self.assertEqual(self.device.status()["clock"], "unset")


if __name__ == "__main__":
    main()
