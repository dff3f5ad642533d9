/* ports/sandbox.h: the walls around a workload, seen from inside. */
#include "ports/netns.h"
#include "tests/contract/keeper_fixture.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* --- the walls --- */

static void it_runs_as_its_own_user_without_groups(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(run(f, "id -u; id -g; grep -E '^Groups' /proc/self/status"),
			    "61234\n61235\nGroups:\t \n");
}

static void it_has_the_groups_it_was_given_alone(void **state)
{
	struct fixture *f = *state;
	f->launch.groups[0] = 61236;
	f->launch.groups[1] = 61237;
	f->launch.group_count = 2;
	assert_string_equal(run(f, "id -G"), "61235 61236 61237\n");
}

static void it_has_no_capability_and_can_gain_none(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(run(f, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status"),
			    "CapInh:\t0000000000000000\n"
			    "CapPrm:\t0000000000000000\n"
			    "CapEff:\t0000000000000000\n"
			    "CapBnd:\t0000000000000000\n"
			    "CapAmb:\t0000000000000000\n"
			    "NoNewPrivs:\t1\n");
}

static void it_inherits_no_descriptor(void **state)
{
	struct fixture *f = *state;
	int leaky = open("/etc/passwd", O_RDONLY); /* not close-on-exec */
	int high = fcntl(leaky, F_DUPFD, 500);
	f->launch.argv[0] = "/bin/ls";
	f->launch.argv[1] = "/proc/self/fd";
	assert_string_equal(run(f, ""), "0\n1\n2\n3\n"); /* 3 is the folder that ls reads */
	close(leaky);
	close(high);
}

static void it_reads_nothing_from_us(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(run(f, "readlink /proc/self/fd/0; cat"), "/dev/null\n");
}

static void its_root_is_read_only(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(run(f, "for d in / /etc /usr /var/tmp /home; do"
				   " touch $d/skerry-test 2>/dev/null && echo wrote $d;"
				   " done; grep -E '^[^ ]+ / ' /proc/mounts | cut -d' ' -f4 |"
				   " cut -d, -f1"),
			    "ro\n");
	assert_false(file_exists("/var/tmp/skerry-test"));
}

static void its_tmp_is_its_own(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(run(f, "ls -A /tmp; echo x > /tmp/mine && cat /tmp/mine;"
				   " head -c 2000000 /dev/zero > /tmp/large 2>/dev/null ||"
				   " echo full"),
			    "x\nfull\n");
	assert_false(file_exists("/tmp/mine"));
}

static void its_devices_are_the_harmless_ones(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(run(f, "ls /dev; echo x > /dev/null && echo good;"
				   " head -c 1 /dev/zero | od -An -tx1"),
			    "fd\nfull\nnull\nrandom\nshm\nstderr\nstdin\nstdout\ntermination-"
			    "log\nurandom\nzero\n"
			    "good\n 00\n");
}

static void it_sees_no_process_but_its_own(void **state)
{
	struct fixture *f = *state;
	/* The first process, and itself. */
	assert_string_equal(run(f, "set -- /proc/[0-9]*; echo $*"), "/proc/1 /proc/2\n");
}

/* The first process is the keeper, which is in the board's mounts. */
static void it_learns_nothing_from_the_first_process(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(run(f, "for name in cmdline mountinfo mounts cgroup status net/tcp;"
				   " do cat /proc/1/$name /proc/1/task/1/$name; done 2>/dev/null;"
				   " ls /proc/1 2>/dev/null; kill -0 1 2>/dev/null && echo mine;"
				   " rmdir /proc/1 2>/dev/null; echo nothing"),
			    "nothing\n");
}

static void it_has_its_own_host_name(void **state)
{
	struct fixture *f = *state;
	char before[64], after[64];
	gethostname(before, sizeof before);
	assert_string_equal(run(f, "hostname"), "pod\n");
	gethostname(after, sizeof after);
	assert_string_equal(before, after);
}

static void its_environment_is_what_it_was_given(void **state)
{
	struct fixture *f = *state;
	setenv("SKERRY_TEST_LEAK", "1", 1);
	f->launch.argv[0] = "/usr/bin/env";
	assert_string_equal(run(f, ""), "PATH=/usr/bin:/bin\nA=1\n");
}

static void a_program_is_found_by_its_path(void **state)
{
	struct fixture *f = *state;
	f->launch.argv[0] = "id";
	f->launch.argv[1] = "-u";
	assert_string_equal(run(f, ""), "61234\n");
}

static void it_works_where_it_was_told(void **state)
{
	struct fixture *f = *state;
	f->launch.workdir = "/usr/bin";
	assert_string_equal(run(f, "pwd"), "/usr/bin\n");
}

static void its_resources_are_bounded(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(run(f, "ulimit -n; ulimit -c; cat /proc/self/oom_score_adj"),
			    "256\n0\n500\n");
}

static void what_is_idle_has_only_what_is_over(void **state)
{
	struct fixture *f = *state;
	f->launch.idle = 1;
	/* SCHED_IDLE */
	assert_string_equal(run(f, "set -- $(cat /proc/self/stat); echo ${41}"), "5\n");
}

static void it_is_in_its_cgroup_before_its_first_instruction(void **state)
{
	struct fixture *f = *state;
	char expected[64];
	snprintf(expected, sizeof expected, "skerry-test-%d/pod.main\n", getpid());
	const char *text = run(f, "cat /proc/self/cgroup");
	assert_non_null(strstr(text, expected));
}

static void the_hosts_secrets_in_proc_are_covered(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(run(f, "cat /proc/kallsyms /proc/keys /proc/interrupts 2>/dev/null |"
				   " wc -c; echo 1 2>/dev/null > /proc/sys/kernel/hostname ||"
				   " echo refused"),
			    "0\nrefused\n");
}

static void hidden_folders_are_empty(void **state)
{
	struct fixture *f = *state;
	f->launch.hides[0] = "/etc/ssl";
	assert_string_equal(run(f, "ls -A /etc/ssl 2>/dev/null; echo nothing"), "nothing\n");
	assert_true(file_exists("/etc/ssl"));
}

/* --- volumes --- */

static void mount_volume(struct fixture *f, const char *source, bool read_only)
{
	f->launch.mounts[0] = (struct launch_mount){ .kind = MOUNT_BIND,
						     .root = f->scratch.folder,
						     .source = source,
						     .target = "/run/volume",
						     .read_only = read_only };
	f->launch.mount_count = 1;
}

static void make_volume(struct fixture *f)
{
	const char *path = scratch_at(&f->scratch, "volume");
	assert_ok(dir_make(path, 0755, NULL));
	assert_int_equal(chown(path, UID, GID), 0);
	mount_volume(f, "volume", false);
}

static void a_volume_can_be_written_and_stays(void **state)
{
	struct fixture *f = *state;
	make_volume(f);
	assert_string_equal(run(f, "echo kept > /run/volume/file; cat /run/volume/file"), "kept\n");
	assert_true(file_exists(scratch_at(&f->scratch, "volume/file")));
}

static void a_read_only_volume_cannot(void **state)
{
	struct fixture *f = *state;
	make_volume(f);
	f->launch.mounts[0].read_only = true;
	assert_string_equal(run(f, "echo x 2>/dev/null > /run/volume/file || echo refused"),
			    "refused\n");
}

static void a_volume_leads_nowhere_else(void **state)
{
	struct fixture *f = *state;
	make_volume(f);
	assert_int_equal(symlink("/etc", scratch_at(&f->scratch, "link")), 0);
	mount_volume(f, "link", false);
	start(f, "ls /run/volume");
	turn_until(f->loop, &f->ended);
	assert_true(f->exit.failed_start);
	assert_non_null(strstr(f->exit.message, "/run/volume"));
}

static void a_volume_stays_below_its_root(void **state)
{
	struct fixture *f = *state;
	mount_volume(f, "../../etc", false);
	start(f, "ls /run/volume");
	turn_until(f->loop, &f->ended);
	assert_true(f->exit.failed_start);
}

static void a_volume_in_memory_has_its_size(void **state)
{
	struct fixture *f = *state;
	f->launch.mounts[0] = (struct launch_mount){ .kind = MOUNT_TMPFS,
						     .target = "/run/memory",
						     .bytes = 64 * 1024 };
	f->launch.mount_count = 1;
	assert_string_equal(run(f, "head -c 65536 /dev/zero > /run/memory/fits && echo fits;"
				   " echo x 2>/dev/null > /run/memory/more || echo full"),
			    "fits\nfull\n");
}

static void nothing_on_a_volume_is_a_way_up(void **state)
{
	struct fixture *f = *state;
	make_volume(f);
	char program[256], *text;
	size_t len;
	snprintf(program, sizeof program, "%s/volume/id", f->scratch.folder);
	assert_ok(file_read("/usr/bin/id", LOG_MAX, &text, &len, NULL));
	assert_ok(file_replace(program, (struct bytes){ text, len }, false, NULL));
	free(text);
	assert_int_equal(chmod(program, 04755), 0);
	assert_string_equal(run(f, "/run/volume/id -u"), "61234\n");
}

/* --- what the probe finds (tests/bench/probe.c) --- */

/* The program beside this test. */
static void make_probe(struct fixture *f)
{
	char path[256], *text;
	size_t len;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
	assert_true(n > 0);
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/bench.probe");
	assert_ok(file_read(path, LOG_MAX, &text, &len, NULL));
	make_volume(f);
	snprintf(path, sizeof path, "%s/volume/probe", f->scratch.folder);
	assert_ok(file_replace(path, (struct bytes){ text, len }, false, NULL));
	assert_int_equal(chmod(path, 0755), 0);
	free(text);
}

static void assert_probe(struct fixture *f, const char *name, const char *want)
{
	const char *got = NULL;
	for (const char *line = f->log; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		size_t n = strlen(name);
		if (strncmp(line, name, n) == 0 && line[n] == ' ')
			got = line + n + 1;
	}
	if (!got)
		fail_msg("the probe says nothing of %s", name);
	size_t n = strcspn(got, "\n");
	for (const char *w = want; w; w = strchr(w, '|')) {
		w += *w == '|';
		if (strcspn(w, "|") == n && strncmp(w, got, n) == 0)
			return;
	}
	fail_msg("%s is %.*s, not %s", name, (int)n, got, want);
}

static void the_probe_finds_every_way_closed(void **state)
{
	static const char *const want[][2] = {
		{ "user", "other" },
		{ "groups", "none" },
		{ "capabilities-effective", "0" },
		{ "capabilities-permitted", "0" },
		{ "capabilities-inheritable", "0" },
		{ "capabilities-ambient", "0" },
		{ "capabilities-bounding", "0" },
		{ "no-new-privs", "1" },
		{ "seccomp", "2" },
		{ "inherited-descriptors", "0" },
		{ "pid-namespace", "own" },
		{ "root-mount", "ro" },
		{ "core-dumps", "none" },
		{ "entries-in-dev", "11" },
		{ "write-core-pattern", "EROFS|EACCES" },
		{ "write-sysrq", "absent|EROFS|EACCES" },
		{ "write-root", "EROFS|EACCES" },
		{ "write-dev", "EROFS|EACCES" },
		{ "read-kcore", "absent|empty|EACCES" },
		{ "read-keys", "absent|empty|EACCES" },
		{ "read-kallsyms", "absent|empty|EACCES" },
		{ "read-interrupts", "absent|empty|EACCES" },
		{ "read-cmdline", "absent|empty|EACCES" },
		{ "read-timer-list", "absent|empty|EACCES" },
		{ "read-init-memory", "EACCES|EPERM" },
		{ "read-init-environ", "EACCES|EPERM" },
		{ "list-init-root", "EACCES|EPERM" },
		{ "open-memory", "absent" },
		{ "open-console", "absent" },
		{ "socket-unix", "ok" },
		{ "socket-inet", "ok" },
		{ "socket-netlink", "EAFNOSUPPORT" },
		{ "socket-packet", "EAFNOSUPPORT" },
		{ "socket-raw", "EPERM" },
		{ "socket-vsock", "EAFNOSUPPORT" },
		{ "socket-alg", "EAFNOSUPPORT" },
		{ "new-user-namespace", "EPERM" },
		{ "new-user-namespace-by-clone", "EPERM" },
		{ "new-mount-namespace", "EPERM" },
		{ "new-net-namespace", "EPERM" },
		{ "make-device-node", "EPERM|EACCES" },
		{ "type-into-terminal", "EPERM" },
		{ "ptrace", "EPERM" },
		{ "mount", "EPERM" },
		{ "umount2", "EPERM" },
		{ "pivot_root", "EPERM" },
		{ "chroot", "EPERM" },
		{ "setns", "EPERM" },
		{ "sethostname", "EPERM" },
		{ "process_vm_readv", "EPERM" },
		{ "bpf", "EPERM" },
		{ "perf_event_open", "EPERM" },
		{ "io_uring_setup", "EPERM" },
		{ "keyctl", "EPERM" },
		{ "add_key", "EPERM" },
		{ "request_key", "EPERM" },
		{ "userfaultfd", "EPERM" },
		{ "personality", "EPERM" },
		{ "open_by_handle_at", "EPERM" },
		{ "init_module", "EPERM" },
		{ "delete_module", "EPERM" },
		{ "kexec_load", "EPERM" },
		{ "swapon", "EPERM" },
		{ "acct", "EPERM" },
		{ "syslog", "EPERM" },
		{ "quotactl", "EPERM" },
		{ "clock_settime", "EPERM" },
		{ "kcmp", "EPERM" },
		{ "clone3", "ENOSYS" },
		{ "unknown-call", "ENOSYS" },
		{ "foreign-call", "killed|none" },
	};
	struct fixture *f = *state;
	make_probe(f);
	run(f, "/run/volume/probe");
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		assert_probe(f, want[i][0], want[i][1]);
}

static void families_of_sockets_are_those_it_was_given(void **state)
{
	struct fixture *f = *state;
	make_probe(f);
	f->launch.families = INT64_C(1) << 1 | INT64_C(1) << 16; /* AF_UNIX, AF_NETLINK */
	run(f, "/run/volume/probe socket-unix socket-inet socket-netlink");
	assert_probe(f, "socket-unix", "ok");
	assert_probe(f, "socket-inet", "EAFNOSUPPORT");
	assert_probe(f, "socket-netlink", "ok");
}

/* --- what is run is the workload's own (CVE-2019-5736) --- */

static const char *why_it_does_not_start(struct fixture *f, const char *program)
{
	f->launch.argv[0] = program;
	f->launch.argv[1] = NULL;
	start(f, "");
	turn_until(f->loop, &f->ended);
	assert_true(f->exit.failed_start);
	return f->exit.message;
}

static void our_own_program_is_none_of_its(void **state)
{
	struct fixture *f = *state;
	assert_non_null(
		strstr(why_it_does_not_start(f, "/proc/self/exe"), "execute /proc/self/exe"));
}

static void a_script_does_not_lead_to_our_program(void **state)
{
	struct fixture *f = *state;
	make_volume(f);
	char path[256];
	snprintf(path, sizeof path, "%s/volume/script", f->scratch.folder);
	assert_ok(file_replace(path, bytes_of("#!/proc/self/exe\n"), false, NULL));
	assert_int_equal(chmod(path, 0755), 0);
	assert_non_null(strstr(why_it_does_not_start(f, "/run/volume/script"), "execute"));
}

static void a_script_gets_its_words(void **state)
{
	struct fixture *f = *state;
	make_volume(f);
	char path[256];
	snprintf(path, sizeof path, "%s/volume/script", f->scratch.folder);
	assert_ok(file_replace(path,
			       bytes_of("#! /bin/sh -e \necho \"$0\" \"$1\"; false; echo no\n"),
			       false, NULL));
	assert_int_equal(chmod(path, 0755), 0);
	f->launch.argv[0] = "/run/volume/script";
	f->launch.argv[1] = "a b";
	start(f, "");
	wait_for_end(f);
	assert_int_equal(f->exit.code, 1);
	assert_string_equal(printed(f), "/run/volume/script a b\n");
}

static void a_script_may_be_anothers_interpreter(void **state)
{
	struct fixture *f = *state;
	char path[256];
	make_volume(f);
	snprintf(path, sizeof path, "%s/volume/inner", f->scratch.folder);
	assert_ok(file_replace(path, bytes_of("#!/bin/sh\necho inner \"$@\"\n"), false, NULL));
	assert_int_equal(chmod(path, 0755), 0);
	snprintf(path, sizeof path, "%s/volume/outer", f->scratch.folder);
	assert_ok(file_replace(path, bytes_of("#!/run/volume/inner x\n"), false, NULL));
	assert_int_equal(chmod(path, 0755), 0);
	assert_string_equal(run(f, "/run/volume/outer 1"), "inner x /run/volume/outer 1\n");
	f->ends = 0;
	snprintf(path, sizeof path, "%s/volume/self", f->scratch.folder);
	assert_ok(file_replace(path, bytes_of("#!/run/volume/self\n"), false, NULL));
	assert_int_equal(chmod(path, 0755), 0);
	assert_non_null(strstr(why_it_does_not_start(f, "/run/volume/self"), "execute"));
}

static void a_process_has_the_name_of_its_program(void **state)
{
	struct fixture *f = *state;
	assert_string_equal(run(f, "cat /proc/$$/comm; true"), "sh\n");
}

static void a_working_folder_in_proc_is_refused_or_inside(void **state)
{
	struct fixture *f = *state;
	int leaked = open("/", O_RDONLY | O_DIRECTORY);
	/* CVE-2024-21626: a descriptor of ours as working folder. */
	for (int fd = 3; fd < 20; fd++) {
		char path[32];
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		f->launch.workdir = path;
		f->ends = 0;
		start(f, "test -e /run/skerry-outside; pwd");
		turn_until(f->loop, &f->ended);
		assert_true(f->exit.failed_start);
	}
	close(leaked);
}

/* --- the network --- */

static void a_network_of_its_own_has_loopback_alone(void **state)
{
	struct fixture *f = *state;
	assert_ok(netns_make(true, &f->network_fd, &f->why));
	f->launch.network = 1;
	assert_string_equal(run(f, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ';"
				   " cat /proc/net/route | tail -n +2 | wc -l"),
			    "lo\n0\n");
	close(f->network_fd);
}

static void what_is_in_one_network_is_not_heard_in_another(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;
	SCOPED_FD ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(ours, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(ours, 1), 0);
	assert_int_equal(getsockname(ours, (struct sockaddr *)&a, &size), 0);
	assert_ok(netns_make(true, &f->network_fd, &f->why));
	assert_true(netns_enter(f->network_fd));
	SCOPED_FD theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	netns_leave();
	assert_int_equal(connect(theirs, (struct sockaddr *)&a, sizeof a), -1);
	assert_int_equal(errno, ECONNREFUSED);
	SCOPED_FD again = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(again, (struct sockaddr *)&a, sizeof a), 0);
	close(f->network_fd);
}

static void the_network_of_a_workload_is_found_again(void **state)
{
	struct fixture *f = *state;
	int fd;
	struct stat made, found;
	assert_ok(netns_make(false, &f->network_fd, &f->why));
	f->launch.network = 1;
	start(f, "exec sleep 1000");
	turn_until(f->loop, &f->started);
	assert_ok(netns_of(f->pid, &fd, &f->why));
	assert_int_equal(fstat(f->network_fd, &made), 0);
	assert_int_equal(fstat(fd, &found), 0);
	assert_true(made.st_ino == found.st_ino);
	close(fd);
	close(f->network_fd);
	assert_err(ERR_NOT_FOUND, netns_of(getpid(), &fd, &f->why));
}

/* --- what it is handed --- */

static void listening_sockets_are_handed_over(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	for (int i = 0; i < 2; i++) {
		f->listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		a.sin_port = 0;
		assert_int_equal(bind(f->listeners[i], (struct sockaddr *)&a, sizeof a), 0);
		assert_int_equal(listen(f->listeners[i], 1), 0);
	}
	f->launch.listeners = 2;
	f->launch.env[2] = strdup("LISTEN_PID=0000000000");
	f->launch.env[3] = "LISTEN_FDS=2";
	assert_string_equal(run(f, "[ $LISTEN_PID = $$ ] && echo mine; echo $LISTEN_FDS;"
				   " for n in 3 4; do readlink /proc/$$/fd/$n | cut -d: -f1; done"),
			    "mine\n2\nsocket\nsocket\n");
	free((char *)(uintptr_t)f->launch.env[2]);
	close(f->listeners[0]);
	close(f->listeners[1]);
}

static void a_device_is_its_own_node(void **state)
{
	struct fixture *f = *state;
	f->launch.mounts[f->launch.mount_count++] = (struct launch_mount){
		.kind = MOUNT_DEVICE, .target = "/dev/bus/nothing", .major = 1, .minor = 3
	};
	assert_string_equal(run(f, "stat -c '%A %u %t:%T' /dev/bus/nothing;"
				   " echo x > /dev/bus/nothing && echo wrote"),
			    "crw------- 61234 1:3\nwrote\n");
}

static void a_device_to_read_cannot_be_written(void **state)
{
	struct fixture *f = *state;
	f->launch.mounts[f->launch.mount_count++] = (struct launch_mount){ .kind = MOUNT_DEVICE,
									   .target = "/dev/seed",
									   .major = 1,
									   .minor = 9,
									   .read_only = true };
	assert_string_equal(run(f, "head -c 4 /dev/seed | wc -c;"
				   " { echo x > /dev/seed; } 2>/dev/null || echo refused"),
			    "4\nrefused\n");
}

/* --- what it says of itself --- */

static void mount_notify(struct fixture *f)
{
	f->launch.notify = 1;
	f->launch.mounts[f->launch.mount_count++] = (struct launch_mount){
		.root = f->folder, .source = "notify.sock", .target = "/run/notify.sock"
	};
}

static void it_says_when_it_is_ready(void **state)
{
	struct fixture *f = *state;
	make_probe(f);
	mount_notify(f);
	start(f, "/run/volume/probe notify=/run/notify.sock 'READY=1\nSTATUS=warm\nX=1';"
		 " /run/volume/probe notify=/run/notify.sock WATCHDOG=1; exec sleep 1000");
	while (!f->notices[NOTICE_WATCHDOG]) {
		turn_until(f->loop, &f->has_notice);
		f->has_notice = false;
	}
	assert_int_equal(f->notices[NOTICE_READY], 1);
	assert_string_equal(f->status, "warm");
	/* A later agent hears what still holds. */
	const struct keeper_hooks hooks = hooks_of(f);
	int fd;
	keeper_close(f->keeper);
	memset(f->notices, 0, sizeof f->notices);
	assert_ok(keeper_adopt(f->loop, f->folder, &hooks, &f->keeper, &fd, &f->why));
	f->has_notice = false;
	while (!f->notices[NOTICE_STATUS]) {
		turn_until(f->loop, &f->has_notice);
		f->has_notice = false;
	}
	assert_int_equal(f->notices[NOTICE_READY], 1);
	assert_int_equal(f->notices[NOTICE_WATCHDOG], 0);
	assert_ok(keeper_signal(f->keeper, SIGKILL, &f->why));
	turn_until(f->loop, &f->ended);
}

static void its_last_words_are_kept(void **state)
{
	struct fixture *f = *state;
	char path[256], *text;
	size_t len;
	f->launch.termination = "/dev/termination-log";
	start(f, "printf 'no card\nin the slot' > /dev/termination-log; exit 1");
	wait_for_end(f);
	snprintf(path, sizeof path, "%s/termination", f->folder);
	assert_ok(file_read(path, 4096, &text, &len, NULL));
	assert_string_equal(text, "no card\nin the slot");
	free(text);
}

static void of_many_last_words_the_first_are_kept(void **state)
{
	struct fixture *f = *state;
	char path[256], *text;
	size_t len;
	f->launch.termination = "/tmp/words";
	start(f, "head -c 10000 /dev/zero | tr '\\0' w > /tmp/words");
	wait_for_end(f);
	snprintf(path, sizeof path, "%s/termination", f->folder);
	assert_ok(file_read(path, 8192, &text, &len, NULL));
	assert_int_equal(len, 4096);
	free(text);
}

static void last_words_lead_nowhere_else(void **state)
{
	struct fixture *f = *state;
	char path[256];
	f->launch.termination = "/tmp/words";
	start(f, "ln -s /etc/passwd /tmp/words");
	wait_for_end(f);
	snprintf(path, sizeof path, "%s/termination", f->folder);
	assert_false(file_exists(path));
}

int main(void)
{
	if (!is_possible())
		return SKIPPED;
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(it_runs_as_its_own_user_without_groups),
		KEEPER_TEST(it_has_the_groups_it_was_given_alone),
		KEEPER_TEST(it_has_no_capability_and_can_gain_none),
		KEEPER_TEST(it_inherits_no_descriptor),
		KEEPER_TEST(it_reads_nothing_from_us),
		KEEPER_TEST(its_root_is_read_only),
		KEEPER_TEST(its_tmp_is_its_own),
		KEEPER_TEST(its_devices_are_the_harmless_ones),
		KEEPER_TEST(it_sees_no_process_but_its_own),
		KEEPER_TEST(it_learns_nothing_from_the_first_process),
		KEEPER_TEST(it_has_its_own_host_name),
		KEEPER_TEST(its_environment_is_what_it_was_given),
		KEEPER_TEST(a_program_is_found_by_its_path),
		KEEPER_TEST(it_works_where_it_was_told),
		KEEPER_TEST(its_resources_are_bounded),
		KEEPER_TEST(what_is_idle_has_only_what_is_over),
		KEEPER_TEST(it_is_in_its_cgroup_before_its_first_instruction),
		KEEPER_TEST(the_hosts_secrets_in_proc_are_covered),
		KEEPER_TEST(hidden_folders_are_empty),
		KEEPER_TEST(a_volume_can_be_written_and_stays),
		KEEPER_TEST(a_read_only_volume_cannot),
		KEEPER_TEST(a_volume_leads_nowhere_else),
		KEEPER_TEST(a_volume_stays_below_its_root),
		KEEPER_TEST(a_volume_in_memory_has_its_size),
		KEEPER_TEST(nothing_on_a_volume_is_a_way_up),
		KEEPER_TEST(the_probe_finds_every_way_closed),
		KEEPER_TEST(families_of_sockets_are_those_it_was_given),
		KEEPER_TEST(our_own_program_is_none_of_its),
		KEEPER_TEST(a_script_does_not_lead_to_our_program),
		KEEPER_TEST(a_script_gets_its_words),
		KEEPER_TEST(a_script_may_be_anothers_interpreter),
		KEEPER_TEST(a_process_has_the_name_of_its_program),
		KEEPER_TEST(a_working_folder_in_proc_is_refused_or_inside),
		KEEPER_TEST(a_network_of_its_own_has_loopback_alone),
		KEEPER_TEST(what_is_in_one_network_is_not_heard_in_another),
		KEEPER_TEST(the_network_of_a_workload_is_found_again),
		KEEPER_TEST(listening_sockets_are_handed_over),
		KEEPER_TEST(a_device_is_its_own_node),
		KEEPER_TEST(a_device_to_read_cannot_be_written),
		KEEPER_TEST(it_says_when_it_is_ready),
		KEEPER_TEST(its_last_words_are_kept),
		KEEPER_TEST(of_many_last_words_the_first_are_kept),
		KEEPER_TEST(last_words_lead_nowhere_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
