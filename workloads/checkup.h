/*
 * checkup - makes the checks of one running container, one at a time each.
 *
 * The startup probe holds the others back until it has passed, as in
 * Kubernetes. The owner hears when the container must be restarted and when
 * its readiness turns; it passes on what the keeper says of an exec.
 */
#pragma once

#include "workloads/action.h"
#include "workloads/probe.h"

struct checkup_hooks {
	void *owner;
	/* Restart it, with this grace; -1: the pod's. */
	void (*on_unhealthy)(void *owner, const char *reason, int64_t grace_ms);
	/* Ready turned, or the startup probe has passed. */
	void (*on_change)(void *owner, bool started, bool ready);
};

struct checkup;

struct check {
	struct checkup *checkup;
	enum probe_role role;
	struct probe probe;
	struct action action;
};

struct checkup {
	struct loop *loop; /* NULL: not begun */
	struct checkup_hooks hooks;
	struct timer timer;
	struct check checks[PROBE_ROLES];
	bool started, ready;
};

/* A container without probes is ready at once. One that was `found` running waits
 * a random part of the period first, so that not all of a board's do it at once. */
void checkup_begin(struct checkup *c, struct loop *l, const struct container_spec *spec,
		   struct keeper *keeper, int network_fd, bool found,
		   const struct checkup_hooks *hooks);

/* The keeper's answer to an exec. */
void checkup_on_exec(struct checkup *c, unsigned id, int code, struct bytes output);

/* No checks while it is frozen; what they found so far stays. Not begun: nothing happens. */
void checkup_pause(struct checkup *c);
void checkup_resume(struct checkup *c);

/* Stop; hooks are not called any more. Not begun: nothing happens. */
void checkup_end(struct checkup *c);
