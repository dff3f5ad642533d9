/*
 * sandbox - the walls around one workload.
 *
 * Opened by a keeper: a small first process holds new pid, mount, ipc and uts
 * name spaces and reaps orphans. Tasks are started inside as children of the
 * caller, who gets their exit status, and share those name spaces. When the
 * first process ends, the kernel ends all others.
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

#include <sys/types.h>

struct sandbox {
	pid_t init_pid; /* 0: not open */
	int init_fd;    /* pidfd */
	int rules;      /* landlock's; -1: none on this kernel */
	int net_fd;     /* borrowed; -1: the host's network */
	const struct launch *launch;
};

struct sandbox_task {
	pid_t pid;
	int pidfd;
};

/* `folder` is an empty folder that the root is put together on; `net_fd` the network
 * name space, the caller's; -1: the host's. */
enum err sandbox_open(struct sandbox *s, const struct launch *l, const char *folder, int net_fd,
		      struct why *why);

/* What a task is given beside its words; sockets are in rising order and become 3, 4, ... */
struct sandbox_files {
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

/* False: its first process was killed, and with it all others. */
bool sandbox_is_alive(const struct sandbox *s);

/* As new for the next task: everything but the first process is killed, the private
 * folders are empty. What tasks wrote on volumes stays. ERR_AGAIN: that cannot be had;
 * the sandbox is to be closed. */
enum err sandbox_renew(struct sandbox *s, struct why *why);

/* Kill everything inside and wait until the first process is gone. */
void sandbox_close(struct sandbox *s);
