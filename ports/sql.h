/*
 * sql - one SQL database: statements in, rows out.
 *
 * Plain SQL only, so that other engines fit behind the same calls. Under
 * ports/store.h it keeps what the agent keeps; the hub writes its tables
 * through it.
 *
 * A call on a server waits SQL_SERVER_WAIT_MS for a sign of life, as one on a file waits
 * for another writer, and no longer: then, and when the connection breaks, it is lost, and
 * every call answers ERR_OFFLINE until it is closed and opened again.
 *
 * Implementations: ports/linux/sql_sqlite.c, the only file that sees SQLite, and
 * sql_postgresql.c, the only one that sees libpq, for programs that link ports_postgresql.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct sql;
struct sql_query;

enum {
	SQL_SERVER_WAIT_MS = 5 * 1000,
	SQL_BULK_COLUMNS_MAX = 16,
	SQL_PARAMETERS_MAX = 4096, /* of one statement */
	SQL_PLACE_SIZE = 256,
};

enum sql_use {
	SQL_READ,  /* never writes, never creates */
	SQL_HUB,   /* 4 KiB pages: many rows, an ordinary disk */
	SQL_FLASH, /* 512-byte pages, log kept at its size: 14 instead of 27 bytes of flash a
		      sample at one commit in 5 s */
};

/* Open or create. Writes are on the medium when a commit returns (WAL, FULL).
 * ERR_CORRUPT: there is a file, but it is not a database any more. */
enum err sql_open(const char *path, enum sql_use use, struct sql **out, struct why *why);

/* Is this a server's address, postgresql://..., and no file? */
bool sql_is_address(const char *where);

/* Open a file, or the database of a server, for SQL_HUB or SQL_READ. ERR_INVALID: the
 * address is wrong, or this program was built without libpq. ERR_OFFLINE, ERR_DENIED: no
 * server there, or not for us; asking again may help. */
enum err sql_connect(const char *where, enum sql_use use, struct sql **out, struct why *why);

/* `where` without its password, for people to read. */
void sql_print_place(const char *where, char out[SQL_PLACE_SIZE]);

void sql_close(struct sql *s); /* NULL is fine; all queries must be closed */

bool sql_is_server(const struct sql *s);
/* The server is gone, or did not answer in time. */
bool sql_is_lost(const struct sql *s);

/* An expression for the database's own time, in milliseconds since 1970. */
const char *sql_now(const struct sql *s);

/* Begin a transaction that will write; COMMIT and ROLLBACK end it, by sql_run(). On a
 * server a statement that fails in it leaves nothing but ROLLBACK. */
enum err sql_begin(struct sql *s, struct why *why);

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
 * full. ERR_CONFLICT: a key is there already, or a condition of the table is not met.
 * ERR_INVALID: a value that the engine does not take. */
enum err sql_step(struct sql_query *q, struct why *why);
/* Ready for new parameters; columns are not valid any more. */
void sql_rewind(struct sql_query *q);

/* Columns count from 0; text is borrowed until the next row or sql_rewind(), bytes of a blob until
 * the next call on the query. */
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

/* Many rows for one table, as text; NULL is `at` NULL. In a transaction, and without other
 * calls between begin and end. Once it has begun it must be ended: that tells the first
 * trouble that the rows had. */
enum err sql_bulk_begin(struct sql *s, const char *table, const char *columns, struct why *why);
void sql_bulk_row(struct sql *s, const struct bytes *values, size_t n);
enum err sql_bulk_end(struct sql *s, struct why *why);
