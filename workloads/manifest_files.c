/* Volumes made of files: configMap, secret, downwardAPI, projected. */
#include "workloads/manifest_parts.h"

enum { MODE_DEFAULT = 0644 };

/* What is read for one source, before it is known where it stays. */
struct source_reading {
	struct volume_source source;
	int64_t mode;
};

static enum err read_item_key(struct reader *r, const struct json *j, void *into)
{
	struct volume_item *i = into;
	const char *s = json_string(j);
	if (!s || !manifest_is_key(s))
		return field_refuse(r, "a key is expected");
	i->value.kind = VALUE_KEY;
	return field_text(r, j, &i->value.key);
}

static enum err read_config_item(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "key", read_item_key },
		{ "path", field_relative, offsetof(struct volume_item, path) },
		{ "mode", field_mode, offsetof(struct volume_item, mode) },
		{ 0 },
	};
	struct volume_source *s = into;
	struct volume_item *i = &s->items[s->item_count++];
	i->mode = -1;
	enum err e = field_object(r, j, fields, i);
	return e || (i->value.key && i->path) ? e : field_refuse(r, "key and path are needed");
}

static enum err read_pod_item(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "path", field_relative, offsetof(struct volume_item, path) },
		{ "mode", field_mode, offsetof(struct volume_item, mode) },
		{ "fieldRef", manifest_field_ref, offsetof(struct volume_item, value) },
		{ "resourceFieldRef", manifest_resource_ref, offsetof(struct volume_item, value) },
		{ 0 },
	};
	struct volume_source *s = into;
	struct volume_item *i = &s->items[s->item_count++];
	i->mode = -1;
	enum err e = field_object(r, j, fields, i);
	bool both = json_member(j, "fieldRef") && json_member(j, "resourceFieldRef");
	if (!e && (!i->value.text || !i->path || both))
		return field_refuse(r, "path and one of fieldRef and resourceFieldRef are needed");
	if (!e && i->value.kind == VALUE_RESOURCE && !i->value.container)
		return field_refuse(r, "resourceFieldRef.containerName is missing");
	return e;
}

static enum err read_items(struct reader *r, const struct json *j, struct volume_source *s,
			   enum err (*read)(struct reader *r, const struct json *j, void *into))
{
	enum err e = OK;
	if (json_count(j) > ITEMS_MAX)
		return field_refuse(r, "more than %d entries", ITEMS_MAX);
	s->items = field_room(r, json_count(j), sizeof *s->items, &e);
	return e ? e : field_list(r, j, ITEMS_MAX, read, s);
}

static enum err read_config_items(struct reader *r, const struct json *j, void *into)
{
	struct source_reading *s = into;
	s->source.takes_all = json_count(j) == 0;
	return read_items(r, j, &s->source, read_config_item);
}

static enum err read_pod_items(struct reader *r, const struct json *j, void *into)
{
	struct source_reading *s = into;
	return read_items(r, j, &s->source, read_pod_item);
}

/* The name of a secret is called secretName in a volume, and name in a projection. */
static enum err read_config_source(struct reader *r, const struct json *j, struct source_reading *s,
				   const char *name)
{
	const struct field fields[] = {
		{ name, field_object_name, offsetof(struct source_reading, source.config.name) },
		{ "optional", field_boolean,
		  offsetof(struct source_reading, source.config.optional) },
		{ "items", read_config_items },
		{ "defaultMode", field_mode, offsetof(struct source_reading, mode) },
		{ 0 },
	};
	s->source.takes_all = true;
	enum err e = field_object(r, j, fields, s);
	if (!e && !s->source.config.name)
		return field_refuse(r, "%s is missing", name);
	for (size_t i = 0; i < s->source.item_count; i++)
		s->source.items[i].value.config = s->source.config;
	return e;
}

static enum err read_pod_source(struct reader *r, const struct json *j, struct source_reading *s)
{
	static const struct field fields[] = {
		{ "items", read_pod_items },
		{ "defaultMode", field_mode, offsetof(struct source_reading, mode) },
		{ 0 },
	};
	return field_object(r, j, fields, s);
}

static enum err add_source(struct reader *r, struct volume_spec *v, struct source_reading *s)
{
	enum err e = OK;
	v->kind = VOLUME_FILES;
	v->mode = s->mode;
	v->sources = field_room(r, 1, sizeof *v->sources, &e);
	if (e)
		return e;
	v->sources[v->source_count++] = s->source;
	return OK;
}

enum err manifest_config_map(struct reader *r, const struct json *j, void *into)
{
	struct source_reading s = { .source.config.kind = CONFIG_MAP, .mode = MODE_DEFAULT };
	enum err e = read_config_source(r, j, &s, "name");
	return e ? e : add_source(r, into, &s);
}

enum err manifest_secret(struct reader *r, const struct json *j, void *into)
{
	struct source_reading s = { .source.config.kind = CONFIG_SECRET, .mode = MODE_DEFAULT };
	enum err e = read_config_source(r, j, &s, "secretName");
	return e ? e : add_source(r, into, &s);
}

enum err manifest_downward(struct reader *r, const struct json *j, void *into)
{
	struct source_reading s = { .mode = MODE_DEFAULT };
	enum err e = read_pod_source(r, j, &s);
	return e ? e : add_source(r, into, &s);
}

/* --- projected --- */

static enum err refuse_mode(struct reader *r, const struct json *j)
{
	return json_member(j, "defaultMode")
		       ? field_refuse(r, "defaultMode stands in the volume, not in a source")
		       : OK;
}

static enum err keep_part(struct reader *r, const struct json *j, struct volume_spec *v,
			  const struct source_reading *s)
{
	v->sources[v->source_count++] = s->source;
	return refuse_mode(r, j);
}

static enum err read_map_part(struct reader *r, const struct json *j, void *into)
{
	struct source_reading s = { .source.config.kind = CONFIG_MAP };
	enum err e = read_config_source(r, j, &s, "name");
	return e ? e : keep_part(r, j, into, &s);
}

static enum err read_secret_part(struct reader *r, const struct json *j, void *into)
{
	struct source_reading s = { .source.config.kind = CONFIG_SECRET };
	enum err e = read_config_source(r, j, &s, "name");
	return e ? e : keep_part(r, j, into, &s);
}

static enum err read_pod_part(struct reader *r, const struct json *j, void *into)
{
	struct source_reading s = { 0 };
	enum err e = read_pod_source(r, j, &s);
	return e ? e : keep_part(r, j, into, &s);
}

static enum err read_part(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "configMap", read_map_part },
		{ "secret", read_secret_part },
		{ "downwardAPI", read_pod_part },
		{ 0 },
	};
	enum err e = field_object(r, j, fields, into);
	if (!e && json_count(j) != 1)
		return field_refuse(r, "one of configMap, secret and downwardAPI is expected");
	return e;
}

static enum err read_sources(struct reader *r, const struct json *j, void *into)
{
	struct volume_spec *v = into;
	enum err e = OK;
	if (json_count(j) > SOURCES_MAX)
		return field_refuse(r, "more than %d entries", SOURCES_MAX);
	v->sources = field_room(r, json_count(j), sizeof *v->sources, &e);
	return e ? e : field_list(r, j, SOURCES_MAX, read_part, v);
}

enum err manifest_projected(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "sources", read_sources },
		{ "defaultMode", field_mode, offsetof(struct volume_spec, mode) },
		{ 0 },
	};
	struct volume_spec *v = into;
	v->kind = VOLUME_FILES;
	v->mode = MODE_DEFAULT;
	return field_object(r, j, fields, v);
}
