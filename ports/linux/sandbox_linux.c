#include "ports/sandbox.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/linux/kernel.h"
#include "ports/rootfs.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

enum {
	CAPABILITIES_MAX = 64,
	MEMLOCK_BYTES = 64 * 1024,
	PROC_MAGIC = 0x9fa0, /* PROC_SUPER_MAGIC */
};

static const char DEFAULT_PATH[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static enum err fail(struct why *why, const char *step)
{
	return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s: %s", step,
		       strerror(errno));
}

static bool write_file(const char *path, const char *text)
{
	SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* v1: a thread that moves itself through `tasks` does not wait for the grace
 * period that cgroup.procs costs since Linux 6.0. */
static enum err join_v1(const struct cgroup_join *j, struct why *why)
{
	for (size_t i = 0; i < CGROUP_JOINS_MAX && j->tasks[i][0]; i++)
		if (!write_file(j->tasks[i], "0"))
			return fail(why, "join the cgroup");
	return OK;
}

static enum err join_v2_late(const struct cgroup_join *j, struct why *why)
{
	char procs[CGROUP_PATH_MAX + 16];
	snprintf(procs, sizeof procs, "%s/cgroup.procs", j->into);
	return write_file(procs, "0") ? OK : fail(why, "join the cgroup");
}

/*
 * Start a child that runs `body` and reports through a pipe: an empty report
 * means that it became what it should be. The child starts in its v2 cgroup,
 * or joins before anything else where the kernel cannot do that.
 */
struct child {
	enum err (*body)(struct sandbox *s, const void *argument, int report_fd, struct why *why);
	const void *argument;
	uint64_t flags;
};

static void run_child(struct sandbox *s, const struct child *c, bool joined, int report_fd)
{
	struct why why = { "" };
	enum err e = join_v1(&s->launch->join, &why);
	if (!e && !joined && s->launch->join.into[0])
		e = join_v2_late(&s->launch->join, &why);
	if (!e)
		e = c->body(s, c->argument, report_fd, &why);
	if (e && write(report_fd, why.text, strlen(why.text)) < 0)
		_exit(126);
	_exit(125);
}

static pid_t clone_into(const struct sandbox *s, uint64_t flags, int *pidfd, bool *joined)
{
	struct kernel_clone_args args = {
		.flags = flags | KERNEL_CLONE_PIDFD,
		.pidfd = (uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
	};
	SCOPED_FD group = -1;
	*joined = false;
	if (s->launch->join.into[0])
		group = open(s->launch->join.into, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (group >= 0) {
		*joined = true;
		args.flags |= KERNEL_CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)group;
		pid_t pid = kernel_clone(&args);
		if (pid >= 0 || (errno != EINVAL && errno != E2BIG))
			return pid;
		*joined = false;
		args.flags &= ~KERNEL_CLONE_INTO_CGROUP;
		args.cgroup = 0;
	}
	return kernel_clone(&args);
}

static enum err read_report(int fd, struct why *why)
{
	struct why report = { "" };
	ssize_t n;
	do
		n = read(fd, report.text, sizeof report.text - 1);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? OK : fail(why, "read the child's report");
	return why_set(why, ERR_SYSTEM, "%s", report.text);
}

static enum err start_child(struct sandbox *s, const struct child *c, struct sandbox_task *out,
			    struct why *why)
{
	int ends[2];
	bool joined;
	if (pipe2(ends, O_CLOEXEC))
		return fail(why, "pipe");
	SCOPED_FD read_end = ends[0];
	SCOPED_FD write_end = ends[1];

	out->pid = clone_into(s, c->flags, &out->pidfd, &joined);
	if (out->pid == 0) {
		close(read_end);
		run_child(s, c, joined, write_end);
	}
	if (out->pid < 0)
		return fail(why, "clone");

	close(take_fd(&write_end));
	enum err e = read_report(read_end, why);
	if (e) {
		kernel_signal(out->pidfd, SIGKILL);
		while (waitpid(out->pid, NULL, 0) < 0 && errno == EINTR)
			;
		close(out->pidfd);
		out->pid = 0;
	}
	return e;
}

static enum err drop_capabilities(struct why *why)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, none) ? fail(why, "drop capabilities") : OK;
}

static enum err drop_identity(const struct launch *l, struct why *why)
{
	const gid_t gid = (gid_t)l->gid;
	const uid_t uid = (uid_t)l->uid;
	gid_t groups[GROUPS_MAX];
	for (size_t i = 0; i < l->group_count; i++)
		groups[i] = (gid_t)l->groups[i];
	/* Bounding set first, while we still may; capset last, when the uid is gone. */
	if (setgroups(l->group_count, groups) || setresgid(gid, gid, gid))
		return fail(why, "drop groups");
	for (unsigned long c = 0; c < CAPABILITIES_MAX; c++)
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0))
			break; /* past the last that this kernel knows */
	if (setresuid(uid, uid, uid))
		return fail(why, "drop the user");
	enum err e = drop_capabilities(why);
	if (!e && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		e = fail(why, "no_new_privs");
	return e;
}

/* The first process inside: it owns the name spaces and buries orphans. */
static void reap_for_ever(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sigwaitinfo(&set, NULL);
	}
}

static enum err be_init(struct sandbox *s, const void *folder, int report_fd, struct why *why)
{
	const struct launch *l = s->launch;
	/* A keeper that is killed takes the workload along: nobody is left unwatched. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "init");
	umask(022); /* the agent's keeps everybody out, the workload must get in */
	if (sethostname(l->hostname, strlen(l->hostname)))
		return fail(why, "set the host name");
	enum err e = rootfs_enter(l, folder, why);
	if (!e)
		e = drop_identity(l, why);
	if (e)
		return e;

	/* PDEATHSIG is cleared by the change of user; not dumpable, so that nobody
	 * of the same uid looks into /proc/1. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	(void)report_fd;
	kernel_close_from(0, 0);
	reap_for_ever();
	return OK;
}

enum err sandbox_open(struct sandbox *s, const struct launch *l, const char *folder,
		      struct why *why)
{
	*s = (struct sandbox){ .launch = l, .init_fd = -1 };
	const struct child c = {
		.body = be_init,
		.argument = folder,
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS,
	};
	struct sandbox_task init;
	enum err e = start_child(s, &c, &init, why);
	if (e)
		return e;
	s->init_pid = init.pid;
	s->init_fd = init.pidfd;
	/* From here on our children are born into its pid name space. */
	if (setns(s->init_fd, CLONE_NEWPID)) {
		e = fail(why, "enter the pid name space");
		sandbox_close(s);
	}
	return e;
}

struct task {
	const char *const *argv;
	int out_fd, err_fd;
};

static enum err limit_resources(const struct launch *l, struct why *why)
{
	const rlim_t files = l->files > 0 ? (rlim_t)l->files : 1024;
	const struct rlimit nofile = { files, files }, core = { 0, 0 },
			    memlock = { MEMLOCK_BYTES, MEMLOCK_BYTES };
	char adj[16];
	if (setrlimit(RLIMIT_NOFILE, &nofile) || setrlimit(RLIMIT_CORE, &core) ||
	    setrlimit(RLIMIT_MEMLOCK, &memlock))
		return fail(why, "set resource limits");
	snprintf(adj, sizeof adj, "%d", (int)l->oom_score_adj);
	/* Raising is always allowed; lowering below our own is not everywhere. */
	write_file("/proc/self/oom_score_adj", adj);
	return OK;
}

static enum err arrange_stdio(const struct task *t, struct why *why)
{
	int null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || dup2(t->out_fd, 1) < 0 || dup2(t->err_fd, 2) < 0)
		return fail(why, "arrange stdin, stdout and stderr");
	/* The report pipe must live until execve() succeeds. */
	if (kernel_close_from(3, KERNEL_CLOSE_ON_EXEC) == 0)
		return OK;
	for (int fd = 3; fd < 1024; fd++) /* Linux 5.9 and 5.10 */
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return OK;
}

/* A regular file of the workload's own file systems. Without this, an image
 * could name /proc/self/exe and be given our own program. */
static bool is_program(const char *path)
{
	SCOPED_FD fd = kernel_open(AT_FDCWD, path, O_PATH | O_CLOEXEC, KERNEL_NO_MAGICLINKS);
	struct stat st;
	struct statfs fs;
	if (fd < 0 || fstat(fd, &st) || fstatfs(fd, &fs))
		return false;
	if (S_ISREG(st.st_mode) && (long)fs.f_type != PROC_MAGIC)
		return true;
	errno = EACCES;
	return false;
}

static const char *environment_path(const struct launch *l)
{
	const char *path = DEFAULT_PATH;
	for (size_t i = 0; l->env[i]; i++)
		if (text_starts(l->env[i], "PATH="))
			path = l->env[i] + 5;
	return path;
}

static bool find_program(const struct launch *l, const char *name, char out[PATH_LIMIT])
{
	if (strchr(name, '/'))
		return text_copy(out, PATH_LIMIT, bytes_of(name)) && is_program(out);
	for (const char *p = environment_path(l); *p;) {
		size_t n = strcspn(p, ":");
		if ((size_t)snprintf(out, PATH_LIMIT, "%.*s/%s", (int)n, p, name) < PATH_LIMIT &&
		    is_program(out))
			return true;
		p += n + (p[n] == ':');
	}
	errno = ENOENT;
	return false;
}

static void reset_signals(void)
{
	sigset_t none;
	for (int signo = 1; signo < NSIG; signo++)
		if (signo != SIGKILL && signo != SIGSTOP)
			signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static enum err execute(const struct launch *l, const struct task *t, struct why *why)
{
	char program[PATH_LIMIT];
	if (!find_program(l, t->argv[0], program))
		return why_set(why, ERR_NOT_FOUND, "execute %s: %s", t->argv[0], strerror(errno));
	execve(program, (char *const *)(uintptr_t)t->argv, (char *const *)(uintptr_t)l->env);
	return why_set(why, ERR_SYSTEM, "execute %s: %s", program, strerror(errno));
}

static enum err be_task(struct sandbox *s, const void *argument, int report_fd, struct why *why)
{
	const struct task *t = argument;
	const struct launch *l = s->launch;
	const char *workdir = l->workdir && *l->workdir ? l->workdir : "/";
	(void)report_fd;

	if (setns(s->init_fd, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS))
		return fail(why, "enter the sandbox");
	setsid();
	umask(022);
	enum err e = limit_resources(l, why);
	if (!e)
		e = arrange_stdio(t, why);
	if (!e)
		e = drop_identity(l, why);
	if (!e && chdir(workdir))
		e = why_set(why, ERR_NOT_FOUND, "enter workingDir %s: %s", workdir,
			    strerror(errno));
	if (e)
		return e;
	reset_signals();
	return execute(l, t, why);
}

enum err sandbox_start(struct sandbox *s, const char *const *argv, int out_fd, int err_fd,
		       struct sandbox_task *out, struct why *why)
{
	const struct task t = { .argv = argv, .out_fd = out_fd, .err_fd = err_fd };
	const struct child c = { .body = be_task, .argument = &t };
	return start_child(s, &c, out, why);
}

void sandbox_close(struct sandbox *s)
{
	if (!s->init_pid)
		return;
	kernel_signal(s->init_fd, SIGKILL);
	while (waitpid(s->init_pid, NULL, 0) < 0 && errno == EINTR)
		;
	close_quietly(s->init_fd);
	s->init_pid = 0;
	s->init_fd = -1;
}
