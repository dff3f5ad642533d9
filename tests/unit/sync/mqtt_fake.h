/*
 * mqtt_fake - a broker in memory and its one client, in place of
 * ports/linux/mqtt_mosquitto.c.
 *
 * What a real broker would do at once happens in the next turn of the loop, so
 * that no hook is called from within a call. The test says how the broker
 * behaves and looks at what has reached it.
 */
#pragma once

#include "base/limits.h"
#include "ports/mqtt.h"

enum { FAKE_MESSAGES_MAX = 512 };

struct fake_message {
	char topic[TOPIC_MAX + 1];
	char *payload; /* ends in NUL beyond its length */
	size_t len;
	int qos;
	bool retain;
};

struct fake_broker {
	/* How it behaves. */
	bool is_away;         /* nobody listens */
	bool is_mute;         /* takes the connection and says nothing */
	bool gives_no_suback; /* says CONNACK and not a word more */
	unsigned refuses;     /* bit i: filter i of a SUBSCRIBE */
	bool acknowledges;    /* says PUBACK, `puback_ms` after what it is for */
	int64_t puback_ms;
	size_t takes; /* messages before it ends the connection; 0: any number */

	/* What has reached it. */
	struct fake_message sent[FAKE_MESSAGES_MAX];
	size_t sent_count;
	size_t connects, drops, leaves;
	char client_id[64], will_topic[TOPIC_MAX + 1], will[512];
	char filters[MQTT_FILTERS_MAX][TOPIC_MAX + 1];
	size_t filter_count;
};

/* The only one; clean at the start and after fake_broker_reset(). */
struct fake_broker *fake_broker(void);
void fake_broker_reset(void);

/* Forget what was sent. */
void fake_broker_forget(void);

/* The connection ends for a reason that is not ours. */
void fake_broker_cut(const char *why);

/* A message for the client. */
void fake_broker_publish(const char *topic, struct bytes payload);

/* How many messages on this topic have come; the last of them. */
size_t fake_broker_count(const char *topic);
const struct fake_message *fake_broker_last(const char *topic);
