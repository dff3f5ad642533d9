/*
 * pause - how long to wait before connecting again: full jitter.
 *
 * A random time up to a limit that doubles with each failure, so that a
 * thousand boards whose broker comes back do not come all at once.
 */
#pragma once

#include <stdint.h>

enum { PAUSE_FIRST_MS = 1000, PAUSE_LIMIT_MS = 30 * 1000 };

struct pause {
	unsigned failures; /* in a row; 0 after a success */
	int64_t limit_ms;  /* 0: PAUSE_LIMIT_MS */
};

/* Note a failure; how many ms to wait. */
int64_t pause_next(struct pause *p);
