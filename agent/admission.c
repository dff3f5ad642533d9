#include "agent/admission.h"

#include "workloads/compose.h"
#include "workloads/manifest.h"
#include "workloads/supervisor.h"

#include <stdio.h>
#include <string.h>

static enum err read_pod(const struct admission *a, const struct json *j, size_t index,
			 struct pod **out, struct why *why)
{
	char where[32];
	snprintf(where, sizeof where, "workloads[%zu]", index);
	enum err e = manifest_read(j, MANIFEST_BOARD, out, why);
	if (e)
		return why_in(why, e, where);
	e = compose_admit(a->site, *out, why);
	if (!e)
		return OK;
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

static enum err check_fit(const struct admission *a, struct pod *const *pods, size_t count,
			  struct why *why)
{
	int64_t memory, cpu;
	size_t containers = 0;
	for (size_t i = 0; i < count; i++)
		containers += pods[i]->container_count;
	if (containers > WORKLOADS_MAX)
		return why_set(why, ERR_FULL, "workloads: %zu containers; this board takes %d",
			       containers, WORKLOADS_MAX);
	supervisor_sum(pods, count, &memory, &cpu);
	if (memory > a->memory_bytes)
		return why_set(
			why, ERR_FULL,
			"workloads: they request %lld MiB of memory, this board has %lld MiB",
			(long long)(memory >> 20), (long long)(a->memory_bytes >> 20));
	if (cpu > a->cpu_milli)
		return why_set(why, ERR_FULL,
			       "workloads: they request %lldm of cpu, this board has %lldm",
			       (long long)cpu, (long long)a->cpu_milli);
	return OK;
}

enum err admission_read(const struct admission *a, const struct json *workloads, struct pod **pods,
			size_t *out_count, struct why *why)
{
	size_t n = 0;
	enum err e = OK;
	for (const struct json *j = json_first(workloads); j && !e; j = json_next(j)) {
		e = read_pod(a, j, n, &pods[n], why);
		n += !e;
	}
	if (!e)
		e = check_names(pods, n, why);
	if (!e)
		e = check_fit(a, pods, n, why);
	for (size_t i = 0; e && i < n; i++)
		pod_free(pods[i]);
	*out_count = e ? 0 : n;
	return e;
}
