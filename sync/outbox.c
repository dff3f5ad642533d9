#include "sync/outbox.h"

#include "ports/random.h"

enum { TRIES_MAX = 64 }; /* letters given up for one new one */

enum err outbox_open(struct outbox *o, struct store *store, int64_t quota_bytes, struct why *why)
{
	struct bytes kept;
	*o = (struct outbox){ .store = store, .quota = quota_bytes };
	if (store_get(store, OUTBOX_BUF_KEY, &kept) == OK && kept.len == OUTBOX_BUF_SIZE - 1) {
		memcpy(o->buf, kept.at, kept.len);
		return OK;
	}
	random_name(o->buf, OUTBOX_BUF_SIZE - 1);
	return store_put(store, OUTBOX_BUF_KEY, bytes_of(o->buf), why);
}

/* Give up the oldest letter that matters no more than `class`, the least
 * first. ERR_FULL: there is none. */
static enum err give_up_one(struct outbox *o, enum letter_class class, struct why *why)
{
	for (enum letter_class c = LETTER_CLASSES; c-- > class;) {
		struct letter oldest;
		int64_t dropped;
		if (store_next(o->store, c, 0, STORE_SEQ_MAX, &oldest))
			continue;
		const uint32_t items = oldest.items;
		enum err e = store_drop(o->store, oldest.seq, oldest.seq, &dropped, why);
		if (!e && !outbox_is_acknowledged(o, oldest.seq))
			o->dropped[c] += items;
		return e;
	}
	return ERR_FULL;
}

/* Bytes of all that matters more than `class`. */
static int64_t bytes_before(const struct outbox *o, enum letter_class class)
{
	int64_t kept = 0;
	for (enum letter_class c = 0; c < class; c++) {
		struct store_total t;
		store_total(o->store, c, &t);
		kept += t.bytes;
	}
	return kept;
}

static enum err make_room(struct outbox *o, const struct letter *letter, struct why *why)
{
	enum err e = OK;
	if (bytes_before(o, letter->class) + (int64_t)letter->body.len > o->quota)
		return ERR_FULL; /* nothing is given up in vain */
	while (!e && bytes_before(o, LETTER_CLASSES) + (int64_t)letter->body.len > o->quota)
		e = give_up_one(o, letter->class, why);
	return e;
}

/* A medium that is full may have room again when something is deleted: its
 * pages are used anew. */
static enum err append(struct outbox *o, const struct letter *letter, struct why *why)
{
	int64_t seq;
	enum err e = store_append(o->store, letter, &seq, why);
	for (int i = 0; e == ERR_FULL && i < TRIES_MAX; i++) {
		e = give_up_one(o, letter->class, why);
		if (!e)
			e = store_append(o->store, letter, &seq, why);
	}
	return e;
}

enum err outbox_settle(struct outbox *o, struct why *why)
{
	enum err e = OK;
	for (size_t i = 0; !e && i < o->ack_count; i++) {
		int64_t dropped;
		e = store_drop(o->store, o->acks[i].from, o->acks[i].to, &dropped, why);
	}
	/* What could not be deleted now is sent again one day, and dropped then. */
	o->ack_count = 0;
	return e;
}

enum err outbox_add(struct outbox *o, const struct letter *letter, struct why *why)
{
	enum err e = outbox_settle(o, why);
	if (!e)
		e = make_room(o, letter, why);
	if (!e)
		e = append(o, letter, why);
	if (e) {
		o->dropped[letter->class] += letter->items;
		return e == ERR_FULL ? why_set(why, e, "the outbox is full: %lld bytes",
					       (long long)o->quota)
				     : e;
	}
	if (o->on_added)
		o->on_added(o->owner);
	return OK;
}

/* The ranges stay disjoint: those that `range` overlaps or touches become part of it. */
static struct outbox_range absorb(struct outbox *o, struct outbox_range range)
{
	size_t kept = 0;
	for (size_t i = 0; i < o->ack_count; i++) {
		const struct outbox_range r = o->acks[i];
		if (r.from - 1 > range.to || range.from - 1 > r.to) {
			o->acks[kept++] = r;
			continue;
		}
		range.from = r.from < range.from ? r.from : range.from;
		range.to = r.to > range.to ? r.to : range.to;
	}
	o->ack_count = kept;
	return range;
}

void outbox_acknowledge(struct outbox *o, int64_t from, int64_t to)
{
	const struct outbox_range range = absorb(o, (struct outbox_range){ from, to });
	if (o->ack_count == OUTBOX_ACKS_MAX && outbox_settle(o, NULL))
		return; /* sent again, acknowledged again */
	o->acks[o->ack_count++] = range;
}

static const struct outbox_range *find_ack(const struct outbox *o, int64_t seq)
{
	for (size_t i = 0; i < o->ack_count; i++)
		if (seq >= o->acks[i].from && seq <= o->acks[i].to)
			return &o->acks[i];
	return NULL;
}

bool outbox_is_acknowledged(const struct outbox *o, int64_t seq)
{
	return find_ack(o, seq) != NULL;
}

/* When the oldest letter of a class that waits was made; 0: none waits. */
static int64_t oldest_waiting(struct outbox *o, enum letter_class class)
{
	struct letter l;
	int64_t after = 0;
	while (store_next(o->store, class, after, STORE_SEQ_MAX, &l) == OK) {
		const struct outbox_range *ack = find_ack(o, l.seq);
		if (!ack)
			return l.made_ms;
		after = ack->to;
	}
	return 0;
}

void outbox_waiting(struct outbox *o, struct store_total *out)
{
	*out = (struct store_total){ 0 };
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++) {
		struct store_total t;
		store_total(o->store, c, &t);
		out->letters += t.letters;
		out->bytes += t.bytes;
		t.oldest_ms = t.letters ? oldest_waiting(o, c) : 0;
		if (t.oldest_ms && (!out->oldest_ms || t.oldest_ms < out->oldest_ms))
			out->oldest_ms = t.oldest_ms;
	}
	for (size_t i = 0; i < o->ack_count; i++) {
		struct store_total gone;
		if (store_sum(o->store, o->acks[i].from, o->acks[i].to, &gone, NULL))
			continue; /* told as waiting rather than not at all */
		out->letters -= gone.letters;
		out->bytes -= gone.bytes;
	}
}

enum err outbox_refuse(struct outbox *o, int64_t seq, const char *reason, struct why *why)
{
	return store_bury(o->store, seq, reason, why);
}
