/*
 * scrape - reads the figures that pods show to Prometheus: prometheus.io/scrape.
 *
 * Only the pod itself is asked: 127.0.0.1 of its own network, or of the
 * board's, and there only while nobody but its processes listens at the port.
 * Redirects are not followed. A pod that does not run, or rests, is left alone.
 * Samples are taken line by line as they come; a body is never in memory.
 */
#pragma once

#include "agent/ingest.h"
#include "workloads/supervisor.h"

enum {
	SCRAPE_WAIT_MS = 10 * 1000,    /* for all of an answer; not beyond the interval */
	SCRAPE_BODY_MAX = 1024 * 1024, /* bytes of one answer */
	SCRAPE_POINTS_MAX = 2000,      /* of one answer; more are dropped */
	SCRAPE_LINE_MAX = 4 * 1024,    /* bytes of one line */
	SCRAPE_PROCESSES_MAX = 64,     /* of a pod, whose sockets are looked at */
	SCRAPE_PATH_SIZE = 256,
};

struct scrape;

struct scrapes {
	struct ingest *ingest;
	struct loop *loop;
	struct supervisor *supervisor;
	struct scrape *first; /* one for each pod that wants it */
};

void scrapes_init(struct scrapes *s, struct ingest *ingest, struct loop *loop,
		  struct supervisor *supervisor);

/* Pods have come, gone or changed. Not initialised: nothing happens. */
void scrapes_follow(struct scrapes *s);

void scrapes_deinit(struct scrapes *s);
