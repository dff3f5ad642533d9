/*
 * tls_identity - whom we trust and who we are, read from files of PEM.
 *
 * Private to ports/linux/tls_*.c. Lives for one handshake.
 */
#pragma once

#include "base/label.h"
#include "ports/linux/mbedtls_compat.h"
#include "ports/tls.h"

struct tls_identity {
	mbedtls_x509_crt ca, cert;
	mbedtls_x509_crl crl;
	mbedtls_pk_context key;
	bool has_cert, has_crl;
	char digest[DIGEST_SIZE]; /* of what the files hold, and of the host */
};

/* tls_identity_drop() also after a failure. */
enum err tls_identity_read(struct tls_identity *i, const char *host, const struct tls_files *files,
			   struct why *why);
void tls_identity_drop(struct tls_identity *i); /* twice is fine */

/* Is `key` that of `cert`? Costs a signature. */
enum err tls_identity_match(const struct tls_identity *i, const struct tls_files *files,
			    struct why *why);

/* compat_random, by the kernel's generator: nothing to seed, nothing to copy in a fork. */
int tls_random(void *unused, unsigned char *out, size_t len);
