#include "ports/socket.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"

#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { PEER_GROUPS_MAX = 64 };

#ifndef SO_PEERGROUPS /* musl before 1.2.0 */
#define SO_PEERGROUPS 59
#endif

static int type_of(enum socket_kind kind)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };
	return types[kind] | SOCK_CLOEXEC | SOCK_NONBLOCK;
}

static enum err class_of(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	default:
		return ERR_SYSTEM;
	}
}

/* The folder is opened and named through /proc/self/fd: sun_path takes only
 * 107 bytes, and folders of boards and tests are longer. */
static enum err address_of(const char *path, int *out_folder, struct sockaddr_un *out,
			   struct why *why)
{
	char folder[PATH_LIMIT];
	if (!text_copy(folder, sizeof folder, bytes_of(path)))
		return why_set(why, ERR_INVALID, "%s: the path is too long", path);
	char *slash = strrchr(folder, '/');
	const char *name = slash ? path + (slash - folder) + 1 : path;
	if (slash)
		slash[slash == folder] = '\0';

	*out_folder = open(slash ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*out_folder < 0)
		return why_set(why, class_of(errno), "open %s: %s", folder, strerror(errno));

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	struct text t = text_in(out->sun_path, sizeof out->sun_path);
	text_add(&t, "/proc/self/fd/%d/%s", *out_folder, name);
	if (text_is_cut(&t)) {
		close(*out_folder);
		return why_set(why, ERR_INVALID, "%s: the socket's name is too long", path);
	}
	return OK;
}

enum err socket_listen(const char *path, enum socket_kind kind, unsigned mode, int *out_fd,
		       struct why *why)
{
	struct sockaddr_un address;
	int folder_fd = -1;
	enum err e = address_of(path, &folder_fd, &address, why);
	if (e)
		return e;
	SCOPED_FD folder = folder_fd;
	SCOPED_FD fd = socket(AF_UNIX, type_of(kind), 0);
	int on = 1;
	if (fd < 0)
		return why_set(why, ERR_SYSTEM, "socket: %s", strerror(errno));

	unlink(address.sun_path);
	/* By the mask and not by chmod(): there is no moment between the two. */
	mode_t mask = umask(~(mode_t)mode & 0777);
	int failed = bind(fd, (struct sockaddr *)&address, sizeof address);
	umask(mask);
	if (!failed && kind != SOCKET_DATAGRAM)
		failed = listen(fd, 8);
	if (!failed)
		failed = setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
	if (failed)
		return why_set(why, ERR_SYSTEM, "listen at %s: %s", path, strerror(errno));

	*out_fd = take_fd(&fd);
	return OK;
}

enum err socket_connect(const char *path, enum socket_kind kind, int *out_fd, struct why *why)
{
	struct sockaddr_un address;
	int folder_fd = -1;
	enum err e = address_of(path, &folder_fd, &address, why);
	if (e)
		return e;
	SCOPED_FD folder = folder_fd;
	SCOPED_FD fd = socket(AF_UNIX, type_of(kind), 0);
	if (fd < 0)
		return why_set(why, ERR_SYSTEM, "socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof address))
		return why_set(why, class_of(errno), "connect to %s: %s", path, strerror(errno));
	*out_fd = take_fd(&fd);
	return OK;
}

enum err socket_accept(int fd, int *out_fd, struct socket_peer *out_peer)
{
	SCOPED_FD accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (accepted < 0)
		return errno == EAGAIN ? ERR_AGAIN : ERR_SYSTEM;

	struct ucred peer;
	socklen_t len = sizeof peer;
	if (getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return ERR_SYSTEM;
	*out_peer = (struct socket_peer){ peer.pid, peer.uid };
	*out_fd = take_fd(&accepted);
	return OK;
}

bool socket_peer_is_in(int fd, gid_t gid)
{
	gid_t groups[PEER_GROUPS_MAX];
	struct ucred peer;
	socklen_t len = sizeof peer, bytes = sizeof groups;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	if (peer.gid == gid)
		return true;
	/* Further ones: somebody with more than there is room for is nobody's member. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes))
		return false;
	for (size_t i = 0; i < bytes / sizeof *groups; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* Room for the sender's credentials and the descriptors. */
union control {
	char at[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int) * SOCKET_FDS_MAX)];
	struct cmsghdr align;
};

/* What there is no place for is closed. */
static void take_descriptors(const struct cmsghdr *c, int out_fds[SOCKET_FDS_MAX])
{
	int fd;
	for (size_t n = 0; n < (c->cmsg_len - CMSG_LEN(0)) / sizeof fd; n++) {
		memcpy(&fd, CMSG_DATA(c) + n * sizeof fd, sizeof fd);
		if (n < SOCKET_FDS_MAX && out_fds[n] < 0)
			out_fds[n] = fd;
		else
			close(fd);
	}
}

static void read_control(struct msghdr *m, struct socket_peer *peer, int out_fds[SOCKET_FDS_MAX])
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct ucred who;
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&who, CMSG_DATA(c), sizeof who);
			*peer = (struct socket_peer){ who.pid, who.uid };
		}
		if (c->cmsg_type == SCM_RIGHTS)
			take_descriptors(c, out_fds);
	}
}

static enum err receive(int fd, struct bytes *buffer, struct socket_peer *peer,
			int out_fds[SOCKET_FDS_MAX])
{
	union control control;
	struct iovec part = { (void *)(uintptr_t)buffer->at, buffer->len };
	struct msghdr m = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.at,
		.msg_controllen = sizeof control.at,
	};
	for (size_t i = 0; i < SOCKET_FDS_MAX; i++)
		out_fds[i] = -1;
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_NOT_FOUND;

	read_control(&m, peer, out_fds);
	buffer->len = (size_t)n;
	return m.msg_flags & MSG_TRUNC ? ERR_FULL : OK;
}

void socket_close_fds(int fds[SOCKET_FDS_MAX])
{
	for (size_t i = 0; i < SOCKET_FDS_MAX; i++) {
		close_quietly(fds[i]);
		fds[i] = -1;
	}
}

enum err socket_receive(int fd, char *out, size_t cap, size_t *out_len,
			struct socket_peer *out_peer)
{
	struct bytes buffer = { out, cap };
	int passed[SOCKET_FDS_MAX];
	*out_peer = (struct socket_peer){ 0, (uid_t)-1 };
	enum err e = receive(fd, &buffer, out_peer, passed);
	socket_close_fds(passed);
	*out_len = buffer.len;
	return e;
}

enum err socket_receive_fds(int fd, char *out, size_t cap, size_t *out_len,
			    int out_fds[SOCKET_FDS_MAX])
{
	struct bytes buffer = { out, cap };
	struct socket_peer peer;
	enum err e = receive(fd, &buffer, &peer, out_fds);
	*out_len = buffer.len;
	return e;
}

/* Only the first descriptor is wanted; no other may stay open. */
enum err socket_receive_fd(int fd, char *out, size_t cap, size_t *out_len, int *out_fd)
{
	int passed[SOCKET_FDS_MAX];
	enum err e = socket_receive_fds(fd, out, cap, out_len, passed);
	*out_fd = passed[0];
	passed[0] = -1;
	socket_close_fds(passed);
	return e;
}

static enum err send_message(int fd, const struct msghdr *m)
{
	if (sendmsg(fd, m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return OK;
	return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_NOT_FOUND;
}

enum err socket_send(int fd, struct bytes b)
{
	struct iovec part = { (void *)(uintptr_t)b.at, b.len };
	return send_message(fd, &(struct msghdr){ .msg_iov = &part, .msg_iovlen = 1 });
}

enum err socket_send_fds(int fd, struct bytes b, const int *passed, size_t count)
{
	union {
		char at[CMSG_SPACE(sizeof(int) * SOCKET_FDS_MAX)];
		struct cmsghdr align;
	} control = { .at = { 0 } };
	struct iovec part = { (void *)(uintptr_t)b.at, b.len };
	struct msghdr m = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.at,
		.msg_controllen = (socklen_t)CMSG_SPACE(sizeof *passed * count),
	};
	assert(count && count <= SOCKET_FDS_MAX);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = (socklen_t)CMSG_LEN(sizeof *passed * count);
	memcpy(CMSG_DATA(c), passed, sizeof *passed * count);
	return send_message(fd, &m);
}

enum err socket_send_fd(int fd, struct bytes b, int passed_fd)
{
	return socket_send_fds(fd, b, &passed_fd, 1);
}
