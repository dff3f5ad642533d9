/*
 * image - OCI images on the board: what they need, and where they lie unpacked.
 *
 * An image is named by the digest of its OCI manifest. Its blobs arrive one by
 * one; when all are there, skerry-unpack puts the layers on top of each other
 * into a folder below `images/`. A folder of that name is whole: it gets its
 * name last. A ready image does not need its blobs any more.
 */
#pragma once

#include "base/arena.h"
#include "base/limits.h"
#include "ports/blobs.h"
#include "workloads/oci.h"

enum {
	IMAGE_PATH_MAX = 160 + 96,
	IMAGE_NAME_SIZE = 80, /* of a folder below `images/` */
};

/* The folder below `images/` of what several have in common: unpack/inventory.h. */
#define IMAGES_SHARED "shared"

/* Exit codes of skerry-unpack beside 0; its stdout has one line of reason. */
enum { UNPACK_FAILED = 1, UNPACK_BAD_IMAGE = 2, UNPACK_BAD_MEDIUM = 3 };

struct images {
	char path[160];
	const struct blobs *blobs;
	const char *unpack_program; /* path of skerry-unpack */
};

/* What an image says about how to run it; empty lists end at once. */
struct image_config {
	const char *entrypoint[ARGS_MAX + 1], *cmd[ARGS_MAX + 1];
	const char *env[ENV_MAX + 1]; /* "NAME=value" */
	const char *workdir;
	const char *user;        /* as it stands there; passwd.h knows whom it means */
	const char *stop_signal; /* likewise; NULL: it does not say */
};

enum err images_open(struct images *i, const char *path, const struct blobs *blobs,
		     const char *unpack_program, struct why *why);

/* Unpacked and whole? */
bool image_is_ready(const struct images *i, const char *digest);

/* The folder that becomes the workload's root. */
void image_root(const struct images *i, const char *digest, char *out, size_t cap);

/* The next blob that must arrive before it can be unpacked. ERR_NOT_FOUND:
 * none is missing. ERR_INVALID: its manifest or configuration is unusable. */
enum err image_missing_blob(const struct images *i, const char *digest, char out[DIGEST_SIZE],
			    struct why *why);

/* Of a ready image; strings live in `arena`. */
enum err image_read_config(const struct images *i, const char *digest, struct arena *arena,
			   struct image_config *out, struct why *why);

struct image_layer {
	char digest[DIGEST_SIZE], diff_id[DIGEST_SIZE];
	char path[IMAGE_PATH_MAX]; /* of its blob */
};

struct image_layers {
	struct image_layer layers[OCI_LAYERS_MAX];
	size_t count;
};

/* What is to be unpacked, lowest first. Its manifest and configuration are there. */
enum err image_list_layers(const struct images *i, const char *digest, struct image_layers *out,
			   struct why *why);

/* Make a folder to unpack to, with the configuration in it. When all is in it, and on
 * the medium, it gets its name and is whole. */
enum err image_begin(const struct images *i, const char *digest, char out_name[IMAGE_NAME_SIZE],
		     struct why *why);
enum err image_complete(const struct images *i, const char *digest, struct why *why);

/* Forget an unpacked image that is damaged. What still runs from it keeps its files
 * until the next sweep. */
enum err image_discard(const struct images *i, const char *digest, struct why *why);

/* Remove every image that `keep` refuses, what a power cut left half done, and what
 * no image shares any more. */
enum err images_sweep(const struct images *i, bool (*keep)(void *owner, const char *digest),
		      void *owner, struct why *why);
