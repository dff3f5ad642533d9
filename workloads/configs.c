#include "workloads/configs.h"

#include "base/base64.h"
#include "workloads/manifest_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONFIG_ARENA = 512 * 1024, KEY_NAME_MAX = 253 };

const char *config_kind_name(enum config_kind k)
{
	return k == CONFIG_SECRET ? "Secret" : "ConfigMap";
}

static bool read_kind(const struct json *j, enum config_kind *out)
{
	const char *s = json_string(json_member(j, "kind"));
	if (s && strcmp(s, "ConfigMap") == 0)
		*out = CONFIG_MAP;
	else if (s && strcmp(s, "Secret") == 0)
		*out = CONFIG_SECRET;
	else
		return false;
	return true;
}

bool configs_is_document(const struct json *j)
{
	enum config_kind kind;
	return read_kind(j, &kind);
}

bool manifest_is_key(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	return *s && strspn(s, letters) == strlen(s) && strlen(s) <= KEY_NAME_MAX &&
	       strncmp(s, "..", 2) != 0 && strcmp(s, ".") != 0;
}

static enum err too_large(const struct reader *r)
{
	return field_refuse(r, "the document is too large");
}

/* A key of stringData takes the place of the same in data, as in Kubernetes. */
static struct confmap_entry *place_of(struct confmap *c, const char *key)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->entries[i].key, key) == 0)
			return &c->entries[i];
	return &c->entries[c->count++];
}

static enum err read_text(struct reader *r, const struct json *j, struct bytes *out)
{
	const char *text;
	enum err e = field_text(r, j, &text);
	if (!e)
		*out = bytes_of(text);
	return e;
}

static enum err read_base64(struct reader *r, const struct json *j, struct bytes *out)
{
	const char *s = json_string(j);
	char *room = s ? arena_take(r->arena, base64_room(bytes_of(s)) + 1) : NULL;
	if (s && !room)
		return too_large(r);
	if (!s || base64_decode(bytes_of(s), room, &out->len))
		return field_refuse(r, "base64 is expected");
	room[out->len] = '\0';
	out->at = room;
	return OK;
}

static enum err read_entry(struct reader *r, const struct json *j, struct confmap *c,
			   enum err (*read)(struct reader *r, const struct json *j,
					    struct bytes *out))
{
	size_t was = field_enter(r, json_key(j));
	struct confmap_entry entry = { .key = arena_copy(r->arena, bytes_of(json_key(j))) };
	if (!entry.key)
		return too_large(r);
	if (!manifest_is_key(entry.key))
		return field_refuse(r, "a key is made of letters, digits, '-', '_' and '.'");
	enum err e = read(r, j, &entry.value);
	if (e)
		return e;
	*place_of(c, entry.key) = entry;
	field_leave(r, was);
	return OK;
}

static enum err read_entries(struct reader *r, const struct json *j, struct confmap *c,
			     enum err (*read)(struct reader *r, const struct json *j,
					      struct bytes *out))
{
	enum err e = OK;
	if (json_type_of(j) == JSON_NULL)
		return OK;
	if (json_type_of(j) != JSON_OBJECT)
		return field_refuse(r, "an object is expected");
	for (const struct json *m = json_first(j); m && !e; m = json_next(m))
		e = read_entry(r, m, c, read);
	return e;
}

static enum err read_plain_data(struct reader *r, const struct json *j, void *into)
{
	return read_entries(r, j, into, read_text);
}

static enum err read_coded_data(struct reader *r, const struct json *j, void *into)
{
	return read_entries(r, j, into, read_base64);
}

static enum err read_binary_data(struct reader *r, const struct json *j, void *into)
{
	struct confmap *c = into;
	size_t was = c->count;
	enum err e = read_coded_data(r, j, into);
	for (size_t i = was; !e && i < c->count; i++)
		c->entries[i].is_binary = true;
	return e;
}

static enum err read_immutable(struct reader *r, const struct json *j, void *into)
{
	bool on; /* a desired state replaces whole documents: nothing is changed in place */
	(void)into;
	return field_boolean(r, j, &on);
}

static enum err read_metadata(struct reader *r, const struct json *j, void *into)
{
	static const struct field fields[] = {
		{ "name", field_object_name, offsetof(struct confmap, name) },
		{ "namespace", field_ignored },
		{ "labels", field_done },
		{ "annotations", field_done },
		{ "creationTimestamp", field_ignored },
		{ 0 },
	};
	return field_object(r, j, fields, into);
}

static enum err read_string_data(struct reader *r, const struct json *j, struct confmap *c)
{
	const struct json *plain = json_member(j, "stringData");
	if (c->kind != CONFIG_SECRET || !plain)
		return OK;
	size_t was = field_enter(r, "stringData");
	enum err e = read_plain_data(r, plain, c);
	if (!e)
		field_leave(r, was);
	return e;
}

static enum err read_document(struct reader *r, const struct json *j, struct confmap *c)
{
	static const struct field maps[] = {
		{ "apiVersion", manifest_version_v1 },
		{ "kind", field_done },
		{ "metadata", read_metadata },
		{ "data", read_plain_data },
		{ "binaryData", read_binary_data },
		{ "immutable", read_immutable },
		{ 0 },
	};
	static const struct field secrets[] = {
		{ "apiVersion", manifest_version_v1 },
		{ "kind", field_done },
		{ "metadata", read_metadata },
		{ "type", field_done },
		{ "data", read_coded_data },
		{ "stringData", field_done }, /* read last: it wins */
		{ "immutable", read_immutable },
		{ 0 },
	};
	const size_t most = json_count(json_member(j, "data")) +
			    json_count(json_member(j, "stringData")) +
			    json_count(json_member(j, "binaryData"));
	enum err e = OK;
	c->entries = field_room(r, most, sizeof *c->entries, &e);
	if (!e)
		e = field_object(r, j, c->kind == CONFIG_SECRET ? secrets : maps, c);
	if (!e)
		e = read_string_data(r, j, c);
	if (!e && c->kind == CONFIG_MAP && c->count != most)
		return why_set(r->why, ERR_INVALID, "binaryData: a key stands in data too");
	if (!e && !json_member(j, "apiVersion"))
		return why_set(r->why, ERR_INVALID, "apiVersion: v1 is expected");
	if (!e && !c->name)
		return why_set(r->why, ERR_INVALID, "metadata.name: is missing");
	return e;
}

enum err configs_add(struct configs *all, const struct json *document, struct why *why)
{
	struct reader r = { .arena = &all->arena, .ignored = &all->ignored, .why = why };
	struct confmap c = { 0 };
	if (!all->arena.limit)
		arena_init(&all->arena, CONFIG_ARENA);
	all->ignored.count = 0;
	if (all->count == CONFIGS_MAX)
		return why_set(why, ERR_FULL, "more than %d ConfigMaps and Secrets", CONFIGS_MAX);
	if (!read_kind(document, &c.kind))
		return why_set(why, ERR_INVALID, "kind: ConfigMap or Secret is expected");
	enum err e = read_document(&r, document, &c);
	if (!e && configs_find(all, c.kind, c.name))
		return why_set(why, ERR_INVALID, "metadata.name: a second %s is called \"%.80s\"",
			       config_kind_name(c.kind), c.name);
	if (!e)
		all->items[all->count++] = c;
	return e;
}

enum err configs_read(const struct json *list, struct configs **out, struct why *why)
{
	struct configs *c = calloc(1, sizeof *c);
	enum err e = c ? OK : why_set(why, ERR_SYSTEM, "configs: no memory");
	char where[32];
	size_t n = 0;
	if (!e && list && json_type_of(list) != JSON_ARRAY)
		e = why_set(why, ERR_INVALID, "configs: a list is expected");
	for (const struct json *j = json_first(list); j && !e; j = json_next(j), n++) {
		e = configs_add(c, j, why);
		if (!e)
			continue;
		snprintf(where, sizeof where, "configs[%zu]", n);
		e = why_in(why, e, where);
	}
	if (e) {
		configs_free(c);
		c = NULL;
	}
	*out = c;
	return e;
}

void configs_free(struct configs *c)
{
	if (!c)
		return;
	if (c->arena.limit)
		arena_deinit(&c->arena);
	free(c);
}

const struct confmap *configs_find(const struct configs *c, enum config_kind kind, const char *name)
{
	for (size_t i = 0; c && i < c->count; i++)
		if (c->items[i].kind == kind && strcmp(c->items[i].name, name) == 0)
			return &c->items[i];
	return NULL;
}

const struct confmap_entry *confmap_find(const struct confmap *c, const char *key)
{
	for (size_t i = 0; c && i < c->count; i++)
		if (strcmp(c->entries[i].key, key) == 0)
			return &c->entries[i];
	return NULL;
}
