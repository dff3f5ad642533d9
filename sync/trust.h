/*
 * trust - whose signature counts for what: one version of the trust document.
 *
 *	{"apiVersion":"skerry.dev/v1","kind":"Trust","fleet":"main","version":2,
 *	 "issued":"2026-11-27T00:00:00Z","expires":"2028-11-27T00:00:00Z",
 *	 "keys":{"<id>":"<base64 of the public key in DER>", ...},
 *	 "roles":{"root":{"threshold":2,"keys":["<id>", ...]},"state":...,"artifact":...}}
 *
 * `command` and `fresh` are roles too, and `floors` says what is too old to count.
 *
 * A key counts for the roles that name it and for nothing else; one that the next
 * version leaves out counts for nothing. Only version N + 1 follows N, signed by
 * the roots of both. Pure: time and storage are sync/anchor.h's.
 */
#pragma once

#include "sync/signed.h"

enum {
	TRUST_KEYS_MAX = 16,
	TRUST_FLOORS_MAX = 8,
};

enum trust_role {
	TRUST_ROOT,     /* the next trust document */
	TRUST_STATE,    /* what runs on a device */
	TRUST_ARTIFACT, /* who has built an image */
	TRUST_COMMAND,  /* what a device is told to do; left out, TRUST_STATE counts */
	TRUST_FRESH,    /* what time it is, and which state is the newest */
	TRUST_ROLES
};

struct trust_key {
	char id[KEY_ID_SIZE];
	char der[PUBLIC_KEY_SIZE];
	unsigned roles; /* 1 << enum trust_role, ... */
};

/* States that are older than this are not taken, whoever has signed them. */
struct trust_floor {
	char device[LABEL_SIZE];   /* "": every one of the fleet */
	int64_t epoch, generation; /* the lowest that is taken */
	int64_t issued_ms;         /* likewise; since 1970 */
};

struct trust {
	int64_t version;
	int64_t issued_ms, expires_ms; /* since 1970 */
	char fleet[LABEL_SIZE];
	struct trust_key keys[TRUST_KEYS_MAX];
	size_t key_count;
	unsigned threshold[TRUST_ROLES]; /* 0: the role is not given to anybody */
	struct trust_floor floors[TRUST_FLOORS_MAX];
	size_t floor_count;
};

const char *trust_role_name(enum trust_role role);

/* Read a payload; whether anybody signed it is another question. */
enum err trust_read(struct bytes payload, struct trust *out, struct why *why);

/* Did as many keys of a role sign this digest as the document wants? Every key
 * counts once; the first signature that does not hold ends it, so that forgeries cost
 * little. ERR_DENIED, with how many did. */
enum err trust_quorum(const struct trust *t, enum trust_role role, const char *digest,
		      const struct signatures *by, struct why *why);

/* Who signs commands: TRUST_COMMAND, or TRUST_STATE where that is given to nobody. */
enum trust_role trust_commander(const struct trust *t);

/* The keys that have made a quorum, by the first digits of their ids and apart by commas.
 * Only after trust_quorum() has said OK. */
enum { TRUST_SIGNERS_SIZE = SIGNATURES_MAX * 14 };
void trust_signers(const struct trust *t, enum trust_role role, const struct signatures *by,
		   char out[TRUST_SIGNERS_SIZE]);

/* May a state of this order and date be taken by a device? ERR_DENIED, with the floor that
 * it is below. */
enum err trust_check_floors(const struct trust *t, const char *device,
			    const struct trust_floor *state, struct why *why);

/* A document that nothing stands before: its own roots must have signed it. */
enum err trust_first(const struct signed_text *s, struct trust *out, struct why *why);

/* The document after `now`. ERR_DENIED: the roots of `now` have not signed it, and it
 * was not looked into; ERR_CONFLICT: it is not newer; ERR_INVALID: anything else. */
enum err trust_next(const struct trust *now, const struct signed_text *s, struct trust *out,
		    struct why *why);
