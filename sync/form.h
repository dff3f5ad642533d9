/*
 * form - a letter's points as text, for readers that are not the hub.
 *
 * Telegraf, EMQX's or AWS's rules read JSON (up/tele) or line protocol (up/line);
 * what lies on flash is printed so when it is sent, in as many messages as it takes.
 * Nobody acknowledges them by number: PUBACK counts, or nothing.
 */
#pragma once

#include "base/limits.h"
#include "ports/store.h"
#include "sync/segment.h"

enum { FORM_SCRATCH = MESSAGE_MAX };

struct form_part {
	const char *device;
	struct segment_head head; /* `buf` of further parts is told apart by -1, -2 ... */
	unsigned number;          /* from 0 */
	size_t next;              /* of the letter's points */
	size_t skipped;           /* points that are larger than a message */
};

bool form_is_text(const struct letter *l);

/* "up/tele/camera" or "up/line/camera". */
void form_topic(const struct letter *l, char out_rest[TOPIC_MAX]);

/* Print the next part; ERR_NOT_FOUND: there is none left. ERR_CORRUPT: it does not read back. */
enum err form_print(struct form_part *p, const struct letter *l, char scratch[FORM_SCRATCH],
		    struct bytes *out_payload);
