/*
 * pause - how long to wait before connecting again: full jitter.
 *
 * A random time up to a limit that doubles with each failure, so that a
 * thousand boards whose broker comes back do not come all at once. A connection
 * forgives what failed before it when it has lasted, not when it is there: two clients
 * of one name put each other out as often as they come.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	PAUSE_FIRST_MS = 1000,
	PAUSE_LIMIT_MS = 30 * 1000,
	PAUSE_CALM_MS = 2 * PAUSE_LIMIT_MS, /* longer than anybody of our name stays away */
};

struct pause {
	unsigned failures; /* in a row; 0 after a connection of PAUSE_CALM_MS */
	int64_t limit_ms;  /* 0: PAUSE_LIMIT_MS */
	bool is_up;
	int64_t up_ms; /* since when */
};

/* There is a connection. */
void pause_note_up(struct pause *p, int64_t now_ms);

/* Note a failure, or the end of a connection; how many ms to wait. */
int64_t pause_next(struct pause *p, int64_t now_ms);
