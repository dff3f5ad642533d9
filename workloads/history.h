/*
 * history - what a workload's folder remembers for the next agent.
 *
 * Lies beside the keeper's files in a folder that a reboot empties: after one
 * everything starts anew.
 */
#pragma once

#include "base/err.h"
#include "ports/keeper.h"

struct history {
	int64_t restarts, instance, quick_exits;
	struct workload_exit last;
};

enum err history_write(const char *folder, const struct history *h);

/* ERR_NOT_FOUND: there is none. */
enum err history_read(const char *folder, struct history *out);
