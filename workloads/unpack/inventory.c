#include "workloads/unpack/inventory.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/digest.h"
#include "workloads/unpack/layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { HEX_AT = 7, MODE_BITS = 07777, ENTRY_MAX = PATH_LIMIT + 128 };

static const char HEAD[] = "skerry-files 1";

static enum err fail(struct why *why, const char *verb, const char *path)
{
	return why_set(why, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_SYSTEM,
		       "%s \"%.120s\": %s", verb, path, strerror(errno));
}

static enum err digest_file(int folder, const char *name, char out[DIGEST_SIZE])
{
	static char block[64 * 1024];
	SCOPED_FD fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ERR_SYSTEM;
	struct digest *d = digest_begin();
	ssize_t n;
	while ((n = read(fd, block, sizeof block)) > 0)
		digest_add(d, (struct bytes){ block, (size_t)n });
	digest_end(d, out);
	return n < 0 ? ERR_SYSTEM : OK;
}

/* A folder has no content of its own. */
static enum err digest_entry(int folder, const char *name, mode_t mode, char out[DIGEST_SIZE])
{
	static char link[4 * PATH_LIMIT];
	if (S_ISREG(mode))
		return digest_file(folder, name, out);
	ssize_t n = S_ISLNK(mode) ? readlinkat(folder, name, link, sizeof link) : 0;
	if (n < 0)
		return ERR_SYSTEM;
	digest_of((struct bytes){ link, (size_t)n }, out);
	return OK;
}

/* --- writing --- */

struct walk {
	FILE *list;
	const char *image;
	int shared; /* the folder */
	long count;
	char path[PATH_LIMIT]; /* below rootfs */
};

/* Hard links that a file system does not have, or not any more. */
static bool has_no_links(void)
{
	return errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP || errno == ENOSYS;
}

/* Is what is shared under this name really what it says? A power cut or a worn card may
 * have been at it. */
static bool is_sound(int shared, const char *key, const struct stat *ours, const char *digest)
{
	char found[DIGEST_SIZE];
	struct stat st;
	return fstatat(shared, key, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == ours->st_size && st.st_mode == ours->st_mode &&
	       digest_file(shared, key, found) == OK && strcmp(found, digest) == 0;
}

/* Give the file a name among the shared ones. */
static enum err offer(const struct walk *w, int folder, const char *name, const char *key,
		      struct why *why)
{
	if (unlinkat(w->shared, key, 0) && errno != ENOENT)
		return fail(why, "remove shared", key);
	if (linkat(folder, name, w->shared, key, 0) == 0 || has_no_links())
		return OK;
	return fail(why, "share", w->path);
}

/* Put the shared file in the place of ours, which goes. */
static enum err adopt(const struct walk *w, int folder, const char *name, const char *key,
		      struct why *why)
{
	char beside[PATH_LIMIT];
	snprintf(beside, sizeof beside, "%s/shared.new", w->image);
	if (linkat(w->shared, key, AT_FDCWD, beside, 0))
		return has_no_links() ? OK : fail(why, "link", w->path);
	return renameat(AT_FDCWD, beside, folder, name) ? fail(why, "replace", w->path) : OK;
}

static enum err share(const struct walk *w, int folder, const char *name, const struct stat *st,
		      const char *digest, struct why *why)
{
	char key[DIGEST_SIZE + 8];
	struct stat there;
	snprintf(key, sizeof key, "%s-%03o", digest + HEX_AT, (unsigned)st->st_mode & MODE_BITS);
	if (fstatat(w->shared, key, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == st->st_ino)
		return OK; /* a second name inside the same image */
	return is_sound(w->shared, key, st, digest) ? adopt(w, folder, name, key, why)
						    : offer(w, folder, name, key, why);
}

static void add_line(struct walk *w, const struct stat *st, const char *digest)
{
	const int64_t size = S_ISDIR(st->st_mode) ? 0 : st->st_size;
	w->count++;
	fprintf(w->list, "%o %lld %s %s%c", (unsigned)st->st_mode, (long long)size, digest + HEX_AT,
		w->path, '\0');
}

static enum err list_entry(struct walk *w, int folder, const char *name, const struct stat *st,
			   struct why *why)
{
	char digest[DIGEST_SIZE];
	if (digest_entry(folder, name, st->st_mode, digest))
		return fail(why, "read", w->path);
	add_line(w, st, digest);
	return S_ISREG(st->st_mode) && st->st_size ? share(w, folder, name, st, digest, why) : OK;
}

static enum err walk_folder(struct walk *w, int parent, const char *name, int depth,
			    struct why *why);

static enum err walk_entry(struct walk *w, int folder, const char *name, int depth,
			   struct why *why) // NOLINT(misc-no-recursion)
{
	struct stat st;
	const size_t len = strlen(w->path);
	struct text t = text_in(w->path + len, sizeof w->path - len);
	text_add(&t, "%s%s", len ? "/" : "", name);
	enum err e = OK;
	if (text_is_cut(&t) || depth > LAYER_DEPTH_MAX)
		e = why_set(why, ERR_INVALID, "\"%.120s\" is too long or too deep", w->path);
	else if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		e = fail(why, "look at", w->path);
	else
		e = list_entry(w, folder, name, &st, why);
	if (!e && S_ISDIR(st.st_mode))
		e = walk_folder(w, folder, name, depth, why);
	w->path[len] = '\0';
	return e;
}

static enum err walk_folder(struct walk *w, int parent, const char *name, int depth,
			    struct why *why) // NOLINT(misc-no-recursion)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		close_quietly(fd);
		return fail(why, "list", w->path);
	}
	enum err e = OK;
	for (struct dirent *entry; !e && (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			e = walk_entry(w, fd, entry->d_name, depth + 1, why);
	closedir(d);
	return e;
}

/* Beside the root, and as much part of what is started. */
static enum err list_config(struct walk *w, struct why *why)
{
	char path[PATH_LIMIT], digest[DIGEST_SIZE];
	struct stat st;
	snprintf(path, sizeof path, "%s/config.json", w->image);
	if (lstat(path, &st))
		return errno == ENOENT ? OK : fail(why, "look at", path);
	if (digest_file(AT_FDCWD, path, digest))
		return fail(why, "read", path);
	strcpy(w->path, "../config.json");
	add_line(w, &st, digest);
	w->path[0] = '\0';
	return OK;
}

static enum err write_list(struct walk *w, struct why *why)
{
	char root[PATH_LIMIT];
	snprintf(root, sizeof root, "%s/rootfs", w->image);
	fprintf(w->list, "%s%c", HEAD, '\0');
	enum err e = list_config(w, why);
	if (!e)
		e = walk_folder(w, AT_FDCWD, root, 0, why);
	fprintf(w->list, "end %ld%c", w->count, '\0');
	return e;
}

enum err inventory_write(const char *image, const char *shared, struct why *why)
{
	char path[PATH_LIMIT];
	struct walk w = { .image = image };
	if (mkdir(shared, 0700) && errno != EEXIST)
		return fail(why, "make", shared);
	SCOPED_FD folder = open(shared, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof path, "%s/files", image);
	w.list = fopen(path, "we");
	w.shared = folder;
	if (folder < 0 || !w.list)
		return fail(why, "make", path);
	enum err e = write_list(&w, why);
	if ((ferror(w.list) | fclose(w.list)) && !e)
		e = fail(why, "write", path);
	return e;
}

/* --- verifying --- */

struct listed {
	unsigned mode;
	long long size;
	char hex[DIGEST_SIZE];
	const char *path; /* inside the entry */
};

static enum err differs(struct why *why, const char *path, const char *what)
{
	return why_set(why, ERR_CORRUPT, "\"%.120s\" %s", path, what);
}

static bool read_entry(const char *entry, struct listed *out)
{
	int at = 0;
	if (sscanf(entry, "%o %lld %64[0-9a-f] %n", &out->mode, &out->size, out->hex, &at) != 3 ||
	    !at || !entry[at])
		return false;
	out->path = entry + at;
	return true;
}

static enum err verify_entry(const char *image, const struct listed *l, struct why *why)
{
	char path[ENTRY_MAX + PATH_LIMIT], digest[DIGEST_SIZE];
	struct stat st;
	snprintf(path, sizeof path, "%s/rootfs/%s", image, l->path);
	if (lstat(path, &st))
		return errno == ENOENT || errno == ENOTDIR ? differs(why, l->path, "is gone")
							   : differs(why, l->path, strerror(errno));
	if (st.st_mode != l->mode || (!S_ISDIR(st.st_mode) && st.st_size != l->size))
		return differs(why, l->path, "has another mode or size than was unpacked");
	if (digest_entry(AT_FDCWD, path, st.st_mode, digest))
		return differs(why, l->path, strerror(errno)); /* such as a bad block */
	return strcmp(digest + HEX_AT, l->hex) == 0
		       ? OK
		       : differs(why, l->path, "is not what was unpacked");
}

/* One NUL-ended entry; false: there is no whole one left. */
static bool next_entry(FILE *list, char out[ENTRY_MAX])
{
	size_t n = 0;
	for (int c; (c = getc(list)) != EOF && n < ENTRY_MAX; n++) {
		out[n] = (char)c;
		if (c == '\0')
			return true;
	}
	return false;
}

static enum err verify_list(FILE *list, const char *image, struct why *why)
{
	char entry[ENTRY_MAX];
	struct listed l;
	long count = 0, end = -1;
	enum err e = OK;
	if (!next_entry(list, entry) || strcmp(entry, HEAD) != 0)
		return differs(why, "files", "is no list of files");
	while (!e && next_entry(list, entry) && sscanf(entry, "end %ld", &end) != 1) {
		count++;
		e = read_entry(entry, &l) ? verify_entry(image, &l, why)
					  : differs(why, "files", "is no list of files");
	}
	return e || count == end ? e : differs(why, "files", "has lost its end");
}

enum err inventory_verify(const char *image, struct why *why)
{
	char path[PATH_LIMIT];
	snprintf(path, sizeof path, "%s/files", image);
	FILE *list = fopen(path, "re");
	if (!list && errno == ENOENT)
		return why_set(why, ERR_NOT_FOUND, "there is no list of files");
	if (!list)
		return differs(why, "files", strerror(errno));
	enum err e = verify_list(list, image, why);
	fclose(list);
	return e;
}
