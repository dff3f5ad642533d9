/*
 * tar - tar streams, plain or compressed, as OCI layers are.
 *
 * Implementation: ports/linux/tar_libarchive.c, the only file that sees
 * libarchive. It is linked to skerry-unpack and skerry, never to the agent.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum entry_kind { ENTRY_FILE, ENTRY_FOLDER, ENTRY_SYMLINK, ENTRY_HARDLINK, ENTRY_OTHER };

struct tar_entry {
	const char *path;
	const char *link; /* target of a link; "" otherwise */
	enum entry_kind kind;
	unsigned mode; /* permission bits */
	int64_t size;
};

struct tar_reader;
struct tar_writer;

/* From an open file, which stays the caller's: plain, gzip, or zstd where
 * tar_reads_zstd(). No other program is ever asked to decompress. ERR_INVALID, also
 * from the calls below: it decompresses to more than `max` bytes. */
enum err tar_read(int fd, int64_t max, struct tar_reader **out, struct why *why);
bool tar_reads_zstd(void);
/* ERR_NOT_FOUND: the end. The view is borrowed until the next call. */
enum err tar_next(struct tar_reader *r, struct tar_entry *out, struct why *why);
/* Content of the current file. *out_len 0: all has been read. */
enum err tar_content(struct tar_reader *r, char *out, size_t cap, size_t *out_len, struct why *why);
/* Behind the last entry: what the whole file is, with all that stands behind the
 * archive's end, as it lies there and decompressed (OCI's diff_id). Each has
 * DIGEST_SIZE bytes. */
enum err tar_sums(struct tar_reader *r, char *out_digest, char *out_diff_id, struct why *why);
void tar_close(struct tar_reader *r); /* NULL is fine */

/* A gzip-compressed tar in which owner and times are zero, so that the same
 * folder always makes the same bytes. */
enum err tar_write(const char *path, struct tar_writer **out, struct why *why);
enum err tar_add(struct tar_writer *w, const struct tar_entry *entry, struct why *why);
enum err tar_add_content(struct tar_writer *w, struct bytes part, struct why *why);
enum err tar_finish(struct tar_writer *w, struct why *why);

/* The diff_id of a file that is not looked into any further. */
enum err tar_digest(const char *path, int64_t max, char *out, struct why *why);

/* Compress a file with gzip; the same content always makes the same bytes. */
enum err tar_compress(const char *from, const char *to, struct why *why);
