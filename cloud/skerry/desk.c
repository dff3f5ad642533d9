#include "cloud/skerry/desk.h"

#include "ports/clock.h"
#include "ports/file.h"
#include "ports/random.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

static void on_up(void *owner)
{
	((struct desk *)owner)->is_up = true;
}

static void on_down(void *owner, const struct why *why)
{
	struct desk *d = owner;
	d->is_down = true;
	d->is_up = false;
	d->why = *why;
}

static void on_message(void *owner, const struct mqtt_message *m)
{
	struct desk *d = owner;
	struct topic t;
	if (topic_parse(m->topic, &t))
		return;
	if (strcmp(t.channel, "echo") == 0 && strcmp(t.device, d->name) == 0) {
		if (bytes_are(m->payload, d->echo))
			d->echo[0] = '\0';
		return;
	}
	d->kept += m->retained;
	if (d->on_letter)
		d->on_letter(d->owner, &t, m->payload);
}

static void on_delivered(void *owner, int ticket)
{
	((struct desk *)owner)->delivered = ticket;
}

static void on_subscribed(void *owner, const bool *granted, size_t n)
{
	struct desk *d = owner;
	d->is_subscribed = true;
	d->refused = false;
	for (size_t i = 0; i < n; i++)
		d->refused |= !granted[i];
}

static void on_signal(void *owner, int signo)
{
	struct desk *d = owner;
	if (signo != SIGHUP)
		d->interrupted = true;
}

enum err desk_hear(struct desk *d, struct why *why)
{
	enum err e = loop_turn(d->loop, 0, why);
	return !e && d->interrupted ? why_set(why, ERR_AGAIN, "interrupted") : e;
}

enum err desk_wait(struct desk *d, bool (*done)(void *owner), void *owner, int64_t wait_ms,
		   struct why *why)
{
	const int64_t patience = d->options->patience_ms;
	const int64_t until = clock_now_ms() + (patience ? MIN(patience, wait_ms) : wait_ms);
	while (!done(owner)) {
		int64_t left = until - clock_now_ms();
		if (d->is_down)
			return why_set(why, ERR_OFFLINE, "%s", d->why.text);
		if (d->interrupted)
			return why_set(why, ERR_AGAIN, "interrupted");
		if (left <= 0)
			return why_set(why, ERR_AGAIN, "no answer in time");
		enum err e = loop_turn(d->loop, left, why);
		if (e)
			return e;
	}
	return OK;
}

static bool is_up(void *owner)
{
	return ((struct desk *)owner)->is_up;
}

static enum err connect(struct desk *d, const struct options *o, struct why *why)
{
	char where[300];
	const struct mqtt_options options = {
		.broker = &o->broker,
		.client_id = d->name,
		.join_dir = d->join_dir,
		.tls = o->tls,
	};
	enum err e = mqtt_connect(d->mqtt, &options, why);
	if (e)
		return e;
	e = desk_wait(d, is_up, d, MQTT_DIAL_WAIT_MS, why);
	if (!e)
		return OK;
	const struct why reason = *why;
	url_print(&o->broker, where, sizeof where);
	if (mqtt_was_refused(d->mqtt))
		return why_set(why, ERR_DENIED, "%.100s: %.120s", where, reason.text);
	return why_set(why, d->interrupted ? ERR_AGAIN : ERR_OFFLINE, "no broker at %.100s: %.120s",
		       where, reason.text);
}

enum err desk_open(struct desk *d, struct options *o, struct why *why)
{
	void *owner = d->owner;
	void (*on_letter)(void *, const struct topic *, struct bytes) = d->on_letter;
	*d = (struct desk){ .options = o, .owner = owner, .on_letter = on_letter };
	const struct mqtt_hooks hooks = {
		d, on_up, on_down, on_message, on_delivered, on_subscribed
	};
	strcpy(d->name, "desk-");
	random_name(d->name + 5, 8);
	strcpy(d->join_dir, "/tmp/skerry-desk-XXXXXX");

	enum err e = options_need_broker(o, why);
	if (!e && !mkdtemp(d->join_dir))
		e = why_set(why, ERR_SYSTEM, "no folder for the private socket below /tmp");
	if (!e)
		e = loop_open(&d->loop, why);
	if (!e)
		e = loop_on_signals(d->loop, on_signal, d, why);
	if (!e)
		e = mqtt_open(d->loop, &hooks, &d->mqtt, why);
	if (!e)
		e = connect(d, o, why);
	if (e)
		desk_close(d);
	return e;
}

static bool is_down(void *owner)
{
	return ((struct desk *)owner)->is_down;
}

void desk_close(struct desk *d)
{
	enum { LEAVE_MS = 1000 };
	if (!d->loop)
		return;
	if (d->is_up) {
		mqtt_leave(d->mqtt);
		d->interrupted = false;
		(void)!desk_wait(d, is_down, d, LEAVE_MS, NULL);
	}
	mqtt_close(d->mqtt);
	loop_close(d->loop);
	(void)!dir_remove(d->join_dir, NULL);
	d->loop = NULL;
}

static bool is_subscribed(void *owner)
{
	return ((struct desk *)owner)->is_subscribed;
}

enum err desk_subscribe(struct desk *d, const char *const *rests, size_t n, struct why *why)
{
	char topics[MQTT_FILTERS_MAX][TOPIC_MAX + 1];
	const char *filters[MQTT_FILTERS_MAX];
	for (size_t i = 0; i < n && i < MQTT_FILTERS_MAX; i++) {
		snprintf(topics[i], sizeof topics[i], TOPIC_ROOT "/%s/%s", d->options->fleet,
			 rests[i]);
		filters[i] = topics[i];
	}
	d->is_subscribed = false;
	enum err e = mqtt_subscribe(d->mqtt, filters, n, why);
	if (!e)
		e = desk_wait(d, is_subscribed, d, DESK_WAIT_MS, why);
	if (!e && d->refused)
		e = why_set(why, ERR_DENIED, "the broker does not let this user read %s",
			    filters[0]);
	return e;
}

enum err desk_send(struct desk *d, const char *device, const char *rest, struct bytes payload,
		   int qos, struct why *why)
{
	char topic[TOPIC_MAX + 1];
	topic_make(topic, d->options->fleet, device, rest);
	const struct mqtt_letter letter = { topic, payload, qos, false };
	return mqtt_publish(d->mqtt, &letter, NULL, why);
}

struct delivery {
	const struct desk *desk;
	int ticket;
};

static bool is_delivered(void *owner)
{
	const struct delivery *w = owner;
	return w->desk->delivered == w->ticket;
}

enum err desk_publish(struct desk *d, const char *device, const char *rest, struct bytes payload,
		      bool retain, struct why *why)
{
	char topic[TOPIC_MAX + 1];
	struct delivery w = { d, 0 };
	topic_make(topic, d->options->fleet, device, rest);
	const struct mqtt_letter letter = { topic, payload, 1, retain };
	d->delivered = -1;
	enum err e = mqtt_publish(d->mqtt, &letter, &w.ticket, why);
	return e ? e : desk_wait(d, is_delivered, &w, DESK_WAIT_MS, why);
}

static bool has_echoed(void *owner)
{
	return ((struct desk *)owner)->echo[0] == '\0';
}

enum err desk_settle(struct desk *d, struct why *why)
{
	/* A broker sends us things in order: what we say to ourselves comes last. */
	char rest[32];
	const char *const filter[] = { rest };
	char word[17];
	snprintf(rest, sizeof rest, "%s/dn/echo", d->name);
	enum err e = desk_subscribe(d, filter, 1, why);
	if (e)
		return e;
	random_name(word, sizeof word - 1);
	strcpy(d->echo, word);
	e = desk_send(d, d->name, "dn/echo", bytes_of(word), 1, why);
	return e ? e : desk_wait(d, has_echoed, d, DESK_WAIT_MS, why);
}

struct retained {
	const struct desk *desk;
	size_t before;
};

static bool is_one_more(void *owner)
{
	const struct retained *r = owner;
	return r->desk->kept != r->before;
}

enum err desk_hear_out(struct desk *d, struct why *why)
{
	const int64_t until = clock_now_ms() + DESK_WAIT_MS;
	enum err e = OK;
	while (!e && clock_now_ms() < until) {
		struct retained r = { d, d->kept };
		e = desk_wait(d, is_one_more, &r, DESK_QUIET_MS, why);
	}
	return e == ERR_AGAIN && !d->interrupted ? OK : e;
}
