#include "ports/tree.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/digest.h"
#include "ports/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION_SIZE = 2 + 24 + 1 };

static enum err fail(struct why *why, const char *verb, const char *what)
{
	return why_set(why, errno == ENOSPC ? ERR_FULL : ERR_SYSTEM, "%s %s: %s", verb, what,
		       strerror(errno));
}

/* A name that says what is inside: the same files have the same name. */
static void name_version(const struct tree_file *files, size_t count, const int64_t owner[2],
			 char out[VERSION_SIZE])
{
	char digest[DIGEST_SIZE], line[PATH_LIMIT];
	struct digest *d = digest_begin();
	snprintf(line, sizeof line, "%lld %lld", (long long)owner[0], (long long)owner[1]);
	digest_add(d, (struct bytes){ line, strlen(line) + 1 });
	for (size_t i = 0; i < count; i++) {
		snprintf(line, sizeof line, "%.512s %o %zu", files[i].path, files[i].mode,
			 files[i].content.len);
		digest_add(d, (struct bytes){ line, strlen(line) + 1 });
		digest_add(d, files[i].content);
	}
	digest_end(d, digest);
	snprintf(out, VERSION_SIZE, "..%.24s", digest + 7);
}

static bool read_link(int at, const char *name, char *out, size_t cap)
{
	ssize_t n = readlinkat(at, name, out, cap - 1);
	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

/* --- one version --- */

static int open_parent(int version, const char *path, const char **out_name)
{
	char part[PATH_LIMIT];
	int at = dup(version);
	for (const char *slash; at >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		if (!text_copy(part, sizeof part, (struct bytes){ path, (size_t)(slash - path) }))
			part[0] = '\0';
		(void)!mkdirat(at, part, 0755); /* its absence shows when it is opened */
		int next = openat(at, part, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next >= 0)
			(void)!fchmod(next, 0755); /* the umask is the agent's */
		close_quietly(at);
		at = next;
	}
	*out_name = path;
	return at;
}

static enum err write_file(int version, const struct tree_file *f, const int64_t owner[2],
			   struct why *why)
{
	const char *name;
	SCOPED_FD at = open_parent(version, f->path, &name);
	SCOPED_FD fd =
		at < 0 ? -1 : openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(why, "make", f->path);
	for (size_t done = 0; done < f->content.len;) {
		ssize_t n = write(fd, f->content.at + done, f->content.len - done);
		if (n <= 0)
			return fail(why, "write", f->path);
		done += (size_t)n;
	}
	if (fchown(fd, (uid_t)owner[0], (gid_t)owner[1]) || fchmod(fd, f->mode))
		return fail(why, "hand over", f->path);
	return OK;
}

static enum err write_version(const char *folder, const char *version,
			      const struct tree_file *files, size_t count, const int64_t owner[2],
			      struct why *why)
{
	char path[PATH_LIMIT];
	snprintf(path, sizeof path, "%.900s/%s", folder, version);
	/* A half one of an agent that was killed. */
	enum err e = dir_remove(path, why);
	if (!e)
		e = dir_make(path, 0755, why);
	if (e)
		return e;
	SCOPED_FD at = open(path, O_DIRECTORY | O_CLOEXEC);
	if (at < 0 || fchmod(at, 0755))
		return fail(why, "open", path);
	for (size_t i = 0; !e && i < count; i++)
		e = write_file(at, &files[i], owner, why);
	return e;
}

/* --- the links --- */

static enum err point_to(int at, const char *version, struct why *why)
{
	unlinkat(at, "..data_tmp", 0);
	if (symlinkat(version, at, "..data_tmp") || renameat(at, "..data_tmp", at, "..data"))
		return fail(why, "link", "..data");
	return OK;
}

static enum err link_names(int at, const struct tree_file *files, size_t count, struct why *why)
{
	char name[PATH_LIMIT], target[PATH_LIMIT + 8];
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof name, "%.*s", (int)strcspn(files[i].path, "/"),
			 files[i].path);
		snprintf(target, sizeof target, "..data/%s", name);
		if (symlinkat(target, at, name) && errno != EEXIST)
			return fail(why, "link", name);
	}
	return OK;
}

struct sweep {
	int at;
	const char *folder, *version;
};

/* Names that lead nowhere any more, and versions that nothing points to. */
static void sweep_one(void *owner, const char *name)
{
	const struct sweep *s = owner;
	char path[PATH_LIMIT];
	if (strcmp(name, "..data") == 0 || strcmp(name, s->version) == 0)
		return;
	if (strncmp(name, "..", 2) == 0) {
		snprintf(path, sizeof path, "%.700s/%.256s", s->folder, name);
		(void)!dir_remove(path, NULL);
	} else if (faccessat(s->at, name, F_OK, 0)) {
		unlinkat(s->at, name, 0);
	}
}

enum err tree_write(const char *folder, const struct tree_file *files, size_t count,
		    const int64_t owner[2], struct why *why)
{
	char version[VERSION_SIZE], now[VERSION_SIZE];
	name_version(files, count, owner, version);
	enum err e = dir_make(folder, 0755, why);
	if (e)
		return e;
	SCOPED_FD at = open(folder, O_DIRECTORY | O_CLOEXEC);
	if (at < 0 || fchmod(at, 0755))
		return fail(why, "open", folder);
	if (read_link(at, "..data", now, sizeof now) && strcmp(now, version) == 0)
		return link_names(at, files, count, why);

	e = write_version(folder, version, files, count, owner, why);
	if (!e)
		e = point_to(at, version, why);
	if (!e)
		e = link_names(at, files, count, why);
	struct sweep s = { at, folder, version };
	return e ? e : dir_each(folder, sweep_one, &s, why);
}

enum err tree_current(const char *folder, char *out, size_t cap, struct why *why)
{
	char version[VERSION_SIZE];
	SCOPED_FD at = open(folder, O_DIRECTORY | O_CLOEXEC);
	if (at < 0 || !read_link(at, "..data", version, sizeof version))
		return why_set(why, ERR_NOT_FOUND, "%s has no files yet", folder);
	if ((size_t)snprintf(out, cap, "%s/%s", folder, version) >= cap)
		return why_set(why, ERR_INVALID, "%s: the path is too long", folder);
	return OK;
}
