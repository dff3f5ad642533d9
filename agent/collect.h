/*
 * collect - from memory to flash, once in a while.
 *
 * Points and log lines that have come since the last time are stored together,
 * in one transaction: one write of the medium. `telemetry_flush` says how
 * often; a power cut costs at most that much, an agent that is killed nothing.
 */
#pragma once

#include "agent/ingest.h"
#include "agent/logbook.h"
#include "sync/compact.h"
#include "workloads/supervisor.h"

struct collect {
	struct loop *loop;
	struct outbox *outbox;
	struct ingest *ingest;
	struct supervisor *supervisor;
	struct compact *compact;
	int64_t flush_ms;
	struct timer timer;
	bool log_is_new;    /* some workload has printed something */
	struct why trouble; /* why the last flush failed; empty: it did not */
	void *owner;
	void (*on_trouble)(void *owner); /* it came, is another, or is over */
};

/* `c->compact`, `c->flush_ms`, `c->owner` and `c->on_trouble` are set by the caller before. */
void collect_init(struct collect *c, struct loop *loop, struct outbox *outbox,
		  struct ingest *ingest, struct supervisor *supervisor);

/* Something has come that should be stored by and by. */
void collect_soon(struct collect *c);
void collect_log(struct collect *c);

/* Store now. False: it could not be done; everything stays where it is. */
bool collect_flush(struct collect *c);
