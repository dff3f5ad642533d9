/*
 * control - the technician's door: run_dir/control.sock.
 *
 * One request and one answer a connection, both one JSON object and a newline:
 * {"verb":"status"} or {"verb":"logs","workload":"a/b","n":50}. What lets
 * the board forget something, and exec, only root may ask. An exec brings pipes along, its stdin,
 * stdout and stderr, and is answered when it has ended. Root, the agent's own user and members of
 * the group CONTROL_GROUP, where the system has one, are let in: by the socket's mode, and by what
 * the kernel says of whoever connects. Works without any network.
 */
#pragma once

#include "ports/json.h"
#include "ports/loop.h"
#include "ports/socket.h"

#include <sys/types.h>

struct agent;
struct workload;

#define CONTROL_GROUP "skerry" /* the package makes it */

enum {
	CONTROL_GUESTS_MAX = 8,
	CONTROL_REQUEST_MAX = 4096,
	CONTROL_WAIT_MS = 5000, /* a guest that neither asks nor reads is sent away */
};

struct control_guest {
	struct control *control;
	struct watch watch; /* fd -1: free */
	struct timer timer;
	uid_t uid;
	int fds[SOCKET_FDS_MAX];   /* that came along; -1: none */
	struct workload *workload; /* in which a command runs for this guest; NULL: none */
	char request[CONTROL_REQUEST_MAX];
	size_t request_len;
	char *answer;
	size_t answer_len, sent;
};

struct control {
	struct agent *agent;
	struct watch watch;
	bool has_group;
	unsigned gid; /* of CONTROL_GROUP, with has_group */
	struct control_guest guests[CONTROL_GUESTS_MAX];
};

enum err control_open(struct control *c, struct agent *agent, struct why *why);
void control_close(struct control *c);
