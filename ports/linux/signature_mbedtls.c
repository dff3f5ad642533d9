#include "ports/signature.h"

#include "base/token_uri.h"
#include "ports/file.h"
#include "ports/linux/mbedtls_compat.h"
#include "ports/linux/token.h"
#include "ports/random.h"

#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>
#include <stdlib.h>

enum { HASH_BYTES = 32 };

/* What stands before the two coordinates in the DER of every uncompressed P-256 key.
 * Compared byte by byte: curves of the same size differ here, and no library version
 * tells the curve in the same way. */
static const unsigned char p256_head[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};

static int draw(void *context, unsigned char *out, size_t len)
{
	(void)context;
	random_bytes(out, len);
	return 0;
}

/* "sha256:" and hex, to bytes. */
static bool hash_of(const char *digest, unsigned char out[HASH_BYTES])
{
	if (strncmp(digest, "sha256:", 7) != 0 || strlen(digest) != DIGEST_SIZE - 1)
		return false;
	for (size_t i = 0; i < HASH_BYTES; i++) {
		const char pair[] = { digest[7 + 2 * i], digest[8 + 2 * i], '\0' };
		char *end;
		out[i] = (unsigned char)strtoul(pair, &end, 16);
		if (end != pair + 2)
			return false;
	}
	return true;
}

/* The library checks that the point is on the curve. */
static bool load_public(mbedtls_pk_context *pk, struct bytes key)
{
	return key.len == PUBLIC_KEY_SIZE && memcmp(key.at, p256_head, sizeof p256_head) == 0 &&
	       mbedtls_pk_parse_public_key(pk, (const unsigned char *)key.at, key.len) == 0;
}

bool public_key_is_valid(struct bytes key)
{
	mbedtls_pk_context pk;
	mbedtls_pk_init(&pk);
	bool valid = load_public(&pk, key);
	mbedtls_pk_free(&pk);
	return valid;
}

bool signature_is_valid(struct bytes key, const char *digest, struct bytes signature)
{
	unsigned char hash[HASH_BYTES];
	mbedtls_pk_context pk;
	mbedtls_pk_init(&pk);
	bool valid = signature.len <= SIGNATURE_MAX && hash_of(digest, hash) &&
		     load_public(&pk, key) &&
		     mbedtls_pk_verify(&pk, MBEDTLS_MD_SHA256, hash, sizeof hash,
				       (const unsigned char *)signature.at, signature.len) == 0;
	mbedtls_pk_free(&pk);
	return valid;
}

/* --- at the desk --- */

/* A NUL follows what file_read() gives; the library wants it counted. */
static int parse_private(mbedtls_pk_context *pk, const char *text, size_t len)
{
	return compat_parse_key(pk, (const unsigned char *)text, len + 1, draw);
}

/* The public half as DER. The library writes at the end of its buffer. */
static bool print_public(mbedtls_pk_context *pk, char out[PUBLIC_KEY_SIZE])
{
	unsigned char der[2 * PUBLIC_KEY_SIZE];
	int len = mbedtls_pk_write_pubkey_der(pk, der, sizeof der);
	if (len != PUBLIC_KEY_SIZE)
		return false;
	memcpy(out, der + sizeof der - PUBLIC_KEY_SIZE, PUBLIC_KEY_SIZE);
	return memcmp(out, p256_head, sizeof p256_head) == 0;
}

static enum err read_public_of_token(const char *uri, char out[PUBLIC_KEY_SIZE], struct why *why)
{
	struct token *token = NULL;
	enum err e = token_open(&token, uri, why);
	if (e)
		return e;
	/* The head ends with the first byte of a point. */
	memcpy(out, p256_head, sizeof p256_head);
	memcpy(out + sizeof p256_head, token_point(token) + 1, TOKEN_POINT_BYTES - 1);
	token_close(token);
	return public_key_is_valid((struct bytes){ out, PUBLIC_KEY_SIZE })
		       ? OK
		       : why_set(why, ERR_INVALID, "pkcs11: the key is not of P-256");
}

enum err public_key_read(const char *path, char out[PUBLIC_KEY_SIZE], struct why *why)
{
	char *text = NULL;
	size_t len = 0;
	mbedtls_pk_context pk;
	if (token_uri_is(path))
		return read_public_of_token(path, out, why);
	enum err e = file_read(path, KEY_FILE_MAX, &text, &len, why);
	if (e)
		return e;
	mbedtls_pk_init(&pk);
	int failed = parse_private(&pk, text, len);
	if (failed)
		failed = mbedtls_pk_parse_public_key(&pk, (unsigned char *)text, len + 1);
	if (failed || !print_public(&pk, out))
		e = why_set(why, ERR_INVALID,
			    "%.120s: a P-256 key in PEM, without a password, is expected", path);
	mbedtls_pk_free(&pk);
	key_wipe(text, len);
	free(text);
	return e;
}

static enum err sign_by_token(const char *uri, const char *digest, char out[SIGNATURE_MAX],
			      size_t *out_len, struct why *why)
{
	unsigned char hash[HASH_BYTES];
	struct token *token = NULL;
	if (!hash_of(digest, hash))
		return why_set(why, ERR_INVALID, "%.80s is no digest", digest);
	enum err e = token_open(&token, uri, why);
	if (!e)
		e = token_sign(token, hash, out, out_len, why);
	token_close(token);
	return e;
}

enum err signature_make(const char *path, const char *digest, char out[SIGNATURE_MAX],
			size_t *out_len, struct why *why)
{
	char *text = NULL, shown[PUBLIC_KEY_SIZE];
	unsigned char hash[HASH_BYTES];
	size_t len = 0;
	mbedtls_pk_context pk;
	if (token_uri_is(path))
		return sign_by_token(path, digest, out, out_len, why);
	enum err e = file_read(path, KEY_FILE_MAX, &text, &len, why);
	if (e)
		return e;
	mbedtls_pk_init(&pk);
	if (parse_private(&pk, text, len) || !print_public(&pk, shown))
		e = why_set(why, ERR_INVALID,
			    "%.120s: a private P-256 key in PEM, without a password, is expected",
			    path);
	else if (!hash_of(digest, hash))
		e = why_set(why, ERR_INVALID, "%.80s is no digest", digest);
	else if (compat_sign(&pk, hash, (unsigned char *)out, SIGNATURE_MAX, out_len, draw))
		e = why_set(why, ERR_SYSTEM, "%.120s: signing has failed", path);
	mbedtls_pk_free(&pk);
	key_wipe(text, len);
	free(text);
	return e;
}

enum err key_make(char secret[KEY_TEXT_MAX], char shown[KEY_TEXT_MAX], struct why *why)
{
	mbedtls_pk_context pk;
	mbedtls_pk_init(&pk);
	int failed = mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
	if (!failed)
		failed = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(pk), draw,
					     NULL);
	if (!failed)
		failed = mbedtls_pk_write_key_pem(&pk, (unsigned char *)secret, KEY_TEXT_MAX);
	if (!failed)
		failed = mbedtls_pk_write_pubkey_pem(&pk, (unsigned char *)shown, KEY_TEXT_MAX);
	mbedtls_pk_free(&pk);
	return failed ? why_set(why, ERR_SYSTEM, "a key cannot be made: mbedTLS says -0x%04x",
				(unsigned)-failed)
		      : OK;
}

void key_wipe(char *text, size_t len)
{
	mbedtls_platform_zeroize(text, len);
}
