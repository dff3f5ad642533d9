/*
 * fetch - pulls one blob over MQTT, block by block, and goes on where it was cut.
 *
 * The one who needs a blob asks for blocks (blob/get) and counts what came: so
 * it can hold back, and start again at the same offset after any cut. The
 * server keeps no state. The agent fetches images from the hub, the hub
 * fetches them from an operator's desk: the same protocol with roles changed.
 */
#pragma once

#include "ports/blobs.h"
#include "ports/loop.h"

enum {
	FETCH_BLOCKS = 8,           /* asked for at a time */
	FETCH_STALL_MS = 10 * 1000, /* nothing came: ask again */
	FETCH_RETRY_MS = 15 * 1000, /* the server has not got it: ask again, later each time */
	FETCH_RETRY_MAX_MS = 300 * 1000,
};

struct fetch_hooks {
	void *owner;
	/* Publish a request; the payload is JSON. ERR_OFFLINE: fetch_on_up() will come. */
	enum err (*ask)(void *owner, struct bytes payload);
	void (*on_fetched)(void *owner);
	/* It goes on by itself; told once for each kind of trouble. */
	void (*on_trouble)(void *owner, const struct why *why);
};

struct fetch {
	struct loop *loop;
	const struct blobs *blobs;
	struct fetch_hooks hooks;
	struct timer timer;
	char digest[DIGEST_SIZE];         /* "" when nothing is being fetched */
	char id[12];                      /* of this fetch, in topics */
	int64_t arrived, asked_to, total; /* bytes; total -1: not known yet */
	unsigned misses;                  /* in a row: the server did not have it */
	bool stuck;                       /* the medium takes no block; it was told */
	bool corrupt_once;                /* it arrived wrong, and is fetched a second time */
};

void fetch_init(struct fetch *f, struct loop *loop, const struct blobs *blobs,
		const struct fetch_hooks *hooks);

/* Begin, or go on, with a blob; another one that was under way is left as it is. */
void fetch_start(struct fetch *f, const char *digest);
void fetch_stop(struct fetch *f);
bool fetch_is_active(const struct fetch *f);

/* The link is there (again). */
void fetch_on_up(struct fetch *f);

/* blob/{id}/{offset}, or blob/{id}/err. */
void fetch_on_block(struct fetch *f, const char *id, const char *offset, struct bytes payload);
