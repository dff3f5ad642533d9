#include "cloud/skerry/bundle.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"
#include "ports/tar.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { BLOCK = 64 * 1024, LINKS_MAX = 4 };

static enum err fail(struct why *why, const char *verb, const char *path)
{
	return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s %s: %s", verb, path,
		       strerror(errno));
}

enum err bundle_put(const struct blobs *b, int fd, char digest[DIGEST_SIZE], int64_t *out_size,
		    struct why *why)
{
	static char block[BLOCK];
	struct blob_draft d;
	ssize_t n;
	enum err e = blob_draft_open(&d, b, why);
	while (!e && (n = read(fd, block, sizeof block)) != 0)
		e = n < 0 ? why_set(why, ERR_SYSTEM, "read: %s", strerror(errno))
			  : blob_draft_add(&d, (struct bytes){ block, (size_t)n }, why);
	*out_size = d.size;
	if (!e)
		return blob_draft_keep(&d, digest, why);
	blob_draft_drop(&d);
	return e;
}

/* --- a tar --- */

/* Without ./ in front, as some tools put it. */
static const char *plain_name(const char *name)
{
	while (name[0] == '.' && name[1] == '/')
		name += 2;
	return name;
}

static struct bundle_file *add_file(struct bundle *b, const char *name)
{
	struct bundle_file *f = &b->files[b->count];
	f->name = strdup(plain_name(name));
	if (!f->name)
		return NULL;
	b->count++;
	return f;
}

static enum err take_content(struct bundle *b, struct tar_reader *r, struct bundle_file *f,
			     struct why *why)
{
	static char block[BLOCK];
	struct blob_draft d;
	size_t len = 1;
	enum err e = blob_draft_open(&d, b->blobs, why);
	while (!e && len) {
		e = tar_content(r, block, sizeof block, &len, why);
		if (!e)
			e = blob_draft_add(&d, (struct bytes){ block, len }, why);
	}
	f->size = d.size;
	if (!e)
		return blob_draft_keep(&d, f->digest, why);
	blob_draft_drop(&d);
	return why_in(why, e, f->name);
}

/* docker save puts a layer that it has written already as a link: "../ID/layer.tar". */
static enum err note_link(struct bundle_file *f, const struct tar_entry *entry, struct why *why)
{
	char target[PATH_LIMIT];
	const char *link = plain_name(entry->link), *slash = strrchr(f->name, '/');
	struct text t = text_in(target, sizeof target);
	if (entry->kind == ENTRY_SYMLINK && slash && !text_starts(link, "../"))
		text_add(&t, "%.*s/", (int)(slash - f->name), f->name);
	text_add(&t, "%s", text_starts(link, "../") ? link + 3 : link);
	f->link = text_is_cut(&t) ? NULL : strdup(target);
	return f->link ? OK : why_set(why, ERR_INVALID, "%s: the link is too long", f->name);
}

static enum err take_entry(struct bundle *b, struct tar_reader *r, const struct tar_entry *entry,
			   struct why *why)
{
	if (entry->kind == ENTRY_FOLDER)
		return OK;
	if (entry->kind == ENTRY_OTHER)
		return why_set(why, ERR_INVALID, "\"%.80s\" is neither file, folder nor link",
			       entry->path);
	b->bytes += entry->size;
	if (b->count == BUNDLE_FILES_MAX || entry->size < 0 || b->bytes > BUNDLE_BYTES_MAX)
		return why_set(why, ERR_FULL, "more than %d files, or %lld GiB", BUNDLE_FILES_MAX,
			       BUNDLE_BYTES_MAX >> 30);
	struct bundle_file *f = add_file(b, entry->path);
	if (!f)
		return why_set(why, ERR_SYSTEM, "no memory");
	return entry->kind == ENTRY_FILE ? take_content(b, r, f, why) : note_link(f, entry, why);
}

static enum err read_tar(struct bundle *b, int fd, struct why *why)
{
	struct tar_reader *r;
	struct tar_entry entry;
	b->files = calloc(BUNDLE_FILES_MAX, sizeof *b->files);
	if (!b->files)
		return why_set(why, ERR_SYSTEM, "no memory");
	enum err e = tar_read(fd, BUNDLE_BYTES_MAX, &r, why);
	if (e)
		return e;
	while (!(e = tar_next(r, &entry, why)))
		if ((e = take_entry(b, r, &entry, why)))
			break;
	tar_close(r);
	return e == ERR_NOT_FOUND ? OK : e;
}

/* Of two files of one name the later counts, as when a tar is unpacked. */
static const struct bundle_file *find(const struct bundle *b, const char *name)
{
	for (int links = 0; name && links <= LINKS_MAX; links++) {
		const struct bundle_file *found = NULL;
		for (size_t i = 0; i < b->count; i++)
			if (strcmp(b->files[i].name, name) == 0)
				found = &b->files[i];
		if (!found || !found->link)
			return found;
		name = found->link;
	}
	return NULL;
}

/* --- either --- */

enum err bundle_open(struct bundle *b, const char *path, const struct blobs *blobs, struct why *why)
{
	struct stat st;
	*b = (struct bundle){ .path = path, .blobs = blobs };
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return fail(why, "open", path);
	b->is_folder = S_ISDIR(st.st_mode);
	if (!b->is_folder && !S_ISREG(st.st_mode))
		return why_set(why, ERR_INVALID, "%s is neither a folder nor a tar", path);
	enum err e = b->is_folder ? OK : read_tar(b, fd, why);
	if (!e)
		return OK;
	bundle_close(b);
	return why_in(why, e, path);
}

static void path_of(const struct bundle *b, const char *name, char out[PATH_LIMIT])
{
	snprintf(out, PATH_LIMIT, "%s/%s", b->path, name);
}

bool bundle_has(const struct bundle *b, const char *name)
{
	char path[PATH_LIMIT];
	path_of(b, name, path);
	return b->is_folder ? file_exists(path) : find(b, name) != NULL;
}

static enum err take_from_folder(const struct bundle *b, const char *name, char digest[DIGEST_SIZE],
				 int64_t *out_size, struct why *why)
{
	char path[PATH_LIMIT];
	path_of(b, name, path);
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(why, "open", path);
	enum err e = bundle_put(b->blobs, fd, digest, out_size, why);
	return e ? why_in(why, e, path) : OK;
}

enum err bundle_take(const struct bundle *b, const char *name, char digest[DIGEST_SIZE],
		     int64_t *out_size, struct why *why)
{
	if (b->is_folder)
		return take_from_folder(b, name, digest, out_size, why);
	const struct bundle_file *f = find(b, name);
	if (!f)
		return why_set(why, ERR_NOT_FOUND, "%s: \"%.80s\" is missing", b->path, name);
	strcpy(digest, f->digest);
	*out_size = f->size;
	return OK;
}

void bundle_close(struct bundle *b)
{
	for (size_t i = 0; i < b->count; i++) {
		free(b->files[i].name);
		free(b->files[i].link);
	}
	free(b->files);
	*b = (struct bundle){ 0 };
}
