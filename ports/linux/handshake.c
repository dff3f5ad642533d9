#include "ports/linux/handshake.h"

#include "base/scoped.h"
#include "ports/clock.h"

static int let_go(struct handshake *h)
{
	loop_disarm(h->loop, &h->deadline);
	loop_unwatch(h->loop, &h->watch);
	h->loop = NULL;
	return take_fd(&h->watch.fd);
}

void handshake_cancel(struct handshake *h)
{
	if (h->loop)
		close_quietly(let_go(h));
}

static void fail(struct handshake *h, const struct why *why)
{
	handshake_cancel(h);
	h->on_secured(h->owner, -1, why);
}

static void on_ready(void *owner, unsigned events)
{
	struct handshake *h = owner;
	struct why why = { "" };
	(void)events;
	enum err e = tls_shake(h->tls, &why);
	if (e == ERR_AGAIN)
		loop_change(h->loop, &h->watch, tls_wants_write(h->tls) ? LOOP_WRITE : LOOP_READ);
	else if (e)
		fail(h, &why);
	else
		h->on_secured(h->owner, let_go(h), &why);
}

static void on_deadline(void *owner, int64_t now_ms)
{
	struct handshake *h = owner;
	struct why why;
	(void)now_ms;
	(void)why_set(&why, ERR_OFFLINE,
		      "the broker does not answer: no TLS handshake in %d s; is this its TLS port?",
		      TLS_HANDSHAKE_WAIT_MS / 1000);
	fail(h, &why);
}

enum err handshake_start(struct handshake *h, struct loop *l, struct tls *tls, int fd,
			 struct why *why)
{
	SCOPED_FD socket = fd;
	enum err e = tls_begin(tls, fd, why);
	h->tls = tls;
	/* The first word is ours: the socket can be written at once. */
	h->watch =
		(struct watch){ .fd = fd, .events = LOOP_WRITE, .owner = h, .on_ready = on_ready };
	h->deadline = (struct timer){ .owner = h, .on_due = on_deadline };
	if (!e)
		e = loop_watch(l, &h->watch, why);
	if (e)
		return e;
	(void)take_fd(&socket);
	h->loop = l;
	loop_arm(l, &h->deadline, clock_now_ms() + TLS_HANDSHAKE_WAIT_MS);
	return OK;
}
