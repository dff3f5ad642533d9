#include "workloads/checkup.h"

#include "base/scoped.h"
#include "ports/clock.h"

#include <stdio.h>

enum { HTTP_OK_FROM = 200, HTTP_OK_BELOW = 400 }; /* Kubernetes */

static const char *const role_names[] = {
	[PROBE_STARTUP] = "startup",
	[PROBE_LIVENESS] = "liveness",
	[PROBE_READINESS] = "readiness",
};

static bool has(const struct checkup *c, enum probe_role role)
{
	const struct probe_spec *spec = c->checks[role].probe.spec;
	return spec && spec->kind != PROBE_NONE;
}

static bool has_started(const struct checkup *c)
{
	return !has(c, PROBE_STARTUP) || c->checks[PROBE_STARTUP].probe.passed;
}

static bool is_wanted(const struct checkup *c, enum probe_role role)
{
	if (!has(c, role) || c->checks[role].running)
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

static void tell_ready(struct checkup *c)
{
	bool ready = has_started(c) &&
		     (!has(c, PROBE_READINESS) || c->checks[PROBE_READINESS].probe.passed);
	if (ready == c->ready)
		return;
	c->ready = ready;
	c->hooks.on_ready(c->hooks.owner, ready);
}

/* Kubernetes counts the delays of the others from the start of the container;
 * what is overdue by then is due now. */
static void conclude(struct check *k, bool ok, const char *reason)
{
	struct checkup *c = k->checkup;
	k->running = false;
	k->dial = NULL;
	k->http = NULL;
	enum probe_change change = probe_note(&k->probe, ok, clock_now_ms());
	tell_ready(c);
	if (change != PROBE_FAILED || k->role == PROBE_READINESS) {
		arm(c);
		return;
	}
	char text[200];
	snprintf(text, sizeof text, "%s probe failed %lld times: %s", role_names[k->role],
		 (long long)k->probe.spec->failure, reason);
	c->hooks.on_unhealthy(c->hooks.owner, text);
}

static void on_dialled(void *owner, int fd, const struct why *why)
{
	close_quietly(fd);
	conclude(owner, fd >= 0, why->text);
}

static void on_answered(void *owner, int status, const struct why *why)
{
	char text[32];
	snprintf(text, sizeof text, "HTTP %d", status);
	conclude(owner, status >= HTTP_OK_FROM && status < HTTP_OK_BELOW,
		 status < 0 ? why->text : text);
}

static enum err begin_check(struct check *k, struct why *why)
{
	struct checkup *c = k->checkup;
	const struct probe_spec *s = k->probe.spec;
	const struct dial_hooks dial = { .owner = k, .on_dialled = on_dialled };
	const struct http_hooks http = { .owner = k, .on_answered = on_answered };
	switch (s->kind) {
	case PROBE_EXEC:
		k->exec_id += PROBE_ROLES; /* the role stays readable: id % PROBE_ROLES */
		return keeper_exec(c->keeper, k->exec_id, s->argv, s->timeout_ms, why);
	case PROBE_HTTP:
		return net_http_get(c->loop, s->host, (uint16_t)s->port, s->path, s->timeout_ms,
				    &http, &k->http, why);
	case PROBE_TCP:
		return net_dial(c->loop, s->host, (uint16_t)s->port, s->timeout_ms, &dial, &k->dial,
				why);
	default:
		return why_set(why, ERR_INVALID, "no such probe");
	}
}

static void on_due(void *owner, int64_t now_ms)
{
	struct checkup *c = owner;
	struct why why;
	for (enum probe_role r = 0; r < PROBE_ROLES; r++) {
		struct check *k = &c->checks[r];
		if (!is_wanted(c, r) || k->probe.due_ms > now_ms)
			continue;
		k->running = true;
		if (begin_check(k, &why) == OK)
			continue;
		conclude(k, false, why.text); /* may have ended the checkup */
		return;
	}
	arm(c);
}

void checkup_on_exec(struct checkup *c, unsigned id, int code, struct bytes output)
{
	struct check *k = &c->checks[id % PROBE_ROLES];
	char text[160];
	if (!c->loop || !k->running || k->exec_id != id)
		return;
	int n = output.len > 100 ? 100 : (int)output.len;
	if (code < 0)
		snprintf(text, sizeof text, "no answer in time");
	else
		snprintf(text, sizeof text, "exit code %d: %.*s", code, n, output.at);
	conclude(k, code == 0, text);
}

void checkup_begin(struct checkup *c, struct loop *l, const struct container_spec *spec,
		   struct keeper *keeper, const struct checkup_hooks *hooks)
{
	const int64_t now = clock_now_ms();
	*c = (struct checkup){ .loop = l, .keeper = keeper, .hooks = *hooks };
	c->timer = (struct timer){ .owner = c, .on_due = on_due };
	for (enum probe_role r = 0; r < PROBE_ROLES; r++) {
		struct check *k = &c->checks[r];
		*k = (struct check){ .checkup = c, .role = r, .exec_id = r };
		probe_begin(&k->probe, &spec->probes[r], r, now);
	}
	tell_ready(c);
	arm(c);
}

void checkup_end(struct checkup *c)
{
	if (!c->loop)
		return;
	loop_disarm(c->loop, &c->timer);
	for (enum probe_role r = 0; r < PROBE_ROLES; r++) {
		net_cancel(c->checks[r].dial);
		net_http_cancel(c->checks[r].http);
	}
	c->loop = NULL;
	c->ready = false;
}
