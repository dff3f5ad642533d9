"""The hub's package, from its install to its purge, in a copy of this machine that goes away:
an overlay over / in a mount name space of its own. There is no systemd in it."""
import glob
import os
import shutil
import subprocess
import unittest

from skerry_test import main, skip

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
PACKAGES = os.path.join(ROOT, "build/packages")
ENTER = """set -e
mount --make-rprivate /
mount -t tmpfs -o size=256m none {work}
mkdir {work}/upper {work}/work {work}/root
mount -t overlay -o lowerdir=/,upperdir={work}/upper,workdir={work}/work overlay {work}/root || exit 77
mount --rbind /dev {work}/root/dev
mount -t proc proc {work}/root/proc
cp {deb} {work}/root/hub.deb
exec chroot {work}/root /bin/bash -c {script}
"""
SCRIPT = r"""
say() { echo "== $1"; }
say install; dpkg -i /hub.deb 2>&1; echo "code $?"
say files; stat -c '%a %U %n' /etc/skerry/skerry-hub.env /usr/bin/skerry-hub /lib/systemd/system/skerry-hub.service
say enabled; ls /etc/systemd/system/multi-user.target.wants
say runs; skerry-hub --version
say unit; systemd-analyze verify /lib/systemd/system/skerry-hub.service 2>&1; echo "code $?"
echo 'SKERRY_BROKER=mqtt://broker.example' >>/etc/skerry/skerry-hub.env
mkdir -p /var/lib/skerry-hub; echo rows >/var/lib/skerry-hub/hub.db
say again; dpkg -i /hub.deb 2>&1; echo "code $?"; tail -n 1 /etc/skerry/skerry-hub.env
say remove; dpkg -r skerry-hub 2>&1; echo "code $?"; ls /etc/skerry/skerry-hub.env /var/lib/skerry-hub /usr/bin/skerry-hub 2>&1
say purge; dpkg -P skerry-hub 2>&1; echo "code $?"; ls /etc/skerry/skerry-hub.env /var/lib/skerry-hub 2>&1
"""


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deb, = glob.glob(os.path.join(PACKAGES, "skerry-hub_*.deb"))
        work = os.path.join(ROOT, "build", f"skerry-e2e-package-{os.getpid()}")
        os.makedirs(work)
        cls.addClassCleanup(os.rmdir, work)
        enter = ENTER.format(work=work, deb=cls.deb, script="\"$SCRIPT\"")
        done = subprocess.run(["unshare", "--mount", "sh", "-c", enter], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "SCRIPT": SCRIPT, "LC_ALL": "C"})
        if done.returncode == 77:
            raise unittest.SkipTest("this machine lays no file system over its own: " + done.stderr.strip())
        cls.said = dict((part.split("\n", 1)) for part in done.stdout.split("== ")[1:])
        if "purge" not in cls.said:
            raise AssertionError(done.stdout + done.stderr)

    def test_an_install_says_what_is_missing(self):
        self.assertIn("set SKERRY_BROKER in /etc/skerry/skerry-hub.env", self.said["install"])
        self.assertIn("code 0", self.said["install"])
        self.assertIn("skerry-hub.service", self.said["enabled"])
        self.assertRegex(self.said["runs"], r"^skerry-hub \d")

    def test_the_environment_is_for_root_alone(self):
        self.assertEqual(self.said["files"].split("\n")[:3], [
            "600 root /etc/skerry/skerry-hub.env", "755 root /usr/bin/skerry-hub",
            "644 root /lib/systemd/system/skerry-hub.service"])

    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze (Debian: systemd)")
    def test_systemd_finds_nothing_wrong_with_the_unit(self):
        self.assertIn("code 0", self.said["unit"])
        self.assertNotIn("skerry-hub.service:", self.said["unit"])

    def test_an_upgrade_keeps_what_was_configured(self):
        self.assertIn("code 0", self.said["again"])
        self.assertIn("SKERRY_BROKER=mqtt://broker.example", self.said["again"])

    def test_a_removal_keeps_the_data_and_a_purge_does_not(self):
        self.assertIn("code 0", self.said["remove"])
        self.assertIn("hub.db", self.said["remove"])
        self.assertIn("cannot access '/usr/bin/skerry-hub'", self.said["remove"])
        self.assertIn("code 0", self.said["purge"])
        self.assertIn("cannot access '/etc/skerry/skerry-hub.env'", self.said["purge"])
        self.assertIn("cannot access '/var/lib/skerry-hub'", self.said["purge"])


if __name__ == "__main__":
    if not glob.glob(os.path.join(PACKAGES, "skerry-hub_*.deb")):
        skip("needs the hub's package: cloud/package")
    main()
