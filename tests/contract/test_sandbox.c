/* ports/sandbox.h: the walls around a workload, seen from inside. */
#include "tests/contract/keeper_fixture.h"

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
			    "fd\nfull\nnull\nrandom\nshm\nstderr\nstdin\nstdout\nurandom\nzero\n"
			    "good\n 00\n");
}

static void it_sees_no_process_but_its_own(void **state)
{
	struct fixture *f = *state;
	/* The first process, and itself. */
	assert_string_equal(run(f, "set -- /proc/[0-9]*; echo $*"), "/proc/1 /proc/2\n");
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
		{ "entries-in-dev", "10" },
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
	assert_string_equal(run(f, "cat /proc/$$/comm"), "sh\n");
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
		KEEPER_TEST(it_has_its_own_host_name),
		KEEPER_TEST(its_environment_is_what_it_was_given),
		KEEPER_TEST(a_program_is_found_by_its_path),
		KEEPER_TEST(it_works_where_it_was_told),
		KEEPER_TEST(its_resources_are_bounded),
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
