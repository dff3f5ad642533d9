/*
 * point - one telemetry point as a workload gave it: what, when, how much.
 *
 * Everything is borrowed from the text that was parsed. Tags are in the order
 * of their keys; a key stands once.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

#include <stdint.h>

/* On the wire and on flash: docs/protocol.md fixes the numbers. */
enum value_type { VALUE_FLOAT = 0, VALUE_INTEGER = 1, VALUE_BOOLEAN = 2, VALUE_STRING = 3 };

struct value {
	enum value_type type;
	union {
		double number;
		int64_t integer; /* also a boolean's 0 or 1 */
		struct bytes string;
	};
};

struct tag {
	struct bytes key, value;
};

struct point_field {
	struct bytes name;
	struct value value;
};

struct point {
	struct bytes measurement;
	bool has_time;   /* the sender gave one */
	int64_t time_ms; /* since 1970 */
	size_t tag_count, field_count;
	struct tag tags[POINT_TAGS_MAX];
	struct point_field fields[POINT_FIELDS_MAX];
};

/* Begin an empty point, and give it fields; text is borrowed. At most POINT_FIELDS_MAX. */
void point_begin(struct point *p, const char *measurement);
void point_add_integer(struct point *p, const char *name, int64_t n);
void point_add_number(struct point *p, const char *name, double n);

/* Put a tag at its place, in place of one of that key. ERR_FULL: POINT_TAGS_MAX. */
enum err point_set_tag(struct point *p, struct bytes key, struct bytes value);
