#include "cloud/hub/trail.h"

#include "base/json_text.h"
#include "base/utf8.h"
#include "ports/digest.h"

#include <stdio.h>

enum { ROW_TEXT_MAX = 3072, WORD_MAX = 1024, FAULT_SIZE = 160 };

#define COLUMNS                                                                                    \
	"seq, fleet, device, epoch, generation, base, writer, reason, document, kept, at_ms,"      \
	" previous, hash"

enum err trail_open(struct trail *t, struct ledger *l, struct why *why)
{
	*t = (struct trail){ .ledger = l };
	const struct {
		struct sql_query **into;
		const char *statement;
	} plan[] = {
		{ &t->has,
		  "SELECT 1 FROM audit WHERE fleet = ?1 AND device = ?2 AND document = ?3" },
		{ &t->end, "SELECT seq, hash FROM audit_end" },
		{ &t->add, "INSERT INTO audit(" COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
			   " ?9, ?10, ?11, ?12, ?13)" },
		{ &t->set_end, "INSERT INTO audit_end(only_row, seq, hash) VALUES(1, ?1, ?2)"
			       " ON CONFLICT(only_row) DO UPDATE SET seq = ?1, hash = ?2" },
	};
	enum err e = OK;
	for (size_t i = 0; !e && i < sizeof plan / sizeof *plan; i++)
		e = sql_prepare(l->sql, plan[i].statement, plan[i].into, why);
	if (e)
		trail_close(t);
	return e;
}

void trail_close(struct trail *t)
{
	struct sql_query *all[] = { t->has, t->end, t->add, t->set_end };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sql_finish(all[i]);
	*t = (struct trail){ 0 };
}

/* --- the chain --- */

static void put_string(struct text *t, const char *s)
{
	text_add(t, ",");
	json_text_string(t, bytes_of(s));
}

static void put_integer(struct text *t, int64_t n)
{
	text_add(t, ",");
	json_text_integer(t, n);
}

void trail_hash(const struct trail_row *r, char out[DIGEST_SIZE])
{
	char buffer[ROW_TEXT_MAX];
	struct text t = text_in(buffer, sizeof buffer);
	text_add(&t, "[");
	json_text_integer(&t, r->seq);
	put_string(&t, r->fleet);
	put_string(&t, r->device);
	put_integer(&t, r->epoch);
	put_integer(&t, r->generation);
	put_integer(&t, r->base);
	put_string(&t, r->writer);
	put_string(&t, r->reason);
	put_string(&t, r->document);
	put_integer(&t, r->kept);
	put_integer(&t, r->at_ms);
	put_string(&t, r->previous);
	text_add(&t, "]");
	digest_of(text_bytes(&t), out);
}

/* --- adding --- */

static enum err read_end(struct trail *t, int64_t *out_seq, char out_hash[DIGEST_SIZE],
			 struct why *why)
{
	*out_seq = 0;
	out_hash[0] = '\0';
	enum err e = sql_step(t->end, why);
	if (!e) {
		*out_seq = sql_integer(t->end, 0);
		text_copy(out_hash, DIGEST_SIZE, sql_bytes(t->end, 1));
	}
	sql_rewind(t->end);
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err has_row(struct trail *t, const struct ledger_source *s, const char *document,
			bool *out, struct why *why)
{
	sql_bind_text(t->has, 1, bytes_of(s->fleet));
	sql_bind_text(t->has, 2, bytes_of(s->device));
	sql_bind_text(t->has, 3, bytes_of(document));
	enum err e = sql_step(t->has, why);
	*out = !e;
	sql_rewind(t->has);
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err insert(struct trail *t, const struct trail_row *r, struct why *why)
{
	struct sql_query *q = t->add;
	sql_bind_integer(q, 1, r->seq);
	sql_bind_text(q, 2, bytes_of(r->fleet));
	sql_bind_text(q, 3, bytes_of(r->device));
	sql_bind_integer(q, 4, r->epoch);
	sql_bind_integer(q, 5, r->generation);
	sql_bind_integer(q, 6, r->base);
	sql_bind_text(q, 7, bytes_of(r->writer));
	sql_bind_text(q, 8, bytes_of(r->reason));
	sql_bind_text(q, 9, bytes_of(r->document));
	sql_bind_integer(q, 10, r->kept);
	sql_bind_integer(q, 11, r->at_ms);
	sql_bind_text(q, 12, bytes_of(r->previous));
	sql_bind_text(q, 13, bytes_of(r->hash));
	enum err e = sql_execute(q, why);
	if (e)
		return e;
	sql_bind_integer(t->set_end, 1, r->seq);
	sql_bind_text(t->set_end, 2, bytes_of(r->hash));
	return sql_execute(t->set_end, why);
}

/* Text of a foreign document, cut to what a row takes. */
static void copy_word(const struct desired *d, const char *key, char *out, size_t cap)
{
	const char *s = d ? json_string(json_member(d->document, key)) : NULL;
	text_copy(out, cap, bytes_of(s ? s : ""));
	utf8_fix(out); /* cut within a character */
}

static enum err add_row(struct trail *t, const struct trail_sight *s, const char *document,
			struct why *why)
{
	char writer[TRAIL_WRITER_MAX + 1], reason[TRAIL_REASON_MAX + 1];
	char previous[DIGEST_SIZE], hash[DIGEST_SIZE];
	struct trail_row r = {
		.fleet = s->device->fleet,
		.device = s->device->device,
		.epoch = s->d ? s->d->id.epoch : 0,
		.generation = s->d ? s->d->id.generation : 0,
		.writer = writer,
		.reason = reason,
		.document = document,
		.kept = s->kept,
		.at_ms = s->at_ms,
		.previous = previous,
		.hash = hash,
	};
	enum err e = read_end(t, &r.seq, previous, why);
	if (e)
		return e;
	r.seq++;
	if (s->d)
		json_integer(json_member(s->d->document, "base"), &r.base);
	copy_word(s->d, "writer", writer, sizeof writer);
	copy_word(s->d, "reason", reason, sizeof reason);
	trail_hash(&r, hash);
	return insert(t, &r, why);
}

enum err trail_add(struct trail *t, const struct trail_sight *s, struct why *why)
{
	char document[DIGEST_SIZE] = "";
	bool is_known = false;
	enum err e = ledger_begin(t->ledger, why);
	if (!e && s->d) {
		digest_of(s->message, document);
		e = has_row(t, s->device, document, &is_known, why);
	}
	return e || is_known ? e : add_row(t, s, document, why);
}

/* --- checking --- */

/* What was read before this row. */
struct check {
	int64_t seq;
	char hash[DIGEST_SIZE];
};

static const char *find_fault(const struct check *before, const struct trail_row *r,
			      char out[FAULT_SIZE])
{
	char hash[DIGEST_SIZE];
	trail_hash(r, hash);
	if (r->seq != before->seq + 1)
		snprintf(out, FAULT_SIZE, "rows are missing before it: the one before is %lld",
			 (long long)before->seq);
	else if (strcmp(hash, r->hash) != 0)
		snprintf(out, FAULT_SIZE, "it was changed: its hash belongs to other words");
	else if (strcmp(r->previous, before->hash) != 0)
		snprintf(out, FAULT_SIZE, "it does not follow row %lld: that one was changed",
			 (long long)before->seq);
	else
		return NULL;
	return out;
}

enum { TEXTS = 7 };

static void read_row(struct sql_query *q, char texts[TEXTS][WORD_MAX], struct trail_row *r)
{
	static const int columns[TEXTS] = { 1, 2, 6, 7, 8, 11, 12 };
	for (int i = 0; i < TEXTS; i++)
		text_copy(texts[i], WORD_MAX, sql_bytes(q, columns[i]));
	*r = (struct trail_row){
		.seq = sql_integer(q, 0),
		.fleet = texts[0],
		.device = texts[1],
		.epoch = sql_integer(q, 3),
		.generation = sql_integer(q, 4),
		.base = sql_integer(q, 5),
		.writer = texts[2],
		.reason = texts[3],
		.document = texts[4],
		.kept = sql_integer(q, 9) != 0,
		.at_ms = sql_integer(q, 10),
		.previous = texts[5],
		.hash = texts[6],
	};
}

/* The last row is the one that audit_end names. */
static enum err check_end(struct sql *s, const struct check *last, trail_on_row *on_row,
			  void *owner, struct why *why)
{
	char fault[FAULT_SIZE];
	struct sql_query *q;
	enum err e = sql_prepare(s, "SELECT seq, hash FROM audit_end", &q, why);
	if (e)
		return e;
	e = sql_step(q, why);
	const int64_t seq = e ? 0 : sql_integer(q, 0);
	const bool is_same = seq == last->seq && (e || bytes_are(sql_bytes(q, 1), last->hash));
	snprintf(fault, sizeof fault, "the last row should be %lld, and is %lld%s", (long long)seq,
		 (long long)last->seq, seq == last->seq ? " with another hash" : "");
	if ((!e || e == ERR_NOT_FOUND) && !is_same)
		on_row(owner, NULL, fault);
	sql_finish(q);
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err trail_check(struct sql *s, trail_on_row *on_row, void *owner, struct why *why)
{
	static char texts[TEXTS][WORD_MAX]; /* one hub, one thread */
	char fault[FAULT_SIZE];
	struct check before = { 0 };
	struct sql_query *q;
	enum err e = sql_prepare(s, "SELECT " COLUMNS " FROM audit ORDER BY seq", &q, why);
	if (e)
		return e;
	while (!(e = sql_step(q, why))) {
		struct trail_row r;
		read_row(q, texts, &r);
		on_row(owner, &r, find_fault(&before, &r, fault));
		before.seq = r.seq;
		text_copy(before.hash, sizeof before.hash, bytes_of(r.hash));
	}
	sql_finish(q);
	return e == ERR_NOT_FOUND ? check_end(s, &before, on_row, owner, why) : e;
}
