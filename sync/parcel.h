/*
 * parcel - carries one file after the other from the spool to the hub.
 *
 * A file is announced (up/file/{id}); the hub says how much of it it has
 * (dn/file/{id}), and blocks follow from there (up/file/{id}/{offset}). So a cut
 * costs what was under way, on either side. It leaves the flash when the hub says
 * that it has all of it, that its SHA-256 is right, and that it is on its disk.
 *
 * Letters go first: a block waits while any of them does, and counts for the
 * budget. Blocks are as large as the link delivers in PARCEL_QUICK_MS to
 * PARCEL_SLOW_MS, so that an event never waits long behind one.
 */
#pragma once

#include "sync/spool.h"
#include "sync/uplink.h"

enum {
	PARCEL_BLOCK_MIN = 1024,
	PARCEL_BLOCK_MAX = 48 * 1024,
	PARCEL_BLOCKS = 4,           /* handed to the broker and not yet acknowledged */
	PARCEL_AHEAD = 512 * 1024,   /* bytes beyond what the hub says that it has */
	PARCEL_QUICK_MS = 500,       /* a block that the broker has in this time may be larger */
	PARCEL_SLOW_MS = 2000,       /* one that takes longer must be smaller, and alone */
	PARCEL_STALL_MS = 30 * 1000, /* no progress: ask again, then later each time */
	PARCEL_STALL_MAX_MS = 15 * 60 * 1000,
	PARCEL_LOOK_MS = 500, /* how often to look whether letters have gone */
	PARCEL_REFUSALS = 3,  /* of one file before it is given up */
};

struct parcel_block {
	int ticket; /* 0: free */
	int64_t sent_ms;
};

struct parcel_hooks {
	void *owner;
	/* It is gone from the spool. `refused` NULL: the hub has it. */
	void (*on_gone)(void *owner, const struct spool_file *f, const char *refused);
};

struct parcel {
	struct loop *loop;
	struct link *link;
	struct uplink *uplink;
	struct spool *spool;
	struct parcel_hooks hooks;
	struct timer timer; /* to send on, or to ask again */
	struct spool_file file;
	char id[SPOOL_ID_SIZE]; /* "": nothing is being carried */
	bool is_welcome;        /* the hub has said how much it has */
	int64_t have, sent;     /* bytes */
	int64_t moved_ms;       /* when there was progress last */
	int64_t rewound_ms;
	unsigned stalls, refusals;
	size_t block; /* bytes of the next one */
	struct parcel_block blocks[PARCEL_BLOCKS];
	char *buffer; /* PARCEL_BLOCK_MAX bytes while something is being carried */
};

void parcel_init(struct parcel *p, struct loop *loop, struct link *link, struct uplink *uplink,
		 struct spool *spool, const struct parcel_hooks *hooks);
void parcel_close(struct parcel *p);

/* Before parcel_init() nothing happens at any of these. */

/* There is something new in the spool. */
void parcel_wake(struct parcel *p);
void parcel_on_up(struct parcel *p);
void parcel_on_down(struct parcel *p);
/* The hub has come again: it may have forgotten what it was told. */
void parcel_on_hello(struct parcel *p);

/* dn/file/{id} has come. */
void parcel_on_answer(struct parcel *p, const char *id, struct bytes payload);
/* The broker has something that was published. */
void parcel_on_delivered(struct parcel *p, int ticket);
