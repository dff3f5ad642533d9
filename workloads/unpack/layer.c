#include "workloads/unpack/layer.h"

#include "base/label.h"
#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/digest.h"
#include "ports/file.h"
#include "ports/tar.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char WHITEOUT[] = ".wh.";
static const char OPAQUE[] = ".wh..wh..opq";

static enum err fail(struct why *why, const char *verb, const char *path)
{
	enum err class = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_SYSTEM;
	/* A path through something that is no folder is the image's fault. */
	if (errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG)
		class = ERR_INVALID;
	return why_set(why, class, "%s %.120s: %s", verb, path, strerror(errno));
}

static enum err refuse(struct why *why, const char *path, const char *reason)
{
	return why_set(why, ERR_INVALID, "\"%.120s\" %s", path, reason);
}

/* The entry's path without ./ in front and / behind, into `out`. */
static enum err clean_path(const char *path, char out[PATH_LIMIT], struct why *why)
{
	size_t depth = 0;
	struct text t = text_in(out, PATH_LIMIT);
	if (path[0] == '/')
		return refuse(why, path, "is absolute: it would leave the image");
	for (const char *part = path; *part;) {
		size_t n = strcspn(part, "/");
		if (n == 2 && memcmp(part, "..", 2) == 0)
			return refuse(why, path, "leaves the image");
		if (n > 0 && !(n == 1 && part[0] == '.')) {
			text_add(&t, "%s%.*s", t.len ? "/" : "", (int)n, part);
			depth++;
		}
		part += n + (part[n] == '/');
	}
	if (text_is_cut(&t) || depth > LAYER_DEPTH_MAX)
		return refuse(why, path, "is too long or too deep");
	return OK;
}

static const char *name_in(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static enum err spend(struct layer_budget *b, const struct tar_entry *e, struct why *why)
{
	b->entries--;
	b->bytes -= e->size > 0 ? e->size : 0;
	if (b->entries < 0 || b->bytes < 0 || e->size < 0)
		return why_set(why, ERR_INVALID, "larger than %lld MiB, or more than %d files",
			       IMAGE_MAX >> 20, LAYER_ENTRIES_MAX);
	return OK;
}

/* Links of the image can lead deeper than any entry's own path. */
static enum err check_depth(const char *path, const char *folder, struct why *why)
{
	SCOPED_MEMORY char *real = realpath(folder, NULL);
	size_t depth = 0;
	for (const char *p = real; p && *p; p++)
		depth += *p == '/';
	if (!real || depth > LAYER_DEPTH_MAX)
		return refuse(why, path, "lies too deep behind a link");
	return OK;
}

static enum err make_parents(const char *path, struct why *why)
{
	char folder[PATH_LIMIT];
	const char *name = name_in(path);
	if (name == path)
		return OK;
	text_copy(folder, sizeof folder, (struct bytes){ path, (size_t)(name - path - 1) });
	struct stat st;
	if ((stat(folder, &st) || !S_ISDIR(st.st_mode)) && dir_make(folder, 0755, NULL))
		return refuse(why, path, "lies in something that is no folder");
	return check_depth(path, folder, why);
}

/* Nothing may stand where a new entry comes, but a folder where a folder comes. */
static enum err clear_place(const char *path, enum entry_kind kind, struct why *why)
{
	struct stat st;
	if (lstat(path, &st))
		return OK;
	if (kind == ENTRY_FOLDER && S_ISDIR(st.st_mode))
		return OK;
	return dir_remove(path, why);
}

/* No longer than the header says, and that was spent already. */
static enum err write_file(struct tar_reader *r, const char *path, struct why *why)
{
	static char block[64 * 1024];
	SCOPED_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(why, "create", path);
	for (;;) {
		size_t len;
		enum err e = tar_content(r, block, sizeof block, &len, why);
		if (e || len == 0)
			return e;
		if (write(fd, block, len) != (ssize_t)len)
			return fail(why, "write", path);
	}
}

static enum err make_hardlink(const char *path, const char *target, struct why *why)
{
	char clean[PATH_LIMIT];
	struct stat st;
	enum err e = clean_path(target, clean, why);
	if (e)
		return e;
	if (lstat(clean, &st) || !S_ISREG(st.st_mode))
		return refuse(why, path, "is a hard link to something that is no file");
	return link(clean, path) ? fail(why, "link", path) : OK;
}

/* Nothing of an image is secret from the one workload that has it, whatever user
 * that runs as: all of it can be read, and run if anybody may run it. */
static mode_t mode_of(const struct tar_entry *entry)
{
	if (entry->kind == ENTRY_FOLDER)
		return (entry->mode & 01777u) | 0555u;
	return (entry->mode & 0777u) | (entry->mode & 0111u ? 0555u : 0444u);
}

static enum err make_entry(struct tar_reader *r, const struct tar_entry *entry, const char *path,
			   struct why *why)
{
	enum err e = OK;
	switch (entry->kind) {
	case ENTRY_FILE:
		e = write_file(r, path, why);
		break;
	case ENTRY_FOLDER:
		if (mkdir(path, 0755) && errno != EEXIST)
			return fail(why, "make folder", path);
		break;
	case ENTRY_SYMLINK:
		return symlink(entry->link, path) ? fail(why, "link", path) : OK;
	case ENTRY_HARDLINK:
		return make_hardlink(path, entry->link, why);
	case ENTRY_OTHER:
	default:
		return refuse(why, path, "is neither file, folder nor link");
	}
	return e || chmod(path, mode_of(entry)) == 0 ? e : fail(why, "set the mode of", path);
}

/* ".wh..." would delete the folder above (found in an own prototype). */
static bool is_whiteout_of_nothing(const char *name)
{
	static const char *const wrong[] = { ".wh.", ".wh..", ".wh..." };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (strcmp(name, wrong[i]) == 0)
			return true;
	return false;
}

static enum err extract_one(struct tar_reader *r, const struct tar_entry *entry,
			    struct layer_budget *budget, struct why *why)
{
	char path[PATH_LIMIT];
	enum err e = spend(budget, entry, why);
	if (!e)
		e = clean_path(entry->path, path, why);
	if (!e && is_whiteout_of_nothing(name_in(path)))
		return refuse(why, entry->path, "is a whiteout of nothing");
	if (e || !path[0] || text_starts(name_in(path), WHITEOUT))
		return e; /* the root itself, or what layer_delete() has done */
	e = make_parents(path, why);
	if (!e)
		e = clear_place(path, entry->kind, why);
	return e ? e : make_entry(r, entry, path, why);
}

static enum err delete_below(const char *folder, struct why *why)
{
	struct stat st;
	if (lstat(folder, &st) || !S_ISDIR(st.st_mode))
		return OK;
	const mode_t mode = st.st_mode & 07777u;
	enum err e = dir_remove(folder, why);
	if (!e && mkdir(folder, mode))
		e = fail(why, "make folder", folder);
	return e;
}

struct emptying {
	enum err e;
	struct why *why;
};

static void delete_name(void *owner, const char *name)
{
	struct emptying *x = owner;
	if (!x->e)
		x->e = dir_remove(name, x->why);
}

/* The working folder is the image's root. */
static enum err empty_root(struct why *why)
{
	struct emptying x = { OK, why };
	enum err e = dir_each(".", delete_name, &x, why);
	return e ? e : x.e;
}

static enum err delete_one(const struct tar_entry *entry, struct why *why)
{
	char path[PATH_LIMIT], victim[PATH_LIMIT];
	enum err e = clean_path(entry->path, path, why);
	const char *name = e ? "" : name_in(path);
	if (e || !text_starts(name, WHITEOUT))
		return e;

	struct bytes folder = { path, (size_t)(name - path) };
	if (strcmp(name, OPAQUE) == 0) {
		text_copy(victim, sizeof victim,
			  (struct bytes){ path, folder.len ? folder.len - 1 : 0 });
		return *victim ? delete_below(victim, why) : empty_root(why);
	}
	if (is_whiteout_of_nothing(name))
		return refuse(why, entry->path, "is a whiteout of nothing");
	struct text t = text_in(victim, sizeof victim);
	text_add_bytes(&t, folder);
	text_add(&t, "%s", name + strlen(WHITEOUT));
	return dir_remove(victim, why);
}

/* Bytes that no longer are their digest were right when they arrived: not the image
 * is to blame, but what it was kept on. */
static enum err blame(const struct layer *l, enum err e, struct why *why)
{
	char digest[DIGEST_SIZE];
	static char block[64 * 1024];
	ssize_t n;
	if (e != ERR_INVALID || lseek(l->fd, 0, SEEK_SET) < 0)
		return e;
	struct digest *d = digest_begin();
	while ((n = read(l->fd, block, sizeof block)) > 0)
		digest_add(d, (struct bytes){ block, (size_t)n });
	digest_end(d, digest);
	if (n == 0 && strcmp(digest, l->digest) == 0)
		return e;
	return why_set(why, ERR_CORRUPT, "layer %.19s reads as %.19s now", l->digest, digest);
}

/* Only bytes that were read to the end say whether they were the right ones. */
static enum err check_sums(struct tar_reader *r, const struct layer *l, struct why *why)
{
	char digest[DIGEST_SIZE], diff_id[DIGEST_SIZE];
	enum err e = tar_sums(r, digest, diff_id, why);
	if (!e && strcmp(digest, l->digest) != 0)
		e = why_set(why, ERR_CORRUPT, "layer %.19s reads as %.19s now", l->digest, digest);
	if (!e && strcmp(diff_id, l->diff_id) != 0)
		e = why_set(why, ERR_INVALID,
			    "layer %.19s unpacks to %.19s; its configuration says %.19s", l->digest,
			    diff_id, l->diff_id);
	return e;
}

/* Each entry of a layer, to delete what it whites out or to write it. */
static enum err walk(const struct layer *l, struct layer_budget *budget, bool deletes,
		     struct why *why)
{
	struct tar_reader *r;
	struct tar_entry entry;
	if (lseek(l->fd, 0, SEEK_SET) < 0)
		return fail(why, "rewind", "a layer");
	enum err e = tar_read(l->fd, LAYER_MAX, &r, why);
	if (e)
		return blame(l, e, why);
	while (!(e = tar_next(r, &entry, why))) {
		e = deletes ? delete_one(&entry, why) : extract_one(r, &entry, budget, why);
		if (e)
			break;
	}
	if (e == ERR_NOT_FOUND)
		e = deletes ? OK : check_sums(r, l, why);
	tar_close(r);
	return blame(l, e, why);
}

enum err layer_delete(const struct layer *l, struct layer_budget *budget, struct why *why)
{
	return walk(l, budget, true, why);
}

enum err layer_extract(const struct layer *l, struct layer_budget *budget, struct why *why)
{
	return walk(l, budget, false, why);
}

enum err layer_complete(struct why *why)
{
	static const char *const folders[] = { "proc", "dev", "tmp", "run" };
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		struct stat st;
		if (mkdir(folders[i], 0755) && errno != EEXIST)
			return fail(why, "make folder", folders[i]);
		if (lstat(folders[i], &st) || !S_ISDIR(st.st_mode))
			return refuse(why, folders[i], "must be a folder");
	}
	return OK;
}
