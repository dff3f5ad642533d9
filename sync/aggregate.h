/*
 * aggregate - many values of one interval as a few numbers, in bounded memory.
 *
 * Count, sum, least and greatest are exact. Percentiles are exact up to
 * AGGREGATE_KEPT values; of more, a uniform random sample of that many is
 * kept. Different members are counted exactly up to AGGREGATE_MEMBERS.
 */
#pragma once

#include "base/bytes.h"

#include <stdint.h>

enum { AGGREGATE_KEPT = 64, AGGREGATE_MEMBERS = 128 };

struct aggregate {
	double count, sum, least, greatest; /* count: with what a rate stands for */
	uint32_t seen;                      /* values, as they came */
	uint32_t seed;                      /* of the sample; set by the caller, not 0 */
	size_t kept;
	union {
		double values[AGGREGATE_KEPT];
		uint32_t members[AGGREGATE_MEMBERS]; /* their hashes */
	};
};

/* Empty; the seed stays. */
void aggregate_clear(struct aggregate *a);

/* A value that stands for `weight` of them. */
void aggregate_add(struct aggregate *a, double value, double weight);

/* False: it is a further one of more than AGGREGATE_MEMBERS, and not counted. */
bool aggregate_add_member(struct aggregate *a, struct bytes member);

/* Not empty. By nearest rank, `share` in (0, 1]; changes the order of what is kept. */
double aggregate_percentile(struct aggregate *a, double share);
