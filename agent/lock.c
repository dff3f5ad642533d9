#include "agent/lock.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

enum { STATE_PATH_MAX = 192, LOCK_WAIT_MS = 1000, LOCK_TURN_MS = 20 };

enum err lock_take(const char *state_dir, int *out_fd, struct why *why)
{
	char path[STATE_PATH_MAX];
	snprintf(path, sizeof path, "%s/lock", state_dir);
	SCOPED_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return why_set(why, ERR_SYSTEM, "open %s: %s", path, strerror(errno));
	/* A child that an agent was about to start when it was killed has the lock until it is
	 * another program. */
	for (int waited_ms = 0; waited_ms < LOCK_WAIT_MS; waited_ms += LOCK_TURN_MS) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			*out_fd = take_fd(&fd);
			return OK;
		}
		usleep(LOCK_TURN_MS * 1000);
	}
	return why_set(why, ERR_CONFLICT, "another agent works in %s", state_dir);
}
