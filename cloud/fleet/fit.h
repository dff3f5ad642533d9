/*
 * fit - would a device run the pods of a state, by what it has last said of itself? Pure.
 *
 * Its board judges by the same functions: nodeSelector and images (workloads/placement),
 * requests and priorities (workloads/preemption). The room is the report's `capacity`, not its
 * `allocatable`: a state takes the place of the one before, so what those pods request is there
 * again, and `allocatable` with it added back is `capacity`.
 */
#pragma once

#include "ports/json.h"
#include "workloads/preemption.h"

enum fit_verdict {
	FIT_RUNS,
	FIT_WAITS,   /* accepted, and waits for pods that go before it */
	FIT_REFUSED, /* and with it the whole state */
	FIT_UNKNOWN, /* the device has never reported, or this skerry cannot read the pod */
};

struct fit_pod {
	char name[LABEL_SIZE];
	struct pod *pod; /* owned; NULL: this skerry cannot read it, the board judges alone */
	enum fit_verdict verdict;
	bool needs_room; /* a job that is done needs none */
	struct claim claim;
	struct why why; /* one sentence, whatever the verdict */
};

/* Of one state on one device, in the state's order. */
struct fit {
	struct fit_pod pods[PODS_MAX];
	size_t count;
	bool has_report;
	int64_t memory_bytes, cpu_milli; /* of the board; thousandths; 0: it has not said */
	struct why refused;              /* why the device refuses the state; "": it does not */
};

/* Whose report it is, and the labels that a desk gives; NULL: none of it is known. */
struct fit_device {
	const char *name;
	const struct json *report, *given;
};

/* `workloads` is the state's list, of at most PODS_MAX. The caller ends it with fit_free(). */
struct fit *fit_judge(const struct fit_device *d, const struct json *workloads);
void fit_free(struct fit *f); /* NULL is fine */

/* Refuse the pods whose image is a folder or a tar that could not be packed for this device; the
 * state goes with them. */
void fit_refuse_unpacked(struct fit *f, const char *reason);

/* Does the k-th pod wait only because the i-th is there? */
bool fit_displaces(const struct fit *f, size_t i, size_t k);

/* "runs", "waits", "refused", "unknown". */
const char *fit_verdict_name(enum fit_verdict verdict);
