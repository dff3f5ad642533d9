#include "cloud/hub/intake.h"

#include "ports/clock.h"
#include "ports/compress.h"
#include "ports/json.h"
#include "sync/columns.h"

#include <stdio.h>
#include <stdlib.h>

enum { COLUMNS_MAX = 1024 * 1024 }; /* bytes of one unpacked segment */

enum err intake_open(struct intake *i, struct ledger *ledger, struct why *why)
{
	*i = (struct intake){ .ledger = ledger, .columns = malloc(COLUMNS_MAX) };
	return i->columns ? OK : why_set(why, ERR_SYSTEM, "intake: no memory");
}

void intake_close(struct intake *i)
{
	free(i->columns);
	*i = (struct intake){ 0 };
}

/* A batch while its items are written. */
struct taking {
	struct intake *intake;
	struct ledger_batch batch;
	int64_t offset_ms; /* to be added to its times */
	const char *pod;
	enum err err;
	struct why *why;
};

static bool is_medium_trouble(enum err e)
{
	return e && e != ERR_INVALID && e != ERR_CORRUPT && e != ERR_FULL;
}

/* Begin the batch, write its items, end it; a duplicate is as good as kept. */
static enum err take(struct taking *t, enum err (*write)(struct taking *t, const void *from),
		     const void *from)
{
	struct ledger *l = t->intake->ledger;
	enum err e = ledger_batch_begin(l, &t->batch, t->why);
	if (e == ERR_CONFLICT)
		return OK;
	if (e)
		return e;
	t->err = write(t, from);
	ledger_batch_end(l, !t->err);
	return is_medium_trouble(t->err) ? t->err : t->err ? ERR_INVALID : OK;
}

/* --- columns --- */

static void on_point(void *owner, const struct point *p)
{
	struct taking *t = owner;
	int64_t time;
	if (t->err)
		return;
	if (__builtin_add_overflow(p->time_ms, t->offset_ms, &time)) {
		t->err = why_set(t->why, ERR_INVALID, "a time beyond all clocks");
		return;
	}
	t->err = ledger_add_point(t->intake->ledger, &t->batch.source, p, time, t->why);
}

static enum err write_columns(struct taking *t, const void *from)
{
	const struct bytes *columns = from;
	t->err = OK;
	enum err e = columns_read(*columns, on_point, t, t->why);
	return e ? e : t->err;
}

static int64_t offset_of(const struct segment_head *h)
{
	if (h->clock == SEGMENT_OFFSET)
		return h->clock_ms;
	return h->clock == SEGMENT_ARRIVAL ? clock_wall_ms() - h->clock_ms : 0;
}

static enum err take_segment(struct intake *i, const struct topic *topic, struct bytes payload,
			     struct intake_receipt *receipt, struct why *why)
{
	struct segment_head head;
	struct bytes body, columns = { i->columns, 0 };
	enum err e = segment_read(payload, &head, &body, why);
	if (e)
		return e;
	strcpy(receipt->buf, head.buf);
	receipt->seq = head.seq;
	if (compress_unpack(body, i->columns, COLUMNS_MAX, &columns.len))
		return why_set(why, ERR_INVALID, "the columns do not unpack");
	struct taking t = {
		.intake = i,
		.batch = { { topic->fleet, topic->device },
			   topic->a,
			   "telec",
			   receipt->buf,
			   head.seq,
			   clock_wall_ms(),
			   head.history },
		.offset_ms = offset_of(&head),
		.why = why,
	};
	return take(&t, write_columns, &columns);
}

/* --- documents --- */

static enum err read_value(const struct json *j, struct value *out, struct why *why)
{
	bool flag;
	const char *s = json_string(j);
	if (json_number(j, &out->number)) {
		out->type = VALUE_FLOAT;
		return OK;
	}
	if (json_bool(j, &flag)) {
		out->type = VALUE_BOOLEAN;
		out->integer = flag;
		return OK;
	}
	if (s) {
		out->type = VALUE_STRING;
		out->string = bytes_of(s);
		return OK;
	}
	return why_set(why, ERR_INVALID, "a field is neither number, boolean nor string");
}

static enum err read_point(const struct json *j, struct point *out, struct why *why)
{
	const char *measurement = json_string(json_member(j, "m"));
	const struct json *fields = json_member(j, "f");
	*out = (struct point){ .has_time = true };
	if (!measurement || !*measurement || !json_integer(json_member(j, "t"), &out->time_ms))
		return why_set(why, ERR_INVALID, "t or m is missing");
	out->measurement = bytes_of(measurement);
	const struct json *g = json_first(json_member(j, "g"));
	for (; g; g = json_next(g))
		if (!json_string(g) ||
		    point_set_tag(out, bytes_of(json_key(g)), bytes_of(json_string(g))))
			return why_set(why, ERR_INVALID, "g is no object of up to %d strings",
				       POINT_TAGS_MAX);
	for (const struct json *f = json_first(fields); f; f = json_next(f)) {
		if (out->field_count == POINT_FIELDS_MAX)
			return why_set(why, ERR_INVALID, "more than %d fields", POINT_FIELDS_MAX);
		struct point_field *field = &out->fields[out->field_count++];
		field->name = bytes_of(json_key(f));
		enum err e = read_value(f, &field->value, why);
		if (e)
			return e;
	}
	return out->field_count ? OK : why_set(why, ERR_INVALID, "f is empty");
}

static enum err at_index(const char *list, size_t index, enum err e, struct why *why)
{
	char where[32];
	snprintf(where, sizeof where, "%s[%zu]", list, index);
	return why_in(why, e, where);
}

static enum err write_points(struct taking *t, const void *from)
{
	static struct point p; /* too large for the stack */
	size_t index = 0;
	for (const struct json *j = json_first(json_member(from, "pts")); j; j = json_next(j)) {
		enum err e = read_point(j, &p, t->why);
		if (e)
			return at_index("pts", index, e, t->why);
		e = ledger_add_point(t->intake->ledger, &t->batch.source, &p,
				     p.time_ms + t->offset_ms, t->why);
		if (e)
			return e;
		index++;
	}
	return index ? OK : why_set(t->why, ERR_INVALID, "pts is missing or empty");
}

static const char *string_or(const struct json *j, const char *key, const char *otherwise)
{
	const char *s = json_string(json_member(j, key));
	return s ? s : otherwise;
}

static enum err write_events(struct taking *t, const void *from)
{
	size_t index = 0;
	for (const struct json *j = json_first(json_member(from, "events")); j; j = json_next(j)) {
		struct ledger_event event = {
			.type = string_or(j, "type", "Normal"),
			.reason = string_or(j, "reason", NULL),
			.object = string_or(j, "object", ""),
			.message = string_or(j, "message", ""),
		};
		if (!json_integer(json_member(j, "t"), &event.time_ms) || !event.reason)
			return at_index("events", index,
					why_set(t->why, ERR_INVALID, "t or reason is missing"),
					t->why);
		event.time_ms += t->offset_ms;
		char *more = json_member(j, "more") ? json_print(json_member(j, "more")) : NULL;
		event.more = more;
		enum err e = ledger_add_event(t->intake->ledger, &t->batch.source, &event, t->why);
		free(more);
		if (e)
			return e;
		index++;
	}
	return index ? OK : why_set(t->why, ERR_INVALID, "events is missing or empty");
}

static enum err write_lines(struct taking *t, const void *from)
{
	size_t index = 0;
	for (const struct json *j = json_first(json_member(from, "lines")); j; j = json_next(j)) {
		struct ledger_line line = {
			.pod = t->pod,
			.container = string_or(j, "c", ""),
			.stream = string_or(j, "s", "out"),
			.text = string_or(j, "l", NULL),
		};
		if (!json_integer(json_member(j, "t"), &line.time_ms) || !line.text)
			return at_index("lines", index,
					why_set(t->why, ERR_INVALID, "t or l is missing"), t->why);
		line.time_ms += t->offset_ms;
		enum err e = ledger_add_line(t->intake->ledger, &t->batch.source, &line, t->why);
		if (e)
			return e;
		index++;
	}
	return index ? OK : why_set(t->why, ERR_INVALID, "lines is missing or empty");
}

static int64_t document_offset(const struct json *j)
{
	int64_t n;
	if (json_integer(json_member(j, "offset"), &n))
		return n;
	return json_integer(json_member(j, "now"), &n) ? clock_wall_ms() - n : 0;
}

/* Who writes which kind of document. */
static const struct kind {
	const char *channel;
	enum err (*write)(struct taking *t, const void *from);
} kinds[] = { { "tele", write_points }, { "event", write_events }, { "log", write_lines } };

static enum err take_document(struct intake *i, const struct topic *topic, const struct json *j,
			      struct intake_receipt *receipt, struct why *why)
{
	const char *buf = json_string(json_member(j, "buf"));
	const struct kind *kind = kinds;
	bool history = false;
	int64_t seq;
	if (!buf || !*buf || strlen(buf) > SEGMENT_BUF_MAX ||
	    !json_integer(json_member(j, "seq"), &seq) || seq <= 0)
		return why_set(why, ERR_INVALID, "buf or seq is missing");
	strcpy(receipt->buf, buf);
	receipt->seq = seq;
	while (strcmp(kind->channel, topic->channel) != 0)
		kind++;
	json_bool(json_member(j, "hist"), &history);
	struct taking t = {
		.intake = i,
		.batch = { { topic->fleet, topic->device },
			   topic->a[0] ? topic->a : topic->channel,
			   topic->channel,
			   receipt->buf,
			   receipt->seq,
			   clock_wall_ms(),
			   history },
		.offset_ms = document_offset(j),
		.pod = topic->a,
		.why = why,
	};
	return take(&t, kind->write, j);
}

enum err intake_batch(struct intake *i, const struct topic *t, struct bytes payload,
		      struct intake_receipt *receipt, struct why *why)
{
	*receipt = (struct intake_receipt){ 0 };
	if (strcmp(t->channel, "telec") == 0)
		return take_segment(i, t, payload, receipt, why);
	struct json *j;
	enum err e = json_parse(payload, &j, why);
	if (e)
		return ERR_INVALID;
	e = take_document(i, t, j, receipt, why);
	json_free(j);
	return e;
}
