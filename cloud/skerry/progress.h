/*
 * progress - how far a transfer is, in one line on stderr that is written over and over.
 *
 * Only where somebody watches: in a pipe and on a "dumb" terminal nothing is written. The line has
 * neither colours nor any other control character than a carriage return.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	PROGRESS_EVERY_MS = 100,
	PROGRESS_SPEED_MS = 500, /* a speed over less means nothing, and is not told */
};

struct progress {
	const char *what; /* such as "pushing"; NULL: nobody watches */
	int64_t total;    /* bytes; 0: not known */
	int64_t began_ms, shown_ms;
	size_t width; /* of the line that stands there; 0: none */
};

/* `what` is borrowed. */
void progress_begin(struct progress *p, const char *what, int64_t total);

/* `done` bytes of the total are there, `moved` of them by us. */
void progress_show(struct progress *p, int64_t done, int64_t moved);

/* Leave the line as it stands, with `done` in it. */
void progress_end(struct progress *p, int64_t done, int64_t moved);
