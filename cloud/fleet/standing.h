/*
 * standing - how a pod stands on a device by its last report, and why it does not run. Pure.
 *
 * A container's own trouble comes before that of the state: what a person can do about it is
 * there.
 */
#pragma once

#include "base/limits.h"
#include "cloud/fleet/answer.h"

struct standing {
	char workload[2 * LABEL_SIZE]; /* POD/CONTAINER; POD: the device has none of it */
	char state[16];                /* of the report; "absent", "unknown" */
	char reason[32];               /* one word, such as Preempted; "": nothing is wrong */
	struct why why;                /* and a sentence; may be "" */
};

enum { STANDINGS_MAX = CONTAINERS_MAX };

/* What is known of the device. */
struct standing_device {
	const struct json *report, *desired; /* NULL: there is none */
	const struct state_id *id;           /* of the desired state; NULL likewise */
};

/* One for each container that is reported, else one for the pod; 0: it has nothing to do with
 * this device. */
size_t standing_of(const struct standing_device *d, const char *pod,
		   struct standing out[STANDINGS_MAX]);
