/*
 * tls_verdict - may this be the broker? Our own checks beside the library's.
 *
 * Private to ports/linux/tls_*.c. The library shows each certificate of the chain,
 * from the CA's down; the first complaint is the one that is told. A handshake that
 * resumes a session shows none.
 */
#pragma once

#include "ports/linux/tls_identity.h"

/* When everything in a chain is valid: what has no end is valid until INT64_MAX. */
struct tls_dates {
	int64_t from_ms, to_ms; /* of the wall clock */
};

struct tls_verdict {
	const char *host;
	const struct tls_identity *identity;
	int64_t wall_ms; /* what the board's clock says, if it was ever set */
	bool has_seen_leaf;
	struct tls_dates dates;
	struct why why; /* the first complaint; empty: none */
};

/* Dates are judged when clock_is_set(wall_ms). All but `dates` and `why` is borrowed. */
void tls_verdict_begin(struct tls_verdict *v, const char *host, const struct tls_identity *identity,
		       int64_t wall_ms);

/* The library's verify callback; the owner is a struct tls_verdict. */
int tls_verdict_on_certificate(void *owner, mbedtls_x509_crt *crt, int depth, uint32_t *flags);

enum { TLS_ADDRESS_MAX = 16 };

/* The bytes of an IPv4 or IPv6 address, and how many; 0: it is a name. Names are the
 * library's to compare, addresses are ours: 2.28 does not know them. */
size_t tls_address_of(const char *host, unsigned char out[TLS_ADDRESS_MAX]);

/* ERR_DENIED: `wall_ms` is outside, and `why` says that `what` is too early or too late. */
enum err tls_dates_check(const struct tls_dates *d, int64_t wall_ms, const char *what,
			 struct why *why);

/* Of one certificate. */
struct tls_dates tls_dates_of(const mbedtls_x509_crt *crt);
