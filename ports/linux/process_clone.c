#include "ports/process.h"

#include "base/scoped.h"

#include "ports/linux/cgroup_join.h"
#include "ports/linux/vfork.h"

#include <assert.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { FIRST_FREE_FD = 16 }; /* above all that a child is given */

/* What the child reads and writes while it borrows our memory. */
struct borrowed {
	const struct process_options *options;
	const char *failed_step;
	int failed_errno;
};

static int give_up(struct borrowed *b, const char *step)
{
	b->failed_step = step;
	b->failed_errno = errno;
	return 127;
}

static bool arrange_fds(const struct process_options *o)
{
	int null = open("/dev/null", O_RDWR);
	int out = fcntl(o->out_fd >= 0 ? o->out_fd : null, F_DUPFD, FIRST_FREE_FD);
	int err = fcntl(o->err_fd >= 0 ? o->err_fd : null, F_DUPFD, FIRST_FREE_FD);
	int moved[PROCESS_FDS_MAX];

	for (size_t i = 0; i < o->fd_count; i++)
		moved[i] = o->fds[i] < 0 ? -1 : fcntl(o->fds[i], F_DUPFD, FIRST_FREE_FD);
	if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		return false;
	for (size_t i = 0; i < o->fd_count; i++) {
		if (o->fds[i] < 0)
			close(3 + (int)i);
		else if (dup2(moved[i], 3 + (int)i) < 0)
			return false;
	}
	return kernel_close_from(3u + (unsigned)o->fd_count, 0) == 0;
}

/* Runs in the parent's memory until execve(): system calls and nothing else. */
static int become(void *argument)
{
	static char *const nothing[] = { NULL };
	struct borrowed *b = argument;
	const struct process_options *o = b->options;

	vfork_reset_signals();
	setsid();
	/* First, since the next agent cannot have the lock while a child of ours has it still:
	 * one that is killed now leaves this child behind. */
	if (!arrange_fds(o))
		return give_up(b, "arrange descriptors for");
	if (o->join && !cgroup_join_rest(o->join))
		return give_up(b, "join the cgroup for");
	execve(o->argv[0], (char *const *)(uintptr_t)o->argv,
	       o->envp ? (char *const *)(uintptr_t)o->envp : nothing);
	return give_up(b, "execute");
}

static void on_ended(void *owner, unsigned events)
{
	struct process *p = owner;
	siginfo_t info = { 0 };
	(void)events;
	if (waitid((idtype_t)P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) || info.si_pid == 0)
		return;

	process_forget(p);
	bool exited = info.si_code == CLD_EXITED;
	p->on_exit(p->owner, exited ? info.si_status : -1, exited ? -1 : info.si_status);
}

static pid_t clone_borrowing(struct borrowed *b, int *pidfd)
{
	struct kernel_clone_args args = {
		.flags = KERNEL_CLONE_PIDFD | (b->options->is_first ? CLONE_NEWPID : 0u),
		.pidfd = (uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
	};
	SCOPED_FD group = -1;
	if (b->options->join && !cgroup_join_birth(b->options->join, &args, &group))
		return -1;
	return vfork_run(&args, become, b);
}

static enum err clone_child(const struct process_options *o, struct process *p, struct why *why)
{
	struct borrowed b = { .options = o };
	pid_t pid = clone_borrowing(&b, &p->pidfd);
	if (pid < 0)
		return why_set(why, ERR_SYSTEM, "start %s: %s", o->argv[0], strerror(errno));
	if (b.failed_step) {
		waitpid(pid, NULL, 0);
		close(p->pidfd);
		return why_set(why, b.failed_errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM,
			       "%s %s: %s", b.failed_step, o->argv[0], strerror(b.failed_errno));
	}
	p->pid = pid;
	return OK;
}

enum err process_start(struct loop *l, const struct process_options *o, struct process *p,
		       struct why *why)
{
	assert(o->fd_count <= PROCESS_FDS_MAX);
	enum err e = clone_child(o, p, why);
	if (e)
		return e;

	p->loop = l;
	p->watch = (struct watch){
		.fd = p->pidfd, .events = LOOP_READ, .owner = p, .on_ready = on_ended
	};
	return loop_watch(l, &p->watch, why);
}

void process_signal(const struct process *p, int signo)
{
	if (p->pid)
		kernel_signal(p->pidfd, signo);
}

void process_end(struct process *p)
{
	if (!p->pid)
		return;
	process_signal(p, SIGKILL);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	process_forget(p);
}

void process_forget(struct process *p)
{
	if (!p->pid)
		return;
	loop_unwatch(p->loop, &p->watch);
	close(p->pidfd);
	p->pid = 0;
	p->pidfd = -1;
}
