/*
 * checkup - makes the checks of one running container, one at a time each.
 *
 * The startup probe holds the others back until it has passed, as in
 * Kubernetes. The owner hears when the container must be restarted and when
 * its readiness turns; it passes on what the keeper says of an exec.
 */
#pragma once

#include "base/bytes.h"
#include "ports/keeper.h"
#include "ports/loop.h"
#include "ports/net.h"
#include "workloads/probe.h"

struct checkup_hooks {
	void *owner;
	void (*on_unhealthy)(void *owner, const char *reason); /* restart it */
	void (*on_ready)(void *owner, bool ready);
};

struct checkup;

struct check {
	struct checkup *checkup;
	enum probe_role role;
	struct probe probe;
	bool running;
	unsigned exec_id;
	struct dial *dial;
	struct http_get *http;
};

struct checkup {
	struct loop *loop; /* NULL: not begun */
	struct keeper *keeper;
	struct checkup_hooks hooks;
	struct timer timer;
	struct check checks[PROBE_ROLES];
	bool ready;
};

/* A container without probes is ready at once. */
void checkup_begin(struct checkup *c, struct loop *l, const struct container_spec *spec,
		   struct keeper *keeper, const struct checkup_hooks *hooks);

/* The keeper's answer to an exec. */
void checkup_on_exec(struct checkup *c, unsigned id, int code, struct bytes output);

/* Stop; hooks are not called any more. Not begun: nothing happens. */
void checkup_end(struct checkup *c);
