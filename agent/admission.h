/*
 * admission - are the pods of a desired state fit for this board?
 *
 * Each manifest is read and checked against what the board allows; together they must
 * have names of their own and fit into our limits, and each alone into its memory and its
 * processors: all together too, unless their priorities say who gives way.
 */
#pragma once

#include "ports/json.h"
#include "workloads/site.h"
#include "workloads/wanted.h"

struct admission {
	const struct site *site;
	int64_t memory_bytes, cpu_milli; /* of the board */
};

/* All pods with their configs (the caller's), or nothing: ERR_INVALID or ERR_FULL,
 * "workloads[1]: ...". `workloads` is the document's list, of at most PODS_MAX;
 * `configs` too, or NULL. */
enum err admission_read(const struct admission *a, const struct json *workloads,
			const struct json *configs, struct wanted *out, struct why *why);
