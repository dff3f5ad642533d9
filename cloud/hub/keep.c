#include "cloud/hub/keep.h"

#include "base/text.h"

#define LIMIT " LIMIT 1 OFFSET 5000" /* KEEP_ROWS */

/* ?1 and ?2 are the series, ?3 the time before which rows go. */
static const struct {
	const char *next, *edge, *remove;
	int64_t longer_ms;
} walks[] = {
	{ "SELECT device, measurement FROM point WHERE (device, measurement) > (?1, ?2)"
	  " ORDER BY device, measurement LIMIT 1",
	  "SELECT ts_ms FROM point WHERE device = ?1 AND measurement = ?2 AND ts_ms < ?3"
	  " ORDER BY ts_ms" LIMIT,
	  "DELETE FROM point WHERE device = ?1 AND measurement = ?2 AND ts_ms < ?3", 0 },
	{ "SELECT device, '' FROM event WHERE device > ?1 AND ?2 = '' ORDER BY device LIMIT 1",
	  "SELECT ts_ms FROM event WHERE device = ?1 AND ?2 = '' AND ts_ms < ?3"
	  " ORDER BY ts_ms" LIMIT,
	  "DELETE FROM event WHERE device = ?1 AND ?2 = '' AND ts_ms < ?3", 0 },
	{ "SELECT device, pod FROM log WHERE (device, pod) > (?1, ?2)"
	  " ORDER BY device, pod LIMIT 1",
	  "SELECT ts_ms FROM log WHERE device = ?1 AND pod = ?2 AND ts_ms < ?3"
	  " ORDER BY ts_ms" LIMIT,
	  "DELETE FROM log WHERE device = ?1 AND pod = ?2 AND ts_ms < ?3", 0 },
	{ "SELECT fleet, device FROM batch WHERE (fleet, device) > (?1, ?2)"
	  " ORDER BY fleet, device LIMIT 1",
	  "SELECT received_ms FROM batch WHERE fleet = ?1 AND device = ?2 AND received_ms < ?3"
	  " ORDER BY received_ms" LIMIT,
	  "DELETE FROM batch WHERE fleet = ?1 AND device = ?2 AND received_ms < ?3",
	  KEEP_NAMES_MS },
};
enum { WALKS = sizeof walks / sizeof *walks };

static enum err prepare(struct keep *k, struct ledger *l, const char *statement,
			struct sql_query **out, struct why *why)
{
	enum err e = sql_prepare(l->sql, statement, out, why);
	if (e)
		return e;
	sql_bind_text(*out, 1, bytes_of(k->first));
	sql_bind_text(*out, 2, bytes_of(k->second));
	return OK;
}

static void begin_table(struct keep *k, int table)
{
	k->table = table;
	k->first[0] = k->second[0] = '\0';
	k->in_series = false;
}

/* The series behind this one. */
static enum err find_series(struct keep *k, struct ledger *l, struct why *why)
{
	struct sql_query *q;
	enum err e = prepare(k, l, walks[k->table].next, &q, why);
	if (e)
		return e;
	e = sql_step(q, why);
	if (!e) {
		text_copy(k->first, sizeof k->first, sql_bytes(q, 0));
		text_copy(k->second, sizeof k->second, sql_bytes(q, 1));
		k->in_series = true;
	}
	sql_finish(q);
	if (e == ERR_NOT_FOUND)
		begin_table(k, k->table + 1);
	return e == ERR_NOT_FOUND ? OK : e;
}

/* A time that no more than KEEP_ROWS rows, and its own, are older than. */
static enum err find_edge(struct keep *k, struct ledger *l, int64_t *before_ms, struct why *why)
{
	struct sql_query *q;
	enum err e = prepare(k, l, walks[k->table].edge, &q, why);
	if (e)
		return e;
	sql_bind_integer(q, 3, *before_ms);
	e = sql_step(q, why);
	k->in_series = !e; /* there is more than one step of it */
	if (!e)
		*before_ms = sql_integer(q, 0) + 1;
	sql_finish(q);
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err remove_some(struct keep *k, struct ledger *l, int64_t before_ms, struct why *why)
{
	struct sql_query *q;
	enum err e = find_edge(k, l, &before_ms, why);
	if (!e)
		e = prepare(k, l, walks[k->table].remove, &q, why);
	if (e)
		return e;
	sql_bind_integer(q, 3, before_ms);
	e = sql_execute(q, why);
	if (!e)
		k->removed += (uint64_t)sql_changes(l->sql);
	sql_finish(q);
	return e;
}

enum err keep_step(struct keep *k, struct ledger *l, int64_t wall_ms, bool *out_done,
		   struct why *why)
{
	enum err e = OK;
	*out_done = false;
	if (!k->in_series)
		e = find_series(k, l, why);
	if (!e && k->in_series)
		e = remove_some(k, l, wall_ms - k->keep_ms - walks[k->table].longer_ms, why);
	if (!e && k->table == WALKS) {
		begin_table(k, 0);
		*out_done = true;
	}
	return e;
}
