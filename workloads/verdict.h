/* verdict - what the end of a run means, in Kubernetes' words. Pure. */
#pragma once

#include "ports/keeper.h"
#include "workloads/pod.h"

enum { VERDICT_TEXT_MAX = 320 };

/* Exit code 0, and nothing speaks against it. */
bool verdict_is_good(const struct workload_exit *x);

/* "Completed", "OOMKilled", "CreateContainerConfigError", "FailedStart" or "Exited". */
const char *verdict_reason(const struct workload_exit *x);

/* A sentence for people. */
void verdict_describe(const struct workload_exit *x, char out[VERDICT_TEXT_MAX]);

/* Does the pod's restart policy want another run? */
bool verdict_starts_again(enum restart_policy policy, const struct workload_exit *x);
