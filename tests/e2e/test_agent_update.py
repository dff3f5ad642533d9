"""Another agent comes, proves itself, or goes again; workloads never notice."""
import os
import random
import shutil
import signal
import time

from skerry_test import (ACTOR, BIN, SLOW, Device, Part, World, WorldTest, actor_pod, is_running, main, pod,
                         wait_until)

NEXT = os.path.join(os.path.dirname(ACTOR), "skerryd-next")  # the same agent, of version 9.9.9
NEXT_VERSION = "9.9.9"
TRIAL_S = 25 * SLOW

# What an init does: start it, whatever became of the one before.
INIT = 'while :; do "$@" & echo $! >"$0"; wait $!; echo "init: ended with $?" >&2; sleep 0.3; done'

# The first of these starts dies before its N-th rename; with -D strace is not in between.
KILLED_ONCE = ('mkdir "$0" && exec strace -D -qq -o /dev/null -e trace=rename '
               '-e inject=rename:signal=SIGKILL:when="$1" "${@:2}"; exec "${@:2}"')


class LaunchedDevice(Device):
    def start(self, wrap=(), env=None, trial_s=TRIAL_S):
        config = os.path.join(self.folder, "skerryd.conf")
        with open(config, "w") as f:
            f.writelines(f"{k} = {v}\n" for k, v in self.settings.items())
        self.pid_file = os.path.join(self.folder, "pid")
        self.part = Part(self.name, ["sh", "-c", INIT, self.pid_file, *wrap, os.path.join(BIN, "skerry-launcher"),
                                     "--trial", str(trial_s), "--config", config], self.world.folder, env)
        return self

    def agent_pid(self):
        try:
            with open(self.pid_file) as f:
                return int(f.read())
        except (FileNotFoundError, ValueError):
            return None

    def kill_agent(self):
        try:
            os.kill(self.agent_pid(), signal.SIGKILL)
        except (ProcessLookupError, TypeError):
            pass

    def clean(self):
        if self.part and self.part.is_alive():
            self.part.kill()
        self.kill_agent()
        super().clean()

    def update(self):
        return (self.status() or {}).get("update", {})


class LaunchedWorld(World):
    def device(self, name=None, **settings):
        d = LaunchedDevice(self, name or f"t{os.getpid()}-{len(self.devices)}", settings)
        self.devices.append(d)
        return d


class UpdateTest(WorldTest):
    def setUp(self):
        self.world = LaunchedWorld()
        self.addCleanup(self.world.close)
        self.world.start_broker()
        self.world.start_hub()
        self.device = self.world.device()
        self.device.start().wait_up()
        self.generation = 0
        self.deploy(pod("calm", "/bin/sleep", "100000"))
        self.pid = self.device.pid("calm/main")
        self.first = self.device.status()["agent"]

    def programs(self, name, script=None):
        """A folder of programs to be an agent; `script` stands in for skerryd, which is in real/."""
        folder = os.path.join(self.world.folder, name)
        inner = os.path.join(folder, "real") if script else folder
        os.makedirs(inner)
        shutil.copy(NEXT, os.path.join(inner, "skerryd"))
        for program in ("skerry-keeper", "skerry-unpack"):
            shutil.copy(os.path.join(BIN, program), inner)
        if script:
            path = os.path.join(folder, "skerryd")
            self.starts = os.path.join(self.world.folder, name + ".starts")
            with open(path, "w") as f:
                f.write('#!/bin/sh\nfor last; do :; done\nif [ "$last" = --check ]; then exit 0; fi\n'
                        f"echo x >>{self.starts}\n{script}\n")
            os.chmod(path, 0o755)
        return folder

    def count_starts(self):
        try:
            with open(self.starts) as f:
                return len(f.readlines())
        except FileNotFoundError:
            return 0

    def apply(self, *args, check=None, seconds=200):
        return self.world.cli("apply", "-d", self.device.name, *args, check=check, seconds=seconds * SLOW)

    def version(self):
        return (self.device.status() or {}).get("agent")

    def check_the_workload(self):
        self.device.wait_state("calm/main", "running")
        self.assertEqual(self.device.pid("calm/main"), self.pid)
        self.assertTrue(is_running(self.pid))

    def check_the_old_one(self, done, reason):
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stderr, reason)
        wait_until("the old agent answers", 20, lambda: self.version() == self.first)
        self.assertRegex(self.device.condition("AgentUpdateFailed")["message"], reason)
        self.check_the_workload()
        wait_until("the cloud knows", 30, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'AgentUpdateFailed' AND type = 'Warning'"))


class Good(UpdateTest):
    def test_it_comes_proves_itself_and_goes_back_to_the_package(self):
        done = self.apply("--agent", self.programs("next"), check=0)
        self.assertIn("agent-trial", done.stderr)
        self.assertEqual(self.version(), NEXT_VERSION)
        self.assertEqual(os.readlink(f"/proc/{self.device.agent_pid()}/exe"), os.path.join(
            self.device.state_dir, "images", self.device.update()["slot"][7:], "rootfs/skerryd"))
        self.check_the_workload()
        wait_until("the cloud knows", 30, lambda: self.world.db(
            "SELECT 1 FROM event WHERE reason = 'AgentUpdated' AND message = ?", NEXT_VERSION))

        # It stays, and no deadline is left over; pods come and go beside it.
        self.device.kill_agent()
        wait_until("it is there again", 20, lambda: self.version() == NEXT_VERSION)
        self.device.wait_up()
        self.assertEqual(self.device.update()["phase"], "Running")
        self.assertIn("unchanged", self.apply("--agent", os.path.join(self.world.folder, "next"), check=0).stdout)

        self.apply("--agent", "package", check=0)
        self.assertEqual(self.version(), self.first)
        self.check_the_workload()

    def test_killed_at_any_moment_one_runs(self):
        seed = random.randrange(1 << 30)
        dice = random.Random(seed)
        print(f"seed {seed}", flush=True)
        self.apply("--no-wait", "--agent", self.programs("next"), check=0)
        for _ in range(12):
            time.sleep(dice.uniform(0, 1.2))
            self.device.kill_agent()
        end = lambda: self.device.update().get("phase") in ("Running", "Failed") and (
            self.device.update().get("wanted") is not None)
        wait_until("it is over", 120, end)
        phase = self.device.update()["phase"]
        self.assertEqual(self.version(), NEXT_VERSION if phase == "Running" else self.first)
        if phase == "Failed":
            self.assertIn("ended 3 times", self.device.condition("AgentUpdateFailed")["message"])
        self.check_the_workload()


class Kills(UpdateTest):
    def test_before_any_step_that_counts_and_the_new_one_runs_in_the_end(self):
        """A step counts when its file has its name: blobs, the image, the table of slots."""
        for n in range(1, 40):
            with self.subTest(f"rename {n}"):
                device = self.device = self.world.device()
                flag = os.path.join(self.world.folder, f"killed-{n}")
                device.start(["bash", "-c", KILLED_ONCE, flag, str(n)],
                             {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}).wait_up()
                self.apply("--no-wait", "--agent", self.programs(f"next-{n}"), check=0)
                wait_until("the new one has proved itself", 60, lambda: (
                    self.version() == NEXT_VERSION and device.update().get("phase") == "Running"))
                killed = "init: ended with 137" in device.part.log()
                device.clean()
            if not killed:
                break
        self.assertGreater(n, 4)


class Bad(UpdateTest):
    def test_one_that_ends_at_once_with_whatever_code(self):
        for code in (0, 2):
            done = self.apply("--agent", self.programs(f"ends-{code}", f"exit {code}"))
            self.check_the_old_one(done, "ended 3 times")
            self.assertEqual(self.count_starts(), 3)
        # Not tried again, also by the next agent and beside other changes; but when it is wished.
        self.device.kill_agent()
        self.device.wait_ready(20)
        self.deploy_beside()
        self.assertEqual(self.count_starts(), 3)
        self.assertEqual(self.apply("--retry").returncode, 1)
        self.assertEqual(self.count_starts(), 6)

    def deploy_beside(self):
        manifest = self.world.write("more.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: more}\nspec:\n"
                                    "  containers: [{name: main, image: host, command: [/bin/sleep, '1000']}]\n")
        self.assertEqual(self.apply("-f", manifest, "--healthy-for", "1s").returncode, 1)
        self.device.wait_state("more/main", "running")

    def test_one_that_hangs(self):
        done = self.apply("--agent", self.programs("hangs", "exec sleep 100000"))
        self.check_the_old_one(done, f"not proved itself after {TRIAL_S} s")
        self.assertEqual(self.count_starts(), 1)
        self.assertIn("init: ended with 142", self.device.part.log())  # 128 + SIGALRM

    def test_one_that_cannot_connect(self):
        done = self.apply("--agent", self.programs(
            "deaf", 'exec "${0%/*}/real/skerryd" "$@" --set broker=mqtt://127.0.0.1:1'))
        self.check_the_old_one(done, "no report of it reached the broker")
        self.assertEqual(self.count_starts(), 1)

    def test_one_that_refuses_our_configuration_is_never_started(self):
        folder = self.programs("strange", "exit 0")
        path = os.path.join(folder, "skerryd")
        with open(path, "w") as f:
            f.write("#!/bin/sh\nexit 2\n")
        self.check_the_old_one(self.apply("--agent", folder), "--check ended with exit code 2")
        self.assertNotIn("init: ended", self.device.part.log())

    def test_one_that_is_no_program(self):
        folder = os.path.join(self.world.folder, "empty")
        os.makedirs(folder)
        with open(os.path.join(folder, "README"), "w") as f:
            f.write("nothing here\n")
        self.check_the_old_one(self.apply("--agent", folder), "skerryd: No such file")


class WithoutLauncher(WorldTest):
    def test_it_says_so_and_stays(self):
        self.deploy(pod("calm", "/bin/sleep", "100000"))
        done = self.world.cli("apply", "-d", self.device.name, "--agent", f"x@sha256:{'0' * 64}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("was not started by skerry-launcher", done.stderr)
        self.assertEqual(self.device.condition("AgentUpdateFailed")["reason"], "NoLauncher")


if __name__ == "__main__":
    main()
