/*
 * sandbox - the walls around one workload.
 *
 * The caller is the first process of a pid name space (process_options.first, or
 * sandbox_move_in()): what it starts, and what that leaves behind, is its to bury, and
 * the kernel ends all of it with the caller. It enters new ipc and uts name spaces and
 * the workload's network, and stays in the board's mounts itself, where it is covered
 * from what is inside. Tasks are children of the caller; the first one puts the root
 * together, and they all share its mount name space.
 *
 * Before its first instruction a task is in its cgroup, has its own uid, no
 * capability, no_new_privs, a read-only root, private /tmp, /dev and /run, no
 * file descriptor beyond 0, 1 and 2, and a list of system calls that it may
 * make; where the kernel has Landlock, it writes nowhere else by that as well.
 *
 * Implementation: ports/linux/sandbox_linux.c, with rootfs_mount.c for the root,
 * privilege.c, seccomp.c and landlock.c for the walls, program.c for the exec.
 */
#pragma once

#include "base/err.h"
#include "ports/launch.h"

#include <stdbool.h>
#include <sys/types.h>

struct sandbox {
	bool is_open;
	int mounts_fd; /* mount name space; -1: no task has been started yet */
	int root_fd;   /* the root in it, as a path */
	int rules;     /* landlock's; -1: none on this kernel */
	const char *folder;
	const struct launch *launch;
};

struct sandbox_task {
	pid_t pid;       /* in the caller's pid name space; 0: none */
	pid_t outer_pid; /* in the board's */
};

/* Is the caller the first process of a pid name space? */
bool sandbox_is_first(void);

/* For a caller that is not: returns in a child that is. What called waits for it and
 * ends as it does, by _exit(); when it is killed, so is the child. `close_fd` is closed
 * in the one that waits; -1: none. */
enum err sandbox_move_in(int close_fd, struct why *why);

/* `folder` is an empty folder that the root is put together on, a string that stays until
 * sandbox_close(); `net_fd` the network name space, the caller's; -1: the one that we are
 * in. SIGCHLD is blocked by the caller. */
enum err sandbox_open(struct sandbox *s, const struct launch *l, const char *folder, int net_fd,
		      struct why *why);

/* What a task is given beside its words; sockets are in rising order and become 3, 4, ... */
struct sandbox_files {
	int in_fd;          /* stdin; 0: nothing to read, /dev/null */
	int out_fd, err_fd; /* stdout and stderr */
	const int *listeners;
	size_t listener_count;
};

/* Start argv inside. What keeps it from being executed fails here, with the step in the
 * reason. With listeners, its LISTEN_PID is filled in (sd_listen_fds(3)). */
enum err sandbox_start(struct sandbox *s, const char *const *argv,
		       const struct sandbox_files *files, struct sandbox_task *out,
		       struct why *why);

/* The beginning of a file as the workload sees it; a link is not followed.
 * ERR_NOT_FOUND: there is no such regular file. */
enum err sandbox_read(const struct sandbox *s, const char *path, char *out, size_t cap,
		      size_t *out_len);

/* As new for the next task: everything inside is killed, the private folders are empty.
 * What tasks wrote on volumes stays. ERR_AGAIN: that cannot be had; the sandbox is to be
 * closed. */
enum err sandbox_renew(struct sandbox *s, struct why *why);

/* Kill everything inside, wait until it is gone, and take the mounts down. */
void sandbox_close(struct sandbox *s);
