#include "cloud/skerry/explain.h"

#include "cloud/skerry/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct target *)a)->name, ((const struct target *)b)->name);
}

static bool is_in_files(const struct change *c, const char *pod)
{
	for (size_t i = 0; i < c->files->count; i++)
		if (strcmp(c->files->pods[i].name, pod) == 0)
			return true;
	return false;
}

static void add_displaced(struct json *row, const struct fit *f, size_t i)
{
	struct json *list = json_new_array();
	for (size_t k = 0; k < f->count; k++)
		if (fit_displaces(f, i, k))
			json_push(list, json_new_string(f->pods[k].name));
	json_set(row, "displaces", list);
}

/* A state is taken or refused as a whole. */
static void add_verdict(struct json *row, const struct fit *f, const struct fit_pod *p)
{
	char text[sizeof p->why.text + 64];
	const bool is_dragged = f->refused.text[0] && p->verdict != FIT_REFUSED;
	snprintf(text, sizeof text, "%s%s", is_dragged ? "the state is refused as a whole: " : "",
		 is_dragged ? f->refused.text : p->why.text);
	json_set_string(row, "verdict", fit_verdict_name(is_dragged ? FIT_REFUSED : p->verdict));
	json_set_string(row, "why", text);
}

/* Of the files; and others, if they would not run beside them. */
static void add_rows(struct json *list, const struct change *c, const struct device_view *d,
		     const struct fit *f)
{
	int64_t reported = device_view_number(d, "t");
	for (size_t i = 0; i < f->count; i++) {
		const struct fit_pod *p = &f->pods[i];
		if (!is_in_files(c, p->name) && p->verdict == FIT_RUNS)
			continue;
		struct json *row = json_new_object();
		json_set_string(row, "device", d->name);
		json_set_string(row, "pod", p->name);
		add_verdict(row, f, p);
		add_displaced(row, f, i);
		json_set_bool(row, "online", device_view_is_online(d));
		if (reported)
			json_set_number(row, "reported", (double)reported); /* is read again */
		json_push(list, row);
	}
}

static enum err judge_target(struct change *c, size_t i, struct json *list, struct why *why)
{
	struct why no_image;
	struct fit *f;
	struct device_view blank = { 0 }; /* a device may be told before it has ever come */
	const struct target *t = &c->targets.list[i];
	const struct device_view *known = fleet_view_find(&c->view, t->name);
	snprintf(blank.name, sizeof blank.name, "%s", t->name);
	const struct device_view *d = known ? known : &blank;
	const enum err packed = pins_make(&c->pins, t->architecture, &no_image);
	change_turn_to(c, i);
	enum err e = intent_judge(d, c->desk->options->fleet, &c->wish, &f, why);
	if (e)
		return e;
	if (packed)
		fit_refuse_unpacked(f, no_image.text);
	add_rows(list, c, d, f);
	fit_free(f);
	return OK;
}

enum err explain_files(struct desk *d, struct options *o, struct json **out, struct why *why)
{
	struct change c;
	o->preview = true;
	o->all = !o->device_count && !o->selector; /* to look at all of them harms nobody */
	*out = json_new_array();
	enum err e = change_read(&c, d, o, why);
	if (!e)
		qsort(c.targets.list, c.targets.count, sizeof *c.targets.list, by_name);
	for (size_t i = 0; !e && i < c.targets.count; i++) {
		e = desk_hear(d, why);
		if (!e)
			e = judge_target(&c, i, *out, why);
	}
	change_close(&c);
	return e;
}
