/*
 * tree - a small folder of files that changes as a whole.
 *
 * The files lie in a folder of a hidden name; `..data` links to it, and each
 * visible name links through `..data`. Renaming that one link changes all of
 * them at once, for readers that have the folder mounted, too. Kubernetes
 * writes ConfigMaps so, and programs that watch `..data` know it.
 *
 * Implementation: ports/linux/tree_posix.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

struct tree_file {
	const char *path; /* relative, folders are made; none begins with ".." */
	struct bytes content;
	unsigned mode;
};

/* Make `folder` hold these files and no others, belonging to `uid` and `gid`. The
 * same files again change nothing. What is above must be closed to others. */
enum err tree_write(const char *folder, const struct tree_file *files, size_t count,
		    const int64_t owner[2], struct why *why);

/* Where the files of now lie, without links. ERR_NOT_FOUND: never written. */
enum err tree_current(const char *folder, char *out, size_t cap, struct why *why);
