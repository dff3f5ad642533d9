/*
 * fresh - is what the broker shows the newest that there is?
 *
 * A broker can withhold a state, and a board without a clock does not know how late it is.
 * So a board asks with a word that nobody can know before (up/fresh), and whoever has
 * the online key, the role `fresh`, answers with that word, the newest state that is known and
 * the time (dn/cmd/fresh). What was accepted is never undone by it.
 *
 * Asked at each connection, and from then on every FRESH_EVERY_MS. The caller owns struct
 * fresh and lets the link and the anchor outlive it.
 */
#pragma once

#include "sync/anchor.h"
#include "sync/link.h"

enum {
	FRESH_EVERY_MS = 6 * 3600 * 1000, /* as often as a report comes anyway */
	FRESH_AGAIN_MS = 10 * 60 * 1000,  /* when there was no answer */
	FRESH_NONCE_SIZE = 33,            /* 32 characters and a NUL */
};

static const int64_t FRESH_SILENT_MS = INT64_C(3) * 24 * 3600 * 1000;

struct fresh {
	struct loop *loop;
	struct link *link;
	struct anchor *anchor; /* NULL: nothing is asked */
	struct timer timer;
	char nonce[FRESH_NONCE_SIZE]; /* of the question under way; "": none */
	int64_t heard_ms;             /* the last answer, or the start; clock_now_ms() */
	struct desired_id newest;     /* that the last answer knew of; all zero: of none */
	void *owner;
	void (*on_change)(void *owner); /* an answer has come, or has not for long */
};

void fresh_open(struct fresh *f, struct loop *loop, struct link *link, struct anchor *anchor);
void fresh_close(struct fresh *f);

void fresh_on_up(struct fresh *f);
void fresh_on_down(struct fresh *f);

/* An answer has come. ERR_DENIED: not signed by whom it must be, or not for us; ERR_CONFLICT:
 * not to the question under way. Nothing is different after a failure. */
enum err fresh_on_answer(struct fresh *f, struct bytes message, int64_t wall_ms, struct why *why);

/* Does anybody answer here, by the trust document? */
bool fresh_is_asked(const struct fresh *f);

/* Nobody has answered for FRESH_SILENT_MS of the agent's life. */
bool fresh_is_silent(const struct fresh *f, int64_t now_ms);

/* Is there a newer state than `shown`? */
bool fresh_is_withheld(const struct fresh *f, const struct desired_id *shown);
