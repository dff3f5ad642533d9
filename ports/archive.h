/*
 * archive - tar streams, plain or compressed, as OCI layers are.
 *
 * Implementation: ports/linux/archive_libarchive.c, the only file that sees
 * libarchive. It is linked to skerry-unpack and skerry, never to the agent.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum entry_kind { ENTRY_FILE, ENTRY_FOLDER, ENTRY_SYMLINK, ENTRY_HARDLINK, ENTRY_OTHER };

struct archive_entry_view {
	const char *path;
	const char *link; /* target of a link; "" otherwise */
	enum entry_kind kind;
	unsigned mode; /* permission bits */
	int64_t size;
};

struct archive_reader;
struct archive_writer;

enum err archive_read(const char *path, struct archive_reader **out, struct why *why);
/* ERR_NOT_FOUND: the end. The view is borrowed until the next call. */
enum err archive_next(struct archive_reader *r, struct archive_entry_view *out, struct why *why);
/* Content of the current file. *out_len 0: all has been read. */
enum err archive_content(struct archive_reader *r, char *out, size_t cap, size_t *out_len,
			 struct why *why);
void archive_read_close(struct archive_reader *r); /* NULL is fine */

/* A gzip-compressed tar in which owner and times are zero, so that the same
 * folder always makes the same bytes. */
enum err archive_write(const char *path, struct archive_writer **out, struct why *why);
enum err archive_add(struct archive_writer *w, const struct archive_entry_view *entry,
		     struct why *why);
enum err archive_add_content(struct archive_writer *w, struct bytes part, struct why *why);
enum err archive_write_close(struct archive_writer *w, struct why *why);
