/*
 * gathered - what a gather holds, as text: "m,tag=v field=1,other=2i 1000\n" ...
 */
#pragma once

#include "base/text.h"
#include "ports/compress.h"
#include "sync/columns.h"
#include "sync/gather.h"
#include "tests/check.h"

enum { GATHERED_MAX = 64 * 1024, GATHERED_COLUMNS_MAX = 256 * 1024 };

struct gathered {
	char text[GATHERED_MAX];
	size_t points;
};

static inline void gathered_print_value(struct text *t, const struct value *v)
{
	if (v->type == VALUE_FLOAT)
		text_add(t, "%g", v->number);
	else if (v->type == VALUE_STRING)
		text_add(t, "\"%.*s\"", (int)v->string.len, v->string.at);
	else
		text_add(t, "%lld%s", (long long)v->integer, v->type == VALUE_BOOLEAN ? "b" : "i");
}

static inline void gathered_print_point(void *owner, const struct point *p)
{
	struct gathered *g = owner;
	size_t len = strlen(g->text);
	struct text t = text_in(g->text + len, sizeof g->text - len);
	g->points++;
	text_add(&t, "%.*s", (int)p->measurement.len, p->measurement.at);
	for (size_t i = 0; i < p->tag_count; i++)
		text_add(&t, ",%.*s=%.*s", (int)p->tags[i].key.len, p->tags[i].key.at,
			 (int)p->tags[i].value.len, p->tags[i].value.at);
	for (size_t i = 0; i < p->field_count; i++) {
		text_add(&t, "%c%.*s=", i ? ',' : ' ', (int)p->fields[i].name.len,
			 p->fields[i].name.at);
		gathered_print_value(&t, &p->fields[i].value);
	}
	text_add(&t, " %lld\n", (long long)p->time_ms);
	assert_false(text_is_cut(&t));
}

static inline void gathered_decode(struct gathered *g, struct bytes body)
{
	static char columns[GATHERED_COLUMNS_MAX];
	size_t len;
	assert_ok(compress_unpack(body, columns, sizeof columns, &len));
	assert_ok(columns_read((struct bytes){ columns, len }, gathered_print_point, g, NULL));
}

static inline enum err gathered_on_segment(void *owner, const struct gather_segment *s,
					   struct why *why)
{
	(void)why;
	gathered_decode(owner, s->body);
	return OK;
}

/* Print all that is there. */
static inline void gathered_read(struct gathered *g, const struct gather *from)
{
	g->text[0] = '\0';
	g->points = 0;
	assert_ok(gather_encode(from, gathered_on_segment, g, NULL));
}

/* Is there a line that is this one, up to its time? */
static inline void assert_line(const struct gathered *g, const char *line)
{
	const size_t len = strlen(line);
	for (const char *at = g->text; *at; at += strcspn(at, "\n") + 1)
		if (strncmp(at, line, len) == 0 && at[len] == ' ')
			return;
	fail_msg("\"%s\" is not in:\n%s", line, g->text);
}

static inline void assert_no_line(const struct gathered *g, const char *part)
{
	if (strstr(g->text, part))
		fail_msg("\"%s\" is in:\n%s", part, g->text);
}
