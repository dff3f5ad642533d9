/*
 * listeners - listening TCP sockets: our own, and those of others.
 *
 * Implementation: ports/linux/listeners_linux.c.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Listen at `port` of all addresses, or of `host` (an address; NULL: all). ERR_DENIED:
 * somebody else does already. The caller closes *out_fd. */
enum err listeners_open(const char *host, uint16_t port, int *out_fd, struct why *why);

/* Duplicates of the sockets on which a process listens, for a look at who knocks; the
 * caller closes them and never accepts. How many there are, at most `max`. */
size_t listeners_of(pid_t pid, int *out_fds, size_t max);

/* Duplicates of a process' descriptors first, first + 1, ...: sockets that an earlier agent
 * has handed to a keeper. How many could be had in a row. */
size_t listeners_take(pid_t pid, int first, int *out_fds, size_t count);

/* Is anybody connected to the ports of these sockets, in our network or in that of `pid`
 * (0: in ours alone)? Who waits to be accepted counts. */
bool listeners_are_busy(const int *fds, size_t count, pid_t pid);

/* Would a connection to 127.0.0.1:port, in our network, end at one of these processes, and
 * at nobody else? False also when nobody listens. */
bool listeners_are_of(uint16_t port, const pid_t *pids, size_t count);
