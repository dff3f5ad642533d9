/*
 * file - whole files and folders on flash.
 *
 * Implementation: ports/linux/file_posix.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

/* Read a whole file of at most `max` bytes; the caller frees *out. A NUL
 * follows the content. ERR_NOT_FOUND, ERR_FULL (larger), ERR_SYSTEM. */
enum err file_read(const char *path, size_t max, char **out, size_t *out_len, struct why *why);

/* Put new content in place of the old: readers see either, never half. With
 * `durable` it is on the medium when the call returns. */
enum err file_replace(const char *path, struct bytes content, bool durable, struct why *why);

/* Make a folder and what is missing above it; there already is fine. */
enum err dir_make(const char *path, unsigned mode, struct why *why);

/* Remove a file or a folder with all in it; never follows a link. Nothing there is fine. */
enum err dir_remove(const char *path, struct why *why);

/* Call `on_name` for each entry but . and .. ; nothing there is an empty folder. */
enum err dir_each(const char *path, void (*on_name)(void *owner, const char *name), void *owner,
		  struct why *why);

/* Bytes free and in all on the file system under `path`. */
enum err dir_space(const char *path, int64_t *out_free, int64_t *out_total, struct why *why);

bool file_exists(const char *path);
