#include "ports/linux/tls_token.h"

#include "ports/linux/token.h"

#if MBEDTLS_VERSION_MAJOR < 3

#include <mbedtls/pk_internal.h>
#include <stdlib.h>

/* What the library takes for a pair of keys; the private half stays empty. */
struct token_key {
	mbedtls_ecp_keypair pair; /* first */
	struct token *token;
	struct why why; /* of the last signature; "": it was made */
};

static void *allocate(void)
{
	struct token_key *k = calloc(1, sizeof *k);
	if (k)
		mbedtls_ecp_keypair_init(&k->pair);
	return k;
}

static void release(void *context)
{
	struct token_key *k = context;
	token_close(k->token);
	mbedtls_ecp_keypair_free(&k->pair);
	free(k);
}

static size_t count_bits(const void *context)
{
	const struct token_key *k = context;
	return k->pair.grp.pbits;
}

static int can_do(mbedtls_pk_type_t type)
{
	return type == MBEDTLS_PK_ECKEY || type == MBEDTLS_PK_ECDSA;
}

static int sign(void *context, mbedtls_md_type_t md, const unsigned char *hash, size_t hash_len,
		unsigned char *out, size_t *out_len, compat_random *random, void *random_owner)
{
	struct token_key *k = context;
	(void)md;
	(void)random;
	(void)random_owner;
	if (hash_len < TOKEN_HASH_BYTES)
		return MBEDTLS_ERR_PK_BAD_INPUT_DATA;
	k->why.text[0] = '\0';
	return token_sign(k->token, hash, (char *)out, out_len, &k->why)
		       ? MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE
		       : 0;
}

static const mbedtls_pk_info_t kind = {
	.type = MBEDTLS_PK_ECKEY,
	.name = "PKCS#11",
	.get_bitlen = count_bits,
	.can_do = can_do,
	.sign_func = sign,
	.ctx_alloc_func = allocate,
	.ctx_free_func = release,
};

enum err tls_token_read(mbedtls_pk_context *into, const char *uri, struct digest *sum,
			struct why *why)
{
	if (mbedtls_pk_setup(into, &kind))
		return why_set(why, ERR_SYSTEM, "no memory");
	struct token_key *k = into->pk_ctx;
	enum err e = token_open(&k->token, uri, why);
	if (e)
		return e;
	const unsigned char *point = token_point(k->token);
	if (mbedtls_ecp_group_load(&k->pair.grp, MBEDTLS_ECP_DP_SECP256R1) ||
	    mbedtls_ecp_point_read_binary(&k->pair.grp, &k->pair.Q, point, TOKEN_POINT_BYTES) ||
	    mbedtls_ecp_check_pubkey(&k->pair.grp, &k->pair.Q))
		return why_set(why, ERR_INVALID, "pkcs11: the key is not of P-256");
	if (sum)
		digest_add(sum, (struct bytes){ (const char *)point, TOKEN_POINT_BYTES });
	return OK;
}

bool tls_token_fits(const mbedtls_pk_context *key, const mbedtls_pk_context *shown)
{
	static const unsigned char hash[TOKEN_HASH_BYTES] = "any";
	unsigned char signature[SIGNATURE_MAX];
	size_t len = 0;
	mbedtls_pk_context ours = *key, theirs = *shown; /* 2.28 wants them without const */
	return key->pk_info == &kind &&
	       mbedtls_pk_sign(&ours, MBEDTLS_MD_SHA256, hash, sizeof hash, signature, &len, NULL,
			       NULL) == 0 &&
	       mbedtls_pk_verify(&theirs, MBEDTLS_MD_SHA256, hash, sizeof hash, signature, len) ==
		       0;
}

const char *tls_token_reason(const mbedtls_pk_context *key)
{
	const struct token_key *k = key->pk_info == &kind ? key->pk_ctx : NULL;
	return k && k->why.text[0] ? k->why.text : NULL;
}

#else

enum err tls_token_read(mbedtls_pk_context *into, const char *uri, struct digest *sum,
			struct why *why)
{
	(void)into;
	(void)uri;
	(void)sum;
	return why_set(why, ERR_INVALID,
		       "pkcs11: TLS by mbedTLS 3 takes keys of files alone; 2.28 takes a token's");
}

bool tls_token_fits(const mbedtls_pk_context *key, const mbedtls_pk_context *shown)
{
	(void)key;
	(void)shown;
	return false;
}

const char *tls_token_reason(const mbedtls_pk_context *key)
{
	(void)key;
	return NULL;
}

#endif
