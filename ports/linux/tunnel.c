#include "ports/linux/tunnel.h"

#include "base/scoped.h"

#include <string.h>
#include <sys/socket.h>

static bool is_empty(const struct tunnel_buffer *b)
{
	return b->from == b->ready;
}

static bool has_room(const struct tunnel_buffer *b)
{
	return b->to < TUNNEL_BUFFER || b->from > 0;
}

/* Read what is there; false: the descriptor has ended, errno says how (0: in peace). */
static bool fill(struct tunnel_buffer *b, int fd)
{
	if (b->from) {
		memmove(b->at, b->at + b->from, b->to - b->from);
		b->to -= b->from;
		b->ready -= b->from;
		b->from = 0;
	}
	if (b->to == TUNNEL_BUFFER)
		return true;
	ssize_t n = recv(fd, b->at + b->to, TUNNEL_BUFFER - b->to, MSG_DONTWAIT);
	if (n > 0)
		b->to += (size_t)n;
	if (n == 0)
		errno = 0;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool drain(struct tunnel_buffer *b, int fd)
{
	while (!is_empty(b)) {
		ssize_t n =
			send(fd, b->at + b->from, b->ready - b->from, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		b->from += (size_t)n;
	}
	return true;
}

static void look(struct tunnel *t)
{
	size_t len = t->in.to - t->in.ready;
	const size_t good = packet_cut(&t->cut, t->in.at + t->in.ready, &len);
	t->in.to = t->in.ready + len;
	t->in.ready += good;
	t->out.ready = t->out.to;
}

static void forget(struct tunnel_buffer *b)
{
	b->from = b->ready = b->to = 0;
}

static void end_far(struct tunnel *t, const char *what)
{
	if (!t->far_ended && !t->near_ended)
		(void)why_set(&t->why, ERR_OFFLINE, "the broker %s%s%s", what, errno ? ": " : "",
			      errno ? strerror(errno) : "");
	t->far_ended = true;
}

static void move_bytes(struct tunnel *t)
{
	if (!t->near_ended && !fill(&t->out, t->near.fd))
		t->near_ended = true;
	look(t);
	if (!t->far_ended && !drain(&t->out, t->far.fd))
		end_far(t, "closed the connection");
	if (!t->far_ended && !fill(&t->in, t->far.fd))
		end_far(t, "closed the connection");
	look(t);
	/* Who reads no more may have written before: its end is told by fill(). */
	if (t->near_ended || !drain(&t->in, t->near.fd))
		forget(&t->in);
	if (t->near_ended && !t->far_ended && !t->said_goodbye && is_empty(&t->out)) {
		shutdown(t->far.fd, SHUT_WR);
		t->said_goodbye = true;
	}
}

/* Closing while the far end still sends would reset the connection, and take
 * from it what it has not read yet: its end is awaited. */
static bool is_over(const struct tunnel *t)
{
	return t->far_ended && is_empty(&t->in);
}

static void set_events(struct tunnel *t)
{
	unsigned near = (has_room(&t->out) ? LOOP_READ : 0u) | (is_empty(&t->in) ? 0u : LOOP_WRITE);
	unsigned far = (has_room(&t->in) ? LOOP_READ : 0u) | (is_empty(&t->out) ? 0u : LOOP_WRITE);
	/* An ended descriptor would report that it is gone at every turn. */
	if (t->near_ended && t->near.fd >= 0)
		loop_unwatch(t->loop, &t->near);
	else
		loop_change(t->loop, &t->near, near);
	if (t->far_ended && t->far.fd >= 0)
		loop_unwatch(t->loop, &t->far);
	else
		loop_change(t->loop, &t->far, far);
}

static void on_ready(void *owner, unsigned events)
{
	struct tunnel *t = owner;
	(void)events;
	move_bytes(t);
	if (!is_over(t)) {
		set_events(t);
		return;
	}
	const struct why why = t->why;
	tunnel_close(t);
	t->on_ended(t->owner, &why);
}

enum err tunnel_open(struct tunnel *t, struct loop *l, int near_fd, int far_fd, struct why *why)
{
	t->loop = l;
	t->near = (struct watch){
		.fd = near_fd, .events = LOOP_READ, .owner = t, .on_ready = on_ready
	};
	t->far = t->near;
	t->far.fd = far_fd;
	t->near_ended = t->far_ended = t->said_goodbye = false;
	forget(&t->out);
	forget(&t->in);
	t->cut = (struct packet_cut){ 0 };
	t->why.text[0] = '\0';

	enum err e = loop_watch(l, &t->near, why);
	if (!e)
		e = loop_watch(l, &t->far, why);
	if (e)
		tunnel_close(t);
	return e;
}

void tunnel_close(struct tunnel *t)
{
	struct watch *ends[] = { &t->near, &t->far };
	if (!t->loop)
		return;
	for (size_t i = 0; i < 2; i++) {
		if (ends[i]->fd < 0)
			continue;
		loop_unwatch(t->loop, ends[i]);
		close(ends[i]->fd);
		ends[i]->fd = -1;
	}
}
