/*
 * roll - who is awaited, and which certificates there are.
 *
 * Two tables in the ledger's database (docs/protocol.md): `enrolment` has a token for
 * each device that is awaited, kept until it expires so that a second use can be told;
 * `certificate` has each one that was issued, until it expires.
 *
 * Writes belong to the ledger's open transaction. The ledger is the caller's and
 * outlives the roll.
 */
#pragma once

#include "cloud/hub/ledger.h"
#include "ports/certificate.h"
#include "sync/enrolment.h"

enum { ENROLMENTS_MAX = 512 }; /* devices of a fleet that are awaited: their list is one message */

#define TOKEN_LIFE_MS (24LL * 60 * 60 * 1000)

struct roll {
	struct ledger *ledger;
	struct sql_query *invite, *forget, *find, *bind, *awaited, *fleets, *certify, *get, *revoke,
		*revoked, *expire_tokens, *expire_certificates;
};

enum err roll_open(struct roll *r, struct ledger *l, struct why *why);
void roll_close(struct roll *r);

/* Forget what has expired. */
enum err roll_expire(struct roll *r, int64_t now_ms, struct why *why);

/* Await a device: its token takes the place of one that it has. ERR_FULL: ENROLMENTS_MAX. */
enum err roll_invite(struct roll *r, const struct ledger_source *who, const char *token,
		     int64_t now_ms, struct why *why);

struct roll_invitation {
	char token[TOKEN_SIZE];
	char key[KEY_NAME_SIZE]; /* who has used it; "": nobody */
	int64_t until_ms;
};

/* ERR_NOT_FOUND: nobody awaits this device, or not any more. */
enum err roll_find(struct roll *r, const struct ledger_source *who, int64_t now_ms,
		   struct roll_invitation *out);

/* From now on the token is this key's alone. */
enum err roll_bind(struct roll *r, const struct ledger_source *who, const char *key,
		   struct why *why);

/* No more awaited; false: it was not. */
bool roll_forget(struct roll *r, const struct ledger_source *who, struct why *why);

/* Every device of a fleet whose token is unused, by name; and every fleet that has had one. */
void roll_each_awaited(struct roll *r, const char *fleet, int64_t now_ms,
		       void (*on_one)(void *owner, const char *device, int64_t until_ms),
		       void *owner);
void roll_each_fleet(struct roll *r, void (*on_one)(void *owner, const char *fleet), void *owner);

/* A certificate that was issued, as the answer has it. */
struct roll_certificate {
	const char *key;              /* its key's name */
	struct certificate_view view; /* of the board's own */
	struct bytes chain;           /* JSON: an array of base64 */
	int64_t revoked_ms;           /* 0: it counts */
};

enum err roll_certify(struct roll *r, const struct ledger_source *who,
		      const struct roll_certificate *c, struct why *why);

/* The one for this key; `chain` is borrowed until the next call. ERR_NOT_FOUND. */
enum err roll_get(struct roll *r, const struct ledger_source *who, const char *key,
		  struct roll_certificate *out, struct why *why);

/* All certificates of a device stop counting; how many did. */
enum err roll_revoke(struct roll *r, const struct ledger_source *who, int64_t now_ms,
		     int64_t *out_count, struct why *why);

/* The revoked ones that have not expired, at most REVOKED_MAX; the caller frees *out. */
enum err roll_list_revoked(struct roll *r, struct revoked **out, size_t *out_count,
			   struct why *why);
