#include "agent/claim.h"

#include "base/scoped.h"
#include "ports/clock.h"
#include "ports/loop.h"
#include "ports/mqtt.h"
#include "ports/random.h"
#include "sync/pause.h"
#include "sync/topic.h"

#include <signal.h>
#include <stdio.h>

enum { CODE_OK = 200, CODE_BAD = 400, CODE_DENIED = 403, CODE_USED = 409, CODE_NOBODY = 501 };

struct claim {
	const struct claim_options *options;
	struct loop *loop;
	struct mqtt *mqtt;
	struct timer again;
	struct pause pause;
	char client_id[16], asking[TOPIC_MAX + 1], answer[TOPIC_MAX + 1];
	char *request;
	bool was_up, is_done, is_interrupted;
	enum err result;
	struct why why;
};

static void end(struct claim *c, enum err e)
{
	c->is_done = true;
	c->result = e;
}

/* Told once, however often it happens. */
static void tell(struct claim *c, const struct why *why)
{
	if (strcmp(c->why.text, why->text) != 0)
		c->options->tell(c->options->owner, why);
	c->why = *why;
}

/* --- the connection --- */

static void ask(struct claim *c)
{
	const struct mqtt_letter letter = { c->asking, bytes_of(c->request), 1, false };
	(void)!mqtt_publish(c->mqtt, &letter, NULL, NULL);
	loop_arm(c->loop, &c->again, clock_now_ms() + CLAIM_AGAIN_MS);
}

static void on_down(void *owner, const struct why *why)
{
	struct claim *c = owner;
	const int64_t now_ms = clock_now_ms();
	tell(c, why);
	loop_arm(c->loop, &c->again, now_ms + pause_next(&c->pause, now_ms));
}

static void connect(struct claim *c)
{
	struct why why;
	const struct mqtt_options options = {
		.broker = c->options->broker,
		.client_id = c->client_id,
		.user = TOPIC_CLAIM,
		.join_dir = c->options->join_dir,
		.tls = c->options->tls,
	};
	if (mqtt_connect(c->mqtt, &options, &why))
		on_down(c, &why);
}

static void on_again(void *owner, int64_t now_ms)
{
	struct claim *c = owner;
	(void)now_ms;
	if (mqtt_is_up(c->mqtt))
		ask(c);
	else
		connect(c);
}

static void on_up(void *owner)
{
	struct claim *c = owner;
	const char *const filter[] = { c->answer };
	c->was_up = true;
	pause_note_up(&c->pause, clock_now_ms());
	(void)!mqtt_subscribe(c->mqtt, filter, 1, NULL);
	loop_arm(c->loop, &c->again, clock_now_ms() + CLAIM_AGAIN_MS);
}

static void on_subscribed(void *owner, const bool *granted, size_t n)
{
	struct claim *c = owner;
	struct why why;
	if (n && granted[0]) {
		ask(c);
		return;
	}
	(void)why_set(&why, ERR_DENIED,
		      "the broker does not let this credential read %s: check its access rules "
		      "for user " TOPIC_CLAIM,
		      c->answer);
	tell(c, &why);
}

/* --- answers --- */

static void take(struct claim *c, const struct json *j)
{
	struct chain chain;
	struct why why;
	enum err e = chain_read(json_member(j, "cert"), &chain, &why);
	if (!e) {
		e = c->options->take(c->options->owner, &chain, &why);
		chain_free(&chain);
	}
	if (!e)
		end(c, OK);
	else
		tell(c, &why);
}

static void on_answer(struct claim *c, const struct json *j)
{
	static const struct {
		int64_t code;
		enum err e;
	} final[] = {
		{ CODE_BAD, ERR_INVALID },
		{ CODE_DENIED, ERR_DENIED },
		{ CODE_USED, ERR_CONFLICT },
		{ CODE_NOBODY, ERR_DENIED },
	};
	int64_t code = 0;
	struct why why;
	json_integer(json_member(j, "code"), &code);
	if (code == CODE_OK) {
		take(c, j);
		return;
	}
	const char *message = json_string(json_member(j, "message"));
	(void)why_set(&why, ERR_DENIED, "the hub refuses: %.220s", message ? message : "");
	tell(c, &why);
	for (size_t i = 0; i < sizeof final / sizeof *final; i++)
		if (final[i].code == code)
			end(c, final[i].e);
}

static void on_message(void *owner, const struct mqtt_message *m)
{
	struct claim *c = owner;
	struct json *j;
	if (c->is_done || strcmp(m->topic, c->answer) != 0 || json_parse(m->payload, &j, NULL))
		return;
	on_answer(c, j);
	json_free(j);
}

static void on_delivered(void *owner, int ticket)
{
	(void)owner;
	(void)ticket;
}

static void on_signal(void *owner, int signo)
{
	struct claim *c = owner;
	c->is_interrupted |= signo != SIGHUP;
}

/* --- all of it --- */

static enum err make_request(struct claim *c, struct why *why)
{
	const struct claim_options *o = c->options;
	char csr[CSR_MAX], device[LABEL_SIZE], key[PUBLIC_KEY_SIZE], name[KEY_NAME_SIZE], rest[64];
	size_t len = 0;
	enum err e = csr_make(o->key_path, o->device, csr, &len, why);
	if (!e)
		e = csr_read((struct bytes){ csr, len }, device, key, why);
	if (e)
		return e;
	key_name_of(key, name);
	snprintf(rest, sizeof rest, "up/csr/%s", name);
	topic_make(c->asking, o->fleet, TOPIC_CLAIM, rest);
	snprintf(rest, sizeof rest, "dn/crt/%s", name);
	topic_make(c->answer, o->fleet, TOPIC_CLAIM, rest);
	c->request = enrolment_print_claim(o->device, (struct bytes){ csr, len }, o->token);
	return OK;
}

static enum err wait(struct claim *c, struct why *why)
{
	const int64_t until = clock_now_ms() + c->options->wait_ms;
	while (!c->is_done && !c->is_interrupted) {
		const int64_t left = until - clock_now_ms();
		if (left <= 0)
			break;
		enum err e = loop_turn(c->loop, left, why);
		if (e)
			return e;
	}
	*why = c->why;
	if (c->is_done)
		return c->result;
	if (c->is_interrupted)
		return why_set(why, ERR_AGAIN, "interrupted: the same line goes on from here");
	if (!c->was_up)
		return ERR_OFFLINE;
	return why->text[0] ? ERR_AGAIN
			    : why_set(why, ERR_AGAIN,
				      "no hub has answered: the same line goes on from here");
}

enum err claim_certificate(const struct claim_options *options, struct why *why)
{
	struct claim c = { .options = options };
	const struct mqtt_hooks hooks = { &c,         on_up,        on_down,
					  on_message, on_delivered, on_subscribed };
	c.again = (struct timer){ .owner = &c, .on_due = on_again };
	strcpy(c.client_id, "claim-");
	random_name(c.client_id + 6, 8);
	enum err e = make_request(&c, why);
	if (!e)
		e = loop_open(&c.loop, why);
	if (!e)
		e = loop_on_signals(c.loop, on_signal, &c, why);
	if (!e)
		e = mqtt_open(c.loop, &hooks, &c.mqtt, why);
	if (!e) {
		connect(&c);
		e = wait(&c, why);
	}
	mqtt_close(c.mqtt);
	loop_close(c.loop);
	free(c.request);
	return e;
}
