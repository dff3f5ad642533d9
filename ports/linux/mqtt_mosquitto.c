#include "ports/mqtt.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/linux/handshake.h"
#include "ports/linux/tunnel.h"
#include "ports/net.h"
#include "ports/socket.h"

#include <assert.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	KEEPALIVE_CHECK_MS = MQTT_KEEPALIVE_S * 1000 / 6,
	SOCKET_BUFFER = 16 * 1024, /* of the local pair: what lies there is not sent yet */
	REASON_GRANTED_MAX = 2,    /* SUBACK 0, 1, 2 grant a QoS; 0x80 refuses */
};

enum phase { IDLE, DIALLING, SECURING, GREETING, UP, LEAVING };

struct mqtt {
	struct loop *loop;
	struct mqtt_hooks hooks;
	enum phase phase;

	/* What CONNECT will say; kept until the TCP connection is there. */
	char client_id[96], user[64], password[128], will_topic[TOPIC_MAX + 1];
	char will[512];
	size_t will_len;
	bool keeps_session;
	int join_dir; /* O_PATH */

	struct dial *dial;
	struct tls *tls; /* with its session; NULL: never asked for */
	bool is_tls;     /* this connection */
	struct handshake handshake;
	struct mosquitto *mosq;
	struct watch watch; /* libmosquitto's end of the local pair */
	struct tunnel tunnel;
	struct timer deadline, keepalive;
	int64_t heard_ms; /* when something came from the broker last */
	bool inside;      /* a call of the library: it must not be destroyed now */
	bool ended;       /* it reported the end from in there */
	int subscription; /* ticket of the last mqtt_subscribe() */
	bool refused;     /* by the CONNACK of the last attempt */
	bool dropped;     /* we were told to drop it from in there */
	struct why why;
};

static void forget_library(struct mqtt *m)
{
	if (m->watch.fd >= 0)
		loop_unwatch(m->loop, &m->watch);
	m->watch.fd = -1;
	if (m->mosq)
		mosquitto_destroy(m->mosq);
	m->mosq = NULL;
}

void mqtt_drop(struct mqtt *m)
{
	if (m->inside) {
		m->dropped = true;
		return;
	}
	net_cancel(m->dial);
	m->dial = NULL;
	loop_disarm(m->loop, &m->deadline);
	loop_disarm(m->loop, &m->keepalive);
	handshake_cancel(&m->handshake);
	forget_library(m);
	tunnel_close(&m->tunnel);
	if (m->tls)
		tls_end(m->tls);
	close_quietly(take_fd(&m->join_dir));
	m->phase = IDLE;
	m->ended = m->dropped = false;
}

static void go_down(struct mqtt *m, const struct why *why)
{
	const struct why reason = *why;
	if (m->phase == IDLE)
		return;
	mqtt_drop(m);
	m->hooks.on_down(m->hooks.owner, &reason);
}

/* After every call into the library: it may have ended, or have more to write. */
static void settle(struct mqtt *m)
{
	if (!m->mosq || m->inside)
		return;
	if (m->dropped) {
		mqtt_drop(m);
		return;
	}
	if (m->ended) {
		if (m->phase == LEAVING)
			forget_library(m); /* the tunnel still carries DISCONNECT */
		else
			go_down(m, &m->why);
		return;
	}
	if (m->watch.fd >= 0)
		loop_change(m->loop, &m->watch,
			    LOOP_READ | (mosquitto_want_write(m->mosq) ? LOOP_WRITE : 0u));
}

static void note_error(struct mqtt *m, int rc)
{
	if (rc == MOSQ_ERR_SUCCESS || m->ended)
		return;
	m->ended = true;
	(void)why_set(&m->why, ERR_OFFLINE, "the connection ended: %s", mosquitto_strerror(rc));
}

static void on_library_ready(void *owner, unsigned events)
{
	struct mqtt *m = owner;
	int rc = MOSQ_ERR_SUCCESS;
	m->inside = true;
	if (events & LOOP_READ)
		m->heard_ms = clock_now_ms();
	if (events & (LOOP_READ | LOOP_GONE))
		rc = mosquitto_loop_read(m->mosq, 1);
	if (!rc && !m->ended && (events & LOOP_WRITE))
		rc = mosquitto_loop_write(m->mosq, 1);
	m->inside = false;
	note_error(m, rc);
	settle(m);
}

/* The library counts the keepalive too, by a clock that stands while the board sleeps. */
static enum err check_silence(const struct mqtt *m, int64_t now_ms, struct why *why)
{
	const int64_t silent_ms = now_ms - m->heard_ms;
	if (silent_ms < MQTT_SILENCE_MS)
		return OK;
	return why_set(why, ERR_OFFLINE, "the broker does not answer: silent for %lld s",
		       (long long)silent_ms / 1000);
}

static void on_keepalive(void *owner, int64_t now_ms)
{
	struct mqtt *m = owner;
	struct why why;
	enum err e = check_silence(m, now_ms, &why);
	if (!e && m->is_tls)
		e = tls_recheck(m->tls, &why);
	if (e) {
		go_down(m, &why);
		return;
	}
	loop_arm(m->loop, &m->keepalive, now_ms + KEEPALIVE_CHECK_MS);
	m->inside = true;
	int rc = mosquitto_loop_misc(m->mosq);
	m->inside = false;
	note_error(m, rc);
	settle(m);
}

static void on_deadline(void *owner, int64_t now_ms)
{
	struct mqtt *m = owner;
	(void)now_ms;
	struct why why;
	if (m->phase == LEAVING)
		(void)why_set(&why, OK, "left");
	else
		(void)why_set(&why, ERR_OFFLINE, "the broker does not answer: no CONNACK in %d s",
			      MQTT_CONNACK_WAIT_MS / 1000);
	go_down(m, &why);
}

static void on_connack(struct mosquitto *mosq, void *owner, int rc)
{
	struct mqtt *m = owner;
	(void)mosq;
	if (rc) {
		m->ended = m->refused = true;
		(void)why_set(&m->why, ERR_DENIED, "the broker refused: %s",
			      mosquitto_connack_string(rc));
		return;
	}
	m->phase = UP;
	loop_disarm(m->loop, &m->deadline);
	loop_arm(m->loop, &m->keepalive, clock_now_ms() + KEEPALIVE_CHECK_MS);
	m->hooks.on_up(m->hooks.owner);
}

static void on_disconnected(struct mosquitto *mosq, void *owner, int rc)
{
	struct mqtt *m = owner;
	(void)mosq;
	note_error(m, rc ? rc : MOSQ_ERR_CONN_LOST);
}

static void on_message(struct mosquitto *mosq, void *owner, const struct mosquitto_message *got)
{
	struct mqtt *m = owner;
	(void)mosq;
	const struct mqtt_message message = {
		.topic = got->topic,
		.payload = { got->payload, got->payloadlen > 0 ? (size_t)got->payloadlen : 0 },
		.retained = got->retain,
	};
	if (m->hooks.on_message)
		m->hooks.on_message(m->hooks.owner, &message);
}

static void on_publish(struct mosquitto *mosq, void *owner, int ticket)
{
	struct mqtt *m = owner;
	(void)mosq;
	if (m->hooks.on_delivered)
		m->hooks.on_delivered(m->hooks.owner, ticket);
}

static void on_suback(struct mosquitto *mosq, void *owner, int ticket, int count, const int *codes)
{
	struct mqtt *m = owner;
	bool granted[MQTT_FILTERS_MAX] = { false };
	(void)mosq;
	if (ticket != m->subscription)
		return; /* a recall */
	size_t n = count > MQTT_FILTERS_MAX ? MQTT_FILTERS_MAX : (size_t)count;
	for (size_t i = 0; i < n; i++)
		granted[i] = codes[i] >= 0 && codes[i] <= REASON_GRANTED_MAX;
	if (m->hooks.on_subscribed)
		m->hooks.on_subscribed(m->hooks.owner, granted, n);
}

static enum err make_library(struct mqtt *m, struct why *why)
{
	m->mosq = mosquitto_new(m->client_id, !m->keeps_session, m);
	if (!m->mosq)
		return why_set(why, ERR_SYSTEM, "mqtt: no memory");

	/* 3.1.1 and never 5: there, one unknown property aborts libmosquitto before 2.0.16,
	 * and mqtt_guard, which knows no properties, would have to walk them all. */
	mosquitto_int_option(m->mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311);
	mosquitto_max_inflight_messages_set(m->mosq, 0); /* the uplink has its own window */
	mosquitto_connect_callback_set(m->mosq, on_connack);
	mosquitto_disconnect_callback_set(m->mosq, on_disconnected);
	mosquitto_message_callback_set(m->mosq, on_message);
	mosquitto_publish_callback_set(m->mosq, on_publish);
	mosquitto_subscribe_callback_set(m->mosq, on_suback);

	int rc = mosquitto_username_pw_set(m->mosq, m->user[0] ? m->user : NULL,
					   m->password[0] ? m->password : NULL);
	if (!rc && m->will_topic[0])
		rc = mosquitto_will_set(m->mosq, m->will_topic, (int)m->will_len, m->will, 1, true);
	if (rc)
		return why_set(why, ERR_INVALID, "mqtt: %s", mosquitto_strerror(rc));
	return OK;
}

/* Bind, connect, accept and unlink, all before anybody else could: the folder
 * is ours alone, and the peer must be this very process. */
static enum err join(struct mqtt *m, int *out_near, struct why *why)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d/mqtt.sock", m->join_dir);

	int listening;
	enum err e = socket_listen(path, SOCKET_STREAM, 0600, &listening, why);
	if (e)
		return e;
	SCOPED_FD listener = listening;
	int rc = mosquitto_connect(m->mosq, path, 0, MQTT_KEEPALIVE_S);
	struct socket_peer peer = { 0 };
	int near_fd = -1;
	if (!rc)
		e = socket_accept(listener, &near_fd, &peer);
	unlink(path);
	SCOPED_FD near = near_fd;
	if (rc || e)
		return why_set(why, ERR_SYSTEM, "mqtt: join: %s", mosquitto_strerror(rc));
	if (peer.pid != getpid())
		return why_set(why, ERR_DENIED, "mqtt: process %d took the private socket",
			       peer.pid);
	*out_near = take_fd(&near);
	return OK;
}

/* The library's socket, and the pair that it would wake itself with, which it shows to
 * nobody: nothing of this process is for a child, but what it is given. */
static void close_on_exec(void *unused, const char *fd)
{
	(void)unused;
	if (atoi(fd) > STDERR_FILENO)
		fcntl(atoi(fd), F_SETFD, FD_CLOEXEC);
}

static enum err greet(struct mqtt *m, int far_fd, struct why *why)
{
	int near = -1, size = SOCKET_BUFFER;
	SCOPED_FD far = far_fd;
	enum err e = make_library(m, why);
	if (!e)
		e = join(m, &near, why);
	if (e)
		return e;

	int lib = mosquitto_socket(m->mosq);
	(void)!dir_each("/proc/self/fd", close_on_exec, NULL, NULL);
	setsockopt(lib, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(near, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	m->watch = (struct watch){
		.fd = lib, .events = LOOP_READ, .owner = m, .on_ready = on_library_ready
	};
	e = tunnel_open(&m->tunnel, m->loop, near, take_fd(&far), m->is_tls ? m->tls : NULL, why);
	if (!e)
		e = loop_watch(m->loop, &m->watch, why);
	if (e)
		return e;
	m->phase = GREETING;
	loop_arm(m->loop, &m->deadline, clock_now_ms() + MQTT_CONNACK_WAIT_MS);
	settle(m);
	return OK;
}

static void on_secured(void *owner, int fd, const struct why *why)
{
	struct mqtt *m = owner;
	struct why reason = *why;
	if (fd < 0 || greet(m, fd, &reason))
		go_down(m, &reason);
}

static void on_dialled(void *owner, int fd, const struct why *why)
{
	struct mqtt *m = owner;
	struct why reason = *why;
	m->dial = NULL;
	if (!m->is_tls || fd < 0) {
		on_secured(m, fd, why);
		return;
	}
	m->phase = SECURING;
	if (handshake_start(&m->handshake, m->loop, m->tls, fd, &reason))
		go_down(m, &reason);
}

static void on_tunnel_ended(void *owner, const struct why *why)
{
	struct mqtt *m = owner;
	struct why reason = *why;
	/* The last that came may say why: a refusal is sent just before the end. */
	if (m->phase == GREETING && !m->ended)
		mosquitto_loop_read(m->mosq, 1);
	if (m->phase == LEAVING)
		(void)why_set(&reason, OK, "left");
	else if (m->refused)
		reason = m->why;
	go_down(m, &reason);
}

enum err mqtt_open(struct loop *l, const struct mqtt_hooks *hooks, struct mqtt **out,
		   struct why *why)
{
	struct mqtt *m = calloc(1, sizeof *m);
	if (!m)
		return why_set(why, ERR_SYSTEM, "mqtt: no memory");
	mosquitto_lib_init();
	m->loop = l;
	m->hooks = *hooks;
	m->join_dir = -1;
	m->watch.fd = m->tunnel.near.fd = m->tunnel.far.fd = -1;
	m->tunnel.owner = m;
	m->tunnel.on_ended = on_tunnel_ended;
	m->handshake.owner = m;
	m->handshake.on_secured = on_secured;
	m->deadline = (struct timer){ .owner = m, .on_due = on_deadline };
	m->keepalive = (struct timer){ .owner = m, .on_due = on_keepalive };
	*out = m;
	return OK;
}

void mqtt_close(struct mqtt *m)
{
	if (!m)
		return;
	mqtt_drop(m);
	tls_close(m->tls);
	mosquitto_lib_cleanup();
	free(m);
}

static void copy(char *out, size_t cap, const char *from)
{
	snprintf(out, cap, "%s", from ? from : "");
}

bool mqtt_was_refused(const struct mqtt *m)
{
	return m->refused;
}

void mqtt_describe(const struct mqtt *m, char out[TLS_TEXT_SIZE])
{
	out[0] = '\0';
	if (m->is_tls && m->tls)
		tls_describe(m->tls, out);
}

/* Before anything is dialled: a board whose files are wrong troubles no broker. */
static enum err prepare_tls(struct mqtt *m, const struct mqtt_options *o, struct why *why)
{
	enum err e = m->tls ? OK : tls_open(&m->tls, why);
	return e ? e : tls_prepare(m->tls, o->broker->host, &o->tls, why);
}

static const char *user_of(const struct mqtt_options *o)
{
	if (o->broker->user[0])
		return o->broker->user;
	/* The certificate says it; NATS and RabbitMQ refuse whoever says it twice. */
	if (o->broker->tls && o->tls.cert && o->tls.cert[0])
		return "";
	return o->user ? o->user : o->client_id;
}

enum err mqtt_connect(struct mqtt *m, const struct mqtt_options *o, struct why *why)
{
	assert(m->phase == IDLE && o->will.len <= sizeof m->will);
	m->refused = false;
	enum err e = o->broker->tls ? prepare_tls(m, o, why) : OK;
	if (e)
		return e;
	m->is_tls = o->broker->tls;
	copy(m->client_id, sizeof m->client_id, o->client_id);
	copy(m->user, sizeof m->user, user_of(o));
	copy(m->password, sizeof m->password, o->broker->password);
	copy(m->will_topic, sizeof m->will_topic, o->will_topic);
	if (o->will.len)
		memcpy(m->will, o->will.at, o->will.len);
	m->will_len = o->will.len;
	m->keeps_session = o->keeps_session;
	m->tunnel.cuts = o->cuts_messages;

	m->join_dir = open(o->join_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->join_dir < 0)
		return why_set(why, ERR_SYSTEM, "open %s: %s", o->join_dir, strerror(errno));
	const struct dial_hooks hooks = { .owner = m, .on_dialled = on_dialled };
	m->phase = DIALLING;
	e = net_dial(m->loop, o->broker->host, o->broker->port, MQTT_DIAL_WAIT_MS, &hooks, &m->dial,
		     why);
	if (e)
		mqtt_drop(m);
	return e;
}

void mqtt_leave(struct mqtt *m)
{
	if (m->phase != UP) {
		const struct why why = { "left" };
		go_down(m, &why);
		return;
	}
	m->phase = LEAVING;
	loop_disarm(m->loop, &m->keepalive);
	loop_arm(m->loop, &m->deadline, clock_now_ms() + MQTT_LEAVE_WAIT_MS);
	bool outermost = !m->inside;
	m->inside = true;
	int rc = mosquitto_disconnect(m->mosq);
	m->inside = !outermost;
	note_error(m, rc);
	settle(m);
}

bool mqtt_is_up(const struct mqtt *m)
{
	return m->phase == UP;
}

enum err mqtt_publish(struct mqtt *m, const struct mqtt_letter *letter, int *out_ticket,
		      struct why *why)
{
	if (m->phase != UP || m->ended)
		return why_set(why, ERR_OFFLINE, "not connected to the broker");
	if (letter->payload.len > MESSAGE_MAX)
		return why_set(why, ERR_FULL, "a message of %zu bytes; %d are allowed",
			       letter->payload.len, MESSAGE_MAX);

	int ticket = 0;
	int rc = mosquitto_publish(m->mosq, &ticket, letter->topic, (int)letter->payload.len,
				   letter->payload.at, letter->qos, letter->retain);
	if (rc == MOSQ_ERR_INVAL || rc == MOSQ_ERR_MALFORMED_UTF8)
		return why_set(why, ERR_INVALID, "topic %s: %s", letter->topic,
			       mosquitto_strerror(rc));
	note_error(m, rc);
	if (m->ended) {
		/* We may be deep inside a hook: the loop ends the connection. */
		loop_arm(m->loop, &m->keepalive, clock_now_ms());
		return why_set(why, ERR_OFFLINE, "%s", m->why.text);
	}
	if (m->watch.fd >= 0 && mosquitto_want_write(m->mosq))
		loop_change(m->loop, &m->watch, LOOP_READ | LOOP_WRITE);
	if (out_ticket)
		*out_ticket = ticket;
	return OK;
}

static enum err after_subscribing(struct mqtt *m, int rc, struct why *why)
{
	if (rc)
		return why_set(why, ERR_OFFLINE, "subscribe: %s", mosquitto_strerror(rc));
	if (m->watch.fd >= 0 && mosquitto_want_write(m->mosq))
		loop_change(m->loop, &m->watch, LOOP_READ | LOOP_WRITE);
	return OK;
}

enum err mqtt_subscribe(struct mqtt *m, const char *const *filters, size_t n, struct why *why)
{
	assert(n <= MQTT_FILTERS_MAX);
	if (m->phase != UP)
		return why_set(why, ERR_OFFLINE, "not connected to the broker");
	int rc = mosquitto_subscribe_multiple(m->mosq, &m->subscription, (int)n,
					      (char *const *)(uintptr_t)filters, 1, 0, NULL);
	return after_subscribing(m, rc, why);
}

enum err mqtt_recall(struct mqtt *m, const char *const *topics, size_t n, struct why *why)
{
	assert(n <= MQTT_FILTERS_MAX);
	if (m->phase != UP)
		return why_set(why, ERR_OFFLINE, "not connected to the broker");
	char *const *filters = (char *const *)(uintptr_t)topics;
	int rc = mosquitto_subscribe_multiple(m->mosq, NULL, (int)n, filters, 1, 0, NULL);
	if (!rc) /* what is kept is on its way by then: a broker answers in order */
		rc = mosquitto_unsubscribe_multiple(m->mosq, NULL, (int)n, filters, NULL);
	return after_subscribing(m, rc, why);
}
