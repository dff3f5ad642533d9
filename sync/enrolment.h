/*
 * enrolment - what a board and the hub say to each other about certificates.
 *
 * A board without a certificate asks with a one-time token, which never travels: it
 * proves by a MAC over its request that it has it. A board with one asks for the
 * next with a signature by the key of the present one. See docs/protocol.md.
 *
 * An invitation is all that a board needs to ask the first time: the line that
 * `skerry device add` prints and `skerryd join` takes.
 */
#pragma once

#include "base/url.h"
#include "ports/certificate.h"
#include "ports/json.h"

enum {
	TOKEN_LEN = 32, /* of [a-z0-9]: 165 random bits */
	TOKEN_SIZE = TOKEN_LEN + 1,
	INVITATION_MAX = 16 * 1024, /* bytes of a line */
	INVITATION_LABELS_MAX = 512,
};

/* --- certificates in JSON: an array of base64 of DER --- */

struct chain {
	struct bytes der[CHAIN_MAX];
	size_t count;
	char *room; /* where they lie */
};

/* ERR_INVALID: not 1 to CHAIN_MAX strings of base64. chain_free() after OK. */
enum err chain_read(const struct json *array, struct chain *out, struct why *why);
void chain_free(struct chain *c);

/* As PEM, one after the other; the caller frees it. */
char *chain_print(const struct chain *c);

/* --- requests --- */

/* A request as it came, all of it checked for its form alone. */
struct enrolment_request {
	char device[LABEL_SIZE]; /* of a claim; "" in a renewal */
	char mac[DIGEST_SIZE];   /* likewise, as a digest */
	char by[KEY_NAME_SIZE];  /* of a renewal: whose signature follows; "" in a claim */
	char csr[CSR_MAX], signature[SIGNATURE_MAX];
	size_t csr_len, signature_len;
};

/* A claim: `token` is what the invitation has. The caller frees the text. */
char *enrolment_print_claim(const char *device, struct bytes csr, const char *token);

/* A renewal, signed with the key in `key_path`, whose name is `by`. The caller frees *out. */
enum err enrolment_print_renewal(struct bytes csr, const char *key_path, const char *by, char **out,
				 struct why *why);

enum err enrolment_read(struct bytes payload, struct enrolment_request *out, struct why *why);

/* Does the request prove that its sender has this token? */
bool enrolment_has_token(const struct enrolment_request *r, const char *token);
/* Has the owner of this key (PUBLIC_KEY_SIZE bytes) signed it? */
bool enrolment_has_signature(const struct enrolment_request *r, const char *key);

/* --- invitations --- */

#define INVITATION_PREFIX "skerry1:"

struct invitation {
	char broker[256]; /* a URL, perhaps with a user and a password for claiming */
	char fleet[LABEL_SIZE], device[LABEL_SIZE], token[TOKEN_SIZE];
	char labels[INVITATION_LABELS_MAX]; /* as the configuration has them */
	struct chain ca;                    /* whom the board shall trust as its broker */
	struct chain issuer;                /* who signs its certificate; none: one of `ca` */
	struct chain claim_cert, claim_key; /* none: the broker's URL has user and password */
};

/* The line of a document with these members; the caller frees it. */
char *invitation_print(const struct json *j);

/* ERR_INVALID: what is wrong with it. invitation_free() after OK. */
enum err invitation_read(const char *line, struct invitation *out, struct why *why);
void invitation_free(struct invitation *i);
