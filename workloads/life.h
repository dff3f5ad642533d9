/*
 * life - what a pod's run folder remembers of the pod as a whole for the next
 * agent: when it began, and why it was given up. A reboot empties it.
 */
#pragma once

#include "base/err.h"
#include "base/label.h"

#include <stdint.h>

struct life {
	char digest[DIGEST_SIZE]; /* of the pod that this is about */
	int64_t began_ms;         /* since boot; 0: nothing is known */
	char reason[40];          /* "DeadlineExceeded"; "" while it may run */
	char message[160];
};

/* `folder` is the one of the pod's first container. */
enum err life_write(const char *folder, const struct life *l);

/* ERR_NOT_FOUND: there is none. */
enum err life_read(const char *folder, struct life *out);
