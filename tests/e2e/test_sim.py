"""A thousand devices at one hub: they come all at once, a rollout among them halts, and the hub
is killed while they send. The devices are skerry-sim, one process over real MQTT."""
import json
import os
import resource
import subprocess
import time
import unittest

from mqtt import Client
from postgresql import binaries
from skerry_test import BIN, SLOW, World, main, skip, wait_until
from test_fleet import APP

SIM = os.path.join(BIN, "../tests/skerry-sim")
DEVICES = 1000
FILES = 6 * DEVICES + 64  # skerry-sim's; the broker takes fewer
# mosquitto holds 1,000 messages for one subscriber unless told otherwise, and drops what is
# beyond: a thousand presences and reports are 2,000 (docs/engines.md).
BROKER = "max_queued_messages 20000"
SEED = 7


def is_bad(device, percent):
    """As tests/sim/fate.c decides it."""
    h = 2166136261
    for b in f"{SEED}/{device}/bad".encode():
        h = (h ^ b) * 16777619 & 0xffffffff
    return h % 100 < percent


class SimTest(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker(BROKER)
        os.environ["XDG_STATE_HOME"] = os.path.join(self.world.folder, "home")
        self.process = None
        self.addCleanup(self.end)

    def simulate(self, *args):
        self.process = subprocess.Popen(
            [SIM, "--broker", self.world.broker_url(), "--devices", str(DEVICES), "--seed",
             str(SEED), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def counts(self, seconds):
        out, err = self.process.communicate(timeout=seconds)
        self.assertEqual(self.process.returncode, 0, out + err)
        return json.loads(out)

    def wait_known(self):
        wait_until(f"the hub has {DEVICES} devices online", 60, lambda: self.world.db(
            "SELECT count(*) FROM device WHERE online = 1 AND state IS NOT NULL") == [(DEVICES,)])

    def online(self):
        """Of those that a desk sees, with a report of theirs."""
        done = self.world.cli("get", "devices", "-o", "json", check=0)
        return sum(bool(d["presence"] and d["presence"]["online"] and d["state"])
                   for d in json.loads(done.stdout)["devices"])


class Forgetful(SimTest):
    """A broker whose queue nobody has set: it drops most of what a desk asks for."""

    def setUp(self):
        super().setUp()
        self.world.broker.kill()
        self.world.start_broker()

    def test_the_hub_knows_those_that_the_broker_does_not_show(self):
        self.world.start_hub()
        self.simulate("--jitter", "20")  # so slowly that nothing for the hub is dropped
        self.wait_known()
        # A desk waits two seconds for each page of a hub's.
        wait_until("the desk has all of them", 20, lambda: self.online() == DEVICES)

    def test_without_a_hub_the_desk_says_that_some_may_be_missing(self):
        self.simulate("--jitter", "3")
        done = wait_until("it says so", 60, lambda: (lambda d: d if d.stderr else None)(
            self.world.cli("get", "devices", check=0)))
        self.assertIn("max_queued_messages", done.stderr)


class Storm(SimTest):
    def test_all_come_at_once_and_again_after_a_broker_that_died(self):
        self.world.start_hub()
        self.simulate("--jitter", "3")
        self.wait_known()
        self.assertEqual(self.online(), DEVICES)
        self.world.broker.kill()
        self.world.start_broker(BROKER)
        # A broker without its memory: whoever it shows has come again. It is asked itself, because
        # a desk that is shown nothing asks the hub, which remembers them all.
        looks = Client(self.world.port, "looks")
        looks.subscribe("skerry1/main/+/up/online")
        end = time.monotonic() + 80 * SLOW
        while len({topic for topic, _, _ in looks.messages}) < DEVICES:
            looks.read(end)
        looks.vanish()
        wait_until("a desk sees all again", 20, lambda: self.online() == DEVICES)
        self.process.terminate()
        counts = self.counts(30)
        self.assertEqual((counts["connected"], counts["waiting"], counts["dead"]), (DEVICES, 0, 0))
        self.assertGreaterEqual(counts["reconnects"], DEVICES)


class Rollout(SimTest):
    BATCH = 200

    def roll(self, version, code, **spec):
        self.world.write("app.yaml", APP.replace('VERSION"}', version + '"}'))
        path = self.world.write("rollout.yaml", json.dumps({
            "apiVersion": "skerry.dev/v1", "kind": "Rollout", "metadata": {"name": "v" + version},
            "spec": {"selector": {"matchLabels": {"sim": "yes"}}, "to": {"files": ["app.yaml"]},
                     "healthyFor": "1s", **spec}}))
        return self.world.cli("rollout", "start", "-f", path, "--wait", "--timeout", "180s",
                              check=code)

    def test_three_bad_of_a_hundred_halt_it_and_nobody_beyond_the_batch_is_told(self):
        self.world.start_hub()
        self.simulate("--jitter", "3", "--bad", "3", "--bad-text", '"value":"2"')
        self.wait_known()
        self.roll("1", 0)
        self.roll("2", 8, batches=[{"limit": self.BATCH}], success="98%",
                  halt={"failures": "2%", "min": self.BATCH})
        names = [f"sim-{i:04d}" for i in range(DEVICES)]
        bad = {n for n in names[:self.BATCH] if is_bad(n, 3)}
        self.assertGreater(len(bad), self.BATCH * 2 // 100)  # the seed's word, known beforehand
        status = json.loads(self.world.cli("rollout", "status", "v2", "-o", "json",
                                           check=0).stdout)
        self.assertEqual(status["phase"], "halted")
        self.assertEqual({d["device"] for d in status["devices"] if d["state"] == "failed"}, bad)
        self.assertEqual(status["counts"]["succeeded"], self.BATCH - len(bad))
        self.assertEqual(status["counts"]["waiting"], DEVICES - self.BATCH)
        def told():
            return [n for (n,) in self.world.db("SELECT device FROM device "
                                                "WHERE desired_generation > 1 ORDER BY device")]
        wait_until("the hub knows whom the desk has told", 20, lambda: len(told()) >= self.BATCH)
        self.assertEqual(told(), names[:self.BATCH])
        self.process.terminate()
        counts = self.counts(30)
        self.assertEqual(counts["rolledBack"], len(bad))
        self.assertEqual(counts["available"], DEVICES + self.BATCH - len(bad))


class Killed(SimTest):
    RATE, LETTERS, KILLS = 5, 5, 8

    def test_a_hub_killed_in_a_loop_has_every_sample_once(self):
        if not binaries():
            self.skipTest("needs PostgreSQL (Debian: postgresql)")
        self.world.use_postgresql()
        self.world.start_hub()
        self.simulate("--jitter", "5", "--rate", str(self.RATE), "--every", "3000", "--for",
                      str(3 * self.LETTERS), "--drain", "200")
        n = self.RATE * self.LETTERS
        for _ in range(self.KILLS):
            have = min(self.world.rows(), DEVICES * n - 1)  # until all are there
            wait_until("rows come", 60, lambda: self.world.rows() > have)
            self.world.hub.kill()
            self.world.start_hub()
        counts = self.counts(300)
        self.assertEqual((counts["points"], counts["dead"]), (DEVICES * n, 0))
        self.assertEqual(counts["acknowledged"], counts["sent"])
        # n counts from 1: as many different ones as the highest is no gap, and none twice.
        self.assertEqual(self.world.db(
            "SELECT rows, numbers, lowest, highest, count(*) FROM (SELECT device, "
            "count(*) AS rows, count(DISTINCT fields ->> 'n') AS numbers, "
            "min(CAST(fields ->> 'n' AS BIGINT)) AS lowest, "
            "max(CAST(fields ->> 'n' AS BIGINT)) AS highest FROM point "
            "WHERE measurement = 'made' GROUP BY device) d GROUP BY 1, 2, 3, 4"),
            [(n, n, 1, n, DEVICES)])
        self.assertEqual(self.world.db("SELECT count(*) FROM batch"), [(counts["sent"],)])


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < FILES:
        skip(f"needs {FILES} open files, ulimit -Hn says {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for the broker
    main()
