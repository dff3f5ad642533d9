"""Layers that somebody made to harm: refused with a sentence, or harmless.

skerry-unpack alone, as the agent starts it. In every case what lies outside of the
image's own folder is the same afterwards: names, modes, content, times.
"""
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest

from skerry_test import BIN, SANITIZED, main
from test_images import diff_id, digest, layer

SYM, HARD, DIR = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
REFUSED, BAD_MEDIUM = 2, 3


def symlink(name, to):
    return name, {"type": SYM, "linkname": to}


def hardlink(name, to, mode=0o777):
    return name, {"type": HARD, "linkname": to, "mode": mode}


def folder(name, mode=0o755):
    return name, {"type": DIR, "mode": mode}


def snapshot(top):
    found = {}
    for path, folders, files in os.walk(top):
        for name in folders + files:
            full = os.path.join(path, name)
            st = os.lstat(full)
            content = None
            if os.path.isfile(full) and not os.path.islink(full):
                with open(full, "rb") as f:
                    content = hashlib.sha256(f.read()).hexdigest()
            found[os.path.relpath(full, top)] = (st.st_mode, st.st_uid, st.st_nlink, st.st_mtime_ns,
                                                 content)
    return found


class Hostile(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="skerry-hostile-")
        self.addCleanup(shutil.rmtree, self.base)
        self.host = os.path.join(self.base, "host")
        self.images = os.path.join(self.base, "images")
        self.blobs = os.path.join(self.base, "blobs")
        for path in ("host/folder", "images", "blobs"):
            os.makedirs(os.path.join(self.base, path))
        self.secret = os.path.join(self.host, "secret")
        with open(self.secret, "w") as f:
            f.write("untouched")
        os.chmod(self.secret, 0o600)
        self.names = 0

    def unpack(self, *layers, diff_ids=None, digests=None):
        """Exit code, what was said, and the new root."""
        self.names += 1
        name = f"{self.names}.part"
        os.makedirs(os.path.join(self.images, name))
        argv = [os.path.join(BIN, "skerry-unpack"), "unpack", self.images, name]
        for n, data in enumerate(layers):
            path = os.path.join(self.blobs, str(n))
            with open(path, "wb") as f:
                f.write(data)
            argv += [path, (digests or [digest(d) for d in layers])[n],
                     (diff_ids or [diff_id(d) for d in layers])[n]]
        before = snapshot(self.base + "/host"), sorted(os.listdir("/")), os.stat("/etc").st_mtime_ns
        done = subprocess.run(argv, capture_output=True, text=True, env={}, timeout=120)
        self.assertEqual((snapshot(self.base + "/host"), sorted(os.listdir("/")),
                          os.stat("/etc").st_mtime_ns), before)
        self.assertLessEqual(set(os.listdir(self.images)),
                             {f"{n}.part" for n in range(1, self.names + 1)} | {"shared"})
        self.assertLessEqual(set(os.listdir(os.path.join(self.images, name))),
                             {"rootfs", "files"})
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout, os.path.join(self.images, name, "rootfs")

    def refuses(self, reason, *layers, code=REFUSED, **more):
        with self.subTest(reason):
            found, said, _ = self.unpack(*layers, **more)
            self.assertIn(reason, said)
            self.assertEqual(found, code)
            self.assertEqual(said.count("\n"), 1)

    def takes(self, *layers):
        code, said, root = self.unpack(*layers)
        self.assertEqual((code, said), (0, ""))
        name = os.path.basename(os.path.dirname(root))
        done = subprocess.run([os.path.join(BIN, "skerry-unpack"), "verify", self.images, name],
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        return root

    def read(self, root, name):
        with open(os.path.join(root, name)) as f:
            return f.read()

    def test_paths_that_leave(self):
        for path in ("../host/secret", "a/../../host/secret", "a/..", "..", "./../x"):
            self.refuses("leaves the image", layer((path, b"evil")))
        for path in ("/etc/evil", self.secret):
            self.refuses("absolute", layer((path, b"evil")))

    def test_t18_modes_through_links(self):
        self.refuses("hard link to something that is no file",
                     layer(symlink("link", self.secret), hardlink("hard", "link")))
        self.refuses("absolute", layer(hardlink("hard", self.secret)))
        self.refuses("leaves the image", layer(hardlink("hard", "../../host/secret")))
        self.refuses("hard link to something that is no file", layer(hardlink("hard", "nothing")))
        self.refuses("hard link to something that is no file", layer(hardlink("hard", "hard")))
        self.refuses("hard link to something that is no file",
                     layer(folder("d"), hardlink("hard", "d")))
        root = self.takes(layer(symlink("link", self.secret),
                                ("link", {"mode": 0o777, "data": b"own"})))
        self.assertFalse(os.path.islink(root + "/link"))
        self.assertEqual(self.read(root, "link"), "own")

    def test_t19_folders_that_become_links(self):
        self.refuses("lies in something that is no folder",
                     layer(symlink("way", self.host), ("way/secret", b"evil")))
        self.refuses("lies in something that is no folder",
                     layer(folder("way"), ("way/a", b"a"), symlink("way", self.host),
                           ("way/secret", b"evil")))
        self.refuses("lies in something that is no folder",
                     layer(symlink("way", self.host)), layer(("way/secret", b"evil")))
        # Up and up again ends at the image's own root.
        root = self.takes(layer(symlink("up", "../../../.."), ("up/new", b"inside"),
                                symlink("a", "b"), symlink("b", "up/up"), ("a/newer", b"inside")))
        self.assertEqual(self.read(root, "new"), "inside")
        self.assertEqual(self.read(root, "newer"), "inside")
        self.refuses("lies in something that is no folder",
                     layer(symlink("loop", "loop"), ("loop/x", b"x")))

    def test_t20_whiteouts(self):
        for name in (".wh...", ".wh..", ".wh.", "d/.wh...", "d/.wh..", "d/.wh."):
            self.refuses("is a whiteout of nothing", layer(("d/x", b"")), layer((name, b"")))
            self.refuses("is a whiteout of nothing", layer((name, b"")))
        self.refuses("leaves the image", layer(("x", b"")), layer(("../.wh.host", b"")))
        root = self.takes(layer(symlink("way", self.host), ("x", b"")),
                          layer(("way/.wh.secret", b"")))
        self.assertTrue(os.path.islink(root + "/way"))

    def test_opaque_whiteouts_also_behind_what_they_keep(self):
        lower = layer(("d/old", b"old"), ("d/sub/old", b"old"), ("kept", b"kept"))
        root = self.takes(lower, layer(("d/new", b"new"), ("d/.wh..wh..opq", b""),
                                       ("d/newer", b"new")))
        self.assertEqual(sorted(os.listdir(root + "/d")), ["new", "newer"])
        self.assertEqual(self.read(root, "kept"), "kept")
        root = self.takes(lower, layer(("new", b"new"), (".wh..wh..opq", b"")))
        self.assertEqual(sorted(os.listdir(root)), ["dev", "new", "proc", "run", "tmp"])
        root = self.takes(lower, layer(("d/.wh.sub", b"")))
        self.assertEqual(os.listdir(root + "/d"), ["old"])

    def test_t23_bombs(self):
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as z:
            info = tarfile.TarInfo("bomb")
            info.size = 600 << 20
            z.write(info.tobuf())
            for _ in range(600):
                z.write(bytes(1 << 20))
        self.refuses("larger than 512 MiB", out.getvalue(), diff_ids=["sha256:" + "0" * 64])
        one = tarfile.TarInfo("d")
        one.type = DIR
        many = gzip.compress(one.tobuf() * 200001, compresslevel=1, mtime=0)
        self.refuses("more than 200000 files", many, diff_ids=["sha256:" + "0" * 64])
        if SANITIZED:
            return
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as z:
            z.write(tarfile.TarInfo("d").tobuf())
            for _ in range(1025):
                z.write(bytes(1 << 20))
        self.refuses("more than it may", out.getvalue(), diff_ids=["sha256:" + "0" * 64])

    def test_what_is_neither_file_folder_nor_link(self):
        for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            self.refuses("neither file, folder nor link",
                         layer(("node", {"type": kind, "devmajor": 1, "devminor": 1})))

    def test_what_gets_something_mounted_on_must_be_a_folder(self):
        for name in ("dev", "proc", "tmp", "run"):
            self.refuses("must be a folder", layer(symlink(name, self.host)))
            self.refuses("must be a folder", layer((name, b"a file")))
            self.refuses("must be a folder", layer(folder(name)), layer(symlink(name, "/")))

    def test_depth(self):
        self.refuses("too long or too deep", layer(("d/" * 2000 + "f", b"deep")))
        self.refuses("too long or too deep", layer(("d/" * 60 + "f", b"deep")))
        self.refuses("too long or too deep", layer(("/".join(["n" * 250] * 5), b"long")))
        self.refuses("too deep behind a link",
                     layer(("d/" * 40 + "f", b""), symlink("s", "d/" * 40),
                           ("s/" + "e/" * 40 + "f", b"")))

    def test_set_user_id_bits(self):
        root = self.takes(layer(("file", {"mode": 0o6755, "data": b"x"}), folder("d", 0o7777)))
        self.assertEqual(oct(os.stat(root + "/file").st_mode & 0o7777), "0o755")
        self.assertEqual(oct(os.stat(root + "/d").st_mode & 0o7777), "0o1777")

    def test_entries_that_come_twice(self):
        root = self.takes(layer(("x", b"first"), ("x", b"second"), ("was-file", b"f"),
                                folder("was-file"), ("was-folder/a/b", b"b"),
                                ("was-folder", b"f"), hardlink("y", "x"), ("y", b"own")))
        self.assertEqual(self.read(root, "x"), "second")
        self.assertEqual(self.read(root, "y"), "own")
        self.assertTrue(os.path.isdir(root + "/was-file"))
        self.assertEqual(self.read(root, "was-folder"), "f")

    def test_names_of_any_bytes(self):
        names = ["Főtanú.crt", "with\nnewline", "é" * 70 + "/" + "ü" * 60, "-rf", "a b", "%n%s"]
        root = self.takes(layer(*((n, b"x") for n in names)))
        for name in names:
            self.assertEqual(self.read(root, name), "x")

    def test_archives_that_are_cut_or_wrong(self):
        good = layer(("file", os.urandom(100000)))
        for cut in (5, 100, len(good) // 2, len(good) - 4):
            self.refuses("archive: ", good[:cut], diff_ids=[diff_id(good)])
        plain = gzip.decompress(good)
        self.refuses("archive: ", plain[:50000])
        self.refuses("archive: ", b"this is no archive at all")
        self.refuses("archive: ", b"")

    def test_bytes_that_are_not_what_was_announced(self):
        good = layer(("file", b"content"))
        zero = "sha256:" + "0" * 64
        self.refuses("its configuration says sha256:000", good, diff_ids=[zero])
        self.refuses("reads as", good, digests=[zero], code=BAD_MEDIUM)
        # Nobody sees these bytes in a file; they count all the same.
        behind = gzip.decompress(good) + b"behind the end of the archive"
        self.refuses("its configuration says", behind, diff_ids=[diff_id(good)])
        self.refuses("reads as", good + b"behind the end of the stream", digests=[digest(good)],
                     diff_ids=[diff_id(good)], code=BAD_MEDIUM)

    def test_no_program_of_the_image_decompresses_it(self):
        script = b"#!/bin/sh\ntouch /was-run\n"
        code, said, root = self.unpack(
            layer(*((f"{d}/{p}", {"mode": 0o755, "data": script}) for d in ("bin", "usr/bin")
                    for p in ("zstd", "xz", "bzip2", "lz4", "gzip", "sh"))),
            b"\x28\xb5\x2f\xfd" + bytes(100), diff_ids=["sha256:" + "0" * 64] * 2)
        self.assertNotEqual(code, 0)
        self.assertFalse(os.path.exists(root + "/was-run"))

    def test_zstd_that_wants_all_memory(self):
        self.refuses("zstd", b"\x28\xb5\x2f\xfd\x00\xa0" + bytes(100))

    def test_usage(self):
        for argv in ([], ["unpack"], ["unpack", self.images, "x"], ["verify"],
                     ["unpack", self.images, "x", "layer"], ["explode", self.images, "x"]):
            done = subprocess.run([os.path.join(BIN, "skerry-unpack"), *argv], capture_output=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"usage", done.stderr)


if __name__ == "__main__":
    main()
