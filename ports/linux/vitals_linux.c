#include "ports/vitals.h"

#include "base/bytes.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/linux/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Files of /proc come in pieces. */
static size_t read_all(int fd, char *out, size_t cap)
{
	size_t len = 0;
	while (len < cap) {
		const ssize_t n = read(fd, out + len, cap - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return len;
}

bool vitals_read(const char *path, char *out, size_t cap)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	size_t len = read_all(fd, out, cap - 1);
	if (len == cap - 1)
		while (len && out[len - 1] != '\n')
			len--;
	out[len] = '\0';
	return len > 0;
}

bool vitals_words(const char *path, char *out, size_t cap)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = fd < 0 ? 0 : read_all(fd, out, cap - 1);
	while (len && !out[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		if (!out[i])
			out[i] = ' ';
	out[len] = '\0';
	return len > 0;
}

/* What getdents64() writes, one behind the other. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* opendir() would take 32 KiB of memory for each folder. */
void vitals_each(const char *folder, void (*on_name)(void *owner, const char *name), void *owner)
{
	_Alignas(struct entry) char entries[1024];
	SCOPED_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long n;
	while (fd >= 0 && (n = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(const void *)(entries + at);
			if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
				on_name(owner, e->name);
			at += e->length;
		}
	}
}

bool vitals_link(const char *path, char *out, size_t cap)
{
	char target[PATH_MAX / 8];
	const ssize_t n = readlink(path, target, sizeof target - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	const char *slash = strrchr(target, '/');
	return text_copy(out, cap, bytes_of(slash ? slash + 1 : target));
}

bool vitals_disk(const char *path, struct vitals_disk *out)
{
	struct statvfs s;
	if (statvfs(path, &s))
		return false;
	*out = (struct vitals_disk){
		.total = (int64_t)s.f_blocks * (int64_t)s.f_frsize,
		.free = (int64_t)s.f_bfree * (int64_t)s.f_frsize,
		.available = (int64_t)s.f_bavail * (int64_t)s.f_frsize,
		.inodes = (int64_t)s.f_files,
		.inodes_free = (int64_t)s.f_ffree,
	};
	return true;
}
