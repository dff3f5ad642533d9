#include "ports/below.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/linux/kernel.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static enum err fail(struct why *why, const char *root, const char *path)
{
	if (errno == ELOOP || errno == EXDEV)
		return why_set(why, ERR_DENIED, "%s/%s: a link is on the way", root, path);
	return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "%s/%s: %s", root, path,
		       strerror(errno));
}

static int open_below(int root, const char *path)
{
	if (!*path)
		return dup(root);
	return kernel_open(root, path, O_PATH | O_CLOEXEC,
			   KERNEL_BENEATH | KERNEL_NO_SYMLINKS | KERNEL_NO_MAGICLINKS);
}

enum err below_look(const char *root, const char *path, enum below_kind *out, struct why *why)
{
	struct stat st;
	*out = BELOW_NOTHING;
	SCOPED_FD trusted = open(root, O_PATH | O_CLOEXEC);
	SCOPED_FD fd = trusted < 0 ? -1 : open_below(trusted, path);
	if (fd < 0 && errno == ENOENT)
		return OK;
	if (fd < 0 || fstat(fd, &st))
		return fail(why, root, path);
	*out = S_ISREG(st.st_mode)    ? BELOW_FILE
	       : S_ISDIR(st.st_mode)  ? BELOW_FOLDER
	       : S_ISSOCK(st.st_mode) ? BELOW_SOCKET
				      : BELOW_OTHER;
	return OK;
}

/* One step: the folder called by the first word of *path, made if it is not there. */
static int step_into(int at, const char **path, unsigned mode)
{
	char word[256];
	size_t n = strcspn(*path, "/");
	if (!text_copy(word, sizeof word, (struct bytes){ *path, n })) {
		errno = ENAMETOOLONG;
		return -1;
	}
	*path += n + ((*path)[n] == '/');
	bool is_new = mkdirat(at, word, mode) == 0;
	int next = openat(at, word, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next >= 0 && is_new && fchmod(next, mode)) { /* the umask is ours, the folder theirs */
		close_quietly(next);
		return -1;
	}
	return next;
}

enum err below_make_folder(const char *root, const char *path, unsigned mode, struct why *why)
{
	const char *rest = path;
	int at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (at >= 0 && *rest) {
		int next = step_into(at, &rest, mode);
		close_quietly(at);
		at = next;
	}
	if (at < 0)
		return errno == ENOTDIR ? why_set(why, ERR_DENIED, "%s/%s: is no folder, or a link",
						  root, path)
					: fail(why, root, path);
	close_quietly(at);
	return OK;
}

enum err below_make_file(const char *root, const char *path, unsigned mode, struct why *why)
{
	struct kernel_open_how how = {
		.flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		.mode = mode,
		.resolve = KERNEL_BENEATH | KERNEL_NO_SYMLINKS | KERNEL_NO_MAGICLINKS,
	};
	SCOPED_FD trusted = open(root, O_PATH | O_CLOEXEC);
	SCOPED_FD fd =
		trusted < 0 ? -1 : (int)syscall(CALL_OPENAT2, trusted, path, &how, sizeof how);
	if (fd < 0 && errno == EEXIST)
		return OK;
	return fd < 0 || fchmod(fd, mode) ? fail(why, root, path) : OK;
}
