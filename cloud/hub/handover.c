#include "cloud/hub/handover.h"

#include "base/log.h"
#include "base/scoped.h"
#include "cloud/hub/drive.h"
#include "ports/clock.h"
#include "ports/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A command, as it came. */
struct request {
	struct hub *hub;
	struct hub_caller caller;
	const struct json *args;
	const char *by;
};

static int code_of(enum err e)
{
	switch (e) {
	case OK:
		return 200;
	case ERR_INVALID:
		return 400;
	case ERR_NOT_FOUND:
		return 404;
	case ERR_CONFLICT:
		return 409;
	case ERR_FULL:
		return 429;
	case ERR_OFFLINE:
		return 503;
	default:
		return 500;
	}
}

static const char *argument(const struct request *r, const char *key)
{
	return json_text_at(r->args, key);
}

static struct json *named(const char *name)
{
	struct json *j = json_new_object();
	json_set_string(j, "rollout", name);
	return j;
}

/* --- start --- */

/* It came as an artifact, and is none: its place is the table. */
static enum err start(const struct request *r, struct json **out, struct why *why)
{
	const char *digest = argument(r, "digest");
	char path[PATH_LIMIT], name[LABEL_SIZE];
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	if (!label_is_digest(bytes_of(digest)))
		return why_set(why, ERR_INVALID, "digest is missing");
	blobs_path(&r->hub->blobs, digest, path, sizeof path);
	enum err e = file_read(path, AGENDA_BYTES_MAX, &text, &len, why);
	if (e == ERR_NOT_FOUND)
		return why_set(why, e, "there is no artifact of this digest: push it first");
	if (e == ERR_FULL)
		return why_set(why, e,
			       "a prepared rollout of more than %d bytes: run it with "
			       "--wait",
			       AGENDA_BYTES_MAX);
	if (!e)
		e = agenda_add(&r->hub->agenda, r->caller.fleet, (struct bytes){ text, len }, name,
			       why);
	if (!e)
		e = hub_commit(r->hub, why);
	if (e)
		return e;
	(void)!dir_remove(path, NULL);
	log_info("rollout taken fleet=%s name=%s by=%s", r->caller.fleet, name, r->by);
	*out = named(name);
	return OK;
}

/* --- wishes --- */

static enum err wish(const struct request *r, const char *what, struct json **out, struct why *why)
{
	int64_t batch = 0;
	const char *name = argument(r, "rollout");
	json_integer(json_member(r->args, "batch"), &batch);
	SCOPED_MEMORY char *line = campaign_print_wish(what, batch, r->by, clock_wall_ms());
	enum err e = agenda_wish(&r->hub->agenda, r->caller.fleet, name, line, why);
	if (!e)
		e = hub_commit(r->hub, why);
	if (!e)
		*out = named(name);
	return e;
}

/* --- looking --- */

static int64_t tell_pieces(const struct request *r, struct bytes text, int64_t n)
{
	char rest[TOPIC_MAX];
	const struct ledger_source self = { r->caller.fleet, TOPIC_HUB };
	for (size_t at = 0; at < text.len; at += HANDOVER_PIECE) {
		const size_t left = text.len - at;
		snprintf(rest, sizeof rest, "up/rollout/%s/%lld", r->caller.requester,
			 (long long)n++);
		hub_tell(r->hub, &self, rest,
			 (struct bytes){ text.at + at,
					 left < HANDOVER_PIECE ? left : HANDOVER_PIECE });
	}
	return n;
}

/* Nobody looks at one that is over, and who was late then may have followed since. Nothing is
 * told to anybody for that. */
static enum err see_late(const struct request *r, struct campaign *c, struct why *why)
{
	struct agenda_sight seen;
	enum err e = OK;
	if (!rollout_is_over(&c->rollout))
		return OK;
	for (size_t i = 0; i < c->rollout.count && !e; i++)
		if (c->rollout.members[i].late)
			e = drive_see(r->hub, c, i, &seen, why);
	if (!e)
		(void)campaign_step(c, clock_wall_ms());
	return e;
}

/* Three texts behind one another, and how long each is. */
static enum err show(const struct request *r, struct json **out, struct why *why)
{
	static const char *const keys[] = { "prepared", "progress", "wishes" };
	struct campaign c;
	char *texts[3] = { NULL, NULL, NULL };
	int64_t pieces = 0;
	enum err e = agenda_load(&r->hub->agenda, r->caller.fleet, argument(r, "rollout"), &c,
				 &texts[2], why);
	if (!e && (e = see_late(r, &c, why)))
		campaign_free(&c);
	if (e) {
		free(texts[2]);
		return e;
	}
	texts[0] = campaign_print_view(&c);
	texts[1] = campaign_print_progress(&c);
	campaign_free(&c);
	*out = json_new_object();
	for (size_t i = 0; i < 3; i++) {
		json_set_integer(*out, keys[i], (int64_t)strlen(texts[i]));
		pieces = tell_pieces(r, bytes_of(texts[i]), pieces);
		free(texts[i]);
	}
	json_set_integer(*out, "pieces", pieces);
	return OK;
}

/* --- all of it --- */

static enum err obey(const struct request *r, struct json **out, struct why *why)
{
	static const char *const wishes[] = { "pause", "resume", "undo", "approve" };
	const char *what = argument(r, "do");
	if (!ledger_is_open(&r->hub->ledger))
		return why_set(why, ERR_OFFLINE, "the hub's database is away: try again");
	if (strcmp(what, "start") == 0)
		return start(r, out, why);
	if (strcmp(what, "show") == 0)
		return show(r, out, why);
	if (strcmp(what, "list") == 0) {
		*out = agenda_list(&r->hub->agenda, r->caller.fleet);
		return OK;
	}
	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
		if (strcmp(what, wishes[i]) == 0)
			return wish(r, what, out, why);
	return why_set(why, ERR_INVALID,
		       "do: start, list, show, pause, resume, undo or approve is expected");
}

static void answer(struct request *r)
{
	struct json *body = NULL;
	struct why why = { "" };
	const enum err e = obey(r, &body, &why);
	if (e && r->hub->ledger.sql && !ledger_is_open(&r->hub->ledger))
		hub_note_trouble(r->hub, &why);
	else if (e && r->hub->ledger.sql)
		ledger_rollback(&r->hub->ledger);
	hub_answer(r->hub, &r->caller, code_of(e), e ? json_new_string(why.text) : body);
	drive_wake(r->hub);
}

void handover_on_letter(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct json *j;
	struct why why;
	struct request r = { .hub = h };
	/* What others wait for is not undone with this. */
	if (ledger_is_open(&h->ledger) && hub_commit(h, &why))
		return;
	if (json_parse(payload, &j, &why)) {
		log_warn("rollout not understood why=\"%s\"", why.text);
		return;
	}
	const char *by = json_string(json_member(j, "by"));
	char who[WHO_SIZE];
	snprintf(who, sizeof who, "%s", by && *by ? by : "skerry");
	r.by = who;
	r.args = json_member(j, "args");
	if (hub_read_caller(j, t, &r.caller))
		answer(&r);
	json_free(j);
}
