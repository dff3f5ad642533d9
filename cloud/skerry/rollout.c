#include "cloud/fleet/rollout.h"

#include "cloud/skerry/conduct.h"
#include "cloud/skerry/hub_rollout.h"
#include "cloud/skerry/prepare.h"
#include "cloud/skerry/rollout_parts.h"
#include "cloud/skerry/rollout_view.h"
#include "cloud/skerry/table.h"
#include "cloud/skerry/terminal.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what it ends with --- */

enum exit_code rollout_code(const struct rollout *r)
{
	struct rollout_count n;
	rollout_count(r, &n);
	switch (r->phase) {
	case ROLLOUT_HALTED:
		return EXIT_CODE_HALTED;
	case ROLLOUT_COMPLETE:
		return n.by_state[MEMBER_SUCCEEDED] == n.total ? EXIT_CODE_OK : EXIT_CODE_PARTLY;
	case ROLLOUT_RETURNED:
		return n.by_state[MEMBER_STUCK] || n.late ? EXIT_CODE_PARTLY : EXIT_CODE_HALTED;
	default:
		return EXIT_CODE_OK;
	}
}

static void hint(const struct campaign *c)
{
	const enum rollout_phase p = c->rollout.phase;
	if (p == ROLLOUT_HALTED)
		fprintf(stderr,
			"see:   skerry rollout status %s\nthen:  skerry rollout resume %s, or undo "
			"%s\n",
			c->name, c->name, c->name);
	else if (!rollout_is_over(&c->rollout))
		fprintf(stderr, "it goes on with: skerry rollout start %s --wait\n", c->name);
}

/* --- running --- */

static enum exit_code end(const struct desk *d, const struct campaign *c, enum err e,
			  const struct why *why)
{
	if (d->interrupted) {
		hint(c);
		return EXIT_CODE_INTERRUPTED;
	}
	if (!e || e == ERR_AGAIN)
		hint(c);
	if (e)
		return exit_code_tell(e, why);
	return rollout_code(&c->rollout);
}

static enum exit_code conduct(struct desk *d, struct fleet_view *v, struct campaign *c,
			      struct campaign_file *f, bool waits)
{
	struct rollout_view view = { 0 };
	struct why why;
	struct conduct conduct = { d, v, c, f, &view, rollout_view_on_change };
	enum err e = rollout_view_open(&view, c, stdout, &why);
	if (!e)
		e = waits ? conduct_all(&conduct, d->options->wait_ms, &why)
			  : conduct_once(&conduct, &why);
	rollout_view_close(&view);
	return end(d, c, e, &why);
}

static void tell_left(const struct campaign *c)
{
	for (size_t i = 0; i < c->left_count; i++)
		terminal_line(stderr, "left       %s  %s", c->left[i].device, c->left[i].why);
}

/* With files a new one, else one that is here. */
static enum err open_campaign(struct desk *d, struct fleet_view *v, struct campaign *c,
			      struct campaign_file *f, struct why *why)
{
	const struct options *o = d->options;
	enum err e = OK;
	if (!o->file_count) {
		e = campaign_file_find(f, o->fleet, o->words[1], why);
		if (!e)
			e = campaign_file_load(f, c, why);
		if (!e)
			e = campaign_file_lock(f, why);
		return e ? e : fleet_view_read(v, d, NULL, why);
	}
	e = prepare_campaign(d, v, c, why);
	if (e)
		return e;
	tell_left(c);
	e = campaign_file_find(f, o->fleet, c->name, why);
	if (!e && !o->dry_run)
		e = campaign_file_create(f, c, why);
	return e || o->dry_run ? e : campaign_file_lock(f, why);
}

static void print_plan(const struct campaign *c)
{
	static const char *const titles[] = { "BATCH", "DEVICE", "GEN", "GROUP", NULL };
	struct table t;
	table_begin(&t, titles);
	for (size_t b = 0; b < c->spec.batch_count; b++)
		for (size_t i = 0; i < c->rollout.count; i++) {
			const struct state_id *id = &c->states[i].forward_id;
			if (c->rollout.members[i].batch != b)
				continue;
			table_add(&t, "%zu", b + 1);
			table_add(&t, "%s", c->rollout.members[i].name);
			table_add(&t, "%lld", (long long)id->generation);
			table_add(&t, "%s", *c->states[i].group ? c->states[i].group : "-");
		}
	table_print(&t);
}

/* All that one call holds. */
struct session {
	struct desk desk;
	struct fleet_view view;
	struct campaign campaign;
	struct campaign_file file;
};

static void close_session(struct session *s)
{
	campaign_file_unlock(&s->file);
	campaign_free(&s->campaign);
	fleet_view_free(&s->view);
	desk_close(&s->desk);
	free(s);
}

/* Is there a hub that runs rollouts? Nobody answers where the broker knows none. */
static bool find_hub(struct desk *d)
{
	struct json *list = NULL;
	const bool is_there = hub_rollout_list(d, &list, NULL) == OK;
	json_free(list);
	if (!is_there && !d->interrupted)
		fputs("no hub answers: this desk looks once\n", stderr);
	return is_there;
}

/* A new one is the hub's from now on; this desk needs neither stay nor keep anything. */
static enum err hand_over(struct desk *d, struct fleet_view *v, struct campaign *c, struct why *why)
{
	struct campaign_file f;
	const struct options *o = d->options;
	enum err e = prepare_campaign(d, v, c, why);
	if (e)
		return e;
	tell_left(c);
	if (o->dry_run) {
		print_plan(c);
		return OK;
	}
	if (!c->rollout.count)
		return why_set(why, ERR_NOT_FOUND, "nothing would change");
	/* Who asks this desk for the name shall hear of this one. */
	if (!campaign_file_find(&f, o->fleet, c->name, NULL))
		e = campaign_file_make_room(&f, c->name, why);
	if (!e)
		e = hub_rollout_start(d, c, why);
	if (!e)
		printf("handed     %s  %zu devices; the hub runs it\nsee:   skerry rollout status "
		       "%s\n",
		       c->name, c->rollout.count, c->name);
	return e;
}

static enum exit_code run(struct options *o, bool waits)
{
	struct session *s = calloc(1, sizeof *s);
	struct why why;
	enum exit_code code = EXIT_CODE_OK;
	if (!s)
		return exit_code_tell(why_set(&why, ERR_SYSTEM, "no memory"), &why);
	s->file.lock_fd = -1;
	enum err e = desk_open(&s->desk, o, &why);
	const bool is_hubs = !e && !waits && !o->no_wait && o->file_count && find_hub(&s->desk);
	if (!e)
		e = is_hubs ? hand_over(&s->desk, &s->view, &s->campaign, &why)
			    : open_campaign(&s->desk, &s->view, &s->campaign, &s->file, &why);
	if (e)
		code = s->desk.interrupted ? EXIT_CODE_INTERRUPTED : exit_code_tell(e, &why);
	else if (o->dry_run && !is_hubs)
		print_plan(&s->campaign);
	else if (!is_hubs)
		code = conduct(&s->desk, &s->view, &s->campaign, &s->file, waits);
	close_session(s);
	return code;
}

static enum exit_code start(struct options *o)
{
	struct why why;
	if (o->file_count ? o->word_count > 1 : o->word_count != 2)
		return exit_code_tell(why_set(&why, ERR_INVALID,
					      "give -f FILE with a Rollout, or the name of one "
					      "that goes on"),
				      &why);
	return run(o, o->wait);
}

/* --- where it is --- */

enum err rollout_load(const struct options *o, struct campaign_file *f, struct campaign *c,
		      struct why *why)
{
	*c = (struct campaign){ 0 };
	if (o->word_count < 2)
		return why_set(why, ERR_INVALID, "which rollout? skerry rollout status lists them");
	enum err e = campaign_file_find(f, o->fleet, o->words[1], why);
	return e ? e : campaign_file_load(f, c, why);
}

bool rollout_is_here(const struct options *o)
{
	struct campaign_file f;
	return !o->broker_text ||
	       (!campaign_file_find(&f, o->fleet, o->words[1], NULL) && campaign_file_is_there(&f));
}

enum err rollout_open_hub(struct options *o, struct desk *d, struct why *why)
{
	struct json *list = NULL;
	*d = (struct desk){ 0 };
	enum err e = desk_open(d, o, why);
	if (e)
		return e;
	e = hub_rollout_list(d, &list, why);
	json_free(list);
	return e == ERR_OFFLINE && !d->is_down
		       ? why_set(why, ERR_NOT_FOUND,
				 "there is no such rollout at this desk, and no hub answers: %s",
				 o->words[1])
		       : e;
}

/* --- wishing --- */

/* Would it be obeyed? It is tried before it is written down. */
static enum err try_wish(struct campaign *c, const char *line, struct why *why)
{
	struct why refused = { "" };
	c->obeyed = 0;
	(void)campaign_obey(c, bytes_of(line), &refused);
	return refused.text[0] ? why_set(why, ERR_CONFLICT, "%s: %.200s", c->name, refused.text)
			       : OK;
}

static enum err wish(struct options *o, const char *what, struct why *why)
{
	const char *user = getenv("USER");
	struct campaign_file f;
	struct campaign c;
	enum err e = rollout_load(o, &f, &c, why);
	char *line = campaign_print_wish(what, o->count, user && *user ? user : "skerry",
					 clock_wall_ms());
	if (!e)
		e = try_wish(&c, line, why);
	if (!e)
		e = campaign_file_wish(&f, line, why);
	free(line);
	campaign_free(&c);
	return e;
}

/* Is nobody running it? Then, somebody must. */
static bool is_idle(const struct options *o)
{
	struct campaign_file f;
	if (campaign_file_find(&f, o->fleet, o->words[1], NULL) || campaign_file_lock(&f, NULL))
		return false;
	campaign_file_unlock(&f);
	return true;
}

static enum exit_code wish_at_hub(struct options *o, const char *what)
{
	struct desk d;
	struct why why;
	enum err e = rollout_open_hub(o, &d, &why);
	if (!e)
		e = hub_rollout_wish(&d, o->words[1], what, o->count, &why);
	desk_close(&d);
	if (e)
		return exit_code_tell(e, &why);
	fprintf(stderr, "%s: the hub is told\n", o->words[1]);
	return EXIT_CODE_OK;
}

static enum exit_code wish_and_run(struct options *o, const char *what)
{
	struct why why;
	if (o->word_count == 2 && !rollout_is_here(o))
		return wish_at_hub(o, what);
	enum err e = wish(o, what, &why);
	if (e)
		return exit_code_tell(e, &why);
	if (!is_idle(o)) {
		fprintf(stderr, "%s: the skerry that runs it is told\n", o->words[1]);
		return EXIT_CODE_OK;
	}
	if (strcmp(what, "undo") != 0) {
		fprintf(stderr, "nobody runs it; it goes on with: skerry rollout start %s --wait\n",
			o->words[1]);
		return EXIT_CODE_OK;
	}
	o->file_count = 0;
	const enum exit_code code = run(o, !o->no_wait);
	/* A person wanted it back, and it is. */
	return code == EXIT_CODE_HALTED ? EXIT_CODE_OK : code;
}

enum exit_code verb_rollout(struct options *o)
{
	static const char *const wishes[] = { "pause", "resume", "undo", "approve", NULL };
	const char *what = o->word_count ? o->words[0] : "";
	struct why why;
	if (strcmp(what, "start") == 0)
		return start(o);
	if (strcmp(what, "status") == 0)
		return rollout_status(o);
	for (const char *const *w = wishes; *w; w++)
		if (strcmp(what, *w) == 0)
			return wish_and_run(o, what);
	return exit_code_tell(
		why_set(&why, ERR_INVALID, "start, status, pause, resume, undo or approve?"), &why);
}
