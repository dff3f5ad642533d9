/*
 * supervisor - brings the pods that run to the pods that are wanted.
 *
 * It is told whole sets, never changes: the plan finds out what to do. A pod
 * that is replaced or removed first ends; its successor starts when nothing of
 * it is left. Of pods that do not fit together the lowest wait, until others have gone or
 * have done their work.
 */
#pragma once

#include "workloads/plan.h"
#include "workloads/preemption.h"
#include "workloads/running.h"
#include "workloads/wanted.h"

enum { SUPERVISOR_STRAYS_MAX = 16 };

struct supervisor {
	struct site site;
	struct configs *configs; /* owned; site.configs is the same */
	struct running_pod *pods[PLAN_HAVE_MAX];
	struct workload *strays[SUPERVISOR_STRAYS_MAX];
	bool has_applied;
};

/* How the wanted pods are. */
struct supervisor_health {
	size_t workloads, ready; /* completed ones count as ready */
	int64_t failures;        /* runs that ended badly, of pods that the last set brought */
	const struct workload
		*worst; /* one that is not ready, the one in trouble first; NULL: none */
};

/* `site` is copied; what it points to stays the caller's. */
void supervisor_init(struct supervisor *s, const struct site *site);

/* Forget everything in memory; what runs goes on. */
void supervisor_deinit(struct supervisor *s);

/* Take what is wanted, and reach it; `wanted` is empty then. A pod that did not change
 * is left alone, even if its configs did: their files follow at once, variables at
 * the next start. ERR_AGAIN: too many of earlier sets are still ending; nothing was
 * taken. */
enum err supervisor_reach(struct supervisor *s, struct wanted *wanted, int64_t generation);

void supervisor_health(const struct supervisor *s, struct supervisor_health *out);

/* The trial is over: what runs now has proved itself. */
void supervisor_settle(struct supervisor *s);

/* Something has become known of an image: whoever waits for it tries again. */
void supervisor_on_image(struct supervisor *s, const char *digest);

/* Every workload there is, in a stable order. */
void supervisor_each(struct supervisor *s, void (*on_workload)(void *owner, struct workload *w),
		     void *owner);

/* The pod of a name, running or leaving; NULL: there is none. */
const struct running_pod *supervisor_pod(const struct supervisor *s, const char *name);

/* "pod/container", or "pod" when it has one container. NULL: there is none. */
struct workload *supervisor_find(struct supervisor *s, const char *name);

/* Restart a pod, or one container of it in its place ("pod/container"). ERR_NOT_FOUND;
 * ERR_CONFLICT as for running_restart() and workload_restart(). */
enum err supervisor_restart(struct supervisor *s, const char *name, struct why *why);

/* Sums over pods. */
void supervisor_sum(struct pod *const *pods, size_t count, int64_t *out_memory_bytes,
		    int64_t *out_cpu_milli);
