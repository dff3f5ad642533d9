#include "cloud/skerry/change.h"

#include "cloud/skerry/device_label.h"

#include <stdio.h>
#include <stdlib.h>

/* --- devices --- */

static void fill_target(struct target *t, struct fleet_view *v, const char *name)
{
	const struct device_view *d = fleet_view_find(v, name);
	const struct json *features = d ? json_member(d->state, "features") : NULL;
	const char *architecture = json_string(json_member(features, "imageArch"));
	snprintf(t->name, sizeof t->name, "%s", name);
	snprintf(t->architecture, sizeof t->architecture, "%s", architecture ? architecture : "");
}

/* Those of -l. */
static enum err choose_by_labels(const struct options *o, struct fleet_view *v, struct targets *out,
				 struct why *why)
{
	enum err e = o->device_count || o->all
			     ? why_set(why, ERR_INVALID, "-l, -d or --all? one of them chooses")
			     : fleet_view_choose(v, o->selector, why);
	if (e)
		return e;
	out->list = calloc(v->count + 1, sizeof *out->list);
	if (!out->list)
		return why_set(why, ERR_SYSTEM, "no memory");
	for (size_t i = 0; i < v->count; i++)
		if (!v->devices[i].is_hidden)
			fill_target(&out->list[out->count++], v, v->devices[i].name);
	return out->count ? OK
			  : why_set(why, ERR_NOT_FOUND,
				    "no device is chosen: skerry get devices shows their labels");
}

static enum err choose_devices(const struct options *o, struct fleet_view *v, struct targets *out,
			       struct why *why)
{
	if (!o->device_count && !v->count)
		return why_set(why, ERR_NOT_FOUND,
			       "no device has ever reported to this broker in fleet %s", o->fleet);
	if (o->selector)
		return choose_by_labels(o, v, out, why);
	if (!o->device_count && v->count > 1 && !o->all)
		return why_set(why, ERR_INVALID,
			       "which of the %zu devices? name them with -d or -l, or say --all",
			       v->count);
	out->count = o->device_count ? o->device_count : v->count;
	out->list = calloc(out->count, sizeof *out->list);
	if (!out->list)
		return why_set(why, ERR_SYSTEM, "no memory");
	for (size_t i = 0; i < out->count; i++)
		fill_target(&out->list[i], v, o->device_count ? o->devices[i] : v->devices[i].name);
	return OK;
}

/* --- files and images --- */

static enum err read_files(struct change *c, const struct options *o, struct why *why)
{
	c->files = calloc(1, sizeof *c->files);
	if (!c->files)
		return why_set(why, ERR_SYSTEM, "no memory");
	enum err e = manifest_files_read(c->files, o->files, o->file_count, why);
	if (!e)
		e = manifest_files_refuse_objects(c->files, why);
	return e ? e : pins_open(&c->pins, c->files, why);
}

static void make_wish(struct change *c, const struct options *o)
{
	c->source = intent_source(c->files, &c->trees);
	c->source.is_whole = o->prune;
	c->source.healthy_ms = o->healthy_ms;
	c->wish = (struct intent_wish){
		.source = &c->source,
		.retry = o->retry,
		.warrant = &c->warrant,
	};
}

/* Pushing takes time, and the desk's ears: what the fleet looks like is read again. */
static enum err pin_images(struct change *c, struct why *why)
{
	enum err e = OK;
	if (!c->pins.count)
		return OK;
	for (size_t i = 0; i < c->targets.count && !e; i++)
		e = pins_make(&c->pins, c->targets.list[i].architecture, why);
	if (e)
		return e;
	fleet_view_free(&c->view);
	c->view = (struct fleet_view){ 0 };
	return fleet_view_read(&c->view, c->desk, NULL, why);
}

/* --- labels --- */

static enum err make_labels(struct change *c, size_t target, struct json **out, struct why *why)
{
	const struct option_list *changes = &c->desk->options->label_changes;
	struct device_view blank = { 0 };
	snprintf(blank.name, sizeof blank.name, "%s", c->targets.list[target].name);
	const struct device_view *known = fleet_view_find(&c->view, blank.name);
	*out = NULL;
	return changes->count ? device_label_make(known ? known : &blank, changes, out, why) : OK;
}

static enum err check_labels(struct change *c, struct why *why)
{
	enum err e = OK;
	for (size_t i = 0; i < c->targets.count && !e; i++) {
		struct json *labels;
		e = make_labels(c, i, &labels, why);
		json_free(labels);
	}
	return e;
}

enum err change_read(struct change *c, struct desk *d, const struct options *o, struct why *why)
{
	*c = (struct change){ .desk = d, .pins = { .options = o, .desk = d } };
	if (!o->file_count && !o->prune && !o->agent && !o->retry && !o->label_changes.count)
		return why_set(why, ERR_INVALID,
			       "what shall be applied? give -f FILE, or --agent FILE");
	enum err e = read_files(c, o, why);
	if (e)
		return e;
	make_wish(c, o);
	e = warrant_open(&c->warrant, o, why);
	if (!e)
		e = fleet_view_read(&c->view, d, NULL, why);
	if (!e)
		e = choose_devices(o, &c->view, &c->targets, why);
	if (!e)
		e = check_labels(c, why);
	return e;
}

enum err change_open(struct change *c, struct desk *d, const struct options *o, struct why *why)
{
	enum err e = change_read(c, d, o, why);
	return e ? e : pin_images(c, why);
}

void change_turn_to(struct change *c, size_t i)
{
	pins_set(&c->pins, c->targets.list[i].architecture);
	c->wish.agent = c->pins.agent_image;
	json_free(c->labels);
	(void)make_labels(c, i, &c->labels, NULL); /* it was checked */
	c->wish.labels = c->labels;
}

void change_close(struct change *c)
{
	pins_close(&c->pins);
	warrant_close(&c->warrant);
	if (c->files)
		manifest_files_free(c->files);
	free(c->files);
	free(c->targets.list);
	json_free(c->labels);
	fleet_view_free(&c->view);
	*c = (struct change){ 0 };
}
