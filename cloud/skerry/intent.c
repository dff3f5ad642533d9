#include "cloud/skerry/intent.h"

#include "ports/clock.h"
#include "ports/digest.h"
#include "sync/desired.h"
#include "workloads/manifest.h"
#include "workloads/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands once in a list: the kind and the name. Pods are of one kind. */
static bool is_of(const struct json *j, const struct pod_document *d, bool by_kind)
{
	const char *name = json_string(json_member(json_member(j, "metadata"), "name"));
	const char *kind = json_string(json_member(j, "kind"));
	const char *wished = json_string(json_member(d->yaml.tree, "kind"));
	return name && strcmp(name, d->name) == 0 &&
	       (!by_kind || (kind && wished && strcmp(kind, wished) == 0));
}

/* The documents of the files, for one list of the desired state. */
struct wishes {
	const struct pod_document *documents;
	size_t count;
	bool by_kind;
};

static size_t find_wish(const struct wishes *w, const struct json *j)
{
	size_t i = 0;
	while (i < w->count && !is_of(j, &w->documents[i], w->by_kind))
		i++;
	return i;
}

/* What is there keeps its place; what is new comes behind. */
static struct json *merge(const struct json *old, const struct wishes *w, bool prune)
{
	struct json *list = json_new_array();
	bool placed[PODS_MAX + CONFIGS_MAX] = { false };
	for (const struct json *j = json_first(old); j; j = json_next(j)) {
		size_t i = find_wish(w, j);
		if (i < w->count) {
			json_push(list, json_copy(w->documents[i].yaml.tree));
			placed[i] = true;
		} else if (!prune) {
			json_push(list, json_copy(j));
		}
	}
	for (size_t i = 0; i < w->count; i++)
		if (!placed[i])
			json_push(list, json_copy(w->documents[i].yaml.tree));
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

static const int64_t GENERATION_MAX = ((int64_t)1 << 53) - 1;

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
	/* Under newer trust the count begins anew: nobody can use up all generations. */
	if (out->generation > GENERATION_MAX && out->trust > number(d->desired, "trust"))
		out->generation = out->epoch = 1;
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

/* What a desired state says, beside who and when. */
struct content {
	struct json *policy, *workloads, *configs;
};

static void free_content(struct content *c)
{
	json_free(c->policy);
	json_free(c->workloads);
	json_free(c->configs);
}

static char *print_document(const struct device_view *d, const char *fleet, const struct intent *i,
			    const struct content *c, const struct warrant *w)
{
	char issued[24], expires[24];
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
	if (i->trust) {
		clock_print(expires, clock_wall_ms() + warrant_span_ms(w));
		json_set_integer(j, "trust", i->trust);
		json_set_string(j, "expires", expires);
	}
	json_set(j, "policy", c->policy);
	json_set(j, "workloads", c->workloads);
	json_set(j, "configs", c->configs);
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

static struct content make_content(const struct json *old, const struct intent_wish *w)
{
	const struct manifest_files *m = w->pods;
	const struct wishes pods = { m->pods, m->count, false };
	const struct wishes configs = { m->configs, m->config_count, true };
	return (struct content){
		.policy = make_policy(json_member(old, "policy"), w->healthy_ms),
		.workloads = merge(json_member(old, "workloads"), &pods, w->prune),
		.configs = merge(json_member(old, "configs"), &configs, w->prune),
	};
}

static bool is_unchanged(const struct json *old, const struct content *c, int64_t healthy_ms)
{
	const struct json *workloads = json_member(old, "workloads");
	const struct json *configs = json_member(old, "configs");
	const struct json *policy = json_member(old, "policy");
	return workloads && is_same(c->workloads, workloads) &&
	       (configs ? is_same(c->configs, configs) : json_count(c->configs) == 0) &&
	       (policy ? is_same(c->policy, policy) : healthy_ms < 0);
}

/* As the board will: are all configs there that its pods name? */
static enum err check_references(const struct desired *d, struct why *why)
{
	char where[32];
	size_t n = 0;
	struct configs *configs;
	enum err e = configs_read(d->configs, &configs, why);
	for (const struct json *j = json_first(d->workloads); j && !e; j = json_next(j), n++) {
		struct pod *pod;
		/* A pod of another version's files is the board's to judge. */
		if (manifest_read(j, MANIFEST_DESK, &pod, NULL))
			continue;
		snprintf(where, sizeof where, "workloads[%zu]", n);
		if (resolve_check(pod, configs, why))
			e = why_in(why, ERR_INVALID, where);
		pod_free(pod);
	}
	configs_free(configs);
	return e;
}

static enum err check_document(const struct device_view *device, const char *fleet,
			       const char *text, struct why *why)
{
	struct desired check;
	enum err e = desired_read(bytes_of(text), fleet, device->name, &check, why);
	if (!e)
		e = check_references(&check, why);
	desired_free(&check);
	return e;
}

/* From a document to the message that carries it. */
static enum err finish(const struct device_view *device, const struct intent_wish *wish,
		       const char *text, struct intent *out, struct why *why)
{
	enum err e = OK;
	if (out->trust)
		e = warrant_seal(wish->warrant, device, bytes_of(text), &out->text, why);
	else if (!(out->text = strdup(text)))
		e = why_set(why, ERR_SYSTEM, "no memory");
	if (!e)
		digest_of(bytes_of(out->text), out->digest);
	return e;
}

enum err intent_make(const struct device_view *device, const char *fleet,
		     const struct intent_wish *wish, struct intent *out, struct why *why)
{
	*out = (struct intent){ 0 };
	enum err e = check_base(device, wish, why);
	if (!e)
		e = warrant_check(wish->warrant, device, why);
	if (e)
		return e;
	if (warrant_signs(wish->warrant))
		out->trust = warrant_trust(wish->warrant, device);
	choose_order(device, out);
	struct content content = make_content(device->desired, wish);
	if (is_unchanged(device->desired, &content, wish->healthy_ms) &&
	    warrant_stands(wish->warrant, device)) {
		free_content(&content);
		return OK;
	}
	char *text = print_document(device, fleet, out, &content, wish->warrant);
	e = check_document(device, fleet, text, why);
	if (!e)
		e = finish(device, wish, text, out, why);
	free(text);
	return e;
}
