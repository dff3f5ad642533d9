#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/net.h"

#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

enum { REQUEST_MAX = 1024, ANSWER_MAX = 64 };

struct http_get {
	struct loop *loop;
	struct http_hooks hooks;
	struct dial *dial;
	struct watch watch;
	struct timer deadline;
	char request[REQUEST_MAX];
	size_t request_len;
	char answer[ANSWER_MAX]; /* the status line is all we want */
	size_t answer_len;
};

void net_http_cancel(struct http_get *g)
{
	if (!g)
		return;
	net_cancel(g->dial);
	loop_disarm(g->loop, &g->deadline);
	loop_unwatch(g->loop, &g->watch);
	close_quietly(g->watch.fd);
	free(g);
}

static void finish(struct http_get *g, int status, const char *reason)
{
	struct http_hooks hooks = g->hooks;
	struct why why;
	(void)why_set(&why, OK, "%s", reason);
	net_http_cancel(g);
	hooks.on_answered(hooks.owner, status, &why);
}

static void on_deadline(void *owner, int64_t now_ms)
{
	(void)now_ms;
	finish(owner, -1, "no answer in time");
}

static void on_ready(void *owner, unsigned events)
{
	struct http_get *g = owner;
	int status;
	if (events & LOOP_WRITE) {
		/* A request of 1 KiB fits into the empty buffer of a new connection. */
		ssize_t sent = send(g->watch.fd, g->request, g->request_len, MSG_NOSIGNAL);
		if (sent != (ssize_t)g->request_len) {
			finish(g, -1, "the request could not be sent");
			return;
		}
		loop_change(g->loop, &g->watch, LOOP_READ);
		return;
	}
	ssize_t n = recv(g->watch.fd, g->answer + g->answer_len, ANSWER_MAX - 1 - g->answer_len, 0);
	if (n > 0)
		g->answer_len += (size_t)n;
	g->answer[g->answer_len] = '\0';
	bool whole = strchr(g->answer, '\n') || g->answer_len == ANSWER_MAX - 1;
	if (n > 0 && !whole)
		return;
	if (sscanf(g->answer, "HTTP/%*d.%*d %d", &status) == 1)
		finish(g, status, "");
	else
		finish(g, -1, "the answer is not HTTP");
}

static void on_dialled(void *owner, int fd, const struct why *why)
{
	struct http_get *g = owner;
	g->dial = NULL;
	if (fd < 0) {
		finish(g, -1, why->text);
		return;
	}
	g->watch =
		(struct watch){ .fd = fd, .events = LOOP_WRITE, .owner = g, .on_ready = on_ready };
	if (loop_watch(g->loop, &g->watch, NULL))
		finish(g, -1, "the connection could not be watched");
}

static bool has_header(const char *lines, const char *name)
{
	size_t n = strlen(name);
	for (; *lines; lines += strcspn(lines, "\n") + 1)
		if (strncasecmp(lines, name, n) == 0 && lines[n] == ':')
			return true;
	return false;
}

static bool write_request(struct http_get *g, const struct http_request *q)
{
	struct text t = text_in(g->request, sizeof g->request);
	text_add(&t, "GET %s HTTP/1.1\r\n", q->path);
	if (!has_header(q->headers, "Host"))
		text_add(&t, "Host: %s:%u\r\n", q->host, q->port);
	if (!has_header(q->headers, "User-Agent"))
		text_add(&t, "User-Agent: skerry\r\n");
	text_add(&t, "%sConnection: close\r\n\r\n", q->headers);
	g->request_len = t.len;
	return !text_is_cut(&t);
}

enum err net_http_get(struct loop *l, const struct http_request *q, const struct http_hooks *hooks,
		      struct http_get **out, struct why *why)
{
	struct http_get *g = calloc(1, sizeof *g);
	if (!g)
		return why_set(why, ERR_SYSTEM, "http: no memory");
	g->loop = l;
	g->hooks = *hooks;
	g->watch.fd = -1;
	g->deadline = (struct timer){ .owner = g, .on_due = on_deadline };

	const struct dial_hooks dial = { .owner = g, .on_dialled = on_dialled };
	enum err e = OK;
	if (!write_request(g, q))
		e = why_set(why, ERR_FULL, "http: path and headers are too long");
	if (!e)
		e = net_dial(l, q->host, q->port, q->wait_ms, &dial, &g->dial, why);
	if (!e && q->network_fd > 0)
		e = net_dial_in(g->dial, q->network_fd, why);
	if (e) {
		net_http_cancel(g);
		return e;
	}
	loop_arm(l, &g->deadline, clock_now_ms() + q->wait_ms);
	*out = g;
	return OK;
}
