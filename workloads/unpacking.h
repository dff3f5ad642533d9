/*
 * unpacking - one run of skerry-unpack, which unpacks an image or looks whether
 * what was unpacked is still what it was.
 */
#pragma once

#include "ports/loop.h"
#include "ports/process.h"
#include "workloads/image.h"

struct unpacking {
	const struct images *images;
	struct process process;
	char digest[DIGEST_SIZE];
	bool verifies;
	struct watch output; /* what the program says when it fails */
	struct why said;
	void *owner;
	/* ERR_INVALID: the image is bad. ERR_CORRUPT: the medium has changed blobs, or
	 * what was unpacked; `why` names it. Others: the board could not. */
	void (*on_done)(void *owner, enum err e, const struct why *why);
};

/* Before the first run. */
void unpacking_init(struct unpacking *u, const struct images *i, void *owner,
		    void (*on_done)(void *owner, enum err e, const struct why *why));

/* Unpack an image whose blobs are all there; it is ready then. */
enum err unpacking_start(struct unpacking *u, struct loop *l, const char *digest, struct why *why);

/* Compare a ready image with its list. */
enum err unpacking_verify(struct unpacking *u, struct loop *l, const char *digest, struct why *why);
void unpacking_stop(struct unpacking *u);
