/*
 * certificate - requests for certificates, and the answers to them.
 *
 * A board makes a request (PKCS#10) with its key and judges what comes back; the
 * hub reads requests, signs certificates (X.509 v3) with a CA's key, and lists
 * those that do not count any more. Keys of boards are P-256.
 *
 * What comes from the network is DER; PEM comes from files of this machine alone.
 * Names of devices are labels (base/label.h): nothing in them means anything to a
 * name in a certificate. Paths of keys may be what `tls_key` may be.
 *
 * Implementation: ports/linux/certificate_mbedtls.c, and revocation_mbedtls.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "base/label.h"
#include "ports/signature.h"

#include <stdint.h>

enum {
	CSR_MAX = 1024,         /* bytes of a request in DER */
	CERTIFICATE_MAX = 2048, /* bytes of a certificate in DER */
	CHAIN_MAX = 4,          /* certificates of one answer, the board's own among them */
	KEY_NAME_SIZE = 33,     /* a key's name on the wire, with a NUL */
	SERIAL_SIZE = 41,       /* of a certificate in hex, with a NUL: RFC 5280 allows 20 bytes */
	REVOKED_MAX = 4096,     /* certificates of one list */
};

/* The first 128 bits of the SHA-256 of a public key in DER, in lower-case hex. */
void key_name_of(const char key[PUBLIC_KEY_SIZE], char out[KEY_NAME_SIZE]);

/* --- on the board --- */

/* A request for `device` with the key in a PEM file. ERR_NOT_FOUND, ERR_DENIED, ERR_INVALID: of
 * the key. */
enum err csr_make(const char *key_path, const char *device, char out[CSR_MAX], size_t *out_len,
		  struct why *why);

/* What an answer must be. Borrowed. */
struct certificate_demand {
	const char *device;
	const char *key_path; /* it is for this key */
	const char *ca_path;  /* one of these has signed it, or the last of its chain; PEM */
};

/* Is `chain` (DER; the board's own first) such a certificate, and one for clients? Dates
 * count if the clock is set. ERR_DENIED: which of it is wrong. */
enum err certificate_check(const struct bytes *chain, size_t count,
			   const struct certificate_demand *demand, struct why *why);

/* What a certificate says of itself. */
struct certificate_view {
	char device[LABEL_SIZE]; /* its CN; "": that is no label */
	char serial[SERIAL_SIZE];
	char key[PUBLIC_KEY_SIZE];
	int64_t from_ms, to_ms; /* since 1970 */
};

/* The first of a PEM file. ERR_NOT_FOUND: no such file; ERR_INVALID: not for a key of P-256. */
enum err certificate_read(const char *path, struct certificate_view *out, struct why *why);
/* When the first of a PEM file ends, since 1970; of any key. ERR_NOT_FOUND: no such file. */
enum err certificate_end(const char *path, int64_t *out_ms, struct why *why);
/* One in DER. */
enum err certificate_view_of(struct bytes der, struct certificate_view *out, struct why *why);

/* --- at the hub --- */

/* Read a request, and whether its key has signed it. ERR_INVALID: what is wrong. */
enum err csr_read(struct bytes der, char out_device[LABEL_SIZE], char out_key[PUBLIC_KEY_SIZE],
		  struct why *why);

/* Has it signed itself? Nobody who verifies needs to be sent that one. False: it has not, or is no
 * certificate. */
bool certificate_is_root(struct bytes der);

/* A CA: its certificate, with those above it behind it, and its key. Paths of PEM files. */
struct authority_files {
	const char *cert, *key;
};

/* May this CA sign, and do the two belong together? Its key is for an elliptic curve, and for our
 * eyes only. */
enum err authority_check(const struct authority_files *ca, struct why *why);

struct certificate_order {
	const char *device;
	const char *key; /* PUBLIC_KEY_SIZE bytes */
	int64_t from_ms, to_ms;
};

/* Sign: X.509 v3 with a random serial, CN and subjectAltName the device, for clients alone. DER
 * into `out`. Cut at the end of the CA's own time. */
enum err certificate_issue(const struct authority_files *ca, const struct certificate_order *order,
			   char out[CERTIFICATE_MAX], size_t *out_len, struct why *why);

struct revoked {
	char serial[SERIAL_SIZE];
	int64_t at_ms;
};

struct revocation {
	const struct revoked *all;
	size_t count;
	int64_t number; /* rises with each list */
	int64_t now_ms, next_ms;
};

/* A list of what does not count any more, in PEM; the caller frees *out. ERR_FULL: more than
 * REVOKED_MAX. */
enum err revocation_make(const struct authority_files *ca, const struct revocation *r, char **out,
			 struct why *why);
