/*
 * resolve - what a value is on this board: a config's key, a field of the pod,
 * a resource of a container.
 *
 * Pure but for the board's own address. What is not there is ERR_NOT_FOUND;
 * whether that matters says the reference.
 */
#pragma once

#include "workloads/configs.h"
#include "workloads/pod.h"
#include "workloads/site.h"

struct resolver {
	const struct site *site;
	const struct pod *pod;
	const struct container_spec *container; /* whose resource is meant when none is named */
	const struct configs *configs;
};

/* Into `arena`, or borrowed from what the resolver names; a NUL follows. */
enum err resolve_value(const struct resolver *r, const struct value_spec *v, struct arena *arena,
		       struct bytes *out, struct why *why);

/* The reason that Kubernetes gives for a reference to nothing. */
#define RESOLVE_REASON "CreateContainerConfigError"

/* Is all there that the pod names and does not call optional? ERR_INVALID with the path. */
enum err resolve_check(const struct pod *pod, const struct configs *configs, struct why *why);
