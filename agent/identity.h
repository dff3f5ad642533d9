/*
 * identity - who a board is to its broker: two slots for a key and its certificate.
 *
 * STATE_DIR/identity, for root alone, has a.key and a.pem, b.key and b.pem, ca.pem and
 * issuer.pem (whom we trust as the broker, and as who signs us), and `slots`: one line
 * that names the slot in use and the one that takes its place. That line is
 * replaced as a whole, and it alone decides: what it does not name is left over
 * from a power cut and means nothing.
 *
 *   "a -"  a is in use
 *   "a b"  b has a key; with a certificate it is tried, and a is there to go back to
 *   "- a"  the first one: nothing to go back to
 *
 * Each step is on the medium before the next is taken.
 */
#pragma once

#include "agent/config.h"
#include "ports/certificate.h"
#include "sync/enrolment.h"

enum { IDENTITY_PATH_MAX = 192 };

struct identity {
	char folder[IDENTITY_PATH_MAX - 16];
	char current, next; /* 'a' or 'b'; '\0': none */
};

/* Read what is there. ERR_NOT_FOUND: this board has none; ERR_CORRUPT. */
enum err identity_open(struct identity *i, const struct config *c, struct why *why);

/* Remove what a power cut has left in a slot that is not named. For who works with it alone. */
enum err identity_tidy(const struct identity *i, struct why *why);

/* Does this configuration say to use one? mqtts:// without a certificate of its own. */
bool identity_is_wanted(const struct config *c);

/* The slot in use, or the first one, before it is. */
char identity_slot(const struct identity *i);

/* Paths of a slot's files, and of the folder's. */
void identity_key_path(const struct identity *i, char slot, char out[IDENTITY_PATH_MAX]);
void identity_cert_path(const struct identity *i, char slot, char out[IDENTITY_PATH_MAX]);
void identity_path(const struct identity *i, const char *name, char out[IDENTITY_PATH_MAX]);

/* Make sure that the next slot has a key. Done before, it stays. */
enum err identity_begin(struct identity *i, struct why *why);

/* Has the next slot a certificate? */
bool identity_is_ready(const struct identity *i);

/* Judge an answer, and keep it in the next slot. ERR_DENIED: it is not for us. */
enum err identity_take(struct identity *i, const char *device, const struct chain *chain,
		       struct why *why);

/* The next slot has proved itself: it is the one in use, and the other goes. */
enum err identity_commit(struct identity *i, struct why *why);

/* Back to the one in use, if there is one: the next slot goes. */
enum err identity_give_up(struct identity *i, struct why *why);
