/*
 * intent - one device's next desired state, made from the one before.
 */
#pragma once

#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/manifest_file.h"
#include "cloud/skerry/warrant.h"

struct intent {
	char *text;               /* the message; NULL: nothing would change */
	char digest[DIGEST_SIZE]; /* of the message */
	int64_t epoch, base, generation;
	int64_t trust; /* the version that a signed state names; 0: nobody signs it */
};

struct intent_wish {
	const struct manifest_files *pods;
	bool prune;                    /* pods that are not in the files go */
	int64_t healthy_ms;            /* -1: as before */
	const struct warrant *warrant; /* who signs it, if anybody */
};

/* ERR_INVALID, ERR_FULL: the result would be no document. free() the text. */
enum err intent_make(const struct device_view *device, const char *fleet,
		     const struct intent_wish *wish, struct intent *out, struct why *why);
