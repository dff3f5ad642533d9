/*
 * receipts - which batches of which devices will be acknowledged at the commit.
 *
 * Neighbouring numbers of one device become one range; a device gets one
 * message for all of them.
 */
#pragma once

#include "base/err.h"
#include "base/label.h"
#include "ports/json.h"
#include "sync/segment.h"

enum { RECEIPTS_MAX = 512 };

struct receipt {
	char fleet[LABEL_SIZE], device[LABEL_SIZE];
	char buf[SEGMENT_BUF_MAX + 1];
	int64_t from, to;
	char bad[160]; /* a refusal's reason; "" for ok */
	bool told;
};

struct receipts {
	struct receipt list[RECEIPTS_MAX];
	size_t count;
};

/* False: there is no room, commit first. */
bool receipts_add(struct receipts *r, const struct receipt *one);

/* Tell each device's acknowledgement, then forget all. */
void receipts_tell(struct receipts *r,
		   void (*on_ack)(void *owner, const char *fleet, const char *device,
				  const char *text),
		   void *owner);

/* The commit failed: nothing of it was kept. */
void receipts_forget(struct receipts *r);
