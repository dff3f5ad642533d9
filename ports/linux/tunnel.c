#include "ports/linux/tunnel.h"

#include "base/bytes.h"
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

static void make_room(struct tunnel_buffer *b)
{
	memmove(b->at, b->at + b->from, b->to - b->from);
	b->to -= b->from;
	b->ready -= b->from;
	b->from = 0;
}

/* --- the two ends: ERR_AGAIN when nothing moves now, else over --- */

static enum err receive_plain(int fd, char *at, size_t cap, size_t *out_len, struct why *why)
{
	const ssize_t n = recv(fd, at, cap, MSG_DONTWAIT);
	*out_len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return OK;
	if (n == 0)
		return why_set(why, ERR_NOT_FOUND, "closed the connection");
	if (errno == EAGAIN || errno == EINTR)
		return ERR_AGAIN;
	return why_set(why, ERR_OFFLINE, "closed the connection: %s", strerror(errno));
}

static enum err send_plain(int fd, struct bytes b, size_t *out_len, struct why *why)
{
	const ssize_t n = send(fd, b.at, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	*out_len = n > 0 ? (size_t)n : 0;
	if (n >= 0)
		return OK;
	if (errno == EAGAIN || errno == EINTR)
		return ERR_AGAIN;
	return why_set(why, ERR_OFFLINE, "closed the connection: %s", strerror(errno));
}

/* Read what is there, behind what is kept; ERR_AGAIN too when there is no room. */
static enum err fill(struct tunnel_buffer *b, int fd, struct tls *tls, struct why *why)
{
	if (b->to == TUNNEL_BUFFER)
		return ERR_AGAIN;
	size_t n;
	char *at = b->at + b->to;
	const size_t cap = TUNNEL_BUFFER - b->to;
	enum err e = tls ? tls_receive(tls, at, cap, &n, why) : receive_plain(fd, at, cap, &n, why);
	b->to += n;
	return e;
}

/* Write what is there. */
static enum err drain(struct tunnel_buffer *b, int fd, struct tls *tls, struct why *why)
{
	while (!is_empty(b)) {
		size_t n;
		const struct bytes rest = { b->at + b->from, b->ready - b->from };
		enum err e = tls ? tls_send(tls, rest, &n, why) : send_plain(fd, rest, &n, why);
		if (e)
			return e;
		b->from += n;
	}
	return OK;
}

static void forget(struct tunnel_buffer *b)
{
	b->from = b->ready = b->to = 0;
}

static bool is_end(enum err e)
{
	return e && e != ERR_AGAIN;
}

/* --- moving --- */

static void end_far(struct tunnel *t, const char *who, const struct why *how)
{
	if (!t->far_ended && !t->near_ended)
		(void)why_set(&t->why, ERR_OFFLINE, "%s %s", who, how->text);
	t->far_ended = true;
}

/* Fill, take out what is beyond all bounds, and judge what may move on; a bad frame is
 * not kept. */
static enum err fill_frames(struct tunnel_buffer *b, int fd, struct tls *tls,
			    struct packet_cut *cut, struct mqtt_guard *guard, struct why *why)
{
	make_room(b);
	const size_t before = b->ready;
	enum err e = fill(b, fd, tls, why);
	if (e)
		return e;
	size_t len = b->to - before;
	b->ready += cut ? packet_cut(cut, b->at + before, &len) : len;
	b->to = before + len;
	if (!mqtt_guard_walk(guard, (struct bytes){ b->at + before, b->ready - before }, why))
		return OK;
	b->to = b->ready = before;
	return ERR_INVALID;
}

static void deliver(struct tunnel *t)
{
	/* Who reads no more may have written before: its end is told by fill(). */
	if (t->near_ended || is_end(drain(&t->in, t->near.fd, NULL, NULL)))
		forget(&t->in);
}

/* TLS reads whole records: what of one did not fit into the buffer raises no event. */
static void move_in(struct tunnel *t)
{
	struct why how;
	enum err e = OK;
	deliver(t);
	while (!e && !t->far_ended) {
		e = fill_frames(&t->in, t->far.fd, t->tls, t->cuts ? &t->cut : NULL, &t->in_guard,
				&how);
		if (is_end(e))
			end_far(t, "the broker", &how);
		deliver(t);
		if (!t->tls || !tls_has_pending(t->tls))
			break;
	}
}

static void move_out(struct tunnel *t)
{
	struct why how;
	enum err e = ERR_AGAIN;
	if (!t->near_ended)
		e = fill_frames(&t->out, t->near.fd, NULL, NULL, &t->out_guard, &how);
	if (e == ERR_INVALID)
		end_far(t, "our own MQTT library", &how);
	else if (is_end(e))
		t->near_ended = true;
	if (!t->far_ended && is_end(drain(&t->out, t->far.fd, t->tls, &how)))
		end_far(t, "the broker", &how);
}

static void say_goodbye(struct tunnel *t)
{
	if (t->tls)
		tls_say_goodbye(t->tls);
	shutdown(t->far.fd, SHUT_WR);
	t->said_goodbye = true;
}

static void move_bytes(struct tunnel *t)
{
	move_out(t);
	move_in(t);
	if (t->near_ended && !t->far_ended && !t->said_goodbye && is_empty(&t->out))
		say_goodbye(t);
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
	bool writes = !is_empty(&t->out) || (t->tls && tls_wants_write(t->tls));
	unsigned far = (has_room(&t->in) ? LOOP_READ : 0u) | (writes ? LOOP_WRITE : 0u);
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

enum err tunnel_open(struct tunnel *t, struct loop *l, int near_fd, int far_fd, struct tls *tls,
		     struct why *why)
{
	t->loop = l;
	t->tls = tls;
	t->near = (struct watch){
		.fd = near_fd, .events = LOOP_READ, .owner = t, .on_ready = on_ready
	};
	t->far = t->near;
	t->far.fd = far_fd;
	mqtt_guard_init(&t->out_guard, MQTT_CLIENT);
	mqtt_guard_init(&t->in_guard, MQTT_BROKER);
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
