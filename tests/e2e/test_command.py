"""What a board is told to do while it is online: by whom, once, and within which walls."""
import grp
import json
import os
import subprocess
import time
import unittest

from signer import Signer
from skerry_test import BIN, World, WorldTest, is_running, main, pod, wait_until
from test_protocol import Listener

LOOK = ("grep -E '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' "
        "/proc/self/status; cat /proc/self/cgroup; cut -d' ' -f4- /proc/self/mountinfo | sort; "
        "for n in mnt net ipc uts pid user cgroup; do readlink /proc/self/ns/$n; done; "
        "env | grep -v -E '^(_|PWD|SHLVL|OLDPWD)=' | sort; umask; pwd; ls /proc/self/fd | wc -l; "
        "cat /proc/self/limits; ls /; "
        "(echo x > /etc/x) 2>/dev/null && echo wrote; (echo x > /proc/sys/kernel/hostname) "
        "2>/dev/null && echo named; ls /proc | grep -c '^[0-9]' | grep -q '^[0-9]$' && echo few")
LOOKING = pod("look", "/bin/sh", "-c", f"({LOOK}); echo seen; exec sleep 1000")
STEADY = pod("steady", "/bin/sleep", "1000")


NOBODY = 65534


def group_of_technicians():
    try:
        return grp.getgrnam("skerry").gr_gid
    except KeyError:
        return NOBODY


def local_env():
    return {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}


class CommandTest(WorldTest):
    settings = {"allow_exec": "true"}

    def here(self, *args, check=0, text=None):
        """On the board itself."""
        done = subprocess.run([os.path.join(BIN, "skerry"), "--run-dir", self.device.run_dir, *args],
                              env=local_env(), input=text, capture_output=True, text=True,
                              timeout=100)
        self.assertEqual(done.returncode, check, done.stdout + done.stderr)
        return done

    def there(self, *args, check=0):
        return self.world.cli(*args, check=check, seconds=100)

    def events(self, reason):
        return [e for e in self.device.status()["events"] if e["reason"] == reason]


class Restart(CommandTest):
    def test_a_pod_and_a_container_begin_anew_and_it_is_told_who_asked(self):
        self.deploy(STEADY)
        first = self.device.pid("steady/main")
        out = self.there("restart", self.device.name, "steady/main")
        self.assertRegex(out.stdout, rf"restarted +{self.device.name} +steady/main")
        second = wait_until("it runs again", 15, lambda: (
            lambda p: p if p and p != first else None)(self.device.pid("steady/main")))
        self.assertFalse(is_running(first))
        self.assertEqual(self.device.workload("steady/main")["restarts"], 1)
        self.there("restart", self.device.name, "steady")
        third = wait_until("it runs again", 15, lambda: (
            lambda p: p if p and p != second else None)(self.device.pid("steady/main")))
        self.here("restart", "steady")
        wait_until("it runs again", 15, lambda: (
            lambda p: p and p != third)(self.device.pid("steady/main")))
        self.assertEqual(self.device.workload("steady/main")["restarts"], 3)
        told = self.events("Restarted")
        self.assertEqual([e["object"] for e in told], ["steady", "steady", "steady/main"])
        self.assertRegex(told[1]["message"], r"^by \S+")
        self.assertEqual(told[0]["message"], "by a technician at the board")
        # What was wanted is no failure: the state is what it was.
        self.assertEqual(self.device.status()["phase"], "Available")
        self.assertEqual(self.events("Exited") + self.events("Error"), [])
        wait_until("the hub has it", 15, lambda: self.world.db(
            "SELECT count(*) FROM event WHERE reason = 'Restarted'")[0][0] == 3)

    def test_a_new_pod_has_empty_volumes_and_a_container_in_its_place_keeps_them(self):
        p = pod("keep", "/bin/sh", "-c", "echo run >> /mnt/runs; cat /mnt/runs; exec sleep 1000",
                volumes=[{"name": "v", "emptyDir": {}}],
                container_extra={"volumeMounts": [{"name": "v", "mountPath": "/mnt"}]})
        self.deploy(p)
        wait_until("it has run", 10, lambda: len(self.device.lines("keep/main")) == 1)
        self.there("restart", self.device.name, "keep/main")
        wait_until("two runs on one volume", 15, lambda: self.device.lines("keep/main")[1:] ==
                   ["run", "run"])
        self.there("restart", self.device.name, "keep")
        wait_until("one run on a new volume", 15, lambda: self.device.lines("keep/main") == ["run"])

    def test_what_cannot_be_restarted_is_told_why(self):
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"},
               "spec": {"template": {"spec": {
                   "restartPolicy": "Never", "terminationGracePeriodSeconds": 2, "containers": [
                       {"name": "main", "image": "host", "command": ["/bin/sleep", "1000"],
                        "resources": {"limits": {"memory": "16Mi"}}}]}}}}
        self.deploy(job, STEADY, phase=None)
        self.device.wait_state("once/main", "running")
        self.assertIn("runs to its end once", self.there("restart", self.device.name, "once",
                                                           check=4).stderr)
        self.assertIn("runs to its end once", self.there("restart", self.device.name, "once/main",
                                                           check=4).stderr)
        self.assertIn("no device reports", self.there("restart", "nothing", check=3).stderr)
        self.assertIn("no such workload", self.there("restart", self.device.name, "nothing",
                                                     check=3).stderr)
        self.assertIn("no such workload", self.here("restart", "nothing", check=3).stderr)
        self.there("restart", check=2)


class Top(CommandTest):
    def test_processes_are_told_with_what_they_use(self):
        busy = pod("busy", "/bin/sh", "-c", "sleep 1001 & while :; do :; done")
        self.deploy(busy, STEADY)
        # It has forked before it says what else it is.
        wait_until("the other is a sleep", 20, lambda: any(
            "sleep 1001" == p["command"] for p in json.loads(self.here(
                "top", "-o", "json").stdout)["workloads"]["busy/main"]["processes"]))
        for run in (self.there, self.here):
            out = run("top", "--once").stdout
            self.assertRegex(out, r"\Aload \d+\.\d\d .* cpus \d+ .*available of")
            self.assertRegex(out, r"(?m)^steady/main +- +\d+\.\d +\d")
            self.assertRegex(out, r"(?m)^ +\d+ +\d+\.\d +\d\S* +/bin/sleep 1000$")
            self.assertRegex(out, r"(?m)^ +\d+ +\d+\.\d +\d\S* +sleep 1001$")
            self.assertNotIn("\033", out)
            # It is given half a processor, and takes all of that once the machine lets it.
            w = wait_until("it takes it", 20, lambda: (
                lambda w: w if 15 < w["cpuPercent"] < 75 else None)(json.loads(
                    run("top", "-o", "json").stdout)["workloads"]["busy/main"]))
            self.assertEqual(w["more"], 0)
            self.assertEqual(len(w["processes"]), 2)
            pids = {p["pid"]: p for p in w["processes"]}
            self.assertIn(self.device.pid("busy/main"), pids)
            self.assertGreater(pids[self.device.pid("busy/main")]["memBytes"], 0)

    def test_words_of_a_workload_cannot_speak_to_the_terminal(self):
        evil = pod("evil", "/bin/sh", "-c", "exec sleep 1000 2>/dev/null", "\033]0;x\007\n")
        self.deploy(evil)
        named = pod("named", "/bin/sh", "-c", "while :; do sleep 1; done", "\033[2Jx\ny")
        self.deploy(named)
        out = self.here("top", "-o", "json").stdout
        commands = [p["command"] for p in json.loads(out)["workloads"]["named/main"]["processes"]]
        self.assertTrue(any("?[2Jx?y" in c for c in commands), commands)
        self.assertNotRegex(self.here("top", "--once").stdout, r"[\x00-\x09\x0b-\x1f]")


class Exec(CommandTest):
    def test_a_command_has_the_walls_of_the_workload_and_nothing_more(self):
        self.deploy(LOOKING)
        self.device.wait_line("look/main", "seen")
        own = self.device.lines("look/main")
        own = own[:own.index("seen")]
        self.assertIn("few", own)
        self.assertIn("CapEff:\t0000000000000000", own)
        self.assertIn("Seccomp:\t2", own)
        for run, where in ((self.here, []), (self.there, [self.device.name])):
            out = run("exec", *where, "look/main", "--", "/bin/sh", "-c", LOOK)
            self.assertEqual(out.stderr, "")
            self.assertEqual(out.stdout.splitlines(), own)

    def test_the_exit_code_and_both_streams_are_handed_on(self):
        self.deploy(STEADY)
        for run, where in ((self.here, []), (self.there, [self.device.name])):
            out = run("exec", *where, "steady", "--", "/bin/sh", "-c",
                      "printf 'a\\0b\\n'; echo oops >&2; exit 37", check=37)
            self.assertEqual((out.stdout, out.stderr), ("a\0b\n", "oops\n"))
            out = run("exec", *where, "steady", "--", "/bin/sh", "-c", "kill -9 $$", check=137)
            out = run("exec", *where, "steady", "--", "/bin/no-such-program", check=2 if where else 3)
            self.assertIn("execute /bin/no-such-program: No such file", out.stderr)
            # What it leaves behind does not hold us.
            out = run("exec", *where, "steady", "--", "/bin/sh", "-c", "sleep 900 & echo left")
            self.assertEqual(out.stdout, "left\n")
        self.assertEqual([e["object"] for e in self.events("Exec")], ["steady/main"] * 8)
        self.assertIn("root at the board: /bin/sh -c", self.events("Exec")[-1]["message"])
        self.assertEqual(self.device.workload("steady/main")["restarts"], 0)

    def test_much_output_comes_whole_and_too_much_is_an_end(self):
        self.deploy(STEADY)
        script = "i=0; while [ $i -lt 6000 ]; do echo $i-abcdefghijklmnopqrstuvwxyz; i=$((i+1)); done"
        want = "".join(f"{i}-abcdefghijklmnopqrstuvwxyz\n" for i in range(6000))
        for run, where in ((self.here, []), (self.there, [self.device.name])):
            self.assertEqual(run("exec", *where, "steady", "--", "/bin/sh", "-c", script).stdout,
                             want)
        out = self.there("exec", self.device.name, "steady", "--", "/usr/bin/yes", check=1)
        self.assertIn("more than 1048576 bytes of output", out.stderr)
        self.assertGreaterEqual(len(out.stdout), 1048576)
        wait_until("it is gone", 10, lambda: self.device.workload("steady/main")["processes"] == 1)

    def test_stdin_is_read_where_it_is_asked_for(self):
        self.deploy(STEADY)
        out = self.here("exec", "steady", "-i", "--", "/usr/bin/wc", "-c", text="x" * 200000)
        self.assertEqual(out.stdout.strip(), "200000")
        out = self.here("exec", "steady", "--", "/usr/bin/wc", "-c", text="x" * 2000)
        self.assertEqual(out.stdout.strip(), "0")
        env = {**os.environ, **self.world.desk()}
        argv = [os.path.join(BIN, "skerry"), "exec", self.device.name, "steady", "-i", "--",
                "/usr/bin/wc", "-c"]
        done = subprocess.run(argv, env=env, input="y" * 8000, capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.stdout.strip(), "8000", done.stderr)
        done = subprocess.run(argv, env=env, input="y" * 9000, capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("more than 8192 bytes on stdin", done.stderr)

    def test_time_ends_it_and_so_does_who_leaves(self):
        self.deploy(STEADY)
        count = lambda: self.device.workload("steady/main")["processes"]
        for run, where in ((self.here, []), (self.there, [self.device.name])):
            out = run("exec", *where, "steady", "--timeout", "1s", "--", "/bin/sleep", "900",
                      check=7 if where else 3)
            self.assertIn("not done in time", out.stderr)
            wait_until("it is gone", 10, lambda: count() == 1)
        p = subprocess.Popen([os.path.join(BIN, "skerry"), "--run-dir", self.device.run_dir, "exec",
                              "steady", "--", "/bin/sleep", "900"], env=local_env())
        wait_until("it runs", 10, lambda: count() == 2)
        out = self.there("exec", self.device.name, "steady", "--", "/bin/true", check=4)
        self.assertIn("another command runs in steady/main", out.stderr)
        p.kill()
        p.wait()
        wait_until("it is gone", 10, lambda: count() == 1)
        # The last of its processes ends before the agent hears of it.
        wait_until("there may be another", 20, lambda: self.world.cli(
            "exec", self.device.name, "steady", "--", "/bin/true").returncode == 0)
        # And a link that is cut.
        p = subprocess.Popen([os.path.join(BIN, "skerry"), "exec", self.device.name, "steady", "--",
                              "/bin/sleep", "900"], env={**os.environ, **self.world.desk()},
                             stderr=subprocess.DEVNULL)
        wait_until("it runs", 10, lambda: count() == 2)
        self.world.stop_broker()
        wait_until("it is gone", 20, lambda: count() == 1)
        p.wait(60)
        self.assertEqual(self.device.workload("steady/main")["restarts"], 0)

    def test_an_end_of_the_container_ends_the_command(self):
        self.deploy(STEADY)
        p = subprocess.Popen([os.path.join(BIN, "skerry"), "--run-dir", self.device.run_dir, "exec",
                              "steady", "--", "/bin/sleep", "900"], env=local_env(),
                             stderr=subprocess.PIPE, text=True)
        wait_until("it runs", 10, lambda: self.device.workload("steady/main")["processes"] == 2)
        self.here("restart", "steady/main")
        _, err = p.communicate(timeout=100)
        self.assertEqual((p.returncode, err), (3, "error: the container has ended\n"))

    def test_an_agent_that_is_killed_meanwhile_leaves_the_workload_alone(self):
        self.deploy(STEADY)
        pid = self.device.pid("steady/main")
        p = subprocess.Popen([os.path.join(BIN, "skerry"), "--run-dir", self.device.run_dir, "exec",
                              "steady", "--timeout", "2s", "--", "/bin/sh", "-c",
                              "echo up; exec sleep 900"],
                             env=local_env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(p.stdout.readline(), "up\n")
        self.device.kill()
        p.communicate(timeout=100)
        self.device.start().wait_up()
        self.assertEqual(self.device.pid("steady/main"), pid)
        # The keeper still ends it in time, and tells nobody who did not ask.
        wait_until("it is gone", 15, lambda: self.device.workload("steady/main")["processes"] == 1)
        self.assertEqual(self.here("exec", "steady", "--", "/bin/echo", "x").stdout, "x\n")

    def test_only_where_it_is_allowed_and_on_the_board_by_root_alone(self):
        other = self.world.device(name=f"t{os.getpid()}-no").start().wait_up()
        self.world.send_desired(other, 1, [STEADY])
        other.wait_phase("Available", 1)
        done = self.there("exec", other.name, "steady", "--", "/bin/true", check=5)
        self.assertIn("does not allow it (allow_exec)", done.stderr)
        done = self.world.cli("--run-dir", other.run_dir, "exec", "steady", "--", "/bin/true",
                              broker=False, check=3)
        self.assertIn("does not allow it (allow_exec)", done.stderr)
        self.deploy(STEADY)
        # A guest of the group is no root; neither is one without pipes.
        refused = self.device.ask({"verb": "exec", "workload": "steady", "argv": ["/bin/true"]})
        self.assertIn("three pipes", refused["error"])
        ask = ("import os,socket,sys; os.chmod(sys.argv[1], 0o777); s=socket.socket(socket.AF_UNIX);"
               "os.chdir(os.path.dirname(sys.argv[1])); os.chmod('.', 0o711);"
               "os.setgid(int(sys.argv[3])); os.setuid(65534); s.connect('control.sock'); s.sendall(sys.argv[2].encode()+b'\\n');"
               "print(s.makefile().readline())")
        done = subprocess.run(["python3", "-c", ask, os.path.join(self.device.run_dir, "control.sock"),
                               json.dumps({"verb": "exec", "workload": "steady",
                                           "argv": ["/bin/true"]}), str(group_of_technicians())],
                              capture_output=True, text=True, timeout=30)
        # Where the system has the group, its members come in, and no further.
        if group_of_technicians() != NOBODY:
            self.assertIn("only root", done.stdout, done.stderr)
        self.assertNotIn("exit", done.stdout)
        self.assertEqual(self.events("Exec"), [])

    def test_a_device_that_is_away_is_told_with_the_age_of_its_report(self):
        self.deploy(STEADY)
        self.device.stop()
        for verb in (["exec", self.device.name, "steady", "--", "/bin/true"],
                     ["restart", self.device.name, "steady"], ["top", self.device.name]):
            done = self.there(*verb, check=6)
            self.assertRegex(done.stderr, rf"{self.device.name} is offline, its last report is "
                             rf"\S+ old; {verb[0]} needs it online")


class Signed(CommandTest):
    """A board with an anchor."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.start_hub()
        self.signer = Signer(os.path.join(self.world.folder, "keys"), "r1", "s1", "a1", "c1", "evil")
        self.device = self.start_board(command="c1")
        self.name = self.device.name
        self.listen()
        self.n = 0

    def listen(self):
        """From now on; what listened before ends with its broker."""
        self.listener = Listener(self.world, f"{self.name}/up/res/+")
        self.addCleanup(self.listener.close)

    def start_board(self, name=None, command=None, **settings):
        trust = self.signer.trust(1, ["r1"], ["s1"], ["a1"], 1)
        if command:
            self.signer.give(trust, "command", command)
        anchor = self.world.write("anchor.json", json.dumps(self.signer.envelope(trust, "r1")))
        device = self.world.device(name, trust_anchor=anchor, allow_exec="true", **settings)
        device.start().wait_up()
        state = {**self.world.desired(device, 1, [STEADY]), "trust": 1,
                 "issued": "2026-11-26T12:00:00Z", "expires": "2096-11-01T00:00:00Z"}
        self.world.publish(f"{device.name}/dn/desired", self.signer.envelope(state, "s1"),
                           retain=True)
        device.wait_phase("Available", 1)
        return device

    def request(self, verb="restart", **members):
        self.n += 1
        return {"v": 1, "apiVersion": "skerry.dev/v1", "kind": "Command", "fleet": "main",
                "device": self.name, "verb": verb, "id": f"c-{self.n}", "re": "ops", "by": "olga",
                "exp": int(time.time() * 1000) + 600000, "session": self.device.status()["session"],
                "args": {"workload": "steady/main"}, **members}

    def send(self, message, verb="restart", id=None):
        """Its answer: the code and the body."""
        id = id or message["id"]
        before = len(self.listener.find(f"{self.name}/up/res/ops"))
        self.world.publish(f"{self.name}/dn/cmd/{verb}", message)
        answers = lambda: [json.loads(p) for p in
                           self.listener.find(f"{self.name}/up/res/ops")[before:]]
        got = wait_until("an answer", 10, lambda: [a for a in answers() if a["id"] == id])[0]
        return got["code"], got["body"]

    def seal(self, request, *keys):
        return self.signer.envelope(request, *keys, id=request["id"], re=request["re"])

    def test_what_acts_needs_the_signature_of_the_role_and_what_reads_does_not(self):
        pid = self.device.pid("steady/main")
        code, body = self.send(self.request())
        self.assertEqual((code, body),
                         (403, "nobody has signed it, and this board wants that here"))
        self.assertEqual(self.send(self.request("wake"), "wake")[0], 403)
        self.assertEqual(self.send(self.request("exec"), "exec")[0], 403)
        for verb in ("ping", "logs", "top"):
            self.assertEqual(self.send(self.request(verb), verb)[0], 200)
        for key in ("evil", "s1", "a1", "r1"): # `state` counts where nobody has `command`
            r = self.request()
            code, body = self.send(self.seal(r, key))
            self.assertEqual(code, 403)
            self.assertIn("role command", body)
        self.assertEqual(self.device.pid("steady/main"), pid)
        r = self.request()
        self.assertEqual(self.send(self.seal(r, "c1")), (200, "steady/main"))
        wait_until("it runs again", 15, lambda: self.device.pid("steady/main") not in (None, pid))
        # Who ordered it: the key, and the very bytes.
        event = self.events("Restarted")[0]
        self.assertEqual(event["message"], f"by olga, key {self.signer.id('c1')[:12]}")
        kept = wait_until("the hub has it", 15, lambda: self.world.db(
            "SELECT more FROM event WHERE reason = 'Restarted'"))[0][0]
        sealed = json.loads(kept)
        self.assertEqual(json.loads(self.signer.verify(sealed, "c1")), r)

    def test_it_counts_for_this_board_this_verb_this_connection_and_not_for_long(self):
        now = int(time.time() * 1000)
        session = self.device.status()["session"]
        for change, code, says in (({"device": "drone-08"}, 403, "device"),
                                   ({"fleet": "other"}, 403, "fleet"),
                                   ({"verb": "exec"}, 403, "verb"),
                                   ({"kind": "DesiredState"}, 403, "kind"),
                                   ({"exp": now - 1}, 408, "too old"),
                                   ({"session": session - 1}, 409, f"session {session - 1}"),
                                   ({"session": session + 1}, 409, "meant for session"),
                                   ({"exp": None}, 400, "exp, session"),
                                   ({"session": "x"}, 400, "exp, session")):
            r = self.request(**change)
            got = self.send(self.seal(r, "c1"))
            self.assertEqual(got[0], code, got)
            self.assertIn(says, got[1])
        r = self.request()
        del r["session"]
        self.assertEqual(self.send(self.seal(r, "c1"))[0], 400)
        tampered = self.seal(self.request(), "c1")
        tampered["payload"] = self.signer.envelope(self.request(), "c1")["payload"]
        self.assertEqual(self.send(tampered)[0], 403)
        self.assertEqual(self.device.workload("steady/main")["restarts"], 0)

    def test_one_that_is_played_again_does_nothing(self):
        first = self.device.status()["session"]
        message = self.seal(self.request(), "c1")
        self.assertEqual(self.send(message)[0], 200)
        again = lambda: self.send(message)
        self.assertEqual(again(), (409, "this command was carried out already"))
        wait_until("it was restarted", 10,
                   lambda: self.device.workload("steady/main")["restarts"] == 1)
        # Over a new connection, a restart of the agent, and its death.
        for end in (self.device.stop, self.device.kill):
            end()
            self.device.start().wait_up()
            self.assertGreater(self.device.status()["session"], first)
            code, body = again()
            self.assertEqual(code, 409)
            self.assertIn(f"meant for session {first}", body)
        self.world.stop_broker()
        wait_until("it is down", 10, lambda: not self.device.status()["link"]["up"])
        self.world.start_broker()
        self.device.wait_up()
        self.listen()
        self.assertEqual(again()[0], 409)
        self.assertEqual(self.device.workload("steady/main")["restarts"], 1)

    def test_ids_are_remembered_as_long_as_the_connection_lasts(self):
        first = self.seal(self.request(), "c1")
        session = self.device.status()["session"]
        self.assertEqual(self.send(first)[0], 200)
        # The others change nothing, so that this takes no time: there is no such workload.
        for _ in range(255):
            r = self.request(args={"workload": "no"})
            message = self.seal(r, "c1")
            self.world.publish(f"{self.name}/dn/cmd/restart", message)
        wait_until("all are answered", 60, lambda: len(
            self.listener.find(f"{self.name}/up/res/ops")) >= 256)
        self.assertEqual(self.send(first), (409, "this command was carried out already"))
        r = self.request(args={"workload": "no"})
        code, body = self.send(self.seal(r, "c1"))
        self.assertEqual(code, 429)
        wait_until("there is a new connection", 20, lambda: (
            self.device.status()["session"] > session and self.device.status()["link"]["up"]))
        self.assertEqual(self.send(first)[0], 409)

    def test_the_state_key_commands_where_nobody_else_does_and_reading_can_be_closed(self):
        self.device.stop()
        self.device = self.start_board(name=f"t{os.getpid()}-s", unsigned_commands="ping")
        self.name = self.device.name
        self.listen()
        self.assertEqual(self.send(self.seal(self.request(), "s1"))[0], 200)
        self.assertEqual(self.send(self.request("ping"), "ping")[0], 200)
        self.assertEqual(self.send(self.request("logs"), "logs")[0], 403)
        self.assertEqual(self.send(self.seal(self.request("logs"), "s1"), "logs")[0], 200)
        done = self.there("logs", "steady", "-d", self.name, check=5)
        self.assertIn("--sign", done.stderr)
        self.there("logs", "steady", "-d", self.name, "--sign", self.signer.path("s1"))

    def test_the_desk_signs(self):
        for args in (["restart", self.name, "steady"],
                     ["exec", self.name, "steady", "--", "/bin/echo", "hello"]):
            done = self.there(*args, check=5)
            self.assertIn("give --sign", done.stderr)
            at = args.index("--") if "--" in args else len(args)
            done = self.there(*args[:at], "--sign", self.signer.path("evil"), *args[at:], check=5)
            self.assertIn("role command", done.stderr)
            before = self.device.pid("steady/main")
            self.there(*args[:at], "--sign", self.signer.path("c1"), *args[at:])
            # What is told to begin anew is ready until it ends.
            wait_until("it runs", 20, lambda: self.device.workload("steady/main")["ready"] and (
                args[0] == "exec" or self.device.pid("steady/main") not in (None, before)))


if __name__ == "__main__":
    main()
