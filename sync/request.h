/*
 * request - a command as it came: what is asked, by whom, until when.
 *
 *	{"v":1,"id":"c-8f2e","re":"ops-9c1","by":"ops","exp":1795533457303,"session":12,"args":{}}
 *
 * or that, with kind, fleet, device and verb, as the payload of an envelope. Where there is an
 * anchor, an envelope's signatures are verified before its payload is looked at, and it must
 * name a session and an end: no other connection takes it, so none repeats it.
 */
#pragma once

#include "sync/anchor.h"

enum {
	REQUEST_MAX = 32 * 1024, /* bytes of one command */
	REQUEST_ID_MAX = 64,     /* bytes of an id */
	REQUEST_BY_MAX = 64,     /* bytes of the name of who asks */
};

/* Where it came to. */
struct request_place {
	const struct anchor *anchor; /* NULL: nothing is verified */
	const char *fleet, *device, *verb;
	int64_t session, wall_ms;
};

struct request {
	struct json *document, *envelope; /* owned; the second only of one that is signed */
	const char *id, *requester;       /* in one of them; NULL: there is no way to answer */
	const char *by;                   /* "" if it does not say */
	const struct json *args;          /* NULL: none */
	char signers[TRUST_SIGNERS_SIZE]; /* "": nobody's signature was verified */
};

/* Read it and, if it is signed, verify it. After a failure as well, an answer can be sent if
 * `id` and `requester` are there. ERR_INVALID, ERR_FULL: not understood; ERR_DENIED: not
 * signed by whom it must be, or not for this device; ERR_AGAIN: too old; ERR_CONFLICT: of
 * another connection. request_free() in any case. */
enum err request_read(struct request *r, struct bytes message, const struct request_place *place,
		      struct why *why);
void request_free(struct request *r);
