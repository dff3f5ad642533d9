#include "ports/file.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/linux/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <stdalign.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

enum { TREE_DEPTH_MAX = 64, LISTED_BYTES = 1024 };

static enum err fail(struct why *why, const char *verb, const char *path)
{
	enum err class = errno == ENOENT                      ? ERR_NOT_FOUND
			 : errno == ENOSPC || errno == EDQUOT ? ERR_FULL
							      : ERR_SYSTEM;
	return why_set(why, class, "%s %s: %s", verb, path, strerror(errno));
}

static enum err read_all(int fd, char *at, size_t max, size_t *out_len)
{
	size_t len = 0;
	while (len < max) {
		ssize_t n = read(fd, at + len, max - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYSTEM;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*out_len = len;
	return OK;
}

/* `path` is for the reason. */
static enum err read_open(int fd, const char *path, size_t max, char **out, size_t *out_len,
			  struct why *why)
{
	struct stat st;
	if (fstat(fd, &st))
		return fail(why, "look at", path);

	/* Files of /proc say 0; a growing one is read to the limit. */
	size_t cap = st.st_size > 0 && (size_t)st.st_size < max ? (size_t)st.st_size : max;
	SCOPED_MEMORY char *content = malloc(cap + 2);
	if (!content)
		return why_set(why, ERR_SYSTEM, "read %s: no memory", path);
	if (read_all(fd, content, cap + 1, out_len))
		return fail(why, "read", path);
	if (*out_len > max)
		return why_set(why, ERR_FULL, "%s is larger than %zu bytes", path, max);

	content[*out_len] = '\0';
	*out = take_memory(&content);
	return OK;
}

enum err file_read(const char *path, size_t max, char **out, size_t *out_len, struct why *why)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fail(why, "open", path) : read_open(fd, path, max, out, out_len, why);
}

enum err file_read_part(const char *path, int64_t offset, char *out, size_t cap, size_t *out_len,
			int64_t *out_total, struct why *why)
{
	struct stat st;
	SCOPED_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return fail(why, "open", path);
	if (!S_ISREG(st.st_mode))
		return why_set(why, ERR_INVALID, "%s is no plain file", path);
	const ssize_t n = pread(fd, out, cap, offset);
	if (n < 0)
		return fail(why, "read", path);
	*out_len = (size_t)n;
	*out_total = st.st_size;
	return OK;
}

enum err file_remove(const char *path, struct why *why)
{
	return unlink(path) && errno != ENOENT ? fail(why, "remove", path) : OK;
}

enum err file_read_in(const char *root, const char *path, size_t max, char **out, size_t *out_len,
		      struct why *why)
{
	struct stat st;
	SCOPED_FD folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return fail(why, "open", root);
	/* Opening a FIFO must not wait for a writer. */
	SCOPED_FD fd = kernel_open(folder, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC,
				   KERNEL_IN_ROOT | KERNEL_NO_MAGICLINKS);
	if (fd < 0)
		return fail(why, "open", path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return why_set(why, ERR_INVALID, "%s is no plain file", path);
	return read_open(fd, path, max, out, out_len, why);
}

static enum err write_all(int fd, struct bytes b)
{
	while (b.len) {
		ssize_t n = write(fd, b.at, b.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_SYSTEM;
		b = (struct bytes){ b.at + n, b.len - (size_t)n };
	}
	return OK;
}

static void sync_folder_of(const char *path)
{
	char folder[PATH_LIMIT];
	if (!text_copy(folder, sizeof folder, bytes_of(path)))
		return;
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	SCOPED_FD fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

enum err file_replace(const char *path, struct bytes content, bool durable, struct why *why)
{
	char beside[PATH_LIMIT];
	if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside)
		return why_set(why, ERR_INVALID, "%s: the path is too long", path);

	SCOPED_FD fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(why, "create", beside);
	if (write_all(fd, content) || (durable && fsync(fd)) || rename(beside, path)) {
		enum err e = fail(why, "write", beside);
		unlink(beside);
		return e;
	}
	if (durable)
		sync_folder_of(path);
	return OK;
}

enum err dir_make(const char *path, unsigned mode, struct why *why)
{
	char part[PATH_LIMIT];
	if (!text_copy(part, sizeof part, bytes_of(path)))
		return why_set(why, ERR_INVALID, "%s: the path is too long", path);

	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return fail(why, "make folder", part);
		*p = '/';
	}
	if (mkdir(part, (mode_t)mode) && errno != EEXIST)
		return fail(why, "make folder", part);

	struct stat st;
	if (stat(part, &st) || !S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return fail(why, "make folder", part);
	}
	return OK;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Recursion is bounded: no image is unpacked deeper than TREE_DEPTH_MAX. */
static enum err remove_inside(int parent, const char *name, int depth) // NOLINT(misc-no-recursion)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return OK;
	if (errno != EISDIR && errno != EPERM)
		return ERR_SYSTEM;
	if (depth == TREE_DEPTH_MAX)
		return ERR_FULL;

	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		close_quietly(fd);
		return ERR_SYSTEM;
	}

	enum err e = OK;
	for (struct dirent *entry; !e && (entry = readdir(d));)
		if (!is_dots(entry->d_name))
			e = remove_inside(fd, entry->d_name, depth + 1);
	closedir(d);
	if (!e && unlinkat(parent, name, AT_REMOVEDIR) && errno != ENOENT)
		e = ERR_SYSTEM;
	return e;
}

enum err dir_remove(const char *path, struct why *why)
{
	if (remove_inside(AT_FDCWD, path, 0))
		return fail(why, "remove", path);
	return OK;
}

/* By the kernel's own call: opendir() takes memory, and a keeper has no heap else. */
enum err dir_each_in(int folder_fd, void (*on_name)(void *owner, const char *name), void *owner,
		     struct why *why)
{
	alignas(struct dirent) char entries[LISTED_BYTES];
	long n = lseek(folder_fd, 0, SEEK_SET) < 0 ? -1 : 0;
	while (n >= 0 && (n = syscall(SYS_getdents64, folder_fd, entries, sizeof entries)) > 0)
		for (const char *at = entries; at < entries + n;) {
			const struct dirent *entry = (const struct dirent *)(const void *)at;
			at += entry->d_reclen;
			if (!is_dots(entry->d_name))
				on_name(owner, entry->d_name);
		}
	return n < 0 ? fail(why, "list", "a folder") : OK;
}

enum err dir_each(const char *path, void (*on_name)(void *owner, const char *name), void *owner,
		  struct why *why)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? OK : fail(why, "list", path);
	return dir_each_in(fd, on_name, owner, why);
}

enum err dir_space(const char *path, int64_t *out_free, int64_t *out_total, struct why *why)
{
	struct statvfs v;
	if (statvfs(path, &v))
		return fail(why, "ask for the space under", path);
	*out_free = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
	*out_total = (int64_t)v.f_blocks * (int64_t)v.f_frsize;
	return OK;
}

enum medium dir_medium(const char *path)
{
	struct statfs s;
	if (statfs(path, &s))
		return MEDIUM_STORAGE;
	const unsigned long type = (unsigned long)s.f_type;
	if (type == TMPFS_MAGIC || type == RAMFS_MAGIC)
		return MEDIUM_MEMORY;
	return type == OVERLAYFS_SUPER_MAGIC ? MEDIUM_OVERLAY : MEDIUM_STORAGE;
}

enum err dir_try(const char *path, struct why *why)
{
	enum { PAGE = 4096 };
	static const char page[PAGE];
	char file[PATH_LIMIT];
	snprintf(file, sizeof file, "%.1000s/.try-XXXXXX", path);
	SCOPED_FD fd = mkostemp(file, O_CLOEXEC);
	if (fd < 0 && (errno == EROFS || errno == EACCES || errno == EPERM))
		return why_set(why, ERR_DENIED, "%s: %s", path, strerror(errno));
	if (fd < 0)
		return fail(why, "write in", path);
	enum err e = OK;
	if (write_all(fd, (struct bytes){ page, PAGE }) || fsync(fd))
		e = fail(why, "write in", path);
	unlink(file);
	return e;
}

enum err group_find(const char *name, unsigned *out_gid)
{
	const struct group *g = getgrnam(name);
	if (!g)
		return ERR_NOT_FOUND;
	*out_gid = g->gr_gid;
	return OK;
}

enum err file_share(const char *path, unsigned gid, unsigned mode, struct why *why)
{
	if (chown(path, (uid_t)-1, (gid_t)gid) || chmod(path, (mode_t)mode))
		return fail(why, "share", path);
	return OK;
}

enum err dir_close(const char *path, unsigned mode, bool *out_was_open, struct why *why)
{
	struct stat st;
	if (stat(path, &st))
		return fail(why, "look at", path);
	*out_was_open = st.st_mode & 0777 & ~(mode_t)mode;
	return *out_was_open && chmod(path, (mode_t)mode) ? fail(why, "close", path) : OK;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

unsigned long file_names(const char *path)
{
	struct stat st;
	return lstat(path, &st) ? 0 : (unsigned long)st.st_nlink;
}
