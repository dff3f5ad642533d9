/*
 * tls - a TLS client: one connection after the other, and what the other end must prove.
 *
 * TLS 1.2 or newer, ECDHE with AEAD ciphers. The other end shows a certificate of
 * a CA of ours, never of the system's, for the very name that was configured. On
 * top of what the library checks: it is X.509 v3, carries that name in
 * subjectAltName (there is no way back to CN), says serverAuth, is no CA's, and,
 * where there is a revocation list, each issuer in its chain has one.
 *
 * Dates are not held against it while the board's clock was never set; they are
 * looked at once more when it was, by tls_recheck().
 *
 * A session lives in memory alone and makes the next handshake short. It is
 * forgotten when the name, the CA, the list or our own certificate has changed,
 * and after TLS_SESSION_MAX_MS.
 *
 * Files are read anew for each connection, and the private key is in memory for
 * the handshake only; one in a token (PKCS#11) never is, and is asked in each
 * full handshake, which waits for it. Reasons never contain what is in it.
 *
 * Implementation: ports/linux/tls_mbedtls.c and the tls_*.c beside it.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

enum {
	TLS_HANDSHAKE_WAIT_MS = 30 * 1000,
	TLS_SESSION_MAX_MS = 24 * 60 * 60 * 1000,
	TLS_FILE_MAX = 64 * 1024, /* bytes of one file of PEM */
	TLS_ALPN_MAX = 32,        /* bytes of a protocol's name */
	TLS_TEXT_SIZE = 64,
};

/* Paths of PEM files; NULL or "": not given. Borrowed. */
struct tls_files {
	const char *ca;   /* whom we trust; needed */
	const char *cert; /* who we are, with the intermediates below the broker's root */
	const char *key;  /* of `cert`; for our eyes only: mode 0600 or less; or a URI,
			     base/token_uri.h */
	const char *crl;  /* who is not trusted any more: one list for each issuer */
	const char *alpn; /* the protocol to ask for, such as "x-amzn-mqtt-ca"; no path */
};

/* At a desk: $SKERRY_CA, SKERRY_CERT, SKERRY_KEY, SKERRY_CRL and SKERRY_ALPN. */
struct tls_files tls_files_of_environment(void);

/* Do they go together, and with a broker that is mqtts:// or not? ERR_INVALID. Nobody who
 * has named one wants to be connected without TLS. Nothing is read. */
enum err tls_files_check(const struct tls_files *files, bool is_tls, struct why *why);

struct tls;

/* Nothing is read yet. */
enum err tls_open(struct tls **out, struct why *why);
void tls_close(struct tls *t); /* NULL is fine */

/* Read the files for a connection to `host`, a name or an address. ERR_NOT_FOUND: a
 * file is not there; ERR_DENIED: others may read the key; ERR_INVALID: what is in one. */
enum err tls_prepare(struct tls *t, const char *host, const struct tls_files *files,
		     struct why *why);

/* After tls_prepare(): use a connected, non-blocking socket, which stays the caller's. */
enum err tls_begin(struct tls *t, int fd, struct why *why);

/* Go on with the handshake. OK: done. ERR_AGAIN: when the socket can be read or
 * (tls_wants_write) written. ERR_DENIED, ERR_OFFLINE: it failed. */
enum err tls_shake(struct tls *t, struct why *why);

/* As recv(2) and send(2), after the handshake. ERR_AGAIN: not now. ERR_NOT_FOUND: the other
 * end has closed in peace. ERR_OFFLINE: it broke. What ERR_AGAIN held back is offered again. */
enum err tls_receive(struct tls *t, char *out, size_t cap, size_t *out_len, struct why *why);
enum err tls_send(struct tls *t, struct bytes b, size_t *out_len, struct why *why);

/* Does it wait to write rather than to read? */
bool tls_wants_write(const struct tls *t);
/* Has it read more from the socket than it has handed out? No event will tell. */
bool tls_has_pending(const struct tls *t);

/* Say that nothing more will be sent. */
void tls_say_goodbye(struct tls *t);
/* Forget the connection; the session stays. No connection: nothing happens. */
void tls_end(struct tls *t);

/* Look again at dates that were forgiven because the clock was not set. OK: fine, or
 * still not set. ERR_DENIED: this connection should never have been. */
enum err tls_recheck(struct tls *t, struct why *why);

/* "TLSv1.2", and " resumed" when a session was. "" before the handshake's end. */
void tls_describe(const struct tls *t, char out[TLS_TEXT_SIZE]);

/* Read the files as for a connection, and look whether our own certificate and
 * key belong together and are valid now: what `skerry doctor` asks. */
enum err tls_examine(const struct tls_files *files, struct why *why);

/* The library's name and version. False: one with known holes, `remedy` says what is wanted. */
bool tls_library(char out[TLS_TEXT_SIZE], struct why *remedy);
