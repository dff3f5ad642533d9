/*
 * action - one thing done to a running container, for a probe or a hook: a
 * command in it, a request to it, or nothing for a while.
 */
#pragma once

#include "base/bytes.h"
#include "ports/keeper.h"
#include "ports/loop.h"
#include "ports/net.h"
#include "workloads/pod.h"

enum { ACTION_SLOTS = 4 }; /* that may be under way in one container */

struct action_hooks {
	void *owner;
	void (*on_done)(void *owner, bool ok, const char *reason);
};

struct action {
	struct loop *loop;
	struct keeper *keeper;
	int network_fd; /* of the workload, borrowed; -1: the host's */
	struct action_hooks hooks;
	bool running;
	unsigned exec_id; /* rises; exec_id % ACTION_SLOTS is the slot */
	struct timer timer;
	struct dial *dial;
	struct http_get *http;
};

/* `slot` tells apart the actions of one container. */
void action_init(struct action *a, struct loop *l, struct keeper *keeper, int network_fd,
		 unsigned slot, const struct action_hooks *hooks);

/* on_done follows, at most `wait_ms` later; never before this returns OK. */
enum err action_begin(struct action *a, const struct action_spec *spec, int64_t wait_ms,
		      struct why *why);

/* The keeper's answer to an exec, maybe of another action. */
void action_on_exec(struct action *a, unsigned id, int code, struct bytes output);

/* Give up the one under way; another may begin. */
void action_cancel(struct action *a);

/* Give up; on_done is not called any more. Not begun: nothing happens. */
void action_end(struct action *a);
