#include "ports/linux/sql_engine.h"

#include "base/text.h"
#include "ports/clock.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BLOCK = 64 * 1024, /* of COPY, handed to the socket at once */
	NAME_SIZE = 16,
	NUMBER_SIZE = 24,
	/* pg_type.h; servers that speak PostgreSQL's protocol keep to these numbers */
	TYPE_BLOB = 17,
	TYPE_INT8 = 20,
	TYPE_INT2 = 21,
	TYPE_INT4 = 23,
	TYPE_FLOAT4 = 700,
	TYPE_FLOAT8 = 701,
	TYPE_NUMERIC = 1700,
};

struct server {
	struct sql sql;
	PGconn *conn; /* NULL: lost */
	int64_t changes;
	unsigned names; /* of prepared statements */
	/* of a bulk */
	char *block;
	size_t block_len;
	enum err err;
	struct why why;
};

/* One parameter as libpq wants it: text ends in NUL. */
struct parameter {
	char *at;
	size_t cap, len;
	bool is_set, is_blob, has_nul;
};

struct query {
	struct sql_query query;
	char name[NAME_SIZE];
	int parameters;
	struct parameter *list;
	const char **values; /* of the list, as libpq wants them */
	int *lengths, *formats;
	PGresult *result, *shape;
	int row;
	unsigned char *blob; /* the last one that was read */
};

static struct server *server_of(const struct sql *s)
{
	return (struct server *)s;
}

static struct query *query_of(struct sql_query *q)
{
	return (struct query *)q;
}

/* --- what went wrong --- */

/* The classes of SQLSTATE: appendix A of PostgreSQL's manual. */
static const struct {
	const char *begins;
	enum err err;
} classes[] = {
	{ "22", ERR_INVALID },   /* a value */
	{ "23", ERR_CONFLICT },  /* a key, a condition of the table */
	{ "25006", ERR_DENIED }, /* read only */
	{ "28", ERR_DENIED },    /* who are you? */
	{ "42501", ERR_DENIED }, /* not with these rights */
	{ "40", ERR_AGAIN },     /* others were in the way */
	{ "53", ERR_FULL },      /* disk, memory, connections */
	{ "55P03", ERR_AGAIN },  /* a lock */
	{ "57014", ERR_AGAIN },  /* took too long */
	{ "57P", ERR_OFFLINE },  /* it is being shut down */
	{ "08", ERR_OFFLINE },   { "XX001", ERR_CORRUPT }, { "XX002", ERR_CORRUPT },
};

static enum err class_of(const char *state)
{
	for (size_t i = 0; state && i < sizeof classes / sizeof *classes; i++)
		if (text_starts(state, classes[i].begins))
			return classes[i].err;
	return ERR_SYSTEM;
}

/* The first line, which says it; hints and positions follow. */
static enum err tell(struct why *why, enum err e, const char *text)
{
	return why_set(why, e, "database: %.*s", (int)strcspn(text, "\n"), text);
}

static enum err lose(struct server *s, struct why *why, const char *text)
{
	const enum err e = tell(why, ERR_OFFLINE, text);
	PQfinish(s->conn);
	s->conn = NULL;
	return e;
}

static enum err is_gone(struct why *why)
{
	return why_set(why, ERR_OFFLINE, "database: the connection is lost");
}

/* Takes the result. */
static enum err fail(struct server *s, PGresult *r, struct why *why)
{
	enum err e = class_of(PQresultErrorField(r, PG_DIAG_SQLSTATE));
	const char *text = PQresultErrorMessage(r);
	e = tell(why, e, *text ? text : "the server answers what was not asked for");
	PQclear(r);
	if (PQstatus(s->conn) == CONNECTION_BAD) {
		PQfinish(s->conn);
		s->conn = NULL;
		e = ERR_OFFLINE;
	}
	return e;
}

/* --- waiting --- */

/* Send what is to be sent, until nothing is left; with `answer`, until there is one, too.
 * Bounded: whoever calls is a loop that others wait for. */
static enum err await(struct server *s, bool answer, struct why *why)
{
	const int64_t until = clock_now_ms() + SQL_SERVER_WAIT_MS;
	for (;;) {
		if (!PQconsumeInput(s->conn))
			return lose(s, why, PQerrorMessage(s->conn));
		const int unsent = PQflush(s->conn);
		if (unsent < 0)
			return lose(s, why, PQerrorMessage(s->conn));
		if (!unsent && (!answer || !PQisBusy(s->conn)))
			return OK;
		const int64_t left = until - clock_now_ms();
		struct pollfd p = { PQsocket(s->conn), POLLIN, 0 };
		if (unsent)
			p.events = POLLIN | POLLOUT;
		if (left <= 0)
			return lose(s, why, "the server does not answer in time");
		(void)!poll(&p, 1, (int)left);
	}
}

static bool is_good(const PGresult *r)
{
	const ExecStatusType status = PQresultStatus(r);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
	       status == PGRES_EMPTY_QUERY || status == PGRES_COPY_IN;
}

/* One more answer; *out NULL: there is none. */
static enum err next_answer(struct server *s, PGresult **out, struct why *why)
{
	enum err e = await(s, true, why);
	*out = e ? NULL : PQgetResult(s->conn);
	if (!*out || is_good(*out))
		return e;
	e = fail(s, *out, why);
	*out = NULL;
	return e;
}

/* What follows a failure is of no use, and in the way of the next command. */
static void drain(struct server *s)
{
	PGresult *r;
	while (s->conn && !await(s, true, NULL) && (r = PQgetResult(s->conn)))
		PQclear(r);
}

/* The last of the answers to what was sent, which the caller clears; or the first trouble. */
static enum err take_answer(struct server *s, PGresult **out, struct why *why)
{
	PGresult *r, *last = NULL;
	enum err e;
	while (!(e = next_answer(s, &r, why)) && r) {
		PQclear(last);
		last = r;
		if (PQresultStatus(r) == PGRES_COPY_IN)
			break;
	}
	if (e)
		drain(s);
	else if (!last)
		e = why_set(why, ERR_SYSTEM, "database: no answer");
	if (e) {
		PQclear(last);
		last = NULL;
	}
	*out = last;
	return e;
}

static enum err finish_command(struct server *s, int sent, PGresult **out, struct why *why)
{
	if (!sent)
		return lose(s, why, PQerrorMessage(s->conn));
	enum err e = take_answer(s, out, why);
	if (!e)
		s->changes = strtoll(PQcmdTuples(*out), NULL, 10);
	return e;
}

/* --- statements --- */

static void close_server(struct sql *s)
{
	PQfinish(server_of(s)->conn);
	free(server_of(s)->block);
	free(s);
}

static bool is_lost(const struct sql *s)
{
	return !server_of(s)->conn;
}

static enum err run(struct sql *sql, const char *statements, struct why *why)
{
	struct server *s = server_of(sql);
	PGresult *r;
	if (!s->conn)
		return is_gone(why);
	enum err e = finish_command(s, PQsendQuery(s->conn, statements), &r, why);
	if (e)
		return e;
	/* A transaction in which something failed ends like this, and without an error. */
	if (strcmp(statements, "COMMIT") == 0 && strcmp(PQcmdStatus(r), "ROLLBACK") == 0)
		e = why_set(why, ERR_SYSTEM, "database: a statement of this transaction failed");
	PQclear(r);
	return e;
}

static int64_t changes(struct sql *s)
{
	return server_of(s)->changes;
}

/* Where the quoted text or name that begins here ends; without an end, at the NUL. */
static char *skip_quoted(char *c)
{
	char *end = strchr(c + 1, *c);
	return end ? end : c + strlen(c) - 1;
}

/* ?1 is $1 here, unless it stands in quotes; `out_count` is the largest. */
static char *translate(const char *statement, int *out_count)
{
	char *text = strdup(statement);
	*out_count = 0;
	for (char *c = text; c && *c; c++) {
		if (*c == '\'' || *c == '"') {
			c = skip_quoted(c);
		} else if (*c == '?' && c[1] >= '1' && c[1] <= '9') {
			const int n = (int)strtol(c + 1, NULL, 10);
			*c = '$';
			*out_count = n > *out_count ? n : *out_count;
		}
	}
	return text;
}

static void free_query(struct query *q)
{
	for (int i = 0; q->list && i < q->parameters; i++)
		free(q->list[i].at);
	free(q->list);
	free(q->values);
	free(q->lengths);
	free(q->formats);
	PQclear(q->result);
	PQclear(q->shape);
	PQfreemem(q->blob);
	free(q);
}

static struct query *make_query(struct server *s, int parameters)
{
	const size_t n = (size_t)parameters + 1;
	struct query *q = parameters > SQL_PARAMETERS_MAX ? NULL : calloc(1, sizeof *q);
	if (!q)
		return NULL;
	q->query.sql = &s->sql;
	q->parameters = parameters;
	q->list = calloc(n, sizeof *q->list);
	q->values = calloc(n, sizeof *q->values);
	q->lengths = calloc(n, sizeof *q->lengths);
	q->formats = calloc(n, sizeof *q->formats);
	if (!q->list || !q->values || !q->lengths || !q->formats) {
		free_query(q);
		return NULL;
	}
	snprintf(q->name, sizeof q->name, "s%u", ++s->names);
	return q;
}

static enum err prepare(struct sql *sql, const char *statement, struct sql_query **out,
			struct why *why)
{
	struct server *s = server_of(sql);
	PGresult *r;
	int parameters;
	if (!s->conn)
		return is_gone(why);
	char *text = translate(statement, &parameters);
	struct query *q = text ? make_query(s, parameters) : NULL;
	if (!q) {
		free(text);
		return why_set(why, ERR_SYSTEM, "database: no memory");
	}
	enum err e = finish_command(s, PQsendPrepare(s->conn, q->name, text, 0, NULL), &r, why);
	free(text);
	if (!e) {
		PQclear(r);
		if (strspn(statement, " \t\n") == strlen(statement) || text_starts(statement, "--"))
			e = why_set(why, ERR_INVALID, "an empty statement");
	}
	if (e)
		free_query(q);
	else
		*out = &q->query;
	/* A wrong statement is the caller's input, not a broken system. */
	return e == ERR_SYSTEM ? ERR_INVALID : e;
}

static void finish(struct sql_query *query)
{
	struct query *q = query_of(query);
	struct server *s = server_of(query->sql);
	char text[NAME_SIZE + 16];
	snprintf(text, sizeof text, "DEALLOCATE %s", q->name);
	/* In a transaction that failed it fails, too: the name is not used again anyway. */
	if (s->conn && PQtransactionStatus(s->conn) != PQTRANS_INERROR)
		(void)!run(&s->sql, text, NULL);
	free_query(q);
}

/* --- parameters --- */

static struct parameter *set(struct sql_query *query, int at, struct bytes b)
{
	struct query *q = query_of(query);
	if (at < 1 || at > q->parameters)
		return NULL; /* the statement does not use it */
	struct parameter *p = &q->list[at - 1];
	if (b.len >= p->cap) {
		char *more = realloc(p->at, b.len + 64);
		if (!more)
			return NULL;
		p->at = more;
		p->cap = b.len + 64;
	}
	if (b.len)
		memcpy(p->at, b.at, b.len);
	p->at[b.len] = '\0';
	p->len = b.len;
	p->is_set = true;
	p->is_blob = false;
	p->has_nul = false;
	return p;
}

static void bind_integer(struct sql_query *q, int at, int64_t n)
{
	char text[NUMBER_SIZE];
	snprintf(text, sizeof text, "%lld", (long long)n);
	set(q, at, bytes_of(text));
}

static void bind_text(struct sql_query *q, int at, struct bytes s)
{
	struct parameter *p = set(q, at, s);
	if (p)
		p->has_nul = s.len && memchr(s.at, 0, s.len);
}

static void bind_blob(struct sql_query *q, int at, struct bytes b)
{
	struct parameter *p = set(q, at, b);
	if (p)
		p->is_blob = true;
}

static void bind_null(struct sql_query *query, int at)
{
	struct query *q = query_of(query);
	if (at >= 1 && at <= q->parameters)
		q->list[at - 1].is_set = false;
}

/* --- rows --- */

static enum err execute(struct query *q, struct why *why)
{
	struct server *s = server_of(q->query.sql);
	for (int i = 0; i < q->parameters; i++) {
		const struct parameter *p = &q->list[i];
		if (p->is_set && p->has_nul)
			return why_set(why, ERR_INVALID, "database: a text with a NUL in it");
		q->values[i] = p->is_set ? p->at : NULL;
		q->lengths[i] = (int)p->len;
		q->formats[i] = p->is_blob;
	}
	return finish_command(s,
			      PQsendQueryPrepared(s->conn, q->name, q->parameters, q->values,
						  q->lengths, q->formats, 0),
			      &q->result, why);
}

static enum err step(struct sql_query *query, struct why *why)
{
	struct query *q = query_of(query);
	if (!q->result) {
		enum err e = server_of(query->sql)->conn ? execute(q, why) : is_gone(why);
		if (e)
			return e;
		q->row = -1;
	}
	return ++q->row < PQntuples(q->result) ? OK : ERR_NOT_FOUND;
}

static void rewind_query(struct sql_query *query)
{
	struct query *q = query_of(query);
	PQclear(q->result);
	q->result = NULL;
	for (int i = 0; i < q->parameters; i++)
		q->list[i].is_set = false;
}

static int64_t integer(struct sql_query *q, int column)
{
	return strtoll(PQgetvalue(query_of(q)->result, query_of(q)->row, column), NULL, 10);
}

static double number(struct sql_query *q, int column)
{
	return strtod(PQgetvalue(query_of(q)->result, query_of(q)->row, column), NULL);
}

static struct bytes bytes(struct sql_query *query, int column)
{
	struct query *q = query_of(query);
	const char *at = PQgetvalue(q->result, q->row, column);
	size_t len = (size_t)PQgetlength(q->result, q->row, column);
	if (PQftype(q->result, column) != TYPE_BLOB)
		return (struct bytes){ at, len };
	PQfreemem(q->blob);
	q->blob = PQunescapeBytea((const unsigned char *)at, &len);
	return (struct bytes){ (const char *)q->blob, q->blob ? len : 0 };
}

static bool is_null(struct sql_query *q, int column)
{
	return PQgetisnull(query_of(q)->result, query_of(q)->row, column);
}

static bool is_number(struct sql_query *q, int column)
{
	if (is_null(q, column))
		return false;
	switch (PQftype(query_of(q)->result, column)) {
	case TYPE_INT2:
	case TYPE_INT4:
	case TYPE_INT8:
	case TYPE_FLOAT4:
	case TYPE_FLOAT8:
	case TYPE_NUMERIC:
		return true;
	default:
		return false;
	}
}

/* Known before the first row: SQLite answers these then, too. */
static const PGresult *shape_of(struct query *q)
{
	struct server *s = server_of(q->query.sql);
	if (!q->result && !q->shape && s->conn)
		(void)!finish_command(s, PQsendDescribePrepared(s->conn, q->name), &q->shape, NULL);
	return q->result ? q->result : q->shape;
}

static int columns(struct sql_query *q)
{
	return PQnfields(shape_of(query_of(q)));
}

static const char *column_name(struct sql_query *q, int column)
{
	const char *name = PQfname(shape_of(query_of(q)), column);
	return name ? name : "";
}

/* --- many rows --- */

static enum err bulk_begin(struct sql *sql, const char *table, const char *names, struct why *why)
{
	struct server *s = server_of(sql);
	char statement[512];
	PGresult *r;
	if (!s->conn)
		return is_gone(why);
	if (!s->block)
		s->block = malloc(BLOCK);
	if (!s->block)
		return why_set(why, ERR_SYSTEM, "database: no memory");
	snprintf(statement, sizeof statement, "COPY %s(%s) FROM STDIN", table, names);
	enum err e = finish_command(s, PQsendQuery(s->conn, statement), &r, why);
	if (e)
		return e;
	PQclear(r);
	s->block_len = 0;
	s->err = OK;
	return OK;
}

static void send_block(struct server *s)
{
	if (s->err || !s->block_len)
		return;
	const int sent = s->conn ? PQputCopyData(s->conn, s->block, (int)s->block_len) : -1;
	s->block_len = 0;
	if (sent == 1)
		s->err = await(s, false, &s->why);
	else
		s->err = s->conn ? lose(s, &s->why, PQerrorMessage(s->conn)) : is_gone(&s->why);
}

static void put(struct server *s, char c)
{
	if (s->block_len == BLOCK)
		send_block(s);
	s->block[s->block_len++] = c;
}

/* COPY's text format: a tab between columns, and a backslash before what would end one. */
static void put_value(struct server *s, struct bytes value)
{
	for (size_t i = 0; i < value.len; i++) {
		const char c = value.at[i];
		const char *special = c ? strchr("\\\t\n\r", c) : NULL;
		if (special) {
			put(s, '\\');
			put(s, "\\tnr"[special - "\\\t\n\r"]);
		} else {
			put(s, c);
		}
	}
}

static void put_null(struct server *s)
{
	put(s, '\\');
	put(s, 'N');
}

static void bulk_row(struct sql *sql, const struct bytes *values, size_t n)
{
	struct server *s = server_of(sql);
	for (size_t i = 0; i < n && !s->err; i++) {
		if (i)
			put(s, '\t');
		if (values[i].at)
			put_value(s, values[i]);
		else
			put_null(s);
	}
	put(s, '\n');
}

static enum err bulk_end(struct sql *sql, struct why *why)
{
	struct server *s = server_of(sql);
	PGresult *r;
	send_block(s);
	if (!s->conn)
		return why_set(why, s->err, "%s", s->why.text);
	enum err e = finish_command(s, PQputCopyEnd(s->conn, NULL) == 1, &r, why);
	if (!e)
		PQclear(r);
	return e;
}

/* --- opening --- */

static const struct sql_engine engine = {
	.is_server = true,
	.now = "CAST(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) * 1000 AS BIGINT)",
	.begin = "BEGIN",
	.close = close_server,
	.is_lost = is_lost,
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

static enum err check_address(const char *where, struct why *why)
{
	char *text = NULL;
	PQconninfoOption *options = PQconninfoParse(where, &text);
	enum err e = options ? OK : tell(why, ERR_INVALID, text ? text : "no memory");
	PQconninfoFree(options);
	PQfreemem(text);
	return e;
}

/* One attempt, as bounded as everything else. Only the look-up of a name is libc's, which
 * gives up by resolv.conf: an address, or localhost, needs none. */
static enum err dial(struct server *s, const char *where, struct why *why)
{
	const char *const keys[] = { "dbname", "fallback_application_name", "client_encoding",
				     NULL };
	const char *const values[] = { where, "skerry", "UTF8", NULL };
	const int64_t until = clock_now_ms() + SQL_SERVER_WAIT_MS;
	s->conn = PQconnectStartParams(keys, values, true);
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;
	while (s->conn && PQstatus(s->conn) != CONNECTION_BAD && next != PGRES_POLLING_OK &&
	       next != PGRES_POLLING_FAILED) {
		const int64_t left = until - clock_now_ms();
		struct pollfd p = { PQsocket(s->conn), POLLIN, 0 };
		if (next == PGRES_POLLING_WRITING)
			p.events = POLLOUT;
		if (left <= 0)
			return lose(s, why, "the server does not answer in time");
		(void)!poll(&p, 1, (int)left);
		next = PQconnectPoll(s->conn);
	}
	if (!s->conn)
		return why_set(why, ERR_SYSTEM, "database: no memory");
	if (next != PGRES_POLLING_OK)
		return lose(s, why, PQerrorMessage(s->conn));
	return PQsetnonblocking(s->conn, 1) ? lose(s, why, PQerrorMessage(s->conn)) : OK;
}

/* What the server still does when we have given up must end, too: it holds locks. */
static const char hub_setup[] = "SET statement_timeout = 30000";
static const char read_setup[] = "SET default_transaction_read_only = on";

static enum err open_server(const char *where, enum sql_use use, struct sql **out, struct why *why)
{
	enum err e = check_address(where, why);
	struct server *s = e ? NULL : calloc(1, sizeof *s);
	if (!s)
		return e ? e : why_set(why, ERR_SYSTEM, "database: no memory");
	s->sql.engine = &engine;
	e = dial(s, where, why);
	if (!e)
		e = run(&s->sql, use == SQL_READ ? read_setup : hub_setup, why);
	if (e)
		close_server(&s->sql);
	else
		*out = &s->sql;
	return e;
}

enum err sql_connect(const char *where, enum sql_use use, struct sql **out, struct why *why)
{
	return sql_is_address(where) ? open_server(where, use, out, why)
				     : sql_open(where, use, out, why);
}
