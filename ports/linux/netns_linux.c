#include "ports/netns.h"

#include "base/scoped.h"

#include <assert.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* The thread's own, even while it is in another one. */
static int open_own(void)
{
	char path[48];
	snprintf(path, sizeof path, "/proc/%d/ns/net", getpid());
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool raise_loopback(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	SCOPED_FD s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return s >= 0 && ioctl(s, SIOCSIFFLAGS, &lo) == 0;
}

enum err netns_make(bool loopback, int *out_fd, struct why *why)
{
	SCOPED_FD own = open_own();
	if (own < 0 || unshare(CLONE_NEWNET))
		return why_set(why, ERR_SYSTEM, "make a network name space: %s", strerror(errno));
	bool good = !loopback || raise_loopback();
	*out_fd = good ? open_own() : -1;
	const int reason = errno;
	/* Here for good would mean an agent without its broker. */
	if (setns(own, CLONE_NEWNET))
		abort();
	if (*out_fd >= 0)
		return OK;
	return why_set(why, ERR_SYSTEM, "make a network name space: %s", strerror(reason));
}

enum err netns_of(pid_t pid, int *out_fd, struct why *why)
{
	char path[48];
	struct stat ours, theirs;
	SCOPED_FD own = open_own();
	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || fd < 0 || fstat(own, &ours) || fstat(fd, &theirs))
		return why_set(why, ERR_SYSTEM, "%s: %s", path, strerror(errno));
	if (ours.st_ino == theirs.st_ino)
		return why_set(why, ERR_NOT_FOUND, "it is in the host's network");
	*out_fd = take_fd(&fd);
	return OK;
}

static int left = -1; /* where netns_leave() goes back to */

bool netns_enter(int fd)
{
	assert(left < 0);
	left = open_own();
	if (left >= 0 && setns(fd, CLONE_NEWNET) == 0)
		return true;
	close_quietly(left);
	left = -1;
	return false;
}

void netns_leave(void)
{
	if (left < 0)
		return;
	if (setns(left, CLONE_NEWNET))
		abort();
	close(left);
	left = -1;
}
