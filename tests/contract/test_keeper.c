/*
 * ports/keeper.h and ports/sandbox.h against the real skerry-keeper: needs root
 * and a cgroup file system. Workloads are one line of shell on the host's root.
 */
#include "ports/keeper.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/cgroup.h"
#include "ports/socket.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/contract/waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	SKIPPED = 77,
	MIB = 1024 * 1024,
	UID = 61234,
	GID = 61235,
	CRI_HEAD = 40, /* "2026-11-24T10:00:00.123456789Z stdout F " */
	LOG_MAX = 4 * MIB,
};

static const char LEAF[] = "pod.main";

struct fixture {
	struct scratch scratch;
	char folder[128]; /* the keeper's */
	struct loop *loop;
	struct cgroup_tree *tree;
	struct launch launch;
	struct keeper *keeper;
	int telemetry_fd;
	struct why why;

	bool started, ended, has_log, has_exec;
	size_t starts, ends;
	pid_t pid;
	int64_t started_ms;
	struct workload_exit exit;
	unsigned exec_id;
	int exec_code;
	char exec_output[KEEPER_OUTPUT_MAX + 1];
	size_t exec_len;
	char *log; /* of all files, in order */
	size_t log_len;
};

static void on_started(void *owner, pid_t pid, int64_t started_ms)
{
	struct fixture *f = owner;
	f->started = true;
	f->starts++;
	f->pid = pid;
	f->started_ms = started_ms;
}

static void on_exit_of(void *owner, const struct workload_exit *exit)
{
	struct fixture *f = owner;
	f->ended = true;
	f->ends++;
	f->exit = *exit;
	f->keeper = NULL; /* closed when this returns */
}

static void on_log(void *owner)
{
	struct fixture *f = owner;
	f->has_log = true;
}

static void on_exec(void *owner, unsigned id, int code, struct bytes output)
{
	struct fixture *f = owner;
	f->has_exec = true;
	f->exec_id = id;
	f->exec_code = code;
	f->exec_len = output.len;
	text_copy(f->exec_output, sizeof f->exec_output, output);
}

static struct keeper_hooks hooks_of(struct fixture *f)
{
	return (struct keeper_hooks){ f, on_started, on_exit_of, on_log, on_exec };
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	char name[32];
	assert_non_null(f);
	scratch_make(&f->scratch);
	/* The workload's user must get through to what it is given. */
	assert_int_equal(chmod(f->scratch.folder, 0755), 0);
	snprintf(f->folder, sizeof f->folder, "%s/w", f->scratch.folder);
	snprintf(name, sizeof name, "skerry-test-%d", getpid());
	assert_ok(loop_open(&f->loop, NULL));
	assert_ok(cgroup_open(name, &f->tree, &f->why));
	f->telemetry_fd = -1;
	f->launch = (struct launch){
		.workload = "pod/main",
		.spec = "sha256:0",
		.generation = 1,
		.instance = 1,
		.hostname = "pod",
		.root = "/",
		.uid = UID,
		.gid = GID,
		.oom_score_adj = 500,
		.tmp_bytes = MIB,
		.log_bytes = 64 * 1024,
		.files = 256,
		.env = { "PATH=/usr/bin:/bin", "A=1" },
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	keeper_close(f->keeper);
	(void)!cgroup_kill(f->tree, LEAF, NULL);
	while (cgroup_remove(f->tree, LEAF, NULL) == ERR_AGAIN && clock_now_ms() < until)
		poll(NULL, 0, 5);
	while (waitpid(-1, NULL, 0) > 0)
		; /* keepers that were let go */
	cgroup_close(f->tree, true);
	close_quietly(f->telemetry_fd);
	loop_close(f->loop);
	scratch_remove(&f->scratch);
	free(f->log);
	free(f);
	return 0;
}

static void start_limited(struct fixture *f, const char *script, int64_t memory_bytes)
{
	const struct cgroup_limits limits = { .memory_bytes = memory_bytes, .pids = 64 };
	const char *elsewhere = getenv("SKERRY_KEEPER"); /* on a board it lies somewhere else */
	const struct keeper_options o = { elsewhere ? elsewhere : KEEPER_PROGRAM, f->folder,
					  f->tree, f->telemetry_fd };
	const struct keeper_hooks hooks = hooks_of(f);
	assert_ok(cgroup_make(f->tree, LEAF, &limits, &f->launch.join, &f->why));
	if (!f->launch.argv[0]) {
		f->launch.argv[0] = "/bin/sh";
		f->launch.argv[1] = "-c";
		f->launch.argv[2] = script;
	}
	f->started = f->ended = false;
	if (keeper_start(f->loop, &o, &f->launch, &hooks, &f->keeper, &f->why))
		fail_msg("%s", f->why.text);
}

static void start(struct fixture *f, const char *script)
{
	start_limited(f, script, 0);
}

static void wait_for_end(struct fixture *f)
{
	turn_until(f->loop, &f->ended);
	assert_int_equal(f->ends, 1);
	if (f->exit.failed_start)
		fail_msg("%s", f->exit.message);
}

/* Until a file that the workload writes into a volume, or anything else, is there. */
static void wait_for_log(struct fixture *f)
{
	turn_until(f->loop, &f->has_log);
	f->has_log = false;
}

/* --- what it printed --- */

struct log_files {
	long long bases[8];
	size_t count;
};

static void on_name(void *owner, const char *name)
{
	struct log_files *l = owner;
	if (strncmp(name, "log.", 4) != 0)
		return;
	assert_in_range(l->count, 0, 7);
	l->bases[l->count++] = atoll(name + 4);
}

static struct log_files find_log(struct fixture *f)
{
	struct log_files l = { .count = 0 };
	assert_ok(dir_each(f->folder, on_name, &l, NULL));
	if (l.count == 2 && l.bases[0] > l.bases[1]) {
		long long later = l.bases[0];
		l.bases[0] = l.bases[1];
		l.bases[1] = later;
	}
	return l;
}

static const char *read_log(struct fixture *f)
{
	struct log_files l = find_log(f);
	free(f->log);
	f->log = calloc(1, LOG_MAX);
	assert_non_null(f->log);
	f->log_len = 0;
	for (size_t i = 0; i < l.count; i++) {
		char path[256], *text;
		size_t len;
		snprintf(path, sizeof path, "%s/log.%lld", f->folder, l.bases[i]);
		assert_ok(file_read(path, LOG_MAX / 2, &text, &len, NULL));
		memcpy(f->log + f->log_len, text, len);
		f->log_len += len;
		free(text);
	}
	return f->log;
}

/* The texts of all lines, one each, without CRI's head. */
static const char *printed(struct fixture *f)
{
	char *from = f->log, *to = f->log;
	read_log(f);
	from = to = f->log;
	for (char *end; *from && (end = strchr(from, '\n')); from = end + 1) {
		assert_true(end - from >= CRI_HEAD);
		size_t n = (size_t)(end + 1 - from) - CRI_HEAD;
		memmove(to, from + CRI_HEAD, n);
		to += n;
	}
	*to = '\0';
	return f->log;
}

/* Run a script to its end; what it printed. */
static const char *run(struct fixture *f, const char *script)
{
	start(f, script);
	wait_for_end(f);
	return printed(f);
}

/* --- ends --- */

static void the_exit_code_is_told(void **state)
{
	struct fixture *f = *state;
	int64_t before = clock_now_ms();
	start(f, "exit 7");
	wait_for_end(f);
	assert_int_equal(f->starts, 1);
	assert_true(f->pid > 0);
	assert_true(f->exit.known);
	assert_int_equal(f->exit.code, 7);
	assert_int_equal(f->exit.signal, 0);
	assert_false(f->exit.oom);
	assert_true(f->exit.started_ms >= before);
	assert_true(f->exit.ended_ms >= f->exit.started_ms);
	assert_true(f->exit.ended_ms <= clock_now_ms());
}

static void the_signal_that_ended_it_is_told(void **state)
{
	struct fixture *f = *state;
	start(f, "kill -SEGV $$");
	wait_for_end(f);
	assert_int_equal(f->exit.code, -1);
	assert_int_equal(f->exit.signal, SIGSEGV);
	assert_false(f->exit.oom);
}

static void a_kill_is_not_taken_for_want_of_memory(void **state)
{
	struct fixture *f = *state;
	start_limited(f, "kill -KILL $$", 32 * MIB);
	wait_for_end(f);
	assert_int_equal(f->exit.signal, SIGKILL);
	assert_false(f->exit.oom);
}

static void want_of_memory_is_told_from_a_kill(void **state)
{
	struct fixture *f = *state;
	if (!(cgroup_controllers(f->tree) & CGROUP_MEMORY))
		return;
	start_limited(f, "exec dd if=/dev/zero of=/dev/null bs=100M count=1", 16 * MIB);
	wait_for_end(f);
	assert_true(f->exit.known);
	assert_true(f->exit.oom);
	assert_string_equal(printed(f), "");
}

static void what_never_ran_says_why(void **state)
{
	struct fixture *f = *state;
	f->launch.argv[0] = "/no/such/program";
	start(f, "");
	turn_until(f->loop, &f->ended);
	assert_true(f->exit.known);
	assert_true(f->exit.failed_start);
	assert_int_equal(f->exit.code, -1);
	assert_int_equal(f->exit.started_ms, 0);
	assert_non_null(strstr(f->exit.message, "/no/such/program"));
	assert_int_equal(f->starts, 0);
}

static void a_working_folder_that_is_not_there_says_so(void **state)
{
	struct fixture *f = *state;
	f->launch.workdir = "/no/such/folder";
	start(f, "exit 0");
	turn_until(f->loop, &f->ended);
	assert_true(f->exit.failed_start);
	assert_non_null(strstr(f->exit.message, "/no/such/folder"));
}

static void a_keeper_that_is_not_there_fails_at_once(void **state)
{
	struct fixture *f = *state;
	const struct keeper_options o = { "/no/such/keeper", f->folder, f->tree, -1 };
	const struct keeper_hooks hooks = hooks_of(f);
	f->launch.argv[0] = "/bin/true";
	assert_err(ERR_NOT_FOUND,
		   keeper_start(f->loop, &o, &f->launch, &hooks, &f->keeper, &f->why));
	f->keeper = NULL;
	assert_non_null(strstr(f->why.text, "/no/such/keeper"));
}

static void the_end_is_kept_for_who_comes_later(void **state)
{
	struct fixture *f = *state;
	struct workload_exit last;
	start(f, "exit 5");
	wait_for_end(f);
	keeper_last_exit(f->folder, &last);
	assert_true(last.known);
	assert_int_equal(last.code, 5);
	assert_true(last.started_ms == f->exit.started_ms);
	assert_true(last.ended_ms == f->exit.ended_ms);
}

static void without_a_word_nothing_is_known(void **state)
{
	struct fixture *f = *state;
	struct workload_exit last;
	keeper_last_exit(f->folder, &last);
	assert_false(last.known);
	assert_int_equal(last.code, -1);
}

static void nothing_of_it_is_left_when_its_end_is_told(void **state)
{
	struct fixture *f = *state;
	struct cgroup_usage usage;
	start(f, "(trap '' TERM HUP; exec sleep 1000) & setsid sleep 1000 & exit 3");
	wait_for_end(f);
	assert_int_equal(f->exit.code, 3);
	assert_ok(cgroup_read(f->tree, LEAF, &usage));
	assert_int_equal(usage.processes, 0);
	assert_ok(cgroup_remove(f->tree, LEAF, &f->why));
}

static void a_keeper_that_is_killed_takes_the_workload_along(void **state)
{
	struct fixture *f = *state;
	char text[256];
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	snprintf(text, sizeof text, "/proc/%d/stat", f->pid);
	char *stat_text;
	size_t len;
	int parent;
	assert_ok(file_read(text, 4096, &stat_text, &len, NULL));
	assert_int_equal(sscanf(strrchr(stat_text, ')'), ") %*c %d", &parent), 1);
	free(stat_text);
	kill(parent, SIGKILL);
	turn_until(f->loop, &f->ended);
	assert_false(f->exit.known);
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	enum err e;
	while ((e = cgroup_remove(f->tree, LEAF, &f->why)) == ERR_AGAIN && clock_now_ms() < until)
		poll(NULL, 0, 5);
	assert_ok(e); /* nobody lives in there */
}

/* --- signals and commands --- */

static void signals_are_passed_on(void **state)
{
	struct fixture *f = *state;
	start(f, "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done");
	wait_for_log(f);
	assert_ok(keeper_signal(f->keeper, SIGTERM, &f->why));
	wait_for_end(f);
	assert_int_equal(f->exit.code, 9);
}

static void exec(struct fixture *f, unsigned id, const char *script, int64_t wait_ms)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	f->has_exec = false;
	assert_ok(keeper_exec(f->keeper, id, argv, wait_ms, &f->why));
	turn_until(f->loop, &f->has_exec);
	assert_int_equal(f->exec_id, id);
}

static void a_command_runs_inside(void **state)
{
	struct fixture *f = *state;
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	exec(f, 17, "echo out; echo err >&2; hostname; id -u; exit 3", PATIENCE_MS);
	assert_int_equal(f->exec_code, 3);
	assert_string_equal(f->exec_output, "out\nerr\npod\n61234\n");
	exec(f, 18, "ps -e -o args | grep -c '[s]leep 1000'", PATIENCE_MS);
	assert_string_equal(f->exec_output, "1\n");
}

static void a_command_has_a_deadline(void **state)
{
	struct fixture *f = *state;
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	exec(f, 1, "echo begun; (sleep 999 & sleep 999)", 200);
	assert_int_equal(f->exec_code, -1);
	assert_string_equal(f->exec_output, "begun\n");
	/* A signal is under way when kill() returns: what it ends may still be listed. */
	exec(f, 2,
	     "for i in $(seq 200); do ps -e -o args | grep -q '[s]leep 999' || exit 0; sleep 0.01; "
	     "done; "
	     "exit 1",
	     PATIENCE_MS);
	assert_int_equal(f->exec_code, 0);
}

static void a_command_that_is_not_there_is_told(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "no-such-command", NULL };
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	assert_ok(keeper_exec(f->keeper, 1, argv, 1000, &f->why));
	turn_until(f->loop, &f->has_exec);
	assert_int_equal(f->exec_code, 126);
	assert_non_null(strstr(f->exec_output, "no-such-command"));
}

static void of_what_a_command_prints_the_beginning_is_kept(void **state)
{
	struct fixture *f = *state;
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	exec(f, 1, "dd if=/dev/zero bs=1000000 count=4 2>/dev/null", PATIENCE_MS);
	assert_int_equal(f->exec_code, 0);
	assert_int_equal(f->exec_len, KEEPER_OUTPUT_MAX);
}

static void a_command_that_is_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	static char word[KEEPER_PACKET_MAX];
	const char *const argv[] = { "/bin/echo", word, NULL };
	memset(word, 'w', sizeof word - 1);
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	assert_err(ERR_FULL, keeper_exec(f->keeper, 1, argv, 1000, &f->why));
}

/* --- output --- */

static void output_is_kept_as_lines(void **state)
{
	struct fixture *f = *state;
	start(f, "echo one; echo two >&2; printf three");
	wait_for_end(f);
	const char *log = read_log(f);
	assert_non_null(strstr(log, " stdout F one\n"));
	assert_non_null(strstr(log, " stderr F two\n"));
	assert_non_null(strstr(log, " stdout F three\n"));
	int year, month, day;
	assert_int_equal(sscanf(log, "%4d-%2d-%2dT", &year, &month, &day), 3);
	assert_int_equal(log[CRI_HEAD - 11], 'Z');
}

static void output_is_told(void **state)
{
	struct fixture *f = *state;
	start(f, "echo one; exec sleep 1000");
	wait_for_log(f);
	assert_string_equal(printed(f), "one\n");
}

static void a_line_that_is_too_long_comes_in_pieces(void **state)
{
	struct fixture *f = *state;
	start(f, "head -c 40000 /dev/zero | tr '\\0' x; echo");
	wait_for_end(f);
	const char *log = read_log(f);
	assert_non_null(strstr(log, " stdout P xxx"));
	size_t pieces = 0, xs = 0;
	for (const char *line = log; *line; line = strchr(line, '\n') + 1) {
		size_t n = strcspn(line, "\n");
		assert_true(n <= CRI_HEAD + LOG_LINE_MAX);
		xs += n - CRI_HEAD;
		pieces++;
	}
	assert_int_equal(xs, 40000);
	assert_int_equal(pieces, 3);
}

static void the_log_rotates_and_keeps_the_newest(void **state)
{
	struct fixture *f = *state;
	f->launch.log_bytes = 4096;
	start(f, "i=1; while [ $i -le 500 ]; do echo line $i; i=$((i+1)); done");
	wait_for_end(f);
	struct log_files l = find_log(f);
	struct stat st;
	char path[256];
	assert_int_equal(l.count, 2);
	snprintf(path, sizeof path, "%s/log.%lld", f->folder, l.bases[0]);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 1, 4096);
	/* N is the offset of the file's first byte. */
	assert_int_equal(l.bases[0] + st.st_size, l.bases[1]);
	const char *text = printed(f);
	assert_int_equal(strncmp(text, "line ", 5), 0);
	assert_non_null(strstr(text, "line 499\nline 500\n"));
	assert_null(strstr(text, "line 1\n"));
}

static void a_second_run_goes_on_in_the_same_log(void **state)
{
	struct fixture *f = *state;
	start(f, "echo first");
	wait_for_end(f);
	f->ends = 0;
	f->launch.argv[2] = "echo second";
	start(f, "");
	wait_for_end(f);
	assert_string_equal(printed(f), "first\nsecond\n");
}

static void a_flood_is_kept_up_with(void **state)
{
	struct fixture *f = *state;
	start(f, "i=1; while [ $i -le 20000 ]; do echo $i; i=$((i+1)); done; echo end >&2");
	wait_for_end(f);
	assert_int_equal(f->exit.code, 0);
	assert_non_null(strstr(printed(f), "20000\n"));
}

/* --- another agent --- */

static enum err adopt(struct fixture *f, int *telemetry)
{
	const struct keeper_hooks hooks = hooks_of(f);
	f->started = false;
	return keeper_adopt(f->loop, f->folder, &hooks, &f->keeper, telemetry, &f->why);
}

static void let_go(struct fixture *f)
{
	keeper_close(f->keeper);
	f->keeper = NULL;
}

static void a_later_agent_finds_it_running(void **state)
{
	struct fixture *f = *state;
	int telemetry;
	start(f, "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done");
	wait_for_log(f);
	pid_t pid = f->pid;
	int64_t started_ms = f->started_ms;
	let_go(f);
	assert_int_equal(kill(pid, 0), 0);
	assert_ok(adopt(f, &telemetry));
	turn_until(f->loop, &f->started);
	assert_int_equal(telemetry, -1);
	assert_int_equal(f->pid, pid);
	assert_true(f->started_ms == started_ms);
	exec(f, 1, "exit 4", PATIENCE_MS);
	assert_int_equal(f->exec_code, 4);
	assert_ok(keeper_signal(f->keeper, SIGTERM, &f->why));
	wait_for_end(f);
	assert_int_equal(f->exit.code, 9);
	assert_true(f->exit.known);
}

static void it_may_be_adopted_again_and_again(void **state)
{
	struct fixture *f = *state;
	int telemetry;
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	for (int i = 0; i < 10; i++) {
		let_go(f);
		assert_ok(adopt(f, &telemetry));
		turn_until(f->loop, &f->started);
	}
	assert_ok(keeper_signal(f->keeper, SIGKILL, &f->why));
	wait_for_end(f);
	assert_int_equal(f->exit.signal, SIGKILL);
}

static void the_telemetry_socket_survives_the_agent(void **state)
{
	struct fixture *f = *state;
	const char *path = scratch_at(&f->scratch, "telemetry.sock");
	int telemetry, sender;
	char text[16] = "";
	size_t len;
	struct socket_peer peer;
	assert_ok(socket_listen(path, SOCKET_DATAGRAM, 0600, &f->telemetry_fd, NULL));
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	let_go(f);
	close(f->telemetry_fd);
	f->telemetry_fd = -1;
	/* Nobody lives who would read it: it waits in the keeper's socket. */
	assert_ok(socket_connect(path, SOCKET_DATAGRAM, &sender, NULL));
	assert_ok(socket_send(sender, BYTES_LIT("m f=1")));
	close(sender);
	assert_ok(adopt(f, &telemetry));
	assert_true(telemetry >= 0);
	assert_ok(socket_receive(telemetry, text, sizeof text, &len, &peer));
	assert_string_equal(text, "m f=1");
	close(telemetry);
}

static void an_end_without_an_agent_is_known_to_the_next(void **state)
{
	struct fixture *f = *state;
	struct workload_exit last = { 0 };
	int telemetry;
	start(f, "echo ready; read x < /proc/self/fd/0; exit 6");
	turn_until(f->loop, &f->started);
	let_go(f);
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	while (!last.known && clock_now_ms() < until) {
		keeper_last_exit(f->folder, &last);
		poll(NULL, 0, 5);
	}
	assert_true(last.known);
	assert_int_equal(last.code, 6);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_err(ERR_NOT_FOUND, adopt(f, &telemetry));
	f->keeper = NULL;
	assert_int_equal(telemetry, -1);
}

static void where_none_ever_was_there_is_none(void **state)
{
	struct fixture *f = *state;
	int telemetry;
	assert_err(ERR_NOT_FOUND, adopt(f, &telemetry));
	f->keeper = NULL;
	assert_string_not_equal(f->why.text, "");
	keeper_close(NULL);
}

static void a_second_keeper_leaves_the_first_alone(void **state)
{
	struct fixture *f = *state;
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	struct keeper *first = f->keeper;
	pid_t pid = f->pid;
	start(f, "");
	turn_until(f->loop, &f->ended);
	assert_false(f->exit.known);
	assert_int_equal(kill(pid, 0), 0);
	f->keeper = first;
	f->ends = 0;
	f->ended = false;
	assert_ok(keeper_signal(first, SIGKILL, &f->why));
	turn_until(f->loop, &f->ended);
	assert_int_equal(f->exit.signal, SIGKILL);
}

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

/* Can it be tried here at all? The reason is said once. */
static bool is_possible(void)
{
	struct cgroup_tree *tree;
	struct why why = { "" };
	char name[32];
	snprintf(name, sizeof name, "skerry-test-%d", getpid());
	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return false;
	}
	if (cgroup_open(name, &tree, &why)) {
		printf("skipped: %s\n", why.text);
		return false;
	}
	cgroup_close(tree, true);
	return true;
}

int main(void)
{
	if (!is_possible())
		return SKIPPED;
	signal(SIGPIPE, SIG_IGN);
#define KEEPER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(the_exit_code_is_told),
		KEEPER_TEST(the_signal_that_ended_it_is_told),
		KEEPER_TEST(a_kill_is_not_taken_for_want_of_memory),
		KEEPER_TEST(want_of_memory_is_told_from_a_kill),
		KEEPER_TEST(what_never_ran_says_why),
		KEEPER_TEST(a_working_folder_that_is_not_there_says_so),
		KEEPER_TEST(a_keeper_that_is_not_there_fails_at_once),
		KEEPER_TEST(the_end_is_kept_for_who_comes_later),
		KEEPER_TEST(without_a_word_nothing_is_known),
		KEEPER_TEST(nothing_of_it_is_left_when_its_end_is_told),
		KEEPER_TEST(a_keeper_that_is_killed_takes_the_workload_along),
		KEEPER_TEST(signals_are_passed_on),
		KEEPER_TEST(a_command_runs_inside),
		KEEPER_TEST(a_command_has_a_deadline),
		KEEPER_TEST(a_command_that_is_not_there_is_told),
		KEEPER_TEST(of_what_a_command_prints_the_beginning_is_kept),
		KEEPER_TEST(a_command_that_is_too_long_is_refused),
		KEEPER_TEST(output_is_kept_as_lines),
		KEEPER_TEST(output_is_told),
		KEEPER_TEST(a_line_that_is_too_long_comes_in_pieces),
		KEEPER_TEST(the_log_rotates_and_keeps_the_newest),
		KEEPER_TEST(a_second_run_goes_on_in_the_same_log),
		KEEPER_TEST(a_flood_is_kept_up_with),
		KEEPER_TEST(a_later_agent_finds_it_running),
		KEEPER_TEST(it_may_be_adopted_again_and_again),
		KEEPER_TEST(the_telemetry_socket_survives_the_agent),
		KEEPER_TEST(an_end_without_an_agent_is_known_to_the_next),
		KEEPER_TEST(where_none_ever_was_there_is_none),
		KEEPER_TEST(a_second_keeper_leaves_the_first_alone),
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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
