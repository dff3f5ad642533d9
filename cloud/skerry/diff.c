#include "cloud/skerry/diff.h"

#include "cloud/fleet/difference.h"
#include "cloud/skerry/change.h"
#include "cloud/skerry/prepare.h"
#include "cloud/skerry/terminal.h"
#include "cloud/skerry/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The report, as docs/schema/diff.json has it. */
struct report {
	struct json *groups, *unchanged, *left;
	char *texts[FLEET_VIEW_MAX]; /* of the groups' changes, in the same order */
	size_t count;
};

static void report_open(struct report *r)
{
	*r = (struct report){ json_new_array(), json_new_array(), json_new_array() };
}

static struct json *report_close(struct report *r)
{
	struct json *j = json_new_object();
	json_set(j, "groups", r->groups);
	json_set(j, "unchanged", r->unchanged);
	json_set(j, "left", r->left);
	for (size_t i = 0; i < r->count; i++)
		free(r->texts[i]);
	return j;
}

/* The group whose changes are these, or NULL. */
static const struct json *find_group(const struct report *r, const char *changes)
{
	size_t i = 0;
	const struct json *g = json_first(r->groups);
	for (; g && strcmp(r->texts[i], changes) != 0; g = json_next(g))
		i++;
	return g;
}

/* Takes the changes. ERR_FULL: more groups than devices can be seen. */
static enum err open_group(struct report *r, struct json *changes, const struct json **out,
			   struct why *why)
{
	char *text = json_print(changes);
	*out = find_group(r, text);
	if (*out || r->count == FLEET_VIEW_MAX) {
		free(text);
		json_free(changes);
		return *out ? OK : why_set(why, ERR_FULL, "more than %d devices", FLEET_VIEW_MAX);
	}
	struct json *g = json_new_object();
	json_set(g, "devices", json_new_array());
	json_set(g, "changes", changes);
	json_push(r->groups, g);
	r->texts[r->count++] = text;
	*out = g;
	return OK;
}

static enum err add_device(struct report *r, const char *name, const struct json *before,
			   const struct json *after, struct why *why)
{
	int64_t base = 0, generation = 0;
	const struct json *group;
	struct json *changes = difference_of(before, after);
	if (!json_count(changes)) {
		json_free(changes);
		json_push(r->unchanged, json_new_string(name));
		return OK;
	}
	enum err e = open_group(r, changes, &group, why);
	if (e)
		return e;
	struct json *d = json_new_object();
	json_integer(json_member(after, "base"), &base);
	json_integer(json_member(after, "generation"), &generation);
	json_set_string(d, "device", name);
	/* At most 2^53 - 1: a number holds them. */
	json_set_number(d, "base", (double)base);
	json_set_number(d, "generation", (double)generation);
	json_push((struct json *)(uintptr_t)json_member(group, "devices"), d);
	return OK;
}

/* `text` is a state that nobody has signed. */
static enum err add_state(struct report *r, const char *name, struct fleet_view *v,
			  const char *text, struct why *why)
{
	struct json *after;
	const struct device_view *known = fleet_view_find(v, name);
	enum err e = json_parse(bytes_of(text), &after, why);
	if (e)
		return e;
	e = add_device(r, name, known ? known->desired : NULL, after, why);
	json_free(after);
	return e;
}

/* --- pods, for devices of the command line --- */

static enum err add_target(struct report *r, struct change *c, const struct target *t,
			   struct why *why)
{
	struct intent i;
	struct device_view blank = { 0 }; /* a device may be told before it has ever come */
	snprintf(blank.name, sizeof blank.name, "%s", t->name);
	const struct device_view *known = fleet_view_find(&c->view, t->name);
	enum err e =
		intent_make(known ? known : &blank, c->desk->options->fleet, &c->wish, &i, why);
	if (!e && i.text)
		e = add_state(r, t->name, &c->view, i.text, why);
	else if (!e)
		json_push(r->unchanged, json_new_string(t->name));
	free(i.text);
	return e;
}

static enum err add_targets(struct report *r, struct change *c, struct why *why)
{
	enum err e = OK;
	for (size_t i = 0; i < c->targets.count && !e; i++) {
		e = desk_hear(c->desk, why);
		change_turn_to(c, i);
		if (!e)
			e = add_target(r, c, &c->targets.list[i], why);
	}
	return e;
}

/* --- a Rollout, for devices that it chooses --- */

static void add_left(struct report *r, const struct campaign_left *l)
{
	if (strcmp(l->why, "unchanged") == 0) {
		json_push(r->unchanged, json_new_string(l->device));
		return;
	}
	struct json *j = json_new_object();
	json_set_string(j, "device", l->device);
	json_set_string(j, "why", l->why);
	json_push(r->left, j);
}

static enum err add_rollout(struct report *r, struct desk *d, struct why *why)
{
	struct fleet_view v = { 0 };
	struct campaign c;
	enum err e = prepare_campaign(d, &v, &c, why);
	for (size_t i = 0; !e && i < c.left_count; i++)
		add_left(r, &c.left[i]);
	for (size_t i = 0; !e && i < c.rollout.count; i++) {
		e = desk_hear(d, why);
		if (!e)
			e = add_state(r, c.rollout.members[i].name, &v, c.states[i].forward, why);
	}
	campaign_free(&c);
	fleet_view_free(&v);
	return e;
}

static bool is_rollout(const struct change *c)
{
	return c->files && c->files->object_count;
}

static enum err compare(struct report *r, struct desk *d, struct options *o, struct why *why)
{
	struct change c;
	enum err e = change_open(&c, d, o, why);
	const bool brings_rollout = is_rollout(&c);
	if (!e)
		e = add_targets(r, &c, why);
	change_close(&c);
	return brings_rollout ? add_rollout(r, d, why) : e;
}

/* --- saying it --- */

static void tell_counts(const struct json *report)
{
	size_t differ = 0;
	for (const struct json *g = json_first(json_member(report, "groups")); g; g = json_next(g))
		differ += json_count(json_member(g, "devices"));
	for (const struct json *l = json_first(json_member(report, "left")); l; l = json_next(l))
		terminal_line(stderr, "left       %s  %s", json_string(json_member(l, "device")),
			      json_string(json_member(l, "why")));
	fprintf(stderr, "%zu would change, %zu would not\n", differ,
		json_count(json_member(report, "unchanged")));
}

static enum exit_code tell(const struct options *o, const struct json *report)
{
	if (o->json) {
		char *text = json_print(report);
		puts(text);
		free(text);
	} else {
		diff_print(report);
		tell_counts(report);
	}
	return json_count(json_member(report, "groups")) ? EXIT_CODE_DIFFERS : EXIT_CODE_OK;
}

enum exit_code verb_diff(struct options *o)
{
	struct desk d = { 0 };
	struct why why;
	static struct report r;
	report_open(&r);
	o->preview = true;
	enum err e = desk_open(&d, o, &why);
	if (!e)
		e = compare(&r, &d, o, &why);
	struct json *report = report_close(&r);
	const bool interrupted = d.interrupted;
	desk_close(&d);
	enum exit_code code = interrupted ? EXIT_CODE_INTERRUPTED
			      : e         ? exit_code_tell(e, &why)
					  : tell(o, report);
	json_free(report);
	return e && code == EXIT_CODE_FAILED ? EXIT_CODE_USAGE : code;
}
