/* ports/keeper.h: how it ends, what it printed, who finds it later, and how it starts again. */
#include "tests/contract/keeper_fixture.h"

#include <dirent.h>

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
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	kill(parent_of(f->pid), SIGKILL);
	turn_until(f->loop, &f->ended);
	assert_false(f->exit.known);
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	enum err e;
	while ((e = cgroup_remove(f->tree, LEAF, &f->why)) == ERR_AGAIN && clock_now_ms() < until)
		poll(NULL, 0, 5);
	assert_ok(e); /* nobody lives in there */
}

static size_t count_zombies_of(pid_t parent)
{
	size_t n = 0;
	DIR *d = opendir("/proc");
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		char path[300], *text;
		size_t len;
		int its;
		char process_state;
		snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
		if (atoi(e->d_name) <= 0 || file_read(path, 4096, &text, &len, NULL))
			continue;
		n += sscanf(strrchr(text, ')'), ") %c %d", &process_state, &its) == 2 &&
		     its == parent && process_state == 'Z';
		free(text);
	}
	closedir(d);
	return n;
}

static void orphans_are_buried_while_it_runs(void **state)
{
	struct fixture *f = *state;
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	start(f, "for i in 1 2 3 4 5; do (true & true) & done; wait; echo ready; exec sleep 1000");
	wait_for_log(f);
	while (count_zombies_of(parent_of(f->pid)) && clock_now_ms() < until)
		poll(NULL, 0, 5);
	assert_int_equal(count_zombies_of(parent_of(f->pid)), 0);
}

/* --- older agents --- */

/* The keeper as an agent starts it that does not make it the first process: this script
 * is, and does `afterwards` when the keeper has ended. */
static const char *not_first(struct fixture *f, const char *afterwards)
{
	static char path[160], text[400];
	const char *elsewhere = getenv("SKERRY_KEEPER");
	snprintf(path, sizeof path, "%s/keeper", f->scratch.folder);
	snprintf(text, sizeof text,
		 "#!/bin/sh\n%s \"$@\" &\nexec 3>&-\nwait $!\ncode=$?\n%s\nexit $code\n",
		 elsewhere ? elsewhere : KEEPER_PROGRAM, afterwards);
	assert_ok(file_replace(path, bytes_of(text), false, NULL));
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

static void a_keeper_that_is_not_the_first_process_becomes_it(void **state)
{
	struct fixture *f = *state;
	f->program = not_first(f, "");
	start(f, "trap 'exit 9' TERM; set -- /proc/[0-9]*; echo $* $PPID;"
		 " while :; do sleep 0.05; done");
	wait_for_log(f);
	assert_string_equal(printed(f), "/proc/1 /proc/2 1\n");
	assert_ok(keeper_signal(f->keeper, SIGTERM, &f->why));
	wait_for_end(f);
	assert_int_equal(f->exit.code, 9);
}

static void it_ends_with_the_one_that_waits_for_it(void **state)
{
	struct fixture *f = *state;
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	f->program = not_first(f, "sleep 1000");
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	const pid_t waiting = parent_of(parent_of(f->pid)), script = parent_of(waiting);
	kill(waiting, SIGKILL);
	while (kill(f->pid, 0) == 0 && clock_now_ms() < until)
		poll(NULL, 0, 5);
	const bool is_gone = kill(f->pid, 0) != 0;
	kill(script, SIGKILL); /* which takes along what is there still */
	turn_until(f->loop, &f->ended);
	assert_true(is_gone);
	assert_false(f->exit.known);
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

/* A command with pipes of its own. */
struct attached {
	int in, out, err;
};

static struct attached attach(struct fixture *f, unsigned id, const char *script, int64_t wait_ms)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	int in[2], out[2], err[2];
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
	const struct keeper_command c = { argv, wait_ms, { in[0], out[1], err[1] } };
	f->has_exec = false;
	assert_ok(keeper_attach(f->keeper, id, &c, &f->why));
	close(in[0]);
	close(out[1]);
	close(err[1]);
	return (struct attached){ in[1], out[0], err[0] };
}

static void detach(const struct attached *a)
{
	close(a->in);
	close(a->out);
	close(a->err);
}

static const char *read_end(int fd)
{
	static char text[8192];
	size_t len = 0;
	ssize_t n;
	while ((n = read(fd, text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static void a_command_may_have_pipes_of_its_own(void **state)
{
	struct fixture *f = *state;
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	const struct attached a = attach(f, 0x80000001,
					 "cat; id -u; echo err >&2; ls /proc/self/fd | wc -l; "
					 "grep Seccomp: /proc/self/status; exit 5",
					 PATIENCE_MS);
	assert_int_equal(write(a.in, "given\n", 6), 6);
	close(a.in);
	turn_until(f->loop, &f->has_exec);
	assert_int_equal(f->exec_id, 0x80000001);
	assert_int_equal(f->exec_code, 5);
	assert_string_equal(f->exec_output, "");
	assert_string_equal(read_end(a.out), "given\n61234\n4\nSeccomp:\t2\n");
	assert_string_equal(read_end(a.err), "err\n");
	close(a.out);
	close(a.err);
}

static void a_command_may_be_ended_before_its_time(void **state)
{
	struct fixture *f = *state;
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	const struct attached a = attach(f, 7, "echo begun; exec sleep 999", PATIENCE_MS);
	char text[8];
	assert_int_equal(read(a.out, text, sizeof text), 6);
	keeper_cancel(f->keeper, 8); /* another one */
	keeper_cancel(f->keeper, 7);
	turn_until(f->loop, &f->has_exec);
	assert_int_equal(f->exec_code, -1);
	assert_string_equal(read_end(a.out), ""); /* nobody has it open any more */
	detach(&a);
}

static void probes_find_a_place_beside_a_command(void **state)
{
	struct fixture *f = *state;
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	const struct attached a = attach(f, 7, "exec sleep 999", PATIENCE_MS);
	const char *const argv[] = { "/bin/sleep", "999", NULL };
	for (unsigned id = 1; id <= 3; id++)
		assert_ok(keeper_exec(f->keeper, id, argv, PATIENCE_MS, &f->why));
	exec(f, 4, "echo here", PATIENCE_MS);
	assert_int_equal(f->exec_code, 0);
	detach(&a);
}

static void an_end_of_the_workload_explains_that_of_a_command(void **state)
{
	struct fixture *f = *state;
	start(f, "echo ready; exec sleep 1000");
	wait_for_log(f);
	const struct attached a = attach(f, 7, "echo begun; exec sleep 999", PATIENCE_MS);
	char text[8];
	assert_int_equal(read(a.out, text, sizeof text), 6);
	assert_ok(keeper_signal(f->keeper, SIGKILL, &f->why));
	turn_until(f->loop, &f->has_exec);
	assert_int_equal(f->exec_code, -1);
	assert_string_equal(f->exec_output, "the container has ended");
	wait_for_end(f);
	detach(&a);
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

/* --- one run after the other --- */

static struct keeper *wait_for_hold(struct fixture *f)
{
	struct keeper *k = f->keeper;
	turn_until(f->loop, &f->ended);
	if (f->exit.failed_start)
		fail_msg("%s", f->exit.message);
	assert_true(f->exit.held);
	f->keeper = k;
	return k;
}

static void run_again(struct fixture *f, const char *script)
{
	f->launch.argv[2] = script;
	f->started = f->ended = false;
	assert_ok(keeper_restart(f->keeper, &f->launch, &f->why));
}

static void a_held_keeper_starts_it_again_in_the_same_walls(void **state)
{
	struct fixture *f = *state;
	f->launch.hold = 1;
	start(f, "echo one; readlink /proc/self/ns/mnt; exit 3");
	wait_for_hold(f);
	assert_int_equal(f->exit.code, 3);
	f->launch.env[1] = "A=2";
	run_again(f, "echo two $A; readlink /proc/self/ns/mnt; exit 4");
	wait_for_hold(f);
	assert_int_equal(f->starts, 2);
	assert_int_equal(f->exit.code, 4);
	char first[64], second[64];
	assert_int_equal(sscanf(printed(f), "one %63s two 2 %63s", first, second), 2);
	assert_string_equal(first, second);
}

static void nothing_of_a_run_is_there_in_the_next(void **state)
{
	struct fixture *f = *state;
	f->launch.hold = 1;
	start(f, "mkdir -p /tmp/a/b; echo x > /tmp/a/b/c; echo y > /dev/shm/y;"
		 " (trap '' TERM HUP; exec sleep 1000 >/dev/null 2>&1) & exit 0");
	wait_for_hold(f);
	run_again(f, "ls -A /tmp /dev/shm; set -- /proc/[0-9]*; echo $#");
	wait_for_hold(f);
	/* init and the shell */
	assert_string_equal(printed(f), "/dev/shm:\n\n/tmp:\n2\n");
}

static void a_volume_in_memory_stays_over_a_restart(void **state)
{
	struct fixture *f = *state;
	f->launch.hold = 1;
	f->launch.mounts[f->launch.mount_count++] =
		(struct launch_mount){ .kind = MOUNT_TMPFS, .target = "/run/mem", .bytes = MIB };
	start(f, "echo kept > /run/mem/file");
	wait_for_hold(f);
	run_again(f, "cat /run/mem/file");
	wait_for_hold(f);
	assert_string_equal(printed(f), "kept\n");
}

static void nothing_is_in_its_group_between_two_runs(void **state)
{
	struct fixture *f = *state;
	struct cgroup_usage usage;
	f->launch.hold = 1;
	start(f, "(trap '' TERM HUP; exec sleep 1000) >/dev/null 2>&1 & exit 0");
	wait_for_hold(f);
	assert_ok(cgroup_read(f->tree, LEAF, &usage));
	assert_int_equal(usage.processes, 0);
}

static void a_run_that_was_killed_leaves_the_walls_up(void **state)
{
	struct fixture *f = *state;
	f->launch.hold = 1;
	start(f, "readlink /proc/self/ns/mnt; kill -KILL $$");
	wait_for_hold(f);
	assert_int_equal(f->exit.signal, SIGKILL);
	run_again(f, "readlink /proc/self/ns/mnt");
	wait_for_hold(f);
	char first[64], second[64];
	assert_int_equal(sscanf(printed(f), "%63s %63s", first, second), 2);
	assert_string_equal(first, second);
}

static void a_held_keeper_ends_with_its_agent(void **state)
{
	struct fixture *f = *state;
	int fd;
	f->launch.hold = 1;
	start(f, "exit 0");
	wait_for_hold(f);
	keeper_close(f->keeper);
	f->keeper = NULL;
	const struct keeper_hooks hooks = hooks_of(f);
	assert_err(ERR_NOT_FOUND,
		   keeper_adopt(f->loop, f->folder, &hooks, &f->keeper, &fd, &f->why));
	struct workload_exit last;
	keeper_last_exit(f->folder, &last);
	assert_true(last.known);
	assert_int_equal(last.code, 0);
}

static void a_held_keeper_that_was_killed_says_so_at_the_next_start(void **state)
{
	struct fixture *f = *state;
	f->launch.hold = 1;
	start(f, "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done");
	wait_for_log(f);
	const pid_t keeper = parent_of(f->pid);
	assert_ok(keeper_signal(f->keeper, SIGTERM, &f->why));
	wait_for_hold(f);
	assert_int_equal(kill(keeper, SIGKILL), 0);
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	enum err e = OK;
	/* A start that it was sent in its last moment is answered by its end. */
	while (clock_now_ms() < until && e == OK && f->keeper) {
		assert_ok(loop_turn(f->loop, 20, NULL));
		e = f->keeper ? keeper_restart(f->keeper, &f->launch, &f->why) : OK;
	}
	if (f->keeper)
		assert_err(ERR_NOT_FOUND, e);
	else
		assert_int_equal(f->ends, 2);
}

int main(void)
{
	if (!is_possible())
		return SKIPPED;
	signal(SIGPIPE, SIG_IGN);
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
		KEEPER_TEST(orphans_are_buried_while_it_runs),
		KEEPER_TEST(a_keeper_that_is_not_the_first_process_becomes_it),
		KEEPER_TEST(it_ends_with_the_one_that_waits_for_it),
		KEEPER_TEST(signals_are_passed_on),
		KEEPER_TEST(a_command_runs_inside),
		KEEPER_TEST(a_command_has_a_deadline),
		KEEPER_TEST(a_command_that_is_not_there_is_told),
		KEEPER_TEST(of_what_a_command_prints_the_beginning_is_kept),
		KEEPER_TEST(a_command_that_is_too_long_is_refused),
		KEEPER_TEST(a_command_may_have_pipes_of_its_own),
		KEEPER_TEST(a_command_may_be_ended_before_its_time),
		KEEPER_TEST(probes_find_a_place_beside_a_command),
		KEEPER_TEST(an_end_of_the_workload_explains_that_of_a_command),
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
		KEEPER_TEST(a_held_keeper_starts_it_again_in_the_same_walls),
		KEEPER_TEST(nothing_of_a_run_is_there_in_the_next),
		KEEPER_TEST(a_volume_in_memory_stays_over_a_restart),
		KEEPER_TEST(nothing_is_in_its_group_between_two_runs),
		KEEPER_TEST(a_run_that_was_killed_leaves_the_walls_up),
		KEEPER_TEST(a_held_keeper_ends_with_its_agent),
		KEEPER_TEST(a_held_keeper_that_was_killed_says_so_at_the_next_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
