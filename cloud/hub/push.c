#include "cloud/hub/push.h"

#include "base/log.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/json.h"

enum { PUSH_OK = 200, PUSH_BAD = 400, PUSH_GONE = 410, PUSH_FULL = 429 };

static void publish(struct hub *h, const char *fleet, const char *rest, struct bytes payload)
{
	char topic[TOPIC_MAX + 1];
	topic_make(topic, fleet, TOPIC_HUB, rest);
	const struct mqtt_letter letter = { topic, payload, 1, false };
	(void)!mqtt_publish(h->mqtt, &letter, NULL, NULL);
}

static void answer(struct hub *h, const struct hub_push *p, int code, const char *text)
{
	hub_answer(h, &p->caller, code, json_new_string(text));
}

static void begin_next(struct hub *h);

static void end_first(struct hub *h, int code, const char *text)
{
	answer(h, &h->pushes[0], code, text);
	memmove(&h->pushes[0], &h->pushes[1], (h->push_count - 1) * sizeof *h->pushes);
	h->push_count--;
	loop_disarm(h->loop, &h->push_stall);
	begin_next(h);
}

static void begin_next(struct hub *h)
{
	while (h->push_count && blobs_have(&h->blobs, h->pushes[0].digest)) {
		answer(h, &h->pushes[0], PUSH_OK, "here already");
		memmove(&h->pushes[0], &h->pushes[1], (h->push_count - 1) * sizeof *h->pushes);
		h->push_count--;
	}
	if (!h->push_count)
		return;
	fetch_start(&h->fetch, h->pushes[0].digest);
	h->push_arrived = -1;
	loop_arm(h->loop, &h->push_stall, clock_now_ms() + HUB_PUSH_STALL_MS);
}

/* Whoever announced it has gone: what has arrived is kept for the next time. */
static void on_stall(void *owner, int64_t now_ms)
{
	struct hub *h = owner;
	if (h->fetch.arrived > h->push_arrived) {
		h->push_arrived = h->fetch.arrived;
		loop_arm(h->loop, &h->push_stall, now_ms + HUB_PUSH_STALL_MS);
		return;
	}
	fetch_stop(&h->fetch);
	end_first(h, PUSH_GONE, "nothing came any more");
}

static enum err ask(void *owner, struct bytes request)
{
	struct hub *h = owner;
	if (!mqtt_is_up(h->mqtt))
		return ERR_OFFLINE;
	publish(h, h->pushes[0].caller.fleet, "up/blob/get", request);
	return OK;
}

static void on_fetched(void *owner)
{
	struct hub *h = owner;
	log_info("artifact here digest=%s", h->pushes[0].digest);
	end_first(h, PUSH_OK, "here");
}

static void on_trouble(void *owner, const struct why *why)
{
	(void)owner;
	log_warn("artifact does not arrive why=\"%s\"", why->text);
}

void push_init(struct hub *h)
{
	const struct fetch_hooks hooks = { h, ask, on_fetched, on_trouble };
	fetch_init(&h->fetch, h->loop, &h->blobs, &hooks);
	h->push_stall = (struct timer){ .owner = h, .on_due = on_stall };
}

static bool read_push(const struct json *j, const struct topic *t, struct hub_push *out)
{
	const char *digest = json_string(json_member(json_member(j, "args"), "digest"));
	*out = (struct hub_push){ 0 };
	if (digest && label_is_digest(bytes_of(digest)))
		strcpy(out->digest, digest);
	return hub_read_caller(j, t, &out->caller);
}

static void on_push(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct hub_push p;
	struct json *j;
	struct why why;
	if (json_parse(payload, &j, &why)) {
		log_warn("push not understood why=\"%s\"", why.text);
		return;
	}
	bool good = read_push(j, t, &p);
	json_free(j);
	if (!good)
		return;
	if (!p.digest[0]) {
		answer(h, &p, PUSH_BAD, "digest is missing");
	} else if (h->push_count == HUB_PUSHES_MAX) {
		answer(h, &p, PUSH_FULL, "too many artifacts at once; try again");
	} else {
		h->pushes[h->push_count++] = p;
		if (h->push_count == 1)
			begin_next(h);
	}
}

void push_on_letter(struct hub *h, const struct topic *t, struct bytes payload)
{
	if (strcmp(t->channel, "blob") == 0)
		fetch_on_block(&h->fetch, t->a, t->b, payload);
	else if (strcmp(t->channel, "cmd") == 0 && strcmp(t->a, "push") == 0)
		on_push(h, t, payload);
}
