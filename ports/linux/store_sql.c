#include "ports/store.h"

#include "base/text.h"
#include "ports/sql.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A letter's key is its class and its seq in one integer, so that the oldest
 * of a class is the first of a range and no second index has to be written.
 */
enum { CLASS_SHIFT = 48, OPEN_TRIES = 3 };

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS letter ("
	"  id INTEGER PRIMARY KEY, made_ms INTEGER NOT NULL, items INTEGER NOT NULL,"
	"  flags INTEGER NOT NULL, stream TEXT NOT NULL, body BLOB NOT NULL);"
	"CREATE TABLE IF NOT EXISTS setting ("
	"  key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS dead ("
	"  seq INTEGER PRIMARY KEY, stream TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT "
	"NULL);"
	"COMMIT;";

/* The seq after the newest that was ever given out, when its letter is gone. */
static const char SEQ_KEY[] = "store/next-seq";

struct store {
	struct sql *sql;
	struct sql_query *append, *next, *drop, *sum, *oldest, *put, *get, *remove, *bury, *trim,
		*count_dead;
	int64_t next_seq;
	int64_t buried;
	struct store_total totals[LETTER_CLASSES];
	char stream[LABEL_SIZE];                   /* of the letter read last */
	struct store_total before[LETTER_CLASSES]; /* for a rollback */
	int64_t seq_before;
	bool in_transaction;
};

static int64_t id_of(enum letter_class class, int64_t seq)
{
	/* Boards in the field have letters under these numbers: they stay. */
	static const int64_t numbers[LETTER_CLASSES] = { [LETTER_EVENT] = 0,
							 [LETTER_URGENT] = 3,
							 [LETTER_LOG] = 1,
							 [LETTER_TELEMETRY] = 2,
							 [LETTER_BULK] = 4 };
	return numbers[class] << CLASS_SHIFT | seq;
}

static int64_t seq_of(int64_t id)
{
	return id & STORE_SEQ_MAX;
}

static enum err prepare_all(struct store *s, struct why *why)
{
	const struct {
		struct sql_query **into;
		const char *statement;
	} plan[] = {
		{ &s->append, "INSERT INTO letter VALUES(?1, ?2, ?3, ?4, ?5, ?6)" },
		{ &s->next, "SELECT id, made_ms, items, flags, stream, body FROM letter"
			    " WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT 1" },
		{ &s->drop, "DELETE FROM letter WHERE id >= ?1 AND id <= ?2" },
		{ &s->sum, "SELECT count(*), coalesce(sum(length(body)), 0) FROM letter"
			   " WHERE id >= ?1 AND id <= ?2" },
		{ &s->oldest, "SELECT made_ms FROM letter WHERE id >= ?1 AND id <= ?2"
			      " ORDER BY id LIMIT 1" },
		{ &s->put, "INSERT INTO setting VALUES(?1, ?2)"
			   " ON CONFLICT(key) DO UPDATE SET value = excluded.value" },
		{ &s->get, "SELECT value FROM setting WHERE key = ?1" },
		{ &s->remove, "DELETE FROM setting WHERE key = ?1" },
		{ &s->bury, "INSERT OR REPLACE INTO dead VALUES(?1, ?2, ?3, ?4)" },
		{ &s->trim, "DELETE FROM dead WHERE seq IN"
			    " (SELECT seq FROM dead ORDER BY seq DESC LIMIT -1 OFFSET ?1)" },
		{ &s->count_dead, "SELECT count(*) FROM dead" },
	};
	enum err e = OK;
	for (size_t i = 0; !e && i < sizeof plan / sizeof *plan; i++)
		e = sql_prepare(s->sql, plan[i].statement, plan[i].into, why);
	return e;
}

/* Letters and bytes of a range of ids. */
static enum err sum_range(struct store *s, int64_t from_id, int64_t to_id, struct store_total *out,
			  struct why *why)
{
	sql_bind_integer(s->sum, 1, from_id);
	sql_bind_integer(s->sum, 2, to_id);
	enum err e = sql_step(s->sum, why);
	if (!e)
		*out = (struct store_total){ sql_integer(s->sum, 0), sql_integer(s->sum, 1), 0 };
	sql_rewind(s->sum);
	return e;
}

static enum err find_oldest(struct store *s, enum letter_class class, int64_t *out_ms,
			    struct why *why)
{
	sql_bind_integer(s->oldest, 1, id_of(class, 0));
	sql_bind_integer(s->oldest, 2, id_of(class, STORE_SEQ_MAX));
	enum err e = sql_step(s->oldest, why);
	*out_ms = e ? 0 : sql_integer(s->oldest, 0);
	sql_rewind(s->oldest);
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err newest_seq(struct store *s, enum letter_class class, int64_t *out, struct why *why)
{
	struct sql_query *q;
	enum err e = sql_prepare(s->sql,
				 "SELECT coalesce(max(id), -1) FROM letter"
				 " WHERE id >= ?1 AND id <= ?2",
				 &q, why);
	if (e)
		return e;
	sql_bind_integer(q, 1, id_of(class, 0));
	sql_bind_integer(q, 2, id_of(class, STORE_SEQ_MAX));
	e = sql_step(q, why);
	if (!e && sql_integer(q, 0) >= 0)
		*out = seq_of(sql_integer(q, 0));
	sql_finish(q);
	return e;
}

static enum err recall(struct store *s, struct why *why)
{
	struct bytes kept;
	s->next_seq = 1;
	enum err e = store_get(s, SEQ_KEY, &kept);
	if (!e && kept.len == sizeof s->next_seq)
		memcpy(&s->next_seq, kept.at, sizeof s->next_seq);
	if (e && e != ERR_NOT_FOUND)
		return why_set(why, e, "the store does not read back");

	e = OK;
	for (enum letter_class c = 0; !e && c < LETTER_CLASSES; c++) {
		int64_t newest = 0;
		e = sum_range(s, id_of(c, 0), id_of(c, STORE_SEQ_MAX), &s->totals[c], why);
		if (!e)
			e = find_oldest(s, c, &s->totals[c].oldest_ms, why);
		if (!e)
			e = newest_seq(s, c, &newest, why);
		if (newest >= s->next_seq)
			s->next_seq = newest + 1;
	}
	if (!e)
		e = sql_step(s->count_dead, why);
	if (!e)
		s->buried = sql_integer(s->count_dead, 0);
	sql_rewind(s->count_dead);
	return e;
}

/* Fill the log once to the size at which it is reused, in one go: growing it
 * step by step costs the file system a journal write for each commit. */
static enum err fill_log(struct sql *sql, struct why *why)
{
	return sql_run(sql,
		       "CREATE TABLE filler(x BLOB);"
		       "INSERT INTO filler VALUES(zeroblob(480 * 1024));"
		       "DROP TABLE filler;"
		       "VACUUM;"
		       "PRAGMA wal_checkpoint(RESTART);",
		       why);
}

static enum err open_schema(struct sql *sql, struct why *why)
{
	struct sql_query *q;
	enum err e = sql_prepare(sql, "SELECT 1 FROM sqlite_master WHERE name = 'letter'", &q, why);
	if (e)
		return e;
	e = sql_step(q, why);
	sql_finish(q);
	if (e != ERR_NOT_FOUND)
		return e;
	e = sql_run(sql, schema, why);
	return e ? e : fill_log(sql, why);
}

static void set_aside(const char *path)
{
	char aside[512];
	snprintf(aside, sizeof aside, "%s.corrupt", path);
	if (rename(path, aside))
		remove(path);
	/* Its log belongs to it and would be taken for the new one's. */
	snprintf(aside, sizeof aside, "%s-wal", path);
	remove(aside);
	snprintf(aside, sizeof aside, "%s-shm", path);
	remove(aside);
}

static enum err try_to_open(const char *path, struct store **out, struct why *why)
{
	struct store *s = calloc(1, sizeof *s);
	if (!s)
		return why_set(why, ERR_SYSTEM, "store: no memory");

	enum err e = sql_open(path, SQL_FLASH, &s->sql, why);
	if (!e)
		e = open_schema(s->sql, why);
	if (!e)
		e = prepare_all(s, why);
	if (!e)
		e = recall(s, why);
	if (e)
		store_close(s);
	else
		*out = s;
	return e;
}

enum err store_open(const char *path, struct store **out, struct why *why)
{
	enum err e = ERR_CORRUPT;
	/* SQLite calls a card that does not answer once (EIO) a malformed database, too. */
	for (int i = 0; e == ERR_CORRUPT && i < OPEN_TRIES; i++)
		e = try_to_open(path, out, why);
	if (e == ERR_CORRUPT)
		set_aside(path);
	return e;
}

enum err store_open_read(const char *path, struct store **out, struct why *why)
{
	struct store *s = calloc(1, sizeof *s);
	if (!s)
		return why_set(why, ERR_SYSTEM, "store: no memory");
	enum err e = sql_open(path, SQL_READ, &s->sql, why);
	if (!e)
		e = prepare_all(s, why);
	if (!e)
		e = recall(s, why);
	if (e)
		store_close(s);
	else
		*out = s;
	return e;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	struct sql_query *all[] = { s->append, s->next,   s->drop, s->sum,  s->oldest,    s->put,
				    s->get,    s->remove, s->bury, s->trim, s->count_dead };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sql_finish(all[i]);
	sql_close(s->sql);
	free(s);
}

/* A row that is still being read would hold a write back. */
static void end_reads(struct store *s)
{
	sql_rewind(s->next);
	sql_rewind(s->get);
}

enum err store_begin(struct store *s, struct why *why)
{
	assert(!s->in_transaction);
	end_reads(s);
	enum err e = sql_run(s->sql, "BEGIN IMMEDIATE", why);
	if (e)
		return e;
	s->in_transaction = true;
	s->seq_before = s->next_seq;
	memcpy(s->before, s->totals, sizeof s->before);
	return OK;
}

enum err store_commit(struct store *s, struct why *why)
{
	assert(s->in_transaction);
	end_reads(s);
	enum err e = sql_run(s->sql, "COMMIT", why);
	if (e) {
		store_rollback(s);
		return e;
	}
	s->in_transaction = false;
	return OK;
}

void store_rollback(struct store *s)
{
	if (!s->in_transaction)
		return;
	end_reads(s);
	/* SQLite may have rolled back by itself, on a full medium for one. */
	(void)sql_run(s->sql, "ROLLBACK", NULL);
	s->in_transaction = false;
	s->next_seq = s->seq_before;
	memcpy(s->totals, s->before, sizeof s->totals);
}

enum err store_append(struct store *s, const struct letter *letter, int64_t *out_seq,
		      struct why *why)
{
	end_reads(s);
	sql_bind_integer(s->append, 1, id_of(letter->class, s->next_seq));
	sql_bind_integer(s->append, 2, letter->made_ms);
	sql_bind_integer(s->append, 3, letter->items);
	sql_bind_integer(s->append, 4, letter->flags);
	sql_bind_text(s->append, 5, bytes_of(letter->stream));
	sql_bind_blob(s->append, 6, letter->body);
	enum err e = sql_execute(s->append, why);
	if (e)
		return e;

	struct store_total *t = &s->totals[letter->class];
	if (t->letters++ == 0)
		t->oldest_ms = letter->made_ms;
	t->bytes += (int64_t)letter->body.len;
	*out_seq = s->next_seq++;
	return OK;
}

enum err store_next(struct store *s, enum letter_class class, int64_t after, int64_t until,
		    struct letter *out)
{
	sql_rewind(s->next);
	sql_bind_integer(s->next, 1, id_of(class, after));
	sql_bind_integer(s->next, 2, id_of(class, until));
	enum err e = sql_step(s->next, NULL);
	if (e) {
		sql_rewind(s->next);
		return e;
	}
	text_copy(s->stream, sizeof s->stream, sql_bytes(s->next, 4));
	*out = (struct letter){
		.seq = seq_of(sql_integer(s->next, 0)),
		.class = class,
		.made_ms = sql_integer(s->next, 1),
		.items = (uint32_t)sql_integer(s->next, 2),
		.flags = (uint32_t)sql_integer(s->next, 3),
		.stream = s->stream,
		.body = sql_bytes(s->next, 5),
	};
	return OK;
}

/* Before the newest letter goes, its seq is written down: it names that letter
 * for ever and must not name another one after a restart. */
static enum err remember_seq(struct store *s, int64_t dropped_to, struct why *why)
{
	if (dropped_to < s->next_seq - 1)
		return OK;
	struct bytes next = { (const char *)&s->next_seq, sizeof s->next_seq };
	return store_put(s, SEQ_KEY, next, why);
}

static enum err drop_class(struct store *s, enum letter_class class, int64_t from, int64_t to,
			   struct why *why)
{
	struct store_total going, *t = &s->totals[class];
	enum err e = sum_range(s, id_of(class, from), id_of(class, to), &going, why);
	if (e || going.letters == 0)
		return e;

	sql_bind_integer(s->drop, 1, id_of(class, from));
	sql_bind_integer(s->drop, 2, id_of(class, to));
	e = sql_execute(s->drop, why);
	if (e)
		return e;
	t->letters -= going.letters;
	t->bytes -= going.bytes;
	return find_oldest(s, class, &t->oldest_ms, why);
}

static enum err drop_all_classes(struct store *s, int64_t from, int64_t to, struct why *why)
{
	enum err e = remember_seq(s, to, why);
	for (enum letter_class c = 0; !e && c < LETTER_CLASSES; c++)
		if (s->totals[c].letters)
			e = drop_class(s, c, from, to, why);
	return e;
}

static int64_t letters_in_all(const struct store *s)
{
	int64_t n = 0;
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++)
		n += s->totals[c].letters;
	return n;
}

enum err store_drop(struct store *s, int64_t from, int64_t to, int64_t *out_dropped,
		    struct why *why)
{
	const int64_t before = letters_in_all(s);
	const bool own = !s->in_transaction;
	if (to >= s->next_seq)
		to = s->next_seq - 1;
	*out_dropped = 0;
	if (from > to)
		return OK;

	end_reads(s);
	enum err e = own ? store_begin(s, why) : OK;
	if (e)
		return e;
	e = drop_all_classes(s, from, to, why);
	if (own && e)
		store_rollback(s);
	if (own && !e)
		e = store_commit(s, why);
	*out_dropped = before - letters_in_all(s);
	return e;
}

static enum err find(struct store *s, int64_t seq, struct letter *out)
{
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++)
		if (store_next(s, c, seq - 1, seq, out) == OK)
			return OK;
	return ERR_NOT_FOUND;
}

static enum err copy_to_dead(struct store *s, const struct letter *letter, const char *reason,
			     struct why *why)
{
	sql_bind_integer(s->bury, 1, letter->seq);
	sql_bind_text(s->bury, 2, bytes_of(letter->stream));
	sql_bind_text(s->bury, 3, bytes_of(reason));
	sql_bind_blob(s->bury, 4, letter->body);
	enum err e = sql_execute(s->bury, why);
	sql_bind_integer(s->trim, 1, DEAD_LETTERS_MAX);
	return e ? e : sql_execute(s->trim, why);
}

enum err store_bury(struct store *s, int64_t seq, const char *reason, struct why *why)
{
	if (seq < 1 || seq >= s->next_seq)
		return why_set(why, ERR_NOT_FOUND, "there is no letter %lld", (long long)seq);
	enum err e = store_begin(s, why);
	if (e)
		return e;

	struct letter letter;
	int64_t dropped;
	e = find(s, seq, &letter);
	if (!e)
		e = copy_to_dead(s, &letter, reason, why);
	if (!e)
		e = store_drop(s, seq, seq, &dropped, why);
	if (e) {
		store_rollback(s);
		return e;
	}
	e = store_commit(s, why);
	if (!e && s->buried < DEAD_LETTERS_MAX)
		s->buried++;
	return e;
}

enum err store_sum(struct store *s, int64_t from, int64_t to, struct store_total *out,
		   struct why *why)
{
	*out = (struct store_total){ 0 };
	if (to >= s->next_seq)
		to = s->next_seq - 1;
	enum err e = OK;
	for (enum letter_class c = 0; !e && from <= to && c < LETTER_CLASSES; c++) {
		struct store_total one = { 0 };
		if (s->totals[c].letters)
			e = sum_range(s, id_of(c, from), id_of(c, to), &one, why);
		out->letters += one.letters;
		out->bytes += one.bytes;
	}
	return e;
}

void store_total(const struct store *s, enum letter_class class, struct store_total *out)
{
	*out = s->totals[class];
}

int64_t store_last_seq(const struct store *s)
{
	return s->next_seq - 1;
}

int64_t store_buried(const struct store *s)
{
	return s->buried;
}

enum err store_put(struct store *s, const char *key, struct bytes value, struct why *why)
{
	end_reads(s);
	sql_bind_text(s->put, 1, bytes_of(key));
	sql_bind_blob(s->put, 2, value);
	return sql_execute(s->put, why);
}

enum err store_get(struct store *s, const char *key, struct bytes *out)
{
	sql_rewind(s->get);
	sql_bind_text(s->get, 1, bytes_of(key));
	enum err e = sql_step(s->get, NULL);
	if (e) {
		sql_rewind(s->get);
		return e;
	}
	*out = sql_bytes(s->get, 0);
	return OK;
}

enum err store_remove(struct store *s, const char *key, struct why *why)
{
	end_reads(s);
	sql_bind_text(s->remove, 1, bytes_of(key));
	return sql_execute(s->remove, why);
}
