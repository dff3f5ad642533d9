/*
 * token - a private key of P-256 that signs where it is: in a TPM, a secure element, a card.
 *
 * Private to ports/linux. The token's library (PKCS#11) is loaded into this process for as
 * long as a key is open, and works in its own time, which the caller waits for. It is one
 * for the process: what is opened last is closed first.
 *
 * A PIN that was refused is not tried again by this process until it is another one,
 * and the last try before a token locks itself is never taken.
 *
 * Programs that are linked statically cannot load a library: there token_open() says so.
 */
#pragma once

#include "base/err.h"
#include "ports/signature.h"

enum {
	TOKEN_POINT_BYTES = 65, /* of P-256, uncompressed */
	TOKEN_HASH_BYTES = 32,  /* what is signed; of a longer hash the first ones */
	TOKEN_PIN_MAX = 64,     /* bytes of a PIN */
	TOKEN_SLOTS_MAX = 16,   /* slots of a library with a token in them */
};

struct token;

/* Open the key that a URI (base/token_uri.h) names. ERR_INVALID: the URI, a library that is none,
 * another kind of key, or a program that cannot; ERR_NOT_FOUND: no such library, token or key;
 * ERR_CONFLICT: several fit; ERR_DENIED: the PIN, or who may write the files; ERR_SYSTEM. */
enum err token_open(struct token **out, const char *uri, struct why *why);
void token_close(struct token *t); /* NULL is fine */

/* The public half: a 4, then x and y. */
const unsigned char *token_point(const struct token *t);

/* ECDSA over a hash, DER into `out`. ERR_SYSTEM: the token did not; it may be gone. */
enum err token_sign(struct token *t, const unsigned char hash[TOKEN_HASH_BYTES],
		    char out[SIGNATURE_MAX], size_t *out_len, struct why *why);
