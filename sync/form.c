#include "sync/form.h"

#include "base/json_text.h"
#include "base/scoped.h"
#include "ports/clock.h"
#include "ports/compress.h"
#include "sync/columns.h"

#include <math.h>
#include <stdio.h>

enum { COLUMNS_BYTES = 64 * 1024 /* what gather writes, unpacked */ };

bool form_is_text(const struct letter *l)
{
	return l->flags & (LETTER_AS_JSON | LETTER_AS_LINE);
}

void form_topic(const struct letter *l, char out_rest[TOPIC_MAX])
{
	snprintf(out_rest, TOPIC_MAX, "up/%s/%s", l->flags & LETTER_AS_JSON ? "tele" : "line",
		 l->stream);
}

/* --- line protocol --- */

/* Names: a backslash before what would end them. */
static void put_name(struct text *t, struct bytes name, const char *special)
{
	for (size_t i = 0; i < name.len; i++)
		text_add(t, strchr(special, name.at[i]) ? "\\%c" : "%c", name.at[i]);
}

static void put_line_string(struct text *t, struct bytes s)
{
	text_add(t, "\"");
	for (size_t i = 0; i < s.len; i++)
		text_add(t, s.at[i] == '"' || s.at[i] == '\\' ? "\\%c" : "%c", s.at[i]);
	text_add(t, "\"");
}

static void put_line_value(struct text *t, const struct value *v)
{
	switch (v->type) {
	case VALUE_FLOAT:
		json_text_number(t, v->number);
		break;
	case VALUE_INTEGER:
		json_text_integer(t, v->integer);
		text_add(t, "i");
		break;
	case VALUE_BOOLEAN:
		text_add(t, v->integer ? "t" : "f");
		break;
	case VALUE_STRING:
	default:
		put_line_string(t, v->string);
	}
}

/* NaN and infinity have no place in either form. */
static bool is_printable(const struct value *v)
{
	return v->type != VALUE_FLOAT || isfinite(v->number);
}

static void put_line(struct text *t, const struct form_part *p, const struct point *pt)
{
	const size_t began = t->len;
	size_t fields = 0;
	put_name(t, pt->measurement, ", \\");
	for (size_t i = 0; i < pt->tag_count; i++) {
		text_add(t, ",");
		put_name(t, pt->tags[i].key, ",= \\");
		text_add(t, "=");
		put_name(t, pt->tags[i].value, ",= \\");
	}
	for (size_t i = 0; i < pt->field_count; i++) {
		if (!is_printable(&pt->fields[i].value))
			continue;
		text_add(t, fields++ ? "," : " ");
		put_name(t, pt->fields[i].name, ",= \\");
		text_add(t, "=");
		put_line_value(t, &pt->fields[i].value);
	}
	/* The clock was never set: the reader takes the time of the arrival. */
	const int64_t offset_ms = p->head.clock == SEGMENT_OFFSET ? p->head.clock_ms : 0;
	const int64_t time_ms = pt->time_ms + offset_ms;
	if (p->head.clock != SEGMENT_ARRIVAL)
		text_add(t, " %lld000000", (long long)time_ms);
	text_add(t, "\n");
	if (!fields)
		text_cut_to(t, began);
}

/* --- JSON --- */

static void put_json_value(struct text *t, const struct value *v)
{
	if (!is_printable(v))
		text_add(t, "null");
	else if (v->type == VALUE_FLOAT)
		json_text_number(t, v->number);
	else if (v->type == VALUE_INTEGER)
		json_text_integer(t, v->integer);
	else if (v->type == VALUE_BOOLEAN)
		text_add(t, v->integer ? "true" : "false");
	else
		json_text_string(t, v->string);
}

static void put_json(struct text *t, const struct point *pt)
{
	text_add(t, "{\"t\":%lld,\"m\":", (long long)pt->time_ms);
	json_text_string(t, pt->measurement);
	for (size_t i = 0; i < pt->tag_count; i++) {
		text_add(t, i ? "," : ",\"g\":{");
		json_text_string(t, pt->tags[i].key);
		text_add(t, ":");
		json_text_string(t, pt->tags[i].value);
	}
	text_add(t, pt->tag_count ? "},\"f\":{" : ",\"f\":{");
	for (size_t i = 0; i < pt->field_count; i++) {
		text_add(t, i ? "," : "");
		json_text_string(t, pt->fields[i].name);
		text_add(t, ":");
		put_json_value(t, &pt->fields[i].value);
	}
	text_add(t, "}},");
}

static void put_json_head(struct text *t, const struct form_part *p)
{
	text_add(t, "{\"v\":1,\"dev\":\"%s\",\"buf\":\"%s", p->device, p->head.buf);
	if (p->number)
		text_add(t, "-%u", p->number);
	text_add(t, "\",\"seq\":%lld,", (long long)p->head.seq);
	if (p->head.history)
		text_add(t, "\"hist\":true,");
	if (p->head.clock != SEGMENT_WALL)
		text_add(t, "\"clock\":\"mono\",\"%s\":%lld,",
			 p->head.clock == SEGMENT_OFFSET ? "offset" : "now",
			 (long long)p->head.clock_ms);
	text_add(t, "\"pts\":[");
}

/* --- parts --- */

struct printing {
	struct form_part *part;
	bool json, full;
	size_t index; /* of the letter's points */
	size_t printed;
	struct text text;
};

static void print_one(void *owner, const struct point *pt)
{
	struct printing *x = owner;
	if (x->index++ < x->part->next || x->full)
		return;
	const size_t began = x->text.len;
	if (x->json)
		put_json(&x->text, pt);
	else
		put_line(&x->text, x->part, pt);
	if (!text_is_cut(&x->text)) {
		x->printed++;
		x->part->next = x->index;
		return;
	}
	text_cut_to(&x->text, began);
	x->full = x->printed > 0;
	if (!x->full) { /* alone, and still too large */
		x->part->skipped++;
		x->part->next = x->index;
	}
}

enum err form_print(struct form_part *p, const struct letter *l, char scratch[FORM_SCRATCH],
		    struct bytes *out_payload)
{
	SCOPED_MEMORY char *columns = malloc(COLUMNS_BYTES);
	size_t len;
	/* Room is kept for what ends the JSON. */
	struct printing x = { .part = p,
			      .json = l->flags & LETTER_AS_JSON,
			      .text = text_in(scratch, FORM_SCRATCH - 2) };
	if (!columns)
		return ERR_SYSTEM;
	if (x.json)
		put_json_head(&x.text, p);
	enum err e = compress_unpack(l->body, columns, COLUMNS_BYTES, &len);
	if (!e)
		e = columns_read((struct bytes){ columns, len }, print_one, &x, NULL);
	if (e)
		return e;
	if (!x.printed)
		return ERR_NOT_FOUND;
	len = x.text.len;
	if (x.json) {
		scratch[len - 1] = ']'; /* in place of the last comma */
		scratch[len++] = '}';
	}
	p->number++;
	*out_payload = (struct bytes){ scratch, len };
	return OK;
}
