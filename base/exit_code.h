/*
 * exit_code - what `skerry` and `skerryd join` end with; the same numbers in every verb.
 */
#pragma once

#include "base/err.h"

enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILED = 1,
	EXIT_CODE_DIFFERS = 1, /* of diff alone, as of diff(1): what fails there is 2 */
	EXIT_CODE_USAGE = 2,   /* or an invalid file */
	EXIT_CODE_NOT_FOUND = 3,
	EXIT_CODE_CONFLICT = 4,
	EXIT_CODE_DENIED = 5,
	EXIT_CODE_OFFLINE = 6, /* the broker, or a device that must be online */
	EXIT_CODE_PARTLY = 7,  /* timeout, or done for some */
	EXIT_CODE_HALTED = 8,  /* a rollout */
	EXIT_CODE_INTERRUPTED = 130,
};

enum exit_code exit_code_of(enum err e);

/* Tell the reason on stderr, if there is one to tell, and answer the code. */
enum exit_code exit_code_tell(enum err e, const struct why *why);
