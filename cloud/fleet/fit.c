#include "cloud/fleet/fit.h"

#include "base/quantity.h"
#include "cloud/fleet/named.h"
#include "cloud/fleet/object.h"
#include "workloads/manifest.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what is to be judged --- */

static bool is_state(const struct json *workload, const char *state)
{
	const char *s = json_string(json_member(workload, "state"));
	return s && strcmp(s, state) == 0;
}

/* Has this very pod done its work? As running_needs_room() of the board. */
static bool is_done(const struct pod *p, const struct json *report)
{
	char name[2 * LABEL_SIZE];
	if (p->is_scheduled)
		return false;
	for (size_t i = p->init_count; i < p->container_count; i++) {
		if (p->containers[i].role == CONTAINER_SIDECAR)
			continue;
		snprintf(name, sizeof name, "%s/%s", p->name, p->containers[i].name);
		const struct json *w = json_member(json_member(report, "workloads"), name);
		const char *digest = json_string(json_member(w, "digest"));
		if (!digest || strcmp(digest, p->digest) != 0 ||
		    !(is_state(w, "completed") || is_state(w, "failed")))
			return false;
	}
	return true;
}

static void read_pod(struct fit_pod *out, const struct json *document, const struct json *report)
{
	snprintf(out->name, sizeof out->name, "%s", named_document(document));
	if (manifest_read(document, MANIFEST_DESK, &out->pod, &out->why)) {
		out->pod = NULL;
		out->verdict = FIT_UNKNOWN;
		return;
	}
	preemption_claim(out->pod, &out->claim);
	out->needs_room = !is_done(out->pod, report);
}

static void read_pods(struct fit *f, const struct json *workloads, const struct json *report)
{
	for (const struct json *j = json_first(workloads); j; j = json_next(j)) {
		assert(f->count < PODS_MAX);
		read_pod(&f->pods[f->count++], j, report);
	}
}

/* --- what is refused --- */

static void refuse(struct fit *f, size_t i, const char *reason)
{
	struct fit_pod *p = &f->pods[i];
	p->verdict = FIT_REFUSED;
	(void)why_set(&p->why, OK, "%s", reason);
	if (!f->refused.text[0])
		(void)why_set(&f->refused, OK, "%s: %s", p->name, reason);
}

static bool is_unpacked(const struct pod *p)
{
	for (size_t i = 0; p && i < p->container_count; i++)
		if (!p->containers[i].image_digest && !p->containers[i].of_host)
			return true;
	return false;
}

void fit_refuse_unpacked(struct fit *f, const char *reason)
{
	for (size_t i = 0; i < f->count; i++)
		if (is_unpacked(f->pods[i].pod))
			refuse(f, i, reason);
}

static enum err check_pod(const struct fit *f, const struct fit_pod *p, const struct json *labels,
			  struct why *why)
{
	const char *host_image = json_string(json_member(labels, "skerry.dev/host-image"));
	enum err e = placement_check(p->pod, labels, why);
	if (!e && !is_unpacked(p->pod))
		e = placement_check_images(p->pod, host_image && strcmp(host_image, "true") == 0,
					   why);
	if (!e && f->memory_bytes)
		e = preemption_check(&p->claim, f->memory_bytes, f->cpu_milli, why);
	return e;
}

static void check_pods(struct fit *f, const struct json *labels)
{
	struct why why;
	for (size_t i = 0; i < f->count; i++)
		if (f->pods[i].pod && check_pod(f, &f->pods[i], labels, &why))
			refuse(f, i, why.text);
}

/* The claims of all that are known; where they are from. */
static size_t list_claims(const struct fit *f, bool only_needy, struct claim out[PODS_MAX],
			  size_t from[PODS_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < f->count; i++) {
		const struct fit_pod *p = &f->pods[i];
		if (!p->pod || (only_needy && !p->needs_room))
			continue;
		from[n] = i;
		out[n++] = p->claim;
	}
	return n;
}

static void refuse_all(struct fit *f)
{
	for (size_t i = 0; i < f->count; i++) {
		f->pods[i].verdict = FIT_REFUSED;
		f->pods[i].why = f->refused;
	}
}

/* Those of a pod that cannot be read are not counted: its board knows them. */
static void check_count(struct fit *f)
{
	size_t containers = 0;
	for (size_t i = 0; i < f->count; i++)
		containers += f->pods[i].pod ? f->pods[i].pod->container_count : 0;
	if (!f->refused.text[0] && placement_check_count(containers, &f->refused))
		refuse_all(f);
}

/* Of a pod that cannot be read nobody knows the priority: then there may be others. */
static void check_sum(struct fit *f)
{
	struct claim claims[PODS_MAX];
	size_t from[PODS_MAX];
	const size_t n = list_claims(f, false, claims, from);
	if (!f->refused.text[0] && n == f->count &&
	    preemption_check_all(claims, n, f->memory_bytes, f->cpu_milli, &f->refused))
		refuse_all(f);
}

/* --- who waits --- */

static void describe_room(const struct fit *f, struct fit_pod *p)
{
	char needed[16], there[16];
	quantity_print(needed, p->claim.memory_bytes);
	quantity_print(there, f->memory_bytes);
	if (!p->needs_room)
		(void)why_set(&p->why, OK, "it has done its work");
	else if (!p->claim.memory_bytes && !p->claim.cpu_milli)
		(void)why_set(&p->why, OK, "it requests nothing");
	else
		(void)why_set(&p->why, OK, "it requests %s of %s and %lldm of %lldm cpu", needed,
			      there, (long long)p->claim.cpu_milli, (long long)f->cpu_milli);
}

static void choose(struct fit *f)
{
	struct claim claims[PODS_MAX];
	size_t from[PODS_MAX];
	char text[PREEMPTION_TEXT_MAX];
	const size_t n = list_claims(f, true, claims, from);
	preemption_choose(claims, n, f->memory_bytes, f->cpu_milli);
	for (size_t i = 0; i < n; i++) {
		if (!claims[i].waits)
			continue;
		preemption_describe(&claims[i], text);
		f->pods[from[i]].verdict = FIT_WAITS;
		(void)why_set(&f->pods[from[i]].why, OK, "%s", text);
	}
}

bool fit_displaces(const struct fit *f, size_t i, size_t k)
{
	struct claim claims[PODS_MAX];
	size_t from[PODS_MAX], n = list_claims(f, true, claims, from), left = 0, at = PODS_MAX;
	if (f->pods[i].verdict != FIT_RUNS || f->pods[k].verdict != FIT_WAITS)
		return false;
	for (size_t c = 0; c < n; c++) {
		if (from[c] == i)
			continue;
		if (from[c] == k)
			at = left;
		claims[left++] = claims[c];
	}
	preemption_choose(claims, left, f->memory_bytes, f->cpu_milli);
	return at < left && !claims[at].waits;
}

/* --- all of it --- */

static void doubt(struct fit *f)
{
	for (size_t i = 0; i < f->count; i++) {
		f->pods[i].verdict = FIT_UNKNOWN;
		(void)why_set(&f->pods[i].why, OK,
			      "the device has never reported, and judges by itself");
	}
}

static void judge(struct fit *f, const struct fit_device *d)
{
	const struct device_object given = { .labels = d->given };
	const struct json *capacity = json_member(d->report, "capacity");
	struct json *labels = object_labels(d->name, d->report, &given);
	json_integer(json_member(capacity, "memBytes"), &f->memory_bytes);
	json_integer(json_member(capacity, "cpuMilli"), &f->cpu_milli);
	for (size_t i = 0; i < f->count; i++)
		if (f->pods[i].pod)
			describe_room(f, &f->pods[i]);
	check_pods(f, labels);
	json_free(labels);
	check_count(f);
	if (!f->memory_bytes)
		return;
	check_sum(f);
	if (!f->refused.text[0])
		choose(f);
}

struct fit *fit_judge(const struct fit_device *d, const struct json *workloads)
{
	struct fit *f = calloc(1, sizeof *f);
	assert(f);
	f->has_report = d->report != NULL;
	read_pods(f, workloads, d->report);
	if (d->report)
		judge(f, d);
	else
		doubt(f);
	return f;
}

void fit_free(struct fit *f)
{
	for (size_t i = 0; f && i < f->count; i++)
		pod_free(f->pods[i].pod);
	free(f);
}

const char *fit_verdict_name(enum fit_verdict verdict)
{
	static const char *const names[] = {
		[FIT_RUNS] = "runs",
		[FIT_WAITS] = "waits",
		[FIT_REFUSED] = "refused",
		[FIT_UNKNOWN] = "unknown",
	};
	return names[verdict];
}
