/*
 * senml - SenML JSON (RFC 8428) as telemetry points.
 *
 * Honoured: bn, bt, bv, bu, n, u, v, vs, vb, t. A record becomes one point:
 * its full name is the measurement, its unit the tag `unit`, its value the
 * field `value`. Times below 2^28 are relative to now, as the RFC says. Sums
 * (s, bs) and data (vd) are refused.
 */
#pragma once

#include "ports/json.h"
#include "sync/point.h"

struct senml {
	const struct json *next;
	int64_t now_ms; /* wall clock; 0: not known */
	const char *base_name, *base_unit;
	double base_time, base_value;
	char name[POINT_KEY_MAX / 2]; /* of the point read last */
};

/* `pack` is the parsed array and stays the caller's. ERR_INVALID: not an array. */
enum err senml_begin(struct senml *s, const struct json *pack, int64_t now_ms, struct why *why);

/* The next record; ERR_NOT_FOUND: the end. ERR_INVALID: this one is not taken. */
enum err senml_read(struct senml *s, struct point *out, struct why *why);
