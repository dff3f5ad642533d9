#include "sync/fresh.h"

#include "base/log.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/random.h"

#include <stdio.h>
#include <stdlib.h>

/* --- asking --- */

bool fresh_is_asked(const struct fresh *f)
{
	return f->anchor && f->anchor->trust.threshold[TRUST_FRESH];
}

static void ask(struct fresh *f)
{
	struct json *j = json_new_object();
	random_name(f->nonce, FRESH_NONCE_SIZE - 1);
	json_set_integer(j, "v", 1);
	json_set_string(j, "nonce", f->nonce);
	json_set_integer(j, "session", f->link->session);
	char *text = json_print(j);
	json_free(j);
	if (link_publish(f->link, "up/fresh", bytes_of(text), 1, false, NULL))
		log_debug("the question for what is new was not published");
	free(text);
	loop_arm(f->loop, &f->timer, clock_now_ms() + FRESH_AGAIN_MS);
}

static void on_due(void *owner, int64_t now_ms)
{
	struct fresh *f = owner;
	if (fresh_is_asked(f) && f->link->is_up)
		ask(f);
	else
		loop_arm(f->loop, &f->timer, now_ms + FRESH_AGAIN_MS);
	if (fresh_is_silent(f, now_ms))
		f->on_change(f->owner);
}

void fresh_open(struct fresh *f, struct loop *loop, struct link *link, struct anchor *anchor)
{
	*f = (struct fresh){
		.loop = loop, .link = link, .anchor = anchor, .heard_ms = clock_now_ms()
	};
	f->timer = (struct timer){ .owner = f, .on_due = on_due };
}

void fresh_close(struct fresh *f)
{
	if (f->loop)
		loop_disarm(f->loop, &f->timer);
}

void fresh_on_up(struct fresh *f)
{
	/* Later in the loop: the trust document may come with what the broker shows first. */
	if (f->anchor)
		loop_arm(f->loop, &f->timer, clock_now_ms());
}

void fresh_on_down(struct fresh *f)
{
	f->nonce[0] = '\0';
}

/* --- hearing --- */

struct answer {
	struct desired_id newest;
	int64_t now_ms;
};

static bool is(const struct json *j, const char *key, const char *expected)
{
	const char *s = json_string(json_member(j, key));
	return s && strcmp(s, expected) == 0;
}

static enum err read_answer(const struct fresh *f, const struct json *j, struct answer *out,
			    struct why *why)
{
	*out = (struct answer){ 0 };
	if (!is(j, "apiVersion", "skerry.dev/v1") || !is(j, "kind", "Fresh") ||
	    !is(j, "fleet", f->link->fleet) || !is(j, "device", f->link->device))
		return why_set(why, ERR_DENIED, "this is no answer to this device");
	if (!f->nonce[0] || !is(j, "nonce", f->nonce))
		return why_set(why, ERR_CONFLICT, "this is no answer to what was asked");
	if (!json_integer(json_member(j, "trust"), &out->newest.trust) ||
	    !json_integer(json_member(j, "epoch"), &out->newest.epoch) ||
	    !json_integer(json_member(j, "generation"), &out->newest.generation) ||
	    !json_integer(json_member(j, "now"), &out->now_ms))
		return why_set(why, ERR_INVALID,
			       "trust, epoch, generation, now: whole numbers are expected");
	return OK;
}

/* The signatures before anything that was signed. */
static enum err open_answer(const struct fresh *f, struct bytes message, struct answer *out,
			    struct why *why)
{
	struct json *envelope, *payload = NULL;
	struct signed_text s = { 0 };
	enum err e = json_parse(message, &envelope, why);
	if (e)
		return e;
	e = signed_read(envelope, &s, why);
	json_free(envelope);
	if (!e)
		e = trust_quorum(&f->anchor->trust, TRUST_FRESH, s.digest, &s.by, why);
	if (!e)
		e = json_parse(signed_payload(&s), &payload, why);
	if (!e)
		e = read_answer(f, payload, out, why);
	json_free(payload);
	signed_free(&s);
	return e;
}

enum err fresh_on_answer(struct fresh *f, struct bytes message, int64_t wall_ms, struct why *why)
{
	struct answer a;
	if (!fresh_is_asked(f))
		return why_set(why, ERR_DENIED, "nobody is asked what is new");
	enum err e = open_answer(f, message, &a, why);
	if (e)
		return e;
	f->nonce[0] = '\0'; /* one question, one answer */
	f->newest = a.newest;
	f->heard_ms = clock_now_ms();
	loop_arm(f->loop, &f->timer, f->heard_ms + FRESH_EVERY_MS);
	e = anchor_note_time(f->anchor, a.now_ms, wall_ms, why);
	f->on_change(f->owner);
	return e;
}

bool fresh_is_silent(const struct fresh *f, int64_t now_ms)
{
	return fresh_is_asked(f) && now_ms - f->heard_ms >= FRESH_SILENT_MS;
}

bool fresh_is_withheld(const struct fresh *f, const struct desired_id *shown)
{
	const struct desired_id *n = &f->newest;
	if (n->trust != shown->trust)
		return n->trust > shown->trust;
	if (n->epoch != shown->epoch)
		return n->epoch > shown->epoch;
	return n->generation > shown->generation;
}
