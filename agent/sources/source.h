/*
 * source - somebody points come from, and how they fare: what all kinds share.
 *
 * Each is bounded by itself. What comes faster than SOURCE_POINTS_PER_S is
 * dropped, what is not understood is invalid, and both are counted and shown
 * under `buffer.sources` of the report.
 *
 * Memory is the caller's; a name, stream or tag that it points to stays until
 * it is changed or the source has left.
 */
#pragma once

#include "base/label.h"
#include "ports/json.h"
#include "sync/point.h"

enum {
	SOURCE_POINTS_PER_S = 20000, /* of one source; above it points are dropped */
	SOURCE_BURST = 2 * SOURCE_POINTS_PER_S,
};

struct source {
	const char *name;   /* in reports and logs */
	const char *stream; /* that its points go to */
	struct tag tag;     /* that each of its points gets, whatever it says; no key: none */
	int64_t tokens, filled_ms;
	int64_t points, dropped, invalid;
	int64_t failures;        /* times that it could not be asked or heard */
	struct why trouble;      /* why it cannot be now; empty: it can */
	struct why last_invalid; /* so that it is logged once */
	struct source *next;     /* the ingest's */
};

/* `name` and `stream` are set; it may send a burst. */
void source_init(struct source *s, const char *name, const char *stream);

/* May one more point pass? Uses up the permission. */
bool source_may_pass(struct source *s, int64_t now_ms);

/* Count what was not understood; a new reason is logged. */
void source_note_invalid(struct source *s, const struct why *why);

/* Count that it could not be reached; a new reason is logged. And that it can be again. */
void source_note_failure(struct source *s, const struct why *why);
void source_note_well(struct source *s);

/* {"points":1,"dropped":0,"invalid":0}, with failures and trouble if there are any. */
struct json *source_report(const struct source *s);

/* Has anything been heard of it? */
bool source_is_known(const struct source *s);
