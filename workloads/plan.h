/*
 * plan - from what runs to what is wanted, in steps. Pure.
 *
 * A pod whose manifest did not change is left alone; one that changed is
 * replaced; one that is not wanted any more is stopped.
 */
#pragma once

#include "base/label.h"
#include "base/limits.h"

#include <stddef.h>

/* A pod as the plan sees it. */
struct plan_pod {
	const char *name;
	const char *digest;
};

enum step_kind { STEP_KEEP, STEP_START, STEP_REPLACE, STEP_STOP };

struct step {
	enum step_kind kind;
	size_t want; /* index of the wanted pod; not for STEP_STOP */
	size_t have; /* index of the running pod; not for STEP_START */
};

enum { PLAN_HAVE_MAX = 2 * PODS_MAX }; /* some leave while as many come */

struct plan {
	struct step steps[PODS_MAX + PLAN_HAVE_MAX];
	size_t count;
};

/* At most PODS_MAX wanted and PLAN_HAVE_MAX running pods; names stand once in a list. */
void plan_make(const struct plan_pod *want, size_t want_count, const struct plan_pod *have,
	       size_t have_count, struct plan *out);
