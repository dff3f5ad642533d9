/*
 * villain ROLE - a workload that means harm. Static; for the tests of the walls.
 *
 *   prowl MS     look into every process again and again, and print what it may open of a keeper
 *   swap A B     exchange two names for ever
 *   say FILE     print a file
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { EXCHANGE = 2, PIDS_MAX = 4096 };

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Is it our keeper still, which becomes a command in a moment? The command itself is the
 * workload's own, and may be looked into. */
static int is_keeper(int pid)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, name, sizeof name - 1);
	close(fd);
	return n > 0 && strncmp(name, "skerry-keeper", 13) == 0;
}

static void find_link(int pid, const char *name)
{
	char path[64], to[256];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	ssize_t n = readlink(path, to, sizeof to);
	if (n > 0 && is_keeper(pid))
		printf("FOUND %s: %.*s\n", path, (int)n, to);
}

static void find_file(int pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && is_keeper(pid))
		printf("FOUND %s can be opened\n", path);
	if (fd >= 0)
		close(fd);
}

/* Processes come and go: those between ours and the newest are worth a look. */
static int prowl(long ms)
{
	const long until = now_ms() + ms;
	long looks = 0, seen = 0;
	int newest = getpid();
	while (now_ms() < until) {
		for (int pid = newest; pid <= newest + 8 && pid < PIDS_MAX; pid++) {
			char path[32];
			snprintf(path, sizeof path, "/proc/%d", pid);
			looks++;
			if (pid == getpid() || access(path, F_OK))
				continue;
			newest = pid;
			if (!is_keeper(pid))
				continue;
			seen++;
			find_link(pid, "exe");
			find_link(pid, "cwd");
			find_link(pid, "root");
			find_file(pid, "mem");
			find_file(pid, "environ");
			find_file(pid, "maps");
			find_link(pid, "fd/3");
			find_file(pid, "fd");
		}
	}
	printf("looked %ld saw %ld\n", looks, seen);
	return 0;
}

static int swap(const char *a, const char *b)
{
	for (;;)
		if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, EXCHANGE))
			return 1;
}

static int say(const char *path)
{
	char text[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (n < 0)
		return printf("%s\n", strerror(errno)) < 0;
	return write(1, text, (size_t)n) != n;
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(role, "prowl") && argc == 3)
		return prowl(atol(argv[2]));
	if (!strcmp(role, "swap") && argc == 4)
		return swap(argv[2], argv[3]);
	if (!strcmp(role, "say") && argc == 3)
		return say(argv[2]);
	return 2;
}
