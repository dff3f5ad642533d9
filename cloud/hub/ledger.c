#include "cloud/hub/ledger.h"

#include "base/json_text.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>

enum { JSON_MAX = 64 * 1024, TIME_SIZE = 24 };

static enum err prepare_all(struct ledger *l, struct why *why)
{
	const struct {
		struct sql_query **into;
		const char *statement;
	} plan[] = {
		{ &l->file,
		  "INSERT INTO file(fleet, device, ts_ms, id, pod, name, bytes, digest, path,"
		  " received_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
		  " ON CONFLICT DO NOTHING" },
		{ &l->has_file, "SELECT 1 FROM file WHERE fleet = ?1 AND device = ?2 AND id = ?3" },
		{ &l->presence,
		  "INSERT INTO device(fleet, device, online, session, boot, agent, generation, why,"
		  " seen_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		  " ON CONFLICT(fleet, device) DO UPDATE SET online = ?3, session = ?4, boot = ?5,"
		  " agent = ?6, generation = ?7, why = ?8, seen_ms = ?9 WHERE ?4 >= "
		  "device.session" },
		{ &l->state,
		  "INSERT INTO device(fleet, device, state, state_ms) VALUES(?1, ?2, ?3, ?4)"
		  " ON CONFLICT(fleet, device) DO UPDATE SET state = ?3, state_ms = ?4" },
		{ &l->desired,
		  "INSERT INTO device(fleet, device, desired, desired_epoch, desired_generation)"
		  " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(fleet, device) DO UPDATE SET"
		  " desired = ?3, desired_epoch = ?4, desired_generation = ?5"
		  " WHERE device.desired IS NULL OR ?4 > device.desired_epoch"
		  " OR (?4 = device.desired_epoch AND ?5 > device.desired_generation)" },
		{ &l->get_desired, "SELECT desired, desired_epoch, desired_generation FROM device"
				   " WHERE fleet = ?1 AND device = ?2 AND desired IS NOT NULL" },
		{ &l->get_state, "SELECT state FROM device"
				 " WHERE fleet = ?1 AND device = ?2 AND state IS NOT NULL" },
		{ &l->forget_desired, "UPDATE device SET desired = NULL WHERE fleet = ?1"
				      " AND device = ?2" },
		{ &l->mark_seen, "UPDATE device SET desired_seen = 1 WHERE fleet = ?1"
				 " AND device = ?2" },
		{ &l->count_online, "SELECT count(*) FROM device WHERE online = 1" },
		{ &l->online, "SELECT fleet, device FROM device WHERE online = 1" },
		{ &l->unseen, "SELECT fleet, device FROM device WHERE desired IS NOT NULL"
			      " AND desired_seen = 0" },
		{ &l->devices, "SELECT device, online, session, boot, agent, generation, why"
			       " FROM device WHERE fleet = ?1 AND device > ?2"
			       " ORDER BY device LIMIT ?3" },
	};
	enum err e = OK;
	for (size_t i = 0; !e && i < sizeof plan / sizeof *plan; i++)
		e = sql_prepare(l->sql, plan[i].statement, plan[i].into, why);
	return e;
}

/* Time is the database's: hubs on several machines need not agree on theirs. */
static enum err prepare_lease(struct ledger *l, struct why *why)
{
	char statement[512];
	const char *now = sql_now(l->sql);
	snprintf(statement, sizeof statement,
		 "UPDATE lease SET owner = ?2, until_ms = %s + ?3"
		 " WHERE name = ?1 AND (owner = ?2 OR until_ms < %s)",
		 now, now);
	return sql_prepare(l->sql, statement, &l->lease, why);
}

enum err ledger_open(struct ledger *l, const char *where, struct why *why)
{
	*l = (struct ledger){ 0 };
	enum err e = sql_connect(where, SQL_HUB, &l->sql, why);
	if (!e)
		e = schema_bring_up(l->sql, why);
	if (!e && sql_is_server(l->sql))
		e = schema_read_id(l->sql, l->id, why);
	if (!e)
		e = prepare_all(l, why);
	if (!e)
		e = prepare_lease(l, why);
	if (e)
		ledger_close(l);
	return e;
}

void ledger_close(struct ledger *l)
{
	struct sql_query *all[] = { l->presence,       l->state,     l->desired,
				    l->get_desired,    l->get_state, l->mark_seen,
				    l->forget_desired, l->online,    l->unseen,
				    l->file,           l->has_file,  l->lease,
				    l->count_online,   l->devices };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sql_finish(all[i]);
	sql_close(l->sql);
	letters_free(&l->letters);
	*l = (struct ledger){ 0 };
}

bool ledger_is_open(const struct ledger *l)
{
	return l->sql && !sql_is_lost(l->sql);
}

bool ledger_is_idle(const struct ledger *l)
{
	return !l->in_transaction && !l->letters.count;
}

enum err ledger_begin(struct ledger *l, struct why *why)
{
	if (l->in_transaction)
		return OK;
	enum err e = sql_begin(l->sql, why);
	l->in_transaction = !e;
	return e;
}

static enum err end_transaction(struct ledger *l, struct why *why)
{
	if (!l->in_transaction)
		return OK;
	l->in_transaction = false;
	enum err e = sql_run(l->sql, "COMMIT", why);
	if (e)
		(void)!sql_run(l->sql, "ROLLBACK", NULL);
	return e;
}

enum err ledger_commit(struct ledger *l, struct why *why)
{
	enum err e = end_transaction(l, why);
	if (e)
		letters_forget(&l->letters);
	return e ? e : letters_write(&l->letters, l->sql, why);
}

void ledger_rollback(struct ledger *l)
{
	if (l->in_transaction)
		(void)!sql_run(l->sql, "ROLLBACK", NULL);
	l->in_transaction = false;
	letters_forget(&l->letters);
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
	return letters_begin(&l->letters, b, why);
}

void ledger_batch_end(struct ledger *l, bool keep)
{
	letters_end(&l->letters, keep);
}

/* No text of a server can have a NUL in it, and no JSON of one says it: what was cut into
 * a string by mistake must not cost the letter. `len` bytes; escapes are those of
 * json_text_string(). */
static void fix_nul(char *json)
{
	for (char *c = strchr(json, '\\'); c; c = strchr(c, '\\')) {
		if (strncmp(c, "\\u0000", 6) == 0)
			memcpy(c, "\\ufffd", 6);
		c += 2;
	}
}

static void fix_text(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = '?';
	utf8_fix(text);
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

static struct bytes print_time(char out[TIME_SIZE], int64_t time_ms)
{
	snprintf(out, TIME_SIZE, "%lld", (long long)time_ms);
	return bytes_of(out);
}

enum err ledger_add_point(struct ledger *l, const struct ledger_source *s, const struct point *p,
			  int64_t time_ms, struct why *why)
{
	static char tags_text[JSON_MAX], fields_text[JSON_MAX]; /* one hub, one thread */
	char measurement[POINT_KEY_MAX + 1], when[TIME_SIZE];
	struct text tags = text_in(tags_text, sizeof tags_text);
	struct text fields = text_in(fields_text, sizeof fields_text);
	put_tags(&tags, p);
	put_fields(&fields, p);
	utf8_fix(tags_text);
	utf8_fix(fields_text);
	fix_nul(tags_text);
	fix_nul(fields_text);
	if (text_is_cut(&tags) || text_is_cut(&fields))
		return why_set(why, ERR_INVALID, "a point larger than %d bytes", JSON_MAX);
	if (!text_copy(measurement, sizeof measurement, p->measurement))
		return why_set(why, ERR_INVALID, "a measurement of more than %d bytes",
			       POINT_KEY_MAX);
	fix_text(measurement, p->measurement.len);
	const struct bytes values[] = { print_time(when, time_ms), bytes_of(s->fleet),
					bytes_of(s->device),       bytes_of(measurement),
					text_bytes(&tags),         text_bytes(&fields) };
	return letters_add_row(&l->letters, LETTER_POINT, time_ms, values, 6, why);
}

static struct bytes null_or(const char *s)
{
	return s ? bytes_of(s) : (struct bytes){ NULL, 0 };
}

enum err ledger_add_event(struct ledger *l, const struct ledger_source *s,
			  const struct ledger_event *e, struct why *why)
{
	char when[TIME_SIZE];
	const struct bytes values[] = { print_time(when, e->time_ms), bytes_of(s->fleet),
					bytes_of(s->device),          bytes_of(e->type),
					bytes_of(e->reason),          bytes_of(e->object),
					bytes_of(e->message),         null_or(e->more) };
	return letters_add_row(&l->letters, LETTER_EVENT, e->time_ms, values, 8, why);
}

enum err ledger_add_line(struct ledger *l, const struct ledger_source *s,
			 const struct ledger_line *line, struct why *why)
{
	char when[TIME_SIZE];
	const struct bytes values[] = { print_time(when, line->time_ms),
					bytes_of(s->fleet),
					bytes_of(s->device),
					bytes_of(line->pod),
					bytes_of(line->container),
					bytes_of(line->stream),
					bytes_of(line->text) };
	return letters_add_row(&l->letters, LETTER_LOG, line->time_ms, values, 7, why);
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
			    struct desired_id *out)
{
	sql_rewind(l->get_desired);
	bind_source(l->get_desired, s);
	enum err e = sql_step(l->get_desired, NULL);
	if (e) {
		sql_rewind(l->get_desired);
		return e;
	}
	*document = sql_bytes(l->get_desired, 0);
	*out = (struct desired_id){ .trust = desired_named_trust(*document),
				    .epoch = sql_integer(l->get_desired, 1),
				    .generation = sql_integer(l->get_desired, 2) };
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

/* --- several hubs --- */

enum err ledger_take_lease(struct ledger *l, const char *name, const char *owner, int64_t ms,
			   bool *out_taken, struct why *why)
{
	bind_string(l->lease, 1, name);
	bind_string(l->lease, 2, owner);
	sql_bind_integer(l->lease, 3, ms);
	enum err e = sql_execute(l->lease, why);
	*out_taken = !e && sql_changes(l->sql) > 0;
	return e;
}

/* As if it had run out a moment ago. */
enum err ledger_drop_lease(struct ledger *l, const char *name, const char *owner, struct why *why)
{
	bool taken;
	return ledger_take_lease(l, name, owner, -1, &taken, why);
}

enum err ledger_count_online(struct ledger *l, int64_t *out, struct why *why)
{
	enum err e = sql_step(l->count_online, why);
	*out = e ? 0 : sql_integer(l->count_online, 0);
	sql_rewind(l->count_online);
	return e;
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

enum { BOOT_SIZE = 64, AGENT_SIZE = 64, WHY_LEFT_SIZE = 64 };

static void read_presence(struct sql_query *q, void *owner, const char *fleet,
			  ledger_on_presence *on_device)
{
	char device[LABEL_SIZE], boot[BOOT_SIZE], agent[AGENT_SIZE], why_left[WHY_LEFT_SIZE];
	const struct ledger_source s = { fleet, device };
	const struct ledger_presence p = {
		.online = sql_integer(q, 1) != 0,
		.session = sql_integer(q, 2),
		.boot = boot,
		.agent = agent,
		.generation = sql_integer(q, 5),
		.why_left = why_left,
	};
	text_copy(boot, sizeof boot, sql_bytes(q, 3));
	text_copy(agent, sizeof agent, sql_bytes(q, 4));
	text_copy(why_left, sizeof why_left, sql_bytes(q, 6));
	if (copy_label(sql_bytes(q, 0), device))
		on_device(owner, &s, &p);
}

enum err ledger_each_device(struct ledger *l, const char *fleet, const char *after, int64_t limit,
			    ledger_on_presence *on_device, void *owner, struct why *why)
{
	enum err e;
	bind_string(l->devices, 1, fleet);
	bind_string(l->devices, 2, after);
	sql_bind_integer(l->devices, 3, limit);
	while (!(e = sql_step(l->devices, why)))
		read_presence(l->devices, owner, fleet, on_device);
	sql_rewind(l->devices);
	return e == ERR_NOT_FOUND ? OK : e;
}
