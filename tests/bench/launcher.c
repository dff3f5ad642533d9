/*
 * launcher KEEPER ROOT RUNS WHAT... - how long a start takes, from the decision until it
 * has ended and its cgroup is gone, in microseconds: one line for each WHAT.
 *
 *   plain      vfork, execve, wait: the floor
 *   new        cgroup, keeper, sandbox, exec, end, all removed
 *   cmd:WORDS  a command, split at blanks: a peer
 *
 * ROOT has the program /nothing. Launches are 20 ms apart: without a pause the kernel's
 * grace periods are amortised, and a board does not start things in a tight loop.
 */
#include "base/scoped.h"
#include "ports/cgroup.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/keeper.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum { SPACING_MS = 20, RUNS_MAX = 1000, PATIENCE_MS = 10000, WORDS_MAX = 32 };

static const char LEAF[] = "bench.main";

struct bench {
	const char *keeper, *root, *folder;
	struct loop *loop;
	struct cgroup_tree *tree;
	bool ended;
	struct workload_exit exit;
};

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void check(enum err e, const struct why *why)
{
	if (!e)
		return;
	fprintf(stderr, "launcher: %s\n", why->text);
	exit(1);
}

static void on_started(void *owner, pid_t pid, int64_t started_ms)
{
	(void)owner;
	(void)pid;
	(void)started_ms;
}

static void on_exit_of(void *owner, const struct workload_exit *exit)
{
	struct bench *b = owner;
	b->ended = true;
	b->exit = *exit;
}

static void turn_until(struct bench *b, const bool *done)
{
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	struct why why = { "it did not end" };
	while (!*done && clock_now_ms() < until)
		check(loop_turn(b->loop, 50, &why), &why);
	check(*done ? OK : ERR_AGAIN, &why);
}

static void run_command(const char *const *argv)
{
	int status = -1;
	pid_t pid = vfork();
	if (pid == 0) {
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "launcher: %s: status %d\n", argv[0], status);
		exit(1);
	}
}

static void describe(const struct bench *b, struct launch *l)
{
	*l = (struct launch){
		.workload = "bench/main",
		.spec = "sha256:0",
		.hostname = "bench",
		.root = b->root,
		.uid = 65001,
		.gid = 65001,
		.tmp_bytes = 1 << 20,
		.log_bytes = 64 * 1024,
		.files = 256,
		.argv = { "/nothing" },
		.env = { "PATH=/" },
	};
}

static void remove_leaf(struct bench *b)
{
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	struct why why;
	enum err e;
	while ((e = cgroup_remove(b->tree, LEAF, &why)) == ERR_AGAIN && clock_now_ms() < until)
		usleep(100);
	check(e, &why);
}

static void run_new(struct bench *b)
{
	static struct launch l;
	struct keeper *k;
	struct why why;
	const struct cgroup_limits limits = { .memory_bytes = 32 << 20,
					      .cpu_milli = 1000,
					      .pids = 32 };
	const struct keeper_options o = { b->keeper, b->folder, b->tree, -1, -1, NULL };
	const struct keeper_hooks hooks = { b, on_started, on_exit_of, NULL, NULL, NULL };
	describe(b, &l);
	check(cgroup_make(b->tree, LEAF, &limits, &l.join, &why), &why);
	b->ended = false;
	check(keeper_start(b->loop, &o, &l, &hooks, &k, &why), &why);
	turn_until(b, &b->ended);
	if (b->exit.failed_start || b->exit.code)
		check(why_set(&why, ERR_SYSTEM, "it ended badly: %.90s", b->exit.message), &why);
	remove_leaf(b);
}

static int compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static void run(struct bench *b, char *what)
{
	char nothing[512];
	const char *argv[WORDS_MAX + 1] = { nothing };
	snprintf(nothing, sizeof nothing, "%s/nothing", b->root);
	if (strcmp(what, "new") == 0) {
		run_new(b);
		return;
	}
	if (strncmp(what, "cmd:", 4) == 0) {
		char *copy = strdup(what + 4), *rest = copy;
		size_t n = 0;
		for (char *word; n < WORDS_MAX && (word = strsep(&rest, " "));)
			argv[n++] = word;
		argv[n] = NULL;
		run_command(argv);
		free(copy);
		return;
	}
	run_command(argv);
}

static void measure(struct bench *b, char *what, size_t runs)
{
	static int64_t times[RUNS_MAX];
	for (size_t i = 0; i < runs; i++) {
		usleep(SPACING_MS * 1000);
		const int64_t began = now_us();
		run(b, what);
		times[i] = now_us() - began;
	}
	qsort(times, runs, sizeof *times, compare);
	printf("%lld %lld %lld %s\n", (long long)times[runs / 10], (long long)times[runs / 2],
	       (long long)times[runs * 95 / 100], what);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	struct why why;
	char folder[] = "/tmp/skerry-launcher-XXXXXX", name[32];
	if (argc < 5) {
		fputs("usage: launcher KEEPER ROOT RUNS WHAT...\n", stderr);
		return 2;
	}
	b.keeper = argv[1];
	b.root = argv[2];
	const long wanted = strtol(argv[3], NULL, 10);
	const size_t runs = wanted < 1 ? 1 : wanted > RUNS_MAX ? RUNS_MAX : (size_t)wanted;
	b.folder = mkdtemp(folder);
	snprintf(name, sizeof name, "skerry-bench-%d", getpid());
	check(loop_open(&b.loop, &why), &why);
	check(cgroup_open(name, &b.tree, &why), &why);
	for (int i = 4; i < argc; i++)
		measure(&b, argv[i], runs);
	cgroup_close(b.tree, true);
	loop_close(b.loop);
	return dir_remove(folder, &why) ? 1 : 0;
}
