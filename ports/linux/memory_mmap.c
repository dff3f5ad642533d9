#include "base/scoped.h"
#include "ports/memory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

enum err memory_map(const char *path, size_t len, void **out, struct why *why)
{
	SCOPED_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* Allocated now: a full file system must not become a SIGBUS later. */
	int failed = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)len);
	if (failed)
		return why_set(why, failed == ENOSPC ? ERR_FULL : ERR_SYSTEM, "map %s: %s", path,
			       strerror(failed));
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return why_set(why, ERR_SYSTEM, "map %s: %s", path, strerror(errno));
	*out = at;
	return OK;
}

void memory_unmap(void *at, size_t len)
{
	munmap(at, len);
}
