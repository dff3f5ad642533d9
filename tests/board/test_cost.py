"""What the agent costs, measured on the board, and the bounds that a change must not pass.

Memory is the kernel's own account of a process whose programs lie on a disk: the
same on every run to a few KiB. Sizes are of stripped static programs. The bounds are
the project's aims for the memory of skerryd and of the keeper; for the sizes of programs,
what is reached with some room: the aim for skerryd, 1,300 KiB on arm64, was passed when it
learned to join, to renew and to be updated. Private means dirty: the text of a static program that runs once
is "private" to the kernel too, but can be dropped and read again.
"""
from board_test import BoardTest, actor_pod, main

IDLE_S = 60
# A keep-alive or two fall into it; each is a few turns of the loop.
IDLE_WAKES = 16


class Cost(BoardTest):
    settings = {"telemetry_flush": "5s"}
    # KiB: of skerryd stripped; of it idle and connected; of one keeper.
    size, pss, private, keeper, with_8_pss = 1400, 1700, 700, 100, 1950
    cli = 1650  # the command line is the operator's tool, too: manifests, keys, images, rollouts
    workload = 215  # what is reached: a keeper and its name spaces; the aim is 100
    flash_programs = 3500  # of the five together

    def memory_of(self, pid):
        """PSS and private, in KiB."""
        lines = self.board.check(f"cat /proc/{pid}/smaps_rollup").splitlines()
        kib = {w[0]: int(w[1]) for w in (line.split() for line in lines[1:])}
        return kib["Pss:"], kib["Private_Dirty:"]

    def agent(self):
        return self.board.check("cat /run/skerryd.pid")

    def bound(self, name, value, limit):
        print(f"{self.arch} {name} {value} KiB of {limit}")
        self.assertLessEqual(value, limit, name)

    def idle_costs(self):
        """CPU ticks, wake-ups and bytes towards the flash of a while in which nothing happens."""
        script = (f"cut -d' ' -f14,15 /proc/{self.agent()}/stat; "
                  f"sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' /proc/{self.agent()}/status; "
                  f"sed -n 's/^write_bytes: //p' /proc/{self.agent()}/io")
        before = self.board.check(script).split()
        self.board.check(f"sleep {IDLE_S}", IDLE_S + 30)
        return [int(b) - int(a) for a, b in zip(before, self.board.check(script).split())]

    def test_sizes(self):
        for program, limit in (("skerryd", self.size), ("skerry-keeper", 140), ("skerry-unpack", 270),
                               ("skerry-launcher", 75),
                               ("skerry", self.cli)):
            self.bound(f"size of {program}",
                       int(self.board.check(f"stat -c %s /skerry/bin/{program}")) // 1024, limit)

    def test_memory(self):
        self.device.wait_up()
        pss, private = self.memory_of(self.agent())
        self.bound("skerryd idle, PSS", pss, self.pss)
        self.bound("skerryd idle, private", private, self.private)
        image = self.push_actor()
        self.deploy(*[actor_pod(f"w{i}", "wait", image=image, container_extra={
                "resources": {"limits": {"memory": "4Mi"}}}) for i in range(8)], seconds=60)
        pss, private = self.memory_of(self.agent())
        self.bound("skerryd with 8 workloads, PSS", pss, self.with_8_pss)
        self.bound("skerryd with 8 workloads, private", private, self.private)
        keepers = self.board.check("pidof skerry-keeper").split()
        self.assertEqual(len(keepers), 8)
        for pid in keepers:
            self.bound(f"keeper {pid}, PSS", self.memory_of(pid)[0], self.keeper)

    def test_memory_over_tls(self):
        """The same bounds: of a handshake the buffers stay, and the session."""
        self.use_tls()
        self.device.wait_up()
        self.board.check("sleep 3")
        pss, private = self.memory_of(self.agent())
        self.bound("skerryd idle over TLS, PSS", pss, self.pss)
        self.bound("skerryd idle over TLS, private", private, self.private)

    def kept_by(self, group):
        """What a group keeps that nobody else could use, from the kernel's counters, in KiB. The
        pages of programs are left out: they are files', and can be read again."""
        stat = dict(line.split() for line in self.board.check(
            f"cat /sys/fs/cgroup/{group}/memory.stat").splitlines())
        return sum(int(stat[kind]) for kind in ("anon", "kernel", "shmem")) // 1024

    def test_memory_of_a_workload(self):
        """An idle one's keeper, sandbox and groups: all but its own process."""
        count = 8
        self.device.wait_up()
        image = self.push_actor()
        before = self.kept_by("skerry-board-1")
        self.deploy(*[actor_pod(f"w{i}", "wait", image=image, container_extra={
            "resources": {"limits": {"memory": "4Mi"}}}) for i in range(count)], seconds=60)
        self.board.check("mkdir /sys/fs/cgroup/alone; program=$(find /data/skerry/images -name actor | head -n 1);"
                         '(echo 0 >/sys/fs/cgroup/alone/cgroup.procs; exec "$program" wait >/dev/null) & p=$!; '
                         'until [ "$(cat /proc/$p/comm)" = actor ]; do sleep 0.1; done; sleep 1')
        each = (self.kept_by("skerry-board-1") - before) // count - self.kept_by("alone")
        self.bound("an idle workload beyond its own process", each, self.workload)

    def test_flash(self):
        """The five programs, and what the agent keeps when it has just begun."""
        self.device.wait_up()
        programs = int(self.board.check("cd /skerry/bin; stat -c %s skerryd skerry skerry-keeper skerry-unpack skerry-launcher | "
                                        "awk '{n += $1} END {print int(n / 1024)}'"))
        state = int(self.board.check("sync; du -sk /data/skerry").split()[0])
        self.bound("flash of the programs", programs, self.flash_programs)
        self.bound("flash of the state", state, 640)

    def test_boot_to_first_workload(self):
        """Told, not judged: this processor is emulated."""
        self.device.wait_up()
        self.deploy(actor_pod("first", "wait", image=self.push_actor()))
        self.board.check("sync")
        self.board.cut_power()
        self.power_on(network=False)
        self.device.wait_state("first/main", "running")
        w, agent_up = self.device.workload("first/main"), self.device.status()["agentUpMs"]
        uptime = float(self.board.check("cat /proc/uptime").split()[0]) * 1000
        print(f"{self.arch} the workload runs {(uptime - w['upMs']) / 1000:.1f} s after the kernel began, "
              f"{(agent_up - w['upMs']) / 1000:.2f} s after the agent did")
        self.assertGreaterEqual(agent_up, w["upMs"])

    def test_idle(self):
        self.device.wait_up()
        self.board.check("sleep 3")
        user, system, wakes, written = self.idle_costs()
        print(f"{self.arch} idle for {IDLE_S} s: {user + system} ticks (told, not judged: the "
              f"emulator shares its processors), {wakes} wake-ups, {written} bytes written")
        self.assertLessEqual(wakes, IDLE_WAKES)
        self.assertEqual(written, 0)


class CostOnArmv7(Cost):
    board_name = "qemu-armv7"
    options = {"memory": 64}
    size, pss, private, with_8_pss = 900, 1300, 700, 1500
    cli, flash_programs = 1080, 2250


if __name__ == "__main__":
    main()
