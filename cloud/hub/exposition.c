#include "cloud/hub/exposition.h"

#include "base/text.h"
#include "ports/clock.h"
#include "ports/listeners.h"
#include "ports/net.h"
#include "ports/socket.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct guest {
	struct exposition *exposition; /* NULL: the place is free */
	struct watch watch;
	struct timer deadline;
	char request[EXPOSITION_REQUEST_MAX];
	size_t have;
};

struct exposition {
	struct loop *loop;
	struct watch watch;
	void *owner;
	void (*on_ask)(void *owner, struct text *out);
	struct guest guests[EXPOSITION_GUESTS_MAX];
};

static void dismiss(struct guest *g)
{
	struct exposition *x = g->exposition;
	loop_unwatch(x->loop, &g->watch);
	loop_disarm(x->loop, &g->deadline);
	close(g->watch.fd);
	g->exposition = NULL;
	loop_change(x->loop, &x->watch, LOOP_READ); /* there is a place again */
}

static void on_deadline(void *owner, int64_t now_ms)
{
	(void)now_ms;
	dismiss(owner);
}

/* The answer is smaller than a socket's buffer: what does not go in at once is not read. */
static void answer(struct guest *g)
{
	static char body[EXPOSITION_ANSWER_MAX]; /* one loop */
	char head[160];
	struct text t = text_in(body, sizeof body);
	const bool known = text_starts(g->request, "GET /metrics ") ||
			   text_starts(g->request, "GET /metrics?");
	if (known)
		g->exposition->on_ask(g->exposition->owner, &t);
	else
		text_add(&t, "there is /metrics\n");
	snprintf(head, sizeof head,
		 "HTTP/1.0 %s\r\nContent-Type: text/plain; version=0.0.4\r\n"
		 "Content-Length: %zu\r\nConnection: close\r\n\r\n",
		 known ? "200 OK" : "404 Not Found", t.len);
	if (!socket_send(g->watch.fd, bytes_of(head)))
		(void)!socket_send(g->watch.fd, text_bytes(&t));
	dismiss(g);
}

static void on_request(void *owner, unsigned events)
{
	struct guest *g = owner;
	const size_t room = sizeof g->request - 1 - g->have;
	const ssize_t n = events & LOOP_READ ? read(g->watch.fd, g->request + g->have, room) : 0;
	if (n <= 0) {
		dismiss(g);
		return;
	}
	g->have += (size_t)n;
	g->request[g->have] = '\0';
	if (strstr(g->request, "\r\n\r\n") || strstr(g->request, "\n\n"))
		answer(g);
	else if (g->have == sizeof g->request - 1)
		dismiss(g);
}

static struct guest *find_place(struct exposition *x)
{
	for (size_t i = 0; i < EXPOSITION_GUESTS_MAX; i++)
		if (!x->guests[i].exposition)
			return &x->guests[i];
	return NULL;
}

static void on_knock(void *owner, unsigned events)
{
	struct exposition *x = owner;
	struct guest *g = find_place(x);
	struct socket_peer peer;
	int fd;
	(void)events;
	if (!g) {
		loop_change(x->loop, &x->watch, 0);
		return;
	}
	if (socket_accept(x->watch.fd, &fd, &peer))
		return;
	*g = (struct guest){ .exposition = x,
			     .watch = { fd, LOOP_READ, g, on_request },
			     .deadline = { .owner = g, .on_due = on_deadline } };
	if (loop_watch(x->loop, &g->watch, NULL)) {
		close(fd);
		g->exposition = NULL;
		return;
	}
	loop_arm(x->loop, &g->deadline, clock_now_ms() + EXPOSITION_WAIT_MS);
}

static enum err read_place(const char *where, char host[NET_ADDRESS_SIZE], long long *port,
			   struct why *why)
{
	const char *colon = strrchr(where, ':');
	struct bytes address = { where, colon ? (size_t)(colon - where) : 0 };
	if (address.len > 2 && where[0] == '[' && where[address.len - 1] == ']')
		address = (struct bytes){ where + 1, address.len - 2 };
	if (!colon || !text_copy(host, NET_ADDRESS_SIZE, address) ||
	    text_number(bytes_of(colon + 1), 1, 65535, port) || !net_is_loopback(host))
		return why_set(why, ERR_INVALID,
			       "--metrics %s: 127.0.0.1:PORT is expected; it says too much for "
			       "any network",
			       where);
	return OK;
}

enum err exposition_open(struct loop *l, const char *where,
			 void (*on_ask)(void *owner, struct text *out), void *owner,
			 struct exposition **out, struct why *why)
{
	char host[NET_ADDRESS_SIZE];
	long long port;
	int fd;
	enum err e = read_place(where, host, &port, why);
	if (!e)
		e = listeners_open(host, (uint16_t)port, &fd, why);
	if (e)
		return e;
	struct exposition *x = calloc(1, sizeof *x);
	if (!x || fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		free(x);
		return why_set(why, ERR_SYSTEM, "--metrics: no memory");
	}
	x->loop = l;
	x->owner = owner;
	x->on_ask = on_ask;
	x->watch = (struct watch){ fd, LOOP_READ, x, on_knock };
	*out = x;
	return loop_watch(l, &x->watch, why);
}

void exposition_close(struct exposition *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < EXPOSITION_GUESTS_MAX; i++)
		if (x->guests[i].exposition)
			dismiss(&x->guests[i]);
	loop_unwatch(x->loop, &x->watch);
	close(x->watch.fd);
	free(x);
}
