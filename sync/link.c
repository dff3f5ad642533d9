#include "sync/link.h"

#include "base/log.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/json.h"

#include <stdio.h>
#include <stdlib.h>

static const char SESSION_KEY[] = "link/session";
static const char PRESENCE[] = "up/online";

/* Exact topics where there can be: not every engine gives retained messages
 * through a wildcard. */
static const char *const subscriptions[] = { "dn/desired", "dn/ack", "dn/cmd/+", "dn/blob/+/+",
					     "dn/file/+" };
enum { SUBSCRIPTIONS = sizeof subscriptions / sizeof *subscriptions };

/* --- presence --- */

static char *print_presence(const struct link *l, bool online, const char *why)
{
	char boot[BOOT_ID_SIZE];
	struct json *j = json_new_object();
	clock_boot_id(boot);
	boot[4] = '\0';
	json_set_integer(j, "v", 1);
	json_set_bool(j, "online", online);
	json_set_integer(j, "session", l->session);
	json_set_string(j, "boot", boot);
	json_set_string(j, "agent", SKERRY_VERSION);
	json_set_integer(j, "generation", l->generation);
	if (why)
		json_set_string(j, "why", why);
	char *text = json_print(j);
	json_free(j);
	return text;
}

static void publish_presence(struct link *l, bool online, const char *why)
{
	char *text = print_presence(l, online, why);
	enum err e = link_publish(l, PRESENCE, bytes_of(text), 1, true, &l->birth);
	free(text);
	if (e)
		log_debug("presence was not published");
}

static enum err next_session(struct link *l, struct why *why)
{
	struct bytes kept;
	if (l->session == 0 && store_get(l->store, SESSION_KEY, &kept) == OK &&
	    kept.len == sizeof l->session)
		memcpy(&l->session, kept.at, sizeof l->session);
	l->session++;
	return store_put(l->store, SESSION_KEY,
			 (struct bytes){ (const char *)&l->session, sizeof l->session }, why);
}

/* --- going down, and up again --- */

/* The first of a row of equal failures is told, and how many followed when the
 * row ends. */
static void log_failure(struct link *l)
{
	if (strcmp(l->logged.text, l->why.text) == 0) {
		l->unlogged++;
		return;
	}
	l->logged = l->why;
	l->unlogged = 0;
	log_warn("link down, workloads and collection go on why=\"%s\"", l->why.text);
}

/* When to connect again. Connections that never last have a usual reason. */
static void try_later(struct link *l, bool was_up)
{
	const int64_t now_ms = clock_now_ms();
	loop_arm(l->loop, &l->timer, now_ms + pause_next(&l->pause, now_ms));
	if (was_up && l->pause.failures >= LINK_SHORT_LIVED)
		(void)why_set(&l->why, ERR_OFFLINE,
			      "%.120s, again soon after it was up: is there another device %s?",
			      l->why.text, l->device);
}

static void go_down(struct link *l, const struct why *why)
{
	bool was_up = l->is_up;
	l->is_up = l->is_renewing = false;
	l->birth = 0;
	l->why = *why;
	if (was_up || !l->changed_ms)
		l->changed_ms = clock_now_ms();
	loop_disarm(l->loop, &l->timer);
	if (l->redialling && !l->leaving) {
		loop_arm(l->loop, &l->timer, clock_now_ms());
	} else if (!l->leaving) {
		try_later(l, was_up);
		log_failure(l);
	}
	l->redialling = false;
	if (was_up || l->leaving)
		l->hooks.on_down(l->hooks.owner);
}

static void connect(struct link *l)
{
	char will_topic[TOPIC_MAX + 1];
	struct why why;
	enum err e = next_session(l, &why);
	l->is_session_kept = !e;
	if (e) {
		/* A full or broken flash must not keep the board from the cloud; the
		 * number still rises while we live. */
		log_warn("session number not kept, connecting all the same why=\"%s\"", why.text);
	}
	if (l->hooks.on_dial && l->hooks.on_dial(l->hooks.owner, &l->tls, &why)) {
		go_down(l, &why);
		return;
	}
	char *will = print_presence(l, false, "lost");
	topic_make(will_topic, l->fleet, l->device, PRESENCE);
	const struct mqtt_options options = {
		.broker = &l->broker,
		.client_id = l->device,
		.will_topic = will_topic,
		.will = bytes_of(will),
		.join_dir = l->join_dir,
		.tls = l->tls,
	};
	e = mqtt_connect(l->mqtt, &options, &why);
	free(will);
	if (e)
		go_down(l, &why);
}

static void on_timer(void *owner, int64_t now_ms)
{
	struct link *l = owner;
	(void)now_ms;
	if (!mqtt_is_up(l->mqtt)) {
		connect(l);
		return;
	}
	if (l->is_renewing) {
		mqtt_leave(l->mqtt); /* behind what is on its way */
		return;
	}
	mqtt_drop(l->mqtt);
	struct why why;
	(void)why_set(&why, ERR_OFFLINE, "the broker does not answer: no SUBACK in %d s",
		      LINK_SUBSCRIBE_WAIT_MS / 1000);
	go_down(l, &why);
}

/* --- what the connection tells --- */

static void on_up(void *owner)
{
	struct link *l = owner;
	char topics[SUBSCRIPTIONS][TOPIC_MAX + 1];
	const char *filters[SUBSCRIPTIONS];
	struct why why;
	for (size_t i = 0; i < SUBSCRIPTIONS; i++) {
		topic_make(topics[i], l->fleet, l->device, subscriptions[i]);
		filters[i] = topics[i];
	}
	loop_arm(l->loop, &l->timer, clock_now_ms() + LINK_SUBSCRIBE_WAIT_MS);
	if (mqtt_subscribe(l->mqtt, filters, SUBSCRIPTIONS, &why))
		log_warn("subscribing failed, waiting for the connection to end why=\"%s\"",
			 why.text);
}

static void on_subscribed(void *owner, const bool *granted, size_t n)
{
	struct link *l = owner;
	loop_disarm(l->loop, &l->timer);
	l->refused.text[0] = '\0';
	for (size_t i = 0; i < SUBSCRIPTIONS; i++) {
		if (i < n && granted[i])
			continue;
		(void)why_set(&l->refused, ERR_DENIED,
			      "the broker refuses %s: check its access rules for user %s",
			      subscriptions[i], l->device);
		log_err("%s", l->refused.text);
	}
	char where[300], tls[TLS_TEXT_SIZE];
	url_print(&l->broker, where, sizeof where);
	mqtt_describe(l->mqtt, tls);
	if (l->unlogged)
		log_info("link had failed %u more times for the same reason", l->unlogged);
	log_info("link up broker=%s session=%lld%s%s%s", where, (long long)l->session,
		 tls[0] ? " tls=\"" : "", tls, tls[0] ? "\"" : "");
	l->is_up = true;
	pause_note_up(&l->pause, clock_now_ms());
	l->unlogged = 0;
	l->why.text[0] = l->logged.text[0] = '\0';
	l->changed_ms = clock_now_ms();
	publish_presence(l, true, NULL);
	l->hooks.on_up(l->hooks.owner);
}

static void on_down(void *owner, const struct why *why)
{
	go_down(owner, why);
}

static void on_message(void *owner, const struct mqtt_message *m)
{
	struct link *l = owner;
	struct topic topic;
	if (topic_parse(m->topic, &topic) || topic.is_up || strcmp(topic.device, l->device) != 0 ||
	    strcmp(topic.fleet, l->fleet) != 0)
		return; /* nothing that we asked for */
	l->hooks.on_letter(l->hooks.owner, &topic, m->payload);
}

static void on_delivered(void *owner, int ticket)
{
	struct link *l = owner;
	if (ticket == l->birth && l->hooks.on_proved) {
		l->birth = 0;
		l->hooks.on_proved(l->hooks.owner);
	}
	l->hooks.on_delivered(l->hooks.owner, ticket);
}

/* --- the calls --- */

enum err link_open(struct link *l, struct loop *loop, struct store *store,
		   const struct link_options *o, const struct link_hooks *hooks, struct why *why)
{
	*l = (struct link){
		.loop = loop, .store = store, .hooks = *hooks, .broker = *o->broker, .tls = o->tls
	};
	text_copy(l->fleet, sizeof l->fleet, bytes_of(o->fleet));
	text_copy(l->device, sizeof l->device, bytes_of(o->device));
	l->timer = (struct timer){ .owner = l, .on_due = on_timer };
	if (!text_copy(l->join_dir, sizeof l->join_dir, bytes_of(o->join_dir)))
		return why_set(why, ERR_INVALID, "%s: the path is too long", o->join_dir);
	(void)why_set(&l->why, OK, "not connected yet");

	const struct mqtt_hooks mqtt_hooks = {
		.owner = l,
		.on_up = on_up,
		.on_down = on_down,
		.on_message = on_message,
		.on_delivered = on_delivered,
		.on_subscribed = on_subscribed,
	};
	return mqtt_open(loop, &mqtt_hooks, &l->mqtt, why);
}

void link_close(struct link *l)
{
	if (!l->loop)
		return;
	loop_disarm(l->loop, &l->timer);
	mqtt_close(l->mqtt);
	*l = (struct link){ 0 };
}

void link_start(struct link *l)
{
	loop_arm(l->loop, &l->timer, clock_now_ms());
}

void link_renew(struct link *l)
{
	l->is_renewing = true;
	loop_arm(l->loop, &l->timer, clock_now_ms());
}

void link_leave(struct link *l, const char *why)
{
	static const struct why nothing = { "left" };
	l->leaving = true;
	loop_disarm(l->loop, &l->timer);
	if (!l->is_up) {
		mqtt_drop(l->mqtt);
		go_down(l, &nothing);
		return;
	}
	publish_presence(l, false, why);
	mqtt_leave(l->mqtt);
}

void link_redial(struct link *l)
{
	if (!l->is_up || l->leaving)
		return;
	l->redialling = true;
	mqtt_leave(l->mqtt);
}

void link_set_generation(struct link *l, int64_t generation)
{
	if (l->generation == generation)
		return;
	l->generation = generation;
	if (l->is_up)
		publish_presence(l, true, NULL);
}

enum err link_publish(struct link *l, const char *rest, struct bytes payload, int qos, bool retain,
		      int *out_ticket)
{
	char topic[TOPIC_MAX + 1];
	topic_make(topic, l->fleet, l->device, rest);
	const struct mqtt_letter letter = { topic, payload, qos, retain };
	return mqtt_publish(l->mqtt, &letter, out_ticket, NULL);
}
