#include "cloud/skerry/rollout_parts.h"

#include "cloud/skerry/hub_rollout.h"
#include "cloud/skerry/rollout_view.h"
#include "cloud/skerry/table.h"
#include "cloud/skerry/terminal.h"
#include "ports/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 1000 }; /* between two */

/* --- all of them --- */

struct listing {
	const struct options *options;
	struct json *json;
};

/* Takes the summary. */
static void add_summary(struct json *list, struct json *summary, const char *runner)
{
	json_set_string(summary, "runner", runner);
	json_push(list, summary);
}

static void list_one(void *owner, const char *name)
{
	struct listing *l = owner;
	struct campaign_file f;
	struct campaign c;
	if (campaign_file_find(&f, l->options->fleet, name, NULL) ||
	    campaign_file_load(&f, &c, NULL))
		return;
	add_summary(l->json, campaign_summary(&c), "desk");
	campaign_free(&c);
}

/* Where there is no hub, or no broker, there are those of this desk. */
static void list_hubs(struct options *o, struct json *list)
{
	struct desk d = { 0 };
	struct json *found = NULL;
	struct why why;
	if (!o->broker_text)
		return;
	enum err e = desk_open(&d, o, &why);
	if (!e)
		e = hub_rollout_list(&d, &found, &why);
	for (const struct json *j = e ? NULL : json_first(found); j; j = json_next(j))
		add_summary(list, json_copy(j), "hub");
	if (e)
		terminal_line(stderr, "of this desk alone: %s", why.text);
	json_free(found);
	desk_close(&d);
}

static void add_row(struct table *t, const struct json *j)
{
	char when[24];
	clock_print(when, json_integer_at(j, "made"));
	table_add(t, "%s", json_text_at(j, "rollout"));
	table_add(t, "%s", json_text_at(j, "phase"));
	table_add(t, "%lld/%lld", (long long)json_integer_at(j, "batch"),
		  (long long)json_integer_at(j, "batches"));
	table_add(t, "%lld/%lld", (long long)json_integer_at(j, "succeeded"),
		  (long long)json_integer_at(j, "total"));
	table_add(t, "%lld", (long long)json_integer_at(j, "failed"));
	table_add(t, "%lld", (long long)json_integer_at(j, "late"));
	table_add(t, "%s", json_text_at(j, "runner"));
	table_add(t, "%s", when);
}

static void print_list(const struct json *list)
{
	static const char *const titles[] = { "ROLLOUT", "PHASE",  "BATCH", "SUCCEEDED", "FAILED",
					      "LATE",    "RUNNER", "MADE",  NULL };
	struct table t;
	table_begin(&t, titles);
	for (const struct json *j = json_first(list); j; j = json_next(j))
		add_row(&t, j);
	table_print(&t);
}

static enum exit_code list_all(struct options *o)
{
	struct listing l = { .options = o, .json = json_new_array() };
	struct why why;
	enum err e = campaign_file_each(o->fleet, list_one, &l, &why);
	list_hubs(o, l.json);
	/* What is built reads back as nothing before it was printed. */
	char *text = json_print_pretty(l.json);
	json_free(l.json);
	l.json = NULL;
	if (!e && o->json)
		puts(text);
	else if (!e)
		e = json_parse(bytes_of(text), &l.json, &why);
	if (l.json)
		print_list(l.json);
	json_free(l.json);
	free(text);
	return exit_code_tell(e, &why);
}

/* --- one --- */

/* What is looked at, and as it was seen last. */
struct looking {
	const struct options *options;
	bool is_here;     /* of this desk; else the hub is asked */
	struct desk desk; /* to it, or to wait with */
	struct campaign campaign;
	char *wishes;
	char *told; /* the progress that was told; NULL: nothing yet */
	struct rollout_view view;
};

static void forget(struct looking *l)
{
	campaign_free(&l->campaign);
	l->campaign = (struct campaign){ 0 };
	free(l->wishes);
	l->wishes = NULL;
}

static enum err look(struct looking *l, struct why *why)
{
	struct campaign_file f;
	const struct options *o = l->options;
	forget(l);
	if (!l->is_here)
		return hub_rollout_show(&l->desk, o->words[1], &l->campaign, &l->wishes, why);
	enum err e = rollout_load(o, &f, &l->campaign, why);
	return e ? e : campaign_file_wishes(&f, &l->wishes, why);
}

static void show(const struct looking *l)
{
	if (l->options->json)
		rollout_view_print_json(&l->campaign, l->wishes);
	else
		rollout_view_print(&l->campaign);
}

/* --- again and again --- */

/* Another one of this name may have begun meanwhile, with other devices. */
static enum err open_view(struct looking *l, struct why *why)
{
	rollout_view_close(&l->view);
	enum err e = rollout_view_open(&l->view, &l->campaign, stdout, why);
	if (e)
		return e;
	if (l->view.is_picture)
		rollout_view_on_change(&l->view);
	else
		show(l);
	return OK;
}

static enum err tell(struct looking *l, bool is_other, struct why *why)
{
	if (l->options->json)
		show(l);
	else if (is_other)
		return open_view(l, why);
	else
		rollout_view_on_change(&l->view);
	return OK;
}

static enum err look_again(struct looking *l, struct why *why)
{
	const int64_t made_ms = l->campaign.made_ms;
	enum err e = look(l, why);
	if (e)
		return e;
	char *progress = campaign_print_progress(&l->campaign);
	const bool is_other = !l->told || made_ms != l->campaign.made_ms;
	if (is_other || strcmp(l->told, progress) != 0)
		e = tell(l, is_other, why);
	free(l->told);
	l->told = progress;
	return e;
}

static bool never(void *owner)
{
	(void)owner;
	return false;
}

/* Until it has ended, or nobody reads any more. */
static enum err watch(struct looking *l, struct why *why)
{
	const int64_t wait_ms = l->options->wait_ms, began = clock_now_ms();
	for (;;) {
		enum err e = look_again(l, why);
		if (e || campaign_has_ended(&l->campaign) || fflush(stdout) || ferror(stdout))
			return e;
		if (wait_ms >= 0 && clock_now_ms() - began >= wait_ms)
			return why_set(why, ERR_AGAIN, "it still goes on");
		e = desk_wait(&l->desk, never, NULL, LOOK_MS, why);
		if (e != ERR_AGAIN || l->desk.interrupted)
			return e;
	}
}

/* --- */

static enum err open_looking(struct looking *l, struct options *o, struct why *why)
{
	*l = (struct looking){ .options = o, .is_here = rollout_is_here(o) };
	if (!l->is_here)
		return rollout_open_hub(o, &l->desk, why);
	return o->watch ? desk_open(&l->desk, o, why) : OK;
}

static void close_looking(struct looking *l)
{
	forget(l);
	free(l->told);
	rollout_view_close(&l->view);
	desk_close(&l->desk);
}

static enum exit_code status_of_one(struct options *o)
{
	static struct looking l;
	struct why why;
	enum err e = open_looking(&l, o, &why);
	if (!e && o->watch) {
		e = watch(&l, &why);
	} else if (!e) {
		e = look(&l, &why);
		if (!e)
			show(&l);
	}
	enum exit_code code = l.desk.interrupted ? EXIT_CODE_INTERRUPTED
			      : e                ? exit_code_tell(e, &why)
			      : o->watch         ? rollout_code(&l.campaign.rollout)
						 : EXIT_CODE_OK;
	close_looking(&l);
	return code;
}

enum exit_code rollout_status(struct options *o)
{
	struct why why;
	if (o->word_count > 1)
		return status_of_one(o);
	return o->watch ? exit_code_tell(why_set(&why, ERR_INVALID,
						 "watch which? skerry rollout status lists them"),
					 &why)
			: list_all(o);
}
