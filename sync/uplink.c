#include "sync/uplink.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "ports/clock.h"
#include "sync/ack.h"
#include "sync/envelope.h"
#include "sync/form.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLACES = UPLINK_WINDOW + UPLINK_WINDOW_EVENTS };

/* --- the window --- */

static struct under_way *find_place(struct uplink *u, enum letter_class class)
{
	size_t used = 0, bytes = 0;
	struct under_way *place = NULL;
	for (size_t i = 0; i < PLACES; i++) {
		used += u->window[i].seq != 0;
		bytes += u->window[i].bytes;
		if (!u->window[i].seq)
			place = &u->window[i];
	}
	if (class == LETTER_EVENT)
		return place;
	return used < UPLINK_WINDOW && bytes < UPLINK_WINDOW_BYTES ? place : NULL;
}

static void release(struct uplink *u, int64_t from, int64_t to)
{
	for (size_t i = 0; i < PLACES; i++)
		if (u->window[i].seq >= from && u->window[i].seq <= to)
			u->window[i] = (struct under_way){ 0 };
}

/* Nobody needs them here any more. */
static void let_go(struct uplink *u, int64_t from, int64_t to)
{
	release(u, from, to);
	outbox_acknowledge(u->outbox, from, to);
	if (!u->settling.armed)
		loop_arm(u->loop, &u->settling, clock_now_ms() + UPLINK_SETTLE_MS);
}

/* --- the budget --- */

static const char BUDGET_KEY[] = "uplink/budget";

/* 0: the clock is not set. */
static int64_t wall_now_ms(void)
{
	const int64_t wall = clock_wall_ms();
	return clock_is_set(wall) ? wall : 0;
}

static void open_budget(struct uplink *u, int64_t rate, int64_t daily)
{
	struct bytes kept;
	char text[48];
	long long day, spent;
	budget_init(&u->budget, rate, daily, clock_now_ms());
	if (!daily || store_get(u->outbox->store, BUDGET_KEY, &kept))
		return;
	text_copy(text, sizeof text, kept);
	if (sscanf(text, "%lld %lld", &day, &spent) != 2)
		return;
	u->budget.day = day;
	u->budget.spent = u->saved = spent;
}

static void save_budget(struct uplink *u)
{
	char text[48];
	snprintf(text, sizeof text, "%lld %lld", (long long)u->budget.day,
		 (long long)u->budget.spent);
	if (store_put(u->outbox->store, BUDGET_KEY, bytes_of(text), NULL))
		log_debug("the budget is not on flash");
	u->saved = u->budget.spent;
}

static void spend(struct uplink *u, size_t bytes, int64_t now_ms)
{
	budget_spend(&u->budget, (int64_t)bytes + BUDGET_OVERHEAD, now_ms, wall_now_ms());
	const int64_t unsaved = u->budget.spent - u->saved;
	if (u->budget.daily && (unsaved < 0 || unsaved > u->budget.daily / UPLINK_SAVES_A_DAY))
		save_budget(u);
}

/* Must a letter of this class wait? */
static bool is_held(struct uplink *u, enum letter_class class, int64_t now_ms)
{
	if (class == LETTER_EVENT)
		return false;
	const int64_t wait_ms = budget_wait_ms(&u->budget, now_ms, wall_now_ms());
	u->held_ms = wait_ms ? now_ms + wait_ms : 0;
	return wait_ms != 0;
}

/* --- sending --- */

static enum err publish(struct uplink *u, const struct letter *l, const char *rest,
			struct bytes payload, int *out_ticket)
{
	const int qos = l->flags & LETTER_ACK_NONE ? 0 : 1;
	enum err e = link_publish(u->link, rest, payload, qos, false, out_ticket);
	if (!e)
		spend(u, strlen(rest) + payload.len, clock_now_ms());
	return e;
}

/* In as many messages as it takes. */
static enum err send_text(struct uplink *u, const struct envelope *e, const struct letter *l,
			  int *out_ticket)
{
	struct form_part part = { .device = e->device };
	char rest[TOPIC_MAX];
	struct bytes payload;
	enum err err;
	envelope_head(e, l, &part.head);
	form_topic(l, rest);
	while (!(err = form_print(&part, l, u->scratch, &payload)))
		if ((err = publish(u, l, rest, payload, out_ticket)))
			return err;
	if (part.skipped)
		log_warn("points larger than a message were not sent stream=%s count=%zu",
			 l->stream, part.skipped);
	return err == ERR_NOT_FOUND ? OK : err;
}

static enum err send(struct uplink *u, const struct letter *l, int *out_ticket)
{
	const struct envelope e = { u->link->device, u->outbox->buf, u->boot };
	char rest[TOPIC_MAX];
	struct bytes payload;
	if (letter_is_telemetry(l->class) && form_is_text(l))
		return send_text(u, &e, l, out_ticket);
	enum err err = envelope_make(&e, l, u->scratch, rest, &payload);
	return err ? err : publish(u, l, rest, payload, out_ticket);
}

/* A letter that cannot be read back must not stop the queue behind it. */
static void bury(struct uplink *u, int64_t seq, enum err e)
{
	log_err("letter %lld does not read back, set aside class=%s", (long long)seq, err_name(e));
	if (outbox_refuse(u->outbox, seq, "does not read back", NULL))
		log_err("letter %lld could not be set aside", (long long)seq);
}

/* --- choosing what goes next --- */

/* The next of a class: a live one, else one of the backlog. */
static enum err next_of(struct uplink *u, enum letter_class class, struct letter *out)
{
	int64_t *live = &u->live_at[class], *back = &u->back_at[class];
	int64_t *at;
	enum err e;
	do {
		e = store_next(u->outbox->store, class, *live, STORE_SEQ_MAX, out);
		at = live;
		if (e == ERR_NOT_FOUND) {
			e = store_next(u->outbox->store, class, *back, u->live_from, out);
			at = back;
		}
		if (!e)
			*at = out->seq;
	} while (!e && outbox_is_acknowledged(u->outbox, out->seq));
	return e;
}

static void step_back(struct uplink *u, const struct letter *l)
{
	int64_t *at = l->seq > u->live_from ? u->live_at : u->back_at;
	at[l->class] = l->seq - 1;
}

/* True: something was sent, and there may be more. */
static bool send_next(struct uplink *u, enum letter_class class, int64_t now_ms)
{
	struct letter l;
	struct under_way *place = find_place(u, class);
	if (!place || next_of(u, class, &l))
		return false;
	if (is_held(u, class, now_ms)) {
		step_back(u, &l);
		return false;
	}
	const int64_t seq = l.seq;
	const size_t bytes = l.body.len;
	const uint32_t flags = l.flags;
	int ticket = 0;
	enum err e = send(u, &l, &ticket);
	if (e == ERR_OFFLINE) {
		step_back(u, &l);
		return false;
	}
	if (e) {
		bury(u, seq, e);
		return true;
	}
	if (flags & LETTER_ACK_NONE)
		let_go(u, seq, seq);
	else
		*place = (struct under_way){ seq, bytes, now_ms + UPLINK_AGAIN_FIRST_MS, 1,
					     flags & LETTER_ACK_BROKER ? ticket : 0 };
	return true;
}

static void arm(struct uplink *u)
{
	int64_t due = u->held_ms ? u->held_ms : INT64_MAX;
	for (size_t i = 0; i < PLACES; i++)
		if (u->window[i].seq && u->window[i].again_ms < due)
			due = u->window[i].again_ms;
	loop_disarm(u->loop, &u->timer);
	if (due != INT64_MAX)
		loop_arm(u->loop, &u->timer, due);
}

static void fill_window(struct uplink *u, int64_t now_ms)
{
	u->held_ms = 0;
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++)
		while (u->link->is_up && send_next(u, c, now_ms))
			;
	arm(u);
}

/* --- sending again --- */

static bool read_again(struct uplink *u, int64_t seq, struct letter *out)
{
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++)
		if (store_next(u->outbox->store, c, seq - 1, seq, out) == OK)
			return true;
	return false;
}

static void send_again(struct uplink *u, struct under_way *w, int64_t now_ms)
{
	struct letter l;
	if (outbox_is_acknowledged(u->outbox, w->seq) || !read_again(u, w->seq, &l)) {
		*w = (struct under_way){ 0 }; /* acknowledged, or given up for lack of room */
		return;
	}
	if (is_held(u, l.class, now_ms)) {
		w->again_ms = u->held_ms;
		return;
	}
	int64_t pause = UPLINK_AGAIN_FIRST_MS;
	for (unsigned i = 0; i < w->tries && pause < UPLINK_AGAIN_MAX_MS; i++)
		pause *= 2;
	w->again_ms = now_ms + (pause < UPLINK_AGAIN_MAX_MS ? pause : UPLINK_AGAIN_MAX_MS);
	w->tries++;
	int ticket = 0;
	const bool by_broker = l.flags & LETTER_ACK_BROKER;
	if (send(u, &l, &ticket))
		log_debug("letter %lld was not sent again", (long long)w->seq);
	w->ticket = by_broker ? ticket : 0;
}

static void on_due(void *owner, int64_t now_ms)
{
	struct uplink *u = owner;
	for (size_t i = 0; i < PLACES && u->link->is_up; i++)
		if (u->window[i].seq && u->window[i].again_ms <= now_ms)
			send_again(u, &u->window[i], now_ms);
	if (u->link->is_up)
		fill_window(u, now_ms);
}

static void on_settle(void *owner, int64_t now_ms)
{
	struct uplink *u = owner;
	struct why why;
	(void)now_ms;
	if (outbox_settle(u->outbox, &why))
		log_warn("acknowledged letters stay for now why=\"%s\"", why.text);
}

void uplink_wake(struct uplink *u)
{
	/* Not at once: the letter may be part of a transaction that is still open. */
	if (u->link->is_up)
		loop_arm(u->loop, &u->timer, 0);
}

bool uplink_lets_pass(struct uplink *u, int64_t *out_wait_ms)
{
	const int64_t now = clock_now_ms();
	*out_wait_ms = budget_wait_ms(&u->budget, now, wall_now_ms());
	/* A letter that is due is sent when the loop comes to it; then the window shows it. */
	return !*out_wait_ms && !u->held_ms && find_place(u, LETTER_BULK);
}

void uplink_spend(struct uplink *u, size_t bytes)
{
	spend(u, bytes, clock_now_ms());
}

void uplink_on_delivered(struct uplink *u, int ticket)
{
	for (size_t i = 0; i < PLACES; i++) {
		if (!u->window[i].ticket || u->window[i].ticket != ticket)
			continue;
		let_go(u, u->window[i].seq, u->window[i].seq);
		uplink_wake(u);
	}
}

/* --- what the link tells --- */

void uplink_on_up(struct uplink *u)
{
	on_settle(u, 0);
	memset(u->window, 0, sizeof u->window);
	u->live_from = store_last_seq(u->outbox->store);
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++) {
		u->live_at[c] = u->live_from;
		u->back_at[c] = 0;
	}
	uplink_wake(u);
}

void uplink_on_down(struct uplink *u)
{
	loop_disarm(u->loop, &u->timer);
	memset(u->window, 0, sizeof u->window);
}

static void on_ok(void *owner, int64_t from, int64_t to)
{
	let_go(owner, from, to);
}

static void on_bad(void *owner, int64_t seq, const char *reason)
{
	struct uplink *u = owner;
	struct why why = { "" };
	release(u, seq, seq);
	enum err e = outbox_refuse(u->outbox, seq, reason, &why);
	log_warn("the hub refuses a letter, set aside seq=%lld why=\"%.120s\"%s%s", (long long)seq,
		 reason, e ? " but: " : "", e ? why.text : "");
}

/* The hub has just come: what it may have missed goes again now. */
static void on_hello(void *owner)
{
	struct uplink *u = owner;
	for (size_t i = 0; i < PLACES; i++)
		u->window[i].again_ms = 0;
	if (u->on_hello)
		u->on_hello(u->owner);
}

void uplink_on_ack(struct uplink *u, struct bytes payload)
{
	const struct ack_hooks hooks = { u, on_ok, on_bad, on_hello };
	struct why why;
	enum err e = ack_read(payload, u->outbox->buf, &hooks, &why);
	if (e == ERR_INVALID || e == ERR_FULL)
		log_warn("an acknowledgement was not understood why=\"%s\"", why.text);
	uplink_wake(u);
}

enum err uplink_open(struct uplink *u, struct loop *loop, struct link *link, struct outbox *outbox,
		     int64_t rate, int64_t daily, struct why *why)
{
	*u = (struct uplink){ .loop = loop, .link = link, .outbox = outbox };
	u->timer = (struct timer){ .owner = u, .on_due = on_due };
	u->settling = (struct timer){ .owner = u, .on_due = on_settle };
	u->boot = envelope_boot_flags();
	open_budget(u, rate, daily);
	u->scratch = malloc(ENVELOPE_SCRATCH);
	return u->scratch ? OK : why_set(why, ERR_SYSTEM, "uplink: no memory");
}

void uplink_close(struct uplink *u)
{
	if (!u->loop)
		return;
	loop_disarm(u->loop, &u->timer);
	loop_disarm(u->loop, &u->settling);
	if (u->budget.spent != u->saved)
		save_budget(u);
	free(u->scratch);
	*u = (struct uplink){ 0 };
}
