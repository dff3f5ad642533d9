/*
 * mqtt - one connection to a broker: MQTT 3.1.1, clean session unless asked otherwise.
 *
 * The library never owns a network socket: it talks to a private Unix socket,
 * and the pump behind it moves the bytes over our own TCP connection, or TLS over
 * it, inside the loop and under our own deadlines. The library hears of a broker
 * that has proved who it is, of no other. Up means CONNACK, nothing less.
 *
 * Nothing outlives a connection: what was not delivered when it ends must be
 * published again by the caller.
 *
 * Implementation: ports/linux/mqtt_mosquitto.c, the only file that sees
 * libmosquitto. Fake: tests/unit/sync/mqtt_fake.c.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "base/url.h"
#include "ports/loop.h"
#include "ports/tls.h"

enum {
	MQTT_KEEPALIVE_S = 60,         /* docs/protocol.md */
	MQTT_DIAL_WAIT_MS = 15 * 1000, /* name, TCP */
	MQTT_CONNACK_WAIT_MS = 30 * 1000,
	MQTT_SILENCE_MS = 2 * MQTT_KEEPALIVE_S * 1000, /* nothing heard, not even PINGRESP */
	MQTT_LEAVE_WAIT_MS = 3 * 1000, /* for the broker to close behind DISCONNECT */
	MQTT_FILTERS_MAX = 8,          /* in one SUBSCRIBE: AWS takes 8 */
};

struct mqtt;

struct mqtt_message {
	const char *topic;
	struct bytes payload; /* borrowed until the hook returns */
	bool retained;
};

struct mqtt_letter {
	const char *topic;
	struct bytes payload;
	int qos; /* 0 or 1 */
	bool retain;
};

struct mqtt_hooks {
	void *owner;
	void (*on_up)(void *owner);
	/* The connection, or the attempt, is over. Not called after mqtt_drop(). */
	void (*on_down)(void *owner, const struct why *why);
	void (*on_message)(void *owner, const struct mqtt_message *m);
	void (*on_delivered)(void *owner, int ticket); /* PUBACK, or sent for QoS 0 */
	/* What the broker said to each filter of the last mqtt_subscribe(). */
	void (*on_subscribed)(void *owner, const bool *granted, size_t n);
};

struct mqtt_options {
	const struct url *broker;
	const char *client_id;
	/* Unless the URL has one, or `tls.cert` says who we are; NULL: the client id; "": none. */
	const char *user;
	bool keeps_session; /* the broker keeps QoS 1 messages while we are away */
	/* Others' messages of any length: more than MESSAGE_MAX may come with the end cut off, and
	 * is still longer than that. Without it, MQTT_FRAME_MAX ends the connection. */
	bool cuts_messages;
	const char *will_topic; /* NULL: no will; QoS 1, retained */
	struct bytes will;
	const char *join_dir; /* a 0700 folder for the private socket */
	struct tls_files tls; /* for mqtts:// */
};

enum err mqtt_open(struct loop *l, const struct mqtt_hooks *hooks, struct mqtt **out,
		   struct why *why);
void mqtt_close(struct mqtt *m); /* NULL is fine */

/* Begin to connect: on_up or on_down follows, unless this already failed: the files
 * for mqtts:// are read here, see tls_prepare(). */
enum err mqtt_connect(struct mqtt *m, const struct mqtt_options *options, struct why *why);

/* End the connection without DISCONNECT; the broker will publish the will. */
void mqtt_drop(struct mqtt *m);

/* Say DISCONNECT behind everything published so far; on_down follows when the
 * broker has closed, or after MQTT_LEAVE_WAIT_MS. */
void mqtt_leave(struct mqtt *m);

bool mqtt_is_up(const struct mqtt *m);

/* How the connection is protected, as tls_describe(); "" for mqtt://. */
void mqtt_describe(const struct mqtt *m, char out[TLS_TEXT_SIZE]);

/* Did the broker answer the last attempt with a refusal? */
bool mqtt_was_refused(const struct mqtt *m);

/* ERR_OFFLINE: not up. ERR_FULL: larger than MESSAGE_MAX. `out_ticket` may be NULL. */
enum err mqtt_publish(struct mqtt *m, const struct mqtt_letter *letter, int *out_ticket,
		      struct why *why);

/* One SUBSCRIBE, QoS 1, of at most MQTT_FILTERS_MAX filters. */
enum err mqtt_subscribe(struct mqtt *m, const char *const *filters, size_t n, struct why *why);

/* Hear what the broker keeps at these topics, once, as messages that are `retained`: not every
 * engine gives retained ones through wildcards. At most MQTT_FILTERS_MAX; no hook tells of it. */
enum err mqtt_recall(struct mqtt *m, const char *const *topics, size_t n, struct why *why);
