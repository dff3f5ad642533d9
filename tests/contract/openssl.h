/* openssl - tests that ask the openssl command, which a board does not have. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* True: it is missing, and said so; leave with SKIPPED. */
static inline bool openssl_is_missing(void)
{
	if (system("openssl version >/dev/null 2>&1") == 0)
		return false;
	puts("skipped: needs the openssl command");
	return true;
}
