"""Artifacts: fetched block by block, verified, unpacked without leaving the root."""
import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile

from skerry_test import ACTOR, WorldTest, actor_pod, main, wait_until


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def diff_id(data):
    """Of a layer; of something that is none, anything."""
    try:
        return digest(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except (OSError, EOFError):
        return digest(data)


def layer(*entries):
    """A gzip-compressed tar of (name, content or TarInfo changes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, change in entries:
            info = tarfile.TarInfo(name)
            data = b""
            if isinstance(change, bytes):
                data = change
            else:
                for key, value in change.items():
                    setattr(info, key, value)
            info.size = len(data)
            info.mode = 0o755
            t.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


class Layout:
    """An OCI image layout on disk, as other tools would have written it."""

    def __init__(self, folder, *layers, architecture=None, diff_ids=None, sizes=None):
        self.folder = folder
        os.makedirs(os.path.join(folder, "blobs/sha256"), exist_ok=True)
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "arm")
        config = self.put(json.dumps({"architecture": architecture or machine, "os": "linux",
                                      "rootfs": {"type": "layers", "diff_ids":
                                                 diff_ids or [diff_id(data) for data in layers]},
                                      "config": {"Cmd": ["/actor", "wait"],
                                                 "Env": ["FROM_IMAGE=yes"]}}).encode())
        manifest = self.put(json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                        **self.put(data), **({"size": size} if size else {})}
                       for data, size in zip(layers, sizes or [None] * len(layers))]}).encode())
        self.digest = manifest["digest"]
        self.write("index.json", json.dumps({"schemaVersion": 2, "manifests": [
            {"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest}]}).encode())
        self.write("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')

    def write(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as f:
            f.write(data)

    def put(self, data):
        self.write("blobs/sha256/" + digest(data)[7:], data)
        return {"digest": digest(data), "size": len(data)}


def actor_bytes():
    with open(os.path.join(ACTOR, "actor"), "rb") as f:
        return f.read()


class Fetching(WorldTest):
    def big_image(self, mebibytes=6):
        path = os.path.join(self.world.folder, "big")
        os.makedirs(path)
        with open(os.path.join(path, "random"), "wb") as f:
            f.write(os.urandom(mebibytes << 20))
        with open(os.path.join(path, "actor"), "wb") as f:
            f.write(actor_bytes())
        os.chmod(os.path.join(path, "actor"), 0o755)
        return "big@" + self.world.cli("push", path, check=0).stdout.strip()

    def arrived(self):
        folder = os.path.join(self.device.state_dir, "blobs")
        parts = [f for f in os.listdir(folder) if f.endswith(".part")]
        return max([os.path.getsize(os.path.join(folder, f)) for f in parts] or [0])

    def test_a_transfer_that_was_cut_goes_on_where_it_was(self):
        image = self.big_image()
        relay = self.world.use_relay()
        self.device.stop()
        self.device.settings["broker"] = self.world.broker_url()
        relay.bytes_per_s = 4 << 20
        self.device.start().wait_up()
        self.world.send_desired(self.device, 1, [actor_pod("big", "wait", image=image)])
        wait_until("a part has arrived", 20, lambda: self.arrived() > 1 << 20)
        relay.blocked = True
        relay.cut()
        wait_until("the link is down", 10,
                   lambda: not self.device.status()["link"]["up"])
        before = self.arrived()
        self.device.kill()
        self.device.start().wait_ready()
        self.assertEqual(self.arrived(), before)
        passed = relay.passed
        relay.blocked = False
        relay.bytes_per_s = 0
        self.device.wait_phase("Available", 1, 90)
        # What had arrived was not sent again: less than the whole passed, plus a window.
        self.assertLess(relay.passed - passed, (6 << 20) - before + 12 * 65536)
        self.assertEqual(self.device.workload("big/main")["state"], "running")

    def test_wrong_bytes_never_run(self):
        image = self.big_image(1)
        folder = self.world.db_path + ".blobs"
        layer_file = max((os.path.join(folder, f) for f in os.listdir(folder)),
                         key=os.path.getsize)
        with open(layer_file, "r+b") as f:
            f.seek(1000)
            f.write(b"XXXX")
        self.world.send_desired(self.device, 1, [actor_pod("big", "wait", image=image)])
        wait_until("it is told", 30, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'FetchFailed' AND message LIKE '%arrived as%'"))
        self.assertEqual(self.device.status()["phase"], "Downloading")
        self.assertEqual(self.device.status()["workloads"], {})

    def test_a_truncated_blob_never_runs(self):
        image = self.big_image(1)
        folder = self.world.db_path + ".blobs"
        layer_file = max((os.path.join(folder, f) for f in os.listdir(folder)),
                         key=os.path.getsize)
        os.truncate(layer_file, 500000)
        self.world.send_desired(self.device, 1, [actor_pod("big", "wait", image=image)])
        wait_until("it is told", 30, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'FetchFailed' AND message LIKE '%arrived as%'"))
        self.assertEqual(self.device.status()["workloads"], {})

    def test_what_the_hub_has_not_got_is_waited_for_and_the_old_state_runs_on(self):
        image = self.push_actor()
        self.deploy(actor_pod("old", "wait", image=image))
        pid = self.device.pid("old/main")
        missing = "x@sha256:" + "0" * 64
        self.deploy(actor_pod("old", "wait", image=missing), phase=None)
        wait_until("it is told", 20, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'FetchFailed'"))
        self.assertEqual(self.device.status()["phase"], "Downloading")
        self.assertEqual(self.device.pid("old/main"), pid)
        # A later generation takes its place.
        self.deploy(actor_pod("old", "wait", image=image))
        self.assertEqual(self.device.pid("old/main"), pid)


class Layouts(WorldTest):
    def smuggle(self, *layers, **more):
        """Onto the hub without a desk that would have looked at it."""
        layout = Layout(tempfile.mkdtemp(dir=self.world.folder), *layers, **more)
        folder = self.world.db_path + ".blobs"
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(os.path.join(layout.folder, "blobs/sha256")):
            shutil.copy(os.path.join(layout.folder, "blobs/sha256", name), folder)
        return "layout@" + layout.digest

    def rejected(self, generation, image):
        """The board's reason to refuse an image."""
        self.world.send_desired(self.device, generation, [actor_pod("evil", "wait", image=image)])
        return wait_until(f"{generation} is rejected", 20, lambda: (
            lambda c: c["message"] if c and c.get("generation") == generation else None)(
                self.device.condition("Rejected")))

    def push(self, *layers, **more):
        layout = Layout(os.path.join(self.world.folder, f"layout{len(os.listdir(self.world.folder))}"),
                        *layers, **more)
        done = self.world.cli("push", layout.folder, check=0)
        self.assertEqual(done.stdout.strip(), layout.digest)
        return "layout@" + layout.digest

    def test_the_image_says_how_to_run_it(self):
        image = self.push(layer(("actor", actor_bytes())))
        p = actor_pod("plain", image=image)
        del p["spec"]["containers"][0]["command"]
        self.deploy(p)
        self.device.wait_line("plain", "waiting")
        with open(f"/proc/{self.device.pid('plain/main')}/environ", "rb") as f:
            environment = f.read().split(b"\0")
        self.assertIn(b"FROM_IMAGE=yes", environment)
        self.assertIn(b"SKERRY_WORKLOAD=plain/main", environment)

    def test_upper_layers_replace_and_delete(self):
        image = self.push(layer(("actor", b"not a program"), ("gone/file", b"x"), ("kept", b"x")),
                          layer(("actor", actor_bytes()), ("gone/.wh.file", b"")))
        self.deploy(actor_pod("layers", "wait", image=image))
        root = os.path.join(self.device.state_dir, "images", image.split(":")[1], "rootfs")
        self.assertTrue(os.path.exists(os.path.join(root, "kept")))
        self.assertFalse(os.path.exists(os.path.join(root, "gone/file")))

    def test_hostile_layers_are_refused_with_a_sentence_and_touch_nothing(self):
        outside = os.path.join(self.device.state_dir, "canary")
        with open(outside, "w") as f:
            f.write("untouched")
        link = tarfile.SYMTYPE
        cases = [
            ([layer(("../canary", b"evil"))], "leaves the image"),
            ([layer(("a/../../canary", b"evil"))], "leaves the image"),
            ([layer(("/etc/evil", b"evil"))], "absolute"),
            ([layer(("dev", {"type": link, "linkname": "/tmp"}))], "must be a folder"),
            ([layer(("node", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 1}))],
             "neither file, folder nor link"),
            ([layer(("hard", {"type": tarfile.LNKTYPE, "linkname": "../../../canary"}))],
             "leaves the image"),
            ([layer(("x", b"")), layer((".wh...", b""))], "whiteout of nothing"),
            ([layer(("x", b"")), layer((".wh..", b""))], "whiteout of nothing"),
            ([layer(("/".join(["d"] * 60), b"deep"))], "too deep"),
            ([b"this is no archive at all"], "archive"),
        ]
        for generation, (layers, reason) in enumerate(cases, 1):
            with self.subTest(reason):
                image = self.push(*layers)
                self.world.send_desired(self.device, generation,
                                        [actor_pod("evil", "wait", image=image)])
                c = wait_until(f"Rejected: {reason}", 20, lambda: (
                    lambda c: c if c and c.get("generation") == generation else None)(
                        self.device.condition("Rejected")))
                self.assertIn(reason, c["message"])
        with open(outside) as f:
            self.assertEqual(f.read(), "untouched")
        self.assertEqual(self.device.status()["workloads"], {})

    def test_a_layer_that_is_not_what_its_configuration_says_never_runs(self):
        good = layer(("actor", actor_bytes()))
        image = self.smuggle(good, diff_ids=["sha256:" + "0" * 64])
        self.assertIn("its configuration says sha256:00", self.rejected(1, image))
        # What stands behind the end of the archive is part of the layer too.
        more = gzip.compress(gzip.decompress(good) + b"x" * 4096, mtime=0)
        image = self.smuggle(more, diff_ids=[diff_id(good)])
        self.assertIn("its configuration says", self.rejected(2, image))
        image = self.smuggle(good, diff_ids=[diff_id(good)] * 2)
        self.assertIn("1 layers, but 2 diff_ids", self.rejected(3, image))
        self.deploy_after(3, self.smuggle(more))

    def deploy_after(self, generation, image):
        self.generation = generation
        self.deploy(actor_pod("good", "wait", image=image))
        self.device.wait_line("good", "waiting")

    def test_a_size_that_is_not_the_blobs_never_runs(self):
        good = layer(("actor", actor_bytes()))
        for generation, size in enumerate((len(good) - 1, len(good) + 1), 1):
            image = self.smuggle(good, sizes=[size])
            self.assertIn(f"its manifest says {size}", self.rejected(generation, image))

    def test_a_link_out_of_the_image_leads_back_into_it(self):
        target = os.path.join(self.device.state_dir, "elsewhere")
        os.makedirs(target)
        image = self.push(layer(("way", {"type": tarfile.SYMTYPE, "linkname": target}),
                                ("actor", actor_bytes())),
                          layer(("way/written", b"evil")))
        self.world.send_desired(self.device, 1, [actor_pod("link", "wait", image=image)])
        wait_until("an answer", 20, lambda: self.device.status()["phase"] == "Available" or
                   self.device.condition("Rejected"))
        self.assertEqual(os.listdir(target), [])

    def test_set_user_id_bits_are_dropped(self):
        image = self.push(layer(("actor", actor_bytes())))
        self.deploy(actor_pod("suid", "wait", image=image))
        root = os.path.join(self.device.state_dir, "images", image.split(":")[1], "rootfs")
        self.assertEqual(os.stat(os.path.join(root, "actor")).st_mode & 0o7777, 0o755)

    def test_an_image_for_another_machine_is_refused(self):
        image = self.push(layer(("actor", actor_bytes())), architecture="mips")
        self.world.send_desired(self.device, 1, [actor_pod("mips", "wait", image=image)])
        c = wait_until("Rejected", 20, lambda: self.device.condition("Rejected"))
        self.assertIn("it is for mips", c["message"])

    def test_our_own_program_is_not_given_to_an_image(self):
        image = self.push(layer(("run", {"type": tarfile.SYMTYPE, "linkname": "/proc/self/exe"})))
        p = actor_pod("self", image=image)
        p["spec"]["containers"][0]["command"] = ["/run"]
        self.world.send_desired(self.device, 1, [p])
        wait_until("it does not start", 20, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'FailedStart'") or
            self.device.condition("Rejected"))


if __name__ == "__main__":
    main()
