#include "cloud/skerry/explain.h"

#include "cloud/fleet/standing.h"
#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/terminal.h"
#include "ports/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One question. */
struct inquiry {
	const struct options *options;
	const char *pod;
	struct sql *events; /* of the hub; NULL: nobody has named it */
	struct fleet_view view;
	struct json *rows;
};

/* --- the last event --- */

/* A desk may have the database's name in its environment without having the database. */
static enum err open_events(struct inquiry *q, struct why *why)
{
	const struct options *o = q->options;
	enum err e = o->database ? sql_connect(o->database, SQL_READ, &q->events, why) : OK;
	if (!e || o->database != getenv("SKERRY_DB"))
		return e;
	q->events = NULL;
	terminal_line(stderr, "note: no last events: %s", why->text);
	return OK;
}

static struct json *make_event(struct sql_query *row)
{
	struct json *j = json_new_object();
	json_set_number(j, "t", (double)sql_integer(row, 0)); /* is read again */
	json_set_bytes(j, "reason", sql_bytes(row, 1));
	json_set_bytes(j, "object", sql_bytes(row, 2));
	json_set_bytes(j, "message", sql_bytes(row, 3));
	return j;
}

static enum err add_event(struct inquiry *q, const char *device, struct json *row, struct why *why)
{
	struct sql_query *s = NULL;
	if (!q->events)
		return OK;
	enum err e = sql_prepare(q->events,
				 "SELECT ts_ms, reason, object, message FROM event"
				 " WHERE fleet = ?1 AND device = ?2"
				 " AND (object = ?3 OR object LIKE ?3 || '/%')"
				 " ORDER BY ts_ms DESC, rowid DESC LIMIT 1",
				 &s, why);
	if (e)
		return e;
	sql_bind_text(s, 1, bytes_of(q->options->fleet));
	sql_bind_text(s, 2, bytes_of(device));
	sql_bind_text(s, 3, bytes_of(q->pod));
	e = sql_step(s, why);
	if (!e)
		json_set(row, "event", make_event(s));
	sql_finish(s);
	return e == ERR_NOT_FOUND ? OK : e;
}

/* --- rows --- */

static enum err add_row(struct inquiry *q, const struct device_view *d, const struct standing *s,
			struct why *why)
{
	const int64_t reported = device_view_number(d, "t");
	struct json *row = json_new_object();
	json_set_string(row, "device", d->name);
	json_set_string(row, "workload", s->workload);
	json_set_string(row, "state", s->state);
	json_set_string(row, "reason", s->reason);
	json_set_string(row, "why", s->why.text);
	json_set_bool(row, "online", device_view_is_online(d));
	if (reported)
		json_set_number(row, "reported", (double)reported); /* is read again */
	json_push(q->rows, row);
	return add_event(q, d->name, row, why);
}

static enum err add_device(struct inquiry *q, const struct device_view *d, struct why *why)
{
	struct state_id id;
	struct standing list[STANDINGS_MAX];
	const bool is_told =
		d->desired_text && !state_id_read(bytes_of(d->desired_text), &id, NULL);
	const struct standing_device about = { d->state, d->desired, is_told ? &id : NULL };
	const size_t n = standing_of(&about, q->pod, list);
	enum err e = OK;
	for (size_t i = 0; i < n && !e; i++)
		e = add_row(q, d, &list[i], why);
	return e;
}

/* --- devices --- */

static bool is_named(const struct options *o, const char *device)
{
	bool is = !o->device_count;
	for (size_t i = 0; i < o->device_count && !is; i++)
		is = strcmp(o->devices[i], device) == 0;
	return is;
}

static enum err check_named(struct inquiry *q, struct why *why)
{
	const struct options *o = q->options;
	for (size_t i = 0; i < o->device_count; i++)
		if (!fleet_view_find(&q->view, o->devices[i]))
			return why_set(why, ERR_NOT_FOUND,
				       "no device \"%.60s\" has reported in fleet %s",
				       o->devices[i], o->fleet);
	return o->selector ? fleet_view_choose(&q->view, o->selector, why) : OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct device_view *)a)->name, ((const struct device_view *)b)->name);
}

static enum err add_devices(struct inquiry *q, struct why *why)
{
	struct fleet_view *v = &q->view;
	enum err e = check_named(q, why);
	if (!e && v->count)
		qsort(v->devices, v->count, sizeof *v->devices, by_name);
	for (size_t i = 0; i < v->count && !e; i++)
		if (!v->devices[i].is_hidden && is_named(q->options, v->devices[i].name))
			e = add_device(q, &v->devices[i], why);
	if (!e && !json_count(q->rows))
		e = why_set(why, ERR_NOT_FOUND,
			    "no device runs a pod \"%.63s\", or shall run it; skerry get workloads "
			    "shows what there is",
			    q->pod);
	return e;
}

enum err explain_pod(struct desk *d, const struct options *o, const char *pod, struct json **out,
		     struct why *why)
{
	struct inquiry q = { .options = o, .pod = pod, .rows = json_new_array() };
	*out = q.rows;
	if (!label_is_valid(bytes_of(pod)))
		return why_set(why, ERR_INVALID, "\"%.60s\" is not the name of a pod: " LABEL_RULE,
			       pod);
	enum err e = open_events(&q, why);
	if (!e)
		e = fleet_view_read(&q.view, d, NULL, why);
	if (!e)
		e = add_devices(&q, why);
	fleet_view_free(&q.view);
	sql_close(q.events);
	return e;
}
