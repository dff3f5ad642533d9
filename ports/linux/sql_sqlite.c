#include "ports/sql.h"

#include "base/text.h"
#include "ports/file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUSY_WAIT_MS = 5000, OFTEN = 512 * 1024 };

struct sql {
	sqlite3 *db;
};

struct sql_query {
	struct sql *sql;
	sqlite3_stmt *statement;
};

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
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return ERR_DENIED;
	default:
		return ERR_SYSTEM;
	}
}

static enum err explain(const struct sql *s, int rc, struct why *why)
{
	return why_set(why, class_of(rc), "database: %s", sqlite3_errmsg(s->db));
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

/* A database that was closed in peace must find its log at full size again. */
static void keep_log(struct sql *s)
{
	int on = 1;
	sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &on);
	sqlite3_wal_autocheckpoint(s->db, OFTEN / 512);
}

enum err sql_open(const char *path, enum sql_use use, struct sql **out, struct why *why)
{
	struct sql *s = calloc(1, sizeof *s);
	if (!s)
		return why_set(why, ERR_SYSTEM, "database: no memory");

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
		sql_close(s);
		return e;
	}
	if (use == SQL_FLASH)
		keep_log(s);
	*out = s;
	return OK;
}

void sql_close(struct sql *s)
{
	if (!s)
		return;
	sqlite3_close(s->db);
	free(s);
}

enum err sql_run(struct sql *s, const char *statements, struct why *why)
{
	int rc = sqlite3_exec(s->db, statements, NULL, NULL, NULL);
	return rc ? explain(s, rc, why) : OK;
}

enum err sql_prepare(struct sql *s, const char *statement, struct sql_query **out, struct why *why)
{
	struct sql_query *q = calloc(1, sizeof *q);
	if (!q)
		return why_set(why, ERR_SYSTEM, "database: no memory");
	q->sql = s;
	const char *rest = NULL;
	int rc = sqlite3_prepare_v3(s->db, statement, -1, SQLITE_PREPARE_PERSISTENT, &q->statement,
				    &rest);
	if (rc || !q->statement) {
		enum err e =
			rc ? explain(s, rc, why) : why_set(why, ERR_INVALID, "an empty statement");
		free(q);
		/* A wrong statement is the caller's input, not a broken system. */
		return e == ERR_SYSTEM ? ERR_INVALID : e;
	}
	*out = q;
	return OK;
}

void sql_finish(struct sql_query *q)
{
	if (!q)
		return;
	sqlite3_finalize(q->statement);
	free(q);
}

void sql_bind_integer(struct sql_query *q, int at, int64_t n)
{
	sqlite3_bind_int64(q->statement, at, n);
}

void sql_bind_text(struct sql_query *q, int at, struct bytes s)
{
	sqlite3_bind_text(q->statement, at, s.at ? s.at : "", (int)s.len, SQLITE_STATIC);
}

void sql_bind_blob(struct sql_query *q, int at, struct bytes b)
{
	sqlite3_bind_blob(q->statement, at, b.at ? b.at : "", (int)b.len, SQLITE_STATIC);
}

void sql_bind_null(struct sql_query *q, int at)
{
	sqlite3_bind_null(q->statement, at);
}

enum err sql_step(struct sql_query *q, struct why *why)
{
	int rc = sqlite3_step(q->statement);
	if (rc == SQLITE_ROW)
		return OK;
	if (rc == SQLITE_DONE)
		return ERR_NOT_FOUND;
	return explain(q->sql, rc, why);
}

void sql_rewind(struct sql_query *q)
{
	sqlite3_reset(q->statement);
	sqlite3_clear_bindings(q->statement);
}

int64_t sql_integer(struct sql_query *q, int column)
{
	return sqlite3_column_int64(q->statement, column);
}

double sql_number(struct sql_query *q, int column)
{
	return sqlite3_column_double(q->statement, column);
}

struct bytes sql_bytes(struct sql_query *q, int column)
{
	const char *at = sqlite3_column_blob(q->statement, column);
	return (struct bytes){ at, (size_t)sqlite3_column_bytes(q->statement, column) };
}

bool sql_is_null(struct sql_query *q, int column)
{
	return sqlite3_column_type(q->statement, column) == SQLITE_NULL;
}

bool sql_is_number(struct sql_query *q, int column)
{
	int type = sqlite3_column_type(q->statement, column);
	return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

int sql_columns(struct sql_query *q)
{
	return sqlite3_column_count(q->statement);
}

const char *sql_column_name(struct sql_query *q, int column)
{
	return sqlite3_column_name(q->statement, column);
}

enum err sql_execute(struct sql_query *q, struct why *why)
{
	enum err e = sql_step(q, why);
	sql_rewind(q);
	return e == ERR_NOT_FOUND ? OK : e;
}

int64_t sql_changes(struct sql *s)
{
	return sqlite3_changes64(s->db);
}
