/*
 * qos - who gives way to whom on a board: classes of priority and of service. Pure.
 *
 * A priority is chosen by the manifest, from a table that is the same on every board. The class
 * of service follows from requests and limits, as Kubernetes derives it.
 */
#pragma once

#include "base/err.h"
#include "workloads/pod.h"

enum qos_class { QOS_BEST_EFFORT, QOS_BURSTABLE, QOS_GUARANTEED };

/* A priorityClassName. ERR_INVALID: none that boards know; the reason lists them. */
enum err priority_find(const char *name, enum priority *out, struct why *why);

/* "normal"; for names that Kubernetes has too, ours: "system-critical". */
const char *priority_name(enum priority p);

enum qos_class qos_of(const struct pod *p);

/* "Guaranteed", "Burstable" or "BestEffort". */
const char *qos_name(enum qos_class c);

/* Whom the kernel kills first when the board, or a group, is out of memory: Kubernetes' score by
 * class and by request, within 200-1000. `memory_bytes`: of the board. */
int64_t qos_oom_score_adj(const struct pod *p, const struct container_spec *c,
			  int64_t memory_bytes);

/* An idle pod has nothing reserved and takes what is over: set what follows from that.
 * Containers without a memory limit are asked for memory back from `memory_bytes` / 4 on. */
void qos_soften(const struct pod *p, int64_t memory_bytes, struct cgroup_limits *limits);
