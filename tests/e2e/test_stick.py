"""A board that no link reaches: its backlog and its files travel on a stick."""
import json
import os
import shutil

from skerry_test import WorldTest, actor_pod, main, wait_until


class Stick(WorldTest):
    def setUp(self):
        super().setUp()
        self.image = self.push_actor()
        self.stick = os.path.join(self.world.folder, "stick")
        os.mkdir(self.stick)
        self.config = os.path.join(self.device.folder, "skerryd.conf")
        self.depot = self.world.db_path + ".files"

    def fill(self):
        """50 samples and three files that only the board has."""
        camera = actor_pod("camera", "leave", 3, 100_000, 10, image=self.image)
        camera["metadata"]["annotations"] = {"skerry.dev/outbox": "8Mi"}
        calm = actor_pod("calm", "wait", image=self.image)
        self.deploy(calm)
        self.world.wait_drained(self.device)
        self.world.hub.end()
        self.deploy(actor_pod("sampler", "sample", 50, 50, image=self.image), camera,
                    calm)
        wait_until("50 samples are taken", 20, lambda: self.sources() >= 50)
        wait_until("three files wait", 20, lambda: self.waiting() == 3)
        # The last that they say is kept, so that the backlog stays as it is.
        self.device.wait_line("sampler", "made 50")
        self.device.wait_line("camera", "all left")
        self.device.ask({"verb": "flush"})

    def sources(self):
        found = self.device.status()["buffer"]["sources"].get("sampler/main", {})
        return found.get("points", 0)

    def waiting(self):
        return self.device.status().get("files", {}).get("waiting", 0)

    def export(self, check=0):
        return self.world.cli("export", self.stick, "--config", self.config, "--run-dir",
                              self.device.run_dir, check=check)

    def exports(self):
        return sorted(os.path.join(self.stick, d) for d in os.listdir(self.stick)
                      if os.path.isdir(os.path.join(self.stick, d)))

    def do_import(self, check=0):
        return self.world.cli("import", self.stick, check=check)

    def counts(self):
        return [self.world.db(f"SELECT count(*) FROM {t}")[0][0]
                for t in ("point", "event", "log", "file")]

    def test_the_same_rows_as_over_the_link_and_each_once(self):
        self.fill()
        self.export()
        waiting = self.device.status()["buffer"]["batches"]
        with open(os.path.join(self.exports()[0], "manifest.json")) as f:
            manifest = json.load(f)
        self.assertEqual((manifest["device"], manifest["letters"], manifest["files"]),
                         (self.device.name, waiting, 3))
        self.assertIn("3 files", self.do_import().stdout)
        self.assertEqual(self.world.rows(), 50)
        brought = self.counts()
        # A second time changes nothing, nor does the link.
        self.do_import()
        self.assertEqual(self.counts(), brought)
        self.world.start_hub()
        self.world.wait_drained(self.device)
        wait_until("the files are known", 20, lambda: self.waiting() == 0)
        self.assertEqual(self.counts()[0], brought[0])
        self.assertEqual(self.counts()[3], 3)
        self.assertEqual(self.world.db("SELECT count(*), count(DISTINCT seq) FROM batch WHERE"
                                       " buf = ?", manifest["buf"])[0][0],
                         self.world.db("SELECT count(DISTINCT seq) FROM batch WHERE buf = ?",
                                       manifest["buf"])[0][0])
        for name, path in self.world.db("SELECT name, path FROM file"):
            i = int(name[len("photo-"):-len(".jpg")])
            with open(os.path.join(self.depot, path), "rb") as f:
                self.assertEqual(f.read(), bytes((i * 31 + k // 7) % 251
                                                 for k in range(100_000)))

    def test_the_stick_brings_back_what_the_board_may_forget(self):
        self.fill()
        self.export()
        self.do_import()
        self.assertIn("were handed to the agent", self.export().stdout)
        self.assertEqual(self.waiting(), 0)
        wait_until("the board has let go", 10,
                   lambda: self.device.status()["buffer"]["batches"] <= 1)
        self.assertEqual(len(self.exports()), 1)  # the new one; what was brought is gone

    def test_an_agent_that_does_not_run_loses_nothing(self):
        self.fill()
        self.device.ask({"verb": "flush"})
        self.device.kill()
        self.export()
        self.do_import()
        self.assertEqual(self.world.rows(), 50)
        self.assertIn("was not handed to the agent", self.export().stderr)
        self.assertEqual(len(self.exports()), 2)

    def test_what_was_changed_on_the_way_is_refused_and_nothing_is_kept(self):
        self.fill()
        self.export()
        (folder,) = self.exports()
        for name in ("letters", "index"):
            path = os.path.join(folder, name)
            shutil.copy(path, path + ".good")
            with open(path, "r+b") as f:
                f.seek(10)
                f.write(b"X")
            done = self.do_import(check=1)
            self.assertIn("is not what was exported", done.stderr)
            os.replace(path + ".good", path)
        photo = os.path.join(folder, "files", sorted(os.listdir(folder + "/files"))[0])
        with open(photo, "r+b") as f:
            f.write(b"X")
        self.assertIn("its digest is", self.do_import(check=1).stderr)
        self.assertNotIn((os.path.basename(photo),), self.world.db("SELECT id FROM file"))
        self.assertFalse(os.path.exists(os.path.join(folder, "receipt")))

    def test_whose_it_is_says_a_signature(self):
        self.fill()
        for name in ("board", "other"):
            self.world.cli("key", "new", name, check=0)
        self.export()
        self.assertIn("is not signed", self.world.cli("import", self.stick, "--public",
                                                      "board.pub.pem", check=5).stderr)
        shutil.rmtree(self.exports()[0])
        self.world.cli("export", self.stick, "--config", self.config, "--run-dir",
                       self.device.run_dir, "--sign", "board.pem", check=0)
        self.assertIn("none of the keys", self.world.cli("import", self.stick, "--public",
                                                         "other.pub.pem", check=5).stderr)
        (folder,) = self.exports()
        manifest = os.path.join(folder, "manifest.json")
        with open(manifest) as f:
            good = f.read()
        with open(manifest, "w") as f:
            f.write(good.replace(self.device.name, "someone-else"))
        self.world.cli("import", self.stick, "--public", "board.pub.pem", check=5)
        with open(manifest, "w") as f:
            f.write(good)
        self.assertEqual(self.world.rows(), 0)
        self.world.cli("import", self.stick, "--public", "other.pub.pem", "--public", "board.pub.pem",
                       check=0)
        self.assertEqual(self.world.rows(), 50)

    def test_wrong_places_are_told(self):
        self.assertIn("is not there", self.world.cli(
            "export", "/nowhere", "--config", self.config, check=3).stderr)
        self.assertIn("nothing in", self.do_import(check=3).stderr)
        self.world.cli("export", check=2)
        self.world.cli("import", check=2)

    def test_only_root_may_have_the_board_forget(self):
        self.fill()
        answer = self.device.ask({"verb": "receipt"})
        self.assertIn("receipt is missing", answer["error"])
        before = self.device.status()["buffer"]["batches"]
        self.device.ask({"verb": "receipt", "receipt": {"buf": "other", "ok": [[1, 10 ** 9]]}})
        self.assertEqual(self.device.status()["buffer"]["batches"], before)


if __name__ == "__main__":
    main()
