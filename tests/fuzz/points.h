/*
 * points - what every reader of telemetry owes: a point within its bounds, which comes
 * back from columns as it went in.
 */
#pragma once

#include "sync/columns.h"
#include "tests/fuzz/fuzz.h"

enum { POINTS_COLUMNS_MAX = 256 * 1024 };

static inline void points_rewind(void *owner)
{
	(void)owner;
}

static inline void points_next(void *owner, int64_t *time, struct value *values)
{
	const struct point *p = owner;
	*time = p->time_ms;
	for (size_t i = 0; i < p->field_count; i++)
		values[i] = p->fields[i].value;
}

static inline void points_check_value(const struct value *a, const struct value *b)
{
	assert(a->type == b->type);
	if (a->type == VALUE_STRING)
		assert(bytes_equal(a->string, b->string));
	else if (a->type == VALUE_FLOAT) /* bit by bit: -0 is not 0 */
		assert(memcmp(&a->number, &b->number, sizeof a->number) == 0);
	else
		assert(a->integer == b->integer);
}

struct points_return {
	const struct point *sent;
	size_t came;
};

static inline void points_on_return(void *owner, const struct point *b)
{
	struct points_return *r = owner;
	const struct point *a = r->sent;
	r->came++;
	assert(bytes_equal(a->measurement, b->measurement) && a->time_ms == b->time_ms);
	assert(a->tag_count == b->tag_count && a->field_count == b->field_count);
	for (size_t i = 0; i < a->tag_count; i++)
		assert(bytes_equal(a->tags[i].key, b->tags[i].key) &&
		       bytes_equal(a->tags[i].value, b->tags[i].value));
	for (size_t i = 0; i < a->field_count; i++) {
		assert(bytes_equal(a->fields[i].name, b->fields[i].name));
		points_check_value(&a->fields[i].value, &b->fields[i].value);
	}
}

static inline void points_check(const struct point *p)
{
	size_t key = p->measurement.len;
	assert(p->measurement.len && p->tag_count <= POINT_TAGS_MAX);
	assert(p->field_count && p->field_count <= POINT_FIELDS_MAX);
	for (size_t i = 0; i < p->tag_count; i++)
		key += p->tags[i].key.len + p->tags[i].value.len;
	for (size_t i = 0; i < p->field_count; i++)
		key += p->fields[i].name.len;
	assert(key <= POINT_KEY_MAX);
}

/* There as columns and back. */
static inline void points_must_travel(struct point *p)
{
	points_check(p);
	unsigned char *room = malloc(POINTS_COLUMNS_MAX);
	char key[2 * POINT_KEY_MAX];
	struct columns_out k = { .at = (unsigned char *)key, .cap = sizeof key };
	struct columns_out o = { .at = room, .cap = POINTS_COLUMNS_MAX };
	const struct columns_source one = { p, 1, points_rewind, points_next };
	struct points_return back = { .sent = p };
	assert(room);
	columns_put_key(&k, p);
	assert(!k.cut);
	columns_put_count(&o, 1);
	columns_put_table(&o, (struct bytes){ key, k.len }, &one);
	assert(!o.cut);
	enum err e =
		columns_read((struct bytes){ (char *)room, o.len }, points_on_return, &back, NULL);
	assert(!e && back.came == 1);
	free(room);
}
