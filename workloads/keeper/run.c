#include "workloads/keeper/run.h"

#include "base/scoped.h"
#include "ports/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	TERMINATION_MAX = 4096, /* Kubernetes' bound of a termination message */
};

void run_init(struct run *r, const char *folder, int folder_fd)
{
	r->folder = folder;
	r->folder_fd = folder_fd;
	r->ending.code = -1;
	r->pipes[JOURNAL_STDOUT] = r->pipes[JOURNAL_STDERR] = r->journal.fd = -1;
	r->sandbox.mounts_fd = r->sandbox.root_fd = r->sandbox.rules = -1;
	r->notice.fd = r->net_fd = -1;
}

static enum err read_launch(struct run *r, struct why *why)
{
	static char text[LAUNCH_MAX]; /* of one run at a time; what is not used costs nothing */
	SCOPED_FD fd = openat(r->folder_fd, "launch", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (n < 0)
		return why_set(why, ERR_SYSTEM, "read the launch file: %s", strerror(errno));
	return launch_take(text, (size_t)n, &r->launch, why);
}

static enum err open_sandbox(struct run *r, struct why *why)
{
	if (r->sandbox.is_open)
		return OK;
	if ((size_t)snprintf(r->root, sizeof r->root, "%s/root", r->folder) >= sizeof r->root)
		return why_set(why, ERR_INVALID, "%s: the path is too long", r->folder);
	if (mkdirat(r->folder_fd, "root", 0700) && errno != EEXIST)
		return why_set(why, ERR_SYSTEM, "make %s: %s", r->root, strerror(errno));
	if (r->launch.network && r->net_fd < 0)
		return why_set(why, ERR_INVALID, "the agent handed no network name space over");
	return sandbox_open(&r->sandbox, &r->launch, r->root, r->launch.network ? r->net_fd : -1,
			    why);
}

static bool open_pipe(int *out_read, int *out_write)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return false;
	*out_read = ends[0];
	*out_write = ends[1];
	return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

static enum err start(struct run *r, struct why *why)
{
	SCOPED_FD out = -1;
	SCOPED_FD err = -1;
	if (!open_pipe(&r->pipes[JOURNAL_STDOUT], &out) ||
	    !open_pipe(&r->pipes[JOURNAL_STDERR], &err))
		return why_set(why, ERR_SYSTEM, "pipe: %s", strerror(errno));
	const int64_t n = r->launch.listeners;
	const struct sandbox_files files = {
		.out_fd = out,
		.err_fd = err,
		.listeners = r->listeners,
		.listener_count = n < 0 || n > LISTENERS_MAX ? 0 : (size_t)n,
	};
	enum err e = open_sandbox(r, why);
	return e ? e : sandbox_start(&r->sandbox, r->launch.argv, &files, &r->task, why);
}

enum err run_start(struct run *r)
{
	struct why why = { "" };
	r->ending = (struct ending){ .code = -1 };
	unlinkat(r->folder_fd, "exit", 0);
	enum err e = read_launch(r, &why);
	if (!e && r->journal.fd < 0)
		e = journal_open(&r->journal, r->folder_fd, r->launch.log_bytes, &why);
	notice_forget(&r->notice);
	if (!e && r->launch.notify)
		e = notice_open(&r->notice, r->folder, &why);
	r->oom_before = ending_count_oom(r->launch.join.oom);
	if (!e)
		e = start(r, &why);
	if (e) {
		r->ending.failed_start = 1;
		r->ending.message = why;
	} else {
		r->ending.started_ms = clock_now_ms();
	}
	return e;
}

void run_take_output(struct run *r)
{
	for (enum journal_stream s = 0; s < JOURNAL_STREAMS; s++) {
		if (r->pipes[s] < 0 || journal_take(&r->journal, s, r->pipes[s]))
			continue;
		close(r->pipes[s]);
		r->pipes[s] = -1;
	}
}

bool run_is_over(struct run *r)
{
	int status;
	if (waitpid(r->task.pid, &status, WNOHANG) != r->task.pid)
		return false;
	r->ending.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	r->ending.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	r->task.pid = 0;
	return true;
}

/* The last words, from where the launch says. None: no file. */
static void keep_last_words(struct run *r)
{
	static char text[TERMINATION_MAX]; /* used by one at a time */
	size_t len;
	unlinkat(r->folder_fd, "termination", 0);
	if (!r->launch.termination ||
	    sandbox_read(&r->sandbox, r->launch.termination, text, sizeof text, &len) || len == 0)
		return;
	SCOPED_FD fd = openat(r->folder_fd, "termination", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, text, len) != (ssize_t)len)
		unlinkat(r->folder_fd, "termination", 0);
}

bool run_finish(struct run *r, bool hold)
{
	keep_last_words(r);
	const bool held = hold && sandbox_renew(&r->sandbox, NULL) == OK;
	if (!held)
		sandbox_close(&r->sandbox);
	/* Nobody has the other ends any more. */
	while (r->pipes[JOURNAL_STDOUT] >= 0 || r->pipes[JOURNAL_STDERR] >= 0)
		run_take_output(r);
	journal_flush(&r->journal);
	r->ending.oom = ending_count_oom(r->launch.join.oom) > r->oom_before;
	r->ending.ended_ms = clock_now_ms();
	(void)!ending_keep(&r->ending, r->folder_fd, NULL);
	return held;
}

void run_end(struct run *r)
{
	sandbox_close(&r->sandbox);
	close_quietly(r->journal.fd);
	r->journal.fd = -1;
}
