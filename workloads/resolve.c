#include "workloads/resolve.h"

#include "base/text.h"
#include "ports/digest.h"
#include "ports/net.h"

#include <stdio.h>

static enum err keep(struct arena *arena, const char *text, struct bytes *out, struct why *why)
{
	const char *kept = arena_copy(arena, bytes_of(text));
	if (!kept)
		return why_set(why, ERR_FULL, "command, environment and mounts are too large");
	*out = bytes_of(kept);
	return OK;
}

static enum err keep_number(struct arena *arena, int64_t n, struct bytes *out, struct why *why)
{
	char digits[24];
	snprintf(digits, sizeof digits, "%lld", (long long)n);
	return keep(arena, digits, out, why);
}

static enum err find_entry(const struct configs *configs, const struct value_spec *v,
			   const struct confmap_entry **out, struct why *why)
{
	const struct config_ref *ref = &v->config;
	const struct confmap *c = configs_find(configs, ref->kind, ref->name);
	if (!c)
		return why_set(why, ERR_NOT_FOUND, "%s \"%.80s\" is not there",
			       config_kind_name(ref->kind), ref->name);
	*out = confmap_find(c, v->key);
	return *out ? OK
		    : why_set(why, ERR_NOT_FOUND, "%s \"%.80s\" has no key \"%.80s\"",
			      config_kind_name(ref->kind), ref->name, v->key);
}

static const char *find_pair(const struct pair *pairs, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(pairs[i].name, name) == 0)
			return pairs[i].value;
	return ""; /* Kubernetes: a label that is missing is empty */
}

/* A UUID of version 8 that stays as long as the pod does on this board. */
static void make_uid(const struct resolver *r, char out[40])
{
	char text[LABEL_SIZE + DIGEST_SIZE], digest[DIGEST_SIZE];
	snprintf(text, sizeof text, "%s %s", r->site->device, r->pod->digest);
	digest_of(bytes_of(text), digest);
	const char *h = digest + 7;
	snprintf(out, 40, "%.8s-%.4s-8%.3s-a%.3s-%.12s", h, h + 8, h + 12, h + 15, h + 18);
}

/* Quoted as Kubernetes does. */
static void print_quoted(struct text *t, const char *value)
{
	for (const char *c = value; *c; c++) {
		if (*c == '\n')
			text_add(t, "\\n");
		else if (*c == '"' || *c == '\\')
			text_add(t, "\\%c", *c);
		else
			text_add_bytes(t, (struct bytes){ c, 1 });
	}
}

/* A line for each: name="value". */
static enum err print_map(const struct pair *pairs, size_t count, struct arena *arena,
			  struct bytes *out, struct why *why)
{
	enum { MAP_MAX = 32 * 1024 };
	char *room = arena_take(arena, MAP_MAX);
	if (!room)
		return why_set(why, ERR_FULL, "labels or annotations are too large");
	struct text t = text_in(room, MAP_MAX);
	for (size_t i = 0; i < count; i++) {
		text_add(&t, "%s%s=\"", i ? "\n" : "", pairs[i].name);
		print_quoted(&t, pairs[i].value);
		text_add(&t, "\"");
	}
	if (text_is_cut(&t))
		return why_set(why, ERR_FULL, "labels or annotations are too large");
	*out = text_bytes(&t);
	return OK;
}

static enum err resolve_map(const struct resolver *r, const struct value_spec *v,
			    struct arena *arena, struct bytes *out, struct why *why)
{
	const struct pod *p = r->pod;
	const bool is_label = strcmp(v->text, "metadata.labels") == 0;
	const struct pair *pairs = is_label ? p->labels : p->annotations;
	const size_t count = is_label ? p->label_count : p->annotation_count;
	if (!v->key)
		return print_map(pairs, count, arena, out, why);
	*out = bytes_of(find_pair(pairs, count, v->key));
	return OK;
}

static enum err resolve_field(const struct resolver *r, const struct value_spec *v,
			      struct arena *arena, struct bytes *out, struct why *why)
{
	char text[NET_ADDRESS_SIZE];
	const char *path = v->text;
	if (text_starts(path, "metadata.labels") || text_starts(path, "metadata.annotations"))
		return resolve_map(r, v, arena, out, why);
	if (strcmp(path, "metadata.name") == 0)
		return keep(arena, r->pod->name, out, why);
	if (strcmp(path, "metadata.namespace") == 0)
		return keep(arena, r->pod->name_space, out, why);
	if (strcmp(path, "spec.nodeName") == 0)
		return keep(arena, r->site->device, out, why);
	if (strcmp(path, "metadata.uid") == 0)
		make_uid(r, text);
	else
		net_own_address(text);
	return keep(arena, text, out, why);
}

static const struct container_spec *container_of(const struct resolver *r, const char *name)
{
	for (size_t i = 0; name && i < r->pod->container_count; i++)
		if (strcmp(r->pod->containers[i].name, name) == 0)
			return &r->pod->containers[i];
	return name ? NULL : r->container;
}

/* In thousandths of a core or of a byte; without a limit, the board's. */
static int64_t amount_of(const struct resolver *r, const struct container_spec *c, const char *what)
{
	const int64_t cpu = c->limits.cpu_milli ? c->limits.cpu_milli : r->site->cpu_milli;
	const int64_t memory =
		c->limits.memory_bytes ? c->limits.memory_bytes : r->site->memory_bytes;
	if (strcmp(what, "limits.cpu") == 0)
		return cpu;
	if (strcmp(what, "limits.memory") == 0)
		return memory * 1000;
	return strcmp(what, "requests.cpu") == 0 ? c->limits.cpu_request_milli
						 : c->memory_request * 1000;
}

enum err resolve_value(const struct resolver *r, const struct value_spec *v, struct arena *arena,
		       struct bytes *out, struct why *why)
{
	const struct confmap_entry *entry = NULL;
	const struct container_spec *c;
	enum err e;
	switch (v->kind) {
	case VALUE_KEY:
		e = find_entry(r->configs, v, &entry, why);
		*out = e ? (struct bytes){ "", 0 } : entry->value;
		return e;
	case VALUE_FIELD:
		return resolve_field(r, v, arena, out, why);
	case VALUE_RESOURCE:
		c = container_of(r, v->container);
		if (!c)
			return why_set(why, ERR_NOT_FOUND, "the pod has no container \"%s\"",
				       v->container);
		return keep_number(
			arena, (amount_of(r, c, v->text) + v->divisor_milli - 1) / v->divisor_milli,
			out, why);
	case VALUE_TEXT:
	default:
		*out = bytes_of(v->text);
		return OK;
	}
}

/* --- before anything starts --- */

static enum err refuse(struct why *why, const char *where)
{
	char prefix[128];
	snprintf(prefix, sizeof prefix, "%s: " RESOLVE_REASON, where);
	return why_in(why, ERR_INVALID, prefix);
}

static enum err check_value(const struct pod *p, const struct configs *configs,
			    const struct value_spec *v, struct why *why)
{
	const struct confmap_entry *entry;
	const struct resolver r = { .pod = p, .configs = configs };
	if (v->kind == VALUE_RESOURCE && v->container && !container_of(&r, v->container))
		return why_set(why, ERR_NOT_FOUND, "the pod has no container \"%s\"", v->container);
	return v->kind == VALUE_KEY && !v->config.optional ? find_entry(configs, v, &entry, why)
							   : OK;
}

/* A variable ends at its first NUL: what has one is no variable. */
static enum err check_variable(const struct configs *configs, const struct value_spec *v,
			       struct why *why)
{
	const struct confmap_entry *entry;
	if (v->kind != VALUE_KEY || find_entry(configs, v, &entry, NULL))
		return OK;
	return entry->is_binary || memchr(entry->value.at, '\0', entry->value.len)
		       ? why_set(why, ERR_INVALID, "\"%.80s\" is binary and no variable", v->key)
		       : OK;
}

static enum err check_config(const struct configs *configs, const struct config_ref *ref,
			     struct why *why)
{
	if (ref->optional || configs_find(configs, ref->kind, ref->name))
		return OK;
	return why_set(why, ERR_NOT_FOUND, "%s \"%.80s\" is not there", config_kind_name(ref->kind),
		       ref->name);
}

static enum err check_container(const struct pod *p, const struct container_spec *c,
				const struct configs *configs, struct why *why)
{
	char where[100];
	for (size_t i = 0; i < c->env_count; i++) {
		snprintf(where, sizeof where, "%s.env[%zu].valueFrom", c->where, i);
		if (check_value(p, configs, &c->env[i].value, why) ||
		    check_variable(configs, &c->env[i].value, why))
			return refuse(why, where);
	}
	for (size_t i = 0; i < c->env_from_count; i++) {
		snprintf(where, sizeof where, "%s.envFrom[%zu]", c->where, i);
		if (check_config(configs, &c->env_from[i].config, why))
			return refuse(why, where);
	}
	return OK;
}

static enum err check_source(const struct pod *p, const struct volume_source *s,
			     const struct configs *configs, struct why *why)
{
	enum err e = s->config.name ? check_config(configs, &s->config, why) : OK;
	for (size_t i = 0; !e && i < s->item_count; i++)
		e = check_value(p, configs, &s->items[i].value, why);
	return e;
}

enum err resolve_check(const struct pod *p, const struct configs *configs, struct why *why)
{
	char where[100];
	for (size_t i = 0; i < p->container_count; i++) {
		enum err e = check_container(p, &p->containers[i], configs, why);
		if (e)
			return e;
	}
	for (size_t i = 0; i < p->volume_count; i++)
		for (size_t k = 0; k < p->volumes[i].source_count; k++) {
			snprintf(where, sizeof where, "%s.volumes[%zu]", p->where, i);
			if (check_source(p, &p->volumes[i].sources[k], configs, why))
				return refuse(why, where);
		}
	return OK;
}
