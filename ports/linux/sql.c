#include "ports/linux/sql_engine.h"

#include "base/text.h"

#include <stdio.h>

bool sql_is_address(const char *where)
{
	return text_starts(where, "postgresql://") || text_starts(where, "postgres://");
}

/* Between the colon behind the user and the last @ before the path. */
void sql_print_place(const char *where, char out[SQL_PLACE_SIZE])
{
	const char *user = strstr(where, "://");
	user = user && sql_is_address(where) ? user + 3 : where + strlen(where);
	const size_t authority = strcspn(user, "/?");
	const char *at = memrchr(user, '@', authority);
	const char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
	if (colon)
		snprintf(out, SQL_PLACE_SIZE, "%.*s:***%s", (int)(colon - where), where, at);
	else
		snprintf(out, SQL_PLACE_SIZE, "%s", where);
	/* libpq takes a password among the parameters, too. */
	char *parameters = strchr(out, '?');
	if (parameters && sql_is_address(where))
		strcpy(parameters, parameters[1] ? "?" : "");
}

void sql_close(struct sql *s)
{
	if (s)
		s->engine->close(s);
}

bool sql_is_server(const struct sql *s)
{
	return s->engine->is_server;
}

bool sql_is_lost(const struct sql *s)
{
	return s->engine->is_lost && s->engine->is_lost(s);
}

const char *sql_now(const struct sql *s)
{
	return s->engine->now;
}

enum err sql_run(struct sql *s, const char *statements, struct why *why)
{
	return s->engine->run(s, statements, why);
}

enum err sql_begin(struct sql *s, struct why *why)
{
	return sql_run(s, s->engine->begin, why);
}

enum err sql_prepare(struct sql *s, const char *statement, struct sql_query **out, struct why *why)
{
	return s->engine->prepare(s, statement, out, why);
}

void sql_finish(struct sql_query *q)
{
	if (q)
		q->sql->engine->finish(q);
}

void sql_bind_integer(struct sql_query *q, int at, int64_t n)
{
	q->sql->engine->bind_integer(q, at, n);
}

void sql_bind_text(struct sql_query *q, int at, struct bytes s)
{
	q->sql->engine->bind_text(q, at, s);
}

void sql_bind_blob(struct sql_query *q, int at, struct bytes b)
{
	q->sql->engine->bind_blob(q, at, b);
}

void sql_bind_null(struct sql_query *q, int at)
{
	q->sql->engine->bind_null(q, at);
}

enum err sql_step(struct sql_query *q, struct why *why)
{
	return q->sql->engine->step(q, why);
}

void sql_rewind(struct sql_query *q)
{
	q->sql->engine->rewind(q);
}

int64_t sql_integer(struct sql_query *q, int column)
{
	return q->sql->engine->integer(q, column);
}

double sql_number(struct sql_query *q, int column)
{
	return q->sql->engine->number(q, column);
}

struct bytes sql_bytes(struct sql_query *q, int column)
{
	return q->sql->engine->bytes(q, column);
}

bool sql_is_null(struct sql_query *q, int column)
{
	return q->sql->engine->is_null(q, column);
}

bool sql_is_number(struct sql_query *q, int column)
{
	return q->sql->engine->is_number(q, column);
}

int sql_columns(struct sql_query *q)
{
	return q->sql->engine->columns(q);
}

const char *sql_column_name(struct sql_query *q, int column)
{
	return q->sql->engine->column_name(q, column);
}

enum err sql_execute(struct sql_query *q, struct why *why)
{
	enum err e = sql_step(q, why);
	sql_rewind(q);
	return e == ERR_NOT_FOUND ? OK : e;
}

int64_t sql_changes(struct sql *s)
{
	return s->engine->changes(s);
}

enum err sql_bulk_begin(struct sql *s, const char *table, const char *columns, struct why *why)
{
	return s->engine->bulk_begin(s, table, columns, why);
}

void sql_bulk_row(struct sql *s, const struct bytes *values, size_t n)
{
	s->engine->bulk_row(s, values, n);
}

enum err sql_bulk_end(struct sql *s, struct why *why)
{
	return s->engine->bulk_end(s, why);
}
