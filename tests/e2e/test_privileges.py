"""What the agent and its programs may do, who may ask it, and that it keeps a secret."""
import glob
import os
import re
import resource
import signal
import socket
import time

from skerry_test import BIN, Part, SANITIZED, WorldTest, actor_pod, keepers_of, main, pod, wait_until
from tls_world import TlsWorld

SECURITY = os.path.join(os.path.dirname(__file__), "../../docs/security.md")
NUMBERS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "FSETID": 4, "KILL": 5, "SETGID": 6, "SETUID": 7,
           "SETPCAP": 8, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12, "SYS_CHROOT": 18, "SYS_PTRACE": 19,
           "SYS_ADMIN": 21, "SYS_RESOURCE": 24, "MKNOD": 27}  # linux/capability.h
NOBODY = 65534


def table():
    """The capabilities that docs/security.md names: the agent's own, and all."""
    with open(SECURITY) as f:
        rows = re.findall(r"^\| `CAP_(\w+)` \| (agent|programs) \|", f.read(), re.M)
    bits = lambda *whose: sum(1 << NUMBERS[name] for name, who in rows if who in whose)
    return bits("agent"), bits("agent", "programs")


def status_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def sets_of(pid):
    return {k: int(v, 16) for k, v in status_of(pid).items() if k.startswith("Cap")}


def core_limit(pid):
    with open(f"/proc/{pid}/limits") as f:
        return re.search(r"^Max core file size +(\S+) +(\S+)", f.read(), re.M).groups()


class Privileges(WorldTest):
    def setUp(self):
        super().setUp()
        self.deploy(actor_pod("app", "wait", image=self.push_actor()))
        self.keeper = keepers_of(os.path.join(self.device.run_dir, "w/app.main"))[0]

    def test_the_agent_has_the_capabilities_of_the_table(self):
        own, most = table()
        ours = sets_of(os.getpid())["CapPrm"]
        self.assertNotEqual(own & ours, 0)
        self.assertNotEqual(ours & ~most, 0, "this test has nothing to give up, and shows nothing")
        self.assertEqual(sets_of(self.device.part.pid), {
            "CapInh": 0, "CapPrm": most & ours, "CapEff": own & ours, "CapBnd": most & ours, "CapAmb": 0})
        self.assertEqual(status_of(self.device.part.pid)["NoNewPrivs"], "1")

    def test_a_keeper_has_no_more_and_a_workload_none(self):
        _, most = table()
        keeper = sets_of(self.keeper)
        self.assertEqual(keeper["CapPrm"] & ~most, 0)
        self.assertEqual(keeper["CapBnd"], 0)
        self.assertEqual(set(sets_of(self.device.pid("app/main")).values()), {0})

    def test_children_have_default_signals_and_leave_no_cores(self):
        pid = self.device.pid("app/main")
        self.assertEqual(int(status_of(pid)["SigIgn"], 16), 0)
        self.assertEqual(int(status_of(pid)["SigBlk"], 16), 0)
        for p in (self.device.part.pid, self.keeper, pid):
            self.assertEqual(core_limit(p), ("0", "0"))

    def test_folders_that_were_open_are_closed(self):
        self.device.stop()
        os.chmod(self.device.state_dir, 0o755)
        os.chmod(self.device.run_dir, 0o777)
        self.device.start().wait_ready()
        self.assertEqual(os.stat(self.device.state_dir).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(self.device.run_dir).st_mode & 0o777 & ~0o710, 0)
        self.assertIn("others could look into a folder", self.device.part.log())


class Door(WorldTest):
    """The control socket, asked by others than root."""
    GID = 54321

    def setUp(self):
        super().setUp()
        self.device.stop()
        groups = self.world.write("group", f"root:x:0:\nskerry:x:{self.GID}:\n")
        self.device.start(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                           f'mount --bind {groups} /etc/group && exec "$@"', "sh"]).wait_ready()
        for folder in (self.world.folder, self.device.folder):
            os.chmod(folder, 0o755)

    def ask_as(self, verb, gid, *groups):
        near, far = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups(groups)
                os.setresgid(gid, gid, gid)
                os.setresuid(NOBODY, NOBODY, NOBODY)
                os.write(far, self.ask(verb))
            finally:
                os._exit(0)
        os.close(far)
        with os.fdopen(near) as answer:
            said = answer.read()
        os.waitpid(child, 0)
        return said

    def ask(self, verb):
        """What came back, or why nothing did."""
        try:
            os.chdir(self.device.run_dir)
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(20)
                s.connect("control.sock")
                s.sendall(b'{"verb":"%s"}\n' % verb.encode())
                return s.recv(4096) or b"sent away"
        except PermissionError:
            return b"kept out"
        except (BrokenPipeError, ConnectionResetError):
            return b"sent away"

    def test_members_of_the_group_may_ask_how_it_does_and_no_more(self):
        control = os.stat(os.path.join(self.device.run_dir, "control.sock"))
        self.assertEqual((control.st_mode & 0o777, control.st_gid), (0o660, self.GID))
        for who in ((self.GID,), (NOBODY, self.GID)):
            self.assertIn('"phase"', self.ask_as("status", *who))
            self.assertIn("only root", self.ask_as("flush", *who))
        self.assertEqual(self.ask_as("status", NOBODY), "kept out")

    def test_whoever_gets_past_the_mode_is_turned_away(self):
        os.chmod(self.device.run_dir, 0o755)
        os.chmod(os.path.join(self.device.run_dir, "control.sock"), 0o666)
        self.assertEqual(self.ask_as("status", NOBODY, 12345), "sent away")


class Cores(WorldTest):
    def start(self, argv, folder, name):
        """A program that may leave a core, in `folder`."""
        return Part(name, ["sh", "-c", 'cd "$1" && ulimit -c unlimited && shift && exec "$@"', "sh",
                           folder, *argv], self.world.folder)

    def test_a_crash_leaves_no_core(self):
        with open("/proc/sys/kernel/core_pattern") as f:
            if "/" in f.read() or SANITIZED:
                self.skipTest("cores of this machine go elsewhere")
        if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            self.skipTest("this machine allows no cores at all")
        folder = os.path.join(self.world.folder, "cwd")
        os.mkdir(folder)
        other = self.start(["sleep", "100"], folder, "other")
        wait_until("it sleeps", 40, lambda: status_of(other.pid)["Name"] == "sleep")
        other.end(signal.SIGSEGV)
        self.assertEqual(len(glob.glob(folder + "/core*")), 1, "a program's core would be here")
        os.unlink(glob.glob(folder + "/core*")[0])

        self.device.stop()
        argv = [os.path.join(BIN, "skerryd"), "--config", os.path.join(self.device.folder, "skerryd.conf")]
        self.device.part = self.start(argv, folder, self.device.name)
        self.device.wait_up()
        self.device.part.end(signal.SIGSEGV)
        self.assertEqual(glob.glob(folder + "/core*"), [])


CANARY = "c4nary"


class Canary(WorldTest):
    """Secrets go where they belong, and are then looked for everywhere else."""

    def setUp(self):
        self.world = TlsWorld()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.start_hub()
        self.generation = 0
        self.device = self.world.device(
            local_broker=f"mqtt://sensors:{CANARY}-local@127.0.0.1:{self.world.port}",
            local_topics="sensors/# -> sensors")
        url = self.device.settings["broker"].replace("//", f"//board:{CANARY}-broker@")
        self.device.settings["broker"] = url
        self.device.start().wait_up()
        with open(self.device.settings["tls_key"]) as f:
            self.key = "".join(line for line in f if "-----" not in line).split()[0][:40]

    def secret(self, **more):
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
                "stringData": {"token": f"{CANARY}-secret"}, **more}

    def send(self, pods, configs):
        self.generation += 1
        document = self.world.desired(self.device, self.generation, pods)
        self.world.publish(f"{self.device.name}/dn/desired", {**document, "configs": configs}, retain=True)
        return self.generation

    def run_it(self):
        env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}]
        app = pod("app", "/bin/sleep", "1000", container_extra={
            "env": env, "volumeMounts": [{"name": "keys", "mountPath": "/tmp/keys"}]},
            volumes=[{"name": "keys", "secret": {"secretName": "keys"}}])
        self.device.wait_phase("Available", self.send([app], [self.secret()]), 30)
        return app

    def refuse(self, app, *configs):
        self.send([app], list(configs))
        wait_until("it is refused", 40, lambda: (self.device.condition("Rejected") or {}).get(
            "generation") == self.generation)

    def provoke(self, app):
        """Documents that are wrong beside, in and around a secret."""
        self.refuse(app, self.secret(data={"other": f"{CANARY}!!"}))
        self.refuse(app, self.secret(data={"other": f"{CANARY}-"}))
        self.refuse(app, self.secret(stringData={"token": [f"{CANARY}-list"]}))
        self.refuse(app, self.secret(stringData={"a b": f"{CANARY}-name"}))
        self.refuse(app, self.secret(unknown=f"{CANARY}-member"))
        env = [{"name": "TOKEN", "value": f"{CANARY}-env"}]
        self.refuse(pod("bad", "/bin/true", hostUsers=False, container_extra={"env": env}), self.secret())
        env = [{"name": "TOKEN", "value": f"{CANARY}-env", "valueFrom": {}}]
        self.refuse(pod("bad", "/bin/true", container_extra={"env": env}), self.secret())
        self.world.publish(f"{self.device.name}/dn/desired", '{"configs":"%s-half"' % CANARY, retain=True)
        time.sleep(0.5)

    def refuse_password(self):
        """Brokers that do not take it: the link's, and the local one's."""
        self.world.stop_broker()
        self.world.ports = set()
        with open(os.path.join(self.world.folder, "nobody"), "w"):
            pass
        self.world.start_broker(f"password_file {self.world.folder}/nobody")
        with open(os.path.join(self.world.folder, "mosquitto.conf")) as f:
            text = f.read().replace("allow_anonymous true", "allow_anonymous false")
        self.world.stop_broker()
        with open(os.path.join(self.world.folder, "mosquitto.conf"), "w") as f:
            f.write(text)
        self.world.broker = Part("broker", ["/usr/sbin/mosquitto", "-c", f.name], self.world.folder)
        wait_until("the password is refused", 40,
                   lambda: re.search("refused|denied|author", self.device.status()["link"]["why"]))

    def words(self, text):
        return re.findall(rf"[^\n]*(?:{CANARY}|{re.escape(self.key)})[^\n]*", text)

    def look_at_processes(self):
        ours = [self.device.part.pid, self.world.hub.pid,
                *keepers_of(os.path.join(self.device.run_dir, "w/app.main"))]
        for pid in ours:
            for name in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{name}", errors="replace") as f:
                    self.assertEqual(self.words(f.read()), [], f"{pid} {name}")
        with open(f"/proc/{self.device.pid('app/main')}/environ") as f:
            self.assertEqual(len(self.words(f.read())), 1, "its workload has it")

    def look_at_words(self):
        self.world.broker.end()
        for path in glob.glob(self.world.folder + "/*.log"):
            with open(path, errors="replace") as f:
                self.assertEqual(self.words(f.read()), [], path)
        for row in self.world.db("SELECT message, more FROM event") + self.world.db(
                "SELECT state FROM device") + self.world.db("SELECT line FROM log"):
            self.assertEqual(self.words(str(row)), [])

    def test_no_secret_is_anywhere_else(self):
        app = self.run_it()
        self.look_at_processes()
        self.provoke(app)
        status = str(self.device.status())
        self.assertIn("Rejected", status)
        self.assertEqual(self.words(status), [])
        self.assertEqual(self.words(self.world.cli("describe", self.device.name).stdout), [])
        self.refuse_password()
        self.assertEqual(self.words(str(self.device.status())), [])
        self.device.part.end(signal.SIGABRT)
        self.device.start().wait_ready()
        self.look_at_processes()
        self.look_at_words()
        self.assertEqual(glob.glob(self.world.folder + "/**/core*", recursive=True), [])


if __name__ == "__main__":
    main()
