#include "cloud/fleet/difference.h"

#include "cloud/fleet/named.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_LEN = 512 }; /* longer ones are cut */

/* Where we are in a thing. */
struct place {
	const char *path;
	bool is_secret; /* of a Secret: what it holds is not told */
	struct json *fields;
};

static void compare(const struct place *p, const struct json *before, const struct json *after);

static const char *change_of(const struct json *before, const struct json *after)
{
	return !before ? "added" : !after ? "removed" : "changed";
}

static bool holds_secrets(const struct place *p)
{
	return p->is_secret &&
	       (strncmp(p->path, "data", 4) == 0 || strncmp(p->path, "stringData", 10) == 0);
}

/* Takes the two. */
static void add_field(const struct place *p, struct json *before, struct json *after)
{
	struct json *f = json_new_object();
	json_set_string(f, "path", p->path);
	json_set_string(f, "change", change_of(before, after));
	if (before && !holds_secrets(p))
		json_set(f, "before", before);
	else
		json_free(before);
	if (after && !holds_secrets(p))
		json_set(f, "after", after);
	else
		json_free(after);
	json_push(p->fields, f);
}

/* --- objects --- */

/* A key with a dot in it would read as two: it stands in brackets. */
static void compare_member(const struct place *p, const char *key, const struct json *before,
			   const struct json *after)
{
	char path[PATH_MAX_LEN];
	const struct place below = { path, p->is_secret, p->fields };
	if (strchr(key, '.') || strchr(key, '/'))
		snprintf(path, sizeof path, "%s[%s]", p->path, key);
	else
		snprintf(path, sizeof path, "%s%s%s", p->path, *p->path ? "." : "", key);
	compare(&below, before, after);
}

static void compare_objects(const struct place *p, const struct json *before,
			    const struct json *after)
{
	for (const struct json *m = json_first(before); m; m = json_next(m))
		compare_member(p, json_key(m), m, json_member(after, json_key(m)));
	for (const struct json *m = json_first(after); m; m = json_next(m))
		if (!json_member(before, json_key(m)))
			compare_member(p, json_key(m), NULL, m);
}

/* --- lists --- */

static bool has_names_once(const struct json *list)
{
	if (!named_is_list(list))
		return false;
	for (const struct json *j = json_first(list); j; j = json_next(j))
		if (named_find(list, json_text_at(j, "name")) != j)
			return false;
	return true;
}

static struct json *names_in_both(const struct json *list, const struct json *other)
{
	struct json *names = json_new_array();
	for (const struct json *j = json_first(list); j; j = json_next(j))
		if (named_find(other, json_text_at(j, "name")))
			json_push(names, json_new_string(json_text_at(j, "name")));
	return names;
}

/* Order counts too: of initContainers, and of variables that name others. */
static void compare_order(const struct place *p, const struct json *before,
			  const struct json *after)
{
	struct json *first = names_in_both(before, after), *second = names_in_both(after, before);
	if (!json_is_same(first, second)) {
		add_field(p, first, second);
		return;
	}
	json_free(first);
	json_free(second);
}

static void compare_element(const struct place *p, const char *name, const struct json *before,
			    const struct json *after)
{
	char path[PATH_MAX_LEN];
	const struct place below = { path, p->is_secret, p->fields };
	snprintf(path, sizeof path, "%s[%s]", p->path, name);
	compare(&below, before, after);
}

static void compare_lists(const struct place *p, const struct json *before,
			  const struct json *after)
{
	for (const struct json *j = json_first(before); j; j = json_next(j))
		compare_element(p, json_text_at(j, "name"), j,
				named_find(after, json_text_at(j, "name")));
	for (const struct json *j = json_first(after); j; j = json_next(j))
		if (!named_find(before, json_text_at(j, "name")))
			compare_element(p, json_text_at(j, "name"), NULL, j);
	compare_order(p, before, after);
}

/* --- any two values --- */

static bool is_object(const struct json *j)
{
	return json_type_of(j) == JSON_OBJECT;
}

static bool is_like(bool (*is_such)(const struct json *j), const struct json *a,
		    const struct json *b)
{
	return (!a || is_such(a)) && (!b || is_such(b));
}

static void compare(const struct place *p, const struct json *before, const struct json *after)
{
	/* An empty object has no members to tell of, and is a value: emptyDir. */
	if (is_like(is_object, before, after) && (json_first(before) || json_first(after)))
		compare_objects(p, before, after);
	else if (is_like(has_names_once, before, after))
		compare_lists(p, before, after);
	else if (!before || !after || !json_is_same(before, after))
		add_field(p, before ? json_copy(before) : NULL, after ? json_copy(after) : NULL);
}

/* --- things --- */

static void compare_things(struct json *out, const char *kind, const char *name,
			   const struct json *before, const struct json *after)
{
	struct json *fields = json_new_array();
	const struct place top = { "", strcmp(kind, "Secret") == 0, fields };
	if (json_count(before) || json_count(after))
		compare(&top, before, after);
	if (!json_count(fields)) {
		json_free(fields);
		return;
	}
	struct json *thing = json_new_object();
	json_set_string(thing, "kind", kind);
	json_set_string(thing, "name", name);
	json_set_string(thing, "change", change_of(before, after));
	json_set(thing, "fields", fields);
	json_push(out, thing);
}

/* Pods are of one kind here, whatever their documents are called: names stand once. */
static const char *kind_of(const struct json *document, bool is_config)
{
	return is_config ? json_text_at(document, "kind") : "pod";
}

static const struct json *find_thing(const struct json *list, const struct json *like,
				     bool is_config)
{
	const struct json *j = json_first(list);
	while (j && (strcmp(named_document(j), named_document(like)) != 0 ||
		     strcmp(kind_of(j, is_config), kind_of(like, is_config)) != 0))
		j = json_next(j);
	return j;
}

static void compare_all(struct json *out, const struct json *before, const struct json *after,
			bool is_config)
{
	for (const struct json *j = json_first(before); j; j = json_next(j))
		compare_things(out, kind_of(j, is_config), named_document(j), j,
			       find_thing(after, j, is_config));
	for (const struct json *j = json_first(after); j; j = json_next(j))
		if (!find_thing(before, j, is_config))
			compare_things(out, kind_of(j, is_config), named_document(j), NULL, j);
}

struct json *difference_of(const struct json *before, const struct json *after)
{
	static const char *const alone[] = { "labels", "policy", "agent" };
	struct json *out = json_new_array();
	for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
		compare_things(out, alone[i], "", json_member(before, alone[i]),
			       json_member(after, alone[i]));
	compare_all(out, json_member(before, "configs"), json_member(after, "configs"), true);
	compare_all(out, json_member(before, "workloads"), json_member(after, "workloads"), false);
	return out;
}
