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

/* Read a file as somebody would whose / is `root`: links lead to what they name
 * there, never out of it. What is no plain file is ERR_INVALID; else as above. */
enum err file_read_in(const char *root, const char *path, size_t max, char **out, size_t *out_len,
		      struct why *why);

/* At most `cap` bytes from `offset` on, of a file that is no link; *out_total is its size. */
enum err file_read_part(const char *path, int64_t offset, char *out, size_t cap, size_t *out_len,
			int64_t *out_total, struct why *why);

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

/* The same for an open folder, from its beginning. */
enum err dir_each_in(int folder_fd, void (*on_name)(void *owner, const char *name), void *owner,
		     struct why *why);

/* Bytes that a folder and all in it take on the medium; links are not followed. */
enum err dir_bytes(const char *path, int64_t *out, struct why *why);

/* Bytes free and in all on the file system under `path`. */
enum err dir_space(const char *path, int64_t *out_free, int64_t *out_total, struct why *why);

enum medium {
	MEDIUM_STORAGE, /* survives a power cut, as far as we know */
	MEDIUM_MEMORY,
	MEDIUM_OVERLAY, /* what is written lies somewhere else, often in memory */
};

/* What the file system under `path` keeps things on. Storage if it cannot be told. */
enum medium dir_medium(const char *path);

/* Write and flush a small file below `path`, and remove it. ERR_DENIED: not
 * allowed, or read-only; ERR_FULL; ERR_NOT_FOUND; ERR_SYSTEM, such as a worn card. */
enum err dir_try(const char *path, struct why *why);

/* The number of a group of this system. ERR_NOT_FOUND: it has none of that name. */
enum err group_find(const char *name, unsigned *out_gid);

/* Let the members of a group in as well. */
enum err file_share(const char *path, unsigned gid, unsigned mode, struct why *why);

/* Close a folder of ours to everybody else; *out_was_open if it was not. */
enum err dir_close(const char *path, unsigned mode, bool *out_was_open, struct why *why);

/* Nothing there is fine. */
enum err file_remove(const char *path, struct why *why);

bool file_exists(const char *path);

/* How many names (hard links) a file has; 0: it is not there. */
unsigned long file_names(const char *path);
