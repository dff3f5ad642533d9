"""A PostgreSQL server of a test's own: in a folder of its own, on a free port of loopback.

postgresql.py PROGRAM ... runs a program with the address of one in
$SKERRY_TEST_POSTGRESQL; exit code 77, skipped, where there is no PostgreSQL.
"""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
RESERVED = []  # sockets


def binaries():
    """Debian keeps them out of $PATH: several versions stand side by side."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    return found[-1] if found else os.path.dirname(shutil.which("initdb") or "") or None


def free_port():
    """Nobody else is given it while initdb works: PostgreSQL sets SO_REUSEADDR."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    RESERVED.append(s)
    return s.getsockname()[1]


# Tables on a file system of their own, which only this server sees.
SMALL = """cp -a "$1/base" "$1/base.own" &&
mount -t tmpfs -o size="$2" tables "$1/base" && chmod 700 "$1/base" &&
chown --reference="$1/base.own" "$1/base" && cp -a "$1/base.own/." "$1/base/" &&
shift 2 && exec "$@"
"""


def user():
    """initdb refuses root; Debian's package brings a user along."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    raise SystemExit(SKIPPED)


class PostgreSQL:
    def __init__(self, parent=None, settings=(), room=None):
        """`room`: of the tables, as tmpfs has it: "60m"; fill() makes it full. Needs root."""
        self.folder = tempfile.mkdtemp(prefix="skerry-pg-", dir=parent)
        self.data = os.path.join(self.folder, "data")
        self.port = free_port()
        self.settings = list(settings)
        self.room = room
        self.process = None
        who = user()
        self.who = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} \
            if os.geteuid() == 0 else {}
        self.name = who.pw_name
        if self.who:
            os.chown(self.folder, who.pw_uid, who.pw_gid)
        subprocess.run([os.path.join(binaries(), "initdb"), "-D", self.data, "-A", "trust", "-N",
                        "-U", "skerry", "-E", "UTF8", "--locale=C"], check=True, cwd=self.folder,
                       stdout=subprocess.DEVNULL, timeout=120, **self.who)

    def url(self, database="postgres"):
        return f"postgresql://skerry@127.0.0.1:{self.port}/{database}"

    def start(self):
        log = open(os.path.join(self.folder, "postgresql.log"), "ab")
        argv = [os.path.join(binaries(), "postgres"), "-D", self.data, "-p", str(self.port),
                "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"]
        for setting in self.settings:
            argv += ["-c", setting]
        who = self.who
        if self.room:
            argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", SMALL, "sh", self.data,
                    self.room, "setpriv", "--reuid", str(who["user"]), "--regid",
                    str(who["group"]), "--clear-groups", *argv]
            who = {}
        with log:
            self.process = subprocess.Popen(argv, cwd=self.folder, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, **who)
        end = time.monotonic() + 60
        while self.ask("SELECT 1", check=False) != [["1"]]:
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(self.log())
            time.sleep(0.1)
        return self

    def log(self):
        with open(os.path.join(self.folder, "postgresql.log"), errors="replace") as f:
            return f.read()

    def ask(self, statement, check=True):
        """Rows of texts."""
        done = subprocess.run([os.path.join(binaries(), "psql"), "-XqAt", "-F", "\x1f", "-c",
                               statement, self.url()], capture_output=True, text=True, timeout=60)
        if check and done.returncode:
            raise AssertionError(done.stderr)
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def filler(self):
        return f"/proc/{self.process.pid}/root{self.data}/base/filler"

    def signal_all(self, signo):
        """To the server, which then makes no more of them, and to each of its children."""
        os.kill(self.process.pid, signo)
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True,
                                  text=True).stdout.split()
        for pid in map(int, children):
            try:
                os.kill(pid, signo)
            except ProcessLookupError:
                pass

    def stop(self, signo=signal.SIGINT):
        """SIGINT: clients are sent away; SIGQUIT: at once, as in a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signo)
            self.process.wait(60)

    def close(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    if not binaries():
        print("skipped: needs PostgreSQL (Debian: postgresql)")
        return SKIPPED
    server = PostgreSQL()
    try:
        server.start()
        return subprocess.run(sys.argv[1:], env={**os.environ,
                                                 "SKERRY_TEST_POSTGRESQL": server.url()},
                              timeout=300).returncode
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
