#include "ports/digest.h"

#include "base/text.h"
#include "ports/linux/mbedtls_compat.h"

#include <assert.h>
#include <mbedtls/md.h>
#include <stdlib.h>

enum { SHA256_BYTES = 32 };

struct digest {
	mbedtls_sha256_context context;
};

static void must(int failed)
{
	/* The software SHA-256 cannot fail; a broken accelerator must not go unseen. */
	assert(!failed);
	(void)failed;
}

struct digest *digest_begin(void)
{
	struct digest *d = malloc(sizeof *d);
	assert(d);
	mbedtls_sha256_init(&d->context);
	must(mbedtls_sha256_starts(&d->context, 0));
	return d;
}

void digest_add(struct digest *d, struct bytes b)
{
	if (b.len)
		must(mbedtls_sha256_update(&d->context, (const unsigned char *)b.at, b.len));
}

void digest_end(struct digest *d, char out[DIGEST_SIZE])
{
	unsigned char sum[SHA256_BYTES];
	must(mbedtls_sha256_finish(&d->context, sum));
	strcpy(out, "sha256:");
	text_hex(out + 7, sum, sizeof sum);
	digest_drop(d);
}

void digest_drop(struct digest *d)
{
	if (!d)
		return;
	mbedtls_sha256_free(&d->context);
	free(d);
}

void digest_of(struct bytes b, char out[DIGEST_SIZE])
{
	struct digest *d = digest_begin();
	digest_add(d, b);
	digest_end(d, out);
}

void digest_keyed(struct bytes key, struct bytes b, char out[DIGEST_SIZE])
{
	unsigned char sum[SHA256_BYTES];
	must(mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256),
			     (const unsigned char *)key.at, key.len, (const unsigned char *)b.at,
			     b.len, sum));
	strcpy(out, "sha256:");
	text_hex(out + 7, sum, sizeof sum);
}

bool digest_equal(const char *a, const char *b)
{
	unsigned char differs = 0;
	if (strlen(a) != DIGEST_LEN || strlen(b) != DIGEST_LEN)
		return false;
	for (size_t i = 0; i < DIGEST_LEN; i++)
		differs |= (unsigned char)(a[i] ^ b[i]);
	return !differs;
}
