/*
 * warrant - what makes a board believe a desired state: keys, trust documents and the
 * signatures of the images' builders, as the options of `skerry apply` name them.
 *
 * What a device's last state had with it is taken over: trust documents, and the
 * signatures of images that stay. For a preview nothing is asked, and nothing signed.
 */
#pragma once

#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/options.h"

struct warrant {
	const struct options *options;
	struct json *chain;      /* of --trust; an array */
	struct json *signatures; /* of --signature; an array */
	int64_t trust;           /* the newest version of the chain; 0: it is empty */
};

/* Read the files. warrant_close() also after a failure. */
enum err warrant_open(struct warrant *w, const struct options *o, struct why *why);
void warrant_close(struct warrant *w);

/* Shall states be signed at all? */
bool warrant_signs(const struct warrant *w);

/* ERR_DENIED: the device takes signed states only, and there is no key; or the state to
 * build on is not ours. ERR_INVALID: nobody knows which version of trust is meant. */
enum err warrant_check(const struct warrant *w, const struct device_view *d, struct why *why);

/* The version of trust that a device's next state names. */
int64_t warrant_trust(const struct warrant *w, const struct device_view *d);

/* Is what signs the device's present state still as it would be made now, and its first
 * half of life? */
bool warrant_stands(const struct warrant *w, const struct device_view *d);

/* A payload as a message, with the trust documents and the images' signatures. ERR_DENIED:
 * nobody has signed an image; ERR_FULL: larger than a message. free() *out. */
enum err warrant_seal(const struct warrant *w, const struct device_view *d, struct bytes payload,
		      char **out, struct why *why);

/* How long a state counts, in milliseconds. */
int64_t warrant_span_ms(const struct warrant *w);
