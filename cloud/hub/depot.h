/*
 * depot - the folder in which devices' files lie at the hub.
 *
 * FOLDER/FLEET/DEVICE/POD/TIME-ID-NAME, where TIME is when it was made, in UTC, and
 * ID the first eight digits of its id: sorted as they were made, and never two alike.
 * What has not come whole is in FOLDER/.parts and goes on there after a restart.
 */
#pragma once

#include "base/err.h"
#include "base/label.h"
#include "ports/digest.h"
#include "ports/json.h"

#include <stdint.h>

enum {
	DEPOT_NAME_MAX = 120, /* bytes of the name that its author gave it: ports/mailbox.h */
	DEPOT_PATH_MAX = 512, /* of a file, relative to the folder */
	DEPOT_PART_DAYS = 30, /* what did not go on for so long is given up, at a start */
};

/* One GiB: what a board takes, too. */
#define DEPOT_FILE_MAX (1024LL * 1024 * 1024)

struct depot {
	char path[256];
};

struct depot_file {
	char fleet[LABEL_SIZE], device[LABEL_SIZE], pod[LABEL_SIZE], id[LABEL_SIZE];
	char name[DEPOT_NAME_MAX + 1];
	char digest[DIGEST_SIZE];
	int64_t time_ms, size;
	/* what has come of it */
	int64_t have;
	struct digest *sum;
};

enum err depot_open(struct depot *d, const char *path, struct why *why);

/* Read what a device announces: pod, name, d, size and t; fleet, device and id are set by
 * the caller before. ERR_INVALID: such a file is not taken; the reason is for whoever sent it. */
enum err depot_read(const struct json *announcement, struct depot_file *f, struct why *why);

/* Go on with what came of it before: sets have and sum. */
enum err depot_begin(const struct depot *d, struct depot_file *f, struct why *why);

/* Bytes at the end of what there is. ERR_FULL: the disk is; ERR_INVALID: more than it has. */
enum err depot_append(const struct depot *d, struct depot_file *f, struct bytes block,
		      struct why *why);

/* All has come: verify, flush, and put it into its place, `out_path` relative to the folder.
 * ERR_CORRUPT: its digest is another, and what came is gone. */
enum err depot_finish(const struct depot *d, struct depot_file *f, char out_path[DEPOT_PATH_MAX],
		      struct why *why);

/* Forget what is in memory; what has come stays. */
void depot_end(struct depot_file *f);
