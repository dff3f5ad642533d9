/* Where a text comes from: valueFrom of env, items of volumes. */
#include "workloads/manifest_parts.h"

#include "base/quantity.h"
#include "base/text.h"

#include <stdio.h>

struct key_selector {
	struct config_ref config;
	const char *key;
};

static enum err read_key_name(struct reader *r, const struct json *j, void *into)
{
	const char *s = json_string(j);
	if (!s || !manifest_is_key(s))
		return field_refuse(r, "a key is expected: letters, digits, '-', '_' and '.'");
	return field_text(r, j, into);
}

static enum err read_selector(struct reader *r, const struct json *j, struct value_spec *v,
			      enum config_kind kind)
{
	static const struct field fields[] = {
		{ "name", field_object_name, offsetof(struct key_selector, config.name) },
		{ "key", read_key_name, offsetof(struct key_selector, key) },
		{ "optional", field_boolean, offsetof(struct key_selector, config.optional) },
		{ 0 },
	};
	struct key_selector s = { .config.kind = kind };
	enum err e = field_object(r, j, fields, &s);
	if (!e && (!s.config.name || !s.key))
		return field_refuse(r, "name and key are needed");
	v->kind = VALUE_KEY;
	v->config = s.config;
	v->key = s.key;
	return e;
}

static enum err read_map_key(struct reader *r, const struct json *j, void *into)
{
	return read_selector(r, j, into, CONFIG_MAP);
}

static enum err read_secret_key(struct reader *r, const struct json *j, void *into)
{
	return read_selector(r, j, into, CONFIG_SECRET);
}

/* metadata.labels['x'] names an entry of a map. */
static enum err read_map_entry(struct reader *r, const char *path, struct value_spec *v)
{
	size_t n = strcspn(path, "[");
	const char *key = path + n + 2, *end = strrchr(path, '\'');
	if (path[n] != '[' || path[n + 1] != '\'' || !end || end <= key || strcmp(end, "']") != 0)
		return field_refuse(r, "metadata.labels['KEY'] is expected");
	v->text = arena_copy(r->arena, (struct bytes){ path, n });
	v->key = arena_copy(r->arena, (struct bytes){ key, (size_t)(end - key) });
	return v->text && v->key ? OK : field_refuse(r, "the manifest is too large");
}

static enum err read_field_path(struct reader *r, const struct json *j, void *into)
{
	static const char *const known[] = { "metadata.name",   "metadata.namespace",
					     "metadata.uid",    "spec.nodeName",
					     "status.podIP",    "status.hostIP",
					     "metadata.labels", "metadata.annotations" };
	struct value_spec *v = into;
	const char *s = json_string(j);
	v->kind = VALUE_FIELD;
	if (s && (text_starts(s, "metadata.labels[") || text_starts(s, "metadata.annotations[")))
		return read_map_entry(r, s, v);
	for (size_t i = 0; s && i < sizeof known / sizeof *known; i++)
		if (strcmp(s, known[i]) == 0)
			return field_text(r, j, &v->text);
	return field_refuse(r, "\"%.60s\" is not a field that is known here", s ? s : "");
}

enum err manifest_field_ref(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "apiVersion", manifest_version_v1 },
		{ "fieldPath", read_field_path },
		{ 0 },
	};
	struct value_spec *v = into;
	enum err e = field_object(r, j, fields, v);
	return e || v->text ? e : field_refuse(r, "fieldPath is missing");
}

static enum err read_resource(struct reader *r, const struct json *j, void *into)
{
	static const char *const names[] = { "limits.cpu", "limits.memory", "requests.cpu",
					     "requests.memory", NULL };
	size_t which;
	const char **text = into;
	enum err e = field_choice(r, j, names, &which);
	if (!e)
		*text = names[which];
	return e;
}

static enum err read_divisor(struct reader *r, const struct json *j, void *into)
{
	enum err e = manifest_milli(r, j, into);
	int64_t *milli = into;
	if (!e && *milli == 0)
		*milli = 1000; /* Kubernetes writes "0" for its default */
	return e;
}

enum err manifest_resource_ref(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "resource", read_resource, offsetof(struct value_spec, text) },
		{ "containerName", field_name, offsetof(struct value_spec, container) },
		{ "divisor", read_divisor, offsetof(struct value_spec, divisor_milli) },
		{ 0 },
	};
	struct value_spec *v = into;
	v->kind = VALUE_RESOURCE;
	v->divisor_milli = 1000;
	enum err e = field_object(r, j, fields, v);
	return e || v->text ? e : field_refuse(r, "resource is missing");
}

enum err manifest_value_from(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "configMapKeyRef", read_map_key },
		{ "secretKeyRef", read_secret_key },
		{ "fieldRef", manifest_field_ref },
		{ "resourceFieldRef", manifest_resource_ref },
		{ 0 },
	};
	struct value_spec *v = into;
	enum err e = field_object(r, j, fields, v);
	if (!e && json_count(j) != 1)
		return field_refuse(r, "one of configMapKeyRef, secretKeyRef, fieldRef and "
				       "resourceFieldRef is expected");
	bool is_map = !e && v->kind == VALUE_FIELD && !v->key &&
		      (strcmp(v->text, "metadata.labels") == 0 ||
		       strcmp(v->text, "metadata.annotations") == 0);
	return is_map ? field_refuse(r, "%s is a map: name a key, %s['KEY']", v->text, v->text) : e;
}

/* --- envFrom --- */

static enum err read_ref(struct reader *r, const struct json *j, struct config_ref *ref,
			 enum config_kind kind)
{
	static const struct field fields[] = {
		{ "name", field_object_name, offsetof(struct config_ref, name) },
		{ "optional", field_boolean, offsetof(struct config_ref, optional) },
		{ 0 },
	};
	enum err e = field_object(r, j, fields, ref);
	ref->kind = kind;
	return e || ref->name ? e : field_refuse(r, "name is missing");
}

static enum err read_map_ref(struct reader *r, const struct json *j, void *into)
{
	return read_ref(r, j, into, CONFIG_MAP);
}

static enum err read_secret_ref(struct reader *r, const struct json *j, void *into)
{
	return read_ref(r, j, into, CONFIG_SECRET);
}

enum err manifest_env_from(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "prefix", field_string, offsetof(struct env_from, prefix) },
		{ "configMapRef", read_map_ref, offsetof(struct env_from, config) },
		{ "secretRef", read_secret_ref, offsetof(struct env_from, config) },
		{ 0 },
	};
	struct container_spec *c = into;
	struct env_from from = { .prefix = "" };
	enum err e = field_object(r, j, fields, &from);
	bool both = json_member(j, "configMapRef") && json_member(j, "secretRef");
	if (!e && (!from.config.name || both))
		return field_refuse(r, "one of configMapRef and secretRef is expected");
	if (!e && strchr(from.prefix, '='))
		return field_refuse(r, "a prefix without '=' is expected");
	c->env_from[c->env_from_count++] = from;
	return e;
}
