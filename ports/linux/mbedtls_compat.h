/*
 * mbedtls_compat - what differs between mbedTLS 2.28 and 3.6, in one place.
 *
 * Private to the doors of mbedTLS. Some fields of 3.6 are private and have no
 * function yet: the alert that came, and what a certificate says of itself.
 */
#pragma once

#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/version.h>
#if MBEDTLS_VERSION_MAJOR < 3
#include <mbedtls/config.h>
#else
#include <mbedtls/build_info.h>
#include <psa/crypto.h>
#endif
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/x509_crl.h>
#include <mbedtls/x509_crt.h>

#include <stdbool.h>

enum { COMPAT_ERR_VERSION = -0x6E80 }; /* has another name in each */

/* The source of random numbers, as the library calls it. */
typedef int compat_random(void *owner, unsigned char *out, size_t len);

#if MBEDTLS_VERSION_MAJOR < 3

/* 2.28's plain names answer void. */
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret

static inline int compat_parse_key(mbedtls_pk_context *key, const unsigned char *pem, size_t len,
				   compat_random *unused)
{
	(void)unused;
	return mbedtls_pk_parse_key(key, pem, len, NULL, 0);
}

/* A SHA-256 of 32 bytes; `cap` bytes are enough for any signature of the key. */
static inline int compat_sign(mbedtls_pk_context *key, const unsigned char *hash,
			      unsigned char *out, size_t cap, size_t *out_len,
			      compat_random *random)
{
	(void)cap;
	return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, 32, out, out_len, random, NULL);
}

static inline int compat_check_pair(const mbedtls_pk_context *public,
				    const mbedtls_pk_context *private, compat_random *unused)
{
	(void)unused;
	return mbedtls_pk_check_pair(public, private);
}

static inline int compat_set_serial(mbedtls_x509write_cert *w, unsigned char *at, size_t len)
{
	mbedtls_mpi serial;
	mbedtls_mpi_init(&serial);
	int code = mbedtls_mpi_read_binary(&serial, at, len);
	if (!code)
		code = mbedtls_x509write_crt_set_serial(w, &serial);
	mbedtls_mpi_free(&serial);
	return code;
}

static inline void compat_restrict(mbedtls_ssl_config *config)
{
	/* A server takes the first that it knows; 2.28 would name P-521 first, at ten times the
	 * cost. P-256 is here for signatures anyway. */
	static const mbedtls_ecp_group_id curves[] = {
		MBEDTLS_ECP_DP_SECP256R1,
		MBEDTLS_ECP_DP_SECP384R1,
#if defined(MBEDTLS_ECP_DP_CURVE25519_ENABLED)
		MBEDTLS_ECP_DP_CURVE25519,
#endif
		MBEDTLS_ECP_DP_NONE
	};
	mbedtls_ssl_conf_curves(config, curves);
	mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3,
				     MBEDTLS_SSL_MINOR_VERSION_3);
}

static inline int compat_start(void)
{
	return 0;
}

static inline bool compat_is_ticket(int code)
{
	(void)code;
	return false;
}

#else

static inline int compat_parse_key(mbedtls_pk_context *key, const unsigned char *pem, size_t len,
				   compat_random *random)
{
	return mbedtls_pk_parse_key(key, pem, len, NULL, 0, random, NULL);
}

static inline int compat_sign(mbedtls_pk_context *key, const unsigned char *hash,
			      unsigned char *out, size_t cap, size_t *out_len,
			      compat_random *random)
{
	return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, 32, out, cap, out_len, random, NULL);
}

static inline int compat_check_pair(const mbedtls_pk_context *public,
				    const mbedtls_pk_context *private, compat_random *random)
{
	return mbedtls_pk_check_pair(public, private, random, NULL);
}

static inline int compat_set_serial(mbedtls_x509write_cert *w, unsigned char *at, size_t len)
{
	return mbedtls_x509write_crt_set_serial_raw(w, at, len);
}

static inline void compat_restrict(mbedtls_ssl_config *config)
{
	static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
					   MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
					   MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
					   MBEDTLS_SSL_IANA_TLS_GROUP_NONE };
	mbedtls_ssl_conf_groups(config, groups);
	mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3) && defined(MBEDTLS_SSL_SESSION_TICKETS)
	/* Without it a ticket is dropped unseen, and nothing is ever resumed. */
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
		config, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
}

/* TLS 1.3 computes with PSA. */
static inline int compat_start(void)
{
#if defined(MBEDTLS_PSA_CRYPTO_C)
	return psa_crypto_init();
#else
	return 0;
#endif
}

/* Reading and writing alike may tell that a ticket has come: go on as before. */
static inline bool compat_is_ticket(int code)
{
	return code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
}

#endif
