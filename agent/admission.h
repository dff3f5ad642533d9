/*
 * admission - are the pods of a desired state fit for this board?
 *
 * Each manifest is read and checked against what the board allows; together they must
 * have names of their own and fit into its memory, its processors and our limits.
 */
#pragma once

#include "ports/json.h"
#include "workloads/pod.h"
#include "workloads/site.h"

struct admission {
	const struct site *site;
	int64_t memory_bytes, cpu_milli; /* of the board */
};

/* All pods (at most PODS_MAX, the caller owns them) or none: ERR_INVALID or ERR_FULL,
 * "workloads[1]: ...". `workloads` is the document's list, of at most PODS_MAX. */
enum err admission_read(const struct admission *a, const struct json *workloads, struct pod **pods,
			size_t *out_count, struct why *why);
