/*
 * launcher KEEPER ROOT RUNS WHAT... - how long a start takes, in microseconds: one line
 * "p10 p50 p95 WHAT" for each WHAT.
 *
 *   plain      vfork, execve, wait: the floor
 *   new        cgroup, keeper, sandbox, exec, end, all removed
 *   restart    exec and end in the walls of the run before, all emptied
 *   thaw       a frozen workload that is let go on, until it has answered a packet
 *   cmd:WORDS  a command, split at blanks: a peer
 *
 * ROOT has the program /nothing. All WHATs take turns, some launches each, so that a busy
 * moment of the machine meets them all. Launches are 20 ms apart: without a pause the
 * kernel's grace periods are amortised, and a board does not start things in a tight loop.
 * PEER_MOUNTS names a mount name space that commands are started in, if any.
 */
#include "base/scoped.h"
#include "base/text.h"
#include "ports/cgroup.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/keeper.h"
#include "ports/socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

enum {
	SPACING_MS = 20,
	RUNS_MAX = 1000,
	WHATS_MAX = 8,
	TURN = 10,
	PATIENCE_MS = 10000,
	WORDS_MAX = 48,
	UID = 65001
};

static const char LEAF[] = "bench.main";

struct bench {
	const char *keeper, *root, *folder;
	int peer_mounts; /* -1: commands see our mounts */
	struct loop *loop;
	struct cgroup_tree *tree;
	struct launch launch;
	struct keeper *running;
	bool started, ended;
	struct workload_exit exit;
	int asking; /* connected to a workload that answers */
};

/* One way to start; only `run` is measured: `begin` and `end` are around some runs, `rest`
 * is before each. */
struct way {
	const char *name; /* or how it begins */
	void (*begin)(struct bench *b);
	void (*rest)(struct bench *b);
	void (*run)(struct bench *b, const char *what);
	void (*end)(struct bench *b);
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
	struct bench *b = owner;
	(void)pid;
	(void)started_ms;
	b->started = true;
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
	struct why why = { "it did not come" };
	while (!*done && clock_now_ms() < until)
		check(loop_turn(b->loop, 50, &why), &why);
	check(*done ? OK : ERR_AGAIN, &why);
}

/* --- plain, and commands --- */

static void run_words(const struct bench *b, const char *const *argv)
{
	int status = -1;
	pid_t pid = vfork();
	if (pid == 0) {
		if (b->peer_mounts < 0 || setns(b->peer_mounts, CLONE_NEWNS) == 0)
			execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "launcher: %s: status %d\n", argv[0], status);
		exit(1);
	}
}

static void run_plain(struct bench *b, const char *what)
{
	char nothing[512];
	const char *const argv[] = { nothing, NULL };
	struct bench here = { .peer_mounts = -1 };
	(void)what;
	snprintf(nothing, sizeof nothing, "%s/nothing", b->root);
	run_words(&here, argv);
}

static void run_command(struct bench *b, const char *what)
{
	static char copy[4096];
	const char *argv[WORDS_MAX + 1];
	char *rest = copy;
	size_t n = 0;
	snprintf(copy, sizeof copy, "%s", what + strlen("cmd:"));
	for (char *word; n < WORDS_MAX && (word = strsep(&rest, " "));)
		argv[n++] = word;
	argv[n] = NULL;
	run_words(b, argv);
}

/* --- ours --- */

static void describe(struct bench *b)
{
	b->launch = (struct launch){
		.workload = "bench/main",
		.spec = "sha256:0",
		.hostname = "bench",
		.root = b->root,
		.uid = UID,
		.gid = UID,
		.tmp_bytes = 1 << 20,
		.log_bytes = 64 * 1024,
		.files = 256,
		.argv = { "/nothing" },
		.env = { "PATH=/" },
	};
}

static void start(struct bench *b)
{
	struct why why;
	const struct cgroup_limits limits = { .memory_bytes = 32 << 20,
					      .cpu_milli = 1000,
					      .pids = 32 };
	const struct keeper_options o = { .program = b->keeper,
					  .folder = b->folder,
					  .cgroups = b->tree,
					  .telemetry_fd = -1,
					  .network_fd = -1 };
	const struct keeper_hooks hooks = { .owner = b,
					    .on_started = on_started,
					    .on_exit = on_exit_of };
	check(cgroup_make(b->tree, LEAF, &limits, &b->launch.join, &why), &why);
	b->started = b->ended = false;
	check(keeper_start(b->loop, &o, &b->launch, &hooks, &b->running, &why), &why);
}

static void wait_for_end(struct bench *b)
{
	struct why why;
	turn_until(b, &b->ended);
	if (b->exit.failed_start || b->exit.code)
		check(why_set(&why, ERR_SYSTEM, "it ended badly: %.90s", b->exit.message), &why);
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

static void run_new(struct bench *b, const char *what)
{
	(void)what;
	describe(b);
	start(b);
	wait_for_end(b);
	remove_leaf(b);
}

static void begin_restart(struct bench *b)
{
	describe(b);
	b->launch.hold = 1;
	start(b);
	wait_for_end(b);
}

static void run_restart(struct bench *b, const char *what)
{
	struct why why;
	(void)what;
	check(b->exit.held ? OK : why_set(&why, ERR_SYSTEM, "its keeper is not held"), &why);
	b->ended = false;
	check(keeper_restart(b->running, &b->launch, &why), &why);
	wait_for_end(b);
}

static void end_restart(struct bench *b)
{
	keeper_close(b->running);
	remove_leaf(b);
}

static void volume_of(const struct bench *b, const char *name, char out[256])
{
	snprintf(out, 256, "%s/volume%s", b->folder, name);
}

static void begin_thaw(struct bench *b)
{
	char path[256];
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	struct why why;
	enum err e;
	describe(b);
	b->launch.argv[1] = "/run/volume/sock";
	b->launch.mounts[0] = (struct launch_mount){
		.kind = MOUNT_BIND, .root = b->folder, .source = "volume", .target = "/run/volume"
	};
	b->launch.mount_count = 1;
	volume_of(b, "", path);
	check(dir_make(path, 0755, &why), &why);
	check(chown(path, UID, UID) ? why_set(&why, ERR_SYSTEM, "chown") : OK, &why);
	start(b);
	volume_of(b, "/sock", path);
	while ((e = socket_connect(path, SOCKET_PACKET, &b->asking, &why)) &&
	       clock_now_ms() < until)
		usleep(1000);
	check(e, &why);
}

/* Its question waits; an answer now would mean that nothing was frozen. */
static void freeze(struct bench *b)
{
	struct pollfd answer = { .fd = b->asking, .events = POLLIN };
	struct why why;
	check(cgroup_freeze(b->tree, LEAF, true, &why), &why);
	usleep(SPACING_MS * 1000);
	if (send(b->asking, "?", 1, 0) != 1 || poll(&answer, 1, SPACING_MS) != 0)
		check(why_set(&why, ERR_SYSTEM, "it is not frozen"), &why);
}

static void run_thaw(struct bench *b, const char *what)
{
	struct pollfd answer = { .fd = b->asking, .events = POLLIN };
	struct why why;
	char byte;
	(void)what;
	check(cgroup_freeze(b->tree, LEAF, false, &why), &why);
	if (poll(&answer, 1, PATIENCE_MS) != 1 || recv(b->asking, &byte, 1, 0) != 1)
		check(why_set(&why, ERR_SYSTEM, "it did not answer"), &why);
}

static void end_thaw(struct bench *b)
{
	char path[256];
	struct why why;
	close(b->asking);
	wait_for_end(b);
	remove_leaf(b);
	volume_of(b, "", path);
	check(dir_remove(path, &why), &why);
}

/* --- the table --- */

static const struct way ways[] = {
	{ .name = "plain", .run = run_plain },
	{ .name = "new", .run = run_new },
	{ "restart", begin_restart, NULL, run_restart, end_restart },
	{ "thaw", begin_thaw, freeze, run_thaw, end_thaw },
	{ .name = "cmd:", .run = run_command },
};

static const struct way *way_of(const char *what)
{
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (text_starts(what, ways[i].name))
			return &ways[i];
	fprintf(stderr, "launcher: what is %s?\n", what);
	exit(2);
}

static int compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static void take_turn(struct bench *b, const char *what, int64_t *times, size_t runs)
{
	const struct way *w = way_of(what);
	if (w->begin)
		w->begin(b);
	for (size_t i = 0; i < runs; i++) {
		if (w->rest)
			w->rest(b);
		usleep(SPACING_MS * 1000);
		const int64_t began = now_us();
		w->run(b, what);
		times[i] = now_us() - began;
	}
	if (w->end)
		w->end(b);
}

static void measure(struct bench *b, char *const *whats, size_t count, size_t runs)
{
	static int64_t times[WHATS_MAX][RUNS_MAX];
	for (size_t done = 0; done < runs; done += TURN)
		for (size_t i = 0; i < count; i++)
			take_turn(b, whats[i], times[i] + done,
				  runs - done < TURN ? runs - done : TURN);
	for (size_t i = 0; i < count; i++) {
		int64_t *t = times[i];
		qsort(t, runs, sizeof *t, compare);
		printf("%lld %lld %lld %s\n", (long long)t[runs / 10], (long long)t[runs / 2],
		       (long long)t[runs * 95 / 100], whats[i]);
	}
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct why why;
	char folder[] = "/run/skerry-launcher-XXXXXX", name[32]; /* as an agent has it */
	if (argc < 5 || argc > 4 + WHATS_MAX) {
		fputs("usage: launcher KEEPER ROOT RUNS WHAT...\n", stderr);
		return 2;
	}
	b.keeper = argv[1];
	b.root = argv[2];
	const long wanted = strtol(argv[3], NULL, 10);
	const size_t runs = wanted < 1 ? 1 : wanted > RUNS_MAX ? RUNS_MAX : (size_t)wanted;
	const char *mounts = getenv("PEER_MOUNTS");
	b.peer_mounts = mounts ? open(mounts, O_RDONLY | O_CLOEXEC) : -1;
	b.folder = mkdtemp(folder);
	snprintf(name, sizeof name, "skerry-bench-%d", getpid());
	check(loop_open(&b.loop, &why), &why);
	check(cgroup_open(name, &b.tree, &why), &why);
	measure(&b, argv + 4, (size_t)argc - 4, runs);
	cgroup_close(b.tree, true);
	loop_close(b.loop);
	return dir_remove(folder, &why) ? 1 : 0;
}
