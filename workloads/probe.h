/*
 * probe - what a row of checks says about a workload.
 *
 * Kubernetes' rules: liveness starts as passed, readiness and startup as not;
 * `success` or `failure` results in a row turn it. Pure: time comes in as an
 * argument, the checks themselves are made by checkup.c.
 */
#pragma once

#include "workloads/pod.h"

struct probe {
	const struct probe_spec *spec;
	int64_t due_ms; /* when the next check is to be made */
	int64_t successes, failures;
	bool passed;
};

enum probe_change { PROBE_SAME, PROBE_PASSED, PROBE_FAILED };

void probe_begin(struct probe *p, const struct probe_spec *spec, enum probe_role role,
		 int64_t now_ms);

/* Note a result; PROBE_FAILED is said each time the threshold is reached anew. */
enum probe_change probe_note(struct probe *p, bool ok, int64_t now_ms);
