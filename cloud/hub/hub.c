#include "cloud/hub/hub.h"

#include "base/log.h"
#include "base/text.h"
#include "cloud/hub/about.h"
#include "cloud/hub/control.h"
#include "cloud/hub/database.h"
#include "cloud/hub/drive.h"
#include "cloud/hub/enrol.h"
#include "cloud/hub/files.h"
#include "cloud/hub/freshness.h"
#include "cloud/hub/handover.h"
#include "cloud/hub/push.h"
#include "cloud/hub/recall.h"
#include "cloud/hub/view.h"
#include "ports/clock.h"
#include "ports/notify.h"
#include "ports/random.h"
#include "sync/serve.h"
#include "sync/topic.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* --- publishing --- */

static void publish(struct hub *h, const struct ledger_source *to, const char *rest,
		    struct bytes payload, const struct mqtt_letter *how)
{
	char topic[TOPIC_MAX + 1];
	struct why why;
	topic_make(topic, to->fleet, to->device, rest);
	const struct mqtt_letter letter = { topic, payload, how->qos, how->retain };
	enum err e = mqtt_publish(h->mqtt, &letter, NULL, &why);
	if (e && e != ERR_OFFLINE)
		log_warn("not published topic=%s why=\"%s\"", topic, why.text);
}

static const struct mqtt_letter once = { .qos = 0 }, surely = { .qos = 1 },
				kept = { .qos = 1, .retain = true };

void hub_tell(struct hub *h, const struct ledger_source *to, const char *rest, struct bytes payload)
{
	publish(h, to, rest, payload, &surely);
}

void hub_tell_retained(struct hub *h, const struct ledger_source *to, const char *rest,
		       struct bytes payload)
{
	publish(h, to, rest, payload, &kept);
}

bool hub_has_control(const struct hub *h)
{
	return ledger_is_open(&h->ledger) && roles_have(&h->roles, ROLE_CONTROL, &h->ledger);
}

bool hub_read_caller(const struct json *command, const struct topic *t, struct hub_caller *out)
{
	const char *id = json_string(json_member(command, "id"));
	const char *requester = json_string(json_member(command, "re"));
	*out = (struct hub_caller){ 0 };
	if (!id || !requester || !label_is_valid(bytes_of(id)) ||
	    !label_is_valid(bytes_of(requester)))
		return false;
	strcpy(out->fleet, t->fleet);
	strcpy(out->id, id);
	strcpy(out->requester, requester);
	return true;
}

void hub_answer(struct hub *h, const struct hub_caller *to, int code, struct json *body)
{
	char rest[TOPIC_MAX];
	const struct ledger_source us = { to->fleet, TOPIC_HUB };
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	json_set_string(j, "id", to->id);
	json_set_integer(j, "code", code);
	json_set(j, "body", body);
	char *text = json_print(j);
	json_free(j);
	snprintf(rest, sizeof rest, "up/res/%s", to->requester);
	publish(h, &us, rest, bytes_of(text), &surely);
	free(text);
}

/* --- committing --- */

static void on_ack(void *owner, const char *fleet, const char *device, const char *text)
{
	struct hub *h = owner;
	const struct ledger_source to = { fleet, device };
	h->meter.acks++;
	publish(h, &to, "dn/ack", bytes_of(text), &surely);
}

enum err hub_commit(struct hub *h, struct why *why)
{
	loop_disarm(h->loop, &h->commit);
	h->batches = 0;
	if (!ledger_is_open(&h->ledger))
		return why_set(why, ERR_OFFLINE, "the database is away");
	const int64_t begun_us = clock_now_us();
	const bool is_idle = ledger_is_idle(&h->ledger);
	enum err e = ledger_commit(&h->ledger, why);
	/* Only what is durable, or refused for good, has a receipt. */
	receipts_tell(&h->receipts, on_ack, h);
	if (e) {
		hub_note_trouble(h, why);
	} else if (!is_idle) {
		meter_commit(&h->meter, clock_now_us() - begun_us);
		database_note_success(h);
	}
	return e;
}

static void on_commit_due(void *owner, int64_t now_ms)
{
	struct why why;
	(void)now_ms;
	(void)!hub_commit(owner, &why);
}

void hub_commit_soon(struct hub *h)
{
	struct why why;
	if (++h->batches >= HUB_COMMIT_BATCHES || letters_are_heavy(&h->ledger.letters))
		(void)!hub_commit(h, &why);
	else if (!h->commit.armed && ledger_is_open(&h->ledger))
		loop_arm(h->loop, &h->commit, clock_now_ms() + HUB_COMMIT_MS);
}

/* --- what devices send --- */

static void refuse(struct hub *h, const struct topic *t, const struct intake_receipt *got,
		   const struct why *why)
{
	struct receipt r = { .from = got->seq, .to = got->seq };
	log_warn("batch refused device=%s/%s channel=%s seq=%lld why=\"%s\"", t->fleet, t->device,
		 t->channel, (long long)got->seq, why->text);
	h->meter.bad++;
	if (!got->seq)
		return;
	strcpy(r.fleet, t->fleet);
	strcpy(r.device, t->device);
	strcpy(r.buf, got->buf);
	text_copy(r.bad, sizeof r.bad, bytes_of(why->text));
	receipts_add(&h->receipts, &r);
}

static void on_batch(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct intake_receipt receipt;
	struct why why;
	enum err e = intake_batch(&h->intake, t, payload, &receipt, &why);
	if (e == ERR_INVALID)
		refuse(h, t, &receipt, &why);
	else if (e)
		log_err("batch not kept, the device will send again device=%s/%s why=\"%s\"",
			t->fleet, t->device, why.text);
	hub_commit_soon(h);
}

struct asker {
	struct hub *hub;
	struct ledger_source who;
};

static void answer_block(void *owner, const char *rest, struct bytes payload)
{
	struct asker *a = owner;
	char down[TOPIC_MAX];
	snprintf(down, sizeof down, "dn/%s", rest);
	publish(a->hub, &a->who, down, payload, &once);
}

static void on_blob_get(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct asker a = { h, { t->fleet, t->device } };
	const struct serve_hooks hooks = { &a, answer_block };
	struct why why;
	if (serve_blocks(&h->blobs, payload, &hooks, &why))
		log_warn("request for a blob not understood device=%s/%s why=\"%s\"", t->fleet,
			 t->device, why.text);
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* --- what the broker is asked for --- */

/* An empty acknowledgement: what was lost on the way goes again at once. */
static void greet(void *owner, const struct ledger_source *to)
{
	struct hub *h = owner;
	if (roles_collect_from(&h->roles, to))
		hub_tell(h, to, "dn/ack", BYTES_LIT("{\"buf\":\"\",\"ok\":[]}"));
}

static void on_look(void *owner, int64_t now_ms)
{
	struct hub *h = owner;
	if (!ledger_is_open(&h->ledger) || !roles_have(&h->roles, ROLE_CONTROL, &h->ledger))
		return;
	if (!h->has_recalled && recall_unseen(h)) {
		h->has_recalled = true;
		loop_arm(h->loop, &h->look, now_ms + HUB_LOOK_MS);
		return;
	}
	control_end_look(h);
}

static void tell_connected(struct hub *h)
{
	char where[300], tls[TLS_TEXT_SIZE], place[SQL_PLACE_SIZE];
	url_print(&h->options.broker, where, sizeof where);
	mqtt_describe(h->mqtt, tls);
	sql_print_place(h->options.database, place);
	log_info("connected broker=%s database=%s%s%s%s%s", where, place, tls[0] ? " tls=\"" : "",
		 tls, tls[0] ? "\"" : "",
		 h->share.state == SHARE_YES ? " letters are shared with other hubs" : "");
	pause_note_up(&h->pause, clock_now_ms());
	h->logged.text[0] = '\0';
}

static void on_all_subscribed(struct hub *h)
{
	struct why why;
	if (!h->is_subscribed)
		tell_connected(h);
	h->is_subscribed = true;
	if (ledger_is_open(&h->ledger) && ledger_each_online(&h->ledger, greet, h, &why))
		hub_note_trouble(h, &why);
	loop_arm(h->loop, &h->look, clock_now_ms() + HUB_LOOK_MS);
	fetch_on_up(&h->fetch);
	if (hub_has_control(h))
		enrol_on_up(h);
}

static void subscribe_next(struct hub *h)
{
	struct why why;
	const enum err e = share_subscribe(&h->share, h->mqtt, &why);
	if (e == ERR_NOT_FOUND)
		on_all_subscribed(h);
	else if (e)
		log_err("cannot subscribe why=\"%s\"", why.text);
}

static void on_share_known(struct hub *h)
{
	loop_disarm(h->loop, &h->share_wait);
	if (h->share.state == SHARE_NO)
		log_warn("this broker has no shared subscriptions: several hubs do each letter "
			 "several times, unless each has its --shard i/N");
	share_list(&h->share, &h->roles, h->ledger.id);
	subscribe_next(h);
}

/* --- letters --- */

/* What goes into the database, or comes from it; not called while that is away. */
static void on_kept_letter(struct hub *h, const struct topic *t, struct bytes payload)
{
	static const char *const batches[] = { "telec", "tele", "log", "event", NULL };
	static const char *const documents[] = { "online", "state", NULL };
	const struct ledger_source from = { t->fleet, t->device };
	if (is_one_of(t->channel, batches)) {
		if (roles_collect_from(&h->roles, &from))
			on_batch(h, t, payload);
	} else if (is_one_of(t->channel, documents)) {
		if (roles_have(&h->roles, ROLE_CONTROL, &h->ledger))
			control_on_document(h, t, payload);
	} else if (strcmp(t->channel, "fresh") == 0) {
		if (h->options.fresh_key && roles_have(&h->roles, ROLE_CONTROL, &h->ledger))
			freshness_on_question(h, t, payload);
	} else if (strcmp(t->channel, "file") == 0) {
		if (roles_have(&h->roles, ROLE_SERVE, &h->ledger))
			files_on_letter(h, t, payload);
	}
}

static void on_up_letter(struct hub *h, const struct topic *t, struct bytes payload)
{
	if (strcmp(t->channel, "blob") == 0) {
		if (strcmp(t->a, "get") == 0 && roles_have(&h->roles, ROLE_SERVE, &h->ledger))
			on_blob_get(h, t, payload);
	} else if (strcmp(t->channel, "csr") == 0) {
		if (hub_has_control(h))
			enrol_on_renewal(h, t, payload);
	} else if (ledger_is_open(&h->ledger)) {
		on_kept_letter(h, t, payload);
	}
}

static bool is_about_members(const struct topic *t)
{
	return !t->is_up && strcmp(t->channel, "cmd") == 0 &&
	       (strcmp(t->a, "invite") == 0 || strcmp(t->a, "dismiss") == 0);
}

static void on_own_letter(struct hub *h, const struct topic *t, struct bytes payload)
{
	if (is_about_members(t)) {
		if (hub_has_control(h))
			enrol_on_command(h, t, payload);
		return;
	}
	if (share_on_letter(&h->share, h->client_id, t))
		on_share_known(h);
	else if (t->is_up || !roles_have(&h->roles, ROLE_SERVE, &h->ledger))
		return; /* what hubs say, or another hub's business */
	else if (strcmp(t->channel, "cmd") == 0 && strcmp(t->a, "rollout") == 0)
		handover_on_letter(h, t, payload);
	else if (strcmp(t->channel, "cmd") == 0 && strcmp(t->a, "about") == 0)
		about_on_letter(h, t, payload);
	else if (strcmp(t->channel, "cmd") != 0 || strcmp(t->a, "view") != 0)
		push_on_letter(h, t, payload);
	else if (ledger_is_open(&h->ledger))
		view_on_letter(h, t, payload);
}

static void on_message(void *owner, const struct mqtt_message *m)
{
	struct hub *h = owner;
	struct topic t;
	if (topic_parse(m->topic, &t))
		return;
	if (strcmp(t.device, TOPIC_HUB) == 0)
		on_own_letter(h, &t, m->payload);
	else if (strcmp(t.device, TOPIC_CLAIM) == 0)
		enrol_on_claim(h, &t, m->payload);
	else if (t.is_up)
		on_up_letter(h, &t, m->payload);
	else if (strcmp(t.channel, "desired") == 0 && ledger_is_open(&h->ledger) &&
		 roles_have(&h->roles, ROLE_CONTROL, &h->ledger))
		control_on_desired(h, &t, m->payload);
}

/* --- the connection --- */

static void on_down(void *owner, const struct why *why)
{
	struct hub *h = owner;
	if (h->stopping) {
		loop_stop(h->loop);
		return;
	}
	if (strcmp(h->logged.text, why->text) != 0)
		log_warn("not connected, trying again why=\"%s\"", why->text);
	h->logged = *why;
	loop_disarm(h->loop, &h->look);
	loop_disarm(h->loop, &h->share_wait);
	const int64_t now_ms = clock_now_ms();
	loop_arm(h->loop, &h->timer, now_ms + pause_next(&h->pause, now_ms));
}

static void connect(struct hub *h)
{
	struct why why;
	const struct mqtt_options options = {
		.broker = &h->options.broker,
		.client_id = h->client_id,
		.user = TOPIC_HUB,
		.join_dir = h->options.run_dir,
		.tls = h->options.tls,
	};
	if (mqtt_connect(h->mqtt, &options, &why))
		on_down(h, &why);
}

static void on_timer(void *owner, int64_t now_ms)
{
	(void)now_ms;
	connect(owner);
}

static void on_up(void *owner)
{
	struct hub *h = owner;
	h->is_subscribed = false;
	h->share.state = SHARE_UNKNOWN;
	hub_resume(h);
}

static void on_share_wait(void *owner, int64_t now_ms)
{
	struct hub *h = owner;
	(void)now_ms;
	h->share.state = SHARE_NO;
	on_share_known(h);
}

static void on_subscribed(void *owner, const bool *granted, size_t n)
{
	struct hub *h = owner;
	if (h->share.state == SHARE_ASKED) {
		share_on_subscribed(&h->share, h->mqtt, h->client_id, n > 0 && granted[0]);
		if (h->share.state == SHARE_NO)
			on_share_known(h);
		return;
	}
	for (size_t i = 0; i < n && n <= h->share.asked; i++)
		if (!granted[i])
			log_err("the broker refuses %s: check its access rules for user hub",
				h->share.filters[h->share.asked - n + i]);
	subscribe_next(h);
}

/* Only hubs at one server are several, and a shard is another way to share the work. */
static bool wants_to_share(const struct hub *h)
{
	return (h->roles.mine & ROLE_COLLECT) && !h->roles.shards &&
	       sql_is_address(h->options.database);
}

void hub_resume(struct hub *h)
{
	struct why why;
	if (!mqtt_is_up(h->mqtt) || !ledger_is_open(&h->ledger) || h->share_wait.armed)
		return;
	if (roles_have(&h->roles, ROLE_CONTROL, &h->ledger))
		control_begin_look(h);
	if (h->share.state == SHARE_UNKNOWN && wants_to_share(h)) {
		loop_arm(h->loop, &h->share_wait, clock_now_ms() + SHARE_WAIT_MS);
		if (share_ask(&h->share, h->mqtt, h->client_id, &why))
			log_err("cannot subscribe why=\"%s\"", why.text);
		return;
	}
	share_list(&h->share, &h->roles, h->ledger.id);
	subscribe_next(h);
}

/* From the loop: one that hangs is not alive. */
static void on_pulse(void *owner, int64_t now_ms)
{
	struct hub *h = owner;
	notify_send("WATCHDOG=1");
	loop_arm(h->loop, &h->pulse, now_ms + notify_watchdog_ms() / 3);
}

/* --- opening and running --- */

static void on_ask(void *owner, struct text *out)
{
	const struct hub *h = owner;
	meter_print(&h->meter, roles_have(&h->roles, ROLE_CONTROL, &h->ledger),
		    roles_have(&h->roles, ROLE_SERVE, &h->ledger), ledger_is_open(&h->ledger), out);
}

enum err hub_open(struct hub *h, const struct hub_options *options, struct why *why)
{
	*h = (struct hub){ .options = *options, .pause.limit_ms = HUB_PAUSE_LIMIT_MS };
	h->timer = (struct timer){ .owner = h, .on_due = on_timer };
	h->look = (struct timer){ .owner = h, .on_due = on_look };
	h->share_wait = (struct timer){ .owner = h, .on_due = on_share_wait };
	h->pulse = (struct timer){ .owner = h, .on_due = on_pulse };
	h->roles.mine = options->roles;
	h->commit = (struct timer){ .owner = h, .on_due = on_commit_due };
	strcpy(h->client_id, "hub-");
	random_name(h->client_id + 4, 8);

	const struct mqtt_hooks hooks = {
		.owner = h,
		.on_up = on_up,
		.on_down = on_down,
		.on_message = on_message,
		.on_subscribed = on_subscribed,
	};
	enum err e = options->fresh_key ? freshness_check(options->fresh_key, why) : OK;
	if (!e)
		e = loop_open(&h->loop, why);
	if (!e && options->shard)
		e = roles_read_shard(&h->roles, options->shard, why);
	if (!e)
		e = intake_open(&h->intake, &h->ledger, why);
	if (!e)
		e = blobs_open(&h->blobs, options->blobs, why);
	if (!e)
		e = depot_open(&h->depot, options->files, why);
	if (!e)
		e = mqtt_open(h->loop, &hooks, &h->mqtt, why);
	if (!e && options->metrics)
		e = exposition_open(h->loop, options->metrics, on_ask, h, &h->exposition, why);
	if (!e)
		e = database_open(h, why);
	if (!e)
		e = enrol_open(h, why);
	push_init(h);
	if (!e)
		drive_init(h);
	return e;
}

static void on_signal(void *owner, int signo)
{
	struct hub *h = owner;
	if (signo == SIGHUP)
		return;
	struct why why;
	notify_send("STOPPING=1");
	h->stopping = true;
	(void)!hub_commit(h, &why);
	mqtt_leave(h->mqtt);
	loop_stop(h->loop);
}

enum err hub_run(struct hub *h, struct why *why)
{
	enum err e = loop_on_signals(h->loop, on_signal, h, why);
	if (e)
		return e;
	notify_send("READY=1");
	if (notify_watchdog_ms())
		on_pulse(h, clock_now_ms());
	connect(h);
	return loop_run(h->loop, why);
}

void hub_close(struct hub *h)
{
	exposition_close(h->exposition);
	fetch_stop(&h->fetch);
	files_close(h);
	mqtt_close(h->mqtt);
	enrol_close(h);
	drive_close(h);
	database_close(h);
	intake_close(&h->intake);
	loop_close(h->loop);
}
