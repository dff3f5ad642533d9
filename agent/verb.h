/*
 * verb - what a board can be told to do, and what of it needs no signature.
 *
 * Without a trust anchor nothing does. With one, what only reads may come unsigned, as far
 * as `unsigned_commands` says so; what changes something never may.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum verb {
	VERB_PING,
	VERB_LOGS,
	VERB_TAIL,
	VERB_TOP,
	VERB_WAKE,
	VERB_RESTART,
	VERB_EXEC,
	VERB_CERTIFICATE, /* proves itself: a CA has signed it */
	VERBS
};

/* VERBS: there is no such verb. */
enum verb verb_find(struct bytes name);

/* Is it carried out once, however often it comes? */
bool verb_acts(enum verb v);

/* Must somebody have signed the command, where there is an anchor? `unsigned_verbs` are those
 * that the configuration lets come without. */
bool verb_needs_signature(enum verb v, unsigned unsigned_verbs);

/* A list of verbs, apart by commas, or "none", as 1 << enum verb, ... ERR_INVALID: one is not
 * known, or must be signed. */
enum err verb_set_read(struct bytes text, unsigned *out, struct why *why);

/* All that only read. */
extern const unsigned VERBS_THAT_READ;
