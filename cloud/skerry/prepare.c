#include "cloud/skerry/prepare.h"

#include "cloud/skerry/cast.h"
#include "cloud/skerry/intent.h"
#include "cloud/skerry/pin.h"
#include "cloud/skerry/places.h"
#include "cloud/skerry/terminal.h"
#include "ports/clock.h"
#include "ports/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All that a rollout is made of. */
struct workshop {
	struct desk *desk;
	struct fleet_view *view;
	const struct options *options;
	struct manifest_files *files; /* of the command line: objects */
	const struct pod_document *document;
	struct rollout_object rollout;
	struct fleet_object fleet;    /* if the rollout brings one */
	struct manifest_files *goods; /* what it brings */
	char (*paths)[PATH_LIMIT];    /* of their files; they are borrowed */
	struct intent_trees trees;
	struct render_source source;
	struct warrant warrant;
	struct cast cast;
	const struct json **labels; /* of the chosen, as many as members */
	struct pins pins;
	size_t misfits; /* chosen, and would refuse it */
};

/* --- documents --- */

static enum err find_rollout(struct workshop *w, struct why *why)
{
	for (size_t i = 0; i < w->files->object_count; i++) {
		const struct pod_document *d = &w->files->objects[i];
		if (object_kind_of(d->yaml.tree) != OBJECT_ROLLOUT)
			continue;
		if (w->document)
			return why_set(why, ERR_INVALID,
				       "%s and %s: one Rollout is expected at a time",
				       w->document->name, d->name);
		w->document = d;
	}
	if (!w->document)
		return why_set(why, ERR_INVALID, "there is no Rollout in the files");
	return rollout_object_read(w->document->yaml.tree, &w->rollout, why);
}

static const struct pod_document *find_fleet(const struct workshop *w)
{
	for (size_t i = 0; i < w->files->object_count; i++) {
		const struct pod_document *d = &w->files->objects[i];
		if (object_kind_of(d->yaml.tree) == OBJECT_FLEET &&
		    strcmp(d->name, w->rollout.fleet) == 0)
			return d;
	}
	return NULL;
}

static enum err read_goods(struct workshop *w, const char *beside, const struct json *names,
			   struct why *why)
{
	const char *list[OPTIONS_FILES_MAX];
	size_t n = 0;
	if (json_count(names) > OPTIONS_FILES_MAX)
		return why_set(why, ERR_FULL, "files: more than %d", OPTIONS_FILES_MAX);
	w->paths = calloc(OPTIONS_FILES_MAX, sizeof *w->paths);
	if (!w->paths)
		return why_set(why, ERR_SYSTEM, "no memory");
	for (const struct json *j = json_first(names); j; j = json_next(j), n++) {
		manifest_path_beside(beside, json_string(j), w->paths[n]);
		list[n] = w->paths[n];
	}
	enum err e = manifest_files_read(w->goods, list, n, why);
	return e ? e : manifest_files_refuse_objects(w->goods, why);
}

static enum err add_inline(struct workshop *w, const struct pod_document *fleet, const char *key,
			   const struct json *list, struct why *why)
{
	char where[64];
	size_t n = 0;
	enum err e = OK;
	for (const struct json *j = json_first(list); j && !e; j = json_next(j), n++) {
		snprintf(where, sizeof where, "spec.template.%s[%zu]", key, n);
		e = manifest_files_add(w->goods, fleet, where, j, why);
	}
	return e;
}

static enum err read_fleet(struct workshop *w, struct why *why)
{
	const struct pod_document *d = find_fleet(w);
	if (!d)
		return why_set(why, ERR_NOT_FOUND,
			       "%s: spec.to.fleet: there is no Fleet %s in the files",
			       w->document->file, w->rollout.fleet);
	enum err e = fleet_object_read(d->yaml.tree, &w->fleet, why);
	if (!e)
		e = read_goods(w, d->file, w->fleet.files, why);
	if (!e)
		e = add_inline(w, d, "workloads", w->fleet.workloads, why);
	return e ? e : add_inline(w, d, "configs", w->fleet.configs, why);
}

static enum err read_documents(struct workshop *w, struct why *why)
{
	const struct options *o = w->options;
	w->files = calloc(1, sizeof *w->files);
	w->goods = calloc(1, sizeof *w->goods);
	enum err e = w->files && w->goods ? OK : why_set(why, ERR_SYSTEM, "no memory");
	if (!e)
		e = manifest_files_read(w->files, o->files, o->file_count, why);
	if (!e)
		e = find_rollout(w, why);
	if (!e)
		e = w->rollout.fleet ? read_fleet(w, why)
				     : read_goods(w, w->document->file, w->rollout.files, why);
	if (e)
		return e;
	w->source = intent_source(w->goods, &w->trees);
	w->source.is_whole = w->rollout.fleet || w->rollout.prune;
	w->source.policy = w->fleet.policy;
	w->source.healthy_ms = w->rollout.spec.healthy_ms;
	return OK;
}

/* --- devices --- */

static bool is_chosen(const struct workshop *w, const struct cast_device *d)
{
	return selector_matches(&w->rollout.spec.selector, d->labels, NULL) &&
	       selector_matches(&w->fleet.selector, d->labels, NULL);
}

static const char *architecture_of(const struct cast_device *d)
{
	return json_text_at(d->labels, "kubernetes.io/arch");
}

/* Pushing takes time, and the desk's ears: the fleet is looked at again. */
static enum err push_images(struct workshop *w, struct why *why)
{
	enum err e = pins_open(&w->pins, w->goods, why);
	if (e || !w->pins.count)
		return e;
	for (size_t i = 0; i < w->cast.count && !e; i++)
		if (is_chosen(w, &w->cast.list[i]))
			e = pins_make(&w->pins, architecture_of(&w->cast.list[i]), why);
	if (e)
		return e;
	cast_free(&w->cast);
	fleet_view_free(w->view);
	e = fleet_view_read(w->view, w->desk, NULL, why);
	return e ? e : cast_open(&w->cast, w->files, w->view, why);
}

/* --- states --- */

static const struct device_view *view_of(const struct workshop *w, const char *name,
					 struct device_view *blank)
{
	const struct device_view *known = fleet_view_find(w->view, name);
	*blank = (struct device_view){ 0 };
	snprintf(blank->name, sizeof blank->name, "%s", name);
	return known ? known : blank;
}

static void set_group(const struct workshop *w, const struct cast_device *d,
		      struct campaign_states *s)
{
	const char *by = w->rollout.spec.group_by;
	const char *word = *by ? json_string(json_member(d->labels, by)) : NULL;
	snprintf(s->group, sizeof s->group, "%s", word ? word : "");
}

/* ERR_AGAIN: nothing would change, or `misfit` says why the device would refuse it. */
static enum err make_states(struct workshop *w, const struct cast_device *d,
			    struct campaign_states *s, struct why *misfit, struct why *why)
{
	char reason[LABEL_SIZE + 16];
	struct device_view blank;
	struct intent forward, back = { 0 };
	struct fit *fit = NULL;
	const struct device_view *known = view_of(w, d->name, &blank);
	const struct intent_wish wish = { .source = &w->source,
					  .labels = d->object.labels,
					  .reason = reason,
					  .warrant = &w->warrant,
					  .fit = &fit };
	snprintf(reason, sizeof reason, "rollout %s", w->rollout.name);
	w->source.overrides = d->object.overrides;
	pins_set(&w->pins, architecture_of(d));
	enum err e = intent_make(known, w->options->fleet, &wish, &forward, why);
	if (!e && !forward.text)
		return ERR_AGAIN; /* nothing would change */
	if (!e)
		*misfit = fit->refused;
	if (!e && !misfit->text[0])
		places_tell_waiting(d->name, fit);
	fit_free(fit);
	if (!e && misfit->text[0]) {
		free(forward.text);
		return ERR_AGAIN;
	}
	if (!e)
		e = intent_make_back(known, w->options->fleet, &wish, &forward, &back, why);
	*s = (struct campaign_states){ .forward = forward.text, .back = back.text };
	if (!e && known->desired_text)
		digest_of(bytes_of(known->desired_text), s->base);
	if (e)
		free(forward.text);
	set_group(w, d, s);
	return e;
}

static enum err add_device(struct workshop *w, const struct cast_device *d, struct campaign *c,
			   struct why *why)
{
	struct why left = { "" };
	struct campaign_states s;
	if (d->object.pinned) {
		(void)why_set(&left, OK, "pinned: %.200s", d->object.pinned);
		return campaign_leave(c, d->name, left.text, why);
	}
	enum err e = make_states(w, d, &s, &left, why);
	if (e == ERR_AGAIN) {
		const bool fits = !left.text[0];
		w->misfits += !fits;
		if (!fits)
			(void)why_in(&left, OK, "misfit");
		return campaign_leave(c, d->name, fits ? "unchanged" : left.text, why);
	}
	if (e)
		return e;
	w->labels[c->rollout.count] = d->labels;
	return campaign_add(c, d->name, &s, why);
}

/* Nobody is left that it could be brought to. */
static enum err refuse_misfits(const struct campaign *c, size_t misfits, struct why *why)
{
	for (size_t i = 0; i < c->left_count; i++)
		terminal_line(stderr, "left       %s  %s", c->left[i].device, c->left[i].why);
	return places_refuse(misfits, c->left_count, why);
}

static enum err add_devices(struct workshop *w, struct campaign *c, struct why *why)
{
	enum err e = OK;
	w->labels = calloc(w->cast.count + 1, sizeof *w->labels);
	if (!w->labels)
		return why_set(why, ERR_SYSTEM, "no memory");
	for (size_t i = 0; i < w->cast.count && !e; i++) {
		e = desk_hear(w->desk, why);
		if (!e && is_chosen(w, &w->cast.list[i]))
			e = add_device(w, &w->cast.list[i], c, why);
	}
	if (!e && !c->rollout.count && !c->left_count)
		e = why_set(why, ERR_NOT_FOUND,
			    "no device is chosen: skerry get devices shows their labels");
	if (e)
		return e;
	if (!c->rollout.count && w->misfits)
		return refuse_misfits(c, w->misfits, why);
	rollout_assign(&c->spec, c->rollout.members, c->rollout.count, w->labels);
	return campaign_seal(c, why);
}

static enum err make_campaign(struct workshop *w, struct campaign *out, struct why *why)
{
	const char *user = getenv("USER");
	enum err e = campaign_init(out, w->rollout.name, w->options->fleet,
				   json_member(w->document->yaml.tree, "spec"), why);
	snprintf(out->by, sizeof out->by, "%s", user && *user ? user : "skerry");
	out->made_ms = clock_wall_ms();
	if (!e)
		e = add_devices(w, out, why);
	if (e)
		campaign_free(out);
	return e;
}

static void close_workshop(struct workshop *w)
{
	pins_close(&w->pins);
	cast_free(&w->cast);
	warrant_close(&w->warrant);
	rollout_object_free(&w->rollout);
	fleet_object_free(&w->fleet);
	if (w->files)
		manifest_files_free(w->files);
	if (w->goods)
		manifest_files_free(w->goods);
	free(w->files);
	free(w->goods);
	free(w->labels);
	free(w->paths);
}

enum err prepare_campaign(struct desk *d, struct fleet_view *v, struct campaign *out,
			  struct why *why)
{
	struct workshop *w = calloc(1, sizeof *w);
	*out = (struct campaign){ 0 };
	if (!w)
		return why_set(why, ERR_SYSTEM, "no memory");
	w->desk = d;
	w->view = v;
	w->options = d->options;
	w->pins = (struct pins){ .options = d->options, .desk = d };
	enum err e = read_documents(w, why);
	if (!e)
		e = warrant_open(&w->warrant, w->options, why);
	if (!e)
		e = fleet_view_read(v, d, NULL, why);
	if (!e)
		e = cast_open(&w->cast, w->files, v, why);
	if (!e)
		e = push_images(w, why);
	if (!e)
		e = make_campaign(w, out, why);
	close_workshop(w);
	free(w);
	return e;
}
