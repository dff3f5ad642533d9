#include "cloud/skerry/cast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct cast_device *)a)->name, ((const struct cast_device *)b)->name);
}

static void add(struct cast *c, const char *name, const struct device_object *object)
{
	struct cast_device *d = &c->list[c->count++];
	*d = (struct cast_device){ 0 };
	snprintf(d->name, sizeof d->name, "%s", name);
	if (object)
		d->object = *object;
}

static enum err add_objects(struct cast *c, const struct manifest_files *m, struct why *why)
{
	enum err e = OK;
	for (size_t i = 0; i < m->object_count && !e; i++) {
		struct device_object object;
		const struct json *tree = m->objects[i].yaml.tree;
		if (object_kind_of(tree) != OBJECT_DEVICE)
			continue;
		e = device_object_read(tree, &object, why);
		if (!e)
			add(c, object.name, &object);
	}
	return e;
}

static bool is_there(const struct cast *c, size_t sorted, const char *name)
{
	struct cast_device key;
	snprintf(key.name, sizeof key.name, "%s", name);
	return sorted && bsearch(&key, c->list, sorted, sizeof key, by_name);
}

enum err cast_open(struct cast *c, const struct manifest_files *m, struct fleet_view *v,
		   struct why *why)
{
	*c = (struct cast){ .list = calloc(m->object_count + v->count + 1, sizeof *c->list) };
	enum err e = c->list ? add_objects(c, m, why) : why_set(why, ERR_SYSTEM, "no memory");
	if (e)
		return e;
	const size_t named = c->count;
	qsort(c->list, named, sizeof *c->list, by_name);
	for (size_t i = 0; i < v->count; i++)
		if (!is_there(c, named, v->devices[i].name))
			add(c, v->devices[i].name, NULL);
	qsort(c->list, c->count, sizeof *c->list, by_name);
	for (size_t i = 0; i < c->count; i++) {
		const struct device_view *seen = fleet_view_find(v, c->list[i].name);
		struct device_object given = c->list[i].object;
		if (!given.labels && seen)
			given.labels = json_member(seen->desired, "labels");
		c->list[i].labels =
			object_labels(c->list[i].name, seen ? seen->state : NULL, &given);
	}
	return OK;
}

void cast_free(struct cast *c)
{
	for (size_t i = 0; i < c->count; i++)
		json_free(c->list[i].labels);
	free(c->list);
	*c = (struct cast){ 0 };
}
