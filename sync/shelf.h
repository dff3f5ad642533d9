/*
 * shelf - the two desired states that a board keeps on flash.
 *
 * `good` is the last one that proved itself; `next` is one that was accepted
 * after it, and how far it has come. Each step is one transaction: a power cut
 * leaves the step before or the step after.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "ports/store.h"

enum shelf_slot { SHELF_GOOD, SHELF_NEXT };

/* How far `next` has come. */
enum shelf_step {
	SHELF_NONE,     /* there is no next */
	SHELF_FETCHING, /* good runs; artifacts of next are under way */
	SHELF_TRYING,   /* next runs, and has not proved itself yet */
	SHELF_FAILED,   /* good runs again; next is kept so that it is not tried again */
	SHELF_REFUSED,  /* good runs still: next cannot be had; kept likewise */
};

struct shelf {
	struct store *store;
	enum shelf_step step;
	struct why reason; /* of the failure */
};

enum err shelf_open(struct shelf *s, struct store *store, struct why *why);

/* Borrowed until the next call on the store. ERR_NOT_FOUND: the slot is empty. */
enum err shelf_get(struct shelf *s, enum shelf_slot slot, struct bytes *out);

/* Put a document into next, in place of what was there, and with it the mark of
 * sync/anchor.h: both or neither. An empty mark is none. */
enum err shelf_accept(struct shelf *s, struct bytes document, struct bytes mark, struct why *why);

/* next begins to run. */
enum err shelf_try(struct shelf *s, struct why *why);

/* next has proved itself: it is good from now on. */
enum err shelf_promote(struct shelf *s, struct why *why);

/* next has failed. */
enum err shelf_fail(struct shelf *s, const char *reason, struct why *why);

/* next turned out to be unusable before it ran. */
enum err shelf_refuse(struct shelf *s, const char *reason, struct why *why);
