/* audit - the trail for people: which desired states were seen, and is the chain whole? */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct audit_options {
	const char *database; /* a file, or postgresql://... */
	const char *has;      /* the hash of a row that must be there; NULL: none */
	bool verify;          /* print the broken rows alone */
};

/* ERR_CORRUPT: a row is not as it was written, or one is missing; which ones is printed. */
enum err audit(const struct audit_options *o, struct why *why);
