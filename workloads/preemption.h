/*
 * preemption - which pods wait when not all of them fit on the board, and which it refuses. Pure;
 * a desk and a board judge alike.
 *
 * The higher priority stays; of one priority, whoever stands first in the document. A lower one
 * takes the room that a higher one is too large for. The same pods always make the same choice.
 */
#pragma once

#include "workloads/pod.h"

struct claim {
	enum priority priority;
	bool waits;                      /* the choice */
	int64_t memory_bytes, cpu_milli; /* requested; thousandths of a processor */
	int64_t memory_free, cpu_free;   /* what is left beside those that go before it */
};

/* What a pod requests of the board: Kubernetes' sum over its containers. */
void preemption_claim(const struct pod *p, struct claim *out);

/* ERR_FULL: it is too large for the empty board, and could never run. */
enum err preemption_check(const struct claim *c, int64_t memory_bytes, int64_t cpu_milli,
			  struct why *why);

/* ERR_FULL: together they are too large, and there is no other priority among them: nobody has
 * said who is to give way. */
enum err preemption_check_all(const struct claim *claims, size_t count, int64_t memory_bytes,
			      int64_t cpu_milli, struct why *why);

/* `claims` in the document's order, at most PODS_MAX; what fits nowhere waits. */
void preemption_choose(struct claim *claims, size_t count, int64_t memory_bytes, int64_t cpu_milli);

enum { PREEMPTION_TEXT_MAX = 96 };

/* "needs 64Mi, 12Mi are free beside pods of higher priority", of one that waits. */
void preemption_describe(const struct claim *c, char out[PREEMPTION_TEXT_MAX]);
