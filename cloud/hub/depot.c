#include "cloud/hub/depot.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/utf8.h"
#include "ports/clock.h"
#include "ports/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { READ_BLOCK = 64 * 1024, TIME_SIZE = 24, ID_SHORT = 8 };

static enum err fail(struct why *why, const char *verb, const char *path)
{
	return why_set(why, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_SYSTEM, "%s %s: %s",
		       verb, path, strerror(errno));
}

static void part_path(const struct depot *d, const struct depot_file *f, char out[PATH_LIMIT])
{
	snprintf(out, PATH_LIMIT, "%s/.parts/%s.%s.%s", d->path, f->fleet, f->device, f->id);
}

static void print_time(int64_t ms, char out[TIME_SIZE])
{
	const time_t s = (time_t)(ms / 1000);
	struct tm t;
	gmtime_r(&s, &t);
	strftime(out, TIME_SIZE, "%Y%m%dT%H%M%SZ", &t);
}

/* The folder, and the path in it. */
static void place_of(const struct depot_file *f, char folder[DEPOT_PATH_MAX],
		     char path[DEPOT_PATH_MAX])
{
	char when[TIME_SIZE];
	print_time(f->time_ms, when);
	snprintf(folder, DEPOT_PATH_MAX, "%s/%s/%s", f->fleet, f->device, f->pod);
	snprintf(path, DEPOT_PATH_MAX, "%.200s/%s-%.*s-%s", folder, when, ID_SHORT, f->id, f->name);
}

/* --- opening --- */

struct sweep {
	char folder[PATH_LIMIT];
	time_t before;
};

static void sweep_one(void *owner, const char *name)
{
	const struct sweep *s = owner;
	char path[PATH_LIMIT];
	struct stat st;
	if (snprintf(path, sizeof path, "%.700s/%.255s", s->folder, name) < (int)sizeof path &&
	    stat(path, &st) == 0 && st.st_mtime < s->before)
		unlink(path);
}

enum err depot_open(struct depot *d, const char *path, struct why *why)
{
	struct sweep s = { .before = time(NULL) - (time_t)DEPOT_PART_DAYS * 24 * 3600 };
	if (!text_copy(d->path, sizeof d->path, bytes_of(path)))
		return why_set(why, ERR_INVALID, "%s: the path is too long", path);
	snprintf(s.folder, sizeof s.folder, "%s/.parts", d->path);
	enum err e = dir_make(s.folder, 0700, why);
	return e ? e : dir_each(s.folder, sweep_one, &s, why);
}

/* --- receiving --- */

static bool is_printable(const char *name)
{
	const size_t len = strlen(name);
	size_t n = 0;
	for (size_t at = 0; at < len; at += n) {
		n = utf8_length(name + at, len - at);
		if (!n || (unsigned char)name[at] < ' ' || name[at] == 0x7f || name[at] == '/')
			return false;
	}
	return len > 0 && name[0] != '.';
}

static enum err check(const struct depot_file *f, struct why *why)
{
	if (!label_is_valid(bytes_of(f->id)) || !label_is_valid(bytes_of(f->pod)))
		return why_set(why, ERR_INVALID, "id and pod: " LABEL_RULE);
	if (!is_printable(f->name))
		return why_set(why, ERR_INVALID,
			       "name: 1-%d bytes of UTF-8 without / and control characters, that "
			       "do not begin with a dot",
			       DEPOT_NAME_MAX);
	if (!label_is_digest(bytes_of(f->digest)))
		return why_set(why, ERR_INVALID, "d: sha256: and 64 digits are expected");
	return f->size >= 0 && f->size <= DEPOT_FILE_MAX
		       ? OK
		       : why_set(why, ERR_INVALID, "size: 0-%lld bytes", (long long)DEPOT_FILE_MAX);
}

static bool take_text(const struct json *j, const char *member, char *out, size_t cap)
{
	const char *text = json_string(json_member(j, member));
	return text && text_copy(out, cap, bytes_of(text));
}

enum err depot_read(const struct json *j, struct depot_file *f, struct why *why)
{
	if (!take_text(j, "pod", f->pod, sizeof f->pod) ||
	    !take_text(j, "name", f->name, sizeof f->name) ||
	    !take_text(j, "d", f->digest, sizeof f->digest) ||
	    !json_integer(json_member(j, "size"), &f->size))
		return why_set(why, ERR_INVALID, "pod, name, d and size are needed");
	if (!json_integer(json_member(j, "t"), &f->time_ms) || !clock_is_set(f->time_ms))
		f->time_ms = clock_wall_ms();
	return check(f, why);
}

static enum err sum_up(int fd, struct depot_file *f)
{
	static char block[READ_BLOCK];
	ssize_t n;
	f->have = 0;
	while ((n = read(fd, block, sizeof block)) > 0) {
		digest_add(f->sum, (struct bytes){ block, (size_t)n });
		f->have += n;
	}
	return n ? ERR_SYSTEM : OK;
}

enum err depot_begin(const struct depot *d, struct depot_file *f, struct why *why)
{
	char path[PATH_LIMIT];
	struct stat st;
	part_path(d, f, path);
	SCOPED_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st))
		return fail(why, "open", path);
	if (st.st_size > f->size && ftruncate(fd, 0))
		return fail(why, "cut", path);
	depot_end(f);
	f->sum = digest_begin();
	return sum_up(fd, f) ? fail(why, "read", path) : OK;
}

enum err depot_append(const struct depot *d, struct depot_file *f, struct bytes block,
		      struct why *why)
{
	char path[PATH_LIMIT];
	part_path(d, f, path);
	if ((int64_t)block.len > f->size - f->have)
		return why_set(why, ERR_INVALID, "more bytes came than it has");
	SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail(why, "open", path);
	const ssize_t n = pwrite(fd, block.at, block.len, f->have);
	if (n != (ssize_t)block.len) {
		if (n >= 0)
			errno = ENOSPC;
		return fail(why, "write", path);
	}
	digest_add(f->sum, block);
	f->have += n;
	return OK;
}

static enum err sync_path(const char *path, struct why *why)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 || fsync(fd) ? fail(why, "flush", path) : OK;
}

enum err depot_finish(const struct depot *d, struct depot_file *f, char out_path[DEPOT_PATH_MAX],
		      struct why *why)
{
	char part[PATH_LIMIT], folder[PATH_LIMIT], path[PATH_LIMIT], below[DEPOT_PATH_MAX];
	char digest[DIGEST_SIZE];
	part_path(d, f, part);
	digest_end(f->sum, digest);
	f->sum = NULL;
	if (strcmp(digest, f->digest) != 0) {
		unlink(part);
		return why_set(why, ERR_CORRUPT, "its digest is %s, %s was announced", digest,
			       f->digest);
	}
	place_of(f, below, out_path);
	snprintf(folder, sizeof folder, "%s/%s", d->path, below);
	snprintf(path, sizeof path, "%s/%s", d->path, out_path);
	enum err e = sync_path(part, why);
	if (!e)
		e = dir_make(folder, 0700, why);
	if (!e && rename(part, path))
		e = fail(why, "keep", path);
	return e ? e : sync_path(folder, why);
}

void depot_end(struct depot_file *f)
{
	digest_drop(f->sum);
	f->sum = NULL;
}
