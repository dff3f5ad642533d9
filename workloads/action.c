#include "workloads/action.h"

#include "base/scoped.h"
#include "ports/clock.h"

#include <stdio.h>

enum {
	HTTP_OK_FROM = 200, /* Kubernetes */
	HTTP_OK_BELOW = 400,
};

static void conclude(struct action *a, bool ok, const char *reason)
{
	a->running = false;
	a->dial = NULL;
	a->http = NULL;
	a->hooks.on_done(a->hooks.owner, ok, reason);
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

static void on_slept(void *owner, int64_t now_ms)
{
	(void)now_ms;
	conclude(owner, true, "");
}

void action_init(struct action *a, struct loop *l, struct keeper *keeper, int network_fd,
		 unsigned slot, const struct action_hooks *hooks)
{
	*a = (struct action){ .loop = l,
			      .keeper = keeper,
			      .network_fd = network_fd,
			      .hooks = *hooks,
			      .exec_id = slot };
	a->timer = (struct timer){ .owner = a, .on_due = on_slept };
}

static enum err begin_dial(struct action *a, const struct action_spec *s, int64_t wait_ms,
			   struct why *why)
{
	const struct dial_hooks dial = { .owner = a, .on_dialled = on_dialled };
	enum err e = net_dial(a->loop, s->host, (uint16_t)s->port, wait_ms, &dial, &a->dial, why);
	return e || a->network_fd < 0 ? e : net_dial_in(a->dial, a->network_fd, why);
}

static enum err begin(struct action *a, const struct action_spec *s, int64_t wait_ms,
		      struct why *why)
{
	const struct http_hooks http = { .owner = a, .on_answered = on_answered };
	const struct http_request request = { s->host,           s->path, s->headers,
					      (uint16_t)s->port, wait_ms, a->network_fd };
	switch (s->kind) {
	case ACTION_EXEC:
		a->exec_id += ACTION_SLOTS;
		return keeper_exec(a->keeper, a->exec_id, s->argv, wait_ms, why);
	case ACTION_HTTP:
		return net_http_get(a->loop, &request, &http, &a->http, why);
	case ACTION_TCP:
		return begin_dial(a, s, wait_ms, why);
	case ACTION_SLEEP:
		loop_arm(a->loop, &a->timer,
			 clock_now_ms() + (s->sleep_ms < wait_ms ? s->sleep_ms : wait_ms));
		return OK;
	case ACTION_NONE:
	default:
		return why_set(why, ERR_INVALID, "no such action");
	}
}

enum err action_begin(struct action *a, const struct action_spec *spec, int64_t wait_ms,
		      struct why *why)
{
	enum err e = begin(a, spec, wait_ms, why);
	a->running = !e;
	return e;
}

void action_on_exec(struct action *a, unsigned id, int code, struct bytes output)
{
	char text[160];
	if (!a->loop || !a->running || a->exec_id != id)
		return;
	int n = output.len > 100 ? 100 : (int)output.len;
	if (code < 0)
		snprintf(text, sizeof text, "no answer in time");
	else
		snprintf(text, sizeof text, "exit code %d: %.*s", code, n, output.at);
	conclude(a, code == 0, text);
}

void action_cancel(struct action *a)
{
	loop_disarm(a->loop, &a->timer);
	net_cancel(a->dial);
	net_http_cancel(a->http);
	a->running = false;
	a->dial = NULL;
	a->http = NULL;
}

void action_end(struct action *a)
{
	if (!a->loop)
		return;
	action_cancel(a);
	a->loop = NULL;
}
