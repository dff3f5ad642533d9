#include "agent/admission.h"

#include "workloads/compose.h"
#include "workloads/manifest.h"
#include "workloads/placement.h"
#include "workloads/preemption.h"

#include <stdio.h>
#include <string.h>

static enum err read_pod(const struct admission *a, const struct json *j, struct wanted *w,
			 struct why *why)
{
	char where[32];
	struct pod **out = &w->pods[w->count];
	snprintf(where, sizeof where, "workloads[%zu]", w->count);
	enum err e = manifest_read(j, MANIFEST_BOARD, out, why);
	if (e)
		return why_in(why, e, where);
	e = compose_admit(a->site, *out, w->configs, why);
	if (!e) {
		w->count++;
		return OK;
	}
	pod_free(*out);
	return why_in(why, e, where);
}

static enum err check_names(struct pod *const *pods, size_t count, struct why *why)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(pods[i]->name, pods[k]->name) == 0)
				return why_set(why, ERR_INVALID,
					       "workloads[%zu]: metadata.name: a second pod is "
					       "called \"%s\"",
					       i, pods[i]->name);
	return OK;
}

/* A pod that could never run is refused, and so are pods of which none is to give way. */
static enum err check_requests(const struct admission *a, struct pod *const *pods, size_t count,
			       struct why *why)
{
	struct claim claims[PODS_MAX];
	char where[32];
	for (size_t i = 0; i < count; i++) {
		preemption_claim(pods[i], &claims[i]);
		snprintf(where, sizeof where, "workloads[%zu]", i);
		enum err e = preemption_check(&claims[i], a->memory_bytes, a->cpu_milli, why);
		if (e)
			return why_in(why, e, where);
	}
	enum err e = preemption_check_all(claims, count, a->memory_bytes, a->cpu_milli, why);
	return e ? why_in(why, e, "workloads") : OK;
}

static enum err check_fit(const struct admission *a, struct pod *const *pods, size_t count,
			  struct why *why)
{
	size_t containers = 0;
	for (size_t i = 0; i < count; i++)
		containers += pods[i]->container_count;
	enum err e = placement_check_count(containers, why);
	return e ? why_in(why, e, "workloads") : check_requests(a, pods, count, why);
}

enum err admission_read(const struct admission *a, const struct json *workloads,
			const struct json *configs, struct wanted *out, struct why *why)
{
	*out = (struct wanted){ .count = 0 };
	enum err e = configs_read(configs, &out->configs, why);
	for (const struct json *j = json_first(workloads); j && !e; j = json_next(j))
		e = read_pod(a, j, out, why);
	if (!e)
		e = check_names(out->pods, out->count, why);
	if (!e)
		e = check_fit(a, out->pods, out->count, why);
	if (e)
		wanted_free(out);
	return e;
}
