/*
 * pack - a folder as an OCI image of one layer.
 *
 * The same folder always makes the same digest: files in the order of their
 * names, without owners and times. A folder that is an OCI image layout
 * already is taken as it is.
 */
#pragma once

#include "ports/blobs.h"
#include "workloads/oci.h"

struct packed {
	char digest[DIGEST_SIZE]; /* of the manifest: names the image */
	char config[DIGEST_SIZE];
	char layers[OCI_LAYERS_MAX][DIGEST_SIZE];
	size_t layer_count;
	int64_t bytes; /* of all blobs */
};

/* Pack `folder` into blobs. ERR_INVALID: it holds what an image cannot. */
enum err pack_folder(const char *folder, const struct blobs *blobs, struct packed *out,
		     struct why *why);

/* Write the image as an OCI image layout to a new folder. */
enum err pack_write_layout(const struct packed *p, const struct blobs *blobs, const char *folder,
			   struct why *why);
