/*
 * netns - network name spaces of workloads.
 *
 * Empty but for a loopback device; what a workload without the host's network
 * is started in. A descriptor keeps one alive; the caller closes it.
 *
 * Implementation: ports/linux/netns_linux.c.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* Make one; it takes the kernel 0.5-2 ms. With `loopback`, 127.0.0.1 works in it. */
enum err netns_make(bool loopback, int *out_fd, struct why *why);

/* The one that a process is in. ERR_NOT_FOUND: it is ours too. */
enum err netns_of(pid_t pid, int *out_fd, struct why *why);

/* Sockets that are opened until netns_leave() belong to `fd`. False: not entered. */
bool netns_enter(int fd);
void netns_leave(void);
