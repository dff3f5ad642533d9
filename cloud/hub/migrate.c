#include "cloud/hub/migrate.h"

#include "base/text.h"
#include "cloud/hub/schema.h"
#include "ports/sql.h"

#include <inttypes.h>
#include <stdio.h>

static const struct table {
	const char *name, *columns;
	int count;
	int64_t since; /* schema; 0: the first */
} tables[] = {
	{ "device",
	  "fleet,device,online,session,boot,agent,generation,why,seen_ms,state,state_ms,desired,"
	  "desired_epoch,desired_generation,desired_seen",
	  15 },
	{ "batch", "fleet,device,stream,buf,seq,kind,hist,received_ms", 8 },
	{ "point", "ts_ms,fleet,device,measurement,tags,fields", 6 },
	{ "event", "ts_ms,fleet,device,type,reason,object,message,more", 8 },
	{ "log", "ts_ms,fleet,device,pod,container,stream,line", 7 },
	{ "file", "ts_ms,fleet,device,id,pod,name,bytes,digest,path,received_ms", 10 },
	{ "audit",
	  "seq,fleet,device,epoch,generation,base,writer,reason,document,kept,at_ms,previous,hash",
	  13, 3 },
	{ "audit_end", "only_row,seq,hash", 3, 3 },
	{ "rollout", "fleet,name,digest,prepared,progress,wishes,summary,is_over,made_ms", 9, 4 },
};
enum { TABLES = sizeof tables / sizeof *tables };

struct move {
	struct sql *from, *to;
	int64_t at[TABLES]; /* the last rowid that is there */
	int64_t version;    /* of the file's schema */
};

static enum err ask_number(struct sql *s, const char *statement, int64_t *out, struct why *why)
{
	struct sql_query *q;
	enum err e = sql_prepare(s, statement, &q, why);
	if (e)
		return e;
	e = sql_step(q, why);
	*out = e ? 0 : sql_integer(q, 0);
	sql_finish(q);
	return e;
}

static enum err count(struct sql *s, const struct table *t, int64_t *out, struct why *why)
{
	char statement[64];
	snprintf(statement, sizeof statement, "SELECT count(*) FROM %s", t->name);
	return ask_number(s, statement, out, why);
}

/* An older file has not all tables. */
static bool has_table(const struct move *m, int i)
{
	return m->version >= tables[i].since;
}

/* --- how far it is --- */

static enum err read_progress(struct move *m, int i, struct why *why)
{
	char statement[128];
	int64_t rows;
	snprintf(statement, sizeof statement,
		 "SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'migrate.%s'", tables[i].name);
	enum err e = ask_number(m->to, statement, &m->at[i], why);
	if (e != ERR_NOT_FOUND)
		return e;
	e = count(m->to, &tables[i], &rows, why);
	if (!e && rows)
		e = why_set(
			why, ERR_CONFLICT,
			"the server's table %s has rows already: migrate into an empty database",
			tables[i].name);
	return e;
}

static enum err write_progress(struct move *m, int i, int64_t at, struct why *why)
{
	char statement[192];
	snprintf(statement, sizeof statement,
		 "INSERT INTO meta VALUES('migrate.%s', '%" PRId64 "')"
		 " ON CONFLICT(key) DO UPDATE SET value = '%" PRId64 "'",
		 tables[i].name, at, at);
	return sql_run(m->to, statement, why);
}

/* --- rows --- */

/* From rowid `*at` on; how many there were. */
static enum err copy_rows(struct move *m, const struct table *t, struct sql_query *q, int64_t *at,
			  int *out_rows, struct why *why)
{
	struct bytes values[SQL_BULK_COLUMNS_MAX];
	enum err e = sql_bulk_begin(m->to, t->name, t->columns, why), ended;
	if (e)
		return e;
	*out_rows = 0;
	sql_bind_integer(q, 1, *at);
	while (!(e = sql_step(q, why))) {
		*at = sql_integer(q, 0);
		for (int i = 0; i < t->count; i++) {
			values[i] = sql_bytes(q, i + 1);
			if (!values[i].at && !sql_is_null(q, i + 1))
				values[i].at = ""; /* an empty text has no address in SQLite */
		}
		sql_bulk_row(m->to, values, (size_t)t->count);
		++*out_rows;
	}
	sql_rewind(q);
	struct why other;
	ended = sql_bulk_end(m->to, e == ERR_NOT_FOUND ? why : &other);
	return e == ERR_NOT_FOUND ? ended : e;
}

static enum err copy_some(struct move *m, int i, struct sql_query *q, int *out_rows,
			  struct why *why)
{
	int64_t at = m->at[i];
	enum err e = sql_begin(m->to, why);
	if (!e)
		e = copy_rows(m, &tables[i], q, &at, out_rows, why);
	if (!e)
		e = write_progress(m, i, at, why);
	if (!e)
		e = sql_run(m->to, "COMMIT", why);
	if (e) {
		(void)!sql_run(m->to, "ROLLBACK", NULL);
		return why_in(why, e, tables[i].name);
	}
	m->at[i] = at;
	return OK;
}

static enum err copy_table(struct move *m, int i, struct why *why)
{
	char statement[384];
	struct sql_query *q;
	int rows = MIGRATE_ROWS;
	snprintf(statement, sizeof statement,
		 "SELECT rowid,%s FROM %s WHERE rowid > ?1 ORDER BY rowid LIMIT %d",
		 tables[i].columns, tables[i].name, MIGRATE_ROWS);
	enum err e = sql_prepare(m->from, statement, &q, why);
	if (e)
		return e;
	while (!e && rows == MIGRATE_ROWS)
		e = copy_some(m, i, q, &rows, why);
	sql_finish(q);
	return e;
}

/* --- all of it --- */

static enum err compare(struct move *m, struct why *why)
{
	enum err e = OK;
	bool differs = false;
	printf("%-9s %12s %12s\n", "TABLE", "FILE", "SERVER");
	for (int i = 0; !e && i < TABLES; i++) {
		int64_t from = 0, to;
		if (has_table(m, i))
			e = count(m->from, &tables[i], &from, why);
		if (!e)
			e = count(m->to, &tables[i], &to, why);
		if (e)
			return e;
		printf("%-9s %12" PRId64 " %12" PRId64 "%s\n", tables[i].name, from, to,
		       from == to ? "" : "  differs");
		differs |= from != to;
	}
	return differs ? why_set(why, ERR_CONFLICT,
				 "not as many rows on both sides: does a hub write to one of them?")
		       : OK;
}

static enum err copy_all(struct move *m, struct why *why)
{
	enum err e =
		ask_number(m->from, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'schema'",
			   &m->version, why);
	if (!e && m->version > SCHEMA_VERSION)
		e = why_set(why, ERR_INVALID, "the file has schema %" PRId64 ", this hub knows %d",
			    m->version, SCHEMA_VERSION);
	if (!e)
		e = schema_bring_up(m->to, why);
	for (int i = 0; !e && i < TABLES; i++)
		e = read_progress(m, i, why);
	for (int i = 0; !e && i < TABLES; i++)
		if (has_table(m, i))
			e = copy_table(m, i, why);
	return e ? e : compare(m, why);
}

enum err migrate(const char *from, const char *to, struct why *why)
{
	struct move m = { 0 };
	if (!sql_is_address(to) || sql_is_address(from))
		return why_set(why, ERR_INVALID, "migrate --from FILE --to postgresql://...");
	enum err e = sql_open(from, SQL_READ, &m.from, why);
	if (!e)
		e = sql_connect(to, SQL_HUB, &m.to, why);
	if (!e)
		e = copy_all(&m, why);
	sql_close(m.from);
	sql_close(m.to);
	return e;
}
