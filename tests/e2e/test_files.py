"""Files from the outbox of a workload to the hub: whole, once, the most urgent first."""
import hashlib
import json
import os
import random
import time

import jsonschema

from skerry_test import WorldTest, actor_pod, main, wait_until


def with_outbox(pod, quota="64Mi"):
    pod["metadata"]["annotations"] = {"skerry.dev/outbox": quota}
    return pod


def content(i, size):
    return bytes((i * 31 + k // 7) % 251 for k in range(size))


class Files(WorldTest):
    def setUp(self):
        super().setUp()
        self.image = self.push_actor()
        self.depot = self.world.db_path + ".files"

    def leave(self, name, *args, quota="64Mi"):
        self.deploy(with_outbox(actor_pod(name, "leave", *args, image=self.image), quota))

    def arrived(self):
        return self.world.db("SELECT name, bytes, digest, path, pod FROM file ORDER BY rowid")

    def wait_arrived(self, count, seconds=60):
        wait_until(f"{count} files are at the hub", seconds, lambda: len(self.arrived()) == count)
        wait_until("the board has let go of them", 20, lambda: not self.waiting() and not self.spool())
        return self.arrived()

    def check_whole(self, rows, size):
        for name, size_told, digest, path, _ in rows:
            with open(os.path.join(self.depot, path), "rb") as f:
                got = f.read()
            i = int(name[len("photo-"):-len(".jpg")])
            self.assertEqual(got, content(i, size), name)
            self.assertEqual((size_told, digest),
                             (size, "sha256:" + hashlib.sha256(got).hexdigest()))

    def waiting(self):
        return self.device.status().get("files", {}).get("waiting", 0)

    def spool(self):
        return [f for _, _, files in os.walk(os.path.join(self.device.state_dir, "spool"))
                for f in files]

    def test_a_file_arrives_as_it_was_and_leaves_the_board(self):
        self.leave("camera", 3, 300_000, 10)
        rows = self.wait_arrived(3)
        self.check_whole(rows, 300_000)
        self.assertEqual({pod for *_, pod in rows}, {"camera"})
        wait_until("the spool is empty", 10, lambda: not self.spool())
        files = self.device.status()["files"]
        self.assertEqual((files["sent"], files["waiting"], files["dropped"]), (3, 0, 0))
        self.assertIn("photo-0002.jpg", self.world.cli("files", "camera", check=0).stdout)
        rows = json.loads(self.world.cli("files", "-o", "json", check=0).stdout)
        with open(os.path.join(os.path.dirname(__file__), "../../docs/schema/files.json")) as f:
            jsonschema.validate(rows, json.load(f))
        self.assertEqual(len(rows), 3)

    def test_an_empty_one_too(self):
        self.leave("camera", 1, 0, 10)
        self.check_whole(self.wait_arrived(1), 0)

    def test_what_is_not_finished_stays(self):
        self.leave("camera", 1, 10, 10)
        self.wait_arrived(1)
        box = os.path.join(self.device.state_dir, "outbox", "camera")
        with open(os.path.join(box, ".half"), "w") as f:
            f.write("half")
        time.sleep(1)
        self.assertIn(".half", os.listdir(box))
        os.rename(os.path.join(box, ".half"), os.path.join(box, "whole"))
        self.wait_arrived(2)

    def test_urgent_before_normal_before_bulk_and_the_newest_first(self):
        self.leave("camera", 1, 10, 10)
        self.wait_arrived(1)
        self.world.hub.end()  # so that all of them wait
        box = os.path.join(self.device.state_dir, "outbox", "camera")
        for i, (folder, name) in enumerate([("bulk", "b-old"), ("bulk", "b-new"), (".", "n-old"),
                                            (".", "n-new"), ("urgent", "u-old"),
                                            ("urgent", "u-new")]):
            path = os.path.join(box, folder, "." + name)  # not taken before it has its time
            with open(path, "w") as f:
                f.write(name)
            os.utime(path, (1_790_000_000 + i, 1_790_000_000 + i))
            os.rename(path, os.path.join(box, folder, name))
        wait_until("all six wait", 20, lambda: self.waiting() == 6)
        self.world.start_hub()
        names = [row[0] for row in self.wait_arrived(7)][1:]
        self.assertEqual(names[-5:], [n for n in ["u-new", "u-old", "n-new", "n-old", "b-new",
                                                  "b-old"] if n != names[0]])

    def test_500_files_over_20_cuts_arrive_whole_and_once(self):
        relay = self.world.use_relay()
        self.device.stop()
        self.device.settings["broker"] = self.world.broker_url()
        self.device.start().wait_up()
        self.leave("camera", 500, 20_000, 5)
        chance = random.Random(7)
        for i in range(20):
            time.sleep(chance.uniform(0.05, 0.4))
            if i % 5 == 4:
                self.device.kill()
                self.device.start()
            elif i % 5 == 2:
                self.world.hub.kill()
                self.world.start_hub()
            else:
                relay.cut()
        rows = self.wait_arrived(500, 180)
        self.check_whole(rows, 20_000)
        wait_until("the spool is empty", 10, lambda: not self.spool())
        self.assertEqual(len(set(row[3] for row in rows)), 500)

    def test_a_wrong_block_is_found_out_and_sent_again(self):
        self.leave("camera", 1, 10, 10)
        self.wait_arrived(1)
        self.world.hub.end()
        box = os.path.join(self.device.state_dir, "outbox", "camera")
        data = os.urandom(400_000)
        with open(os.path.join(box, "video"), "wb") as f:
            f.write(data)
        wait_until("it waits", 10, lambda: self.waiting() == 1)
        # What had come before the hub ended is not what was sent.
        parts = os.path.join(self.depot, ".parts")
        identity = hashlib.sha256(f"camera/{self.spool()[0]}".encode()).hexdigest()[:32]
        with open(os.path.join(parts, f"main.{self.device.name}.{identity}"), "wb") as f:
            f.write(bytes(100_000))
        self.world.start_hub()
        path = self.wait_arrived(2)[1][3]
        with open(os.path.join(self.depot, path), "rb") as f:
            self.assertEqual(f.read(), data)
        self.assertIn("its digest is", self.world.hub.log())

    def test_more_than_the_quota_the_oldest_bulk_goes_first_and_is_told(self):
        self.leave("camera", 1, 10, 10, quota="1Mi")
        self.wait_arrived(1)
        self.world.hub.end()
        box = os.path.join(self.device.state_dir, "outbox", "camera")
        for name, folder in [("a-bulk", "bulk"), ("b-normal", "."), ("c-normal", "."),
                             ("d-urgent", "urgent")]:
            with open(os.path.join(box, folder, name), "wb") as f:
                f.write(bytes(400_000))
            wait_until(f"{name} is taken", 10, lambda n=name: any(n in f for f in self.spool())
                       or self.device.status()["files"]["dropped"])
            time.sleep(0.1)
        wait_until("two are given up", 10,
                   lambda: self.device.status()["files"]["dropped"] == 2)
        self.assertEqual(sorted(f[-8:] for f in self.spool()), ["d-urgent", "c-normal"][::-1])
        self.world.start_hub()
        wait_until("the cloud knows", 30, lambda: len(self.world.db(
            "SELECT 1 FROM event WHERE reason = 'FileDropped' AND object = 'camera'")) == 2)

    def test_links_and_sockets_are_not_followed_but_told(self):
        self.leave("camera", 1, 10, 10)
        self.wait_arrived(1)
        box = os.path.join(self.device.state_dir, "outbox", "camera")
        os.symlink("/etc/shadow", os.path.join(box, "link"))
        os.mkfifo(os.path.join(box, "pipe"))
        with open(os.path.join(box, "good"), "w") as f:
            f.write("good")
        self.wait_arrived(2)
        wait_until("it is told", 20, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'FileRefused'"))
        self.assertEqual(sorted(os.listdir(box)), ["bulk", "link", "pipe", "urgent"])

    def test_what_a_pod_leaves_behind_is_still_carried_and_its_outbox_goes(self):
        self.leave("camera", 1, 10, 10)
        self.wait_arrived(1)
        self.world.hub.end()
        box = os.path.join(self.device.state_dir, "outbox", "camera")
        with open(os.path.join(box, "last"), "w") as f:
            f.write("last")
        self.deploy()
        wait_until("the outbox is gone", 20, lambda: not os.path.exists(box))
        self.world.start_hub()
        self.wait_arrived(2)


if __name__ == "__main__":
    main()
