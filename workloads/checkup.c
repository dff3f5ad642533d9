#include "workloads/checkup.h"

#include "ports/clock.h"
#include "ports/random.h"

#include <stdio.h>

static const char *const role_names[] = {
	[PROBE_STARTUP] = "startup",
	[PROBE_LIVENESS] = "liveness",
	[PROBE_READINESS] = "readiness",
};

static bool has(const struct checkup *c, enum probe_role role)
{
	const struct probe_spec *spec = c->checks[role].probe.spec;
	return spec && spec->action.kind != ACTION_NONE;
}

static bool has_started(const struct checkup *c)
{
	return !has(c, PROBE_STARTUP) || c->checks[PROBE_STARTUP].probe.passed;
}

static bool is_wanted(const struct checkup *c, enum probe_role role)
{
	if (!has(c, role) || c->checks[role].action.running)
		return false;
	return role == PROBE_STARTUP ? !has_started(c) : has_started(c);
}

static void arm(struct checkup *c)
{
	int64_t due = INT64_MAX;
	for (enum probe_role r = 0; r < PROBE_ROLES; r++)
		if (is_wanted(c, r) && c->checks[r].probe.due_ms < due)
			due = c->checks[r].probe.due_ms;
	loop_disarm(c->loop, &c->timer);
	if (due != INT64_MAX)
		loop_arm(c->loop, &c->timer, due);
}

static void tell(struct checkup *c)
{
	bool started = has_started(c);
	bool ready =
		started && (!has(c, PROBE_READINESS) || c->checks[PROBE_READINESS].probe.passed);
	if (ready == c->ready && started == c->started)
		return;
	c->ready = ready;
	c->started = started;
	c->hooks.on_change(c->hooks.owner, started, ready);
}

/* Kubernetes counts the delays of the others from the start of the container;
 * what is overdue by then is due now. */
static void on_done(void *owner, bool ok, const char *reason)
{
	struct check *k = owner;
	struct checkup *c = k->checkup;
	const struct probe_spec *spec = k->probe.spec;
	enum probe_change change = probe_note(&k->probe, ok, clock_now_ms());
	tell(c);
	if (change != PROBE_FAILED || k->role == PROBE_READINESS) {
		arm(c);
		return;
	}
	char text[200];
	snprintf(text, sizeof text, "%s probe failed %lld times: %s", role_names[k->role],
		 (long long)spec->failure, reason);
	c->hooks.on_unhealthy(c->hooks.owner, text, spec->grace_ms);
}

static void on_due(void *owner, int64_t now_ms)
{
	struct checkup *c = owner;
	struct why why;
	for (enum probe_role r = 0; r < PROBE_ROLES; r++) {
		struct check *k = &c->checks[r];
		if (!is_wanted(c, r) || k->probe.due_ms > now_ms)
			continue;
		const struct probe_spec *spec = k->probe.spec;
		if (action_begin(&k->action, &spec->action, spec->timeout_ms, &why) == OK)
			continue;
		on_done(k, false, why.text); /* may have ended the checkup */
		return;
	}
	arm(c);
}

void checkup_on_exec(struct checkup *c, unsigned id, int code, struct bytes output)
{
	if (c->loop && id % ACTION_SLOTS < PROBE_ROLES)
		action_on_exec(&c->checks[id % ACTION_SLOTS].action, id, code, output);
}

void checkup_begin(struct checkup *c, struct loop *l, const struct container_spec *spec,
		   struct keeper *keeper, int network_fd, bool found,
		   const struct checkup_hooks *hooks)
{
	const int64_t now = clock_now_ms();
	*c = (struct checkup){ .loop = l, .hooks = *hooks };
	c->timer = (struct timer){ .owner = c, .on_due = on_due };
	for (enum probe_role r = 0; r < PROBE_ROLES; r++) {
		struct check *k = &c->checks[r];
		const struct probe_spec *s = &spec->probes[r];
		const struct action_hooks done = { k, on_done };
		*k = (struct check){ .checkup = c, .role = r };
		action_init(&k->action, l, keeper, network_fd, r, &done);
		/* It has had its initial delay already. */
		probe_begin(&k->probe, s, r,
			    found ? now - s->initial_delay_ms + random_below(s->period_ms) : now);
	}
	tell(c);
	arm(c);
}

void checkup_pause(struct checkup *c)
{
	if (!c->loop)
		return;
	loop_disarm(c->loop, &c->timer);
	for (enum probe_role r = 0; r < PROBE_ROLES; r++)
		action_cancel(&c->checks[r].action);
}

void checkup_resume(struct checkup *c)
{
	const int64_t now = clock_now_ms();
	for (enum probe_role r = 0; c->loop && r < PROBE_ROLES; r++)
		if (c->checks[r].probe.spec)
			c->checks[r].probe.due_ms = now + c->checks[r].probe.spec->period_ms;
	if (c->loop)
		arm(c);
}

void checkup_end(struct checkup *c)
{
	if (!c->loop)
		return;
	loop_disarm(c->loop, &c->timer);
	for (enum probe_role r = 0; r < PROBE_ROLES; r++)
		action_end(&c->checks[r].action);
	c->loop = NULL;
	c->started = c->ready = false;
}
