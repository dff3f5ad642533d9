/*
 * intent - one device's next desired state, made from the one before.
 */
#pragma once

#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/manifest_file.h"

struct intent {
	char *text; /* the document; NULL: nothing would change */
	int64_t epoch, base, generation;
};

struct intent_wish {
	const struct manifest_files *pods;
	bool prune;         /* pods that are not in the files go */
	int64_t healthy_ms; /* -1: as before */
};

/* ERR_INVALID, ERR_FULL: the result would be no document. free() the text. */
enum err intent_make(const struct device_view *device, const char *fleet,
		     const struct intent_wish *wish, struct intent *out, struct why *why);
