#include "sync/compact.h"

#include "base/scoped.h"
#include "ports/compress.h"
#include "sync/columns.h"

#include <stdio.h>

enum { COLUMNS_BYTES = 64 * 1024 }; /* what gather writes, unpacked */

void compact_init(struct compact *c, struct outbox *o, const char *run_dir, int64_t thin_ms)
{
	*c = (struct compact){ .outbox = o, .thin_ms = thin_ms };
	snprintf(c->path, sizeof c->path, "%s/compact", run_dir);
	c->unsent = store_last_seq(o->store); /* an earlier agent may have sent them */
}

void compact_on_up(struct compact *c)
{
	c->unsent = -1;
}

void compact_on_down(struct compact *c)
{
	if (c->outbox && c->unsent < 0)
		c->unsent = store_last_seq(c->outbox->store);
	c->since_last = 0;
}

void compact_on_export(struct compact *c)
{
	if (c->outbox && c->unsent >= 0)
		c->unsent = store_last_seq(c->outbox->store);
}

/* --- thinning --- */

/* When a point of a series was kept last; an empty place has the hash 0. */
struct kept {
	uint64_t series;
	int64_t slot;
};

static uint64_t mix(uint64_t h, struct bytes b)
{
	/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv */
	for (size_t i = 0; i < b.len; i++)
		h = (h ^ (unsigned char)b.at[i]) * 0x100000001b3u;
	return (h ^ 0xff) * 0x100000001b3u;
}

static uint64_t hash_series(const struct point *p)
{
	uint64_t h = mix(0xcbf29ce484222325u, p->measurement);
	for (size_t i = 0; i < p->tag_count; i++)
		h = mix(mix(h, p->tags[i].key), p->tags[i].value);
	for (size_t i = 0; i < p->field_count; i++)
		h = mix(h, p->fields[i].name);
	return h | 1;
}

/* May this point go, because one of its series stays that is near? */
static bool is_spare(struct kept kept[COMPACT_SERIES_MAX], const struct point *p, int64_t thin_ms)
{
	const uint64_t series = hash_series(p);
	const int64_t slot = p->time_ms / thin_ms;
	for (size_t i = 0; i < COMPACT_SERIES_MAX; i++) {
		struct kept *k = &kept[(series + i) % COMPACT_SERIES_MAX];
		if (k->series && k->series != series)
			continue;
		const bool spare = k->series == series && k->slot == slot;
		*k = (struct kept){ series, slot };
		return spare;
	}
	return false;
}

/* --- one from many --- */

struct merging {
	struct compact *compact;
	enum letter_class class;
	struct gather gather;
	bool thins;
	int64_t seqs[COMPACT_LETTERS];
	size_t count;
	uint32_t flags; /* of all of them */
	char stream[LABEL_SIZE];
	int64_t newest_ms;
	int64_t spared;
	bool full; /* no further point fits */
	struct kept kept[COMPACT_SERIES_MAX];
	char columns[COLUMNS_BYTES];
};

static void take_point(void *owner, const struct point *p)
{
	struct merging *m = owner;
	if (m->thins && is_spare(m->kept, p, m->compact->thin_ms)) {
		m->spared++;
		return;
	}
	m->full |= gather_add(&m->gather, m->stream, p, p->time_ms, true) != OK;
}

static void forget_points(struct merging *m)
{
	gather_clear(&m->gather);
	memset(m->kept, 0, sizeof m->kept);
	m->spared = 0;
	m->full = false;
}

/* False: it does not fit, and what of it did is to be forgotten. */
static bool take_letter(struct merging *m, const struct letter *l)
{
	size_t len;
	const int64_t spared = m->spared;
	if (compress_unpack(l->body, m->columns, sizeof m->columns, &len) ||
	    columns_read((struct bytes){ m->columns, len }, take_point, m, NULL) || m->full) {
		m->spared = spared;
		return false;
	}
	m->seqs[m->count++] = l->seq;
	if (l->made_ms > m->newest_ms)
		m->newest_ms = l->made_ms;
	return true;
}

static bool belongs(const struct merging *m, const struct letter *l)
{
	/* As text it would become more than one message: nothing is won. */
	if (l->flags & (LETTER_AS_JSON | LETTER_AS_LINE))
		return false;
	const uint32_t ours = l->flags & ~(uint32_t)LETTER_THINNED;
	const bool large = l->body.len > COMPACT_SMALL || l->items > COMPACT_POINTS_SMALL;
	if (m->thins ? l->flags & LETTER_THINNED : large)
		return false;
	return !m->count || (ours == m->flags && strcmp(l->stream, m->stream) == 0);
}

/* The oldest that may be touched, of one stream and clock. */
static void collect(struct merging *m)
{
	struct letter l;
	struct store *s = m->compact->outbox->store;
	for (int64_t at = m->compact->unsent;
	     m->count < COMPACT_LETTERS && store_next(s, m->class, at, STORE_SEQ_MAX, &l) == OK;
	     at = l.seq) {
		if (!belongs(m, &l))
			continue;
		if (!m->count) {
			m->flags = l.flags & ~(uint32_t)LETTER_THINNED;
			strcpy(m->stream, l.stream);
		}
		if (take_letter(m, &l))
			continue;
		if (m->count)
			return;
		forget_points(m); /* too many for us: it stays as it is */
	}
}

static enum err append(void *owner, const struct gather_segment *s, struct why *why)
{
	struct merging *m = owner;
	int64_t seq;
	const struct letter l = {
		.class = m->class,
		.made_ms = m->newest_ms,
		.items = s->points,
		.flags = m->flags | (m->thins ? LETTER_THINNED : 0),
		.stream = m->stream,
		.body = s->body,
	};
	return store_append(m->compact->outbox->store, &l, &seq, why);
}

static enum err exchange(struct merging *m, struct why *why)
{
	struct store *s = m->compact->outbox->store;
	int64_t dropped;
	enum err e = store_begin(s, why);
	if (e)
		return e;
	/* First what goes: its pages are used anew. */
	for (size_t i = 0; !e && i < m->count; i++)
		e = store_drop(s, m->seqs[i], m->seqs[i], &dropped, why);
	if (!e)
		e = gather_encode(&m->gather, append, m, why);
	if (e) {
		store_rollback(s);
		return e;
	}
	return store_commit(s, why);
}

/* A letter that did not fit has left points of itself: once more, without it. */
static void collect_what_fits(struct merging *m)
{
	collect(m);
	if (!m->full || !m->count)
		return;
	struct letter l;
	const size_t fits = m->count;
	m->count = 0;
	forget_points(m);
	for (size_t i = 0; i < fits; i++)
		if (store_next(m->compact->outbox->store, m->class, m->seqs[i] - 1, m->seqs[i],
			       &l) == OK)
			(void)take_letter(m, &l);
}

static bool is_worth_it(const struct merging *m)
{
	/* Thinned or not, it is marked: nobody looks at it a second time. */
	return m->count >= (m->thins ? 1 : COMPACT_LETTERS_LEAST);
}

static bool is_nearly_full(const struct outbox *o)
{
	int64_t bytes = 0;
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++) {
		struct store_total t;
		store_total(o->store, c, &t);
		bytes += t.bytes;
	}
	return bytes > o->quota / 100 * COMPACT_THIN_PERCENT;
}

/* The first class that has something to be done. What matters least comes first: it is
 * what would be given up first. Answers how many letters of one kind there are at most. */
static size_t choose(struct merging *m)
{
	static const enum letter_class order[] = { LETTER_BULK, LETTER_TELEMETRY, LETTER_URGENT };
	size_t most = 0;
	for (size_t i = 0; i < sizeof order / sizeof *order && !is_worth_it(m); i++) {
		m->class = order[i];
		m->count = 0;
		forget_points(m);
		collect_what_fits(m);
		if (m->count > most)
			most = m->count;
	}
	return most;
}

static enum err compact(struct compact *c, bool thins, struct why *why)
{
	SCOPED_MEMORY struct merging *m = calloc(1, sizeof *m);
	if (!m)
		return why_set(why, ERR_SYSTEM, "compact: no memory");
	m->compact = c;
	m->thins = thins;
	enum err e = gather_open(&m->gather, c->path, COMPACT_BYTES, why);
	if (e)
		return e;
	const size_t most = choose(m);
	if (is_worth_it(m))
		e = exchange(m, why);
	else
		c->since_last = most; /* so many wait for others of their kind */
	if (!e)
		c->thinned += m->spared;
	gather_close(&m->gather);
	return e;
}

enum err compact_look(struct compact *c, struct why *why)
{
	c->since_last++;
	const bool thins = c->thin_ms && is_nearly_full(c->outbox);
	if (c->unsent < 0 || (c->since_last < COMPACT_LETTERS_LEAST && !thins))
		return OK;
	c->since_last = 0;
	return compact(c, thins, why);
}
