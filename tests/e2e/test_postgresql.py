"""The hub on PostgreSQL: the main job, many hubs, and a server that fails in every way."""
import json
import os
import re
import signal
import socket
import subprocess
import time
import unittest
import urllib.request

from postgresql import binaries
from skerry_test import ACTOR, BIN, World, actor_pod, fill, free_port, main, skip, wait_until
import test_main_job

TABLES = ("device", "batch", "point", "event", "log", "file")


class WithPostgreSQL(unittest.TestCase):
    hubs = 1
    room = None
    settings = {}

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.use_postgresql(room=self.room)
        self.start_hubs()
        self.device = self.world.device(**self.settings)
        self.device.start().wait_up()
        self.generation = 0

    def start_hubs(self):
        self.world.start_hub()

    def count(self, table):
        rows = self.world.db(f"SELECT count(*) FROM {table}")
        return rows[0][0] if rows else -1

    def numbers(self):
        return sorted(n for (n,) in self.world.db(
            "SELECT CAST(fields ->> 'n' AS BIGINT) FROM point WHERE measurement = 'made'"))


class MainJob(WithPostgreSQL):
    push_actor = test_main_job.WorldTest.push_actor
    deploy = test_main_job.WorldTest.deploy

    def test_a_folder_becomes_a_running_workload_and_its_samples_become_rows(self):
        path = self.world.write("pod.yaml", test_main_job.POD.format(image=ACTOR))
        done = self.world.cli("apply", "-f", path, "--healthy-for", "500ms", check=0)
        self.assertIn("available", done.stderr)
        self.device.wait_line("sampler", "made 100")
        wait_until("100 rows", 20, lambda: self.world.rows() == 100)
        self.world.wait_drained(self.device)
        self.assertEqual(self.numbers(), list(range(1, 101)))
        wait_until("the log line is in the hub", 20, lambda: self.world.db(
            "SELECT 1 FROM log WHERE line = 'made 100' AND container = 'main'"))
        # A desk reads from the server, too.
        found = json.loads(self.world.cli("telemetry", "made", "-n", "3", "-o", "json",
                                          check=0).stdout)
        self.assertEqual([row["FIELDS"]["n"] for row in found], [98, 99, 100])
        self.assertIn("made 100", self.world.cli("logs", "sampler", "--db", self.world.db_path,
                                                 check=0).stdout)
        self.assertIn("Available", self.world.cli("events", check=0).stdout)
        self.see_events_come()
        self.assertIn("100", self.world.cli(
            "telemetry", "--sql", "SELECT count(*) FROM point WHERE measurement = 'made'",
            check=0).stdout)
        refused = self.world.cli("telemetry", "--sql", "DELETE FROM point RETURNING 1")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("read-only", refused.stderr)
        self.assertEqual(self.world.rows(), 100)

    def see_events_come(self):
        there = self.world.db("SELECT count(*) FROM event")[0][0]
        watch = subprocess.Popen([os.path.join(BIN, "skerry"), "events", "-w", "-o", "json", "--db",
                                  self.world.db_path, "--timeout", "60s"],
                                 stdout=subprocess.PIPE, text=True)
        lines = [watch.stdout.readline() for _ in range(there)]
        self.world.publish(f"{self.device.name}/up/event", {
            "v": 1, "dev": self.device.name, "buf": "e2e0test", "seq": 1,
            "events": [{"t": 1795533397871, "reason": "Exited", "message": "it came later"}]})
        lines.append(watch.stdout.readline())
        watch.terminate()
        lines += watch.communicate(timeout=30)[0].splitlines()
        self.assertEqual(watch.returncode, 130)
        self.assertEqual(len(lines), there + 1)
        self.assertIn("it came later", lines[-1])

    def test_an_event_that_another_hub_commits_late_is_told_once(self):
        def insert(message):
            return ("INSERT INTO event(ts_ms,fleet,device,type,reason,object,message) VALUES("
                    f"1795533397871,'main','d','Normal','Test','late','{message}');")

        slow = subprocess.Popen([os.path.join(binaries(), "psql"), "-XqAt", self.world.db_path],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(slow.communicate)
        slow.stdin.write("BEGIN;" + insert("lower number") + "SELECT 'written';\n")
        slow.stdin.flush()
        self.assertEqual(slow.stdout.readline(), "written\n")
        self.world.postgresql.ask(insert("before"))
        watch = subprocess.Popen([os.path.join(BIN, "skerry"), "events", "late", "-w", "-o", "json",
                                  "--db", self.world.db_path, "--timeout", "60s"],
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(watch.communicate)
        self.addCleanup(watch.kill)

        def told():
            return json.loads(watch.stdout.readline())["MESSAGE"]

        self.assertEqual(told(), "before")
        self.world.postgresql.ask(insert("higher number"))
        self.assertEqual(told(), "higher number")
        slow.stdin.write("COMMIT;\n")
        slow.stdin.flush()
        self.assertEqual(told(), "lower number")
        self.world.postgresql.ask(insert("last"))
        self.assertEqual(told(), "last")

    def test_a_newer_state_is_shown_to_a_device_and_to_a_broker_that_lost_it(self):
        image = self.push_actor()
        self.deploy(actor_pod("one", "wait", image=image))
        wait_until("the hub knows it", 20, lambda: self.world.db(
            "SELECT 1 FROM device WHERE desired_generation = 1"))
        self.world.stop_broker() # it keeps nothing on disk
        self.world.start_broker()
        wait_until("the broker has it again", 40, lambda: b"DesiredState" in self.world.subscribe(
            f"{self.device.name}/dn/desired", seconds=2, raw=True))


class Migration(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.start_hub()
        for seq in range(1, 31):
            self.world.publish("other/up/tele/app", {"v": 1, "buf": "b", "seq": seq, "pts": [
                {"t": 1795514400000 + n, "m": "m", "f": {"x": n, "s": "a\\b\t\"'"}}
                for n in range(300)]})
            self.world.publish("other/up/log/pod", {"v": 1, "buf": "b", "seq": seq, "lines": [
                {"t": 1795514400000, "l": ""}, {"t": 1795514400000, "l": "\\N"}]})
        self.world.publish("other/up/online", {"v": 1, "online": True, "session": 1})
        wait_until("all are in the file", 30, lambda: self.world.db(
            "SELECT count(*) FROM batch") == [(60,)] and self.world.db("SELECT 1 FROM device"))
        self.world.hub.end()
        self.file = self.world.db_path
        self.world.use_postgresql()

    def migrate(self):
        return subprocess.run([os.path.join(BIN, "skerry-hub"), "migrate", "--from", self.file,
                               "--to", self.world.db_path], capture_output=True, text=True,
                              timeout=120)

    def test_counts_are_equal_and_a_second_run_copies_nothing(self):
        for _ in range(2):
            done = self.migrate()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"point +9000 +9000\n")
            self.assertRegex(done.stdout, r"log +60 +60\n")
            self.assertRegex(done.stdout, r"device +1 +1\n")
        self.assertEqual(self.world.db("SELECT DISTINCT fields ->> 's' FROM point"),
                         [("a\\b\t\"'",)])
        self.assertEqual(self.world.db("SELECT line FROM log ORDER BY rowid LIMIT 2"),
                         [("",), ("\\N",)])

    def test_what_was_interrupted_goes_on(self):
        # As if it had been killed behind the first transaction of a table.
        self.assertEqual(self.migrate().returncode, 0)
        self.world.postgresql.ask("DELETE FROM point WHERE rowid > 5000;"
                                  "UPDATE meta SET value = '5000' WHERE key = 'migrate.point'")
        self.assertEqual(self.migrate().returncode, 0)
        self.assertEqual(self.world.db("SELECT count(*) FROM point"), [(9000,)])

    def test_unequal_counts_are_a_failure(self):
        self.assertEqual(self.migrate().returncode, 0)
        self.world.postgresql.ask("DELETE FROM log")
        done = self.migrate()
        self.assertEqual(done.returncode, 1)
        self.assertIn("differs", done.stdout)

    def test_rows_of_others_are_not_mixed_in(self):
        self.world.start_hub(name="hub-2")
        self.world.publish("third/up/tele/app", {"v": 1, "buf": "b", "seq": 1, "pts": [
            {"t": 1795514400000, "m": "m", "f": {"x": 1}}]})
        wait_until("it is there", 20, lambda: self.world.db("SELECT 1 FROM batch"))
        self.world.hub.end()
        done = self.migrate()
        self.assertEqual(done.returncode, 1)
        self.assertIn("has rows already", done.stderr)


class Metrics(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.port = free_port()
        self.world.start_hub("--metrics", f"127.0.0.1:{self.port}")

    def get(self, request=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", self.port), 60) as s:
            s.sendall(request)
            text = b""
            try:
                while part := s.recv(65536):
                    text += part
            except ConnectionResetError:
                pass # what we sent was not read to its end
        return text.decode()

    def test_numbers_are_those_of_what_was_done(self):
        for seq in (1, 2, 2):
            self.world.publish("other/up/tele/app", {"v": 1, "buf": "b", "seq": seq, "pts": [
                {"t": 1795514400000, "m": "m", "f": {"x": 1}}] * 3})
        self.world.publish("other/up/tele/app", {"v": 1, "buf": "b", "seq": 3, "pts": []})
        wait_until("they count", 20, lambda: "skerry_hub_bad_total 1\n" in self.get() and
                   re.search("skerry_hub_points_total 6\n", self.get()))
        text = self.get()
        self.assertTrue(text.startswith("HTTP/1.0 200 OK\r\n"))
        self.assertIn('skerry_hub_lease{name="control"} 1\n', text)
        self.assertIn("skerry_hub_database_up 1\n", text)
        self.assertRegex(text, r"skerry_hub_commit_seconds_count [1-9]")

    def test_others_get_404_and_silence_ends(self):
        self.assertIn("404", self.get(b"GET / HTTP/1.0\r\n\r\n"))
        quiet = [socket.create_connection(("127.0.0.1", self.port), 5) for _ in range(20)]
        wait_until("there is a place again", 30, lambda: "200 OK" in self.get())
        for s in quiet:
            s.close()
        self.assertEqual(self.get(b"x" * 5000).count("HTTP"), 0)

    def test_only_loopback_hears_them(self):
        done = subprocess.run(self.world.hub_argv("--metrics", "0.0.0.0:1"), capture_output=True,
                              text=True, env={**os.environ, **self.world.desk()}, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertIn("127.0.0.1:PORT", done.stderr)


class WithSampler(WithPostgreSQL):
    """What a device sends is a stream of numbers: none may be lost, none may be there twice."""
    settings = {"telemetry_flush": "200ms"}
    push_actor = test_main_job.WorldTest.push_actor
    deploy = test_main_job.WorldTest.deploy

    def begin(self, per_second=100, count=1500):
        self.deploy(actor_pod("sampler", "sample", per_second, count, image=self.push_actor()))
        wait_until("rows come", 30, lambda: self.world.rows() > 50)
        return count

    def wait_more(self, count):
        """Rows come again, unless none is missing."""
        have = min(self.world.rows(), count - 1)
        wait_until("rows come again", 40, lambda: self.world.rows() > have)

    def expect_all(self, count, seconds=90):
        wait_until(f"{count} rows", seconds, lambda: self.world.rows() >= count)
        self.world.wait_drained(self.device)
        self.assertEqual(self.numbers(), list(range(1, count + 1)))


class Trouble(WithSampler):
    def test_a_hub_that_is_killed_again_and_again_loses_nothing(self):
        count = self.begin()
        for _ in range(5):
            self.world.hub.kill()
            self.world.start_hub()
            self.wait_more(count)
        self.expect_all(count)

    def test_a_server_that_restarts_is_waited_for(self):
        count = self.begin()
        for how in (signal.SIGINT, signal.SIGQUIT):
            said = self.world.hub.log().count("devices will send again")
            self.world.postgresql.stop(how)
            wait_until("the hub says so", 30,
                       lambda: self.world.hub.log().count("devices will send again") > said)
            self.assertTrue(self.world.hub.is_alive())
            self.world.postgresql.start()
            self.wait_more(count)
        self.expect_all(count)
        self.assertIn("the database is there again", self.world.hub.log())

    def test_a_letter_that_a_table_refuses_stops_no_other(self):
        self.world.postgresql.ask("ALTER TABLE point ADD CHECK (measurement <> 'poison')")
        self.begin(count=100)
        for seq, m in ((1, "good"), (2, "poison"), (3, "good")):
            self.world.publish("other/up/tele/app", {"v": 1, "buf": "b", "seq": seq, "pts": [
                {"t": 1795514400000 + seq, "m": m, "f": {"x": seq}}]})
        wait_until("the good ones are there", 20,
                   lambda: self.world.db("SELECT count(*) FROM point WHERE measurement = 'good'")
                   == [(2,)])
        self.assertEqual(self.world.db("SELECT seq FROM batch WHERE device = 'other' ORDER BY seq"),
                         [(1,), (3,)])
        self.assertIn("batch refused by the database device=main/other", self.world.hub.log())
        self.expect_all(100)

    def test_a_statement_that_fails_acknowledges_nothing(self):
        count = self.begin()
        self.world.postgresql.ask("ALTER TABLE point RENAME TO hidden")
        wait_until("the hub says so", 20,
                   lambda: "devices will send again" in self.world.hub.log())
        self.world.postgresql.ask("ALTER TABLE hidden RENAME TO point")
        self.expect_all(count)
        self.assertNotIn("batch refused", self.world.hub.log())

    def test_a_server_that_answers_nothing_is_given_up_and_dialled_again(self):
        count = self.begin()
        self.world.postgresql.signal_all(signal.SIGSTOP)
        try:
            wait_until("the hub gives up waiting", 40,
                       lambda: "does not answer in time" in self.world.hub.log())
        finally:
            self.world.postgresql.signal_all(signal.SIGCONT)
        self.expect_all(count)

    def test_letters_that_come_again_change_no_count(self):
        letters = [{"v": 1, "buf": "b", "seq": seq, "pts": [
            {"t": 1795514400000 + seq, "m": "again", "f": {"x": seq}}]} for seq in range(1, 41)]
        for _ in range(3):
            for letter in letters:
                self.world.publish("other/up/tele/app", letter)
        wait_until("they are there", 20, lambda: self.world.db(
            "SELECT count(*) FROM batch WHERE device = 'other'") == [(40,)])
        self.assertEqual(self.world.db(
            "SELECT count(*), count(DISTINCT ts_ms) FROM point WHERE device = 'other'"),
            [(40, 40)])


class Full(WithSampler):
    room = "60m"

    def test_nothing_is_acknowledged_that_has_no_room_and_all_comes_once_there_is(self):
        count = self.begin()
        fill(self.world.postgresql.filler())
        wait_until("the hub says so", 40,
                   lambda: "devices will send again" in self.world.hub.log())
        wait_until("the device keeps what nobody takes", 20,
                   lambda: self.device.status()["buffer"]["batches"] > 3)
        self.assertIn("No space left", self.world.postgresql.log())
        self.assertTrue(self.world.hub.is_alive())
        os.unlink(self.world.postgresql.filler())
        self.expect_all(count)
        self.assertNotIn("batch refused", self.world.hub.log())


class Keeping(unittest.TestCase):
    def test_what_is_older_goes_from_a_server_too(self):
        world = World()
        self.addCleanup(world.close)
        world.start_broker()
        world.use_postgresql()
        world.start_hub("--keep", "30d")
        for seq, t in ((1, 1), (2, int(time.time() * 1000))):
            world.publish("other/up/tele/app", {"v": 1, "buf": "b", "seq": seq, "pts": [
                {"t": t, "m": "m", "f": {"x": seq}}]})
            world.publish("other/up/log/pod", {"v": 1, "buf": "b", "seq": seq, "lines": [
                {"t": t, "l": "x"}]})
        wait_until("they are there", 20,
                   lambda: world.db("SELECT count(*) FROM batch") == [(4,)])
        wait_until("the old ones are gone", 40, lambda: world.db(
            "SELECT (SELECT count(*) FROM point), (SELECT count(*) FROM log)") == [(1, 1)])
        self.assertEqual(world.db("SELECT count(*) FROM batch"), [(4,)])


class Copies(unittest.TestCase):
    """Two hubs without a device: who does what."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.use_postgresql()

    def send(self, devices):
        for i in range(devices):
            self.world.publish(f"d{i}/up/tele/app", {"v": 1, "buf": "b", "seq": 1, "pts": [
                {"t": 1795514400000, "m": "m", "f": {"x": i}}]})
        wait_until("each counts once", 20, lambda: self.world.db(
            "SELECT count(*), count(DISTINCT device) FROM point") == [(devices, devices)])

    def collected(self, port):
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60).read().decode()
        return [int(re.search(rf"skerry_hub_{name} (\d+)", text)[1])
                for name in ("batches_total", "doubles_total")]

    def start_two(self, *options):
        ports = free_port(), free_port()
        for i, port in enumerate(ports):
            self.world.start_hub("--metrics", f"127.0.0.1:{port}", *(o[i] for o in options),
                                 name=f"hub-{i}")
        return ports

    def test_shards_take_each_device_once(self):
        ports = self.start_two(("--shard", "--shard"), ("0/2", "1/2"))
        self.send(20)
        counts = [self.collected(port) for port in ports]
        self.assertEqual(sum(batches for batches, _ in counts), 20)
        self.assertEqual([doubles for _, doubles in counts], [0, 0])
        self.assertTrue(all(batches for batches, _ in counts))

    def test_a_shared_subscription_gives_each_letter_to_one(self):
        ports = self.start_two()
        self.assertIn("shared with other hubs", self.world.hub.log())
        self.send(20)
        self.assertEqual(sum(self.collected(port)[0] for port in ports), 20)

    def test_another_hub_controls_when_the_first_is_killed(self):
        self.start_two()
        first, second = self.world.parts
        self.assertIn("controls serves from now on", first.log())
        self.assertNotIn("controls", second.log())
        first.kill()
        wait_until("the second controls", 30, lambda: "controls serves" in second.log())


class TwoHubs(Trouble):
    """Everything of Trouble holds with a second one beside it, which keeps its peace."""

    def start_hubs(self):
        self.world.start_hub(name="hub-2")
        self.other = self.world.hub
        self.world.start_hub()


if __name__ == "__main__":
    if not binaries():
        skip("needs PostgreSQL (Debian: postgresql)")
    main()
