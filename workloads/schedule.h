/*
 * schedule - is it time for a job? Pure.
 *
 * Kubernetes' rules: times that were missed count as one; a run that is late by
 * more than its starting deadline is left out; a time that comes while a run is
 * still going is left out too, or replaces it. A board whose clock was never set
 * does not know the time and runs nothing.
 */
#pragma once

#include "workloads/pod.h"

enum { SCHEDULE_LOOK_MS = 60 * 1000 }; /* the clock may be set, or jump, meanwhile */

struct schedule_view {
	int64_t wall_ms;
	bool clock_is_set;
	int64_t last_ms; /* up to when times have been dealt with */
	bool is_running;
};

enum schedule_verdict {
	SCHEDULE_WAIT,
	SCHEDULE_RUN,
	SCHEDULE_REPLACE, /* end what runs, then run */
	SCHEDULE_SKIP,    /* one is still going */
	SCHEDULE_MISS,    /* too late */
	SCHEDULE_NO_CLOCK,
};

struct schedule_step {
	enum schedule_verdict verdict;
	int64_t time_ms; /* that is dealt with; for all but WAIT and NO_CLOCK */
	int64_t wait_ms; /* until it is to be asked again */
};

void schedule_next(const struct schedule_spec *s, const struct schedule_view *v,
		   struct schedule_step *out);
