#include "cloud/hub/letters.h"

#include "base/text.h"

#include <stdlib.h>

enum {
	VALUES_MAX = 8,
	NAMES = 8,                 /* parameters of one letter's name */
	NAME_TEXT = NAMES * 6 + 8, /* "(?2041,...)," */
	FIRST_ROOM = 64 * 1024,
	KEEP_ROOM = 4 * 1024 * 1024,
};

#define NULL_LENGTH UINT32_MAX

static const struct {
	const char *name, *columns;
	size_t count;
} tables[LETTER_TABLES] = {
	[LETTER_POINT] = { "point", "ts_ms,fleet,device,measurement,tags,fields", 6 },
	[LETTER_EVENT] = { "event", "ts_ms,fleet,device,type,reason,object,message,more", 8 },
	[LETTER_LOG] = { "log", "ts_ms,fleet,device,pod,container,stream,line", 7 },
};

const char *letters_columns(enum letter_table table)
{
	return tables[table].columns;
}

/* --- waiting --- */

/* The order in which names are written: two hubs that write the same ones wait for one
 * another, and never each for the other. */
static int compare(const struct letter *a, const struct letter *b)
{
	int n = strcmp(a->fleet, b->fleet);
	if (!n)
		n = strcmp(a->device, b->device);
	if (!n)
		n = strcmp(a->stream, b->stream);
	if (!n)
		n = strcmp(a->buf, b->buf);
	return n ? n : (a->seq > b->seq) - (a->seq < b->seq);
}

static struct letter *find(struct letter *const *order, size_t n, const struct letter *wanted)
{
	for (size_t i = 0; i < n; i++)
		if (compare(order[i], wanted) == 0)
			return order[i];
	return NULL;
}

static bool copy_name(struct letter *out, const struct ledger_batch *b)
{
	return text_copy(out->fleet, sizeof out->fleet, bytes_of(b->source.fleet)) &&
	       text_copy(out->device, sizeof out->device, bytes_of(b->source.device)) &&
	       text_copy(out->stream, sizeof out->stream, bytes_of(b->stream)) &&
	       text_copy(out->kind, sizeof out->kind, bytes_of(b->kind)) &&
	       text_copy(out->buf, sizeof out->buf, bytes_of(b->buf));
}

enum err letters_begin(struct letters *l, const struct ledger_batch *b, struct why *why)
{
	if (l->count >= LETTERS_MAX)
		return why_set(why, ERR_AGAIN, "%d letters wait for the database", LETTERS_MAX);
	struct letter *new = &l->list[l->count];
	*new = (struct letter){ .seq = b->seq,
				.received_ms = b->received_ms,
				.history = b->history,
				.at = l->len,
				.end = l->len };
	if (!copy_name(new, b))
		return why_set(why, ERR_INVALID, "a name of more than %d bytes", LABEL_SIZE - 1);
	for (size_t i = 0; i < l->count; i++)
		if (compare(&l->list[i], new) == 0)
			return why_set(why, ERR_CONFLICT, "this batch is there already");
	l->count++;
	return OK;
}

static enum err make_room(struct letters *l, size_t more, struct why *why)
{
	if (l->len + more <= l->cap)
		return OK;
	size_t cap = l->cap ? l->cap : FIRST_ROOM;
	while (cap < l->len + more)
		cap *= 2;
	char *rows = realloc(l->rows, cap);
	if (!rows)
		return why_set(why, ERR_SYSTEM, "letters: no memory");
	l->rows = rows;
	l->cap = cap;
	return OK;
}

static void put(struct letters *l, const void *at, size_t len)
{
	if (len)
		memcpy(l->rows + l->len, at, len);
	l->len += len;
}

enum err letters_add_row(struct letters *l, enum letter_table table, int64_t time_ms,
			 const struct bytes *values, size_t n, struct why *why)
{
	struct letter *letter = &l->list[l->count - 1];
	size_t more = 0;
	for (size_t i = 0; i < n; i++)
		more += sizeof(uint32_t) + values[i].len;
	if (l->len - letter->at + more > LETTER_ROWS_MAX)
		return why_set(why, ERR_INVALID, "a letter with more than %d bytes of rows",
			       LETTER_ROWS_MAX);
	enum err e = make_room(l, more, why);
	if (e)
		return e;
	for (size_t i = 0; i < n; i++) {
		const uint32_t len = values[i].at ? (uint32_t)values[i].len : NULL_LENGTH;
		put(l, &len, sizeof len);
		put(l, values[i].at, values[i].at ? values[i].len : 0);
	}
	letter->table = (int)table;
	letter->end = l->len;
	letter->count++;
	if (time_ms > letter->newest_ms)
		letter->newest_ms = time_ms;
	return OK;
}

void letters_end(struct letters *l, bool keep)
{
	if (!keep)
		l->len = l->list[--l->count].at;
}

bool letters_are_heavy(const struct letters *l)
{
	return l->len >= LETTERS_BYTES;
}

/* --- writing --- */

static void bind_name(struct sql_query *q, int at, const struct letter *a)
{
	sql_bind_text(q, at, bytes_of(a->fleet));
	sql_bind_text(q, at + 1, bytes_of(a->device));
	sql_bind_text(q, at + 2, bytes_of(a->stream));
	sql_bind_text(q, at + 3, bytes_of(a->buf));
	sql_bind_integer(q, at + 4, a->seq);
	sql_bind_text(q, at + 5, bytes_of(a->kind));
	sql_bind_integer(q, at + 6, a->history);
	sql_bind_integer(q, at + 7, a->received_ms);
}

static enum err prepare_names(struct sql *sql, size_t n, struct sql_query **out, struct why *why)
{
	static char statement[LETTERS_MAX * NAME_TEXT + 256]; /* one hub, one thread */
	struct text t = text_in(statement, sizeof statement);
	text_add(&t, "INSERT INTO batch(fleet,device,stream,buf,seq,kind,hist,received_ms) VALUES");
	for (size_t i = 0; i < n * NAMES; i++)
		text_add(&t, "%s?%zu%s", i % NAMES ? "" : "(", i + 1,
			 i % NAMES < NAMES - 1 ? ","
			 : i + 1 < n * NAMES   ? "),"
					       : ")");
	text_add(&t, " ON CONFLICT DO NOTHING RETURNING fleet,device,stream,buf,seq");
	const enum err e = sql_prepare(sql, statement, out, why);
	return e == ERR_INVALID ? ERR_SYSTEM : e; /* the tables are wrong, and no letter is */
}

static void mark_new(struct sql_query *q, struct letter *const *order, size_t n)
{
	struct letter wanted = { .seq = sql_integer(q, 4) };
	text_copy(wanted.fleet, sizeof wanted.fleet, sql_bytes(q, 0));
	text_copy(wanted.device, sizeof wanted.device, sql_bytes(q, 1));
	text_copy(wanted.stream, sizeof wanted.stream, sql_bytes(q, 2));
	text_copy(wanted.buf, sizeof wanted.buf, sql_bytes(q, 3));
	struct letter *found = find(order, n, &wanted);
	if (found)
		found->is_new = true;
}

static enum err write_names(struct sql *sql, struct letter *const *order, size_t n, struct why *why)
{
	struct sql_query *q;
	enum err e = prepare_names(sql, n, &q, why);
	if (e)
		return e;
	for (size_t i = 0; i < n; i++) {
		order[i]->is_new = false;
		bind_name(q, (int)(i * NAMES) + 1, order[i]);
	}
	while (!(e = sql_step(q, why)))
		mark_new(q, order, n);
	sql_finish(q);
	return e == ERR_NOT_FOUND ? OK : e;
}

static void write_rows_of(const struct letters *l, struct sql *sql, const struct letter *letter)
{
	const char *at = l->rows + letter->at;
	struct bytes values[VALUES_MAX];
	for (size_t row = 0; row < letter->count; row++) {
		for (size_t i = 0; i < tables[letter->table].count; i++) {
			uint32_t len;
			memcpy(&len, at, sizeof len);
			at += sizeof len;
			values[i] = len == NULL_LENGTH ? (struct bytes){ NULL, 0 }
						       : (struct bytes){ at, len };
			at += values[i].len;
		}
		sql_bulk_row(sql, values, tables[letter->table].count);
	}
}

static bool has_rows(const struct letter *letter, int table)
{
	return letter->is_new && letter->count && letter->table == table;
}

static enum err write_table(const struct letters *l, struct sql *sql, int table,
			    struct letter *const *order, size_t n, struct why *why)
{
	size_t first = 0;
	while (first < n && !has_rows(order[first], table))
		first++;
	if (first == n)
		return OK;
	enum err e = sql_bulk_begin(sql, tables[table].name, tables[table].columns, why);
	if (e)
		return e == ERR_INVALID ? ERR_SYSTEM : e;
	for (size_t i = first; i < n; i++)
		if (has_rows(order[i], table))
			write_rows_of(l, sql, order[i]);
	return sql_bulk_end(sql, why);
}

static enum err write_once(const struct letters *l, struct sql *sql, struct letter *const *order,
			   size_t n, struct why *why)
{
	enum err e = sql_begin(sql, why);
	if (e)
		return e;
	e = write_names(sql, order, n, why);
	for (int table = 0; !e && table < LETTER_TABLES; table++)
		e = write_table(l, sql, table, order, n, why);
	if (!e)
		e = sql_run(sql, "COMMIT", why);
	if (e)
		(void)!sql_run(sql, "ROLLBACK", NULL);
	return e;
}

static void settle(const struct letters *l, struct letter *const *order, size_t n, const char *bad)
{
	for (size_t i = 0; l->on_settled && i < n; i++) {
		const struct letter_fate fate = { order[i], bad };
		l->on_settled(l->owner, &fate);
	}
}

/* A value, or a condition of a table: no other letter can be blamed for it. */
static bool is_poison(enum err e)
{
	return e == ERR_INVALID || e == ERR_CONFLICT;
}

static enum err write(const struct letters *l, struct sql *sql, struct letter *const *order,
		      size_t n, struct why *why)
{
	enum err e = ERR_AGAIN;
	for (int i = 0; e == ERR_AGAIN && i < LETTERS_TRIES; i++)
		e = write_once(l, sql, order, n, why);
	if (!is_poison(e)) {
		if (!e)
			settle(l, order, n, NULL);
		return e;
	}
	if (n == 1) {
		settle(l, order, 1, why->text);
		return OK;
	}
	e = write(l, sql, order, n / 2, why);
	return e ? e : write(l, sql, order + n / 2, n - n / 2, why);
}

static int compare_places(const void *a, const void *b)
{
	return compare(*(struct letter *const *)a, *(struct letter *const *)b);
}

enum err letters_write(struct letters *l, struct sql *sql, struct why *why)
{
	struct letter *order[LETTERS_MAX];
	struct why own;
	if (!l->count)
		return OK;
	for (size_t i = 0; i < l->count; i++)
		order[i] = &l->list[i];
	qsort(order, l->count, sizeof *order, compare_places);
	const enum err e = write(l, sql, order, l->count, why ? why : &own);
	letters_forget(l);
	return e;
}

void letters_forget(struct letters *l)
{
	l->count = 0;
	l->len = 0;
	if (l->cap > KEEP_ROOM) { /* one was large; the next ones are not */
		free(l->rows);
		l->rows = NULL;
		l->cap = 0;
	}
}

void letters_free(struct letters *l)
{
	free(l->rows);
	*l = (struct letters){ 0 };
}
