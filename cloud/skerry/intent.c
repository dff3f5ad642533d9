#include "cloud/skerry/intent.h"

#include "ports/clock.h"
#include "sync/desired.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *pod_name(const struct json *pod)
{
	const char *name = json_string(json_member(json_member(pod, "metadata"), "name"));
	return name ? name : "";
}

static const struct pod_document *find_wish(const struct manifest_files *m, const char *name)
{
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->pods[i].name, name) == 0)
			return &m->pods[i];
	return NULL;
}

/* Pods keep their places; new ones come behind. */
static struct json *merge(const struct json *old, const struct intent_wish *w)
{
	struct json *list = json_new_array();
	bool placed[PODS_MAX] = { false };
	for (const struct json *pod = json_first(old); pod; pod = json_next(pod)) {
		const struct pod_document *wish = find_wish(w->pods, pod_name(pod));
		if (wish) {
			json_push(list, json_copy(wish->yaml.tree));
			placed[wish - w->pods->pods] = true;
		} else if (!w->prune) {
			json_push(list, json_copy(pod));
		}
	}
	for (size_t i = 0; i < w->pods->count; i++)
		if (!placed[i])
			json_push(list, json_copy(w->pods->pods[i].yaml.tree));
	return list;
}

static bool is_same(const struct json *a, const struct json *b)
{
	char *first = json_print(a), *second = json_print(b);
	bool same = strcmp(first, second) == 0;
	free(first);
	free(second);
	return same;
}

static int64_t number(const struct json *j, const char *key)
{
	int64_t n = 0;
	json_integer(json_member(j, key), &n);
	return n;
}

/* Above what the broker holds and above what the device has seen: a broker that
 * has lost its retained messages must not make us begin at 1 again. */
static void choose_order(const struct device_view *d, struct intent *out)
{
	int64_t epoch = number(d->desired, "epoch"), generation = number(d->desired, "generation");
	int64_t seen_epoch = number(d->state, "epoch"), seen = number(d->state, "observed");
	if (seen_epoch > epoch || (seen_epoch == epoch && seen > generation)) {
		epoch = seen_epoch;
		generation = seen;
	}
	out->epoch = epoch > 0 ? epoch : 1;
	out->base = generation;
	out->generation = generation + 1;
}

static struct json *make_policy(const struct json *old, int64_t healthy_ms)
{
	char span[32];
	struct json *policy = old ? json_copy(old) : json_new_object();
	if (healthy_ms >= 0) {
		json_remove(policy, "healthyFor");
		snprintf(span, sizeof span, "%lldms", (long long)healthy_ms);
		json_set_string(policy, "healthyFor", span);
	}
	return policy;
}

static char *print_document(const struct device_view *d, const char *fleet, const struct intent *i,
			    struct json *policy, struct json *workloads)
{
	char issued[24];
	const char *user = getenv("USER");
	struct json *j = json_new_object();
	clock_print(issued, clock_wall_ms());
	json_set_string(j, "apiVersion", "skerry.dev/v1");
	json_set_string(j, "kind", "DesiredState");
	json_set_string(j, "fleet", fleet);
	json_set_string(j, "device", d->name);
	json_set_integer(j, "epoch", i->epoch);
	json_set_integer(j, "generation", i->generation);
	json_set_string(j, "issued", issued);
	json_set_string(j, "writer", user && *user ? user : "skerry");
	json_set_integer(j, "base", i->base);
	json_set(j, "policy", policy);
	json_set(j, "workloads", workloads);
	json_set(j, "configs", json_new_array());
	char *text = json_print(j);
	json_free(j);
	return text;
}

/* The device runs something that the broker does not know: building on nothing
 * would delete it. */
static enum err check_base(const struct device_view *d, const struct intent_wish *wish,
			   struct why *why)
{
	int64_t seen = number(d->state, "observed");
	if (d->desired || seen == 0 || wish->prune)
		return OK;
	return why_set(
		why, ERR_CONFLICT,
		"%s has generation %lld, but the broker has lost its desired state; a hub on "
		"this broker gives it back in a few seconds, --prune begins anew",
		d->name, (long long)seen);
}

enum err intent_make(const struct device_view *device, const char *fleet,
		     const struct intent_wish *wish, struct intent *out, struct why *why)
{
	struct desired check;
	const struct json *old = json_member(device->desired, "workloads");
	const struct json *old_policy = json_member(device->desired, "policy");
	*out = (struct intent){ 0 };
	enum err e = check_base(device, wish, why);
	if (e)
		return e;
	choose_order(device, out);
	struct json *workloads = merge(old, wish);
	struct json *policy = make_policy(old_policy, wish->healthy_ms);
	bool policy_is_same = old_policy ? is_same(policy, old_policy) : wish->healthy_ms < 0;
	if (old && is_same(workloads, old) && policy_is_same) {
		json_free(workloads);
		json_free(policy);
		return OK;
	}
	out->text = print_document(device, fleet, out, policy, workloads);
	e = desired_read(bytes_of(out->text), fleet, device->name, &check, why);
	desired_free(&check);
	if (e) {
		free(out->text);
		out->text = NULL;
	}
	return e;
}
