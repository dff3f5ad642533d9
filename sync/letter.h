/*
 * letter - makes the letters that carry documents: logs and events.
 *
 * On flash lies the compressed list of their members, such as "events":[...];
 * the uplink puts the head in front when it sends.
 */
#pragma once

#include "ports/json.h"
#include "sync/outbox.h"

/* The time of now, and whether it is since 1970 or since boot. */
struct letter_clock {
	int64_t now_ms;
	bool wall;
};

struct letter_clock letter_clock_now(void);

/* Flags of a letter closed now, and its made_ms. */
void letter_stamp(struct letter *l, struct letter_clock clock);

/* Keep `list` as "events":[...] or, for logs, "lines":[...]; it is taken. */
enum err letter_add_document(struct outbox *o, enum letter_class class, const char *stream,
			     struct json *list, uint32_t items, struct why *why);
