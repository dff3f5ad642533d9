#include "ports/listeners.h"

#include "base/scoped.h"
#include "ports/linux/kernel.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	CALL_PIDFD_OPEN = 434,
	CALL_PIDFD_GETFD = 438, /* Linux 5.6 */
	BACKLOG = 128,
	PORTS_MAX = 16,
	ESTABLISHED = 1, /* in /proc/net/tcp */
	LISTENING = 10,
	OWNERS_MAX = 8, /* sockets at one port that are told apart */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* All addresses of both families, unless one is named. */
static socklen_t make_address(const char *host, uint16_t port, union address *out)
{
	memset(out, 0, sizeof *out);
	if (host && inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		return sizeof out->v4;
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	if (host && inet_pton(AF_INET6, host, &out->v6.sin6_addr) != 1)
		return 0;
	return sizeof out->v6;
}

static int listen_at(const union address *a, socklen_t len)
{
	const int on = 1, off = 0;
	SCOPED_FD fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* An agent that comes back soon must not wait for old connections to fade. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, &a->any, len) || listen(fd, BACKLOG))
		return -1;
	return take_fd(&fd);
}

enum err listeners_open(const char *host, uint16_t port, int *out_fd, struct why *why)
{
	union address a;
	socklen_t len = make_address(host, port, &a);
	if (!len)
		return why_set(why, ERR_INVALID, "%.60s is no address", host);
	*out_fd = listen_at(&a, len);
	/* A board without IPv6. */
	if (*out_fd < 0 && errno == EAFNOSUPPORT && !host) {
		len = make_address("0.0.0.0", port, &a);
		*out_fd = listen_at(&a, len);
	}
	if (*out_fd >= 0)
		return OK;
	return why_set(why, errno == EADDRINUSE ? ERR_DENIED : ERR_SYSTEM, "listen at port %u: %s",
		       port, strerror(errno));
}

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof on;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

static int duplicate(int pidfd, int number)
{
	SCOPED_FD fd = (int)syscall(CALL_PIDFD_GETFD, pidfd, number, 0u);
	return fd >= 0 && is_listening(fd) ? take_fd(&fd) : -1;
}

size_t listeners_of(pid_t pid, int *out_fds, size_t max)
{
	char path[48];
	size_t n = 0;
	SCOPED_FD pidfd = (int)syscall(CALL_PIDFD_OPEN, pid, 0u);
	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	DIR *d = pidfd < 0 ? NULL : opendir(path);
	if (!d)
		return 0;
	for (struct dirent *e; n < max && (e = readdir(d));) {
		char *end;
		const long number = strtol(e->d_name, &end, 10);
		const int fd = *end ? -1 : duplicate(pidfd, (int)number);
		if (fd >= 0)
			out_fds[n++] = fd;
	}
	closedir(d);
	return n;
}

size_t listeners_take(pid_t pid, int first, int *out_fds, size_t count)
{
	size_t n = 0;
	SCOPED_FD pidfd = (int)syscall(CALL_PIDFD_OPEN, pid, 0u);
	for (; pidfd >= 0 && n < count; n++) {
		out_fds[n] = duplicate(pidfd, first + (int)n);
		if (out_fds[n] < 0)
			break;
	}
	return n;
}

static uint16_t port_of(int fd)
{
	union address a = { 0 };
	socklen_t len = sizeof a;
	if (getsockname(fd, &a.any, &len))
		return 0;
	if (a.any.sa_family == AF_INET)
		return ntohs(a.v4.sin_port);
	return a.any.sa_family == AF_INET6 ? ntohs(a.v6.sin6_port) : 0;
}

/* A line: "sl local_address:PORT remote_address:PORT STATE ...". */
static bool is_busy(const char *path, const uint16_t *ports, size_t count)
{
	char line[256];
	unsigned port, state;
	bool busy = false;
	FILE *f = fopen(path, "re");
	while (f && !busy && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &port, &state) != 2 ||
		    state != ESTABLISHED)
			continue;
		for (size_t i = 0; i < count; i++)
			busy |= ports[i] == port;
	}
	if (f)
		fclose(f);
	return busy;
}

bool listeners_are_busy(const int *fds, size_t count, pid_t pid)
{
	uint16_t ports[PORTS_MAX];
	char path[48];
	const pid_t where[] = { getpid(), pid };
	size_t n = 0;
	for (; n < count && n < PORTS_MAX; n++)
		ports[n] = port_of(fds[n]);
	for (size_t i = 0; i < (pid ? 2 : 1); i++) {
		snprintf(path, sizeof path, "/proc/%d/net/tcp", where[i]);
		if (is_busy(path, ports, n))
			return true;
		snprintf(path, sizeof path, "/proc/%d/net/tcp6", where[i]);
		if (is_busy(path, ports, n))
			return true;
	}
	return false;
}

/* --- whose is a port? --- */

/* As /proc/net/tcp and tcp6 print what a connection to 127.0.0.1 can end at. */
static bool is_local(const char *address)
{
	char loopback[9], mapped[33];
	snprintf(loopback, sizeof loopback, "%08X", htonl(INADDR_LOOPBACK));
	snprintf(mapped, sizeof mapped, "0000000000000000%08X%s", htonl(0xffff), loopback);
	return strcmp(address, loopback) == 0 || strcmp(address, mapped) == 0 ||
	       address[strspn(address, "0")] == '\0';
}

/* Add the inodes of sockets that listen at the port; false: there are too many. */
static bool find_sockets(const char *path, uint16_t port, unsigned long *inodes, size_t *count)
{
	char line[256], address[33];
	unsigned at, state;
	unsigned long inode;
	FILE *f = fopen(path, "re");
	while (f && *count <= OWNERS_MAX && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*s %*s %lu",
			   address, &at, &state, &inode) != 4 ||
		    state != LISTENING || at != port || !is_local(address))
			continue;
		if (*count < OWNERS_MAX)
			inodes[*count] = inode;
		++*count;
	}
	if (f)
		fclose(f);
	return *count <= OWNERS_MAX;
}

static bool has_socket(pid_t pid, unsigned long inode)
{
	char path[48], wanted[48], target[48];
	bool found = false;
	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	DIR *d = opendir(path);
	for (struct dirent *e; d && !found && (e = readdir(d));) {
		const ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);
		target[n < 0 ? 0 : n] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	if (d)
		closedir(d);
	return found;
}

static bool is_of(unsigned long inode, const pid_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (has_socket(pids[i], inode))
			return true;
	return false;
}

bool listeners_are_of(uint16_t port, const pid_t *pids, size_t count)
{
	unsigned long inodes[OWNERS_MAX];
	size_t n = 0;
	if (!find_sockets("/proc/self/net/tcp", port, inodes, &n) ||
	    !find_sockets("/proc/self/net/tcp6", port, inodes, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_of(inodes[i], pids, count))
			return false;
	return n > 0;
}
