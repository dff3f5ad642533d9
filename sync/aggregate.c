#include "sync/aggregate.h"

#include <math.h>
#include <stdlib.h>

void aggregate_clear(struct aggregate *a)
{
	a->count = a->sum = a->least = a->greatest = 0;
	a->seen = 0;
	a->kept = 0;
}

/* xorshift32: a system call for each value would be dear in a flood. */
static uint32_t next_random(struct aggregate *a)
{
	a->seed ^= a->seed << 13;
	a->seed ^= a->seed >> 17;
	a->seed ^= a->seed << 5;
	return a->seed;
}

void aggregate_add(struct aggregate *a, double value, double weight)
{
	if (a->seen == 0)
		a->least = a->greatest = value;
	a->least = fmin(a->least, value);
	a->greatest = fmax(a->greatest, value);
	a->count += weight;
	a->sum += value * weight;
	a->seen += a->seen < UINT32_MAX;
	if (a->kept < AGGREGATE_KEPT) {
		a->values[a->kept++] = value;
		return;
	}
	/* Each of all that have come is kept with equal chance. */
	const uint32_t place = next_random(a) % a->seen;
	if (place < AGGREGATE_KEPT)
		a->values[place] = value;
}

/* FNV-1a */
static uint32_t hash(struct bytes s)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.at[i]) * 16777619u;
	return h;
}

bool aggregate_add_member(struct aggregate *a, struct bytes member)
{
	const uint32_t h = hash(member);
	for (size_t i = 0; i < a->kept; i++)
		if (a->members[i] == h)
			return true;
	if (a->kept == AGGREGATE_MEMBERS)
		return false;
	a->members[a->kept++] = h;
	return true;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

double aggregate_percentile(struct aggregate *a, double share)
{
	qsort(a->values, a->kept, sizeof *a->values, compare);
	const double rank = ceil(share * (double)a->kept);
	return a->values[rank < 1 ? 0 : (size_t)rank - 1];
}
