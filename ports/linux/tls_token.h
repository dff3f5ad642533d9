/*
 * tls_token - a token's key as mbedTLS knows keys.
 *
 * Private to ports/linux. mbedTLS 2.28 takes a kind of key from us; 3.x knows its own
 * alone, and there reading one is refused.
 */
#pragma once

#include "base/err.h"
#include "ports/digest.h"
#include "ports/linux/mbedtls_compat.h"

/* Open the key into an empty `into`; mbedtls_pk_free() closes it. `sum` (NULL is fine) gets its
 * public half. Errors: as token_open(). */
enum err tls_token_read(mbedtls_pk_context *into, const char *uri, struct digest *sum,
			struct why *why);

/* Is it a token's key, and that of `shown`? Costs a signature. */
bool tls_token_fits(const mbedtls_pk_context *key, const mbedtls_pk_context *shown);

/* Why it did not sign; NULL: it did, was not asked, or is in a file. */
const char *tls_token_reason(const mbedtls_pk_context *key);
