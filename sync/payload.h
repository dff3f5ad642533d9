/*
 * payload - what a sensor publishes that knows nothing of us: a number, or a
 * JSON object.
 *
 * A number, true or false becomes the field `value`. Of an object each number,
 * boolean and text becomes a field; inner objects join their names by `_`, as
 * Telegraf does. Every number is a float, so that 21 and 21.5 are one series.
 * Lists and null are passed over.
 */
#pragma once

#include "ports/json.h"
#include "sync/point.h"

enum payload_format {
	PAYLOAD_AUTO, /* [ is SenML, { an object, a number a number, the rest lines */
	PAYLOAD_NUMBER,
	PAYLOAD_JSON,
	PAYLOAD_LINE,
	PAYLOAD_SENML,
};

/* "auto", "number", "json", "line", "senml". */
bool payload_format_read(struct bytes word, enum payload_format *out);

/* What PAYLOAD_AUTO means for this text. */
enum payload_format payload_recognise(struct bytes text);

/* ERR_INVALID: neither a finite number nor a boolean. */
enum err payload_read_number(struct bytes text, const char *measurement, struct point *out,
			     struct why *why);

enum { PAYLOAD_DEPTH_MAX = 4 }; /* objects inside one another */

/* Names of fields that are put together; what a point borrows. */
struct payload_names {
	char at[POINT_KEY_MAX];
	size_t len;
};

/* ERR_INVALID: no object, or nothing in it that could be a field. ERR_FULL: more, or
 * deeper, than fits a point. Texts are borrowed from `object` and `names`. */
enum err payload_read_object(const struct json *object, const char *measurement,
			     struct payload_names *names, struct point *out, struct why *why);
