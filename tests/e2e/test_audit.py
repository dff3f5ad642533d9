"""Who told a device what: the hub's trail, and that nobody can change it unseen."""
import json
import os
import sqlite3
import subprocess
import unittest

from postgresql import binaries
from skerry_test import BIN, World, main, wait_until


class WithTrail(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.prepare()
        self.world.start_hub()

    def prepare(self):
        pass

    def tell(self, generation, device="d1", wait=True, **more):
        document = {"apiVersion": "skerry.dev/v1", "kind": "DesiredState", "fleet": "main",
                    "device": device, "epoch": 1, "generation": generation, "workloads": [],
                    **more}
        before = len(self.rows())
        self.world.publish(f"{device}/dn/desired", document, retain=True)
        if wait:
            wait_until("it is in the trail", 20, lambda: len(self.rows()) > before)

    def rows(self):
        return self.world.db("SELECT seq, device, generation, kept FROM audit ORDER BY seq")

    def audit(self, *args, db=None):
        return subprocess.run([os.path.join(BIN, "skerry-hub"), "audit", "--db",
                               db or self.world.db_path, *args],
                              capture_output=True, text=True, timeout=60)

    def whole(self, rows):
        done = self.audit("--verify")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"whole: {rows} rows", done.stdout)
        return done.stdout.split()[-1]

    def change(self, statement):
        with sqlite3.connect(self.world.db_path) as db:
            db.execute(statement)


class Trail(WithTrail):
    def test_history_says_when_who_and_why(self):
        self.tell(1, writer="olga", reason="a new camera", base=0)
        self.tell(2, writer="boris", base=1)
        self.tell(1, device="d2")
        done = self.world.cli("history", "d1", check=0)
        first, second = done.stdout.splitlines()[1:]
        self.assertRegex(first, r"^20..-..-..T..:..:..Z +1 +0 +yes +olga +a new camera +sha256:")
        self.assertRegex(second, r"Z +2 +1 +yes +boris +sha256:")
        newest = json.loads(self.world.cli("history", "d1", "-n", "1", "-o", "json",
                                           check=0).stdout)
        self.assertEqual([x["WRITER"] for x in newest], ["boris"])
        self.assertEqual(self.world.cli("history", "d3", check=0).stdout.count("sha256"), 0)
        done = self.audit()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('main/d1  generation 1.2 base 1  kept  writer "boris"', done.stdout)
        self.assertIn("whole: 3 rows", done.stdout)

    def test_a_second_of_its_generation_an_older_one_and_a_clearing_are_there_too(self):
        self.tell(2)
        self.tell(2, reason="another")
        self.tell(1)
        self.world.publish("d1/dn/desired", b"", retain=True)
        wait_until("four rows", 20, lambda: len(self.rows()) == 4)
        self.assertEqual([r[2:] for r in self.rows()], [(2, 1), (2, 0), (1, 0), (0, 1)])
        self.whole(4)

    def test_what_is_seen_again_after_a_restart_has_one_row_and_kill_9_breaks_nothing(self):
        for n in range(1, 4):
            self.tell(n)
            # Some that nobody waits for: the hub dies while it takes them.
            for i in range(5):
                self.tell(n, device=f"x{i}", wait=False)
            self.world.hub.kill()
            self.world.start_hub()
        wait_until("the newest of each is there", 30, lambda: self.world.db(
            "SELECT count(*) FROM audit WHERE generation = 3") == [(6,)])
        rows = self.rows()
        self.assertEqual([r[0] for r in rows], list(range(1, len(rows) + 1)))
        self.assertEqual(len({r[1:3] for r in rows}), len(rows))
        self.whole(len(rows))

    def test_what_is_not_kept_is_not_in_it(self):
        self.world.publish("d1/dn/desired", b"{}", retain=True)
        self.tell(1)
        self.assertEqual(len(self.rows()), 1)

    def test_a_row_that_was_changed_or_removed_is_told(self):
        for n in range(1, 6):
            self.tell(n, writer="olga")
        last = self.whole(5)
        self.assertEqual(self.audit("--verify", "--has", last).returncode, 0)
        self.world.hub.end()
        self.change("UPDATE audit SET writer = 'boris' WHERE seq = 3")
        done = self.audit("--verify")
        self.assertEqual(done.returncode, 1)
        self.assertIn("broken: row 3 (main/d1 generation 3): it was changed", done.stdout)
        self.change("DELETE FROM audit WHERE seq = 3")
        done = self.audit("--verify")
        self.assertEqual(done.returncode, 1)
        self.assertIn("broken: row 4 (main/d1 generation 4): rows are missing", done.stdout)
        self.assertIn("the trail is broken in 1 places", done.stderr)
        # Whoever begins a new chain does not have the old one's hashes.
        self.change("DELETE FROM audit")
        self.change("DELETE FROM audit_end")
        done = self.audit("--verify")
        self.assertEqual(done.returncode, 0)
        done = self.audit("--verify", "--has", last)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another trail", done.stderr)

    def test_words_that_are_none_are_told(self):
        for args, code in ((["--what"], 2), (["--has"], 2)):
            self.assertEqual(self.audit(*args).returncode, code)
        self.assertEqual(self.audit("--verify", db="/nowhere/hub.db").returncode, 1)


@unittest.skipUnless(binaries(), "needs PostgreSQL (Debian: postgresql)")
class OnAServer(Trail):
    def prepare(self):
        self.world.use_postgresql()

    def change(self, statement):
        self.world.postgresql.ask(statement)


@unittest.skipUnless(binaries(), "needs PostgreSQL (Debian: postgresql)")
class Moves(WithTrail):
    """What was in a file is whole on a server, and goes on there."""

    def test_migrate_keeps_the_chain(self):
        for n in range(1, 4):
            self.tell(n)
        last = self.whole(3)
        self.world.hub.end()
        file = self.world.db_path
        self.world.use_postgresql()
        done = subprocess.run([os.path.join(BIN, "skerry-hub"), "migrate", "--from", file,
                               "--to", self.world.db_path], capture_output=True, text=True,
                              timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"audit +3 +3\n")
        self.assertEqual(self.whole(3), last)
        self.world.start_hub()
        self.tell(4)
        self.assertEqual(self.audit("--verify", "--has", last).returncode, 0)
        self.whole(4)


if __name__ == "__main__":
    main()
