/*
 * process - helper programs that the agent starts and hears the end of.
 *
 * A child gets only the file descriptors that are named here, default signals,
 * an empty signal mask and a session of its own. The agent is never forked:
 * the child borrows its memory until it has become the other program.
 *
 * Implementation: ports/linux/process_clone.c.
 */
#pragma once

#include "base/err.h"
#include "ports/cgroup.h"
#include "ports/loop.h"

#include <stdbool.h>
#include <sys/types.h>

enum { PROCESS_FDS_MAX = 12 };

struct process_options {
	const char *const *argv; /* argv[0] is the path; ends in NULL */
	const char *const *envp; /* NULL: an empty environment */
	int out_fd;              /* its stdout; -1: /dev/null */
	int err_fd;              /* its stderr; -1: /dev/null */
	const int *fds;          /* these become 3, 4, ...; -1: that one is closed */
	size_t fd_count;
	const struct cgroup_join *join; /* where it begins; NULL: where we are */
	bool is_first;                  /* of a new pid name space: all in there ends with it */
};

struct process {
	pid_t pid; /* 0: not running */
	int pidfd;
	struct loop *loop;
	struct watch watch;
	void *owner;
	/* Exactly one of them is not negative: exit code, or the signal that ended it. */
	void (*on_exit)(void *owner, int code, int signo);
};

/* Start; p->owner and p->on_exit are set by the caller, and `p` stays put until
 * on_exit or process_forget(). A program that cannot be executed fails here. */
enum err process_start(struct loop *l, const struct process_options *o, struct process *p,
		       struct why *why);

void process_signal(const struct process *p, int signo);

/* Kill it and wait until it is gone; on_exit is not called. Not running: nothing happens. */
void process_end(struct process *p);

/* Stop listening for its end; it goes on. For the agent's own end, and for
 * what is meant to outlive it. Not running: nothing happens. */
void process_forget(struct process *p);
