"""Artifacts: fetched block by block, verified, unpacked without leaving the root."""
import gzip
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import unittest

from skerry_test import (ACTOR, BIN, SANITIZED, World, WorldTest, actor_pod, is_running,
                         main, pod, wait_until)


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def machine():
    """Ours, as OCI calls it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "arm")


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
            info.mode = 0o755
            data = b""
            if isinstance(change, bytes):
                data = change
            else:
                data = change.get("data", b"")
                for key, value in change.items():
                    if key != "data":
                        setattr(info, key, value)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


class Layout:
    """An OCI image layout on disk, as other tools would have written it."""

    TYPES = ("application/vnd.oci.image.manifest.v1+json",
             "application/vnd.oci.image.config.v1+json",
             "application/vnd.oci.image.layer.v1.tar+gzip")

    def __init__(self, folder, *layers, architecture=None, diff_ids=None, sizes=None, types=TYPES,
                 config=None, more=None, document=None):
        self.folder = folder
        os.makedirs(os.path.join(folder, "blobs/sha256"), exist_ok=True)
        config = self.put(json.dumps({"architecture": architecture or machine(), "os": "linux",
                                      "rootfs": {"type": "layers", "diff_ids":
                                                 diff_ids or [diff_id(data) for data in layers]},
                                      "config": {"Cmd": ["/actor", "wait"],
                                                 "Env": ["FROM_IMAGE=yes"], **(config or {})}}).encode())
        manifest = self.put(json.dumps({
            "schemaVersion": 2, "mediaType": types[0],
            "config": {"mediaType": types[1], **config},
            "layers": [{"mediaType": types[2], **self.put(data),
                        **({"size": size} if size else {}), **(more or {})}
                       for data, size in zip(layers, sizes or [None] * len(layers))],
            **(document or {})}).encode())
        self.digest = manifest["digest"]
        self.write("index.json", json.dumps({"schemaVersion": 2, "manifests": [
            {"mediaType": types[0], **manifest}]}).encode())
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
        sizes = [0]
        for name in [f for f in os.listdir(folder) if f.endswith(".part")]:
            try:
                sizes.append(os.path.getsize(os.path.join(folder, name)))
            except FileNotFoundError:
                pass  # it is whole by now
        return max(sizes)

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


OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."


class Desk(unittest.TestCase):
    """What `skerry pack` takes; no broker, no board."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.layer = layer(("actor", actor_bytes()))

    def path(self, name):
        return os.path.join(self.world.folder, name)

    def pack(self, path, *options, check=0):
        return self.world.cli("pack", path, *options, broker=False, check=check)

    def packs(self, path, *options):
        return self.pack(path, *options).stdout.strip()

    def refuses(self, path, reason, *options, check=2):
        done = self.pack(path, *options, check=check)
        self.assertIn(reason, done.stderr)
        self.assertEqual(done.stdout, "")

    def layout(self, name, architecture=None, *layers, **more):
        return Layout(self.path(name), *(layers or [self.layer]), architecture=architecture, **more)

    def tar(self, folder, name=None, mode="w"):
        """A folder as a plain tar, names with ./ in front as tar(1) writes them."""
        path = self.path(name or os.path.basename(folder) + ".tar")
        with tarfile.open(path, mode) as t:
            t.add(folder, arcname=".")
        return path

    def several(self, name, *images, nested=0, kind=OCI + "manifest.v1+json"):
        """One layout of several (architecture, variant, size of its random file)."""
        folder, entries, digests = self.path(name), [], []
        for n, (architecture, variant) in enumerate(images):
            one = Layout(folder, layer(("file", str(n).encode())), architecture=architecture)
            size = os.path.getsize(os.path.join(folder, "blobs/sha256", one.digest[7:]))
            entries.append({"mediaType": kind, "digest": one.digest, "size": size,
                            "platform": {"os": "linux", "architecture": architecture,
                                         **({"variant": variant} if variant else {})}})
            digests.append(one.digest)
        for _ in range(nested):
            data = json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json",
                               "manifests": entries}).encode()
            entries = [{"mediaType": OCI + "index.v1+json", **one.put(data)}]
        one.write("index.json", json.dumps({"schemaVersion": 2, "manifests": entries}).encode())
        return folder, digests

    def test_a_layout_is_taken_as_it_is_folder_or_tar(self):
        made = self.layout("layout")
        self.assertEqual(self.packs(made.folder), made.digest)
        self.assertEqual(self.packs(self.tar(made.folder)), made.digest)
        self.assertEqual(self.packs(self.tar(made.folder, "x.tar.gz", "w:gz")), made.digest)

    def test_an_index_gives_the_image_of_the_architecture(self):
        folder, (amd64, arm64, v6, v7) = self.several(
            "several", ("amd64", None), ("arm64", "v8"), ("arm", "v6"), ("arm", "v7"))
        for path in (folder, self.tar(folder)):
            self.assertEqual(self.packs(path, "--arch", "amd64"), amd64)
            self.assertEqual(self.packs(path, "--arch", "arm64"), arm64)
            self.assertEqual(self.packs(path, "--arch", "arm"), v7)
            self.refuses(path, "no image for riscv64; there are: amd64, arm64/v8, arm/v6, arm/v7",
                         "--arch", "riscv64")
            self.refuses(path, "choose one with --arch")

    def test_an_index_inside_an_index_is_followed_but_not_for_ever(self):
        folder, (amd64, _) = self.several("two", ("amd64", None), ("arm64", None), nested=2)
        self.assertEqual(self.packs(folder, "--arch", "amd64"), amd64)
        folder, _ = self.several("three", ("amd64", None), nested=3)
        self.refuses(folder, "more than 3 indexes inside one another")

    def test_an_index_that_contains_itself_is_refused(self):
        made = self.layout("loop")
        # No index can name its own digest; one that claims to is not what its name says.
        name = "sha256:" + "5" * 64
        entry = {"mediaType": OCI + "index.v1+json", "digest": name, "size": 100}
        text = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
        made.write("index.json", text)
        made.write("blobs/sha256/" + name[7:], text)
        self.refuses(made.folder, "is not what its name says", check=1)

    def saved(self, name, *layers, images=1, links=False):
        """What docker save wrote before it had index.json."""
        config = json.dumps({"architecture": machine(), "os": "linux", "config": {},
                             "rootfs": {"type": "layers",
                                        "diff_ids": [digest(data) for data in layers]}}).encode()
        entries = [("config.json", config)]
        names = []
        for n, data in enumerate(layers):
            names.append(f"layer{n}/layer.tar")
            entries.append((names[-1], data))
        manifest = [{"Config": "config.json", "RepoTags": ["a:b"], "Layers": names}] * images
        entries.append(("manifest.json", json.dumps(manifest).encode()))
        with open(self.path(name), "wb") as f:
            f.write(gzip.decompress(layer(*entries)))
        return self.path(name)

    def test_what_docker_save_wrote_of_old_becomes_an_image(self):
        plain = gzip.decompress(self.layer)
        path = self.saved("saved.tar", plain, gzip.decompress(layer(("second", b"2"))))
        named = self.packs(path)
        self.packs(path, "-o", self.path("out"))
        self.assertEqual(self.packs(self.path("out")), named)
        blobs = os.path.join(self.path("out"), "blobs/sha256")
        with open(os.path.join(blobs, named[7:])) as f:
            manifest = json.load(f)
        self.assertEqual([m["mediaType"] for m in manifest["layers"]],
                         [OCI + "layer.v1.tar+gzip"] * 2)
        with open(os.path.join(blobs, manifest["layers"][0]["digest"][7:]), "rb") as f:
            self.assertEqual(gzip.decompress(f.read()), plain)
        self.refuses(self.saved("two.tar", plain, images=2), "one image is expected, it has 2")

    def test_what_docker_save_writes_today_is_a_layout(self):
        made = self.layout("today", None, gzip.decompress(self.layer))
        made.write("manifest.json", b'[{"Config":"x","RepoTags":null,"Layers":["y"]}]')
        self.assertEqual(self.packs(self.tar(made.folder)), made.digest)

    def test_dockers_media_types_are_known(self):
        made = self.layout("docker", types=(DOCKER + "distribution.manifest.v2+json",
                                            DOCKER + "container.image.v1+json",
                                            DOCKER + "image.rootfs.diff.tar.gzip"))
        self.assertEqual(self.packs(made.folder), made.digest)

    def test_what_skopeo_writes_is_read(self):
        if not shutil.which("skopeo"):
            self.skipTest("needs skopeo")
        made = self.layout("layout")

        def copy(to, *options):
            subprocess.run(["skopeo", "--insecure-policy", "copy", *options,
                            "oci:" + made.folder, to], check=True, capture_output=True)
        copy("oci-archive:" + self.path("a.tar"))
        self.assertEqual(self.packs(self.path("a.tar")), made.digest)
        copy("docker-archive:" + self.path("d.tar") + ":some/name:tag")
        self.packs(self.path("d.tar"))
        copy("oci-archive:" + self.path("z.tar"), "--dest-compress", "--dest-compress-format",
             "zstd")
        self.packs(self.path("z.tar"))

    def test_what_is_not_as_its_documents_say_is_refused(self):
        made = self.layout("wrong-id", diff_ids=["sha256:" + "1" * 64])
        self.refuses(made.folder, "its configuration says sha256:111", check=1)
        made = self.layout("wrong-size", sizes=[7])
        self.refuses(made.folder, "its descriptor says 7", check=1)
        made = self.layout("flipped")
        largest = max(os.listdir(made.folder + "/blobs/sha256"), key=lambda n: os.path.getsize(
            os.path.join(made.folder, "blobs/sha256", n)))
        with open(os.path.join(made.folder, "blobs/sha256", largest), "r+b") as f:
            f.seek(100)
            f.write(b"\xff\x00")
        self.refuses(made.folder, "is not what its name says", check=1)
        self.refuses(self.tar(made.folder), "is not what its name says", check=1)

    def test_a_document_with_layers_and_manifests_is_refused(self):
        made = self.layout("both")
        with open(os.path.join(made.folder, "index.json")) as f:
            index = json.load(f)
        made.write("index.json", json.dumps({**index, "layers": [], "config": {}}).encode())
        self.refuses(made.folder, "could mean two things")

    def test_foreign_urls_decide_nothing(self):
        made = self.layout("urls", more={"urls": ["http://127.0.0.1:1/layer"]})
        self.assertEqual(self.packs(made.folder), made.digest)
        for name in os.listdir(made.folder + "/blobs/sha256"):
            if os.path.getsize(os.path.join(made.folder, "blobs/sha256", name)) > 4096:
                os.remove(os.path.join(made.folder, "blobs/sha256", name))
        self.refuses(made.folder, "No such file", check=3)

    def test_huge_documents_are_not_read(self):
        made = self.layout("huge")
        made.write("index.json", b'{"manifests":[' + b" " * (1 << 20) + b"]}")
        self.refuses(made.folder, "a document above 64 KiB")
        self.refuses(self.tar(made.folder), "a document above 64 KiB")

    def test_hostile_tars_are_refused_or_harmless(self):
        outside = self.path("outside")
        for entries, reason, code in (
                ([("a", {"type": tarfile.CHRTYPE})], "neither file, folder nor link", 2),
                ([("../outside", b"evil")], "neither an OCI image layout nor", 2),
                ([("/index.json", b"{}")], "neither an OCI image layout nor", 2),
                ([("index.json", {"type": tarfile.SYMTYPE, "linkname": "index.json"})],
                 "neither an OCI image layout nor", 2),
                ([("index.json", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})],
                 "neither an OCI image layout nor", 2)):
            with self.subTest(entries=entries):
                with open(self.path("evil.tar"), "wb") as f:
                    f.write(layer(*entries))
                self.refuses(self.path("evil.tar"), reason, check=code)
                self.assertFalse(os.path.exists(outside))
        with open(self.path("evil.tar"), "wb") as f:
            f.write(layer(("index.json", b"{}"))[:-30])
        self.refuses(self.path("evil.tar"), "evil.tar: ")

    def test_memory_does_not_grow_with_the_image(self):
        made = self.layout("large", None, layer(("random", os.urandom(40 << 20))))
        path = self.tar(made.folder)
        for what in (made.folder, path):
            # A sanitizer's own memory would not fit.
            limit = [] if SANITIZED else ["prlimit", f"--data={6 << 20}"]
            done = subprocess.run([*limit, os.path.join(BIN, "skerry"), "pack", what],
                                  capture_output=True, text=True)
            self.assertEqual(done.stdout.strip(), made.digest, done.stderr)


class Pushing(WorldTest):
    """With layouts of our own making."""

    def push(self, *layers, **more):
        layout = Layout(os.path.join(self.world.folder, f"layout{len(os.listdir(self.world.folder))}"),
                        *layers, **more)
        done = self.world.cli("push", layout.folder, check=0)
        self.assertEqual(done.stdout.strip(), layout.digest)
        return "layout@" + layout.digest

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

    def root(self, image):
        return os.path.join(self.device.state_dir, "images", image.split(":")[1], "rootfs")

    def deploy_after(self, generation, image):
        self.generation = generation
        self.deploy(actor_pod("good", "wait", image=image))
        self.device.wait_line("good", "waiting")


class Layouts(Pushing):
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

    def test_apply_takes_from_a_tar_what_suits_the_board(self):
        folder = os.path.join(self.world.folder, "several")
        entries = []
        for architecture in ("riscv64", machine(), "386"):
            one = Layout(folder, layer(("actor", actor_bytes())), architecture=architecture)
            with open(os.path.join(folder, "index.json")) as f:
                entries += [{**json.load(f)["manifests"][0],
                             "platform": {"os": "linux", "architecture": architecture}}]
        one.write("index.json", json.dumps({"schemaVersion": 2, "manifests": entries}).encode())
        with tarfile.open(folder + ".tar", "w") as t:
            t.add(folder, arcname=".")
        body = actor_pod("several", "wait", image="./several.tar")
        self.world.write("pod.json", json.dumps(body))
        done = self.world.cli("apply", "-f", "pod.json", "--healthy-for", "500ms", check=0)
        self.assertIn(entries[1]["digest"], done.stderr)
        self.device.wait_line("several", "waiting")
        # Again: the same digest, so nothing changes.
        done = self.world.cli("apply", "-f", "pod.json", "--healthy-for", "500ms", check=0)
        self.assertIn("unchanged", done.stdout)

    def ids(self, workload):
        with open(f"/proc/{self.device.pid(workload)}/status") as f:
            found = dict(line.split(":\t") for line in f.read().splitlines() if ":\t" in line)
        return [set(found[k].split()) for k in ("Uid", "Gid", "Groups")]

    def test_the_images_user_is_the_workloads_but_never_root(self):
        users = layer(("actor", actor_bytes()),
                      ("etc/passwd", b"root:x:0:0:::\nweb:x:1234:1235:::\n"),
                      ("etc/group", b"root:x:0:web\nextra:x:77:web\n"))
        for user, uid, gid, groups in (("web", "1234", "1235", {"77"}),
                                       ("4321:88", "4321", "88", set()),
                                       ("4321:0", "4321", "4321", set())):
            self.deploy(actor_pod("user", "wait", image=self.push(users, config={"User": user})))
            self.assertEqual(self.ids("user/main"), [{uid}, {gid}, groups])
        for user in ("root", "0:0", ""):
            self.deploy(actor_pod("user", "wait", image=self.push(users, config={"User": user})))
            (uid,), (gid,), groups = self.ids("user/main")
            self.assertGreaterEqual(int(uid), 700000)
            self.assertEqual((gid, groups), (uid, set()))

    def test_a_user_that_means_nothing_starts_nothing(self):
        for user, reason in (("1000x", "neither a number"), ("4294967296", "neither a number"),
                             ("nobody", "is not in /etc/passwd"), ("700001", "workloads' own")):
            image = self.push(layer(("actor", actor_bytes())), config={"User": user})
            self.deploy(actor_pod("user", "wait", image=image), phase=None)
            wait_until(f"{user} is told", 20, lambda: self.world.db(
                "SELECT 1 FROM event WHERE reason = 'FailedStart' AND message LIKE ?",
                f"%{reason}%"))
            self.assertIsNone(self.device.pid("user/main"))

    def stops_soon(self, name):
        pid = self.device.pid(name + "/main")
        self.deploy()
        wait_until("the stop signal has ended it, not the grace", 10, lambda: not is_running(pid))

    def test_the_images_stop_signal_is_sent_also_by_the_next_agent(self):
        image = self.push(layer(("actor", actor_bytes())), config={"StopSignal": "SIGUSR1"})
        stubborn = actor_pod("stubborn", "stubborn", image=image)
        stubborn["spec"]["terminationGracePeriodSeconds"] = 600
        self.deploy(stubborn)
        self.device.wait_line("stubborn", ".")
        self.stops_soon("stubborn")
        self.deploy(stubborn)
        self.device.wait_line("stubborn", ".")
        self.device.kill()
        self.device.start().wait_up()
        self.device.wait_state("stubborn/main", "running")
        self.stops_soon("stubborn")

    def test_upper_layers_replace_and_delete(self):
        image = self.push(layer(("actor", b"not a program"), ("gone/file", b"x"), ("kept", b"x")),
                          layer(("actor", actor_bytes()), ("gone/.wh.file", b"")))
        self.deploy(actor_pod("layers", "wait", image=image))
        root = os.path.join(self.device.state_dir, "images", image.split(":")[1], "rootfs")
        self.assertTrue(os.path.exists(os.path.join(root, "kept")))
        self.assertFalse(os.path.exists(os.path.join(root, "gone/file")))

    def test_hostile_layers_are_refused_with_a_sentence(self):
        """The reasons come through to the fleet; all cases are in test_images_hostile.py."""
        cases = [
            ([layer(("../canary", b"evil"))], "leaves the image"),
            ([layer(("x", b"")), layer((".wh...", b""))], "whiteout of nothing"),
            ([layer(("dev", {"type": tarfile.SYMTYPE, "linkname": "/tmp"}))], "must be a folder"),
            ([b"this is no archive at all"], "archive"),
        ]
        for generation, (layers, reason) in enumerate(cases, 1):
            self.assertIn(reason, self.rejected(generation, self.smuggle(*layers)))
        self.assertEqual(self.device.status()["workloads"], {})

    def test_documents_that_mean_two_things_or_too_much_are_refused(self):
        good = layer(("actor", actor_bytes()))
        for generation, (more, reason) in enumerate((
                ({"document": {"manifests": []}}, "two things"),
                ({"document": {"layers": []}}, "0 layers"),
                ({"document": {"padding": "x" * 70000}}, "a document of"),
                ({"config": {"padding": "x" * 70000}}, "above 64 KiB"),
                ({"types": (Layout.TYPES[0], "application/vnd.cncf.helm.config.v1+json",
                            Layout.TYPES[2])}, "helm")), 1):
            self.assertIn(reason, self.rejected(generation, self.smuggle(good, **more)))

    def test_volumes_labels_and_urls_of_an_image_decide_nothing(self):
        canary = os.path.join(self.world.folder, "canary")
        os.makedirs(canary)
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/layer"
            image = self.smuggle(layer(("actor", actor_bytes())), more={"urls": [url]}, config={
                "Volumes": {"../../../../../.." + canary: {}, canary: {}},
                "Labels": {"a": f"$(touch {canary}/a)", "b": f"`touch {canary}/b`",
                           "io.container.runtime": f"touch {canary}/c"}})
            self.deploy(actor_pod("labels", "wait", image=image))
            server.setblocking(False)
            with self.assertRaises(BlockingIOError):
                server.accept()
        self.assertEqual(os.listdir(canary), [])
        with open(f"/proc/{self.device.pid('labels/main')}/mountinfo") as f:
            self.assertNotIn("canary", f.read())

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

    def modes(self, image, *names):
        return [oct(os.lstat(os.path.join(self.root(image), n)).st_mode & 0o7777) for n in names]

    def test_set_user_id_bits_are_dropped_and_all_can_be_read(self):
        def file(mode):
            return {"mode": mode, "data": actor_bytes()}
        image = self.push(layer(("actor", file(0o6755)), ("secret", file(0o600)),
                                ("own", file(0o700)), ("none", file(0)),
                                ("closed", {"type": tarfile.DIRTYPE, "mode": 0o2700}),
                                ("sticky", {"type": tarfile.DIRTYPE, "mode": 0o1777})))
        self.deploy(actor_pod("suid", "wait", image=image))
        self.assertEqual(self.modes(image, "actor", "secret", "own", "none", "closed", "sticky"),
                         ["0o755", "0o644", "0o755", "0o444", "0o755", "0o1777"])

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


class Store(Pushing):
    """What lies on flash, once, and is still what it was."""

    def shared(self):
        folder = os.path.join(self.device.state_dir, "images/shared")
        return {n: os.stat(os.path.join(folder, n)) for n in os.listdir(folder)}

    def inode(self, image, name):
        return os.stat(os.path.join(self.root(image), name)).st_ino

    def test_what_two_images_have_in_common_is_kept_once(self):
        big = os.urandom(300000)
        one = self.push(layer(("actor", actor_bytes()), ("big", big), ("mode", {"data": b"m"})))
        two = self.push(layer(("actor", actor_bytes()), ("other/name", big),
                              ("mode", {"data": b"m", "mode": 0o644}), ("own", b"own")))
        self.deploy(actor_pod("one", "wait", image=one), actor_pod("two", "wait", image=two))
        self.assertEqual(self.inode(one, "big"), self.inode(two, "other/name"))
        self.assertEqual(self.inode(one, "actor"), self.inode(two, "actor"))
        self.assertNotEqual(self.inode(one, "mode"), self.inode(two, "mode"))
        self.assertEqual({st.st_ino for st in self.shared().values()},
                         {self.inode(one, n) for n in ("big", "actor", "mode")} |
                         {self.inode(two, n) for n in ("mode", "own")})
        # What only the other one used goes with it.
        self.deploy(actor_pod("one", "wait", image=one))
        kept = os.path.join(self.device.state_dir, "images/shared")
        wait_until("it has ended and was swept", 20, lambda: len(os.listdir(kept)) == 3)
        self.assertFalse(os.path.exists(self.root(two)))
        self.assertEqual({st.st_ino for st in self.shared().values()},
                         {self.inode(one, n) for n in ("big", "actor", "mode")})
        self.assertEqual({st.st_nlink for st in self.shared().values()}, {2})

    def test_an_image_goes_when_the_last_that_ran_from_it_has_ended(self):
        image = self.push(layer(("actor", actor_bytes())))
        self.deploy(actor_pod("slow", "stubborn", image=image, terminationGracePeriodSeconds=600))
        pid = self.device.pid("slow/main")
        self.deploy(pod("other", "/bin/sleep", "1000"))
        self.assertTrue(os.path.exists(self.root(image)), "Available, while the pod is ending")
        os.kill(pid, signal.SIGKILL)
        wait_until("it has ended", 40, lambda: not self.device.workload("slow/main"))
        wait_until("its image is gone", 20, lambda: not os.path.exists(self.root(image)))

    def flip(self, image, name):
        """One bit of a file, as worn flash does it: neither size nor time tells."""
        path = os.path.join(self.root(image), name)
        st = os.stat(path)
        with open(path, "r+b") as f:
            f.seek(st.st_size // 2)
            byte = f.read(1)[0]
            f.seek(st.st_size // 2)
            f.write(bytes([byte ^ 16]))
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def content(self, image, name):
        with open(os.path.join(self.root(image), name), "rb") as f:
            return f.read()

    def cut_power(self):
        """What is left: no agent, no workload, the flash."""
        self.device.kill()
        self.device.clean()
        shutil.rmtree(self.device.run_dir)

    def wait_damage(self, text):
        return wait_until(f"the damage is told: {text}", 30, lambda: self.world.db(
            "SELECT message FROM event WHERE reason = 'ImageDamaged' AND message LIKE ?",
            f"%{text}%"))

    def test_a_flipped_bit_is_found_before_the_start_and_mended(self):
        image = self.push(layer(("actor", actor_bytes()), ("lib/data", b"d" * 10000)))
        self.deploy(actor_pod("worn", "wait", image=image))
        self.cut_power()
        self.device.start().wait_ready()
        self.device.wait_state("worn/main", "running")
        self.assertEqual(self.world.db("SELECT 1 FROM event WHERE reason = 'ImageDamaged'"), [])
        for name, good in (("actor", actor_bytes()), ("lib/data", b"d" * 10000)):
            self.cut_power()
            self.flip(image, name)
            self.assertNotEqual(self.content(image, name), good)
            self.device.start().wait_ready()
            self.wait_damage(f'"{name}" is not what was unpacked')
            self.device.wait_state("worn/main", "running", 40)
            self.assertEqual(self.content(image, name), good)
            self.assertEqual(self.device.workload("worn/main")["restarts"], 0)

    def test_without_a_hub_a_damaged_image_waits_and_the_others_run(self):
        bad = self.push(layer(("actor", actor_bytes()), ("x", b"bad")))
        good = self.push(layer(("actor", actor_bytes() + b"tail"), ("y", b"good")))
        self.deploy(actor_pod("bad", "wait", image=bad), actor_pod("good", "wait", image=good))
        self.world.hub.end()
        self.cut_power()
        self.flip(bad, "x")
        self.device.start().wait_ready()
        self.device.wait_state("good/main", "running")
        self.device.wait_state("bad/main", "waiting")
        wait_until("it says why", 20, lambda: (
            "image" in json.dumps(self.device.workload("bad/main"))))
        self.world.start_hub()
        self.device.wait_state("bad/main", "running", 60)

    def test_what_is_shared_and_damaged_is_not_passed_on(self):
        big = os.urandom(100000)
        one = self.push(layer(("actor", actor_bytes()), ("big", big)))
        self.deploy(actor_pod("one", "wait", image=one))
        self.flip(one, "big")
        two = self.push(layer(("actor", actor_bytes()), ("big", big), ("own", b"own")))
        self.deploy(actor_pod("one", "wait", image=one), actor_pod("two", "wait", image=two))
        self.assertEqual(self.content(two, "big"), big)
        self.assertNotEqual(self.content(one, "big"), big)
        self.assertEqual(self.inode(one, "actor"), self.inode(two, "actor"))

    def test_a_file_that_is_gone_or_has_another_mode_is_damage_too(self):
        image = self.push(layer(("actor", actor_bytes()), ("a", b"a"), ("b", b"b"),
                                ("l", {"type": tarfile.SYMTYPE, "linkname": "a"})))
        self.deploy(actor_pod("worn", "wait", image=image))
        root = self.root(image)
        for damage, reason in ((lambda: os.remove(root + "/a"), '"a" is gone'),
                               (lambda: os.chmod(root + "/b", 0o700), '"b" has another mode'),
                               (lambda: (os.remove(root + "/l"), os.symlink("b", root + "/l")),
                                '"l" is not what was unpacked'),
                               (lambda: self.flip(image, "../config.json"),
                                '"../config.json" is not what was unpacked'),
                               (lambda: os.truncate(root + "/../files", 20),
                                '"files" has lost its end')):
            self.cut_power()
            damage()
            self.device.start().wait_ready()
            self.wait_damage(reason)
            self.device.wait_state("worn/main", "running", 40)

    def test_an_agent_that_comes_back_does_not_stop_for_it(self):
        image = self.push(layer(("actor", actor_bytes())))
        self.deploy(actor_pod("runs", "wait", image=image))
        pid = self.device.pid("runs/main")
        self.device.kill()
        self.device.start().wait_ready()
        self.device.wait_state("runs/main", "running")
        self.assertEqual(self.device.pid("runs/main"), pid)

    def test_a_blob_that_flips_before_it_is_unpacked_is_fetched_again(self):
        good = layer(("actor", actor_bytes()))
        image = self.smuggle(good, layer(("more", os.urandom(2 << 20))))
        blobs = os.path.join(self.device.state_dir, "blobs")

        def flip_when_there():
            path = os.path.join(blobs, digest(good)[7:])
            if not os.path.exists(path):
                return False
            with open(path, "r+b") as f:
                f.seek(1000)
                f.write(b"\0\0\0")
            return True
        relay = self.world.use_relay()
        self.device.stop()
        self.device.settings["broker"] = self.world.broker_url()
        relay.bytes_per_s = 128 << 10  # the second takes 16 s
        self.device.start().wait_up()
        self.deploy(actor_pod("blob", "wait", image=image), phase=None)
        wait_until("the first layer is there", 20, flip_when_there)
        relay.bytes_per_s = 0
        wait_until("it is told", 30, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'FetchFailed' AND message LIKE '%reads as%'"))
        self.assertIsNone(self.device.condition("Rejected"))
        self.device.wait_phase("Available", 1, 90)


if __name__ == "__main__":
    main()
