/*
 * signature - ECDSA over P-256 with SHA-256, as `openssl dgst -sha256 -sign` makes it.
 *
 * A board verifies; only a desk signs and makes keys. Public keys are DER
 * (SubjectPublicKeyInfo, uncompressed: 91 bytes), signatures are DER too.
 * What is signed is named by its digest (ports/digest.h), so that nobody needs the bytes twice.
 *
 * Where a path of a private key is wanted, a URI of PKCS#11 (base/token_uri.h) names one in
 * a token: it signs there, with the errors of ports/linux/token.h.
 *
 * Implementation: ports/linux/signature_mbedtls.c, ports/linux/token_*.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "base/label.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	PUBLIC_KEY_SIZE = 91,    /* bytes of every P-256 key in DER */
	SIGNATURE_MAX = 72,      /* bytes of a signature in DER */
	KEY_FILE_MAX = 8 * 1024, /* bytes of a PEM file that is read */
	KEY_TEXT_MAX = 512,      /* bytes of one that is made, with a NUL */
};

/* Is this a point of P-256 in DER, and nothing behind it? */
bool public_key_is_valid(struct bytes key);

/* Did the owner of `key` sign what has this digest? A signature with bytes behind
 * it is none. */
bool signature_is_valid(struct bytes key, const char *digest, struct bytes signature);

/* The public half of a PEM file, which may hold either half. ERR_NOT_FOUND: no such
 * file; ERR_INVALID: no key of P-256 without a password. */
enum err public_key_read(const char *path, char out[PUBLIC_KEY_SIZE], struct why *why);

/* Sign with the private key of a PEM file. ERR_NOT_FOUND, ERR_INVALID as above. */
enum err signature_make(const char *path, const char *digest, char out[SIGNATURE_MAX],
			size_t *out_len, struct why *why);

/* A new key as PEM text: the private half and the public one. The caller wipes
 * `secret` with key_wipe(). */
enum err key_make(char secret[KEY_TEXT_MAX], char shown[KEY_TEXT_MAX], struct why *why);
void key_wipe(char *text, size_t len);
