#include "ports/tar.h"

#include "ports/digest.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

enum { BLOCK = 16 * 1024 };

struct tar_reader {
	struct archive *archive;
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

enum err tar_read(int fd, struct tar_reader **out, struct why *why)
{
	struct tar_reader *r = calloc(1, sizeof *r);
	if (!r)
		return why_set(why, ERR_SYSTEM, "archive: no memory");
	r->archive = archive_read_new();
	archive_read_support_format_tar(r->archive);
	archive_read_support_filter_gzip(r->archive);
	archive_read_support_filter_zstd(r->archive);
	if (archive_read_open_fd(r->archive, fd, BLOCK)) {
		enum err e = explain(r->archive, why);
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

void tar_close(struct tar_reader *r)
{
	if (!r)
		return;
	archive_read_free(r->archive);
	free(r);
}

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

/* The raw format hands out what the filter has unpacked, without looking inside. */
static enum err digest_raw(struct archive *a, char *out, struct why *why)
{
	char block[1024];
	struct archive_entry *e;
	la_ssize_t n = 0;
	struct digest *d = digest_begin();
	bool opened = archive_read_next_header(a, &e) == ARCHIVE_OK;
	while (opened && (n = archive_read_data(a, block, sizeof block)) > 0)
		digest_add(d, (struct bytes){ block, (size_t)n });
	if (!opened || n < 0) {
		digest_drop(d);
		return explain(a, why);
	}
	digest_end(d, out);
	return OK;
}

enum err tar_digest(const char *path, char *out, struct why *why)
{
	struct archive *a = archive_read_new();
	archive_read_support_format_raw(a);
	archive_read_support_filter_gzip(a);
	enum err e = archive_read_open_filename(a, path, BLOCK) ? explain(a, why)
								: digest_raw(a, out, why);
	archive_read_free(a);
	return e;
}
