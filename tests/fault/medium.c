#include "tests/fault/medium.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Seen by the libraries that the program was linked to, before the C library's. */
#define INTERPOSED __attribute__((visibility("default")))

static struct {
	bool armed, failed;
	enum medium_fault fault;
	size_t left; /* calls until the one that fails; 0: it was that one or a later */
	size_t calls;
} medium;

void medium_arm(enum medium_fault fault, size_t n)
{
	medium.armed = true;
	medium.failed = false;
	medium.fault = fault;
	medium.left = n;
	medium.calls = 0;
}

void medium_disarm(void)
{
	medium.armed = false;
}

bool medium_has_failed(void)
{
	return medium.failed;
}

size_t medium_calls(void)
{
	return medium.calls;
}

static int errno_of(enum medium_fault fault)
{
	return fault == MEDIUM_FULL_ONCE || fault == MEDIUM_FULL ? ENOSPC : EIO;
}

/* True: this call fails, with errno set. *torn: only after half of it. */
static bool fails(bool *torn)
{
	*torn = false;
	if (!medium.armed || medium.fault == MEDIUM_UNREADABLE_ONCE)
		return false;
	medium.calls++;
	const bool is_it = medium.left == 1;
	if (is_it && medium.fault == MEDIUM_KILLED)
		raise(SIGKILL);
	if (medium.left > 0)
		medium.left--;
	const bool lasts = medium.fault != MEDIUM_FULL_ONCE && medium.fault != MEDIUM_BROKEN_ONCE;
	if (!is_it && (medium.left > 0 || !lasts || !medium.failed))
		return false;
	medium.failed = true;
	*torn = is_it && (medium.fault == MEDIUM_TORN || medium.fault == MEDIUM_KILLED_TORN);
	errno = errno_of(medium.fault);
	return true;
}

/* The n-th that reads, where it is those that fail. */
static bool fails_to_read(void)
{
	if (!medium.armed || medium.fault != MEDIUM_UNREADABLE_ONCE)
		return false;
	medium.calls++;
	if (medium.left == 0 || --medium.left > 0)
		return false;
	medium.failed = true;
	errno = EIO;
	return true;
}

INTERPOSED ssize_t pread64(int fd, void *at, size_t len, off64_t offset)
{
	return fails_to_read() ? -1 : syscall(SYS_pread64, fd, at, len, offset);
}

/* SQLite seeks and reads where it was built without pread. */
INTERPOSED ssize_t read(int fd, void *at, size_t len)
{
	return fails_to_read() ? -1 : syscall(SYS_read, fd, at, len);
}

/* Half of a write has been done, or of a call that has no halves nothing. */
static ssize_t torn_off(ssize_t written)
{
	if (medium.fault == MEDIUM_KILLED_TORN && medium.left == 0)
		raise(SIGKILL);
	return written;
}

static bool fails_whole(void)
{
	bool torn;
	return fails(&torn) && torn_off(-1) < 0;
}

INTERPOSED ssize_t pwrite64(int fd, const void *at, size_t len, off64_t offset)
{
	bool torn;
	if (!fails(&torn))
		return syscall(SYS_pwrite64, fd, at, len, offset);
	return torn ? torn_off(len > 1 ? syscall(SYS_pwrite64, fd, at, len / 2, offset) : -1) : -1;
}

INTERPOSED ssize_t write(int fd, const void *at, size_t len)
{
	bool torn;
	if (!fails(&torn))
		return syscall(SYS_write, fd, at, len);
	return torn ? torn_off(len > 1 ? syscall(SYS_write, fd, at, len / 2) : -1) : -1;
}

INTERPOSED int ftruncate64(int fd, off64_t len)
{
	return fails_whole() ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

INTERPOSED int fsync(int fd)
{
	return fails_whole() ? -1 : (int)syscall(SYS_fsync, fd);
}

INTERPOSED int fdatasync(int fd)
{
	return fails_whole() ? -1 : (int)syscall(SYS_fdatasync, fd);
}
