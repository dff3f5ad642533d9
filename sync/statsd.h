/*
 * statsd - one line of statsd: name:value|type[|@rate][|#tag:value,tag].
 *
 * Types are c, g, ms, h, d (DogStatsD's distribution) and s; several values may
 * stand in a row, v1:v2:v3. Tags are DogStatsD's, or InfluxDB's behind the
 * name: name,tag=value. Of DogStatsD's other parts a time and a container are
 * passed over; events and service checks are refused.
 */
#pragma once

#include "sync/point.h"

enum statsd_type {
	STATSD_COUNTER,
	STATSD_GAUGE,
	STATSD_TIMING,
	STATSD_HISTOGRAM,
	STATSD_DISTRIBUTION,
	STATSD_SET,
};

enum { STATSD_TAGS_MAX = POINT_TAGS_MAX - 1 /* metric_type is one, too */ };

/* Borrowed from the text of the line. */
struct statsd_line {
	enum statsd_type type;
	struct point key; /* measurement and tags; no field */
	double rate;      /* (0, 1]: what share of them is told */
	struct bytes values;
};

/* The word of Telegraf's tag metric_type. */
const char *statsd_type_name(enum statsd_type type);

/* One line without its end, not empty. ERR_INVALID, ERR_FULL: not taken, as a whole. */
enum err statsd_read(struct bytes line, struct statsd_line *out, struct why *why);

/* The next of its values; false: no further one. */
bool statsd_next(struct statsd_line *l, struct bytes *out);

/* A value as a number; *out_relative: it has a sign, which moves a gauge. False: it is none. */
bool statsd_number(struct bytes value, double *out, bool *out_relative);
