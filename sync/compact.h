/*
 * compact - many small segments become one while they wait.
 *
 * A flush every few seconds makes small segments; a larger one takes fewer bytes
 * a point, on flash and on the wire, and a long drain fewer messages. Where points
 * may be thinned, those of a nearly full outbox are, the oldest first: of each
 * series one in `thin_ms` stays, before whole letters are given up.
 *
 * Only letters that have never been sent are touched: what the hub may have
 * already must keep its number, or it would count twice. So it happens while there
 * is no link, to letters made since it went down.
 */
#pragma once

#include "sync/gather.h"
#include "sync/outbox.h"

enum {
	COMPACT_BYTES = 192 * 1024, /* of points in memory while it happens */
	COMPACT_LETTERS = 16,       /* that become one, at most */
	COMPACT_LETTERS_LEAST = 8,  /* fewer are left for later */
	COMPACT_SMALL = 6 * 1024,   /* a letter of more bytes, or of more points, is large enough */
	COMPACT_POINTS_SMALL = 1024,
	COMPACT_THIN_PERCENT = 75, /* of the quota: above it points are thinned */
	COMPACT_SERIES_MAX = 512,  /* thinned at a time; points of further ones all stay */
};

struct compact {
	struct outbox *outbox;
	char path[160];    /* of the memory, in run_dir */
	int64_t thin_ms;   /* 0: points are never thinned */
	int64_t unsent;    /* letters above it have never been sent; -1: all may have been */
	int64_t thinned;   /* points given up since the start */
	size_t since_last; /* letters added since it looked last */
};

void compact_init(struct compact *c, struct outbox *o, const char *run_dir, int64_t thin_ms);

/* Before compact_init() nothing happens at any of these. */

/* The link is up: whatever there is may be sent. Down: what comes from now on is not. */
void compact_on_up(struct compact *c);
void compact_on_down(struct compact *c);

/* What is there is carried away by another way than the link. */
void compact_on_export(struct compact *c);

/* A letter was added: perhaps there is something to do. A transaction of its own,
 * a few milliseconds. ERR_FULL: the medium has no room to make some. */
enum err compact_look(struct compact *c, struct why *why);
