#include "ports/sandbox.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
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
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { RENEW_WAIT_MS = 100 }; /* for what was killed to be gone */

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

/* --- the first process --- */

bool sandbox_is_first(void)
{
	return getpid() == 1;
}

/* Ends as the child does. */
static void wait_for(pid_t child)
{
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

enum err sandbox_move_in(int close_fd, struct why *why)
{
	if (unshare(CLONE_NEWPID))
		return fail(why, "make a pid name space");
	const pid_t child = fork();
	if (child < 0)
		return fail(why, "fork");
	if (child == 0)
		return prctl(PR_SET_PDEATHSIG, SIGKILL) ? fail(why, "PR_SET_PDEATHSIG") : OK;
	close_quietly(close_fd);
	wait_for(child);
	return OK;
}

enum err sandbox_open(struct sandbox *s, const struct launch *l, const char *folder, int net_fd,
		      struct why *why)
{
	*s = (struct sandbox){
		.mounts_fd = -1, .root_fd = -1, .rules = -1, .folder = folder, .launch = l
	};
	if (!sandbox_is_first())
		return why_set(why, ERR_INVALID, "not the first process of a pid name space");
	privilege_bound();
	if (unshare(CLONE_NEWIPC | CLONE_NEWUTS))
		return fail(why, "make name spaces");
	if (sethostname(l->hostname, strlen(l->hostname)))
		return fail(why, "set the host name");
	/* We too: what is inside may look at /proc/1/net. */
	if (net_fd >= 0 && setns(net_fd, CLONE_NEWNET))
		return fail(why, "enter the network name space");
	s->is_open = true;
	return OK;
}

/* --- tasks --- */

/* What the child reads and writes while it borrows our memory. */
struct task {
	struct sandbox *sandbox;
	const char *const *argv;
	const struct sandbox_files *files;
	pid_t outer_pid;
	const char *failed_step; /* NULL: it is another program by now */
	int failed_errno;
	struct why why; /* of the step "build the root" */
};

static const char BUILD[] = "build the root";

/* The board's /proc knows us by the number that the board does. */
static bool find_outer_pid(struct task *t)
{
	char text[24] = "";
	if (readlink("/proc/self", text, sizeof text - 1) < 0)
		return false;
	t->outer_pid = (pid_t)strtol(text, NULL, 10);
	return true;
}

/* By the first task, on behalf of all: our descriptors are the caller's, who keeps these. */
static bool build(struct task *t)
{
	struct sandbox *s = t->sandbox;
	if (rootfs_enter(s->launch, s->folder, &t->why))
		return false;
	SCOPED_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	SCOPED_FD mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (root < 0 || mounts < 0) {
		(void)fail(&t->why, "keep the mount name space");
		return false;
	}
	s->rules = landlock_rules(root, s->launch);
	s->root_fd = take_fd(&root);
	s->mounts_fd = take_fd(&mounts);
	return true;
}

static bool enter_mounts(struct task *t, const char **out_step)
{
	*out_step = BUILD;
	if (t->sandbox->mounts_fd < 0)
		return build(t) && unshare(CLONE_FILES) == 0;
	*out_step = "enter the sandbox";
	return setns(t->sandbox->mounts_fd, CLONE_NEWNS) == 0;
}

static bool arrange_stdio(const struct task *t)
{
	const int in = t->files->in_fd ? t->files->in_fd : open("/dev/null", O_RDONLY);
	if (in < 0 || dup2(in, 0) < 0 || dup2(t->files->out_fd, 1) < 0 ||
	    dup2(t->files->err_fd, 2) < 0)
		return false;
	if (kernel_close_from(3, KERNEL_CLOSE_ON_EXEC) == 0)
		return true;
	for (int fd = 3; fd < 1024; fd++) /* Linux 5.9 and 5.10 */
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return true;
}

static bool enter(struct task *t, const char **out_step)
{
	const struct launch *l = t->sandbox->launch;
	umask(022); /* the agent's keeps everybody out, the workload must get in */
	*out_step = "join the cgroup";
	if (!cgroup_join_rest(&l->join))
		return false;
	*out_step = "find its number in /proc";
	if (!find_outer_pid(t) || !enter_mounts(t, out_step))
		return false;
	setsid();
	*out_step = "arrange stdin, stdout and stderr";
	if (!privilege_limit(l, out_step) || !arrange_stdio(t) || !privilege_drop(l, out_step))
		return false;
	/* Our memory is the keeper's still, and the change of user has made it what
	 * fs.suid_dumpable says: nobody of the same user looks into it. */
	prctl(PR_SET_DUMPABLE, 0);
	return true;
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

static bool prepare_task(struct task *t, const char **out_step)
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
	if (step == BUILD && t->why.text[0])
		return why_set(why, ERR_SYSTEM, "%s", t->why.text);
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

/* The first task brings the mount name space along. */
static pid_t clone_task(struct task *t)
{
	const struct sandbox *s = t->sandbox;
	struct kernel_clone_args args = {
		.flags = s->mounts_fd < 0 ? CLONE_NEWNS | CLONE_FILES : 0,
		.exit_signal = SIGCHLD,
	};
	SCOPED_FD group = -1;
	if (!cgroup_join_birth(&s->launch->join, &args, &group))
		return -1;
	return vfork_run(&args, be_task, t);
}

enum err sandbox_start(struct sandbox *s, const char *const *argv,
		       const struct sandbox_files *files, struct sandbox_task *out, struct why *why)
{
	struct task t = { .sandbox = s, .argv = argv, .files = files };
	*out = (struct sandbox_task){ 0 };
	const pid_t pid = clone_task(&t);
	if (pid < 0)
		return fail(why, "start in the cgroup");
	if (t.failed_step) {
		bury(pid);
		return tell_failure(&t, why);
	}
	*out = (struct sandbox_task){ .pid = pid, .outer_pid = t.outer_pid };
	return OK;
}

/* --- from one task to the next --- */

/* False: something has not died within `wait_ms`; -1: it is waited for. */
static bool bury_all(int wait_ms)
{
	const int64_t until = clock_now_ms() + wait_ms;
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		const pid_t pid = waitpid(-1, NULL, WNOHANG);
		if (pid < 0 && errno == ECHILD)
			return true;
		if (pid)
			continue;
		const int64_t left = until - clock_now_ms();
		/* below a second */
		const struct timespec rest = { .tv_nsec = (long)left * 1000000 };
		if (wait_ms >= 0 && left <= 0)
			return false;
		sigtimedwait(&child, NULL, wait_ms < 0 ? NULL : &rest);
	}
}

/* All that is in here but ourselves: whoever is being born meanwhile dies too. */
static bool kill_others(int wait_ms)
{
	kill(-1, SIGKILL);
	return bury_all(wait_ms);
}

static void remove_entry(void *owner, const char *name)
{
	struct emptying *e = owner;
	char path[PATH_LIMIT];
	if ((size_t)snprintf(path, sizeof path, "%s/%s", e->folder, name) >= sizeof path ||
	    dir_remove(path, NULL))
		e->failed = true;
}

/* By way of its root; nobody is left there who could lead us astray. */
static bool empty(const struct sandbox *s, const char *folder)
{
	char path[64];
	struct emptying e = { .folder = path };
	snprintf(path, sizeof path, "/proc/self/fd/%d%s", s->root_fd, folder);
	return dir_each(path, remove_entry, &e, NULL) == OK && !e.failed;
}

static bool is_below_private(const char *target)
{
	return text_starts(target, "/tmp") || text_starts(target, "/dev/shm");
}

static int open_file(const struct sandbox *s, const char *path, int flags)
{
	struct stat st;
	if (s->root_fd < 0)
		return -1;
	SCOPED_FD fd = kernel_open(s->root_fd, path, (uint64_t)(flags | O_CLOEXEC | O_NONBLOCK),
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
	if (s->mounts_fd < 0)
		return why_set(why, ERR_AGAIN, "it has no root yet");
	for (size_t i = 0; i < s->launch->mount_count; i++)
		if (is_below_private(s->launch->mounts[i].target))
			return why_set(why, ERR_AGAIN, "a volume lies in a private folder");
	if (!kill_others(RENEW_WAIT_MS) || !empty(s, "/tmp") || !empty(s, "/dev/shm") ||
	    !empty_file(s, "/dev/termination-log"))
		return why_set(why, ERR_AGAIN, "what a task left cannot be removed");
	return OK;
}

void sandbox_close(struct sandbox *s)
{
	if (!s->is_open)
		return;
	kill_others(-1);
	close_quietly(s->rules);
	close_quietly(s->root_fd);
	close_quietly(s->mounts_fd);
	s->rules = s->root_fd = s->mounts_fd = -1;
	s->is_open = false;
}
