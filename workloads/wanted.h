/* wanted - the pods of a desired state and the configs they name, read and checked. */
#pragma once

#include "workloads/configs.h"
#include "workloads/pod.h"

struct wanted {
	struct pod *pods[PODS_MAX]; /* owned */
	size_t count;
	struct configs *configs; /* owned; NULL: none */
};

/* Does a container before this one use the same image? */
bool wanted_is_image_known(const struct wanted *w, size_t pod, size_t container);

/* Empty again. */
void wanted_free(struct wanted *w);
