#include "cloud/hub/hub.h"

#include "base/log.h"
#include "base/text.h"
#include "cloud/hub/files.h"
#include "cloud/hub/push.h"
#include "ports/clock.h"
#include "ports/json.h"
#include "ports/random.h"
#include "sync/desired.h"
#include "sync/serve.h"
#include "sync/topic.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const subscriptions[] = { TOPIC_ROOT "/+/+/up/#", TOPIC_ROOT "/+/+/dn/desired",
					     TOPIC_ROOT "/+/" TOPIC_HUB "/dn/#" };
enum { SUBSCRIPTIONS = sizeof subscriptions / sizeof *subscriptions };

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

/* --- committing --- */

static void on_ack(void *owner, const char *fleet, const char *device, const char *text)
{
	const struct ledger_source to = { fleet, device };
	publish(owner, &to, "dn/ack", bytes_of(text), &surely);
}

enum err hub_commit(struct hub *h, struct why *why)
{
	loop_disarm(h->loop, &h->commit);
	h->batches = 0;
	enum err e = ledger_commit(&h->ledger, why);
	if (e) /* not acknowledged: the devices keep it and send it again */
		receipts_forget(&h->receipts);
	else
		receipts_tell(&h->receipts, on_ack, h);
	return e;
}

static void commit(struct hub *h)
{
	struct why why;
	if (hub_commit(h, &why))
		log_err("commit failed, devices will send again why=\"%s\"", why.text);
}

static void on_commit_due(void *owner, int64_t now_ms)
{
	(void)now_ms;
	commit(owner);
}

static void commit_soon(struct hub *h)
{
	if (++h->batches >= HUB_COMMIT_BATCHES)
		commit(h);
	else if (!h->commit.armed)
		loop_arm(h->loop, &h->commit, clock_now_ms() + HUB_COMMIT_MS);
}

/* --- what devices send --- */

static void note_receipt(struct hub *h, const struct topic *t, const struct intake_receipt *got,
			 const char *bad)
{
	struct receipt r = { .from = got->seq, .to = got->seq };
	strcpy(r.fleet, t->fleet);
	strcpy(r.device, t->device);
	strcpy(r.buf, got->buf);
	text_copy(r.bad, sizeof r.bad, bytes_of(bad));
	if (!receipts_add(&h->receipts, &r)) {
		commit(h);
		receipts_add(&h->receipts, &r);
	}
}

static void on_batch(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct intake_receipt receipt;
	struct why why;
	enum err e = intake_batch(&h->intake, t, payload, &receipt, &why);
	if (!e) {
		note_receipt(h, t, &receipt, "");
		commit_soon(h);
	} else if (e == ERR_INVALID) {
		log_warn("batch refused device=%s/%s channel=%s seq=%lld why=\"%s\"", t->fleet,
			 t->device, t->channel, (long long)receipt.seq, why.text);
		if (receipt.seq)
			note_receipt(h, t, &receipt, why.text);
		commit_soon(h);
	} else {
		log_err("batch not kept, the device will send again device=%s/%s why=\"%s\"",
			t->fleet, t->device, why.text);
		ledger_rollback(&h->ledger);
		receipts_forget(&h->receipts);
	}
}

/* The device has an older state than we know of: show it the newer one. */
static void show_desired(struct hub *h, const struct ledger_source *to, int64_t has_epoch,
			 int64_t has_generation)
{
	struct bytes document;
	int64_t epoch, generation;
	if (ledger_get_desired(&h->ledger, to, &document, &epoch, &generation))
		return;
	if (epoch < has_epoch || (epoch == has_epoch && generation <= has_generation))
		return;
	log_info("desired state shown again device=%s/%s generation=%lld, it has %lld", to->fleet,
		 to->device, (long long)generation, (long long)has_generation);
	publish(h, to, "dn/desired", document, &kept);
}

static void on_presence(struct hub *h, const struct topic *t, const struct json *j)
{
	const struct ledger_source from = { t->fleet, t->device };
	struct ledger_presence p = {
		.received_ms = clock_wall_ms(),
		.boot = json_string(json_member(j, "boot")),
		.agent = json_string(json_member(j, "agent")),
		.why_left = json_string(json_member(j, "why")),
	};
	struct why why;
	if (!json_bool(json_member(j, "online"), &p.online) ||
	    !json_integer(json_member(j, "session"), &p.session))
		return;
	json_integer(json_member(j, "generation"), &p.generation);
	if (ledger_begin(&h->ledger, &why) || ledger_set_presence(&h->ledger, &from, &p, &why))
		log_err("presence not kept device=%s/%s why=\"%s\"", t->fleet, t->device, why.text);
	commit_soon(h);
}

/* What a state says of the device's place: on which connection, and how far it is. */
struct standing {
	int64_t session, epoch, observed;
};

static bool read_standing(const struct json *state, struct standing *out)
{
	*out = (struct standing){ 0 };
	json_integer(json_member(state, "session"), &out->session);
	json_integer(json_member(state, "epoch"), &out->epoch);
	return json_integer(json_member(state, "observed"), &out->observed);
}

/* Where the device stood before; all zeroes: it is new. */
static struct standing standing_before(struct hub *h, const struct ledger_source *from)
{
	struct standing before = { 0 };
	struct bytes text;
	struct json *j;
	if (ledger_get_state(&h->ledger, from, &text) || json_parse(text, &j, NULL))
		return before;
	read_standing(j, &before);
	json_free(j);
	return before;
}

static void on_state(struct hub *h, const struct topic *t, const struct json *j,
		     struct bytes payload)
{
	const struct ledger_source from = { t->fleet, t->device };
	const struct standing before = standing_before(h, &from);
	struct standing now;
	struct why why;
	if (ledger_begin(&h->ledger, &why) ||
	    ledger_set_state(&h->ledger, &from, payload, clock_wall_ms(), &why))
		log_err("state not kept device=%s/%s why=\"%s\"", t->fleet, t->device, why.text);
	commit_soon(h);
	/* Once for each connection: a device that refuses it would be shown it for ever. */
	if (read_standing(j, &now) && (now.session != before.session || now.epoch != before.epoch ||
				       now.observed != before.observed))
		show_desired(h, &from, now.epoch, now.observed);
}

static void on_desired(struct hub *h, const struct topic *t, struct bytes payload)
{
	const struct ledger_source to = { t->fleet, t->device };
	struct desired d;
	struct why why;
	enum err e = ledger_begin(&h->ledger, &why);
	if (!e && !payload.len) {
		e = ledger_forget_desired(&h->ledger, &to, &why);
	} else if (!e) {
		e = desired_open(payload, t->fleet, t->device, &d, &why);
		if (!e)
			e = ledger_set_desired(&h->ledger, &to, payload, d.id.epoch,
					       d.id.generation, &why);
		if (!e)
			e = ledger_mark_seen(&h->ledger, &to, &why);
		desired_free(&d);
	}
	if (e)
		log_warn("desired state not kept device=%s/%s why=\"%s\"", t->fleet, t->device,
			 why.text);
	commit_soon(h);
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

static void on_document(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct json *j;
	struct why why;
	if (!payload.len)
		return; /* a retained one was cleared */
	if (json_parse(payload, &j, &why)) {
		log_warn("message not understood device=%s/%s channel=%s why=\"%s\"", t->fleet,
			 t->device, t->channel, why.text);
		return;
	}
	if (strcmp(t->channel, "online") == 0)
		on_presence(h, t, j);
	else
		on_state(h, t, j, payload);
	json_free(j);
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static void on_up_letter(struct hub *h, const struct topic *t, struct bytes payload)
{
	static const char *const batches[] = { "telec", "tele", "log", "event", NULL };
	static const char *const documents[] = { "online", "state", NULL };
	if (is_one_of(t->channel, batches))
		on_batch(h, t, payload);
	else if (is_one_of(t->channel, documents))
		on_document(h, t, payload);
	else if (strcmp(t->channel, "file") == 0)
		files_on_letter(h, t, payload);
	else if (strcmp(t->channel, "blob") == 0 && strcmp(t->a, "get") == 0)
		on_blob_get(h, t, payload);
}

static void on_message(void *owner, const struct mqtt_message *m)
{
	struct hub *h = owner;
	struct topic t;
	if (topic_parse(m->topic, &t))
		return;
	if (strcmp(t.device, TOPIC_HUB) == 0) {
		if (!t.is_up)
			push_on_letter(h, &t, m->payload);
	} else if (t.is_up) {
		on_up_letter(h, &t, m->payload);
	} else if (strcmp(t.channel, "desired") == 0) {
		on_desired(h, &t, m->payload);
	}
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
	struct why why;
	commit(h);
	if (ledger_mark_all_unseen(&h->ledger, &why))
		log_err("desired states not marked why=\"%s\"", why.text);
	if (mqtt_subscribe(h->mqtt, subscriptions, SUBSCRIPTIONS, &why))
		log_err("cannot subscribe why=\"%s\"", why.text);
}

/* An empty acknowledgement: what was lost on the way goes again at once. */
static void greet(void *owner, const struct ledger_source *to)
{
	publish(owner, to, "dn/ack", BYTES_LIT("{\"buf\":\"\",\"ok\":[]}"), &surely);
}

/* A broker without persistence forgets retained messages when it restarts: it
 * gets them back, for devices and for desks that build on them. */
static void give_back(void *owner, const struct ledger_source *to)
{
	struct hub *h = owner;
	struct bytes document;
	int64_t epoch, generation;
	if (ledger_get_desired(&h->ledger, to, &document, &epoch, &generation))
		return;
	log_info("desired state given back to the broker device=%s/%s generation=%lld", to->fleet,
		 to->device, (long long)generation);
	publish(h, to, "dn/desired", document, &kept);
}

static void on_look(void *owner, int64_t now_ms)
{
	struct hub *h = owner;
	struct why why;
	(void)now_ms;
	if (ledger_each_unseen(&h->ledger, give_back, h, &why))
		log_err("desired states not looked through why=\"%s\"", why.text);
}

static void on_subscribed(void *owner, const bool *granted, size_t n)
{
	struct hub *h = owner;
	char where[300], tls[TLS_TEXT_SIZE];
	for (size_t i = 0; i < SUBSCRIPTIONS; i++)
		if (i >= n || !granted[i])
			log_err("the broker refuses %s: check its access rules for user hub",
				subscriptions[i]);
	url_print(&h->options.broker, where, sizeof where);
	mqtt_describe(h->mqtt, tls);
	log_info("connected broker=%s database=%s%s%s%s", where, h->options.database,
		 tls[0] ? " tls=\"" : "", tls, tls[0] ? "\"" : "");
	pause_note_up(&h->pause, clock_now_ms());
	h->logged.text[0] = '\0';
	struct why why;
	if (ledger_each_online(&h->ledger, greet, h, &why))
		log_err("devices not greeted why=\"%s\"", why.text);
	loop_arm(h->loop, &h->look, clock_now_ms() + HUB_LOOK_MS);
	fetch_on_up(&h->fetch);
}

/* --- opening and running --- */

enum err hub_open(struct hub *h, const struct hub_options *options, struct why *why)
{
	*h = (struct hub){ .options = *options, .pause.limit_ms = HUB_PAUSE_LIMIT_MS };
	h->timer = (struct timer){ .owner = h, .on_due = on_timer };
	h->look = (struct timer){ .owner = h, .on_due = on_look };
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
	enum err e = loop_open(&h->loop, why);
	if (!e)
		e = ledger_open(&h->ledger, options->database, why);
	if (!e)
		e = intake_open(&h->intake, &h->ledger, why);
	if (!e)
		e = blobs_open(&h->blobs, options->blobs, why);
	if (!e)
		e = depot_open(&h->depot, options->files, why);
	if (!e)
		e = mqtt_open(h->loop, &hooks, &h->mqtt, why);
	push_init(h);
	return e;
}

static void on_signal(void *owner, int signo)
{
	struct hub *h = owner;
	if (signo == SIGHUP)
		return;
	h->stopping = true;
	commit(h);
	mqtt_leave(h->mqtt);
	loop_stop(h->loop);
}

enum err hub_run(struct hub *h, struct why *why)
{
	enum err e = loop_on_signals(h->loop, on_signal, h, why);
	if (e)
		return e;
	connect(h);
	return loop_run(h->loop, why);
}

void hub_close(struct hub *h)
{
	fetch_stop(&h->fetch);
	files_close(h);
	mqtt_close(h->mqtt);
	ledger_rollback(&h->ledger);
	intake_close(&h->intake);
	ledger_close(&h->ledger);
	loop_close(h->loop);
}
