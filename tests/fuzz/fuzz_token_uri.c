/* fuzz_token_uri - the URI of a key in a token, as a configuration names it. */
#include "base/token_uri.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void must_end(const char *value)
{
	assert(memchr(value, '\0', TOKEN_VALUE_SIZE));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct token_uri uri;
	struct why why = { "" };
	char *text = strndup((const char *)at, len); /* exact, for the sanitizer */
	enum err e = token_uri_read(text, &uri, &why);
	assert(e == OK || (e == ERR_INVALID && why.text[0]));
	if (!e) {
		assert(token_uri_is(text) && uri.module[0] == '/');
		assert(!uri.pin_source[0] || uri.pin_source[0] == '/');
		assert(uri.id_len <= TOKEN_VALUE_SIZE);
		must_end(uri.token);
		must_end(uri.serial);
		must_end(uri.object);
		must_end(uri.module);
		must_end(uri.pin_source);
	}
	free(text);
	return 0;
}
