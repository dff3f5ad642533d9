#include "cloud/hub/schema.h"

#include "base/text.h"
#include "ports/random.h"

#include <stdio.h>

/* SQLite keeps every whole number in 64 bits and has a rowid; a server is asked for both,
 * so that the same statements read in the order in which rows came. JSONB answers the
 * same -> and ->> that SQLite has for its texts. */
#define FIRST(INTEGER, JSON, ROWID)                                                                \
	"CREATE TABLE IF NOT EXISTS device("                                                       \
	"  fleet TEXT NOT NULL, device TEXT NOT NULL,"                                             \
	"  online " INTEGER " NOT NULL DEFAULT 0, session " INTEGER " NOT NULL DEFAULT 0,"         \
	"  boot TEXT, agent TEXT, generation " INTEGER ", why TEXT, seen_ms " INTEGER ","          \
	"  state TEXT, state_ms " INTEGER ","                                                      \
	"  desired TEXT, desired_epoch " INTEGER ", desired_generation " INTEGER ","               \
	"  desired_seen " INTEGER " NOT NULL DEFAULT 0,"                                           \
	"  PRIMARY KEY(fleet, device));"                                                           \
	"CREATE TABLE IF NOT EXISTS batch("                                                        \
	"  fleet TEXT NOT NULL, device TEXT NOT NULL, stream TEXT NOT NULL, buf TEXT NOT NULL,"    \
	"  seq " INTEGER " NOT NULL, kind TEXT NOT NULL, hist " INTEGER " NOT NULL,"               \
	"  received_ms " INTEGER " NOT NULL,"                                                      \
	"  PRIMARY KEY(fleet, device, stream, buf, seq));"                                         \
	"CREATE TABLE IF NOT EXISTS point(" ROWID "  ts_ms " INTEGER                               \
	" NOT NULL, fleet TEXT NOT NULL, device TEXT NOT NULL,"                                    \
	"  measurement TEXT NOT NULL, tags " JSON " NOT NULL, fields " JSON " NOT NULL);"          \
	"CREATE INDEX IF NOT EXISTS point_by_time ON point(device, measurement, ts_ms);"           \
	"CREATE TABLE IF NOT EXISTS event(" ROWID "  ts_ms " INTEGER                               \
	" NOT NULL, fleet TEXT NOT NULL, device TEXT NOT NULL,"                                    \
	"  type TEXT NOT NULL, reason TEXT NOT NULL, object TEXT NOT NULL,"                        \
	"  message TEXT NOT NULL, more " JSON ");"                                                 \
	"CREATE INDEX IF NOT EXISTS event_by_time ON event(device, ts_ms);"                        \
	"CREATE TABLE IF NOT EXISTS log(" ROWID "  ts_ms " INTEGER                                 \
	" NOT NULL, fleet TEXT NOT NULL, device TEXT NOT NULL,"                                    \
	"  pod TEXT NOT NULL, container TEXT NOT NULL, stream TEXT NOT NULL, line TEXT NOT NULL);" \
	"CREATE INDEX IF NOT EXISTS log_by_time ON log(device, pod, ts_ms);"                       \
	"CREATE TABLE IF NOT EXISTS file(" ROWID "  ts_ms " INTEGER                                \
	" NOT NULL, fleet TEXT NOT NULL, device TEXT NOT NULL,"                                    \
	"  id TEXT NOT NULL, pod TEXT NOT NULL, name TEXT NOT NULL, bytes " INTEGER " NOT NULL,"   \
	"  digest TEXT NOT NULL, path TEXT NOT NULL, received_ms " INTEGER " NOT NULL,"            \
	"  PRIMARY KEY(fleet, device, id));"                                                       \
	"CREATE INDEX IF NOT EXISTS file_by_time ON file(device, ts_ms);"

/* Who of several hubs does what only one may do: lease.h. */
#define SECOND                                                                                     \
	"CREATE TABLE lease(name TEXT PRIMARY KEY, owner TEXT NOT NULL, until_ms BIGINT NOT "      \
	"NULL);"                                                                                   \
	"INSERT INTO lease VALUES('control', '', 0), ('serve', '', 0);"

/* What was told to devices, as a chain: trail.h. */
#define THIRD                                                                                      \
	"CREATE TABLE audit(seq BIGINT PRIMARY KEY, fleet TEXT NOT NULL, device TEXT NOT NULL,"    \
	"  epoch BIGINT NOT NULL, generation BIGINT NOT NULL, base BIGINT NOT NULL,"               \
	"  writer TEXT NOT NULL, reason TEXT NOT NULL, document TEXT NOT NULL,"                    \
	"  kept BIGINT NOT NULL, at_ms BIGINT NOT NULL, previous TEXT NOT NULL,"                   \
	"  hash TEXT NOT NULL);"                                                                   \
	"CREATE INDEX audit_by_device ON audit(fleet, device, seq);"                               \
	"CREATE TABLE audit_end(only_row BIGINT PRIMARY KEY, seq BIGINT NOT NULL,"                 \
	"  hash TEXT NOT NULL);"

/* Rollouts that hubs run: agenda.h. */
#define FOURTH                                                                                     \
	"CREATE TABLE rollout(fleet TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,"      \
	"  prepared TEXT NOT NULL, progress TEXT NOT NULL, wishes TEXT NOT NULL,"                  \
	"  summary TEXT NOT NULL, is_over BIGINT NOT NULL, made_ms BIGINT NOT NULL,"               \
	"  PRIMARY KEY(fleet, name));"

static const struct {
	const char *file, *server;
} steps[SCHEMA_VERSION] = {
	{ FIRST("INTEGER", "TEXT", ""),
	  FIRST("BIGINT", "JSONB", "rowid BIGINT GENERATED BY DEFAULT AS IDENTITY,") },
	{ SECOND, SECOND },
	{ THIRD, THIRD },
	{ FOURTH, FOURTH },
};

/* A database without the row is empty, or of the time before the first release. */
static const char meta[] =
	"CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
	"INSERT INTO meta VALUES('schema', '0') ON CONFLICT DO NOTHING;";

static enum err read_version(struct sql *sql, int64_t *out, struct why *why)
{
	struct sql_query *q;
	enum err e = sql_prepare(
		sql, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'schema'", &q, why);
	if (e)
		return e;
	e = sql_step(q, why);
	if (!e)
		*out = sql_integer(q, 0);
	sql_finish(q);
	return e;
}

/* From `version` to the next. Whoever changes the number first takes the step; others wait
 * for that row and find it changed. */
static enum err take_step(struct sql *sql, int64_t version, struct why *why)
{
	char claim[128];
	snprintf(claim, sizeof claim,
		 "UPDATE meta SET value = '%lld' WHERE key = 'schema' AND value = '%lld'",
		 (long long)version + 1, (long long)version);
	enum err e = sql_begin(sql, why);
	if (!e)
		e = sql_run(sql, claim, why);
	if (!e && sql_changes(sql) > 0)
		e = sql_run(sql, sql_is_server(sql) ? steps[version].server : steps[version].file,
			    why);
	if (!e)
		e = sql_run(sql, "COMMIT", why);
	if (e)
		(void)!sql_run(sql, "ROLLBACK", NULL);
	return e;
}

enum err schema_bring_up(struct sql *sql, struct why *why)
{
	int64_t version = 0;
	/* Asked first: reading is all that a hub may do in a database that is newer. */
	if (read_version(sql, &version, NULL)) {
		enum err e = sql_run(sql, meta, why);
		if (e)
			return e;
	}
	for (;;) {
		enum err e = read_version(sql, &version, why);
		if (e)
			return e;
		if (version < 0 || version > SCHEMA_VERSION)
			return why_set(
				why, ERR_INVALID,
				"the database has schema %lld, this hub knows %d: use a newer hub",
				(long long)version, SCHEMA_VERSION);
		if (version == SCHEMA_VERSION)
			return OK;
		e = take_step(sql, version, why);
		if (e)
			return e;
	}
}

enum err schema_read_id(struct sql *sql, char out[SCHEMA_ID_SIZE], struct why *why)
{
	char statement[96];
	struct sql_query *q;
	random_name(out, SCHEMA_ID_SIZE - 1);
	snprintf(statement, sizeof statement,
		 "INSERT INTO meta VALUES('id', '%s') ON CONFLICT DO NOTHING", out);
	enum err e = sql_run(sql, statement, why);
	if (!e)
		e = sql_prepare(sql, "SELECT value FROM meta WHERE key = 'id'", &q, why);
	if (e)
		return e;
	e = sql_step(q, why);
	if (!e)
		text_copy(out, SCHEMA_ID_SIZE, sql_bytes(q, 0));
	sql_finish(q);
	return e;
}
