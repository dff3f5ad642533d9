/*
 * bundle - the files of an image as another tool left them: a folder, or a tar.
 *
 * A tar is read once from its beginning to its end: each file in it goes to the
 * blobs, never into memory, and only its name is kept here.
 */
#pragma once

#include "ports/blobs.h"

enum { BUNDLE_FILES_MAX = 4096 };
#define BUNDLE_BYTES_MAX (4LL * 1024 * 1024 * 1024)

struct bundle_file {
	char *name;
	char *link; /* the name of the file that it stands for; NULL: it is one itself */
	char digest[DIGEST_SIZE];
	int64_t size;
};

struct bundle {
	const char *path;
	const struct blobs *blobs;
	bool is_folder;
	struct bundle_file *files; /* of a tar */
	size_t count;
	int64_t bytes;
};

/* ERR_INVALID: not a tar, or one with too much in it. */
enum err bundle_open(struct bundle *b, const char *path, const struct blobs *blobs,
		     struct why *why);
bool bundle_has(const struct bundle *b, const char *name);

/* See to it that a file is among the blobs. `name` is never one that an image's
 * documents made up, but for a tar, which has nothing outside. ERR_NOT_FOUND. */
enum err bundle_take(const struct bundle *b, const char *name, char digest[DIGEST_SIZE],
		     int64_t *out_size, struct why *why);
void bundle_close(struct bundle *b); /* all zero is fine */

/* Keep what can be read from `fd` as a blob. */
enum err bundle_put(const struct blobs *b, int fd, char digest[DIGEST_SIZE], int64_t *out_size,
		    struct why *why);
