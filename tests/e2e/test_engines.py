"""The main job over brokers of other makers, with the access rules of docs/engines.md.

One engine, one hub for all tests of a class; each test has a device of its own.
"""
import json
import os
import shutil
import signal
import unittest

import engines
from skerry_test import ACTOR, actor_pod, main, wait_until

POD = """apiVersion: v1
kind: Pod
metadata:
  name: {name}
spec:
  terminationGracePeriodSeconds: 2
  restartPolicy: {restart}
  containers:
    - name: main
      image: {image}
      command: {command}
      resources:
        limits: {{memory: 8Mi, cpu: 200m}}
"""


class EngineTest:
    engine = None
    more = {}  # of the engine
    devices = 9
    taken = 0

    @classmethod
    def setUpClass(cls):
        why = cls.engine.missing()
        if why:
            raise unittest.SkipTest(why)
        cls.names = [f"t{os.getpid()}-{cls.__name__.lower()}-{i}" for i in range(cls.devices)]
        cls.world = engines.EngineWorld(cls.engine, cls.names, **cls.more)
        cls.addClassCleanup(cls.world.close)
        cls.world.start_broker()
        cls.world.start_hub()

    def setUp(self):
        self.name = self.names[type(self).taken]
        type(self).taken += 1
        self.device = self.world.device(self.name)
        self.addCleanup(self.device.clean)
        self.device.start().wait_up()

    # --- what an operator does ---
    def apply(self, name, *command, healthy="500ms", restart="Always", check=0):
        text = POD.format(name=name, image=ACTOR, restart=restart,
                          command=json.dumps(["/actor", *map(str, command)]))
        path = self.world.write(f"{self.name}.yaml", text)
        return self.world.cli("apply", "-f", path, "-d", self.name, "--healthy-for", healthy,
                              check=check)

    def numbers(self):
        return sorted(json.loads(f)["n"] for (f,) in self.world.db(
            "SELECT fields FROM point WHERE device = ? AND measurement = 'made'", self.name))

    def check_all(self, count):
        """Every sample is there, and none twice."""
        wait_until(f"{count} rows", 90, lambda: len(self.numbers()) >= count)
        self.world.wait_drained(self.device)
        self.assertEqual(self.numbers(), list(range(1, count + 1)))

    def events(self, reason):
        return self.world.db("SELECT message FROM event WHERE device = ? AND reason = ?", self.name,
                             reason)

    def known(self, generation):
        return self.world.db("SELECT 1 FROM device WHERE device = ? AND desired_generation = ?",
                             self.name, generation)


class MainJob(EngineTest):
    def test_a_workload_comes_by_blocks_and_no_sample_is_lost_or_doubled_over_a_cut(self):
        done = self.apply("sampler", "sample", 100, 0, restart="Never")
        self.assertIn("generation 0->1", done.stdout)
        wait_until("samples arrive", 40, self.numbers)
        self.world.relay.blocked = True
        self.world.relay.cut()
        wait_until("it is down", 40, lambda: not self.device.status()["link"]["up"])
        before = self.device.status()["buffer"]["batches"]
        wait_until("samples wait on the board", 40, lambda: (
            self.device.status()["buffer"]["batches"] >= before + 3))
        os.kill(self.device.pid("sampler/main"), signal.SIGTERM)
        made = int(self.device.wait_line("sampler", r"made (\d+)", 40)[1])
        self.assertLess(len(self.numbers()), made)
        self.world.relay.blocked = False
        self.check_all(made)
        self.assertIn(f"made {made}", self.world.cli("logs", "sampler", "-d", self.name, check=0).stdout)

    def test_a_bad_update_goes_back(self):
        self.apply("app", "talk", 3)
        done = self.apply("app", "exit", 7, 0, check=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("exit code 7", done.stderr)
        self.device.wait_phase("RolledBack", 2)
        self.device.wait_state("app/main", "running")
        wait_until("the hub has the event", 40, lambda: self.events("RolledBack"))

    def test_what_the_desk_sees(self):
        self.apply("app", "wait")
        devices = json.loads(self.world.cli("get", "devices", "-o", "json", check=0).stdout)
        mine = [d for d in devices["devices"] if d["device"] == self.name]
        self.assertEqual([(d["status"], d["desired"]) for d in mine], [("ready", 1)])
        self.assertIn("app/main", self.world.cli("get", "workloads", check=0).stdout)

    def test_a_state_given_while_the_device_was_away_survives_a_restart_of_the_engine(self):
        self.apply("app", "wait")
        self.device.stop()
        self.world.send_desired(self.device, 2, [])
        wait_until("the hub knows it", 40, lambda: self.known(2))
        self.world.restart_engine()
        self.device.start().wait_up(60)
        self.device.wait_phase("Available", 2, 60)
        wait_until("desks see it too", 30, lambda: (
            self.world.retained(f"{self.name}/dn/desired") or {}).get("generation") == 2)
        self.apply("app", "wait")
        self.device.wait_phase("Available", 3)

    def test_a_hub_that_was_away_gives_back_nothing_older(self):
        self.apply("app", "wait")
        wait_until("the hub knows it", 40, lambda: self.known(1))
        self.world.hub.end()
        self.world.send_desired(self.device, 2, [])
        self.device.wait_phase("Available", 2)
        self.device.stop()
        self.world.start_hub()
        wait_until("the hub has heard what the broker keeps", 30, lambda: self.known(2))
        self.assertEqual(self.world.retained(f"{self.name}/dn/desired")["generation"], 2)
        shutil.rmtree(self.device.state_dir)  # a new board in its place
        self.device.start().wait_up()
        self.device.wait_phase("Available", 2)

    def test_a_file_comes_whole(self):
        pod = actor_pod("camera", "leave", 2, 300_000, 10, image=self.pushed())
        pod["metadata"]["annotations"] = {"skerry.dev/outbox": "8Mi"}
        self.world.send_desired(self.device, 1, [pod])
        rows = wait_until("two files are at the hub", 40, lambda: (
            lambda rows: rows if len(rows) == 2 else None)(self.world.db(
                "SELECT name, bytes FROM file WHERE device = ?", self.name)))
        self.assertEqual([n for _, n in rows], [300_000, 300_000])

    def pushed(self):
        return "actor@" + self.world.cli("push", ACTOR, check=0).stdout.strip()


class ByCertificate(EngineTest):
    def test_a_board_with_a_certificate_needs_no_password(self):
        self.device.stop()
        self.device = self.world.device_with_certificate(self.name)
        self.device.start().wait_up()
        self.assertIsNone(self.device.condition("LinkRefused"))
        self.apply("app", "wait")
        wait_until("the hub has its events", 40, lambda: self.events("Available"))


class Mosquitto(MainJob, ByCertificate, unittest.TestCase):
    engine = engines.Mosquitto


class Nats(MainJob, unittest.TestCase):
    engine = engines.Nats


class RabbitMq(MainJob, ByCertificate, unittest.TestCase):
    engine = engines.RabbitMq


class RabbitMqCluster(EngineTest, unittest.TestCase):
    """Three nodes. What one of them kept as retained dies with it."""

    engine = engines.RabbitMq
    more = {"nodes": 3}

    def test_a_node_is_killed_in_the_middle(self):
        self.apply("sampler", "sample", 100, 600)
        wait_until("samples arrive", 40, self.numbers)
        first, *others = self.world.engine.nodes
        first.kill()
        self.world.move_to(self.world.engine.node_ports[1])
        self.device.wait_up(60)
        try:
            self.check_all(600)
        except AssertionError:
            # Who publishes to a queue that has lost its leader is cut off, again and again.
            if any("mqtt_unexpected_msg,{'basic.nack'" in node.log() for node in others):
                self.skipTest("RabbitMQ's MQTT plugin crashes on basic.nack (docs/engines.md)")
            raise
        wait_until("the next node has the state, too", 30, lambda: (
            self.world.retained(f"{self.name}/dn/desired") or {}).get("generation") == 1)
        self.apply("app", "wait")
        self.device.wait_phase("Available", 2)
        self.assertTrue(all(node.is_alive() for node in others))


class Aedes(MainJob, unittest.TestCase):
    engine = engines.Aedes


if __name__ == "__main__":
    main()
