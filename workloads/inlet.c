#include "workloads/inlet.h"

#include "ports/file.h"
#include "ports/socket.h"

#include <stdio.h>
#include <unistd.h>

void inlet_take(struct workload *w, int fd)
{
	w->telemetry_fd = fd;
	if (fd >= 0)
		w->site->on_socket(w->site->owner, w, fd);
}

void inlet_close(struct workload *w)
{
	if (w->telemetry_fd < 0)
		return;
	w->site->on_socket(w->site->owner, w, -1);
	close(w->telemetry_fd);
	w->telemetry_fd = -1;
}

/* Everybody may write to it: only this workload can reach it. */
enum err inlet_open(struct workload *w, struct why *why)
{
	char folder[PATH_LIMIT], path[PATH_LIMIT + 32];
	int fd;
	if (w->telemetry_fd >= 0)
		return OK;
	workload_folder(w, folder, sizeof folder);
	snprintf(path, sizeof path, "%s/telemetry.sock", folder);
	enum err e = dir_make(folder, 0700, why);
	if (!e)
		e = socket_listen(path, SOCKET_DATAGRAM, 0666, &fd, why);
	if (!e)
		inlet_take(w, fd);
	return e;
}
