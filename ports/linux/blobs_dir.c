#include "ports/blobs.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/digest.h"
#include "ports/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* A finished blob is PATH/<hex>, an unfinished one PATH/<hex>.part. */
enum { BLOB_PATH_MAX = 160 + DIGEST_SIZE + 8 };

static void part_path(const struct blobs *b, const char *digest, char *out, size_t cap)
{
	snprintf(out, cap, "%s/%s.part", b->path, digest + 7);
}

void blobs_path(const struct blobs *b, const char *digest, char *out, size_t cap)
{
	snprintf(out, cap, "%s/%s", b->path, digest + 7);
}

static enum err fail(struct why *why, const char *verb, const char *path)
{
	enum err class = errno == ENOENT                      ? ERR_NOT_FOUND
			 : errno == ENOSPC || errno == EDQUOT ? ERR_FULL
							      : ERR_SYSTEM;
	return why_set(why, class, "%s %s: %s", verb, path, strerror(errno));
}

enum err blobs_open(struct blobs *b, const char *path, struct why *why)
{
	if (!text_copy(b->path, sizeof b->path, bytes_of(path)))
		return why_set(why, ERR_INVALID, "%s: the path is too long", path);
	return dir_make(path, 0700, why);
}

bool blobs_have(const struct blobs *b, const char *digest)
{
	char path[BLOB_PATH_MAX];
	blobs_path(b, digest, path, sizeof path);
	return file_exists(path);
}

int64_t blobs_arrived(const struct blobs *b, const char *digest)
{
	char path[BLOB_PATH_MAX];
	struct stat st;
	part_path(b, digest, path, sizeof path);
	return stat(path, &st) ? 0 : (int64_t)st.st_size;
}

static enum err write_all(int fd, struct bytes part)
{
	while (part.len) {
		ssize_t n = write(fd, part.at, part.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYSTEM;
		part = (struct bytes){ part.at + n, part.len - (size_t)n };
	}
	return OK;
}

enum err blobs_append(const struct blobs *b, const char *digest, struct bytes part, struct why *why)
{
	char path[BLOB_PATH_MAX];
	part_path(b, digest, path, sizeof path);

	SCOPED_FD fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	if (fd < 0 || fstat(fd, &st))
		return fail(why, "open", path);
	if (st.st_size + (int64_t)part.len > BLOB_MAX)
		return why_set(why, ERR_FULL, "%s is larger than %lld bytes", digest, BLOB_MAX);
	return write_all(fd, part) ? fail(why, "write", path) : OK;
}

/* The digest of a file, and all of it on the medium. */
static enum err digest_of_file(const char *path, char out[DIGEST_SIZE], struct why *why)
{
	enum { STEP = 16 * 1024 };
	SCOPED_FD fd = open(path, O_RDWR | O_CLOEXEC);
	SCOPED_MEMORY char *buffer = malloc(STEP);
	if (fd < 0 || !buffer)
		return fail(why, "open", path);

	struct digest *d = digest_begin();
	ssize_t n;
	while ((n = read(fd, buffer, STEP)) > 0)
		digest_add(d, (struct bytes){ buffer, (size_t)n });
	digest_end(d, out);
	if (n < 0 || fsync(fd))
		return fail(why, "read", path);
	return OK;
}

static void sync_folder(const struct blobs *b)
{
	SCOPED_FD fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

enum err blobs_finish(const struct blobs *b, const char *digest, struct why *why)
{
	char part[BLOB_PATH_MAX], whole[BLOB_PATH_MAX], found[DIGEST_SIZE];
	part_path(b, digest, part, sizeof part);
	blobs_path(b, digest, whole, sizeof whole);

	enum err e = digest_of_file(part, found, why);
	if (e)
		return e;
	if (strcmp(found, digest) != 0) {
		unlink(part);
		return why_set(why, ERR_CORRUPT, "%s arrived as %s", digest, found);
	}
	if (rename(part, whole))
		return fail(why, "rename", part);
	sync_folder(b);
	return OK;
}

void blobs_restart(const struct blobs *b, const char *digest)
{
	char path[BLOB_PATH_MAX];
	part_path(b, digest, path, sizeof path);
	unlink(path);
}

enum err blobs_put(const struct blobs *b, struct bytes content, char out_digest[DIGEST_SIZE],
		   struct why *why)
{
	digest_of(content, out_digest);
	if (blobs_have(b, out_digest))
		return OK;
	blobs_restart(b, out_digest);
	enum err e = blobs_append(b, out_digest, content, why);
	return e ? e : blobs_finish(b, out_digest, why);
}

/* One draft at a time in a folder. */
static void draft_path(const struct blobs *b, char *out, size_t cap)
{
	snprintf(out, cap, "%s/draft.part", b->path);
}

enum err blob_draft_open(struct blob_draft *d, const struct blobs *b, struct why *why)
{
	char path[BLOB_PATH_MAX];
	draft_path(b, path, sizeof path);
	*d = (struct blob_draft){ .blobs = b };
	d->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->fd < 0)
		return fail(why, "create", path);
	d->digest = digest_begin();
	return OK;
}

enum err blob_draft_add(struct blob_draft *d, struct bytes part, struct why *why)
{
	d->size += (int64_t)part.len;
	if (d->size > BLOB_MAX)
		return why_set(why, ERR_FULL, "larger than %lld bytes", BLOB_MAX);
	digest_add(d->digest, part);
	return write_all(d->fd, part) ? fail(why, "write in", d->blobs->path) : OK;
}

enum err blob_draft_keep(struct blob_draft *d, char out_digest[DIGEST_SIZE], struct why *why)
{
	char path[BLOB_PATH_MAX], whole[BLOB_PATH_MAX];
	enum err e = OK;
	digest_end(d->digest, out_digest);
	d->digest = NULL;
	draft_path(d->blobs, path, sizeof path);
	blobs_path(d->blobs, out_digest, whole, sizeof whole);
	if (fsync(d->fd) || rename(path, whole))
		e = fail(why, "keep", path);
	else
		sync_folder(d->blobs);
	blob_draft_drop(d);
	return e;
}

void blob_draft_drop(struct blob_draft *d)
{
	char path[BLOB_PATH_MAX];
	if (d->fd < 0)
		return;
	draft_path(d->blobs, path, sizeof path);
	unlink(path);
	digest_drop(d->digest);
	close(d->fd);
	d->digest = NULL;
	d->fd = -1;
}

enum err blobs_read(const struct blobs *b, const char *digest, int64_t offset, char *out,
		    size_t cap, size_t *out_len, int64_t *out_total, struct why *why)
{
	char path[BLOB_PATH_MAX];
	blobs_path(b, digest, path, sizeof path);
	return file_read_part(path, offset, out, cap, out_len, out_total, why);
}

struct sweep {
	const struct blobs *blobs;
	bool (*keep)(void *owner, const char *digest);
	void *owner;
};

static void sweep_one(void *owner, const char *name)
{
	const struct sweep *s = owner;
	char digest[DIGEST_SIZE], path[BLOB_PATH_MAX];
	snprintf(digest, sizeof digest, "sha256:%.64s", name);
	if (label_is_digest(bytes_of(digest)) && s->keep(s->owner, digest))
		return;
	snprintf(path, sizeof path, "%s/%.80s", s->blobs->path, name);
	unlink(path);
}

enum err blobs_sweep(const struct blobs *b, bool (*keep)(void *owner, const char *digest),
		     void *owner, struct why *why)
{
	struct sweep s = { b, keep, owner };
	return dir_each(b->path, sweep_one, &s, why);
}
