/*
 * upload - hand packed images to the hub.
 *
 * The hub pulls what it has not got; here it is told what there is, and its
 * requests are answered until it says that all is there.
 */
#pragma once

#include "cloud/skerry/desk.h"
#include "cloud/skerry/pack.h"
#include "cloud/skerry/progress.h"

enum { UPLOAD_BLOBS_MAX = OCI_LAYERS_MAX + 2 };

struct upload {
	struct desk *desk;
	const struct blobs *blobs;
	struct upload_part {
		const char *digest;     /* borrowed */
		int64_t bytes, reached; /* reached: the end of what was asked for */
		bool has_arrived;
	} parts[UPLOAD_BLOBS_MAX];
	size_t announced, arrived;
	struct upload_part *asked; /* the one that blocks are read of */
	int64_t sent_bytes;        /* with those that were asked for again */
	struct progress progress;
	struct why refused; /* by the hub */
};

/* ERR_OFFLINE: no hub answers on this broker. */
enum err upload_image(struct upload *u, struct desk *d, const struct blobs *blobs,
		      const struct packed *p, struct why *why);

/* One blob alone, likewise. */
enum err upload_blob(struct upload *u, struct desk *d, const struct blobs *blobs,
		     const char *digest, struct why *why);
