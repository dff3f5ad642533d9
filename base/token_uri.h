/*
 * token_uri - where a private key is that no file holds: a URI of PKCS#11 (RFC 7512).
 *
 *   pkcs11:token=board;object=skerry?module-path=/usr/lib/libtpm2_pkcs11.so&pin-source=/etc/skerry/pin
 *
 * Read: token, serial, object, id, type=private; module-path, which is needed, and
 * pin-source, a file. Any other attribute is refused: one that is passed over could mean
 * another key. So is pin-value: a configuration is no place for a PIN.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum {
	TOKEN_URI_SIZE = 256,   /* of the text, with a NUL */
	TOKEN_VALUE_SIZE = 128, /* of one value, decoded, with a NUL */
};

/* Decoded values; "": not given. */
struct token_uri {
	char token[TOKEN_VALUE_SIZE], serial[TOKEN_VALUE_SIZE]; /* which token */
	char object[TOKEN_VALUE_SIZE];                          /* the key's label */
	char id[TOKEN_VALUE_SIZE]; /* its CKA_ID: any bytes, `id_len` of them */
	size_t id_len;
	char module[TOKEN_VALUE_SIZE];     /* the library, an absolute path */
	char pin_source[TOKEN_VALUE_SIZE]; /* likewise a file; "": nobody logs in */
};

/* Is it meant as one? NULL is none. */
bool token_uri_is(const char *text);

/* ERR_INVALID: what of it is not understood. A reason never holds a value. */
enum err token_uri_read(const char *text, struct token_uri *out, struct why *why);
