/*
 * running - one pod on this board: its containers in their order, from its
 * first start until nothing is left of it.
 *
 * What happens is decided by sequence.h, later in the loop and never from
 * inside a workload's own change.
 */
#pragma once

#include "workloads/life.h"
#include "workloads/pod.h"
#include "workloads/workload.h"

struct running_pod {
	struct pod *pod;  /* owned */
	struct pod *next; /* owned; starts when `pod` has ended */
	bool leaving;
	bool on_trial; /* started since the last supervisor_settle() */
	int64_t generation, next_generation;
	struct workload *workloads; /* owned; one for each container of `pod` */

	const struct site *site;
	struct timer turn;  /* to look whose turn it is */
	struct timer bound; /* bound.h */
	int64_t ends_by_ms; /* the grace of a pod that ends; 0: it does not */
	struct life life;
	bool is_over;          /* done or given up; nothing of it runs */
	struct timer schedule; /* timetable.h; between runs of a CronJob `is_over` is set */
	bool is_clearing;      /* its run ends, because another one takes its place */
	bool is_asked_again;   /* that is because somebody wants it restarted */
	bool told_no_clock;
	bool gives_way; /* it is not to run: pods of higher priority need the board */
	size_t rank;    /* its place in the document */

	/* The supervisor's: nothing of a leaving pod runs any more. */
	void *owner;
	void (*on_ended)(void *owner, struct running_pod *r);
	/* It has done what it had to do, and takes no room any more. */
	void (*on_over)(void *owner, struct running_pod *r);
};

size_t running_size(const struct running_pod *r);

/* Start `r->pod`, or go on with what an earlier agent left of it. Owner, site and
 * pod are set by the caller, the rest is zero or of the pod before. */
void running_begin(struct running_pod *r);

/* Let it end; on_ended follows. */
void running_stop(struct running_pod *r);

/* Begin it anew, as a pod that was just made: empty volumes of its own, init containers first.
 * Its containers count a restart. ERR_CONFLICT: it is a job, or does not run. */
enum err running_restart(struct running_pod *r, struct why *why);

/* Is there something left to run in it, now or later? */
bool running_needs_room(const struct running_pod *r);

/* Let it end, or not begin, because of `reason`, until running_come_back(). For one that
 * leaves this says nothing: its successor is to be asked again when it is there. */
void running_give_way(struct running_pod *r, const char *reason);

/* There is room again: as a new pod, with nothing of what it was before. */
void running_come_back(struct running_pod *r);

/* The configs have changed: its files follow, its variables at the next start. */
void running_refresh(struct running_pod *r);

/* Forget it in memory; what runs goes on. */
void running_close(struct running_pod *r);

/* --- for bound.c and timetable.c --- */

bool running_has_failed(const struct running_pod *r);

/* News of the pod: the first of its proper containers speaks for it. */
void running_tell(const struct running_pod *r, bool warning, const char *reason,
		  const char *message);

/* Give it up: its containers end in their order, and stay so. */
void running_fail(struct running_pod *r, const char *reason, const char *message);

/* What a finished job left goes; how it ended stays. */
void running_clear(struct running_pod *r);

/* A run of a CronJob is a new pod: nothing of the one before is left. */
void running_run(struct running_pod *r);

/* Let the run that is going end, then begin another. */
void running_replace(struct running_pod *r);
