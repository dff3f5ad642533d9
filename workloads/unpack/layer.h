/*
 * layer - one layer of an image, written below the current root.
 *
 * Works on / of a process that was moved into the image's folder: links of the
 * image lead nowhere but into the image. Refused: paths that are absolute or
 * have .. in them, devices and sockets, whiteouts of "." and "..", too many,
 * too deep, too large. Set-user-id bits are dropped; everything is root's, and
 * can be read by all.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

enum {
	LAYER_ENTRIES_MAX = 200 * 1000,
	LAYER_DEPTH_MAX = 48, /* folders inside one another */
};

/* A layer, and what its bytes must add up to. */
struct layer {
	int fd;              /* rewound by each call */
	const char *digest;  /* of the file */
	const char *diff_id; /* of what it decompresses to */
};

/* What is left for the whole image. */
struct layer_budget {
	int64_t bytes;
	int64_t entries;
};

/* Carry out the whiteouts of a layer on what is there. */
enum err layer_delete(const struct layer *l, struct layer_budget *budget, struct why *why);

/* Write its entries. ERR_INVALID: the image is bad. ERR_CORRUPT: the file is not any
 * more what it was. ERR_FULL, ERR_SYSTEM: the board. */
enum err layer_extract(const struct layer *l, struct layer_budget *budget, struct why *why);

/* The folders that every workload gets something mounted on are there, and are
 * folders. */
enum err layer_complete(struct why *why);
