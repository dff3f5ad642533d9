/*
 * socket - Unix sockets with a path, close-on-exec and non-blocking.
 *
 * Paths may be longer than the 107 bytes of sockaddr_un. Nothing is ever bound
 * in the abstract name space, which every process on the host could reach.
 *
 * Implementation: ports/linux/socket_unix.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

enum socket_kind { SOCKET_STREAM, SOCKET_PACKET, SOCKET_DATAGRAM };

struct socket_peer {
	pid_t pid;
	uid_t uid;
};

/* Bind and listen at `path`, in place of what was there. */
enum err socket_listen(const char *path, enum socket_kind kind, unsigned mode, int *out_fd,
		       struct why *why);

/* ERR_NOT_FOUND: nobody listens there. ERR_DENIED: its mode, or its folder's, keeps us out. */
enum err socket_connect(const char *path, enum socket_kind kind, int *out_fd, struct why *why);

/* ERR_AGAIN: nobody waits. */
enum err socket_accept(int fd, int *out_fd, struct socket_peer *out_peer);

/* Was whoever connected in this group, as its own or as a further one? */
bool socket_peer_is_in(int fd, gid_t gid);

/* One datagram or packet and who sent it. ERR_AGAIN: none waits. ERR_NOT_FOUND:
 * the other side is gone (streams and packets also say it by *out_len 0).
 * ERR_FULL: it was longer than `cap`; the rest is dropped. */
enum err socket_receive(int fd, char *out, size_t cap, size_t *out_len,
			struct socket_peer *out_peer);

/* ERR_AGAIN: the other side does not read. */
enum err socket_send(int fd, struct bytes b);

/* A packet with a file descriptor beside it; it is duplicated on the way. */
enum err socket_send_fd(int fd, struct bytes b, int passed_fd);
/* *out_fd is -1 when none came along. */
enum err socket_receive_fd(int fd, char *out, size_t cap, size_t *out_len, int *out_fd);

enum { SOCKET_FDS_MAX = 3 }; /* beside one packet */

/* The same with up to SOCKET_FDS_MAX of them, in order; those that did not come are -1. */
enum err socket_send_fds(int fd, struct bytes b, const int *passed, size_t count);
enum err socket_receive_fds(int fd, char *out, size_t cap, size_t *out_len,
			    int out_fds[SOCKET_FDS_MAX]);
void socket_close_fds(int fds[SOCKET_FDS_MAX]); /* afterwards they are -1 */
