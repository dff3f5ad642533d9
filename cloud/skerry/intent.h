/*
 * intent - one device's next desired state, made from the one before.
 */
#pragma once

#include "cloud/fleet/fit.h"
#include "cloud/fleet/render.h"
#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/manifest_file.h"
#include "cloud/skerry/warrant.h"

struct intent {
	char *text;               /* the message; NULL: nothing would change */
	char digest[DIGEST_SIZE]; /* of the message */
	int64_t epoch, base, generation;
	char agent[DIGEST_SIZE]; /* that it wants, its digest or "package"; "": whichever */
	int64_t attempt;         /* of that */
	int64_t trust;           /* the version that a signed state names; 0: nobody signs it */
};

struct intent_wish {
	const struct render_source *source;
	const struct json *labels; /* that a desk gives the device; NULL: as before, {}: none */
	const char *reason;        /* for people; NULL: none */
	const char *agent;         /* the image that the board shall be run by; NULL: as before */
	bool retry;                /* even if it was given up */
	const struct warrant *warrant; /* who signs it, if anybody */
	struct fit **fit; /* filled, to be freed: would the device run it? NULL: nobody asks */
};

/* The trees of files, for a render_source; they are borrowed. */
struct intent_trees {
	const struct json *pods[PODS_MAX], *configs[CONFIGS_MAX];
};
struct render_source intent_source(const struct manifest_files *m, struct intent_trees *trees);

/* ERR_INVALID, ERR_FULL: the result would be no document. free() the text. */
enum err intent_make(const struct device_view *device, const char *fleet,
		     const struct intent_wish *wish, struct intent *out, struct why *why);

/* Would the device run it? Nobody need sign for that, nor need anything change. ERR_INVALID,
 * ERR_FULL as above. fit_free(*out). */
enum err intent_judge(const struct device_view *device, const char *fleet,
		      const struct intent_wish *wish, struct fit **out, struct why *why);

/* The way back from an intent, one generation above it: what the device has now. A device
 * that nobody has told anything yet goes back to nothing. free() the text. */
enum err intent_make_back(const struct device_view *device, const char *fleet,
			  const struct intent_wish *wish, const struct intent *forward,
			  struct intent *out, struct why *why);
