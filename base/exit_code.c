#include "base/exit_code.h"

#include "base/utf8.h"

#include <stdio.h>

enum exit_code exit_code_of(enum err e)
{
	static const enum exit_code codes[] = {
		[OK] = EXIT_CODE_OK,
		[ERR_INVALID] = EXIT_CODE_USAGE,
		[ERR_NOT_FOUND] = EXIT_CODE_NOT_FOUND,
		[ERR_CONFLICT] = EXIT_CODE_CONFLICT,
		[ERR_FULL] = EXIT_CODE_FAILED,
		[ERR_AGAIN] = EXIT_CODE_PARTLY,
		[ERR_OFFLINE] = EXIT_CODE_OFFLINE,
		[ERR_DENIED] = EXIT_CODE_DENIED,
		[ERR_CORRUPT] = EXIT_CODE_FAILED,
		[ERR_SYSTEM] = EXIT_CODE_FAILED,
	};
	return codes[e];
}

enum exit_code exit_code_tell(enum err e, const struct why *why)
{
	if (e) {
		struct why plain = *why; /* a board or a hub may have worded it */
		utf8_make_plain(plain.text);
		fprintf(stderr, "error: %s\n", plain.text);
	}
	return exit_code_of(e);
}
