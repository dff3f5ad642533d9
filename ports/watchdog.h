/*
 * watchdog - a device that resets the board when nobody feeds it for a while.
 *
 * Linux' watchdog interface: /dev/watchdog0, a driver of the board or softdog.
 * Implementation: ports/linux/watchdog_linux.c.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

enum { WATCHDOG_TIMEOUT_S = 30 }; /* wished for; some chips allow less, and say so */

/* From now on it must be fed. `out_timeout_ms` is what the device granted. */
enum err watchdog_open(const char *path, int *out_fd, int64_t *out_timeout_ms, struct why *why);
void watchdog_feed(int fd);

/* Let it sleep again, where the driver allows that. -1 is fine. */
void watchdog_close(int fd);
