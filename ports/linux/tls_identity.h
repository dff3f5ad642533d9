/*
 * tls_identity - whom we trust and who we are, read from files of PEM.
 *
 * Private to ports/linux/tls_*.c. Lives for one handshake.
 */
#pragma once

#include "base/label.h"
#include "ports/digest.h"
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

/* What a certificate, ours or a broker's, may use at most and must at least. */
extern const mbedtls_x509_crt_profile tls_profile;

/* Parts of the above: certificates, and a private key that is for our eyes only. What the
 * file holds is added to `sum`, which may be NULL. */
enum err tls_certificates_read(mbedtls_x509_crt *into, const char *path, struct digest *sum,
			       struct why *why);
enum err tls_key_read(mbedtls_pk_context *into, const char *path, struct digest *sum,
		      struct why *why);

struct authority_files;

/* A CA that signs: its certificate and key; see ports/certificate.h. tls_identity_drop() also
 * after a failure. */
enum err authority_load(const struct authority_files *ca, struct tls_identity *out,
			struct why *why);
