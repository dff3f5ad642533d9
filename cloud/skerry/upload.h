/*
 * upload - hand packed images to the hub.
 *
 * The hub pulls what it has not got; here it is told what there is, and its
 * requests are answered until it says that all is there.
 */
#pragma once

#include "cloud/skerry/desk.h"
#include "cloud/skerry/pack.h"

struct upload {
	struct desk *desk;
	const struct blobs *blobs;
	size_t announced, arrived;
	int64_t sent_bytes;
	struct why refused; /* by the hub */
	bool show_progress;
};

/* ERR_OFFLINE: no hub answers on this broker. */
enum err upload_image(struct upload *u, struct desk *d, const struct blobs *blobs,
		      const struct packed *p, struct why *why);

/* One blob alone, likewise. */
enum err upload_blob(struct upload *u, struct desk *d, const struct blobs *blobs,
		     const char *digest, struct why *why);
