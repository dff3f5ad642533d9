"""A whole Skerry in one folder: broker, hub, devices, and a way to break things.

Real programs on loopback. A test says what an operator would say, waits for
events with a deadline, and never sleeps for luck. Everything that was started
is ended by its pid; the logs are searched for what the sanitizers found.
"""
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from postgresql import PostgreSQL

BIN = os.environ.get("SKERRY_BIN", os.path.join(os.getcwd(), "build/release/bin"))
ACTOR = os.environ.get("SKERRY_ACTOR", os.path.join(BIN, "../tests/actor-image"))
SANITIZED = os.environ.get("SKERRY_SANITIZED") == "1"
SLOW = 3 if SANITIZED else 1
SKIPPED = 77
PATIENCE_S = 60
RESERVED = []  # sockets


def free_port():
    """Nobody else is given it while this process lives: who listens there sets SO_REUSEADDR."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    RESERVED.append(s)
    return s.getsockname()[1]


def within(what, seconds, condition):
    """Wait for a condition; its value. No longer than that, on whatever machine: where a later one
    would prove something else."""
    end = time.monotonic() + seconds
    while True:
        is_late = time.monotonic() > end  # asked once more when it is
        value = condition()
        if value:
            return value
        if is_late:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.05)


def wait_until(what, seconds, condition):
    """Wait for a condition; its value. A deadline that passes fails the test.

    `seconds` are a free machine's: a busy one may hold up any process for ten.
    """
    return within(what, max(seconds, PATIENCE_S) * SLOW, condition)


def fill(path):
    """Write a file until its file system has no room."""
    with open(path, "wb", buffering=0) as f:
        try:
            while f.write(bytes(4096)):
                pass
        except OSError:
            pass


class Part:
    """One running program; its output goes to a file."""

    def __init__(self, name, argv, folder, env=None):
        self.log_path = os.path.join(folder, name + ".log")
        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()  # what others of that name have said is before
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(env or {})})
        self.pid = self.process.pid

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def own_log(self):
        with open(self.log_path, "rb") as f:
            f.seek(self.log_start)
            return f.read().decode(errors="replace")

    def is_alive(self):
        return self.process.poll() is None

    def end(self, signo=signal.SIGTERM, seconds=PATIENCE_S):
        if self.is_alive():
            self.process.send_signal(signo)
        try:
            return self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.log_path}: did not end after signal {signo}")

    def kill(self):
        self.end(signal.SIGKILL)


class Relay:
    """A TCP relay that can cut, block and slow the link."""

    def __init__(self, to_port):
        self.to_port = to_port
        self.blocked = False
        self.holds = None  # bytes: the near one is not heard from there on
        self.bytes_per_s = 0
        self.passed = 0
        self.cut_after = None
        self.pairs = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            try:
                if self.blocked:
                    raise OSError
                far = socket.create_connection(("127.0.0.1", self.to_port), 5)
                far.settimeout(None)  # five seconds are for connecting, not for silence
            except OSError:
                near.close()
                continue
            self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(a, b, a is near), daemon=True).start()

    def _pump(self, a, b, is_near):
        try:
            while True:
                data = a.recv(4096)
                if not data:
                    break
                if self.bytes_per_s:
                    time.sleep(len(data) / self.bytes_per_s)
                while is_near and self.holds and self.holds in data:
                    time.sleep(0.02)
                self.passed += len(data)
                if self.cut_after is not None and self.passed >= self.cut_after:
                    self.cut_after = None
                    self.cut()
                    return
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for pair in self.pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()
        self.pairs = []

    def close(self):
        self.holds = None
        self.server.close()
        self.cut()


class Device:
    def __init__(self, world, name, settings):
        self.world = world
        self.name = name
        self.folder = os.path.join(world.folder, name)
        os.makedirs(self.folder, exist_ok=True)
        self.run_dir = os.path.join(self.folder, "run")
        self.state_dir = os.path.join(self.folder, "state")
        self.settings = {"device": name, "broker": world.broker_url(),
                         "state_dir": self.state_dir, "run_dir": self.run_dir,
                         "allow_host_image": "true", "telemetry_flush": "1s", **settings}
        self.part = None

    def start(self, wrap=(), env=None):
        config = os.path.join(self.folder, "skerryd.conf")
        with open(config, "w") as f:
            f.writelines(f"{k} = {v}\n" for k, v in self.settings.items())
        self.part = Part(self.name, [*wrap, os.path.join(BIN, "skerryd"), "--config", config],
                         self.world.folder, env)
        return self

    def wait_ready(self, seconds=10):
        wait_until(f"{self.name} answers", seconds, self.status)
        return self

    def wait_up(self, seconds=40):
        wait_until(f"{self.name} is connected", seconds,
                   lambda: (self.status() or {}).get("link", {}).get("up"))
        return self

    def kill(self):
        self.part.kill()

    def stop(self):
        return self.part.end()

    def ask(self, request, seconds=PATIENCE_S):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(seconds * SLOW)
            # Paths of tests may be longer than sun_path.
            fd = os.open(self.run_dir, os.O_PATH | os.O_DIRECTORY)
            try:
                s.connect(f"/proc/self/fd/{fd}/control.sock")
            finally:
                os.close(fd)
            s.sendall(json.dumps(request).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                part = s.recv(65536)
                if not part:
                    break
                answer += part
        return json.loads(answer)

    def status(self):
        try:
            return self.ask({"verb": "status"})
        except (OSError, ValueError):
            return None

    def workload(self, name):
        return ((self.status() or {}).get("workloads") or {}).get(name, {})

    def pid(self, name):
        return self.workload(name).get("pid")

    def condition(self, kind):
        for c in (self.status() or {}).get("conditions", []):
            if c["type"] == kind:
                return c
        return None

    def lines(self, workload, n=500):
        answer = self.ask({"verb": "logs", "workload": workload, "n": n})
        return [line["l"] for line in answer.get("lines", [])]

    def wait_phase(self, phase, generation=None, seconds=20):
        def there():
            s = self.status() or {}
            return s.get("phase") == phase and (
                generation is None or s.get("observed") == generation)
        return wait_until(f"{self.name} is {phase} {generation or ''}", seconds, there)

    def wait_state(self, workload, state, seconds=20):
        return wait_until(f"{workload} is {state}", seconds,
                          lambda: self.workload(workload).get("state") == state)

    def wait_line(self, workload, pattern, seconds=15):
        def there():
            for line in self.lines(workload):
                found = re.search(pattern, line)
                if found:
                    return found
            return None
        return wait_until(f"{workload} prints {pattern}", seconds, there)

    def cgroups(self):
        found = []
        for root in os.listdir("/sys/fs/cgroup"):
            base = f"/sys/fs/cgroup/{root}/skerry-{self.name}"
            if os.path.isdir(base):
                found.append(base)
        return found

    def clean(self):
        """End what still runs, keepers too, and take the groups away."""
        if self.part and self.part.is_alive():
            self.part.kill()
        w = os.path.join(self.run_dir, "w")
        for leaf in os.listdir(w) if os.path.isdir(w) else []:
            folder = os.path.join(w, leaf)
            for pid in keepers_of(folder):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for base in self.cgroups():
            for leaf in [d for d in os.listdir(base) if os.path.isdir(os.path.join(base, d))]:
                remove_group(os.path.join(base, leaf))
            remove_group(base)


def keepers_of(folder):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if len(words) > 1 and words[0].endswith(b"skerry-keeper") and words[1] == folder.encode():
            found.append(int(pid))
    return found


def is_running(pid):
    """A zombie that nobody has buried yet does not run."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def remove_group(path):
    for _ in range(100):
        try:
            os.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)


class World:
    """Made for one test case, and taken apart after it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="skerry-e2e-")
        self.port = free_port()
        self.relay = None
        self.broker = None
        self.hub = None
        self.devices = []
        self.parts = [] # hubs
        self.postgresql = None
        self.db_path = os.path.join(self.folder, "hub.db")

    # --- parts ---
    def start_broker(self, extra=""):
        config = os.path.join(self.folder, "mosquitto.conf")
        with open(config, "w") as f:
            f.write(f"listener {self.port} 127.0.0.1\nuser root\nallow_anonymous true\n{extra}\n")
        mosquitto = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.broker = Part("broker", [mosquitto, "-c", config], self.folder)
        wait_until("the broker listens", 10, lambda: is_listening(self.port))
        return self

    def stop_broker(self):
        self.broker.end()

    def use_relay(self):
        self.relay = Relay(self.port)
        return self.relay

    def broker_url(self):
        return f"mqtt://127.0.0.1:{self.relay.port if self.relay else self.port}"

    def desk(self):
        """The environment of a hub or a desk: how to reach the broker."""
        return {"SKERRY_BROKER": f"mqtt://127.0.0.1:{self.port}"}

    def use_postgresql(self, **how):
        """A server is the database of hubs and desks from now on."""
        self.postgresql = PostgreSQL(**how).start()
        self.db_path = self.postgresql.url()
        return self.postgresql

    def hub_argv(self, *more):
        argv = [os.path.join(BIN, "skerry-hub"), "--db", self.db_path, *more]
        if self.postgresql:
            argv += ["--blobs", os.path.join(self.folder, "hub.blobs"),
                     "--files", os.path.join(self.folder, "hub.files")]
        return argv

    def start_hub(self, *more, name="hub"):
        """The last one that was started is self.hub."""
        self.hub = Part(name, self.hub_argv(*more), self.folder, self.desk())
        self.parts.append(self.hub)
        wait_until("the hub is connected", 15, lambda: "connected broker" in self.hub.own_log())
        return self

    def device(self, name=None, **settings):
        name = name or f"t{os.getpid()}-{len(self.devices)}"
        d = Device(self, name, settings)
        self.devices.append(d)
        return d

    # --- doing ---
    def cli(self, *args, broker=True, check=None, seconds=200):
        env = dict(os.environ)
        for key in ("SKERRY_BROKER", "SKERRY_DB", "SKERRY_FLEET"):
            env.pop(key, None)
        if broker:
            env.update(self.desk())
            env["SKERRY_DB"] = self.db_path
        done = subprocess.run([os.path.join(BIN, "skerry"), *args], env=env, cwd=self.folder,
                              capture_output=True, text=True, timeout=seconds)
        if "Sanitizer" in done.stderr or "runtime error" in done.stderr:
            raise AssertionError(done.stderr)
        if check is not None and done.returncode != check:
            raise AssertionError(f"skerry {args}: exit {done.returncode}, not {check}\n"
                                 f"{done.stdout}\n{done.stderr}")
        return done

    def publish(self, rest, payload, retain=False, qos=1):
        """`rest` is DEVICE/dn/desired or the like."""
        if isinstance(payload, (dict, list)):
            payload = json.dumps(payload)
        if isinstance(payload, str):
            payload = payload.encode()
        argv = ["mosquitto_pub", "-p", str(self.port), "-q", str(qos), "-t",
                f"skerry1/main/{rest}"]
        argv += ["-r"] if retain else []
        argv += ["-s"] if payload else ["-n"]
        subprocess.run(argv, input=payload, check=True, timeout=PATIENCE_S * SLOW)

    def subscribe(self, rest, count=1, seconds=PATIENCE_S, raw=False):
        """The next messages on DEVICE/up/...; retained ones count."""
        done = subprocess.run(["mosquitto_sub", "-p", str(self.port), "-q", "1", "-t",
                               f"skerry1/main/{rest}", "-C", str(count), "-W",
                               str(seconds * SLOW), "-N" if raw else "-v"],
                              capture_output=True, timeout=seconds * SLOW + 10)
        return done.stdout

    def state(self, device):
        text = self.subscribe(f"{device.name}/up/state", raw=True)
        return json.loads(text) if text else None

    def desired(self, device, generation, pods, epoch=1, **policy):
        return {"apiVersion": "skerry.dev/v1", "kind": "DesiredState", "fleet": "main",
                "device": device.name, "epoch": epoch, "generation": generation,
                "policy": {"healthyFor": "500ms", **policy}, "workloads": pods, "configs": []}

    def send_desired(self, device, generation, pods, **more):
        self.publish(f"{device.name}/dn/desired", self.desired(device, generation, pods, **more),
                     retain=True)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def db(self, statement, *args):
        if self.postgresql:
            return self._ask_postgresql(statement, args)
        try:
            with sqlite3.connect(f"file:{self.db_path}?mode=ro", uri=True, timeout=30) as c:
                return c.execute(statement, args).fetchall()
        except sqlite3.OperationalError:
            return []

    def _ask_postgresql(self, statement, args):
        """Whole numbers as such, everything else as text; [] while there is no answer."""
        for arg in args:
            statement = statement.replace("?", "'" + str(arg).replace("'", "''") + "'", 1)
        try:
            rows = self.postgresql.ask(statement)
        except AssertionError:
            return []
        return [tuple(int(c) if re.fullmatch(r"-?\d+", c) else c for c in row) for row in rows]

    def rows(self, measurement="made"):
        found = self.db("SELECT count(*) FROM point WHERE measurement = ?", measurement)
        return found[0][0] if found else 0

    def wait_drained(self, device, seconds=60):
        return wait_until("the backlog is drained", seconds,
                          lambda: (device.status() or {}).get("buffer", {}).get("batches") == 0)

    # --- the end ---
    def close(self):
        for d in self.devices:
            d.clean()
        for part in (*self.parts, self.hub, self.broker):
            if part and part.is_alive():
                part.end()
        if self.postgresql:
            self.postgresql.close()
        if self.relay:
            self.relay.close()
        complaints = []
        for name in os.listdir(self.folder):
            if not name.endswith(".log"):
                continue
            with open(os.path.join(self.folder, name), errors="replace") as f:
                text = f.read()
            if "Sanitizer" in text or "runtime error" in text:
                complaints.append(f"{name}:\n{text[-4000:]}")
        shutil.rmtree(self.folder, ignore_errors=True)
        if complaints:
            raise AssertionError("\n".join(complaints))


def is_listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def pod(name, *argv, image="host", container="main", **spec):
    """A pod of one container. `image` is a digest, or host: then argv is a program of the board."""
    body = {"name": container, "image": image, "command": list(argv),
            "resources": {"limits": {"memory": "16Mi", "cpu": "500m"}}}
    body.update(spec.pop("container_extra", {}))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"terminationGracePeriodSeconds": 2, "containers": [body], **spec}}


def actor_pod(name, *args, image, **more):
    return pod(name, "/actor", *[str(a) for a in args], image=image, **more)


class WorldTest(unittest.TestCase):
    """A broker, a hub and a device for each test."""

    settings = {}

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.start_hub()
        self.device = self.world.device(**self.settings)
        self.device.start().wait_up()
        self.generation = 0

    def push_actor(self):
        done = self.world.cli("push", ACTOR, check=0)
        return "actor@" + done.stdout.strip()

    def deploy(self, *pods, phase="Available", seconds=30, **more):
        self.generation += 1
        self.world.send_desired(self.device, self.generation, list(pods), **more)
        if phase:
            self.device.wait_phase(phase, self.generation, seconds)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def main():
    if os.geteuid() != 0:
        skip("needs root: it starts workloads in cgroups and name spaces")
    for program in ("mosquitto_pub", "mosquitto_sub"):
        if not shutil.which(program):
            skip(f"needs {program} (Debian: mosquitto-clients)")
    unittest.main(verbosity=2)
