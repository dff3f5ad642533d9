/*
 * digest - SHA-256, written as "sha256:" and 64 lower-case hex digits.
 *
 * Implementation: ports/linux/digest_mbedtls.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/label.h"

struct digest;

/* Start; never NULL. digest_end() or digest_drop() frees it. */
struct digest *digest_begin(void);
void digest_add(struct digest *d, struct bytes b);
void digest_end(struct digest *d, char out[DIGEST_SIZE]);
void digest_drop(struct digest *d); /* NULL is fine */

/* All at once. */
void digest_of(struct bytes b, char out[DIGEST_SIZE]);

/* HMAC-SHA256 (RFC 2104) in the same form as a digest. */
void digest_keyed(struct bytes key, struct bytes b, char out[DIGEST_SIZE]);

/* Are they the same? Takes as long wherever they differ. */
bool digest_equal(const char *a, const char *b);
