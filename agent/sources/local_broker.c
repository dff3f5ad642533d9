#include "agent/sources/local_broker.h"

#include "base/log.h"
#include "ports/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static_assert((int)TOPIC_RULES_MAX <= (int)MQTT_FILTERS_MAX, "one SUBSCRIBE has all filters");

struct local_broker {
	struct local_options options;
	char client_id[LABEL_SIZE + 8];
	struct source source;
	struct mqtt *mqtt;
	struct topic_rule rules[TOPIC_RULES_MAX];
	size_t rule_count;
	struct timer timer; /* to connect again, or to give up waiting for SUBACK */
	struct pause pause;
	struct payload_names names;
	struct point point;
	char text[DATAGRAM_MAX + 1];
};

/* --- one message --- */

static void take_object(struct local_broker *b, struct bytes text, struct letter_clock clock)
{
	struct json *object;
	struct why why;
	enum err e = json_parse(text, &object, &why);
	if (!e) {
		e = payload_read_object(object, b->source.stream, &b->names, &b->point, &why);
		if (!e)
			ingest_take(b->options.ingest, &b->source, &b->point, clock);
		json_free(object);
	}
	if (e)
		source_note_invalid(&b->source, &why);
}

static void take_number(struct local_broker *b, struct bytes text, struct letter_clock clock)
{
	struct why why;
	if (payload_read_number(text, b->source.stream, &b->point, &why))
		source_note_invalid(&b->source, &why);
	else
		ingest_take(b->options.ingest, &b->source, &b->point, clock);
}

static void take_message(struct local_broker *b, enum payload_format format, struct bytes text)
{
	struct ingest *g = b->options.ingest;
	const struct letter_clock clock = letter_clock_now();
	if (format == PAYLOAD_AUTO)
		format = payload_recognise(text);
	if (format == PAYLOAD_NUMBER)
		take_number(b, text, clock);
	else if (format == PAYLOAD_JSON)
		take_object(b, text, clock);
	else if (format == PAYLOAD_SENML)
		ingest_take_senml(g, &b->source, text, clock);
	else
		ingest_take_lines(g, &b->source, b->text, text.len, clock);
}

static void on_message(void *owner, const struct mqtt_message *m)
{
	struct local_broker *b = owner;
	struct why why;
	const struct topic_rule *rule = topic_rules_find(b->rules, b->rule_count, m->topic);
	/* Without a rule: the broker remembers a subscription of an earlier configuration. */
	if (!rule || m->retained)
		return;
	if (m->payload.len > DATAGRAM_MAX) {
		(void)why_set(&why, ERR_FULL, "a message of more than %d bytes", DATAGRAM_MAX);
		source_note_invalid(&b->source, &why);
		return;
	}
	/* Lines are read in place, and the library's copy is not ours to change. */
	if (m->payload.len)
		memcpy(b->text, m->payload.at, m->payload.len);
	b->source.stream = rule->stream;
	b->source.tag = (struct tag){ BYTES_LIT("topic"), bytes_of(m->topic) };
	take_message(b, rule->format, (struct bytes){ b->text, m->payload.len });
	b->source.tag = (struct tag){ 0 };
}

/* --- the connection --- */

static void go_down(struct local_broker *b, const struct why *why)
{
	source_note_failure(&b->source, why);
	const int64_t now_ms = clock_now_ms();
	loop_arm(b->options.loop, &b->timer, now_ms + pause_next(&b->pause, now_ms));
}

static void on_down(void *owner, const struct why *why)
{
	go_down(owner, why);
}

static void on_up(void *owner)
{
	struct local_broker *b = owner;
	const char *filters[TOPIC_RULES_MAX];
	struct why why;
	for (size_t i = 0; i < b->rule_count; i++)
		filters[i] = b->rules[i].filter;
	loop_arm(b->options.loop, &b->timer, clock_now_ms() + LOCAL_SUBSCRIBE_WAIT_MS);
	if (mqtt_subscribe(b->mqtt, filters, b->rule_count, &why))
		source_note_failure(&b->source,
				    &why); /* the connection ends, or the timer ends it */
}

static void on_subscribed(void *owner, const bool *granted, size_t n)
{
	struct local_broker *b = owner;
	struct why why;
	loop_disarm(b->options.loop, &b->timer);
	pause_note_up(&b->pause, clock_now_ms());
	size_t i = 0;
	while (i < b->rule_count && i < n && granted[i])
		i++;
	if (i == b->rule_count) {
		source_note_well(&b->source);
		return;
	}
	(void)why_set(&why, ERR_DENIED, "the broker refuses %.80s: check its access rules",
		      b->rules[i].filter);
	source_note_failure(&b->source, &why);
}

static void connect(struct local_broker *b)
{
	struct why why;
	const struct mqtt_options options = {
		.broker = b->options.broker,
		.client_id = b->client_id,
		.user = "",
		.keeps_session = true,
		.cuts_messages = true,
		.join_dir = b->options.join_dir,
	};
	if (mqtt_connect(b->mqtt, &options, &why))
		go_down(b, &why);
}

static void on_timer(void *owner, int64_t now_ms)
{
	struct local_broker *b = owner;
	struct why why;
	(void)now_ms;
	if (!mqtt_is_up(b->mqtt)) {
		connect(b);
		return;
	}
	mqtt_drop(b->mqtt);
	(void)why_set(&why, ERR_OFFLINE, "the broker does not answer: no SUBACK in %d s",
		      LOCAL_SUBSCRIBE_WAIT_MS / 1000);
	go_down(b, &why);
}

enum err local_broker_open(const struct local_options *o, struct local_broker **out,
			   struct why *why)
{
	struct local_broker *b = calloc(1, sizeof *b);
	if (!b)
		return why_set(why, ERR_SYSTEM, "local broker: no memory");
	b->options = *o;
	snprintf(b->client_id, sizeof b->client_id, "skerry-%s", o->device);
	source_init(&b->source, "local_broker", "");
	b->timer = (struct timer){ .owner = b, .on_due = on_timer };
	const struct mqtt_hooks hooks = {
		.owner = b,
		.on_up = on_up,
		.on_down = on_down,
		.on_message = on_message,
		.on_subscribed = on_subscribed,
	};
	enum err e = topic_rules_read(bytes_of(o->topics), b->rules, &b->rule_count, why);
	if (!e)
		e = mqtt_open(o->loop, &hooks, &b->mqtt, why);
	if (e) {
		free(b);
		return e;
	}
	ingest_join(o->ingest, &b->source);
	loop_arm(o->loop, &b->timer, clock_now_ms());
	*out = b;
	return OK;
}

void local_broker_close(struct local_broker *b)
{
	if (!b)
		return;
	loop_disarm(b->options.loop, &b->timer);
	mqtt_close(b->mqtt);
	ingest_leave(b->options.ingest, &b->source);
	free(b);
}
