#include "cloud/hub/database.h"

#include "base/log.h"
#include "base/text.h"
#include "ports/clock.h"

#include <string.h>

/* --- the leases --- */

/* True: a part of the work is ours that was not before. */
static bool renew(struct hub *h)
{
	struct why why;
	bool gained = false;
	enum err e = roles_renew(&h->roles, &h->ledger, h->client_id, &gained, &why);
	if (!e)
		e = ledger_count_online(&h->ledger, &h->meter.online, &why);
	if (e)
		hub_note_trouble(h, &why);
	if (gained && sql_is_address(h->options.database))
		log_info("of several hubs this one%s%s from now on",
			 h->roles.control.is_ours ? " controls" : "",
			 h->roles.serve.is_ours ? " serves" : "");
	return gained;
}

/* Ends when the database is lost; on_reopen() begins anew. */
static void on_renew(void *owner, int64_t now_ms)
{
	struct hub *h = owner;
	if (!ledger_is_open(&h->ledger))
		return;
	loop_arm(h->loop, &h->renew, now_ms + LEASE_RENEW_MS);
	if (renew(h))
		hub_resume(h);
}

/* --- what is too old --- */

/* One hub does it, between letters: nothing of theirs is open while it does. */
static void on_keep_step(void *owner, int64_t now_ms)
{
	struct hub *h = owner;
	struct why why;
	bool done = true;
	int64_t pause_ms = KEEP_PAUSE_MS;
	if (ledger_is_open(&h->ledger) && clock_is_set(clock_wall_ms()) &&
	    roles_have(&h->roles, ROLE_CONTROL, &h->ledger)) {
		enum err e = hub_commit(h, &why);
		if (!e)
			e = keep_step(&h->keep, &h->ledger, clock_wall_ms(), &done, &why);
		if (e)
			hub_note_trouble(h, &why);
	}
	if (done && h->keep.removed)
		log_info("what is older than --keep is gone rows=%llu",
			 (unsigned long long)h->keep.removed);
	if (done) {
		h->keep.removed = 0;
		pause_ms = KEEP_AGAIN_MS;
	}
	loop_arm(h->loop, &h->keep_step, now_ms + pause_ms);
}

/* --- what a letter has become --- */

static void on_settled(void *owner, const struct letter_fate *fate)
{
	struct hub *h = owner;
	const struct letter *l = fate->letter;
	struct receipt r = { .from = l->seq, .to = l->seq };
	strcpy(r.fleet, l->fleet);
	strcpy(r.device, l->device);
	strcpy(r.buf, l->buf);
	text_copy(r.bad, sizeof r.bad, bytes_of(fate->bad ? fate->bad : ""));
	if (fate->bad)
		log_warn(
			"batch refused by the database device=%s/%s channel=%s seq=%lld why=\"%s\"",
			l->fleet, l->device, l->kind, (long long)l->seq, fate->bad);
	receipts_add(&h->receipts, &r); /* RECEIPTS_MAX is twice what one commit takes */
	meter_settle(&h->meter, fate, clock_wall_ms());
}

/* --- opening --- */

static void close_ledger(struct hub *h)
{
	agenda_close(&h->agenda);
	trail_close(&h->trail);
	roll_close(&h->roll);
	ledger_close(&h->ledger);
}

static enum err open_ledger(struct hub *h, struct why *why)
{
	enum err e = ledger_open(&h->ledger, h->options.database, why);
	if (!e)
		e = roll_open(&h->roll, &h->ledger, why);
	if (!e)
		e = trail_open(&h->trail, &h->ledger, why);
	if (!e)
		e = agenda_open(&h->agenda, &h->ledger, why);
	if (e)
		close_ledger(h);
	h->ledger.letters.owner = h;
	h->ledger.letters.on_settled = on_settled;
	return e;
}

/* Whoever had the leases before may have lost them meanwhile. */
static void begin(struct hub *h)
{
	pause_note_up(&h->reopen_pause, clock_now_ms());
	h->roles.control.is_ours = h->roles.serve.is_ours = false;
	loop_arm(h->loop, &h->renew, clock_now_ms() + LEASE_RENEW_MS);
	(void)renew(h);
	if (h->troubles)
		log_info("the database is there again failures=%u", h->troubles);
	h->troubles = 0;
	hub_resume(h);
}

static void on_reopen(void *owner, int64_t now_ms)
{
	struct hub *h = owner;
	struct why why;
	(void)now_ms;
	close_ledger(h);
	if (open_ledger(h, &why))
		hub_note_trouble(h, &why);
	else
		begin(h);
}

void hub_note_trouble(struct hub *h, const struct why *why)
{
	if (!h->troubles++ || strcmp(h->trouble.text, why->text) != 0)
		log_err("the database fails, devices will send again why=\"%s\"", why->text);
	h->trouble = *why;
	h->meter.troubles++;
	if (h->ledger.sql)
		ledger_rollback(&h->ledger);
	if (ledger_is_open(&h->ledger) || h->reopen.armed)
		return;
	/* Closed in on_reopen(): whoever calls us may be in the middle of a question to it. */
	loop_disarm(h->loop, &h->commit);
	const int64_t now_ms = clock_now_ms();
	loop_arm(h->loop, &h->reopen, now_ms + pause_next(&h->reopen_pause, now_ms));
}

void database_note_success(struct hub *h)
{
	if (!h->troubles)
		return;
	log_info("the database works again failures=%u", h->troubles);
	h->troubles = 0;
	hub_resume(h);
}

enum err database_open(struct hub *h, struct why *why)
{
	h->reopen = (struct timer){ .owner = h, .on_due = on_reopen };
	h->renew = (struct timer){ .owner = h, .on_due = on_renew };
	h->keep_step = (struct timer){ .owner = h, .on_due = on_keep_step };
	h->keep.keep_ms = h->options.keep_ms;
	h->reopen_pause.limit_ms = HUB_DATABASE_PAUSE_MS;
	if (h->keep.keep_ms)
		loop_arm(h->loop, &h->keep_step, clock_now_ms() + KEEP_FIRST_MS);
	enum err e = open_ledger(h, why);
	/* What asking again does not make better ends the program. */
	if (e && (!sql_is_address(h->options.database) || e == ERR_INVALID))
		return e;
	if (e)
		hub_note_trouble(h, why);
	else
		begin(h);
	return OK;
}

void database_close(struct hub *h)
{
	if (!h->ledger.sql)
		return;
	ledger_rollback(&h->ledger);
	roles_give_up(&h->roles, &h->ledger, h->client_id);
	close_ledger(h);
}
