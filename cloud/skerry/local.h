/* local - ask the agent on this very board, without any network. */
#pragma once

#include "ports/json.h"

/* ERR_NOT_FOUND: no agent listens below run_dir, or it does not know what was
 * asked for. ERR_DENIED: it does not listen to this user. The caller frees *out. */
enum err local_ask(const char *run_dir, const struct json *request, struct json **out,
		   struct why *why);

/* The same in two steps, for what takes its time: `fds` are three pipes that go along, or NULL. The
 * caller closes *out_fd. local_receive() waits once something comes at all. */
enum err local_send(const char *run_dir, const struct json *request, const int *fds, int *out_fd,
		    struct why *why);
enum err local_receive(int fd, struct json **out, struct why *why);
