/*
 * report - the state of this board as one document: up/state and `skerry status`.
 *
 * Published when it has changed, at most once a second, and every six hours.
 */
#pragma once

#include "ports/json.h"
#include "ports/loop.h"

struct agent;

enum { REPORT_PAUSE_MS = 1000, REPORT_EVERY_MS = 6 * 3600 * 1000 };

struct report {
	struct agent *agent;
	struct timer timer;
	int64_t published_ms; /* 0: never on this connection */
	int ticket;           /* of that one; 0: none is under way */
	bool is_delivered;    /* the broker has one of this connection */
};

void report_init(struct report *r, struct agent *agent);

/* Something in it differs from before. */
void report_changed(struct report *r);

/* The link is up: the cloud shall have it. */
void report_on_up(struct report *r);

void report_on_down(struct report *r);
void report_on_delivered(struct report *r, int ticket);

/* The document. */
struct json *report_make(struct agent *a);

/* What selects this board, beside labels that a desk has given it (NULL: none). The caller
 * frees it. */
struct json *report_labels(struct agent *a, const struct json *given);

/* The document and what only matters on the spot: link, recent events. */
struct json *report_make_status(struct agent *a);
