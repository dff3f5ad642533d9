#include "ports/process.h"

#include "base/bytes.h"
#include "base/scoped.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/contract/waiting.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct process process;
	bool ended;
	size_t exits;
	int code, signo;
	int out_fd; /* a file that takes what it prints */
	char text[4096];
};

static void on_exit_of(void *owner, int code, int signo)
{
	struct fixture *f = owner;
	f->exits++;
	f->ended = true;
	f->code = code;
	f->signo = signo;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(loop_open(&f->loop, NULL));
	f->process.owner = f;
	f->process.on_exit = on_exit_of;
	f->out_fd = open(scratch_at(&f->scratch, "out"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(f->out_fd >= 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	process_end(&f->process);
	close_quietly(f->out_fd);
	loop_close(f->loop);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void start_with(struct fixture *f, const char *script, const int *fds, size_t fd_count)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct process_options o = {
		.argv = argv, .out_fd = f->out_fd, .err_fd = -1, .fds = fds, .fd_count = fd_count
	};
	struct why why = { "" };
	f->ended = false;
	if (process_start(f->loop, &o, &f->process, &why))
		fail_msg("%s", why.text);
}

static void start(struct fixture *f, const char *script)
{
	start_with(f, script, NULL, 0);
}

static void run(struct fixture *f, const char *script)
{
	start(f, script);
	turn_until(f->loop, &f->ended);
}

/* What was printed so far. */
static const char *printed(struct fixture *f)
{
	ssize_t n = pread(f->out_fd, f->text, sizeof f->text - 1, 0);
	assert_true(n >= 0);
	f->text[n] = '\0';
	return f->text;
}

static void wait_for_output(struct fixture *f)
{
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	while (!*printed(f) && clock_now_ms() < until)
		assert_ok(loop_turn(f->loop, 10, NULL));
	assert_string_not_equal(f->text, "");
}

static void the_exit_code_is_told(void **state)
{
	struct fixture *f = *state;
	run(f, "exit 0");
	assert_int_equal(f->code, 0);
	assert_true(f->signo < 0);
	run(f, "exit 7");
	assert_int_equal(f->code, 7);
	run(f, "exit 255");
	assert_int_equal(f->code, 255);
	assert_int_equal(f->exits, 3);
}

static void the_signal_that_ended_it_is_told(void **state)
{
	struct fixture *f = *state;
	run(f, "kill -SEGV $$");
	assert_true(f->code < 0);
	assert_int_equal(f->signo, SIGSEGV);
}

static void when_it_is_told_it_is_gone_and_buried(void **state)
{
	struct fixture *f = *state;
	start(f, "exit 0");
	pid_t pid = f->process.pid;
	assert_true(pid > 0);
	turn_until(f->loop, &f->ended);
	assert_int_equal(f->process.pid, 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(kill(pid, 0), -1);
}

static void signals_are_passed_on(void **state)
{
	struct fixture *f = *state;
	start(f, "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done");
	wait_for_output(f);
	process_signal(&f->process, SIGTERM);
	turn_until(f->loop, &f->ended);
	assert_int_equal(f->code, 9);
	process_signal(&f->process, SIGTERM); /* nobody is there any more */
}

static void its_output_goes_where_it_was_told(void **state)
{
	struct fixture *f = *state;
	run(f, "echo out; echo err >&2");
	assert_string_equal(printed(f), "out\n");
}

static void errors_may_go_somewhere_else(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/bin/sh", "-c", "echo out; echo err >&2", NULL };
	const struct process_options o = { .argv = argv, .out_fd = -1, .err_fd = f->out_fd };
	assert_ok(process_start(f->loop, &o, &f->process, NULL));
	turn_until(f->loop, &f->ended);
	assert_string_equal(printed(f), "err\n");
}

static void it_reads_nothing(void **state)
{
	struct fixture *f = *state;
	run(f, "cat; readlink /proc/self/fd/0");
	assert_string_equal(printed(f), "/dev/null\n");
}

static void named_descriptors_become_3_and_4(void **state)
{
	struct fixture *f = *state;
	int ends[2], more[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipe2(more, O_CLOEXEC), 0);
	const int fds[] = { ends[1], more[1] };
	char byte[2];
	start_with(f, "echo a >&3; echo b >&4", fds, 2);
	turn_until(f->loop, &f->ended);
	assert_int_equal(read(ends[0], byte, 2), 2);
	assert_int_equal(byte[0], 'a');
	assert_int_equal(read(more[0], byte, 2), 2);
	assert_int_equal(byte[0], 'b');
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(more[i]);
	}
}

/* Given 4 and 3 as 3 and 4: neither may overwrite the other. */
static void descriptors_may_be_named_crosswise(void **state)
{
	struct fixture *f = *state;
	char three[600], four[600];
	snprintf(three, sizeof three, "%s", scratch_at(&f->scratch, "three"));
	snprintf(four, sizeof four, "%s", scratch_at(&f->scratch, "four"));
	int a = open(three, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int b = open(four, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	const int low = a < b ? a : b, high = a < b ? b : a;
	const int fds[] = { high, low, high, low };
	struct stat st;
	start_with(f, "echo a >&3; echo bb >&4; echo a >&5; echo bb >&6", fds, 4);
	turn_until(f->loop, &f->ended);
	assert_int_equal(fstat(high, &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(fstat(low, &st), 0);
	assert_int_equal(st.st_size, 6);
	close(a);
	close(b);
}

static void nothing_else_is_inherited(void **state)
{
	struct fixture *f = *state;
	int leaky[2];
	assert_int_equal(pipe(leaky), 0); /* not close-on-exec */
	int high = fcntl(leaky[0], F_DUPFD, 900);
	const int fds[] = { leaky[1] };
	start_with(f, "ls -1 /proc/$$/fd | tr '\\n' ' '", fds, 1);
	turn_until(f->loop, &f->ended);
	assert_int_equal(strncmp(printed(f), "0 1 2 3 ", 8), 0);
	/* The shell may keep a descriptor of its own; none of ours is beyond 3. */
	assert_null(strstr(f->text, "900"));
	close(high);
	close(leaky[0]);
	close(leaky[1]);
}

static void the_environment_is_empty_or_what_it_was_told(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/usr/bin/env", NULL };
	const char *const envp[] = { "A=1", "B=two", NULL };
	struct process_options o = { .argv = argv, .out_fd = f->out_fd, .err_fd = -1 };
	setenv("SKERRY_TEST_LEAK", "1", 1);
	assert_ok(process_start(f->loop, &o, &f->process, NULL));
	turn_until(f->loop, &f->ended);
	assert_string_equal(printed(f), "");
	o.envp = envp;
	f->ended = false;
	assert_ok(process_start(f->loop, &o, &f->process, NULL));
	turn_until(f->loop, &f->ended);
	assert_string_equal(printed(f), "A=1\nB=two\n");
}

static void signals_are_as_for_a_new_program(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/bin/grep", "-E", "Sig(Blk|Ign)", "/proc/self/status", NULL };
	const struct process_options o = { .argv = argv, .out_fd = f->out_fd, .err_fd = -1 };
	sigset_t set, before;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	signal(SIGPIPE, SIG_IGN);
	assert_ok(process_start(f->loop, &o, &f->process, NULL));
	turn_until(f->loop, &f->ended);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_string_equal(printed(f), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void our_own_signals_stay_as_they_were(void **state)
{
	struct fixture *f = *state;
	sigset_t before, after;
	sigprocmask(SIG_SETMASK, NULL, &before);
	signal(SIGUSR2, SIG_IGN);
	run(f, "exit 0");
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int signo = 1; signo < NSIG; signo++)
		assert_int_equal(sigismember(&before, signo), sigismember(&after, signo));
	assert_ptr_equal(signal(SIGUSR2, SIG_DFL), SIG_IGN);
}

static void it_leads_a_session_of_its_own(void **state)
{
	struct fixture *f = *state;
	start(f, "cut -d' ' -f6 /proc/$$/stat");
	pid_t pid = f->process.pid;
	turn_until(f->loop, &f->ended);
	assert_int_equal(atoi(printed(f)), pid);
	assert_int_not_equal(getsid(0), pid);
}

static void a_program_that_is_not_there_fails_at_once(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/no/such/program", NULL };
	const struct process_options o = { .argv = argv, .out_fd = -1, .err_fd = -1 };
	struct why why = { "" };
	assert_err(ERR_NOT_FOUND, process_start(f->loop, &o, &f->process, &why));
	assert_non_null(strstr(why.text, "/no/such/program"));
	assert_int_equal(f->process.pid, 0);
	assert_int_equal(f->exits, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

static void a_file_that_is_no_program_fails_at_once(void **state)
{
	struct fixture *f = *state;
	const char *path = scratch_at(&f->scratch, "file");
	const char *const argv[] = { path, NULL };
	const struct process_options o = { .argv = argv, .out_fd = -1, .err_fd = -1 };
	struct why why = { "" };
	assert_ok(file_replace(path, BYTES_LIT("text"), false, NULL));
	assert_err(ERR_SYSTEM, process_start(f->loop, &o, &f->process, &why));
	assert_non_null(strstr(why.text, path));
}

static void a_failed_start_leaks_no_descriptor(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/no/such/program", NULL };
	const struct process_options o = { .argv = argv, .out_fd = -1, .err_fd = -1 };
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(before);
	for (int i = 0; i < 10; i++)
		assert_err(ERR_NOT_FOUND, process_start(f->loop, &o, &f->process, NULL));
	int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(after);
	assert_int_equal(before, after);
}

static void ending_it_kills_and_tells_nobody(void **state)
{
	struct fixture *f = *state;
	start(f, "trap '' TERM INT HUP; echo ready; while :; do sleep 0.05; done");
	wait_for_output(f);
	pid_t pid = f->process.pid;
	process_end(&f->process);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(f->process.pid, 0);
	assert_ok(loop_turn(f->loop, 10, NULL));
	assert_int_equal(f->exits, 0);
	process_end(&f->process);
}

static void ending_one_that_has_just_ended_tells_nobody(void **state)
{
	struct fixture *f = *state;
	start(f, "exit 3");
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)f->process.pid, &info, WEXITED | WNOWAIT), 0);
	process_end(&f->process);
	assert_ok(loop_turn(f->loop, 10, NULL));
	assert_int_equal(f->exits, 0);
}

static void a_forgotten_one_goes_on(void **state)
{
	struct fixture *f = *state;
	start(f, "sleep 0.1; echo done");
	pid_t pid = f->process.pid;
	int status;
	process_forget(&f->process);
	assert_int_equal(f->process.pid, 0);
	process_forget(&f->process);
	process_end(&f->process);
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status));
	assert_string_equal(printed(f), "done\n");
	assert_ok(loop_turn(f->loop, 0, NULL));
	assert_int_equal(f->exits, 0);
}

int main(void)
{
#define PROCESS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(the_exit_code_is_told),
		PROCESS_TEST(the_signal_that_ended_it_is_told),
		PROCESS_TEST(when_it_is_told_it_is_gone_and_buried),
		PROCESS_TEST(signals_are_passed_on),
		PROCESS_TEST(its_output_goes_where_it_was_told),
		PROCESS_TEST(errors_may_go_somewhere_else),
		PROCESS_TEST(it_reads_nothing),
		PROCESS_TEST(named_descriptors_become_3_and_4),
		PROCESS_TEST(descriptors_may_be_named_crosswise),
		PROCESS_TEST(nothing_else_is_inherited),
		PROCESS_TEST(the_environment_is_empty_or_what_it_was_told),
		PROCESS_TEST(signals_are_as_for_a_new_program),
		PROCESS_TEST(our_own_signals_stay_as_they_were),
		PROCESS_TEST(it_leads_a_session_of_its_own),
		PROCESS_TEST(a_program_that_is_not_there_fails_at_once),
		PROCESS_TEST(a_file_that_is_no_program_fails_at_once),
		PROCESS_TEST(a_failed_start_leaks_no_descriptor),
		PROCESS_TEST(ending_it_kills_and_tells_nobody),
		PROCESS_TEST(ending_one_that_has_just_ended_tells_nobody),
		PROCESS_TEST(a_forgotten_one_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
