#include "workloads/preemption.h"

#include "base/quantity.h"

#include <assert.h>
#include <stdio.h>

bool preemption_is_undecided(const struct claim *claims, size_t count, int64_t memory_bytes,
			     int64_t cpu_milli)
{
	int64_t memory = 0, cpu = 0;
	for (size_t i = 0; i < count; i++) {
		if (claims[i].priority != claims[0].priority)
			return false;
		memory += claims[i].memory_bytes;
		cpu += claims[i].cpu_milli;
	}
	return memory > memory_bytes || cpu > cpu_milli;
}

/* The next in line; `count`: everybody had a turn. */
static size_t find_next(const struct claim *claims, const bool *had_turn, size_t count)
{
	size_t next = count;
	for (size_t i = 0; i < count; i++)
		if (!had_turn[i] && (next == count || claims[i].priority > claims[next].priority))
			next = i;
	return next;
}

void preemption_choose(struct claim *claims, size_t count, int64_t memory_bytes, int64_t cpu_milli)
{
	bool had_turn[PODS_MAX] = { false };
	assert(count <= PODS_MAX);
	for (size_t turn = 0; turn < count; turn++) {
		const size_t next = find_next(claims, had_turn, count);
		struct claim *c = &claims[next];
		had_turn[next] = true;
		c->memory_free = memory_bytes;
		c->cpu_free = cpu_milli;
		c->waits = c->memory_bytes > memory_bytes || c->cpu_milli > cpu_milli;
		if (c->waits)
			continue;
		memory_bytes -= c->memory_bytes;
		cpu_milli -= c->cpu_milli;
	}
}

void preemption_describe(const struct claim *c, char out[PREEMPTION_TEXT_MAX])
{
	static const char beside[] = "free beside pods of higher priority";
	char needed[16], left[16];
	if (c->memory_bytes <= c->memory_free) {
		snprintf(out, PREEMPTION_TEXT_MAX, "needs %lldm of cpu, %lldm are %s",
			 (long long)c->cpu_milli, (long long)c->cpu_free, beside);
		return;
	}
	quantity_print(needed, c->memory_bytes);
	quantity_print(left, c->memory_free);
	snprintf(out, PREEMPTION_TEXT_MAX, "needs %s, %s are %s", needed, left, beside);
}
