#include "ports/tar.h"

#include "base/scoped.h"
#include "ports/digest.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>

enum { BLOCK = 64 * 1024, ZSTD_WINDOW_MAX = 8 * 1024 * 1024 };

/* A file, its bytes decompressed by one libarchive, and those read as a tar by
 * another: between the two stands what a diff_id is made of. */
struct stream {
	int fd;
	int64_t left; /* bytes that it may still decompress to */
	struct archive *filter;
	struct digest *packed, *plain;
	char packed_block[BLOCK], plain_block[BLOCK];
};

struct tar_reader {
	struct archive *archive;
	struct stream stream;
};

struct tar_writer {
	struct archive *archive;
	struct archive_entry *entry;
};

static enum err explain(struct archive *a, struct why *why)
{
	const char *text = archive_error_string(a);
	return why_set(why, ERR_INVALID, "archive: %s", text ? text : "not readable");
}

/* --- decompression --- */

static la_ssize_t read_packed(struct archive *a, void *owner, const void **out)
{
	struct stream *s = owner;
	ssize_t n;
	do
		n = read(s->fd, s->packed_block, BLOCK);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(a, errno, "%s", strerror(errno));
		return -1;
	}
	digest_add(s->packed, (struct bytes){ s->packed_block, (size_t)n });
	*out = s->packed_block;
	return n;
}

static la_ssize_t read_plain(struct archive *a, void *owner, const void **out)
{
	struct stream *s = owner;
	la_ssize_t n = archive_read_data(s->filter, s->plain_block, BLOCK);
	if (n < 0) {
		const char *text = archive_error_string(s->filter);
		archive_set_error(a, EIO, "%s", text ? text : "not readable");
		return -1;
	}
	s->left -= n;
	if (s->left < 0) {
		archive_set_error(a, EFBIG, "it decompresses to more than it may");
		return -1;
	}
	digest_add(s->plain, (struct bytes){ s->plain_block, (size_t)n });
	*out = s->plain_block;
	return n;
}

bool tar_reads_zstd(void)
{
#ifdef WITH_ZSTD
	return archive_libzstd_version() != NULL;
#else
	return false;
#endif
}

/* RFC 8878, 3.1.1.1: what a decoder of this frame has to remember. */
static int64_t zstd_window(const unsigned char *frame)
{
	enum { SINGLE_SEGMENT = 0x20, DESCRIPTOR_AT = 4 };
	static const size_t id_bytes[] = { 0, 1, 2, 4 }, size_bytes[] = { 1, 2, 4, 8 };
	const unsigned char *p = frame + DESCRIPTOR_AT;
	const unsigned descriptor = *p++;
	if (!(descriptor & SINGLE_SEGMENT)) {
		const int64_t base = 1LL << (10 + (*p >> 3));
		return base + base / 8 * (*p & 7);
	}
	uint64_t size = 0;
	p += id_bytes[descriptor & 3];
	for (size_t i = size_bytes[descriptor >> 6]; i--;)
		size = size << 8 | p[i];
	return size > INT64_MAX ? INT64_MAX : (int64_t)size;
}

/* A libarchive without zstd would look for a program of that name, in a root
 * that an image has filled. */
static enum err check_zstd(int fd, struct why *why)
{
	unsigned char head[18] = { 0 };
	const off_t at = lseek(fd, 0, SEEK_CUR);
	if (at < 0 || pread(fd, head, sizeof head, at) < 4 ||
	    memcmp(head, "\x28\xb5\x2f\xfd", 4) != 0)
		return OK;
	if (!tar_reads_zstd())
		return why_set(why, ERR_INVALID,
			       "archive: compressed with zstd, which this build cannot read;"
			       " make the layers with gzip");
	if (zstd_window(head) > ZSTD_WINDOW_MAX)
		return why_set(why, ERR_INVALID,
			       "archive: zstd with a window of %lld MiB; %d are allowed",
			       (long long)(zstd_window(head) >> 20), ZSTD_WINDOW_MAX >> 20);
	return OK;
}

static enum err stream_open(struct stream *s, int fd, int64_t max, struct why *why)
{
	struct archive_entry *only;
	s->fd = fd;
	s->left = max;
	s->packed = digest_begin();
	s->plain = digest_begin();
	s->filter = archive_read_new();
	enum err e = check_zstd(fd, why);
	if (e)
		return e;
	/* The raw format hands out what a filter has unpacked, without looking inside. */
	archive_read_support_format_raw(s->filter);
	archive_read_support_filter_gzip(s->filter);
	if (tar_reads_zstd())
		archive_read_support_filter_zstd(s->filter);
	if (archive_read_open(s->filter, s, NULL, read_packed, NULL) ||
	    archive_read_next_header(s->filter, &only))
		return explain(s->filter, why);
	return OK;
}

/* Everything to the end of the file, and its sums. */
static enum err stream_finish(struct stream *s, char *out_digest, char *out_diff_id,
			      struct why *why)
{
	const void *at;
	la_ssize_t n;
	while ((n = read_plain(s->filter, s, &at)) > 0)
		;
	while (n == 0 && (n = read_packed(s->filter, s, &at)) > 0)
		n = 0;
	if (n < 0)
		return explain(s->filter, why);
	digest_end(s->packed, out_digest);
	digest_end(s->plain, out_diff_id);
	s->packed = s->plain = NULL;
	return OK;
}

static void stream_close(struct stream *s)
{
	archive_read_free(s->filter);
	digest_drop(s->packed);
	digest_drop(s->plain);
}

/* --- reading --- */

enum err tar_read(int fd, int64_t max, struct tar_reader **out, struct why *why)
{
	struct tar_reader *r = calloc(1, sizeof *r);
	if (!r)
		return why_set(why, ERR_SYSTEM, "archive: no memory");
	r->archive = archive_read_new();
	archive_read_support_format_tar(r->archive);
	enum err e = stream_open(&r->stream, fd, max, why);
	if (!e && archive_read_open(r->archive, &r->stream, NULL, read_plain, NULL))
		e = explain(r->archive, why);
	if (e) {
		tar_close(r);
		return e;
	}
	*out = r;
	return OK;
}

static enum entry_kind kind_of(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return ENTRY_HARDLINK;
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return ENTRY_FILE;
	case AE_IFDIR:
		return ENTRY_FOLDER;
	case AE_IFLNK:
		return ENTRY_SYMLINK;
	default:
		return ENTRY_OTHER;
	}
}

enum err tar_next(struct tar_reader *r, struct tar_entry *out, struct why *why)
{
	struct archive_entry *e;
	int rc = archive_read_next_header(r->archive, &e);
	if (rc == ARCHIVE_EOF)
		return ERR_NOT_FOUND;
	if (rc < ARCHIVE_WARN)
		return explain(r->archive, why);

	const char *path = archive_entry_pathname(e);
	*out = (struct tar_entry){
		.path = path ? path : "",
		.link = "",
		.kind = kind_of(e),
		.mode = archive_entry_perm(e),
		.size = archive_entry_size(e),
	};
	if (out->kind == ENTRY_HARDLINK)
		out->link = archive_entry_hardlink(e);
	if (out->kind == ENTRY_SYMLINK && archive_entry_symlink(e))
		out->link = archive_entry_symlink(e);
	return OK;
}

enum err tar_content(struct tar_reader *r, char *out, size_t cap, size_t *out_len, struct why *why)
{
	la_ssize_t n = archive_read_data(r->archive, out, cap);
	if (n < 0)
		return explain(r->archive, why);
	*out_len = (size_t)n;
	return OK;
}

enum err tar_sums(struct tar_reader *r, char *out_digest, char *out_diff_id, struct why *why)
{
	return stream_finish(&r->stream, out_digest, out_diff_id, why);
}

void tar_close(struct tar_reader *r)
{
	if (!r)
		return;
	archive_read_free(r->archive);
	stream_close(&r->stream);
	free(r);
}

/* --- writing --- */

enum err tar_write(const char *path, struct tar_writer **out, struct why *why)
{
	struct tar_writer *w = calloc(1, sizeof *w);
	if (!w)
		return why_set(why, ERR_SYSTEM, "archive: no memory");
	w->archive = archive_write_new();
	w->entry = archive_entry_new();
	archive_write_set_format_pax_restricted(w->archive);
	archive_write_add_filter_gzip(w->archive);
	/* Without it the time of packing stands in the gzip header. */
	archive_write_set_filter_option(w->archive, "gzip", "timestamp", NULL);
	if (archive_write_open_filename(w->archive, path)) {
		enum err e = explain(w->archive, why);
		(void)!tar_finish(w, NULL);
		return e;
	}
	*out = w;
	return OK;
}

enum err tar_add(struct tar_writer *w, const struct tar_entry *v, struct why *why)
{
	static const __LA_MODE_T types[] = {
		[ENTRY_FILE] = AE_IFREG, [ENTRY_FOLDER] = AE_IFDIR, [ENTRY_SYMLINK] = AE_IFLNK
	};
	if (v->kind > ENTRY_SYMLINK)
		return why_set(why, ERR_INVALID, "%s: neither file, folder nor link", v->path);
	archive_entry_clear(w->entry); /* and no time: the same content, the same digest */
	archive_entry_set_pathname(w->entry, v->path);
	archive_entry_set_filetype(w->entry, types[v->kind]);
	archive_entry_set_perm(w->entry, (__LA_MODE_T)v->mode);
	archive_entry_set_size(w->entry, v->kind == ENTRY_FILE ? v->size : 0);
	archive_entry_set_uid(w->entry, 0);
	archive_entry_set_gid(w->entry, 0);
	if (v->kind == ENTRY_SYMLINK)
		archive_entry_set_symlink(w->entry, v->link);
	return archive_write_header(w->archive, w->entry) < ARCHIVE_WARN ? explain(w->archive, why)
									 : OK;
}

enum err tar_add_content(struct tar_writer *w, struct bytes part, struct why *why)
{
	while (part.len) {
		la_ssize_t n = archive_write_data(w->archive, part.at, part.len);
		if (n <= 0)
			return explain(w->archive, why);
		part = (struct bytes){ part.at + n, part.len - (size_t)n };
	}
	return OK;
}

enum err tar_finish(struct tar_writer *w, struct why *why)
{
	enum err e = archive_write_free(w->archive)
			     ? why_set(why, ERR_SYSTEM, "archive: not written to the end")
			     : OK;
	archive_entry_free(w->entry);
	free(w);
	return e;
}

enum err tar_digest(const char *path, int64_t max, char *out, struct why *why)
{
	char packed[DIGEST_SIZE];
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	SCOPED_MEMORY struct stream *s = calloc(1, sizeof *s);
	if (fd < 0 || !s)
		return why_set(why, ERR_SYSTEM, "open %s: %s", path, strerror(errno));
	enum err e = stream_open(s, fd, max, why);
	if (!e)
		e = stream_finish(s, packed, out, why);
	stream_close(s);
	return e;
}

static enum err compress_open(struct archive *a, const char *to, struct why *why)
{
	struct archive_entry *only = archive_entry_new();
	archive_write_set_format_raw(a);
	archive_write_add_filter_gzip(a);
	archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
	archive_entry_set_filetype(only, AE_IFREG);
	enum err e = archive_write_open_filename(a, to) || archive_write_header(a, only)
			     ? explain(a, why)
			     : OK;
	archive_entry_free(only);
	return e;
}

enum err tar_compress(const char *from, const char *to, struct why *why)
{
	SCOPED_FD fd = open(from, O_RDONLY | O_CLOEXEC);
	SCOPED_MEMORY char *block = malloc(BLOCK);
	if (fd < 0 || !block)
		return why_set(why, ERR_SYSTEM, "open %s: %s", from, strerror(errno));
	struct archive *a = archive_write_new();
	enum err e = compress_open(a, to, why);
	ssize_t n = 0;
	while (!e && (n = read(fd, block, BLOCK)) > 0)
		e = archive_write_data(a, block, (size_t)n) == n ? OK : explain(a, why);
	if (!e && n < 0)
		e = why_set(why, ERR_SYSTEM, "read %s: %s", from, strerror(errno));
	if (archive_write_free(a) && !e)
		e = why_set(why, ERR_SYSTEM, "%s: not written to the end", to);
	return e;
}
