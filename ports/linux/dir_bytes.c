#include "ports/file.h"

#include "base/scoped.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 64, BLOCK = 512 };

static int64_t bytes_of_entry(int parent, const char *name)
{
	struct stat st;
	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) ? 0 : (int64_t)st.st_blocks * BLOCK;
}

/* What cannot be read any more was removed meanwhile. Deeper than DEPTH_MAX is not counted. */
static int64_t count_inside(int parent, const char *name, int depth) // NOLINT(misc-no-recursion)
{
	int64_t bytes = bytes_of_entry(parent, name);
	int fd = depth == DEPTH_MAX
			 ? -1
			 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		close_quietly(fd);
		return bytes;
	}
	for (struct dirent *entry; (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			bytes += count_inside(fd, entry->d_name, depth + 1);
	closedir(d);
	return bytes;
}

enum err dir_bytes(const char *path, int64_t *out, struct why *why)
{
	struct stat st;
	*out = 0;
	if (lstat(path, &st))
		return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s: %s", path,
			       strerror(errno));
	*out = count_inside(AT_FDCWD, path, 0);
	return OK;
}
