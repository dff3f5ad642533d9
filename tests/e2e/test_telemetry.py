"""Telemetry: taken from sockets, kept, sent as it lies, and counted."""
import json
import os
import socket
import time

import columns
from skerry_test import WorldTest, actor_pod, main, wait_until
from test_protocol import Listener


FLOOD_SECONDS = 4
POINTS_PER_S, POINTS_BURST = 20000, 40000  # of one source; docs/limits.md


class SenderTest(WorldTest):
    def send(self, *texts):
        """As a program of the board, to the board's own socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            fd = os.open(self.device.run_dir, os.O_PATH | os.O_DIRECTORY)
            try:
                for text in texts:
                    s.sendto(text.encode(), f"/proc/self/fd/{fd}/telemetry.sock")
            finally:
                os.close(fd)


class Telemetry(SenderTest):
    def points(self, measurement):
        return [(t, json.loads(tags), json.loads(fields)) for t, tags, fields in self.world.db(
            "SELECT ts_ms, tags, fields FROM point WHERE measurement = ? ORDER BY rowid",
            measurement)]

    def source(self, name):
        return (self.device.status() or {}).get("buffer", {}).get("sources", {}).get(name, {})

    def test_every_kind_of_value_arrives_as_it_was(self):
        self.send('all f=1.5,neg=-0.25,i=-9223372036854775808i,u=7u,t=true,n=F,s="a \\"b\\" é"'
                  " 1790000000123000000\n",
                  "all f=1e300,neg=0.1,i=9223372036854775807i,u=7u,t=f,n=T,s=\"\" "
                  "1790000000124000000")
        wait_until("two points", 15, lambda: len(self.points("all")) == 2)
        (t1, _, a), (t2, _, b) = self.points("all")
        self.assertEqual((t1, t2), (1790000000123, 1790000000124))
        self.assertEqual(a, {"f": 1.5, "neg": -0.25, "i": -9223372036854775808, "u": 7, "t": True,
                             "n": False, "s": 'a "b" é'})
        self.assertEqual(b, {"f": 1e300, "neg": 0.1, "i": 9223372036854775807, "u": 7, "t": False,
                             "n": True, "s": ""})

    def test_senml_is_understood(self):
        pack = [{"bn": "urn:dev:ow:10e2073a0108006:", "bt": 1790000000.001, "bu": "A",
                 "n": "voltage", "u": "V", "v": 120.1}, {"n": "current", "t": -5, "v": 1.2}]
        self.send(json.dumps(pack))
        wait_until("two points", 15, lambda: self.world.db("SELECT count(*) FROM point")[0][0] == 2)
        rows = {m: (t, json.loads(g), json.loads(f)) for t, m, g, f in self.world.db(
            "SELECT ts_ms, measurement, tags, fields FROM point")}
        self.assertEqual(rows["urn:dev:ow:10e2073a0108006:voltage"],
                         (1790000000001, {"unit": "V"}, {"value": 120.1}))
        self.assertEqual(rows["urn:dev:ow:10e2073a0108006:current"],
                         (1789999995001, {"unit": "A"}, {"value": 1.2}))

    def test_bad_lines_are_counted_and_the_good_ones_beside_them_arrive(self):
        self.send("good v=1\nbad\nbad v=nan\ngood v=2\n,x v=1", "[{]")
        wait_until("two points", 15, lambda: len(self.points("good")) == 2)
        self.assertEqual(self.source("host"), {"points": 2, "dropped": 0, "invalid": 4})

    def test_whose_it_is_says_the_socket_not_the_text(self):
        image = self.push_actor()
        self.deploy(actor_pod("honest", "sample", 100, 5, image=image))
        wait_until("five points", 15, lambda: len(self.points("made")) == 5)
        self.send("made,workload=honest/main n=6i")
        wait_until("six points", 15, lambda: len(self.points("made")) == 6)
        self.assertEqual({tags["workload"] for _, tags, f in self.points("made")
                          if f["n"] < 6}, {"honest/main"})
        self.assertEqual(self.world.db("SELECT DISTINCT stream FROM batch WHERE kind = 'telec'"
                                       " ORDER BY stream"), [("honest",), ("host",)])

    def test_the_documented_format_is_what_travels(self):
        listener = Listener(self.world, f"{self.device.name}/up/telec/host")
        self.addCleanup(listener.close)
        # One datagram, so that one batch has all of them.
        self.send("\n".join(f"m,z=1,a=2 v={i / 10},k={i}i,b={'tf'[i % 2]},s=\"x{i}\",d={i * 1.1e-7} "
                            f"{1790000000000 + 1000 * i}000000" for i in range(50)))
        payload = listener.wait(f"{self.device.name}/up/telec/host")
        head, points = columns.decode(payload)
        self.assertEqual(head["buf"], self.device.status()["buffer"]["buf"])
        self.assertEqual(len(points), 50)
        for i, (t, measurement, tags, fields) in enumerate(points):
            self.assertEqual((t, measurement, tags), (1790000000000 + 1000 * i, "m",
                                                      {"a": "2", "z": "1"}))
            self.assertEqual(fields, {"v": i / 10, "k": i, "b": "tf"[i % 2] == "t", "s": f"x{i}",
                                      "d": i * 1.1e-7})
        wait_until("and what the hub made of it", 15, lambda: len(self.points("m")) == 50)
        self.assertEqual([f["d"] for _, _, f in self.points("m")], [i * 1.1e-7 for i in range(50)])

    def test_a_flood_is_dropped_and_counted_and_the_agent_answers(self):
        image = self.push_actor()
        self.deploy(actor_pod("flood", "flood", FLOOD_SECONDS, image=image, container_extra={
            "resources": {"limits": {"memory": "16Mi", "cpu": "1"}}}), phase=None)
        self.device.wait_state("flood/main", "running")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.assertIsNotNone(self.device.status())
        sent = int(self.device.wait_line("flood", r"sent (\d+)", 30).group(1))
        wait_until("all is accounted for", 20, lambda: sum(
            self.source("flood/main").get(k, 0) for k in ("points", "dropped")) == sent)
        # A sender that a busy machine slows down may stay below the limit.
        if sent > FLOOD_SECONDS * POINTS_PER_S + POINTS_BURST:
            self.assertGreater(self.source("flood/main")["dropped"], 0)

    def test_poison_is_refused_alone_and_kept_aside(self):
        # Another program claims to be a device and sends a batch with an empty field set.
        bad = {"v": 1, "dev": "x", "buf": "k3f9", "seq": 1, "pts": [{"t": 1, "m": "a", "f": {}}]}
        good = {"v": 1, "dev": "x", "buf": "k3f9", "seq": 2,
                "pts": [{"t": 1790000000000, "m": "a", "g": {"c": "1"}, "f": {"v": 1.5, "ok": True}}]}
        listener = Listener(self.world, "x/dn/ack")
        self.addCleanup(listener.close)
        self.world.publish("x/up/tele/main", bad)
        self.world.publish("x/up/tele/main", good)

        def answers():
            acks = [json.loads(payload) for payload in listener.find("x/dn/ack")]
            return ([pair for a in acks for pair in a["ok"]],
                    [pair for a in acks for pair in a.get("bad", [])])
        ok, refused = wait_until("both are answered", 20, lambda: (
            lambda found: found if all(found) else None)(answers()))
        self.assertEqual(ok, [[2, 2]])
        self.assertEqual(refused, [[1, "pts[0]: f is empty"]])
        self.assertEqual(self.points("a"), [(1790000000000, {"c": "1"}, {"v": 1.5, "ok": True})])

    def test_a_refused_batch_does_not_stop_the_queue(self):
        self.world.hub.kill()
        self.send("a v=1")
        wait_until("it waits", 15, lambda: self.device.status()["buffer"]["batches"] > 0)
        buf = self.device.status()["buffer"]["buf"]
        self.world.publish(f"{self.device.name}/dn/ack",
                           {"buf": buf, "ok": [], "bad": [[seq, "poison"] for seq in range(1, 9)]})
        wait_until("it is set aside", 10, lambda: self.device.status()["buffer"]["dead"] >= 1)
        self.world.publish(f"{self.device.name}/dn/ack", {"buf": "other", "ok": [[1, 99]]})
        self.world.publish(f"{self.device.name}/dn/ack", '{"buf":')
        self.world.start_hub()
        self.send("b v=1")
        wait_until("later ones arrive", 30, lambda: len(self.points("b")) == 1)


class Bounds(WorldTest):
    settings = {"outbox_quota": "256Ki", "telemetry_flush": "100ms"}

    def test_a_full_outbox_gives_up_the_oldest_telemetry_and_says_how_much(self):
        image = self.push_actor()
        self.deploy(actor_pod("sampler", "sample", 0, 30000, image=image))
        # What the hub has without the board knowing it would be counted twice below.
        wait_until("the samples are sent", 30, lambda: self.world.rows("made") == 30000)
        self.world.wait_drained(self.device)
        self.world.stop_broker()
        # Incompressible strings fill 256 KiB quickly.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            fd = os.open(self.device.run_dir, os.O_PATH | os.O_DIRECTORY)
            for i in range(400):
                s.sendto(f'fat s="{os.urandom(600).hex()}",n={i}i'.encode(),
                         f"/proc/self/fd/{fd}/telemetry.sock")
                time.sleep(0.005)
            os.close(fd)
        b = wait_until("something was dropped", 30, lambda: (
            lambda b: b if b["dropped"]["tele"] > 0 else None)(self.device.status()["buffer"]))
        self.assertLessEqual(b["bytes"], 256 * 1024)
        self.assertEqual(b["dropped"]["event"], 0)
        self.world.start_broker()
        self.device.wait_up()
        wait_until("the newest has arrived", 30, lambda: self.world.db(
            "SELECT 1 FROM point WHERE measurement = 'fat' AND json_extract(fields, '$.n') = 399"))
        self.world.wait_drained(self.device)
        # The newest are there, the oldest are not, and the count fits.
        numbers = [json.loads(f)["n"] for (f,) in self.world.db(
            "SELECT fields FROM point WHERE measurement = 'fat'")]
        self.assertIn(399, numbers)
        made = self.world.rows("made") + len(numbers)
        self.assertEqual(made + self.device.status()["buffer"]["dropped"]["tele"], 30400)


class OtherReaders(SenderTest):
    """No hub: whoever reads line protocol or JSON, and the broker's word is enough."""

    settings = {"telemetry_format": "line", "telemetry_flush": "300ms"}

    def listen(self, rest):
        """The first message that comes from now on; asked for when it is wanted."""
        topic = f"{self.device.name}/up/{rest}"
        listener = Listener(self.world, topic)
        self.addCleanup(listener.close)
        return lambda: listener.wait(topic).decode()

    def test_lines_leave_at_the_brokers_word_and_a_pod_may_choose_otherwise(self):
        self.world.wait_drained(self.device)
        self.world.hub.end()
        first = self.listen("line/host")
        self.send("batt,cell=1 volt=15.72,ok=t 1790000000000000000")
        self.assertEqual(first(), "batt,cell=1 volt=15.72,ok=t 1790000000000000000\n")
        # Nobody has said that it is stored; it has left all the same.
        wait_until("points have left", 10,
                   lambda: self.device.status()["buffer"]["batches"] == 0)

    def test_json_of_a_pod(self):
        pod = actor_pod("sampler", "sample", 20, 20, image=self.push_actor())
        pod["metadata"]["annotations"] = {"skerry.dev/telemetry-format": "json",
                                          "skerry.dev/telemetry-ack": "none",
                                          "skerry.dev/telemetry-priority": "high"}
        first = self.listen("tele/sampler")
        self.deploy(pod)
        document = json.loads(first())
        self.assertEqual(document["pts"][0]["m"], "made")
        self.assertEqual(document["pts"][0]["g"]["workload"], "sampler/main")
        wait_until("all 20 are in the hub's tables, too", 20, lambda: self.world.rows() == 20)

    def test_what_cannot_go_together_is_refused(self):
        pod = actor_pod("sampler", "wait", image="a@sha256:" + "0" * 64)
        pod["metadata"]["annotations"] = {"skerry.dev/telemetry-format": "json",
                                          "skerry.dev/telemetry-ack": "hub"}
        self.deploy(pod, phase=None)
        wait_until("it is refused", 10, lambda: any(
            e["reason"] == "Rejected" and "telemetry-ack" in e["message"]
            for e in self.device.status()["events"]))


class Budget(WorldTest):
    """A metered link: what is over the day's bytes waits, events do not."""

    settings = {"link_daily": "2Ki"}

    def test_telemetry_waits_for_the_next_day_and_an_event_does_not(self):
        image = self.push_actor()
        self.deploy(actor_pod("sampler", "sample", 100, 3000, image=image))
        wait_until("the day is spent", 30, lambda: (
            lambda b: b["spent"] >= b["daily"])(self.device.status()["buffer"]))
        wait_until("samples wait", 30, lambda: self.device.status()["buffer"]["batches"] >= 5)
        self.assertLess(self.world.rows("made"), 3000)
        board = self.world.cli("--run-dir", self.device.run_dir, "status", broker=False, check=0)
        self.assertIn("only events go until tomorrow", board.stdout)

        self.deploy(actor_pod("sampler", "sample", 100, 3000, image=image), actor_pod("other", "wait", image=image))
        wait_until("the events arrive all the same", 10, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'Available' AND object = 'generation/2'"))
        spent = self.device.status()["buffer"]["spent"]

        # A restart forgets a 64th of a day at most; whoever lifts the limit gets everything.
        self.device.kill()
        self.device.start().wait_up()
        self.assertGreaterEqual(self.device.status()["buffer"]["spent"], spent - 2048 / 64)
        self.device.stop()
        del self.device.settings["link_daily"]
        self.device.start().wait_up()
        wait_until("all samples are there", 60, lambda: self.world.rows("made") == 3000)


if __name__ == "__main__":
    main()
