/*
 * exposition - what a workload shows to Prometheus, line by line, as points.
 *
 * The text format 0.0.4, and OpenMetrics' text, which differs in the unit of
 * its times. Each sample is a point of its own: the name is the measurement,
 * labels are tags, and the value is the field `value`; so a histogram is its
 * _bucket, _sum and _count, as Prometheus keeps it. Types, help and exemplars
 * are passed over, and values that are not finite: a point has none.
 */
#pragma once

#include "sync/point.h"

/* One line without its end. Escapes in labels are resolved in place: the text is changed.
 * ERR_NOT_FOUND: nothing to take on it. ERR_INVALID, ERR_FULL: not taken. */
enum err exposition_read(char *line, size_t len, bool is_openmetrics, struct point *out,
			 struct why *why);
