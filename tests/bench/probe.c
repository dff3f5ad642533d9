/*
 * probe [NAME...] - what a sandbox lets through: one line "name result" for each check.
 *
 * "ok" means that the kernel did it, or looked at the arguments, which are bad on purpose:
 * the way is open. Otherwise the name of the error, or "killed". Without names, all.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *result_of(long r)
{
	/* What comes after the right was checked. */
	if (r >= 0 || errno == EFAULT || errno == EINVAL || errno == EBADF || errno == ENOENT ||
	    errno == ESRCH || errno == ENOEXEC || errno == EEXIST || errno == ENOTTY ||
	    errno == ENODEV || errno == ENOTBLK || errno == EIO)
		return "ok";
	switch (errno) {
	case EPERM:
		return "EPERM";
	case EACCES:
		return "EACCES";
	case ENOSYS:
		return "ENOSYS";
	case EROFS:
		return "EROFS";
	case EAFNOSUPPORT:
		return "EAFNOSUPPORT";
	default:
		return strerror(errno);
	}
}

static const char *word_of_status(const char *key)
{
	static char line[256];
	FILE *f = fopen("/proc/self/status", "re");
	size_t n = strlen(key);
	while (f && fgets(line, sizeof line, f)) {
		if (strncmp(line, key, n) != 0 || line[n] != ':')
			continue;
		fclose(f);
		line[strcspn(line, "\n")] = '\0';
		return line + n + 1 + strspn(line + n + 1, " \t");
	}
	if (f)
		fclose(f);
	return "?";
}

static const char *capabilities(const char *key)
{
	static char text[24];
	unsigned long long set = strtoull(word_of_status(key), NULL, 16);
	snprintf(text, sizeof text, "%d", __builtin_popcountll(set));
	return text;
}

static const char *count(const char *folder, int less)
{
	static char text[16];
	int n = 0;
	DIR *d = opendir(folder);
	if (!d)
		return result_of(-1);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	snprintf(text, sizeof text, "%d", n - less);
	return text;
}

static const char *open_for(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd < 0)
		return errno == ENOENT ? "absent" : result_of(-1);
	char byte;
	struct stat st;
	/* A mask is /dev/null, or a file without content. */
	if (flags == O_RDONLY && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode) &&
	    read(fd, &byte, 1) <= 0) {
		close(fd);
		return "empty";
	}
	close(fd);
	return "ok";
}

static const char *socket_of(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, family == AF_INET && type == SOCK_RAW);
	if (fd < 0)
		return errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT ? "ok" : result_of(-1);
	close(fd);
	return "ok";
}

static const char *number_of(const char *path)
{
	static char text[32];
	FILE *f = fopen(path, "re");
	if (!f || !fgets(text, sizeof text, f))
		strcpy(text, "?");
	if (f)
		fclose(f);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static const char *mount_options_of_root(void)
{
	static char options[128];
	char line[1024], target[256];
	FILE *f = fopen("/proc/self/mounts", "re");
	strcpy(options, "?");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "%*s %255s %*s %2[^,]", target, options) == 2 &&
		    strcmp(target, "/") == 0)
			break;
	if (f)
		fclose(f);
	return options;
}

/* A system call of the 32-bit table, as no filter for 64 bits expects it. */
static const char *foreign_call(void)
{
#ifdef __x86_64__
	long r = 20; /* getpid */
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory");
	return r > 0 ? "ok" : "refused";
#else
	return "none";
#endif
}

#define CALL(name, ...)                                                                            \
	{                                                                                          \
#name, NULL, 0, 0, CHECK_CALL,                                                     \
		{                                                                                  \
			SYS_##name, __VA_ARGS__                                                    \
		}                                                                                  \
	}

enum kind { CHECK_CAPS, CHECK_STATUS, CHECK_OPEN, CHECK_SOCKET, CHECK_CALL, CHECK_FN };

static const char *fn_fds(void)
{
	return count("/proc/self/fd", 4);
}
static const char *fn_dev(void)
{
	return count("/dev", 0);
}
static const char *fn_null(void)
{
	struct stat st;
	int real =
		stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
	return real ? "ok" : "another";
}
static const char *fn_oom(void)
{
	return number_of("/proc/self/oom_score_adj");
}
static const char *fn_pids(void)
{
	return getppid() < 10 ? "own" : "host";
}

static const char *fn_user_ns(void)
{
	return result_of(unshare(CLONE_NEWUSER));
}
static const char *fn_mount_ns(void)
{
	return result_of(unshare(CLONE_NEWNS));
}
static const char *fn_net_ns(void)
{
	return result_of(unshare(CLONE_NEWNET));
}
static const char *fn_mknod(void)
{
	const char *r = result_of(mknod("/tmp/probe-node", S_IFCHR | 0666, makedev(1, 1)));
	unlink("/tmp/probe-node");
	return r;
}
static const char *fn_tiocsti(void)
{
	/* The upper half is nothing to the kernel, and must not be to a filter. */
	return result_of(syscall(SYS_ioctl, 0, (unsigned long)TIOCSTI | (~0UL << 31 << 1), "x"));
}
static const char *fn_clone_user(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	int kept = errno;
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	errno = kept;
	return result_of(pid);
}
static const char *fn_trace(void)
{
	return result_of(ptrace(PTRACE_TRACEME, 0, 0, 0));
}
static const char *fn_cores(void)
{
	struct rlimit r;
	return getrlimit(RLIMIT_CORE, &r) || r.rlim_max ? "ok" : "none";
}
static const char *fn_uid(void)
{
	return getuid() && geteuid() ? "other" : "root";
}

/* 32-bit boards of a newer C library have the second alone. */
#ifndef SYS_clock_settime
#define SYS_clock_settime SYS_clock_settime64
#endif

static const struct check {
	const char *name;
	const char *path; /* or key of /proc/self/status */
	int a, b;
	enum kind kind;
	long call[7];
	const char *(*fn)(void);
} checks[] = {
	{ "user", .kind = CHECK_FN, .fn = fn_uid },
	{ "groups", "Groups", .kind = CHECK_STATUS },
	{ "capabilities-effective", "CapEff", .kind = CHECK_CAPS },
	{ "capabilities-permitted", "CapPrm", .kind = CHECK_CAPS },
	{ "capabilities-inheritable", "CapInh", .kind = CHECK_CAPS },
	{ "capabilities-ambient", "CapAmb", .kind = CHECK_CAPS },
	{ "capabilities-bounding", "CapBnd", .kind = CHECK_CAPS },
	{ "no-new-privs", "NoNewPrivs", .kind = CHECK_STATUS },
	{ "seccomp", "Seccomp", .kind = CHECK_STATUS },
	{ "inherited-descriptors", .kind = CHECK_FN, .fn = fn_fds },
	{ "pid-namespace", .kind = CHECK_FN, .fn = fn_pids },
	{ "root-mount", .kind = CHECK_FN, .fn = mount_options_of_root },
	{ "core-dumps", .kind = CHECK_FN, .fn = fn_cores },
	{ "oom-score-adj", .kind = CHECK_FN, .fn = fn_oom },
	{ "null-device", .kind = CHECK_FN, .fn = fn_null },
	{ "entries-in-dev", .kind = CHECK_FN, .fn = fn_dev },
	{ "write-core-pattern", "/proc/sys/kernel/core_pattern", O_WRONLY, .kind = CHECK_OPEN },
	{ "write-sysrq", "/proc/sysrq-trigger", O_WRONLY, .kind = CHECK_OPEN },
	{ "write-root", "/", O_TMPFILE | O_WRONLY, .kind = CHECK_OPEN },
	{ "write-dev", "/dev", O_TMPFILE | O_WRONLY, .kind = CHECK_OPEN },
	{ "read-kcore", "/proc/kcore", O_RDONLY, .kind = CHECK_OPEN },
	{ "read-keys", "/proc/keys", O_RDONLY, .kind = CHECK_OPEN },
	{ "read-kallsyms", "/proc/kallsyms", O_RDONLY, .kind = CHECK_OPEN },
	{ "read-interrupts", "/proc/interrupts", O_RDONLY, .kind = CHECK_OPEN },
	{ "read-cmdline", "/proc/cmdline", O_RDONLY, .kind = CHECK_OPEN },
	{ "read-timer-list", "/proc/timer_list", O_RDONLY, .kind = CHECK_OPEN },
	{ "read-init-memory", "/proc/1/mem", O_RDONLY, .kind = CHECK_OPEN },
	{ "read-init-environ", "/proc/1/environ", O_RDONLY, .kind = CHECK_OPEN },
	{ "list-init-root", "/proc/1/root", O_RDONLY | O_DIRECTORY, .kind = CHECK_OPEN },
	{ "open-memory", "/dev/mem", O_RDONLY, .kind = CHECK_OPEN },
	{ "open-console", "/dev/console", O_WRONLY, .kind = CHECK_OPEN },
	{ "cgroup-files", "/sys/fs/cgroup", O_RDONLY | O_DIRECTORY, .kind = CHECK_OPEN },
	{ "sysfs", "/sys/kernel", O_RDONLY | O_DIRECTORY, .kind = CHECK_OPEN },
	{ "socket-unix", NULL, AF_UNIX, SOCK_STREAM, CHECK_SOCKET },
	{ "socket-inet", NULL, AF_INET, SOCK_DGRAM, CHECK_SOCKET },
	{ "socket-netlink", NULL, AF_NETLINK, SOCK_RAW, CHECK_SOCKET },
	{ "socket-packet", NULL, AF_PACKET, SOCK_RAW, CHECK_SOCKET },
	{ "socket-raw", NULL, AF_INET, SOCK_RAW, CHECK_SOCKET },
	{ "socket-vsock", NULL, AF_VSOCK, SOCK_STREAM, CHECK_SOCKET },
	{ "socket-alg", NULL, AF_ALG, SOCK_SEQPACKET, CHECK_SOCKET },
	{ "socket-bluetooth", NULL, AF_BLUETOOTH, SOCK_RAW, CHECK_SOCKET },
	{ "new-user-namespace", .kind = CHECK_FN, .fn = fn_user_ns },
	{ "new-user-namespace-by-clone", .kind = CHECK_FN, .fn = fn_clone_user },
	{ "new-mount-namespace", .kind = CHECK_FN, .fn = fn_mount_ns },
	{ "new-net-namespace", .kind = CHECK_FN, .fn = fn_net_ns },
	{ "make-device-node", .kind = CHECK_FN, .fn = fn_mknod },
	{ "type-into-terminal", .kind = CHECK_FN, .fn = fn_tiocsti },
	{ "ptrace", .kind = CHECK_FN, .fn = fn_trace },
	CALL(mount, 0, 0, 0, 0, 0),
	CALL(umount2, 0, 0),
	CALL(pivot_root, 0, 0),
	CALL(chroot, 0),
	CALL(setns, -1, 0),
	CALL(sethostname, 0, 1),
	CALL(process_vm_readv, 1, 0, 0, 0, 0, 0),
	CALL(bpf, 0, 0, 0),
	CALL(perf_event_open, 0, 0, 0, -1, 0),
	CALL(io_uring_setup, 1, 0),
	CALL(keyctl, 0, -3, 1),
	CALL(add_key, 0, 0, 0, 0, 0),
	CALL(request_key, 0, 0, 0, 0),
#ifdef SYS_userfaultfd
	CALL(userfaultfd, 0),
#endif
	CALL(personality, 0x0040000),
	CALL(open_by_handle_at, -1, 0, 0),
	CALL(init_module, 0, 0, 0),
	CALL(delete_module, 0, 0),
	CALL(kexec_load, 0, 1, 0, 0),
	CALL(swapon, 0, 0),
	CALL(acct, 1),
	CALL(syslog, 3, 0, 0),
	CALL(quotactl, 0, 0, 0, 0),
	CALL(clock_settime, 0, 0),
	CALL(kcmp, 1, 1, 9, 0, 0),
	CALL(clone3, 0, 0),
	{ "unknown-call", NULL, 0, 0, CHECK_CALL, { 1999 } },
	{ "foreign-call", .kind = CHECK_FN, .fn = foreign_call },
};

static const char *run(const struct check *c)
{
	const long *a = c->call;
	switch (c->kind) {
	case CHECK_CAPS:
		return capabilities(c->path);
	case CHECK_STATUS:
		return word_of_status(c->path);
	case CHECK_OPEN:
		return open_for(c->path, c->a);
	case CHECK_SOCKET:
		return socket_of(c->a, c->b);
	case CHECK_CALL:
		return result_of(syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]));
	case CHECK_FN:
	default:
		return c->fn();
	}
}

/* Each in a process of its own: what it changes is gone, and a kill is an answer. */
static void tell(const struct check *c)
{
	int status;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		const char *result = run(c);
		printf("%s %s\n", c->name, *result ? result : "none");
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		printf("%s failed\n", c->name);
	else if (WIFSIGNALED(status))
		printf("%s killed\n", c->name);
}

static int is_wanted(const char *name, char **wanted)
{
	if (!*wanted)
		return 1;
	for (; *wanted; wanted++)
		if (strcmp(*wanted, name) == 0)
			return 1;
	return 0;
}

/* "notify=PATH" TEXT: one datagram, as sd_notify(3) sends it. */
static int notify(const char *path, const char *text)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return sendto(fd, text, strlen(text), 0, (struct sockaddr *)&a, sizeof a) < 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strncmp(argv[1], "notify=", 7) == 0)
		return notify(argv[1] + 7, argv[2]);
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		if (is_wanted(checks[i].name, argv + 1))
			tell(&checks[i]);
	return 0;
}
