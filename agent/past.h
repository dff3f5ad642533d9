/*
 * past - the last desired states that this board took, and what became of each.
 *
 * For who stands before a board without any network, and beside the hub's own trail: digests and
 * times, not the documents. On flash, a row each, the oldest gives way; in memory there is nothing.
 * A power cut may leave out the newest, or what became of it: nothing acts on it.
 */
#pragma once

#include "ports/json.h"
#include "ports/store.h"
#include "sync/desired.h"

enum { PAST_MAX = 50 };

/* A state was accepted, at this time of the wall clock. */
enum err past_add(struct store *s, const struct desired_id *id, int64_t wall_ms, struct why *why);

/* What became of the newest: "available", "rolled-back", "degraded" or "refused", and why; the last
 * word counts. */
enum err past_end(struct store *s, const char *outcome, const char *reason, int64_t wall_ms,
		  struct why *why);

/* {"states":[...]}, oldest first; the caller's. One that a newer state has overtaken is
 * "superseded", the newest has no outcome while it is on its way. */
struct json *past_show(struct store *s);
