#include "cloud/fleet/render.h"

#include "cloud/fleet/named.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- patches --- */

static struct json *merge_named(const struct json *base, const struct json *patch)
{
	struct json *list = json_new_array();
	for (const struct json *j = json_first(base); j; j = json_next(j)) {
		const struct json *change = named_find(patch, json_text_at(j, "name"));
		json_push(list, change ? render_patch(j, change) : json_copy(j));
	}
	for (const struct json *j = json_first(patch); j; j = json_next(j))
		if (!named_find(base, json_text_at(j, "name")))
			json_push(list, json_copy(j));
	return list;
}

static struct json *merge_object(const struct json *base, const struct json *patch)
{
	struct json *out = json_new_object();
	for (const struct json *m = json_first(base); m; m = json_next(m)) {
		const struct json *change = json_member(patch, json_key(m));
		if (!change)
			json_set(out, json_key(m), json_copy(m));
		else if (json_type_of(change) != JSON_NULL)
			json_set(out, json_key(m), render_patch(m, change));
	}
	for (const struct json *m = json_first(patch); m; m = json_next(m))
		if (!json_member(base, json_key(m)) && json_type_of(m) != JSON_NULL)
			json_set(out, json_key(m), json_copy(m));
	return out;
}

struct json *render_patch(const struct json *base, const struct json *patch)
{
	if (json_type_of(base) == JSON_OBJECT && json_type_of(patch) == JSON_OBJECT)
		return merge_object(base, patch);
	if (named_is_list(base) && named_is_list(patch))
		return merge_named(base, patch);
	return json_copy(patch);
}

/* --- overrides --- */

/* Pods are of one kind here, whatever their documents are called: names stand once. */
static const char *kind_of(const struct json *document, bool is_config)
{
	return is_config ? json_text_at(document, "kind") : "pod";
}

static const struct json *find_override(const struct json *overrides, const struct json *document,
					bool is_config)
{
	char key[160];
	snprintf(key, sizeof key, "%s/%s", kind_of(document, is_config), named_document(document));
	return json_member(overrides, key);
}

static struct json *take(const struct render_source *s, const struct json *document, bool is_config)
{
	const struct json *patch = find_override(s->overrides, document, is_config);
	return patch ? render_patch(document, patch) : json_copy(document);
}

static bool is_used(const struct render_source *s, const struct json *override)
{
	for (size_t i = 0; i < s->pod_count; i++)
		if (find_override(s->overrides, s->pods[i], false) == override)
			return true;
	for (size_t i = 0; i < s->config_count; i++)
		if (find_override(s->overrides, s->configs[i], true) == override)
			return true;
	return false;
}

/* A word that is spelled wrong must not make a device run what it should not. */
static enum err check_overrides(const struct render_source *s, struct why *why)
{
	for (const struct json *o = json_first(s->overrides); s->is_whole && o; o = json_next(o))
		if (!is_used(s, o))
			return why_set(why, ERR_NOT_FOUND,
				       "overrides: there is no %.100s in what it shall run",
				       json_key(o));
	return OK;
}

/* --- lists --- */

struct wishes {
	const struct render_source *source;
	const struct json *const *list;
	size_t count;
	bool is_config;
};

static bool is_same_thing(const struct json *a, const struct json *b, bool is_config)
{
	return strcmp(named_document(a), named_document(b)) == 0 &&
	       strcmp(kind_of(a, is_config), kind_of(b, is_config)) == 0;
}

static bool has(const struct json *list, const struct json *document, bool is_config)
{
	const struct json *j = json_first(list);
	while (j && !is_same_thing(j, document, is_config))
		j = json_next(j);
	return j != NULL;
}

static const struct json *find_wish(const struct wishes *w, const struct json *document)
{
	for (size_t i = 0; i < w->count; i++)
		if (is_same_thing(w->list[i], document, w->is_config))
			return w->list[i];
	return NULL;
}

static struct json *merge_list(const struct json *before, const struct wishes *w)
{
	struct json *out = json_new_array();
	for (const struct json *j = json_first(before); j; j = json_next(j)) {
		const struct json *wish = find_wish(w, j);
		if (wish)
			json_push(out, take(w->source, wish, w->is_config));
		else if (!w->source->is_whole)
			json_push(out, json_copy(j));
	}
	for (size_t i = 0; i < w->count; i++)
		if (!has(before, w->list[i], w->is_config))
			json_push(out, take(w->source, w->list[i], w->is_config));
	return out;
}

static struct json *make_policy(const struct json *before, const struct render_source *s)
{
	char span[32];
	struct json *none = json_new_object();
	struct json *policy = render_patch(before && !(s->is_whole && s->policy) ? before : none,
					   s->policy ? s->policy : none);
	json_free(none);
	if (s->healthy_ms >= 0) {
		json_remove(policy, "healthyFor");
		snprintf(span, sizeof span, "%lldms", (long long)s->healthy_ms);
		json_set_string(policy, "healthyFor", span);
	}
	return policy;
}

enum err render_content(const struct json *before, const struct render_source *s,
			struct content *out, struct why *why)
{
	const struct wishes pods = { s, s->pods, s->pod_count, false };
	const struct wishes configs = { s, s->configs, s->config_count, true };
	*out = (struct content){ 0 };
	enum err e = check_overrides(s, why);
	if (e)
		return e;
	*out = (struct content){
		.policy = make_policy(json_member(before, "policy"), s),
		.workloads = merge_list(json_member(before, "workloads"), &pods),
		.configs = merge_list(json_member(before, "configs"), &configs),
	};
	return OK;
}

void content_free(struct content *c)
{
	json_free(c->policy);
	json_free(c->workloads);
	json_free(c->configs);
	*c = (struct content){ 0 };
}

bool content_is_same(const struct content *c, const struct json *state)
{
	const struct json *workloads = json_member(state, "workloads");
	const struct json *configs = json_member(state, "configs");
	const struct json *policy = json_member(state, "policy");
	return workloads && json_is_same(c->workloads, workloads) &&
	       (configs ? json_is_same(c->configs, configs) : json_count(c->configs) == 0) &&
	       (policy ? json_is_same(c->policy, policy) : json_count(c->policy) == 0);
}
