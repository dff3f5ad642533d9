/* stop - from a running container to its end: preStop, the stop signal, SIGKILL. */
#pragma once

#include "workloads/workload.h"

enum {
	STOP_LEAST_MS = 2 * 1000,     /* Kubernetes' least grace, but for 0 */
	STOP_HOOK_SLOT = PROBE_ROLES, /* of w->hook among the actions of a container */
};

/* SIGKILL follows when the grace is over (by w->timer); 0: at once. */
void stop_begin(struct workload *w, int64_t grace_ms);

void stop_kill(struct workload *w);
