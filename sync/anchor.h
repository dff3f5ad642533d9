/*
 * anchor - what this board trusts: from the document in its image to the newest.
 *
 * The file of `trust_anchor` is where trust begins; newer trust documents come
 * with desired states and are kept in the store. Whatever the broker says, time
 * here has a floor: the latest of this version's release, what was kept, and what
 * accepted documents said of their age. A clock may raise it, and nothing may
 * raise it past the end of the trust document: who lies about time cannot age a
 * fleet beyond what its roots can mend.
 *
 * The caller owns struct anchor, the store under it, and lets them outlive each other
 * in this order.
 */
#pragma once

#include "ports/store.h"
#include "sync/desired.h"
#include "sync/trust.h"

enum {
	TRUST_CHAIN_MAX = 8,               /* trust documents beside one desired state */
	ARTIFACTS_MAX = 64,                /* signed images beside one desired state */
	ANCHOR_MARK_MAX = 192,             /* bytes of a mark */
	ANCHOR_TIME_STEP_MS = 3600 * 1000, /* what a floor rises by before flash has it */
};

struct anchor {
	struct store *store;
	struct trust trust;
	int64_t floor_ms;       /* the earliest that it can be; since 1970 */
	int64_t written_ms;     /* of it what flash has by itself, beside the mark */
	struct desired_id mark; /* accepted last; no digest: nothing yet */
	struct why chain;       /* why the last trust document was not taken; "" if all were */
};

/* Read the file and what the store has. ERR_INVALID, ERR_NOT_FOUND, ERR_DENIED (its
 * own roots have not signed it) with the reason. */
enum err anchor_open(struct anchor *a, const char *path, const char *fleet, struct store *store,
		     struct why *why);

/* The earliest that it can be, in milliseconds since 1970; `wall_ms` is the clock's word. */
int64_t anchor_floor(const struct anchor *a, int64_t wall_ms);

/* Somebody who is trusted has said what time it is: the floor rises to that, never past the
 * end of the trust document, and is kept. ERR_SYSTEM, ERR_FULL: it is not on flash. */
enum err anchor_note_time(struct anchor *a, int64_t now_ms, int64_t wall_ms, struct why *why);

/* Read a desired state as the broker gave it. First the trust documents beside it: those
 * that follow ours are kept, each on flash before it counts. Then the signatures, and
 * only then the state. What was accepted last is not judged again.
 *
 * *out_artifacts are the signed images beside it, or NULL. The caller frees both,
 * desired_free() and json_free(). ERR_DENIED: not signed by whom it takes; ERR_INVALID,
 * ERR_FULL as in desired.h; ERR_SYSTEM: the store cannot keep a trust document. */
enum err anchor_read(struct anchor *a, struct bytes message, const char *device, int64_t wall_ms,
		     struct desired *out, struct json **out_artifacts, struct why *why);

/* Has the builder of an image signed it? `artifacts` is the list beside the state. */
enum err anchor_check_artifact(const struct anchor *a, const struct json *artifacts,
			       const char *digest, struct why *why);

/* The order to compare with, after a start: `newest` is what the shelf has. */
void anchor_restore(const struct anchor *a, struct desired_id *newest);

/* What must be on flash in the transaction that accepts a state, under ANCHOR_MARK_KEY;
 * and afterwards, that it is. */
extern const char ANCHOR_MARK_KEY[];
struct bytes anchor_mark(const struct anchor *a, const struct desired *d, int64_t wall_ms,
			 char room[ANCHOR_MARK_MAX]);
void anchor_marked(struct anchor *a, struct bytes mark);
