/*
 * keep - removes from the database what is older than --keep: points, events, log lines,
 * and the names of letters.
 *
 * Series by series, along the tables' own indexes, a bounded number of rows a step and a
 * pause between steps, so that letters come first. A name stays KEEP_NAMES_MS longer: a
 * letter that comes again after its name is gone has only rows that are older than --keep
 * themselves, and the next pass takes them. Devices, desired states and files stay.
 */
#pragma once

#include "cloud/hub/ledger.h"

enum {
	KEEP_ROWS = 5000, /* of one step, and those of the same millisecond as the last */
	KEEP_PAUSE_MS = 200,
	KEEP_FIRST_MS = 5000,        /* after a start */
	KEEP_AGAIN_MS = 3600 * 1000, /* between two passes */
};
#define KEEP_NAMES_MS (30LL * 24 * 3600 * 1000)

struct keep {
	int64_t keep_ms;                /* 0: for ever */
	int table;                      /* of a pass that is under way */
	char first[1200], second[1200]; /* the series, or the one before the next */
	bool in_series;
	uint64_t removed;
};

/* One step. *out_done: this pass is over. */
enum err keep_step(struct keep *k, struct ledger *l, int64_t wall_ms, bool *out_done,
		   struct why *why);
