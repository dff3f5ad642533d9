/* start - from a workload to the keeper that starts it. */
#pragma once

#include "workloads/workload.h"

/* Compose, limit, launch; w->keeper is set. What fails later arrives as an exit. */
enum err start_keeper(struct workload *w, const struct keeper_hooks *hooks, struct why *why);

/* The configs have changed: the files of its volumes follow. */
enum err start_refresh(const struct workload *w, struct why *why);

/* Does it mount a part of a config, which is not kept up to date? */
bool start_mounts_parts(const struct container_spec *c);
