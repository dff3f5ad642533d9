/*
 * image - OCI images on the board: what they need, and where they lie unpacked.
 *
 * An image is named by the digest of its OCI manifest. Its blobs arrive one by
 * one; when all are there, skerry-unpack puts the layers on top of each other
 * into a folder below `images/`. A folder of that name is whole: it gets its
 * name last.
 */
#pragma once

#include "base/arena.h"
#include "base/limits.h"
#include "ports/blobs.h"
#include "ports/loop.h"
#include "ports/process.h"

/* Exit codes of skerry-unpack beside 0; its stdout has one line of reason. */
enum { UNPACK_FAILED = 1, UNPACK_BAD_IMAGE = 2 };

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

struct unpacking {
	const struct images *images;
	struct process process;
	char digest[DIGEST_SIZE];
	struct watch output; /* what the program says when it fails */
	struct why said;
	void *owner;
	void (*on_unpacked)(void *owner, enum err e, const struct why *why);
};

/* Unpack an image whose blobs are all there; `u->owner` and `u->on_unpacked`
 * are set by the caller. A ready image does not need its blobs any more. */
enum err image_unpack(struct unpacking *u, const struct images *i, struct loop *l,
		      const char *digest, struct why *why);
void image_unpack_stop(struct unpacking *u);

/* Remove every image that `keep` refuses, and what a power cut left half done. */
enum err images_sweep(const struct images *i, bool (*keep)(void *owner, const char *digest),
		      void *owner, struct why *why);
