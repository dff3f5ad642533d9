/*
 * deploy - from a desired state to workloads that prove themselves, or back.
 *
 * Accept (kept on flash before anything else), fetch what is missing, switch,
 * watch. Healthy for `healthyFor` makes it the good one; otherwise the last
 * good one runs again, by itself and without any network. Each step is on the
 * shelf before it is taken, so that a power cut finds the way.
 */
#pragma once

#include "agent/event.h"
#include "sync/anchor.h"
#include "sync/desired.h"
#include "sync/fetch.h"
#include "sync/shelf.h"
#include "workloads/supervisor.h"
#include "workloads/unpacking.h"

enum {
	DEPLOY_FAILURES_MAX = 3, /* runs that end badly before a state is given up */
};

enum deploy_phase {
	DEPLOY_UNMANAGED,   /* nobody has said what should run */
	DEPLOY_DOWNLOADING, /* accepted; the one before still runs */
	DEPLOY_PROGRESSING, /* switched; it has not proved itself yet */
	DEPLOY_AVAILABLE,
	DEPLOY_ROLLED_BACK, /* it failed; the last good one runs */
	DEPLOY_DEGRADED,    /* it failed, and there is nothing to go back to */
};

/* What was said about a document that changed nothing. */
struct deploy_answer {
	int64_t epoch, generation; /* of that document; 0 if it did not say */
	char digest[DIGEST_SIZE];  /* of the message, if nobody could read more of it; or "" */
	int64_t since_ms;          /* wall clock; 0: there is none */
	struct why why;
};

struct deploy_options {
	struct loop *loop;
	struct store *store;
	struct supervisor *supervisor;
	struct images *images;
	struct inspection *inspection;
	struct blobs *blobs;
	struct events *events;
	struct anchor *anchor; /* NULL: states need no signature */
	const char *fleet, *device;
	int64_t memory_bytes, cpu_milli; /* of the board, for admission */
	bool is_safe_mode; /* run nothing: give up what is on trial, and accept what is newer */
	void *owner;
	void (*on_change)(void *owner);
	/* The board's, with `given` by the document (NULL: none), which win. json_free() them. */
	struct json *(*labels)(void *owner, const struct json *given);
	void (*on_safe_accepted)(void *owner); /* in safe mode: a newer state is on flash */
	enum err (*ask_blob)(void *owner, struct bytes request);
	bool (*needs_image)(void *owner, const char *digest); /* besides what runs */
	bool (*needs_blobs)(void *owner);                     /* somebody else fetches some */
};

struct deploy {
	struct deploy_options o;
	struct shelf shelf;
	enum deploy_phase phase;
	struct desired_id newest;   /* the highest that was accepted */
	struct desired_id running;  /* what the supervisor was told */
	struct desired_agent agent; /* what the newest that was accepted wants to be run by */
	bool unmanaged_asked;       /* an empty document came: keep what runs */
	struct desired next;        /* document inside while it is fetched or proved */
	struct wanted wanted;       /* of next, until the supervisor takes it */
	struct fetch fetch;
	char image[DIGEST_SIZE]; /* that is being obtained; "" for none */
	struct unpacking unpacking;
	struct timer timer;
	bool is_mending; /* `image` is one of what runs, and had got lost */
	struct timer mending;
	int64_t switched_ms, healthy_ms; /* when; healthy_ms 0: it is not */
	int64_t phase_since_ms;          /* wall clock */
	struct why trouble;              /* why a download does not go on */
	struct why failure;              /* why the newest was rolled back */
	struct json *last_words;         /* what the culprit printed last; NULL: nothing known */
	struct deploy_answer rejected, conflict, stale;
};

/* Read the shelf and start what was there. Hooks may be called at once. */
enum err deploy_open(struct deploy *d, const struct deploy_options *options, struct why *why);
void deploy_close(struct deploy *d);

/* dn/desired has come, from the broker. */
void deploy_on_document(struct deploy *d, struct bytes document);

/* dn/blob/{id}/{offset} has come; the link is there (again). */
void deploy_on_block(struct deploy *d, const char *id, const char *offset, struct bytes payload);
void deploy_on_up(struct deploy *d);

/* An image that is about to start was looked through. ERR_CORRUPT: it is damaged;
 * it is fetched again, while what waits for it waits. */
void deploy_on_inspected(struct deploy *d, const char *digest, enum err e, const struct why *why);

/* Some workload has changed its state. */
void deploy_on_workloads(struct deploy *d);

/* One that no state wants any more has ended: its image may go. */
void deploy_on_gone(struct deploy *d);

/* Neither a state nor an image is on its way. */
bool deploy_is_at_rest(const struct deploy *d);

const char *deploy_phase_name(enum deploy_phase p);
