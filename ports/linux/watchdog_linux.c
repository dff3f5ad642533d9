#include "ports/watchdog.h"

#include "base/scoped.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>

enum err watchdog_open(const char *path, int *out_fd, int64_t *out_timeout_ms, struct why *why)
{
	int seconds = WATCHDOG_TIMEOUT_S;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return why_set(why, ERR_SYSTEM, "watchdog %s: %s", path, strerror(errno));
	/* A chip that does not take the wish tells what it has. */
	if (ioctl(fd, WDIOC_SETTIMEOUT, &seconds) && ioctl(fd, WDIOC_GETTIMEOUT, &seconds)) {
		const int error = errno;
		watchdog_close(fd);
		return why_set(why, ERR_INVALID, "%s is no watchdog: %s", path, strerror(error));
	}
	*out_fd = fd;
	*out_timeout_ms = (int64_t)seconds * 1000;
	return OK;
}

void watchdog_feed(int fd)
{
	(void)!write(fd, "", 1);
}

void watchdog_close(int fd)
{
	if (fd < 0)
		return;
	(void)!write(fd, "V", 1); /* the interface's magic character */
	close(fd);
}
