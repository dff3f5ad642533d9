#include "ports/linux/sql_engine.h"

#include "base/text.h"
#include "ports/file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUSY_WAIT_MS = 5000, OFTEN = 512 * 1024 };

struct file {
	struct sql sql;
	sqlite3 *db;
	/* of a bulk */
	struct sql_query *insert;
	enum err err;
	struct why why;
};

struct query {
	struct sql_query query;
	sqlite3_stmt *statement;
};

static struct file *file_of(const struct sql *s)
{
	return (struct file *)s;
}

static sqlite3_stmt *statement_of(struct sql_query *q)
{
	return ((struct query *)q)->statement;
}

static enum err class_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
		return OK;
	case SQLITE_DONE:
		return ERR_NOT_FOUND;
	case SQLITE_FULL:
		return ERR_FULL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_AGAIN;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_CORRUPT;
	case SQLITE_CONSTRAINT:
		return ERR_CONFLICT;
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return ERR_INVALID;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return ERR_DENIED;
	default:
		return ERR_SYSTEM;
	}
}

static enum err explain(const struct sql *s, int rc, struct why *why)
{
	return why_set(why, class_of(rc), "database: %s", sqlite3_errmsg(file_of(s)->db));
}

/* The page size must be chosen before the first table; WAL with FULL puts a
 * commit on the medium. A log that shrinks costs a journal write of the file
 * system at each commit: journal_size_limit -1 keeps it. */
static const char flash_setup[] = "PRAGMA page_size = 512;"
				  "PRAGMA journal_mode = WAL;"
				  "PRAGMA synchronous = FULL;"
				  "PRAGMA journal_size_limit = -1;"
				  "PRAGMA secure_delete = 0;"
				  "PRAGMA cache_size = -128;"
				  "PRAGMA temp_store = MEMORY;";
static const char hub_setup[] = "PRAGMA journal_mode = WAL;"
				"PRAGMA synchronous = FULL;"
				"PRAGMA foreign_keys = ON;"
				"PRAGMA cache_size = -8192;";

static const char *setup_of(enum sql_use use)
{
	return use == SQL_FLASH ? flash_setup
	       : use == SQL_HUB ? hub_setup
				: "PRAGMA query_only = 1;";
}

static void close_file(struct sql *s)
{
	sqlite3_close(file_of(s)->db);
	free(s);
}

static enum err run(struct sql *s, const char *statements, struct why *why)
{
	int rc = sqlite3_exec(file_of(s)->db, statements, NULL, NULL, NULL);
	return rc ? explain(s, rc, why) : OK;
}

static enum err prepare(struct sql *s, const char *statement, struct sql_query **out,
			struct why *why)
{
	struct query *q = calloc(1, sizeof *q);
	if (!q)
		return why_set(why, ERR_SYSTEM, "database: no memory");
	q->query.sql = s;
	const char *rest = NULL;
	int rc = sqlite3_prepare_v3(file_of(s)->db, statement, -1, SQLITE_PREPARE_PERSISTENT,
				    &q->statement, &rest);
	if (rc || !q->statement) {
		enum err e =
			rc ? explain(s, rc, why) : why_set(why, ERR_INVALID, "an empty statement");
		free(q);
		/* A wrong statement is the caller's input, not a broken system. */
		return e == ERR_SYSTEM ? ERR_INVALID : e;
	}
	*out = &q->query;
	return OK;
}

static void finish(struct sql_query *q)
{
	sqlite3_finalize(statement_of(q));
	free(q);
}

static void bind_integer(struct sql_query *q, int at, int64_t n)
{
	sqlite3_bind_int64(statement_of(q), at, n);
}

static void bind_text(struct sql_query *q, int at, struct bytes s)
{
	sqlite3_bind_text(statement_of(q), at, s.at ? s.at : "", (int)s.len, SQLITE_STATIC);
}

static void bind_blob(struct sql_query *q, int at, struct bytes b)
{
	sqlite3_bind_blob(statement_of(q), at, b.at ? b.at : "", (int)b.len, SQLITE_STATIC);
}

static void bind_null(struct sql_query *q, int at)
{
	sqlite3_bind_null(statement_of(q), at);
}

static enum err step(struct sql_query *q, struct why *why)
{
	int rc = sqlite3_step(statement_of(q));
	if (rc == SQLITE_ROW)
		return OK;
	if (rc == SQLITE_DONE)
		return ERR_NOT_FOUND;
	return explain(q->sql, rc, why);
}

static void rewind_query(struct sql_query *q)
{
	sqlite3_reset(statement_of(q));
	sqlite3_clear_bindings(statement_of(q));
}

static int64_t integer(struct sql_query *q, int column)
{
	return sqlite3_column_int64(statement_of(q), column);
}

static double number(struct sql_query *q, int column)
{
	return sqlite3_column_double(statement_of(q), column);
}

static struct bytes bytes(struct sql_query *q, int column)
{
	const char *at = sqlite3_column_blob(statement_of(q), column);
	return (struct bytes){ at, (size_t)sqlite3_column_bytes(statement_of(q), column) };
}

static bool is_null(struct sql_query *q, int column)
{
	return sqlite3_column_type(statement_of(q), column) == SQLITE_NULL;
}

static bool is_number(struct sql_query *q, int column)
{
	int type = sqlite3_column_type(statement_of(q), column);
	return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

static int columns(struct sql_query *q)
{
	return sqlite3_column_count(statement_of(q));
}

static const char *column_name(struct sql_query *q, int column)
{
	return sqlite3_column_name(statement_of(q), column);
}

static int64_t changes(struct sql *s)
{
	return sqlite3_changes64(file_of(s)->db);
}

/* --- many rows --- */

static enum err bulk_begin(struct sql *s, const char *table, const char *names, struct why *why)
{
	char statement[512];
	struct text t = text_in(statement, sizeof statement);
	text_add(&t, "INSERT INTO %s(%s) VALUES(?1", table, names);
	int n = 2;
	for (const char *comma = strchr(names, ','); comma; comma = strchr(comma + 1, ','))
		text_add(&t, ",?%d", n++);
	text_add(&t, ")");
	file_of(s)->err = OK;
	return text_is_cut(&t) ? why_set(why, ERR_INVALID, "%s: too many columns", table)
			       : prepare(s, statement, &file_of(s)->insert, why);
}

static void bulk_row(struct sql *s, const struct bytes *values, size_t n)
{
	struct file *f = file_of(s);
	if (f->err)
		return;
	for (size_t i = 0; i < n; i++)
		if (values[i].at)
			bind_text(f->insert, (int)i + 1, values[i]);
		else
			bind_null(f->insert, (int)i + 1);
	f->err = sql_execute(f->insert, &f->why);
}

static enum err bulk_end(struct sql *s, struct why *why)
{
	struct file *f = file_of(s);
	finish(f->insert);
	f->insert = NULL;
	return f->err ? why_set(why, f->err, "%s", f->why.text) : OK;
}

/* --- opening --- */

static const struct sql_engine engine = {
	.now = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
	/* A lock that others hold is waited for here, and not at the first write, where
	 * SQLite would refuse at once. */
	.begin = "BEGIN IMMEDIATE",
	.close = close_file,
	.run = run,
	.prepare = prepare,
	.changes = changes,
	.finish = finish,
	.bind_integer = bind_integer,
	.bind_text = bind_text,
	.bind_blob = bind_blob,
	.bind_null = bind_null,
	.step = step,
	.rewind = rewind_query,
	.integer = integer,
	.number = number,
	.bytes = bytes,
	.is_null = is_null,
	.is_number = is_number,
	.columns = columns,
	.column_name = column_name,
	.bulk_begin = bulk_begin,
	.bulk_row = bulk_row,
	.bulk_end = bulk_end,
};

/* A database that was closed in peace must find its log at full size again. */
static void keep_log(struct file *s)
{
	int on = 1;
	sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &on);
	sqlite3_wal_autocheckpoint(s->db, OFTEN / 512);
}

enum err sql_open(const char *path, enum sql_use use, struct sql **out, struct why *why)
{
	struct file *s = calloc(1, sizeof *s);
	if (!s)
		return why_set(why, ERR_SYSTEM, "database: no memory");
	s->sql.engine = &engine;

	int flags =
		use == SQL_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	int rc = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (!rc)
		rc = sqlite3_busy_timeout(s->db, BUSY_WAIT_MS);
	if (!rc)
		rc = sqlite3_exec(s->db, setup_of(use), NULL, NULL, NULL);
	if (!rc && use != SQL_READ)
		rc = sqlite3_exec(s->db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
	if (rc) {
		enum err e = class_of(rc);
		e = why_set(why, use == SQL_READ && !file_exists(path) ? ERR_NOT_FOUND : e,
			    "open database %s: %s", path, sqlite3_errmsg(s->db));
		close_file(&s->sql);
		return e;
	}
	if (use == SQL_FLASH)
		keep_log(s);
	*out = &s->sql;
	return OK;
}
