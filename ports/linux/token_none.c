#include "ports/linux/token.h"

#include <assert.h>

/* For programs that can load no library. */
enum err token_open(struct token **out, const char *uri, struct why *why)
{
	(void)out;
	(void)uri;
	return why_set(why, ERR_INVALID,
		       "pkcs11: this program is linked statically, or was built for another "
		       "machine, and loads no library of a token: build Skerry on the board's own "
		       "system, or use a key in a file");
}

void token_close(struct token *t)
{
	assert(!t);
}

const unsigned char *token_point(const struct token *t)
{
	(void)t;
	return NULL;
}

enum err token_sign(struct token *t, const unsigned char hash[TOKEN_HASH_BYTES],
		    char out[SIGNATURE_MAX], size_t *out_len, struct why *why)
{
	(void)t;
	(void)hash;
	(void)out;
	*out_len = 0;
	return why_set(why, ERR_INVALID, "pkcs11: there is no token");
}
