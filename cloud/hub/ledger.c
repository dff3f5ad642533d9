#include "cloud/hub/ledger.h"

#include "base/json_text.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>

enum { SCHEMA_VERSION = 1, JSON_MAX = 64 * 1024 };

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
	"INSERT OR IGNORE INTO meta VALUES('schema', '1');"
	"CREATE TABLE IF NOT EXISTS device("
	"  fleet TEXT NOT NULL, device TEXT NOT NULL,"
	"  online INTEGER NOT NULL DEFAULT 0, session INTEGER NOT NULL DEFAULT 0,"
	"  boot TEXT, agent TEXT, generation INTEGER, why TEXT, seen_ms INTEGER,"
	"  state TEXT, state_ms INTEGER,"
	"  desired TEXT, desired_epoch INTEGER, desired_generation INTEGER,"
	"  desired_seen INTEGER NOT NULL DEFAULT 0,"
	"  PRIMARY KEY(fleet, device));"
	"CREATE TABLE IF NOT EXISTS batch("
	"  fleet TEXT NOT NULL, device TEXT NOT NULL, stream TEXT NOT NULL, buf TEXT NOT NULL,"
	"  seq INTEGER NOT NULL, kind TEXT NOT NULL, hist INTEGER NOT NULL,"
	"  received_ms INTEGER NOT NULL,"
	"  PRIMARY KEY(fleet, device, stream, buf, seq));"
	"CREATE TABLE IF NOT EXISTS point("
	"  ts_ms INTEGER NOT NULL, fleet TEXT NOT NULL, device TEXT NOT NULL,"
	"  measurement TEXT NOT NULL, tags TEXT NOT NULL, fields TEXT NOT NULL);"
	"CREATE INDEX IF NOT EXISTS point_by_time ON point(device, measurement, ts_ms);"
	"CREATE TABLE IF NOT EXISTS event("
	"  ts_ms INTEGER NOT NULL, fleet TEXT NOT NULL, device TEXT NOT NULL,"
	"  type TEXT NOT NULL, reason TEXT NOT NULL, object TEXT NOT NULL,"
	"  message TEXT NOT NULL, more TEXT);"
	"CREATE INDEX IF NOT EXISTS event_by_time ON event(device, ts_ms);"
	"CREATE TABLE IF NOT EXISTS log("
	"  ts_ms INTEGER NOT NULL, fleet TEXT NOT NULL, device TEXT NOT NULL,"
	"  pod TEXT NOT NULL, container TEXT NOT NULL, stream TEXT NOT NULL, line TEXT NOT NULL);"
	"CREATE INDEX IF NOT EXISTS log_by_time ON log(device, pod, ts_ms);"
	"CREATE TABLE IF NOT EXISTS file("
	"  ts_ms INTEGER NOT NULL, fleet TEXT NOT NULL, device TEXT NOT NULL, id TEXT NOT NULL,"
	"  pod TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, digest TEXT NOT NULL,"
	"  path TEXT NOT NULL, received_ms INTEGER NOT NULL,"
	"  PRIMARY KEY(fleet, device, id));"
	"CREATE INDEX IF NOT EXISTS file_by_time ON file(device, ts_ms);";

static enum err check_version(struct ledger *l, struct why *why)
{
	struct sql_query *q;
	enum err e = sql_prepare(l->sql,
				 "SELECT CAST(value AS INTEGER) FROM meta"
				 " WHERE key = 'schema'",
				 &q, why);
	if (e)
		return e;
	e = sql_step(q, why);
	int64_t version = e ? 0 : sql_integer(q, 0);
	sql_finish(q);
	if (!e && version != SCHEMA_VERSION)
		e = why_set(why, ERR_INVALID,
			    "the database has schema %lld, this hub knows %d: use a newer hub",
			    (long long)version, SCHEMA_VERSION);
	return e;
}

static enum err prepare_all(struct ledger *l, struct why *why)
{
	const struct {
		struct sql_query **into;
		const char *statement;
	} plan[] = {
		{ &l->batch,
		  "INSERT INTO batch(fleet, device, stream, buf, seq, kind, hist, received_ms)"
		  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING" },
		{ &l->point, "INSERT INTO point VALUES(?3, ?1, ?2, ?4, ?5, ?6)" },
		{ &l->event, "INSERT INTO event VALUES(?3, ?1, ?2, ?4, ?5, ?6, ?7, ?8)" },
		{ &l->log, "INSERT INTO log VALUES(?3, ?1, ?2, ?4, ?5, ?6, ?7)" },
		{ &l->file, "INSERT INTO file VALUES(?3, ?1, ?2, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
			    " ON CONFLICT DO NOTHING" },
		{ &l->has_file, "SELECT 1 FROM file WHERE fleet = ?1 AND device = ?2 AND id = ?3" },
		{ &l->presence,
		  "INSERT INTO device(fleet, device, online, session, boot, agent, generation, why,"
		  " seen_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		  " ON CONFLICT(fleet, device) DO UPDATE SET online = ?3, session = ?4, boot = ?5,"
		  " agent = ?6, generation = ?7, why = ?8, seen_ms = ?9 WHERE ?4 >= session" },
		{ &l->state,
		  "INSERT INTO device(fleet, device, state, state_ms) VALUES(?1, ?2, ?3, ?4)"
		  " ON CONFLICT(fleet, device) DO UPDATE SET state = ?3, state_ms = ?4" },
		{ &l->desired,
		  "INSERT INTO device(fleet, device, desired, desired_epoch, desired_generation)"
		  " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(fleet, device) DO UPDATE SET"
		  " desired = ?3, desired_epoch = ?4, desired_generation = ?5"
		  " WHERE desired IS NULL OR ?4 > desired_epoch"
		  " OR (?4 = desired_epoch AND ?5 > desired_generation)" },
		{ &l->get_desired, "SELECT desired, desired_epoch, desired_generation FROM device"
				   " WHERE fleet = ?1 AND device = ?2 AND desired IS NOT NULL" },
		{ &l->get_state, "SELECT state FROM device"
				 " WHERE fleet = ?1 AND device = ?2 AND state IS NOT NULL" },
		{ &l->forget_desired, "UPDATE device SET desired = NULL WHERE fleet = ?1"
				      " AND device = ?2" },
		{ &l->mark_seen, "UPDATE device SET desired_seen = 1 WHERE fleet = ?1"
				 " AND device = ?2" },
		{ &l->online, "SELECT fleet, device FROM device WHERE online = 1" },
		{ &l->unseen, "SELECT fleet, device FROM device WHERE desired IS NOT NULL"
			      " AND desired_seen = 0" },
	};
	enum err e = OK;
	for (size_t i = 0; !e && i < sizeof plan / sizeof *plan; i++)
		e = sql_prepare(l->sql, plan[i].statement, plan[i].into, why);
	return e;
}

enum err ledger_open(struct ledger *l, const char *path, struct why *why)
{
	*l = (struct ledger){ 0 };
	enum err e = sql_open(path, SQL_HUB, &l->sql, why);
	if (!e)
		e = sql_run(l->sql, schema, why);
	if (!e)
		e = check_version(l, why);
	if (!e)
		e = prepare_all(l, why);
	if (e)
		ledger_close(l);
	return e;
}

void ledger_close(struct ledger *l)
{
	struct sql_query *all[] = { l->batch,     l->point,     l->event,          l->log,
				    l->presence,  l->state,     l->desired,        l->get_desired,
				    l->get_state, l->mark_seen, l->forget_desired, l->online,
				    l->unseen,    l->file,      l->has_file };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sql_finish(all[i]);
	sql_close(l->sql);
	*l = (struct ledger){ 0 };
}

enum err ledger_begin(struct ledger *l, struct why *why)
{
	if (l->in_transaction)
		return OK;
	enum err e = sql_run(l->sql, "BEGIN IMMEDIATE", why);
	l->in_transaction = !e;
	return e;
}

enum err ledger_commit(struct ledger *l, struct why *why)
{
	if (!l->in_transaction)
		return OK;
	enum err e = sql_run(l->sql, "COMMIT", why);
	if (e)
		ledger_rollback(l);
	l->in_transaction = false;
	return e;
}

void ledger_rollback(struct ledger *l)
{
	if (l->in_transaction)
		(void)!sql_run(l->sql, "ROLLBACK", NULL);
	l->in_transaction = false;
}

static void bind_source(struct sql_query *q, const struct ledger_source *s)
{
	sql_bind_text(q, 1, bytes_of(s->fleet));
	sql_bind_text(q, 2, bytes_of(s->device));
}

static void bind_string(struct sql_query *q, int at, const char *s)
{
	if (s)
		sql_bind_text(q, at, bytes_of(s));
	else
		sql_bind_null(q, at);
}

/* --- files --- */

enum err ledger_add_file(struct ledger *l, const struct ledger_source *s,
			 const struct depot_file *f, const char *path, int64_t received_ms,
			 struct why *why)
{
	bind_source(l->file, s);
	sql_bind_integer(l->file, 3, f->time_ms);
	bind_string(l->file, 4, f->id);
	bind_string(l->file, 5, f->pod);
	bind_string(l->file, 6, f->name);
	sql_bind_integer(l->file, 7, f->size);
	bind_string(l->file, 8, f->digest);
	bind_string(l->file, 9, path);
	sql_bind_integer(l->file, 10, received_ms);
	return sql_execute(l->file, why);
}

bool ledger_has_file(struct ledger *l, const struct ledger_source *s, const char *id)
{
	bind_source(l->has_file, s);
	bind_string(l->has_file, 3, id);
	const enum err e = sql_step(l->has_file, NULL);
	sql_rewind(l->has_file);
	return e == OK;
}

/* --- batches --- */

enum err ledger_batch_begin(struct ledger *l, const struct ledger_batch *b, struct why *why)
{
	enum err e = ledger_begin(l, why);
	if (!e)
		e = sql_run(l->sql, "SAVEPOINT batch", why);
	if (e)
		return e;
	bind_source(l->batch, &b->source);
	bind_string(l->batch, 3, b->stream);
	bind_string(l->batch, 4, b->buf);
	sql_bind_integer(l->batch, 5, b->seq);
	bind_string(l->batch, 6, b->kind);
	sql_bind_integer(l->batch, 7, b->history);
	sql_bind_integer(l->batch, 8, b->received_ms);
	e = sql_execute(l->batch, why);
	if (!e && sql_changes(l->sql) > 0)
		return OK;

	enum err ended = ledger_batch_end(l, false, why);
	if (!e && !ended)
		e = why_set(why, ERR_CONFLICT, "this batch is there already");
	return e ? e : ended;
}

enum err ledger_batch_end(struct ledger *l, bool keep, struct why *why)
{
	enum err e = keep ? OK : sql_run(l->sql, "ROLLBACK TO batch", why);
	return e ? e : sql_run(l->sql, "RELEASE batch", why);
}

static void put_value(struct text *t, const struct value *v)
{
	switch (v->type) {
	case VALUE_FLOAT:
		if (isfinite(v->number))
			json_text_number(t, v->number);
		else
			text_add(t, "null");
		break;
	case VALUE_INTEGER:
		json_text_integer(t, v->integer);
		break;
	case VALUE_BOOLEAN:
		text_add(t, v->integer ? "true" : "false");
		break;
	case VALUE_STRING:
	default:
		json_text_string(t, v->string);
	}
}

static void put_tags(struct text *t, const struct point *p)
{
	text_add(t, "{");
	for (size_t i = 0; i < p->tag_count; i++) {
		text_add(t, i ? "," : "");
		json_text_string(t, p->tags[i].key);
		text_add(t, ":");
		json_text_string(t, p->tags[i].value);
	}
	text_add(t, "}");
}

static void put_fields(struct text *t, const struct point *p)
{
	text_add(t, "{");
	for (size_t i = 0; i < p->field_count; i++) {
		text_add(t, i ? "," : "");
		json_text_string(t, p->fields[i].name);
		text_add(t, ":");
		put_value(t, &p->fields[i].value);
	}
	text_add(t, "}");
}

enum err ledger_add_point(struct ledger *l, const struct ledger_source *s, const struct point *p,
			  int64_t time_ms, struct why *why)
{
	static char tags_text[JSON_MAX], fields_text[JSON_MAX]; /* one hub, one thread */
	struct text tags = text_in(tags_text, sizeof tags_text);
	struct text fields = text_in(fields_text, sizeof fields_text);
	put_tags(&tags, p);
	put_fields(&fields, p);
	utf8_fix(tags_text);
	utf8_fix(fields_text);
	if (text_is_cut(&tags) || text_is_cut(&fields))
		return why_set(why, ERR_INVALID, "a point larger than %d bytes", JSON_MAX);
	bind_source(l->point, s);
	sql_bind_integer(l->point, 3, time_ms);
	sql_bind_text(l->point, 4, p->measurement);
	sql_bind_text(l->point, 5, text_bytes(&tags));
	sql_bind_text(l->point, 6, text_bytes(&fields));
	return sql_execute(l->point, why);
}

enum err ledger_add_event(struct ledger *l, const struct ledger_source *s,
			  const struct ledger_event *e, struct why *why)
{
	bind_source(l->event, s);
	sql_bind_integer(l->event, 3, e->time_ms);
	bind_string(l->event, 4, e->type);
	bind_string(l->event, 5, e->reason);
	bind_string(l->event, 6, e->object);
	bind_string(l->event, 7, e->message);
	bind_string(l->event, 8, e->more);
	return sql_execute(l->event, why);
}

enum err ledger_add_line(struct ledger *l, const struct ledger_source *s,
			 const struct ledger_line *line, struct why *why)
{
	bind_source(l->log, s);
	sql_bind_integer(l->log, 3, line->time_ms);
	bind_string(l->log, 4, line->pod);
	bind_string(l->log, 5, line->container);
	bind_string(l->log, 6, line->stream);
	bind_string(l->log, 7, line->text);
	return sql_execute(l->log, why);
}

/* --- devices --- */

enum err ledger_set_presence(struct ledger *l, const struct ledger_source *s,
			     const struct ledger_presence *p, struct why *why)
{
	bind_source(l->presence, s);
	sql_bind_integer(l->presence, 3, p->online);
	sql_bind_integer(l->presence, 4, p->session);
	bind_string(l->presence, 5, p->boot);
	bind_string(l->presence, 6, p->agent);
	sql_bind_integer(l->presence, 7, p->generation);
	bind_string(l->presence, 8, p->why_left);
	sql_bind_integer(l->presence, 9, p->received_ms);
	return sql_execute(l->presence, why);
}

enum err ledger_set_state(struct ledger *l, const struct ledger_source *s, struct bytes document,
			  int64_t received_ms, struct why *why)
{
	bind_source(l->state, s);
	sql_bind_text(l->state, 3, document);
	sql_bind_integer(l->state, 4, received_ms);
	return sql_execute(l->state, why);
}

enum err ledger_get_state(struct ledger *l, const struct ledger_source *s, struct bytes *document)
{
	sql_rewind(l->get_state);
	bind_source(l->get_state, s);
	enum err e = sql_step(l->get_state, NULL);
	if (e) {
		sql_rewind(l->get_state);
		return e;
	}
	*document = sql_bytes(l->get_state, 0);
	return OK;
}

enum err ledger_set_desired(struct ledger *l, const struct ledger_source *s, struct bytes document,
			    int64_t epoch, int64_t generation, struct why *why)
{
	bind_source(l->desired, s);
	sql_bind_text(l->desired, 3, document);
	sql_bind_integer(l->desired, 4, epoch);
	sql_bind_integer(l->desired, 5, generation);
	return sql_execute(l->desired, why);
}

enum err ledger_forget_desired(struct ledger *l, const struct ledger_source *s, struct why *why)
{
	bind_source(l->forget_desired, s);
	return sql_execute(l->forget_desired, why);
}

enum err ledger_get_desired(struct ledger *l, const struct ledger_source *s, struct bytes *document,
			    int64_t *out_epoch, int64_t *out_generation)
{
	sql_rewind(l->get_desired);
	bind_source(l->get_desired, s);
	enum err e = sql_step(l->get_desired, NULL);
	if (e) {
		sql_rewind(l->get_desired);
		return e;
	}
	*document = sql_bytes(l->get_desired, 0);
	*out_epoch = sql_integer(l->get_desired, 1);
	*out_generation = sql_integer(l->get_desired, 2);
	return OK;
}

enum err ledger_mark_seen(struct ledger *l, const struct ledger_source *s, struct why *why)
{
	bind_source(l->mark_seen, s);
	return sql_execute(l->mark_seen, why);
}

enum err ledger_mark_all_unseen(struct ledger *l, struct why *why)
{
	return sql_run(l->sql, "UPDATE device SET desired_seen = 0 WHERE desired_seen = 1", why);
}

static bool copy_label(struct bytes s, char out[LABEL_SIZE])
{
	return text_copy(out, LABEL_SIZE, s);
}

static enum err each_device(struct sql_query *q, ledger_on_device *on_device, void *owner,
			    struct why *why)
{
	enum err e;
	while (!(e = sql_step(q, why))) {
		char fleet[LABEL_SIZE], device[LABEL_SIZE];
		const struct ledger_source s = { fleet, device };
		if (copy_label(sql_bytes(q, 0), fleet) && copy_label(sql_bytes(q, 1), device))
			on_device(owner, &s);
	}
	sql_rewind(q);
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err ledger_each_online(struct ledger *l, ledger_on_device *on_device, void *owner,
			    struct why *why)
{
	return each_device(l->online, on_device, owner, why);
}

enum err ledger_each_unseen(struct ledger *l, ledger_on_device *on_device, void *owner,
			    struct why *why)
{
	return each_device(l->unseen, on_device, owner, why);
}
