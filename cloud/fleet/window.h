/*
 * window - when a rollout may go on: a schedule of its beginnings, and how long each lasts.
 *
 * In UTC, on the clock of whoever runs the rollout. Pure: time comes in.
 */
#pragma once

#include "base/cron.h"
#include "ports/json.h"

struct window {
	bool is_set; /* not: always open */
	struct cron cron;
	int64_t duration_ms;
};

/* {cron, duration, timeZone: Etc/UTC}. ERR_INVALID with the path below `path`. */
enum err window_read(const struct json *j, const char *path, struct window *out, struct why *why);

bool window_is_open(const struct window *w, int64_t wall_ms);

/* When it opens next, after now; INT64_MAX: never again, or it has no bounds. */
int64_t window_next(const struct window *w, int64_t wall_ms);
