#include "workloads/keeper/door.h"

#include "base/limits.h"
#include "base/scoped.h"

#include <stdio.h>

static bool socket_path(const char *folder, char out[PATH_LIMIT])
{
	return (size_t)snprintf(out, PATH_LIMIT, "%s/sock", folder) < PATH_LIMIT;
}

enum err door_open(struct door *d, const char *folder, int first, int telemetry, struct why *why)
{
	char path[PATH_LIMIT];
	*d = (struct door){ .listener = -1, .telemetry = telemetry };
	for (size_t i = 0; i < DOOR_GUESTS_MAX; i++)
		d->guests[i] = -1;
	d->guests[0] = first;
	if (!socket_path(folder, path))
		return why_set(why, ERR_INVALID, "%s: the path is too long", folder);
	return socket_listen(path, SOCKET_PACKET, 0600, &d->listener, why);
}

static void greet(const struct door *d, size_t guest, struct bytes hello)
{
	if (d->guests[guest] < 0)
		return;
	if (d->telemetry >= 0)
		(void)!socket_send_fd(d->guests[guest], hello, d->telemetry);
	else
		(void)!socket_send(d->guests[guest], hello);
}

void door_greet_all(const struct door *d, struct bytes hello)
{
	for (size_t i = 0; i < DOOR_GUESTS_MAX; i++)
		greet(d, i, hello);
}

void door_hold(struct door *d, size_t guest)
{
	d->holds[guest] = d->guests[guest] >= 0;
}

bool door_is_held(const struct door *d)
{
	for (size_t i = 0; i < DOOR_GUESTS_MAX; i++)
		if (d->guests[i] >= 0 && d->holds[i])
			return true;
	return false;
}

static size_t free_place(struct door *d)
{
	for (size_t i = 0; i < DOOR_GUESTS_MAX; i++)
		if (d->guests[i] < 0)
			return i;
	close(d->guests[0]);
	for (size_t i = 1; i < DOOR_GUESTS_MAX; i++) {
		d->guests[i - 1] = d->guests[i];
		d->holds[i - 1] = d->holds[i];
	}
	return DOOR_GUESTS_MAX - 1;
}

void door_admit(struct door *d, struct bytes hello)
{
	int fd;
	struct socket_peer peer;
	if (socket_accept(d->listener, &fd, &peer))
		return;
	if (peer.uid != geteuid()) {
		close(fd);
		return;
	}
	size_t place = free_place(d);
	d->guests[place] = fd;
	d->holds[place] = false;
	greet(d, place, hello);
}

bool door_hear(struct door *d, size_t guest, char out[DOOR_REQUEST_MAX], size_t *out_len,
	       int out_fds[SOCKET_FDS_MAX])
{
	enum err e =
		socket_receive_fds(d->guests[guest], out, DOOR_REQUEST_MAX - 1, out_len, out_fds);
	if (e == ERR_AGAIN || e == ERR_FULL) {
		socket_close_fds(out_fds);
		return false;
	}
	if (e || *out_len == 0) {
		socket_close_fds(out_fds);
		close(d->guests[guest]);
		d->guests[guest] = -1;
		return false;
	}
	out[*out_len] = '\0';
	return true;
}

void door_tell(struct door *d, struct bytes packet)
{
	for (size_t i = 0; i < DOOR_GUESTS_MAX; i++)
		if (d->guests[i] >= 0)
			(void)!socket_send(d->guests[i], packet);
}

void door_close(struct door *d, const char *folder)
{
	char path[PATH_LIMIT];
	if (socket_path(folder, path))
		unlink(path);
	close_quietly(d->listener);
	for (size_t i = 0; i < DOOR_GUESTS_MAX; i++)
		close_quietly(d->guests[i]);
}
