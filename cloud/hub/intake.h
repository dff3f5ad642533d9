/*
 * intake - what devices send, decoded into the ledger.
 *
 * One call for one message. A message that cannot be decoded is refused as a
 * whole, with the reason for the device.
 */
#pragma once

#include "cloud/hub/ledger.h"
#include "sync/segment.h"
#include "sync/topic.h"

struct intake {
	struct ledger *ledger;
	char *columns; /* unpacked ones */
};

/* Which batch a message was; enough to acknowledge it. */
struct intake_receipt {
	char buf[SEGMENT_BUF_MAX + 1];
	int64_t seq;
};

enum err intake_open(struct intake *i, struct ledger *ledger, struct why *why);
void intake_close(struct intake *i);

/* A message on up/telec, up/tele, up/log or up/event. OK: kept, or there
 * already: acknowledge after the commit. ERR_INVALID: bad, `receipt` says which
 * if its seq is not 0. Anything else: the ledger's trouble, say nothing. */
enum err intake_batch(struct intake *i, const struct topic *t, struct bytes payload,
		      struct intake_receipt *receipt, struct why *why);
