/*
 * networks - the network name spaces of pods that do not use the host's.
 *
 * One for each pod, shared by its containers. Making one takes the kernel
 * milliseconds, so one lies ready once the first was needed.
 */
#pragma once

#include "base/label.h"
#include "base/limits.h"
#include "ports/loop.h"

#include <stdbool.h>
#include <sys/types.h>

enum { NETWORKS_MAX = 2 * PODS_MAX }; /* some leave while as many come */

/* Whose network a pod is in. */
enum network_mode {
	NETWORK_BOARD, /* as the board's configuration says */
	NETWORK_HOST,
	NETWORK_OWN,  /* its own, with loopback alone */
	NETWORK_NONE, /* its own, without even that, and sockets of AF_UNIX only */
};

/* "host", "own" or "none". */
bool network_mode_read(const char *text, enum network_mode *out);

struct networks {
	struct loop *loop;
	struct timer timer; /* to have a spare one again */
	int spare;          /* -1: none */
	struct {
		char pod[LABEL_SIZE];
		int fd;
	} of[NETWORKS_MAX];
	size_t count;
};

void networks_init(struct networks *n, struct loop *l);
void networks_deinit(struct networks *n);

/* The pod's, made if it has none; *out_fd is borrowed. Without `loopback` not even
 * 127.0.0.1 works in it. */
enum err networks_take(struct networks *n, const char *pod, bool loopback, int *out_fd,
		       struct why *why);

/* After the agent has come back: the one that a process of the pod is in. */
void networks_adopt(struct networks *n, const char *pod, pid_t pid);

/* The pod's, borrowed; -1: it has none, or the host's. */
int networks_find(const struct networks *n, const char *pod);

void networks_release(struct networks *n, const char *pod);
