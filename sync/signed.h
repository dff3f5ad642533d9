/*
 * signed - a text, and who signed it.
 *
 *	{"payload":"<base64>","sigs":[{"key":"<64 hex>","sig":"<base64>"}, ...]}
 *
 * `key` is the SHA-256 of a public key in DER, `sig` what `openssl dgst -sha256
 * -sign` makes of the payload's bytes. Nothing here verifies, and nobody looks
 * into a payload whose signatures were not verified: sync/trust.h does it first.
 */
#pragma once

#include "base/err.h"
#include "base/label.h"
#include "ports/json.h"
#include "ports/signature.h"

enum {
	SIGNATURES_MAX = 8, /* of one text */
	KEY_ID_SIZE = 65,   /* 64 hex digits and a NUL */
};

struct signature {
	char key[KEY_ID_SIZE];
	char der[SIGNATURE_MAX];
	size_t len;
};

struct signatures {
	struct signature list[SIGNATURES_MAX];
	size_t count;
};

struct signed_text {
	char *payload; /* owned, with a NUL behind it */
	size_t len;
	char digest[DIGEST_SIZE]; /* of the payload */
	struct signatures by;
};

static inline struct bytes signed_payload(const struct signed_text *s)
{
	return (struct bytes){ s->payload, s->len };
}

/* May this message be an envelope? Cheap; one that is none is told by reading it. */
bool signed_is_likely(struct bytes message);

/* ERR_INVALID, ERR_FULL with the reason. signed_free() gives *out back. */
enum err signed_read(const struct json *envelope, struct signed_text *out, struct why *why);
void signed_free(struct signed_text *s);

/* A list of {"key","sig"}, as it stands in an envelope. */
enum err signatures_read(const struct json *list, struct signatures *out, struct why *why);

/* The id of a public key. */
void key_id_of(struct bytes public_key, char out[KEY_ID_SIZE]);
