#include "cloud/skerry/local.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "ports/socket.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { ANSWER_MAX = 1024 * 1024, WAIT_MS = 5000 };

static enum err send_request(int fd, const struct json *request, const int *fds, struct why *why)
{
	SCOPED_MEMORY char *text = json_print(request);
	const size_t len = strlen(text);
	text[len] = '\n'; /* in the NUL's place */
	const struct bytes line = { text, len + 1 };
	if (fds ? socket_send_fds(fd, line, fds, SOCKET_FDS_MAX) : socket_send(fd, line))
		return why_set(why, ERR_SYSTEM, "the agent does not listen: %s", strerror(errno));
	return OK;
}

static enum err read_answer(int fd, char *text, size_t *out_len, struct why *why)
{
	*out_len = 0;
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (poll(&p, 1, WAIT_MS) != 1)
			return why_set(why, ERR_AGAIN, "the agent does not answer");
		ssize_t n = recv(fd, text + *out_len, ANSWER_MAX - *out_len, 0);
		if (n < 0)
			return why_set(why, ERR_SYSTEM, "the agent went away: %s", strerror(errno));
		*out_len += (size_t)n;
		if (n == 0 || (*out_len && text[*out_len - 1] == '\n'))
			return *out_len ? OK : why_set(why, ERR_SYSTEM, "the agent went away");
	}
}

enum err local_send(const char *run_dir, const struct json *request, const int *fds, int *out_fd,
		    struct why *why)
{
	char path[PATH_LIMIT];
	int connected = -1;
	snprintf(path, sizeof path, "%s/control.sock", run_dir);
	enum err e = socket_connect(path, SOCKET_STREAM, &connected, why);
	SCOPED_FD fd = connected;
	if (e == ERR_NOT_FOUND)
		return why_set(why, e, "no agent listens at %s; is skerryd running?", path);
	if (e == ERR_DENIED)
		return why_set(why, e,
			       "%s lets in root and the group skerry: try sudo, or join the group",
			       path);
	if (!e)
		e = send_request(fd, request, fds, why);
	if (!e)
		*out_fd = take_fd(&fd);
	return e;
}

enum err local_receive(int fd, struct json **out, struct why *why)
{
	size_t len;
	SCOPED_MEMORY char *text = malloc(ANSWER_MAX);
	enum err e =
		text ? read_answer(fd, text, &len, why) : why_set(why, ERR_SYSTEM, "no memory");
	if (!e)
		e = json_parse((struct bytes){ text, len }, out, why);
	if (e)
		return e;
	const char *error = json_string(json_member(*out, "error"));
	if (!error)
		return OK;
	e = why_set(why, ERR_NOT_FOUND, "%s", error);
	json_free(*out);
	return e;
}

enum err local_ask(const char *run_dir, const struct json *request, struct json **out,
		   struct why *why)
{
	int connected = -1;
	enum err e = local_send(run_dir, request, NULL, &connected, why);
	SCOPED_FD fd = connected;
	return e ? e : local_receive(fd, out, why);
}
