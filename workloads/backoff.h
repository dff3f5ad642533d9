/*
 * backoff - how long to wait before starting a workload that keeps exiting.
 *
 * Kubernetes' rule: the first restart at once, then after 10 s, doubling up to
 * 300 s; ten calm minutes forgive everything. Pure arithmetic; all zeroes is a
 * fresh one.
 */
#pragma once

#include <stdint.h>

enum {
	BACKOFF_FIRST_MS = 10 * 1000,
	BACKOFF_LIMIT_MS = 300 * 1000,
	BACKOFF_CALM_MS = 600 * 1000,
};

struct backoff {
	int64_t quick_exits; /* in a row */
};

/* Note that a run of `ran_ms` has ended; how many ms to wait before the next. */
int64_t backoff_after_exit(struct backoff *b, int64_t ran_ms);
