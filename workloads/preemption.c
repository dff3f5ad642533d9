#include "workloads/preemption.h"

#include "base/quantity.h"

#include <assert.h>
#include <stdio.h>

/* Kubernetes: an init container needs its own only while it runs, beside the sidecars
 * that were started before it; a sidecar's is needed all the time. */
static int64_t sum_pod(const struct pod *p, int64_t (*request)(const struct container_spec *c))
{
	int64_t all_time = 0, peak = 0;
	for (size_t i = 0; i < p->container_count; i++) {
		const struct container_spec *c = &p->containers[i];
		if (c->role != CONTAINER_INIT)
			all_time += request(c);
		else if (all_time + request(c) > peak)
			peak = all_time + request(c);
	}
	return all_time > peak ? all_time : peak;
}

static int64_t memory_of(const struct container_spec *c)
{
	return c->memory_request;
}

static int64_t cpu_of(const struct container_spec *c)
{
	return c->limits.cpu_request_milli;
}

void preemption_claim(const struct pod *p, struct claim *out)
{
	*out = (struct claim){
		.priority = p->priority,
		.memory_bytes = sum_pod(p, memory_of),
		.cpu_milli = sum_pod(p, cpu_of),
	};
}

static enum err refuse(const struct claim *c, int64_t memory_bytes, int64_t cpu_milli,
		       const char *who, struct why *why)
{
	if (c->memory_bytes > memory_bytes)
		return why_set(why, ERR_FULL, "%s %lld MiB of memory, this board has %lld MiB", who,
			       (long long)(c->memory_bytes >> 20), (long long)(memory_bytes >> 20));
	return why_set(why, ERR_FULL, "%s %lldm of cpu, this board has %lldm", who,
		       (long long)c->cpu_milli, (long long)cpu_milli);
}

enum err preemption_check(const struct claim *c, int64_t memory_bytes, int64_t cpu_milli,
			  struct why *why)
{
	if (c->memory_bytes <= memory_bytes && c->cpu_milli <= cpu_milli)
		return OK;
	return refuse(c, memory_bytes, cpu_milli, "it requests", why);
}

enum err preemption_check_all(const struct claim *claims, size_t count, int64_t memory_bytes,
			      int64_t cpu_milli, struct why *why)
{
	struct claim sum = { 0 };
	for (size_t i = 0; i < count; i++) {
		if (claims[i].priority != claims[0].priority)
			return OK;
		sum.memory_bytes += claims[i].memory_bytes;
		sum.cpu_milli += claims[i].cpu_milli;
	}
	if (sum.memory_bytes <= memory_bytes && sum.cpu_milli <= cpu_milli)
		return OK;
	return refuse(&sum, memory_bytes, cpu_milli, "all of one priorityClassName, they request",
		      why);
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
