/*
 * kernel - system calls that the C library of a board may not know yet.
 *
 * Private to ports/linux. Numbers are the same on every architecture since
 * Linux 5.1; layouts are those of the kernel's include/uapi.
 */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum {
	CALL_PIDFD_SEND_SIGNAL = 424,
	CALL_OPEN_TREE = 428,
	CALL_MOVE_MOUNT = 429,
	CALL_CLONE3 = 435,
	CALL_CLOSE_RANGE = 436,
	CALL_OPENAT2 = 437,
	CALL_MOUNT_SETATTR = 442,
};

/* openat2, Linux 5.6 */
enum {
	KERNEL_NO_MAGICLINKS = 0x02,
	KERNEL_NO_SYMLINKS = 0x04,
	KERNEL_BENEATH = 0x08,
	KERNEL_IN_ROOT = 0x10,
};

struct kernel_open_how {
	uint64_t flags, mode, resolve;
};

static inline int kernel_open(int folder, const char *path, uint64_t flags, uint64_t resolve)
{
	struct kernel_open_how how = { .flags = flags, .resolve = resolve };
	return (int)syscall(CALL_OPENAT2, folder, path, &how, sizeof how);
}

/* clone3 with CLONE_INTO_CGROUP, Linux 5.7 */
#define KERNEL_CLONE_INTO_CGROUP 0x200000000ULL
#define KERNEL_CLONE_PIDFD 0x1000ULL

struct kernel_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};

/* A copy of the caller, as fork() makes one; only for single-threaded programs. */
static inline pid_t kernel_clone(struct kernel_clone_args *args)
{
	return (pid_t)syscall(CALL_CLONE3, args, sizeof *args);
}

/* mount_setattr, Linux 5.12 */
enum {
	KERNEL_RECURSIVE = 0x8000,
	KERNEL_EMPTY_PATH = 0x1000,
	KERNEL_ATTR_RDONLY = 1,
	KERNEL_ATTR_NOSUID = 2,
	KERNEL_ATTR_NODEV = 4, /* as MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC */
};

struct kernel_mount_attr {
	uint64_t set, clear, propagation, userns_fd;
};

static inline int kernel_mount_setattr(int fd, uint64_t set)
{
	struct kernel_mount_attr attr = { .set = set };
	return (int)syscall(CALL_MOUNT_SETATTR, fd, "", KERNEL_EMPTY_PATH | KERNEL_RECURSIVE, &attr,
			    sizeof attr);
}

/* A copy of the mount at `fd` that is nowhere yet, and putting it on the place at `to`.
 * Linux 5.2 */
static inline int kernel_copy_mount(int fd)
{
	return (int)syscall(CALL_OPEN_TREE, fd, "", KERNEL_EMPTY_PATH | 1 /* clone */ | O_CLOEXEC);
}

static inline int kernel_place_mount(int mount, int to)
{
	return (int)syscall(CALL_MOVE_MOUNT, mount, "", to, "", 0x04 | 0x40 /* both empty */);
}

/* close_range with CLOSE_RANGE_CLOEXEC, Linux 5.11; plain, 5.9 */
enum { KERNEL_CLOSE_ON_EXEC = 4 };

static inline int kernel_close_from(unsigned first, unsigned flags)
{
	return (int)syscall(CALL_CLOSE_RANGE, first, ~0u, flags);
}

static inline int kernel_signal(int pidfd, int signo)
{
	return (int)syscall(CALL_PIDFD_SEND_SIGNAL, pidfd, signo, NULL, 0u);
}
