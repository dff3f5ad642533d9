/*
 * pack - a folder as an OCI image of one layer.
 *
 * The same folder always makes the same digest: files in the order of their
 * names, without owners and times. What is an image already is taken as it
 * is: layout.h.
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

/* Put an image's blobs together. `path` is a folder to be packed, an OCI image
 * layout (folder or tar), or a tar of docker save. Where there are several images
 * in it, `architecture` chooses; NULL: there must be one only. ERR_INVALID: it
 * holds what an image cannot. */
enum err pack_image(const char *path, const char *architecture, const struct blobs *blobs,
		    struct packed *out, struct why *why);

/* Make the manifest of a configuration and layers that are among the blobs. */
enum err pack_bind(struct packed *p, const struct blobs *b, int64_t config_size,
		   const int64_t *layer_sizes, struct why *why);

/* The media type of a layer, as its first bytes say: plain, +gzip or +zstd. */
const char *pack_layer_type(const struct blobs *b, const char *digest);

/* Keep a file as a blob. */
enum err pack_put(const struct blobs *b, const char *path, char digest[DIGEST_SIZE],
		  int64_t *out_size, struct why *why);

/* Write the image as an OCI image layout to a new folder. */
enum err pack_write_layout(const struct packed *p, const struct blobs *blobs, const char *folder,
			   struct why *why);
