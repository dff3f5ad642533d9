#include "ports/sandbox.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"
#include "ports/linux/cgroup_join.h"
#include "ports/linux/kernel.h"
#include "ports/linux/landlock.h"
#include "ports/linux/privilege.h"
#include "ports/linux/program.h"
#include "ports/linux/seccomp.h"
#include "ports/linux/vfork.h"
#include "ports/rootfs.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	NAME_SPACES = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS,
	RENEW_WAIT_MS = 100, /* for what was killed to be gone */
};

/* A private folder that is made empty. */
struct emptying {
	const char *folder;
	bool failed;
};

static enum err fail(struct why *why, const char *step)
{
	return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s: %s", step,
		       strerror(errno));
}

static void bury(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* --- the first process inside: it owns the name spaces and buries orphans --- */

/* The keeper asks with SIGUSR1 to kill all others; from inside, where the sender has a
 * pid, it means nothing. */
static void reap_for_ever(void)
{
	sigset_t set;
	siginfo_t from;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (sigwaitinfo(&set, &from) == SIGUSR1 && from.si_pid == 0)
			kill(-1, SIGKILL);
	}
}

static enum err prepare_inside(const struct sandbox *s, const char *folder, struct why *why)
{
	const struct launch *l = s->launch;
	const char *step;
	/* A keeper that is killed takes the workload along: nobody is left unwatched. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "init");
	umask(022); /* the agent's keeps everybody out, the workload must get in */
	if (!cgroup_join_rest(&l->join))
		return fail(why, "join the cgroup");
	if (sethostname(l->hostname, strlen(l->hostname)))
		return fail(why, "set the host name");
	if (s->net_fd >= 0 && setns(s->net_fd, CLONE_NEWNET))
		return fail(why, "enter the network name space");
	enum err e = rootfs_enter(l, folder, why);
	if (!e && !privilege_drop(l, &step))
		e = fail(why, step);
	return e;
}

/* Tells through the pipe that all is well by closing it. */
static void be_init(const struct sandbox *s, const char *folder, int report)
{
	struct why why = { "" };
	if (prepare_inside(s, folder, &why)) {
		(void)!write(report, why.text, strlen(why.text));
		_exit(125);
	}
	/* PDEATHSIG is cleared by the change of user; not dumpable, so that nobody
	 * of the same uid looks into /proc/1. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	kernel_close_from(0, 0);
	reap_for_ever();
}

static enum err read_report(int fd, struct why *why)
{
	struct why report = { "" };
	ssize_t n;
	do
		n = read(fd, report.text, sizeof report.text - 1);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? OK : fail(why, "read the first process' report");
	return why_set(why, ERR_SYSTEM, "%s", report.text);
}

/* It never becomes another program, so it is a copy of us: a small one. */
static enum err start_init(struct sandbox *s, const char *folder, struct why *why)
{
	int ends[2];
	struct kernel_clone_args args = {
		.flags = NAME_SPACES | CLONE_NEWPID | KERNEL_CLONE_PIDFD,
		.pidfd = (uintptr_t)&s->init_fd,
		.exit_signal = SIGCHLD,
	};
	if (pipe2(ends, O_CLOEXEC))
		return fail(why, "pipe");
	SCOPED_FD read_end = ends[0];
	SCOPED_FD write_end = ends[1];
	SCOPED_FD group = -1;
	if (!cgroup_join_birth(&s->launch->join, &args, &group))
		return fail(why, "open the cgroup");

	s->init_pid = kernel_clone(&args);
	if (s->init_pid == 0)
		be_init(s, folder, write_end);
	if (s->init_pid < 0) {
		s->init_pid = 0;
		return fail(why, "clone");
	}
	close(take_fd(&write_end));
	return read_report(read_end, why);
}

/* The finished root is the first process'. */
static int open_root(const struct sandbox *s)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/root", s->init_pid);
	return s->init_pid ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

static int make_rules(const struct sandbox *s)
{
	SCOPED_FD root = open_root(s);
	return root < 0 ? -1 : landlock_rules(root, s->launch);
}

/* Children are born into our own pid name space again, not into a sandbox before. */
static bool leave_pid_namespace(void)
{
	SCOPED_FD own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	return own >= 0 && setns(own, CLONE_NEWPID) == 0;
}

enum err sandbox_open(struct sandbox *s, const struct launch *l, const char *folder, int net_fd,
		      struct why *why)
{
	*s = (struct sandbox){ .launch = l, .init_fd = -1, .rules = -1, .net_fd = net_fd };
	privilege_bound();
	enum err e = leave_pid_namespace() ? OK : fail(why, "leave the pid name space");
	if (!e)
		e = start_init(s, folder, why);
	/* From here on our children are born into its pid name space. */
	if (!e && setns(s->init_fd, CLONE_NEWPID))
		e = fail(why, "enter the pid name space");
	if (e)
		sandbox_close(s);
	else
		s->rules = make_rules(s);
	return e;
}

/* --- tasks --- */

/* What the child reads and writes while it borrows our memory. */
struct task {
	const struct sandbox *sandbox;
	const char *const *argv;
	const struct sandbox_files *files;
	const char *failed_step; /* NULL: it is another program by now */
	int failed_errno;
};

static bool arrange_stdio(const struct task *t)
{
	int null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(t->files->out_fd, 1) < 0 ||
	    dup2(t->files->err_fd, 2) < 0)
		return false;
	if (kernel_close_from(3, KERNEL_CLOSE_ON_EXEC) == 0)
		return true;
	for (int fd = 3; fd < 1024; fd++) /* Linux 5.9 and 5.10 */
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return true;
}

static bool enter(const struct task *t, const char **out_step)
{
	const struct launch *l = t->sandbox->launch;
	*out_step = "join the cgroup";
	if (!cgroup_join_rest(&l->join))
		return false;
	*out_step = "enter the sandbox";
	const int net = t->sandbox->net_fd < 0 ? 0 : CLONE_NEWNET;
	if (setns(t->sandbox->init_fd, NAME_SPACES | net))
		return false;
	setsid();
	umask(022);
	*out_step = "arrange stdin, stdout and stderr";
	return privilege_limit(l, out_step) && arrange_stdio(t) && privilege_drop(l, out_step);
}

/* No magic link: one of our own descriptors would lead out (CVE-2024-21626). */
static bool enter_workdir(const char *path)
{
	SCOPED_FD fd = kernel_open(AT_FDCWD, path && *path ? path : "/",
				   O_PATH | O_DIRECTORY | O_CLOEXEC, KERNEL_NO_MAGICLINKS);
	return fd >= 0 && fchdir(fd) == 0;
}

static bool confine(const struct launch *l, int rules, const char **out_step)
{
	*out_step = "enter workingDir";
	if (!enter_workdir(l->workdir))
		return false;
	*out_step = "landlock";
	if (!landlock_enter(rules))
		return false;
	*out_step = "filter system calls (CONFIG_SECCOMP_FILTER)";
	return seccomp_install(l->families ? (uint64_t)l->families : LAUNCH_FAMILIES);
}

/* Last, since their numbers may be anybody's until now. The words of the environment are
 * in borrowed memory, and nobody else reads this one. */
static bool give_listeners(const struct task *t)
{
	static const char name[] = "LISTEN_PID=";
	const struct sandbox_files *f = t->files;
	for (size_t i = 0; i < f->listener_count; i++)
		if (f->listeners[i] == 3 + (int)i ? fcntl(3 + (int)i, F_SETFD, 0)
						  : dup2(f->listeners[i], 3 + (int)i) < 0)
			return false;
	for (const char *const *e = t->sandbox->launch->env; f->listener_count && *e; e++)
		if (text_starts(*e, name))
			snprintf((char *)(uintptr_t)*e, strlen(*e) + 1, "%s%d", name, getpid());
	return true;
}

static bool prepare_task(const struct task *t, const char **out_step)
{
	if (!enter(t, out_step) || !confine(t->sandbox->launch, t->sandbox->rules, out_step))
		return false;
	*out_step = "hand over the sockets";
	return give_listeners(t);
}

static int be_task(void *argument)
{
	struct task *t = argument;
	const char *step = NULL;
	if (prepare_task(t, &step)) {
		vfork_reset_mask(); /* a keeper was started with default actions */
		step = "execute";
		program_become(t->argv, t->sandbox->launch->env);
	}
	t->failed_errno = errno;
	t->failed_step = step;
	return 127;
}

static enum err tell_failure(const struct task *t, struct why *why)
{
	const char *step = t->failed_step, *subject = NULL;
	if (strcmp(step, "execute") == 0)
		subject = t->argv[0];
	else if (strcmp(step, "enter workingDir") == 0)
		subject = t->sandbox->launch->workdir;
	errno = t->failed_errno;
	if (!subject)
		return fail(why, step);
	return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s %s: %s", step,
		       subject, strerror(errno));
}

enum err sandbox_start(struct sandbox *s, const char *const *argv,
		       const struct sandbox_files *files, struct sandbox_task *out, struct why *why)
{
	struct task t = { .sandbox = s, .argv = argv, .files = files };
	struct kernel_clone_args args = {
		.flags = KERNEL_CLONE_PIDFD,
		.pidfd = (uintptr_t)&out->pidfd,
		.exit_signal = SIGCHLD,
	};
	SCOPED_FD group = -1;
	if (!cgroup_join_birth(&s->launch->join, &args, &group))
		return fail(why, "open the cgroup");
	out->pid = vfork_run(&args, be_task, &t);
	if (out->pid < 0) {
		out->pid = 0;
		return fail(why, "clone");
	}
	if (!t.failed_step)
		return OK;
	bury(out->pid);
	close(out->pidfd);
	out->pid = 0;
	return tell_failure(&t, why);
}

/* --- from one task to the next --- */

bool sandbox_is_alive(const struct sandbox *s)
{
	struct pollfd p = { .fd = s->init_fd, .events = POLLIN };
	return s->init_pid && poll(&p, 1, 0) == 0;
}

/* How many processes the leaf has, the first one included; -1: it cannot be told. */
static int count_inside(const struct cgroup_join *j)
{
	char path[CGROUP_PATH_MAX + 16], text[256];
	const char *last = strrchr(j->tasks[0], '/');
	const int folder = j->into[0] ? CGROUP_PATH_MAX : last ? (int)(last - j->tasks[0]) : 0;
	snprintf(path, sizeof path, "%.*s/cgroup.procs", folder,
		 j->into[0] ? j->into : j->tasks[0]);
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	int lines = n < 0 ? -1 : 0;
	for (ssize_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

static bool kill_others(const struct sandbox *s)
{
	for (int turn = 0; turn < RENEW_WAIT_MS; turn++) {
		const int inside = count_inside(&s->launch->join);
		if (inside <= 1)
			return inside == 1;
		kernel_signal(s->init_fd, SIGUSR1);
		usleep(1000);
	}
	return false;
}

static void remove_entry(void *owner, const char *name)
{
	struct emptying *e = owner;
	char path[PATH_LIMIT];
	if ((size_t)snprintf(path, sizeof path, "%s/%s", e->folder, name) >= sizeof path ||
	    dir_remove(path, NULL))
		e->failed = true;
}

/* By way of the first process, whose root is the sandbox's: nobody else is left there
 * who could lead us astray. */
static bool empty(const struct sandbox *s, const char *folder)
{
	char path[64];
	struct emptying e = { .folder = path };
	snprintf(path, sizeof path, "/proc/%d/root%s", s->init_pid, folder);
	return dir_each(path, remove_entry, &e, NULL) == OK && !e.failed;
}

static bool is_below_private(const char *target)
{
	return text_starts(target, "/tmp") || text_starts(target, "/dev/shm");
}

static int open_file(const struct sandbox *s, const char *path, int flags)
{
	struct stat st;
	SCOPED_FD root = open_root(s);
	SCOPED_FD fd =
		root < 0 ? -1
			 : kernel_open(root, path, (uint64_t)(flags | O_CLOEXEC | O_NONBLOCK),
				       KERNEL_IN_ROOT | KERNEL_NO_SYMLINKS | KERNEL_NO_MAGICLINKS);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? take_fd(&fd) : -1;
}

enum err sandbox_read(const struct sandbox *s, const char *path, char *out, size_t cap,
		      size_t *out_len)
{
	SCOPED_FD fd = open_file(s, path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, out, cap);
	*out_len = n < 0 ? 0 : (size_t)n;
	return n < 0 ? ERR_NOT_FOUND : OK;
}

static bool empty_file(const struct sandbox *s, const char *path)
{
	SCOPED_FD fd = open_file(s, path, O_WRONLY);
	return fd >= 0 && ftruncate(fd, 0) == 0;
}

enum err sandbox_renew(struct sandbox *s, struct why *why)
{
	if (!s->init_pid)
		return why_set(why, ERR_AGAIN, "it is not open");
	for (size_t i = 0; i < s->launch->mount_count; i++)
		if (is_below_private(s->launch->mounts[i].target))
			return why_set(why, ERR_AGAIN, "a volume lies in a private folder");
	if (!kill_others(s) || !empty(s, "/tmp") || !empty(s, "/dev/shm") ||
	    !empty_file(s, "/dev/termination-log"))
		return why_set(why, ERR_AGAIN, "what a task left cannot be removed");
	return OK;
}

void sandbox_close(struct sandbox *s)
{
	close_quietly(s->rules);
	s->rules = -1;
	if (!s->init_pid)
		return;
	kernel_signal(s->init_fd, SIGKILL);
	bury(s->init_pid);
	close_quietly(s->init_fd);
	s->init_pid = 0;
	s->init_fd = -1;
}
