#include "tests/unit/sync/mqtt_fake.h"

#include "ports/clock.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum phase { IDLE, CONNECTING, UP, LEAVING };

struct mqtt {
	struct loop *loop;
	struct mqtt_hooks hooks;
	enum phase phase;
	struct timer connecting, suback, puback, leaving;
	int ticket, delivered;
};

static struct fake_broker broker;
static struct mqtt *client;

struct fake_broker *fake_broker(void)
{
	return &broker;
}

void fake_broker_forget(void)
{
	for (size_t i = 0; i < broker.sent_count; i++)
		free(broker.sent[i].payload);
	broker.sent_count = 0;
}

void fake_broker_reset(void)
{
	fake_broker_forget();
	broker = (struct fake_broker){ 0 };
}

static void end(struct mqtt *m)
{
	loop_disarm(m->loop, &m->connecting);
	loop_disarm(m->loop, &m->suback);
	loop_disarm(m->loop, &m->puback);
	m->delivered = m->ticket;
	loop_disarm(m->loop, &m->leaving);
	m->phase = IDLE;
}

static void go_down(struct mqtt *m, const char *text)
{
	struct why why;
	if (m->phase == IDLE)
		return;
	end(m);
	(void)why_set(&why, ERR_OFFLINE, "%s", text);
	m->hooks.on_down(m->hooks.owner, &why);
}

void fake_broker_cut(const char *why)
{
	assert_non_null(client);
	go_down(client, why);
}

void fake_broker_publish(const char *topic, struct bytes payload)
{
	const struct mqtt_message m = { topic, payload, false };
	assert_non_null(client);
	assert_int_equal(client->phase, UP);
	client->hooks.on_message(client->hooks.owner, &m);
}

size_t fake_broker_count(const char *topic)
{
	size_t n = 0;
	for (size_t i = 0; i < broker.sent_count; i++)
		n += strcmp(broker.sent[i].topic, topic) == 0;
	return n;
}

const struct fake_message *fake_broker_last(const char *topic)
{
	for (size_t i = broker.sent_count; i-- > 0;)
		if (strcmp(broker.sent[i].topic, topic) == 0)
			return &broker.sent[i];
	fail_msg("nothing was sent to %s", topic);
	return NULL;
}

static void on_connecting(void *owner, int64_t now_ms)
{
	struct mqtt *m = owner;
	(void)now_ms;
	if (broker.is_away) {
		go_down(m, "nobody listens");
		return;
	}
	if (broker.is_mute)
		return;
	m->phase = UP;
	m->hooks.on_up(m->hooks.owner);
}

static void on_suback(void *owner, int64_t now_ms)
{
	struct mqtt *m = owner;
	bool granted[MQTT_FILTERS_MAX];
	(void)now_ms;
	for (size_t i = 0; i < broker.filter_count; i++)
		granted[i] = !(broker.refuses & 1u << i);
	m->hooks.on_subscribed(m->hooks.owner, granted, broker.filter_count);
}

static void on_puback(void *owner, int64_t now_ms)
{
	struct mqtt *m = owner;
	m->hooks.on_delivered(m->hooks.owner, ++m->delivered);
	if (m->delivered < m->ticket)
		loop_arm(m->loop, &m->puback, now_ms + broker.puback_ms);
}

static void on_leaving(void *owner, int64_t now_ms)
{
	(void)now_ms;
	go_down(owner, "left");
}

enum err mqtt_open(struct loop *l, const struct mqtt_hooks *hooks, struct mqtt **out,
		   struct why *why)
{
	struct mqtt *m = calloc(1, sizeof *m);
	if (!m)
		return why_set(why, ERR_SYSTEM, "no memory");
	m->loop = l;
	m->hooks = *hooks;
	m->connecting = (struct timer){ .owner = m, .on_due = on_connecting };
	m->suback = (struct timer){ .owner = m, .on_due = on_suback };
	m->puback = (struct timer){ .owner = m, .on_due = on_puback };
	m->leaving = (struct timer){ .owner = m, .on_due = on_leaving };
	client = *out = m;
	return OK;
}

void mqtt_close(struct mqtt *m)
{
	if (!m)
		return;
	end(m);
	free(m);
	client = NULL;
}

enum err mqtt_connect(struct mqtt *m, const struct mqtt_options *o, struct why *why)
{
	(void)why;
	assert_int_equal(m->phase, IDLE);
	broker.connects++;
	snprintf(broker.client_id, sizeof broker.client_id, "%s", o->client_id);
	snprintf(broker.will_topic, sizeof broker.will_topic, "%s",
		 o->will_topic ? o->will_topic : "");
	snprintf(broker.will, sizeof broker.will, "%.*s", (int)o->will.len, o->will.at);
	m->phase = CONNECTING;
	loop_arm(m->loop, &m->connecting, clock_now_ms());
	return OK;
}

void mqtt_drop(struct mqtt *m)
{
	broker.drops += m->phase != IDLE;
	end(m);
}

void mqtt_leave(struct mqtt *m)
{
	if (m->phase != UP) {
		go_down(m, "left");
		return;
	}
	broker.leaves++;
	m->phase = LEAVING;
	loop_arm(m->loop, &m->leaving, clock_now_ms());
}

void mqtt_describe(const struct mqtt *m, char out[TLS_TEXT_SIZE])
{
	(void)m;
	out[0] = '\0';
}

bool mqtt_is_up(const struct mqtt *m)
{
	return m->phase == UP;
}

enum err mqtt_publish(struct mqtt *m, const struct mqtt_letter *letter, int *out_ticket,
		      struct why *why)
{
	if (m->phase != UP)
		return why_set(why, ERR_OFFLINE, "not connected to the broker");
	if (letter->payload.len > MESSAGE_MAX)
		return why_set(why, ERR_FULL, "too large");
	if (broker.takes && broker.sent_count == broker.takes) {
		loop_arm(m->loop, &m->leaving, clock_now_ms());
		return why_set(why, ERR_OFFLINE, "the connection ended");
	}
	assert_in_range(broker.sent_count, 0, FAKE_MESSAGES_MAX - 1);
	struct fake_message *message = &broker.sent[broker.sent_count++];
	*message = (struct fake_message){ .payload = calloc(1, letter->payload.len + 1),
					  .len = letter->payload.len,
					  .qos = letter->qos,
					  .retain = letter->retain };
	assert_non_null(message->payload);
	if (letter->payload.len)
		memcpy(message->payload, letter->payload.at, letter->payload.len);
	assert_in_range(snprintf(message->topic, sizeof message->topic, "%s", letter->topic), 1,
			TOPIC_MAX);
	m->ticket++;
	if (out_ticket)
		*out_ticket = m->ticket;
	if (broker.acknowledges && !m->puback.armed)
		loop_arm(m->loop, &m->puback, clock_now_ms() + broker.puback_ms);
	return OK;
}

enum err mqtt_subscribe(struct mqtt *m, const char *const *filters, size_t n, struct why *why)
{
	if (m->phase != UP)
		return why_set(why, ERR_OFFLINE, "not connected to the broker");
	assert_in_range(n, 1, MQTT_FILTERS_MAX);
	broker.filter_count = n;
	for (size_t i = 0; i < n; i++)
		snprintf(broker.filters[i], sizeof broker.filters[i], "%s", filters[i]);
	if (!broker.gives_no_suback)
		loop_arm(m->loop, &m->suback, clock_now_ms());
	return OK;
}
