/*
 * segment - the head in front of a letter's body when it travels.
 *
 * Telemetry (up/telec): a few bytes; logs and events: members of a JSON
 * object. What is on flash follows as it lies. docs/protocol.md has the bytes.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	SEGMENT_VERSION = 1,
	SEGMENT_HEAD_MAX = 64,
	SEGMENT_BUF_MAX = 31,
	HISTORY_AFTER_MS = 60 * 1000, /* older than this at sending is `hist` */
};

/* How a reader gets from the times inside to milliseconds since 1970. */
enum segment_clock {
	SEGMENT_WALL,    /* they are that already */
	SEGMENT_OFFSET,  /* add `clock_ms` */
	SEGMENT_ARRIVAL, /* the clock was never set: it says `clock_ms` now */
};

struct segment_head {
	char buf[SEGMENT_BUF_MAX + 1];
	int64_t seq;
	bool history;
	enum segment_clock clock;
	int64_t clock_ms;
};

/* Into `out` of SEGMENT_HEAD_MAX bytes; its length. */
size_t segment_write(const struct segment_head *h, char out[SEGMENT_HEAD_MAX]);

/* Read it; *out_body is what follows. ERR_INVALID: the reason. */
enum err segment_read(struct bytes payload, struct segment_head *out, struct bytes *out_body,
		      struct why *why);
