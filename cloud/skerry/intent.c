#include "cloud/skerry/intent.h"

#include "ports/clock.h"
#include "ports/digest.h"
#include "sync/desired.h"
#include "workloads/manifest.h"
#include "workloads/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct render_source intent_source(const struct manifest_files *m, struct intent_trees *trees)
{
	for (size_t i = 0; i < m->count; i++)
		trees->pods[i] = m->pods[i].yaml.tree;
	for (size_t i = 0; i < m->config_count; i++)
		trees->configs[i] = m->configs[i].yaml.tree;
	return (struct render_source){
		.pods = trees->pods,
		.configs = trees->configs,
		.pod_count = m->count,
		.config_count = m->config_count,
		.healthy_ms = -1,
	};
}

static const int64_t GENERATION_MAX = ((int64_t)1 << 53) - 1;

/* Above what the broker holds and above what the device has seen: a broker that
 * has lost its retained messages must not make us begin at 1 again. */
static void choose_order(const struct device_view *d, struct intent *out)
{
	int64_t epoch = json_integer_at(d->desired, "epoch"),
		generation = json_integer_at(d->desired, "generation");
	int64_t seen_epoch = json_integer_at(d->state, "epoch"),
		seen = json_integer_at(d->state, "observed");
	if (seen_epoch > epoch || (seen_epoch == epoch && seen > generation)) {
		epoch = seen_epoch;
		generation = seen;
	}
	out->epoch = epoch > 0 ? epoch : 1;
	out->base = generation;
	out->generation = generation + 1;
	/* Under newer trust the count begins anew: nobody can use up all generations. */
	if (out->generation > GENERATION_MAX && out->trust > json_integer_at(d->desired, "trust"))
		out->generation = out->epoch = 1;
}

static void set_signed(struct json *j, const struct intent *i, const struct warrant *w)
{
	char expires[24];
	if (!i->trust)
		return;
	clock_print(expires, clock_wall_ms() + warrant_span_ms(w));
	json_set_integer(j, "trust", i->trust);
	json_set_string(j, "expires", expires);
}

/* The same image keeps its attempt: a board does not try again what it has given up. NULL: the
 * state does not say. */
static struct json *make_agent(const struct json *old, const struct intent_wish *w)
{
	const char *before = json_string(json_member(old, "image"));
	int64_t attempt = json_integer_at(old, "attempt");
	const char *image = w->agent ? w->agent : before;
	if (!image)
		return NULL;
	if (!before || strcmp(before, image) != 0)
		attempt = 0;
	else if (w->retry)
		attempt++;
	struct json *j = json_new_object();
	json_set_string(j, "image", image);
	if (attempt)
		json_set_integer(j, "attempt", attempt);
	return j;
}

static bool is_same_agent(const struct json *old, const struct intent_wish *w)
{
	const char *before = json_string(json_member(old, "image"));
	return !(before && w->retry) && (!w->agent || (before && strcmp(before, w->agent) == 0));
}

static const struct json *labels_given(const struct device_view *d, const struct intent_wish *wish)
{
	return wish->labels ? wish->labels : json_member(d->desired, "labels");
}

/* Takes the content. */
static char *print_document(const struct device_view *d, const char *fleet, const struct intent *i,
			    const struct content *c, const struct intent_wish *wish)
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
	if (wish->reason)
		json_set_string(j, "reason", wish->reason);
	set_signed(j, i, wish->warrant);
	if (json_count(labels_given(d, wish)))
		json_set(j, "labels", json_copy(labels_given(d, wish)));
	json_set(j, "policy", c->policy);
	json_set(j, "workloads", c->workloads);
	json_set(j, "configs", c->configs);
	struct json *agent = make_agent(json_member(d->desired, "agent"), wish);
	if (agent)
		json_set(j, "agent", agent);
	char *text = json_print(j);
	json_free(j);
	return text;
}

/* The device runs something that the broker does not know: building on nothing
 * would delete it. */
static enum err check_base(const struct device_view *d, const struct intent_wish *wish,
			   struct why *why)
{
	int64_t seen = json_integer_at(d->state, "observed");
	if (d->desired || seen == 0 || wish->source->is_whole)
		return OK;
	return why_set(
		why, ERR_CONFLICT,
		"%s has generation %lld, but the broker has lost its desired state; a hub on "
		"this broker gives it back in a few seconds, --prune begins anew",
		d->name, (long long)seen);
}

/* As the board will: are all configs there that its pods name? */
static enum err check_pods(const struct desired *d, struct why *why)
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
			       const struct intent_wish *wish, const char *text, struct intent *out,
			       struct why *why)
{
	struct desired check;
	const struct fit_device about = { device->name, device->state, labels_given(device, wish) };
	enum err e = desired_read(bytes_of(text), fleet, device->name, &check, why);
	if (!e)
		e = check_pods(&check, why);
	if (!e && wish->fit)
		*wish->fit = fit_judge(&about, check.workloads);
	strcpy(out->agent, check.agent.image);
	out->attempt = check.agent.attempt;
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

/* Print, check, seal. Takes the content. */
static enum err make_message(const struct device_view *device, const char *fleet,
			     const struct intent_wish *wish, struct content *content,
			     struct intent *out, struct why *why)
{
	char *text = print_document(device, fleet, out, content, wish);
	enum err e = check_document(device, fleet, wish, text, out, why);
	if (!e)
		e = finish(device, wish, text, out, why);
	free(text);
	*content = (struct content){ 0 };
	return e ? why_in(why, e, device->name) : OK;
}

static bool are_same_labels(const struct json *a, const struct json *b)
{
	if (!json_count(a) || !json_count(b))
		return json_count(a) == json_count(b);
	char *before = json_print(a), *after = json_print(b);
	const bool same = strcmp(before, after) == 0;
	free(before);
	free(after);
	return same;
}

static bool is_unchanged(const struct device_view *d, const struct intent_wish *wish,
			 const struct content *c)
{
	return are_same_labels(json_member(d->desired, "labels"), labels_given(d, wish)) &&
	       is_same_agent(json_member(d->desired, "agent"), wish) &&
	       content_is_same(c, d->desired) && warrant_stands(wish->warrant, d);
}

enum err intent_make(const struct device_view *device, const char *fleet,
		     const struct intent_wish *wish, struct intent *out, struct why *why)
{
	struct content content;
	*out = (struct intent){ 0 };
	enum err e = check_base(device, wish, why);
	if (!e)
		e = warrant_check(wish->warrant, device, why);
	if (e)
		return e;
	if (warrant_signs(wish->warrant))
		out->trust = warrant_trust(wish->warrant, device);
	choose_order(device, out);
	e = render_content(device->desired, wish->source, &content, why);
	if (e)
		return why_in(why, e, device->name);
	if (is_unchanged(device, wish, &content)) {
		content_free(&content);
		return OK;
	}
	return make_message(device, fleet, wish, &content, out, why);
}

enum err intent_judge(const struct device_view *device, const char *fleet,
		      const struct intent_wish *wish, struct fit **out, struct why *why)
{
	struct content content;
	struct intent nobody_s = { .epoch = 1, .generation = 1 };
	struct intent_wish judged = *wish;
	judged.fit = out;
	*out = NULL;
	enum err e = render_content(device->desired, wish->source, &content, why);
	if (e)
		return why_in(why, e, device->name);
	char *text = print_document(device, fleet, &nobody_s, &content, &judged);
	e = check_document(device, fleet, &judged, text, &nobody_s, why);
	free(text);
	return e ? why_in(why, e, device->name) : OK;
}

static struct json *copy_or(const struct json *j, struct json *(*make)(void))
{
	return j ? json_copy(j) : make();
}

enum err intent_make_back(const struct device_view *device, const char *fleet,
			  const struct intent_wish *wish, const struct intent *forward,
			  struct intent *out, struct why *why)
{
	const struct json *now = device->desired;
	const struct intent_wish back = {
		.labels = json_member(now, "labels"),
		.reason = wish->reason,
		.warrant = wish->warrant,
	};
	struct content content = {
		.policy = copy_or(json_member(now, "policy"), json_new_object),
		.workloads = copy_or(json_member(now, "workloads"), json_new_array),
		.configs = copy_or(json_member(now, "configs"), json_new_array),
	};
	*out = (struct intent){
		.epoch = forward->epoch,
		.base = forward->generation,
		.generation = forward->generation + 1,
		.trust = forward->trust,
	};
	return make_message(device, fleet, &back, &content, out, why);
}
