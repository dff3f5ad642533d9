/*
 * blobs - a folder of files that are named by what is in them.
 *
 * A blob is there only when all of it is on the medium and its SHA-256 is its
 * name. What has arrived of an unfinished one survives a restart, so that a
 * transfer goes on where it was cut.
 *
 * Implementation: ports/linux/blobs_dir.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "base/label.h"

#include <stdint.h>

struct blobs {
	char path[160]; /* the folder, 0700 */
};

enum err blobs_open(struct blobs *b, const char *path, struct why *why);

bool blobs_have(const struct blobs *b, const char *digest);

/* The file of a blob, there or not. */
void blobs_path(const struct blobs *b, const char *digest, char *out, size_t cap);

/* Bytes that have arrived of an unfinished blob; 0 when none. */
int64_t blobs_arrived(const struct blobs *b, const char *digest);

/* Add bytes at the end of an unfinished blob. ERR_FULL: the medium is full, or
 * it would pass BLOB_MAX. */
enum err blobs_append(const struct blobs *b, const char *digest, struct bytes part,
		      struct why *why);

/* All has arrived: verify and keep. ERR_CORRUPT: the digest differs, and what
 * had arrived is gone. */
enum err blobs_finish(const struct blobs *b, const char *digest, struct why *why);

/* Forget what has arrived of an unfinished blob. */
void blobs_restart(const struct blobs *b, const char *digest);

/* Keep a whole blob at once; its digest goes to `out_digest`. */
enum err blobs_put(const struct blobs *b, struct bytes content, char out_digest[DIGEST_SIZE],
		   struct why *why);

/* A blob whose digest is known when it is whole. */
struct blob_draft {
	const struct blobs *blobs;
	int fd;
	int64_t size; /* so far */
	struct digest *digest;
};

enum err blob_draft_open(struct blob_draft *d, const struct blobs *b, struct why *why);
/* ERR_FULL: the medium is full, or it would pass BLOB_MAX. */
enum err blob_draft_add(struct blob_draft *d, struct bytes part, struct why *why);
/* Ends the draft in any case. */
enum err blob_draft_keep(struct blob_draft *d, char out_digest[DIGEST_SIZE], struct why *why);
void blob_draft_drop(struct blob_draft *d);

/* At most `cap` bytes from `offset` on. ERR_NOT_FOUND. */
enum err blobs_read(const struct blobs *b, const char *digest, int64_t offset, char *out,
		    size_t cap, size_t *out_len, int64_t *out_total, struct why *why);

/* Remove every blob and every beginning that `keep` refuses. */
enum err blobs_sweep(const struct blobs *b, bool (*keep)(void *owner, const char *digest),
		     void *owner, struct why *why);
