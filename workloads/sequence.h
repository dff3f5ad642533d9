/*
 * sequence - whose turn is it in a pod? Pure.
 *
 * Kubernetes' rules: init containers run one after another, each until it has
 * ended well; a sidecar only has to have started; then all others start at
 * once. When a pod ends, the others end first and sidecars in reverse order.
 * A pod whose containers are all done lets its sidecars go.
 */
#pragma once

#include "workloads/pod.h"

/* What the sequence sees of a container. */
struct sequence_entry {
	enum container_role role;
	bool idle;    /* not started, or stopped: nothing of it runs */
	bool leaving; /* told to stop already */
	bool started; /* runs, and its postStart and startup probe are behind it */
	bool done;    /* ended for good */
	bool well;    /* ... with exit code 0 */
};

enum turn { TURN_NONE, TURN_START, TURN_STOP };

struct sequence {
	enum turn turns[CONTAINERS_MAX];
	bool ended; /* nothing runs any more, and nothing is to be started */
};

/* `ends`: the pod is to be stopped. */
void sequence_next(const struct sequence_entry *entries, size_t count, bool ends,
		   struct sequence *out);
