/*
 * statsd_server - what programs of the board tell by statsd becomes points.
 *
 * UDP at an address of loopback. Values are put together for an interval, and
 * then one point for each series goes into the stream `statsd`, in the layout
 * of Telegraf's statsd plugin: tag metric_type, field `value`; of timings and
 * histograms count, sum, mean, lower, upper, 50_percentile and 95_percentile.
 *
 * Series are bounded; what belongs to a further one is dropped and counted. A
 * gauge is remembered for STATSD_GAUGE_MS, as +1 and -1 need what they change.
 */
#pragma once

#include "agent/ingest.h"

enum {
	STATSD_SERIES_MAX = 256,
	STATSD_KEY_MAX = 512, /* bytes of name and tags of a series */
	STATSD_GAUGE_MS = 3600 * 1000,
};

struct statsd_options {
	struct ingest *ingest;
	struct loop *loop;
	const char *address; /* of loopback */
	uint16_t port;
	int64_t interval_ms;
};

struct statsd_server;

/* A port that somebody else has is tried again at each interval. */
enum err statsd_server_open(const struct statsd_options *o, struct statsd_server **out,
			    struct why *why);
void statsd_server_close(struct statsd_server *s); /* NULL is fine */
