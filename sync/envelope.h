/*
 * envelope - a letter as it travels: its topic, a head, and what lies on flash.
 *
 * The same over the link and on a stick (`skerry export`), so that the hub counts
 * a letter once, whichever way it came, and if it came both ways.
 */
#pragma once

#include "base/limits.h"
#include "ports/store.h"
#include "sync/segment.h"

struct envelope {
	const char *device, *buf;
	uint32_t boot; /* of now: envelope_boot_flags() */
};

/* Whose it is, and how a reader gets from its times to those since 1970. */
void envelope_head(const struct envelope *e, const struct letter *l, struct segment_head *out);

enum { ENVELOPE_SCRATCH = MESSAGE_MAX + 1 };

/* `out_rest` is the topic behind the device, such as "up/event"; *out_payload lies in
 * `scratch`. What does not read back: ERR_CORRUPT, or ERR_FULL if it is too large. */
enum err envelope_make(const struct envelope *e, const struct letter *l,
		       char scratch[ENVELOPE_SCRATCH], char out_rest[TOPIC_MAX],
		       struct bytes *out_payload);

/* The upper half of a letter's flags: which boot its times belong to. */
uint32_t envelope_boot_flags(void);
