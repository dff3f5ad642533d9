/* points - what tests of telemetry say about points. */
#pragma once

#include "sync/point.h"
#include "tests/check.h"

#include <string.h>

static inline struct value value_float(double n)
{
	return (struct value){ .type = VALUE_FLOAT, .number = n };
}

static inline struct value value_integer(int64_t n)
{
	return (struct value){ .type = VALUE_INTEGER, .integer = n };
}

static inline struct value value_boolean(bool b)
{
	return (struct value){ .type = VALUE_BOOLEAN, .integer = b };
}

static inline struct value value_string(struct bytes s)
{
	return (struct value){ .type = VALUE_STRING, .string = s };
}

/* A point of one field. */
static inline struct point point_of(const char *measurement, const char *field, struct value v)
{
	struct point p = { .measurement = bytes_of(measurement), .field_count = 1 };
	p.fields[0] = (struct point_field){ bytes_of(field), v };
	return p;
}

static inline void point_add_field(struct point *p, const char *name, struct value v)
{
	p->fields[p->field_count++] = (struct point_field){ bytes_of(name), v };
}

/* Bit by bit: -0.0 is not 0.0, and a NaN is itself. */
static inline bool value_is_same(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == VALUE_STRING)
		return bytes_equal(a->string, b->string);
	if (a->type == VALUE_FLOAT)
		return memcmp(&a->number, &b->number, sizeof a->number) == 0;
	return a->integer == b->integer;
}

/* Measurement, tags and the names of the fields. */
static inline bool point_has_same_key(const struct point *a, const struct point *b)
{
	if (!bytes_equal(a->measurement, b->measurement) || a->tag_count != b->tag_count ||
	    a->field_count != b->field_count)
		return false;
	for (size_t i = 0; i < a->tag_count; i++)
		if (!bytes_equal(a->tags[i].key, b->tags[i].key) ||
		    !bytes_equal(a->tags[i].value, b->tags[i].value))
			return false;
	for (size_t i = 0; i < a->field_count; i++)
		if (!bytes_equal(a->fields[i].name, b->fields[i].name))
			return false;
	return true;
}

static inline bool point_is_same(const struct point *a, const struct point *b)
{
	if (!point_has_same_key(a, b))
		return false;
	for (size_t i = 0; i < a->field_count; i++)
		if (!value_is_same(&a->fields[i].value, &b->fields[i].value))
			return false;
	return true;
}
