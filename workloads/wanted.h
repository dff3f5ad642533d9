/* wanted - the pods of a desired state and the configs they name, read and checked. */
#pragma once

#include "workloads/configs.h"
#include "workloads/pod.h"

struct wanted {
	struct pod *pods[PODS_MAX]; /* owned */
	size_t count;
	struct configs *configs; /* owned; NULL: none */
};

/* Empty again. */
void wanted_free(struct wanted *w);
