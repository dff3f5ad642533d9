/*
 * meter - what a hub has done since its start, for --metrics.
 *
 * Names and meanings: docs/configuration.md. Numbers only grow, but for gauges.
 */
#pragma once

#include "cloud/hub/letters.h"

#include <stdint.h>

enum { METER_STEPS = 7 };

struct meter {
	uint64_t batches, doubles, rows[LETTER_TABLES], bad, acks, troubles;
	/* commits by how long they took: up to meter_steps_ms[i], and all */
	uint64_t commits[METER_STEPS + 1];
	int64_t commits_us;
	/* gauges */
	int64_t online; /* devices, as the database says */
	int64_t lag_ms; /* age of the newest row of the last letter, when it was committed */
};

void meter_settle(struct meter *m, const struct letter_fate *fate, int64_t wall_ms);
void meter_commit(struct meter *m, int64_t took_us);

struct text;

/* Prometheus' text. `controls`, `serves`, `works`: this hub has the lease; its database answers. */
void meter_print(const struct meter *m, bool controls, bool serves, bool works, struct text *out);
