/*
 * uid - every container on a board has a user of its own.
 *
 * Numbers come from a range that no distribution gives out, and stay with a
 * container's name as long as its pod is wanted, so that what it wrote into
 * its volumes remains its own.
 */
#pragma once

#include "base/err.h"
#include "ports/store.h"

enum {
	UID_FIRST = 700000, /* above Debian's and systemd's ranges, below subuid's usual ones */
	UID_COUNT = 65536,
};

/* Is it, or could it be, some container's own? */
static inline bool uid_is_ours(int64_t id)
{
	return id >= UID_FIRST && id < UID_FIRST + UID_COUNT;
}

/* The uid (and gid) of a container, the next free one if it has none. */
enum err uid_take(struct store *s, const char *workload, int64_t *out_uid, struct why *why);

/* Its pod is gone. */
void uid_release(struct store *s, const char *workload);
