/*
 * keeper_fixture - a real skerry-keeper on a real cgroup tree, for one test.
 *
 * Needs root and a cgroup file system. Workloads are one line of shell on the
 * host's root, unless the test says otherwise.
 */
#pragma once

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
	const char *program; /* NULL: the keeper that a board runs */
	struct keeper *keeper;
	int telemetry_fd, network_fd;
	int listeners[LISTENERS_MAX];
	struct why why;

	bool started, ended, has_log, has_exec, has_notice;
	size_t notices[NOTICE_TRIGGER + 1];
	char status[160];
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

static inline void on_started(void *owner, pid_t pid, int64_t started_ms)
{
	struct fixture *f = owner;
	f->started = true;
	f->starts++;
	f->pid = pid;
	f->started_ms = started_ms;
}

static inline void on_exit_of(void *owner, const struct workload_exit *exit)
{
	struct fixture *f = owner;
	f->ended = true;
	f->ends++;
	f->exit = *exit;
	if (exit->held && !f->launch.hold) /* one that was adopted */
		keeper_close(f->keeper);
	f->keeper = NULL; /* closed when this returns, or held by the test */
}

static inline void on_log(void *owner)
{
	struct fixture *f = owner;
	f->has_log = true;
}

static inline void on_exec(void *owner, unsigned id, int code, struct bytes output)
{
	struct fixture *f = owner;
	f->has_exec = true;
	f->exec_id = id;
	f->exec_code = code;
	f->exec_len = output.len;
	text_copy(f->exec_output, sizeof f->exec_output, output);
}

static inline void on_notice(void *owner, enum keeper_notice notice, const char *text)
{
	struct fixture *f = owner;
	f->notices[notice]++;
	if (notice == NOTICE_STATUS)
		text_copy(f->status, sizeof f->status, bytes_of(text));
	f->has_notice = true;
}

static inline struct keeper_hooks hooks_of(struct fixture *f)
{
	return (struct keeper_hooks){ f, on_started, on_exit_of, on_log, on_exec, on_notice };
}

static inline int set_up(void **state)
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
	f->telemetry_fd = f->network_fd = -1;
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

static inline int tear_down(void **state)
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

static inline void start_limited(struct fixture *f, const char *script, int64_t memory_bytes)
{
	const struct cgroup_limits limits = { .memory_bytes = memory_bytes, .pids = 64 };
	const char *elsewhere = getenv("SKERRY_KEEPER"); /* on a board it lies somewhere else */
	const char *usual = elsewhere ? elsewhere : KEEPER_PROGRAM;
	const struct keeper_options o = { f->program ? f->program : usual,
					  f->folder,
					  f->tree,
					  f->telemetry_fd,
					  f->network_fd,
					  f->listeners };
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

static inline void start(struct fixture *f, const char *script)
{
	start_limited(f, script, 0);
}

static inline void wait_for_end(struct fixture *f)
{
	turn_until(f->loop, &f->ended);
	assert_int_equal(f->ends, 1);
	if (f->exit.failed_start)
		fail_msg("%s", f->exit.message);
}

/* Until a file that the workload writes into a volume, or anything else, is there. */
static inline void wait_for_log(struct fixture *f)
{
	turn_until(f->loop, &f->has_log);
	f->has_log = false;
}

/* --- what it printed --- */

struct log_files {
	long long bases[8];
	size_t count;
};

static inline void on_name(void *owner, const char *name)
{
	struct log_files *l = owner;
	if (strncmp(name, "log.", 4) != 0)
		return;
	assert_in_range(l->count, 0, 7);
	l->bases[l->count++] = atoll(name + 4);
}

static inline struct log_files find_log(struct fixture *f)
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

static inline const char *read_log(struct fixture *f)
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
static inline const char *printed(struct fixture *f)
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
static inline const char *run(struct fixture *f, const char *script)
{
	start(f, script);
	wait_for_end(f);
	return printed(f);
}

/* The parent of a process. */
static inline pid_t parent_of(pid_t pid)
{
	char path[64], *text;
	size_t len;
	int parent;
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	assert_ok(file_read(path, 4096, &text, &len, NULL));
	assert_int_equal(sscanf(strrchr(text, ')'), ") %*c %d", &parent), 1);
	free(text);
	return parent;
}

/* Can it be tried here at all? The reason is said once. */
static inline bool is_possible(void)
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

#define KEEPER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
