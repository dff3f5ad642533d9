#include "workloads/qos.h"

#include "base/text.h"

#include <string.h>

/* Names of one priority stand together, the one that is reported first. */
static const struct {
	const char *name;
	enum priority priority;
} classes[] = {
	{ "system-critical", PRIORITY_CRITICAL },
	{ "system-node-critical", PRIORITY_CRITICAL },
	{ "system-cluster-critical", PRIORITY_CRITICAL },
	{ "high", PRIORITY_HIGH },
	{ "normal", PRIORITY_NORMAL },
	{ "low", PRIORITY_LOW },
	{ "idle", PRIORITY_IDLE },
};

enum { CLASSES = sizeof classes / sizeof *classes };

enum err priority_find(const char *name, enum priority *out, struct why *why)
{
	for (size_t i = 0; i < CLASSES; i++) {
		if (strcmp(classes[i].name, name) != 0)
			continue;
		*out = classes[i].priority;
		return OK;
	}
	char list[160];
	struct text t = text_in(list, sizeof list);
	for (size_t i = 0; i < CLASSES; i++)
		text_add(&t, "%s%s",
			 i == 0            ? ""
			 : i + 1 < CLASSES ? ", "
					   : " or ",
			 classes[i].name);
	return why_set(why, ERR_INVALID, "%s is expected", list);
}

const char *priority_name(enum priority p)
{
	size_t i = 0;
	while (i + 1 < CLASSES && classes[i].priority != p)
		i++;
	return classes[i].name;
}

static bool asks_for_nothing(const struct container_spec *c)
{
	return !c->memory_request && !c->limits.cpu_request_milli;
}

static bool has_all_it_may_use(const struct container_spec *c)
{
	return c->limits.memory_bytes && c->limits.cpu_milli &&
	       c->memory_request == c->limits.memory_bytes &&
	       c->limits.cpu_request_milli == c->limits.cpu_milli;
}

enum qos_class qos_of(const struct pod *p)
{
	bool guaranteed = true, best_effort = true;
	for (size_t i = 0; i < p->container_count; i++) {
		guaranteed = guaranteed && has_all_it_may_use(&p->containers[i]);
		best_effort = best_effort && asks_for_nothing(&p->containers[i]);
	}
	return best_effort ? QOS_BEST_EFFORT : guaranteed ? QOS_GUARANTEED : QOS_BURSTABLE;
}

const char *qos_name(enum qos_class c)
{
	static const char *const names[] = {
		[QOS_BEST_EFFORT] = "BestEffort",
		[QOS_BURSTABLE] = "Burstable",
		[QOS_GUARANTEED] = "Guaranteed",
	};
	return names[c];
}

int64_t qos_oom_score_adj(const struct pod *p, const struct container_spec *c, int64_t memory_bytes)
{
	/* Kubernetes gives Guaranteed -997; here nothing a user runs comes before
	 * the agent and its keepers. */
	enum { GUARANTEED = 200, BEST_EFFORT = 1000 };
	const enum qos_class class = qos_of(p);
	if (class == QOS_BEST_EFFORT && p->priority != PRIORITY_CRITICAL)
		return BEST_EFFORT;
	if (class == QOS_GUARANTEED || p->priority == PRIORITY_CRITICAL)
		return GUARANTEED;
	int64_t score = memory_bytes > 0 ? 1000 - 1000 * c->memory_request / memory_bytes : 999;
	return score < GUARANTEED + 1 ? GUARANTEED + 1 : score > 999 ? 999 : score;
}

void qos_soften(const struct pod *p, int64_t memory_bytes, struct cgroup_limits *limits)
{
	if (p->priority != PRIORITY_IDLE)
		return;
	limits->idle = true;
	limits->memory_high = limits->memory_bytes ? limits->memory_bytes - limits->memory_bytes / 8
						   : memory_bytes / 4;
}
