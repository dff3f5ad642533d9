/*
 * sql - one SQL database: statements in, rows out.
 *
 * Plain SQL only, so that other engines fit behind the same calls. Under
 * ports/store.h it keeps what the agent keeps; the hub writes its tables
 * through it.
 *
 * Implementation: ports/linux/sql_sqlite.c, the only file that sees SQLite.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

struct sql;
struct sql_query;

enum sql_use {
	SQL_READ,  /* never writes, never creates */
	SQL_HUB,   /* 4 KiB pages: many rows, an ordinary disk */
	SQL_FLASH, /* 512-byte pages, log kept at its size: 14 instead of 27 bytes of flash a
		      sample at one commit in 5 s */
};

/* Open or create. Writes are on the medium when a commit returns (WAL, FULL).
 * ERR_CORRUPT: there is a file, but it is not a database any more. */
enum err sql_open(const char *path, enum sql_use use, struct sql **out, struct why *why);
void sql_close(struct sql *s); /* NULL is fine; all queries must be closed */

/* Run statements without parameters. */
enum err sql_run(struct sql *s, const char *statements, struct why *why);

/* Prepare one statement; parameters are ?1, ?2 ... The caller closes it. */
enum err sql_prepare(struct sql *s, const char *statement, struct sql_query **out, struct why *why);
void sql_finish(struct sql_query *q); /* NULL is fine */

/* Parameters count from 1. Bytes are borrowed until sql_rewind(). */
void sql_bind_integer(struct sql_query *q, int at, int64_t n);
void sql_bind_text(struct sql_query *q, int at, struct bytes s);
void sql_bind_blob(struct sql_query *q, int at, struct bytes b);
void sql_bind_null(struct sql_query *q, int at);

/* The next row: OK. ERR_NOT_FOUND: no (more) rows. ERR_FULL: the medium is
 * full. ERR_CONFLICT: a key is there already. */
enum err sql_step(struct sql_query *q, struct why *why);
/* Ready for new parameters; columns are not valid any more. */
void sql_rewind(struct sql_query *q);

/* Columns count from 0; bytes are borrowed until the next call on the query. */
int64_t sql_integer(struct sql_query *q, int column);
double sql_number(struct sql_query *q, int column);
struct bytes sql_bytes(struct sql_query *q, int column);
bool sql_is_null(struct sql_query *q, int column);
int sql_columns(struct sql_query *q);
const char *sql_column_name(struct sql_query *q, int column);
bool sql_is_number(struct sql_query *q, int column);

/* Run a statement that answers no rows, with the parameters bound; rewinds. */
enum err sql_execute(struct sql_query *q, struct why *why);

/* Rows that the last statement changed. */
int64_t sql_changes(struct sql *s);
