#include "cloud/skerry/hub_ask.h"

#include "ports/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_OK = 200, CODE_AWAY = 503 }; /* its database is */

/* What the hub has answered. */
struct answer {
	const struct desk *desk;
	char id[12];
	struct json *body; /* NULL: nothing yet */
	int64_t code;
	void *owner; /* who hears the rest */
	void (*on_letter)(void *owner, const struct topic *t, struct bytes payload);
};

static bool is_ours(const struct answer *a, const struct topic *t)
{
	return strcmp(t->channel, "res") == 0 && strcmp(t->a, a->desk->name) == 0;
}

static void on_letter(void *owner, const struct topic *t, struct bytes payload)
{
	struct answer *a = owner;
	struct json *j;
	if (!is_ours(a, t)) {
		if (a->on_letter)
			a->on_letter(a->owner, t, payload);
		return;
	}
	if (a->body || json_parse(payload, &j, NULL))
		return;
	const char *id = json_string(json_member(j, "id"));
	if (id && strcmp(id, a->id) == 0) {
		json_integer(json_member(j, "code"), &a->code);
		a->body = json_detach(j, "body");
	}
	json_free(j);
}

static bool has_answer(void *owner)
{
	return ((const struct answer *)owner)->body != NULL;
}

static enum err send_command(struct desk *d, const char *verb, const char *id, struct json *args,
			     struct why *why)
{
	char rest[32];
	const char *user = getenv("USER");
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	json_set_string(j, "id", id);
	json_set_string(j, "re", d->name);
	json_set_string(j, "by", user && *user ? user : "skerry");
	json_set(j, "args", args);
	char *text = json_print(j);
	json_free(j);
	snprintf(rest, sizeof rest, "dn/cmd/%s", verb);
	enum err e = desk_send(d, TOPIC_HUB, rest, bytes_of(text), 1, why);
	free(text);
	return e;
}

static enum err tell_refusal(const struct answer *a, struct why *why)
{
	const char *text = json_string(a->body);
	const enum err e = a->code == 404                     ? ERR_NOT_FOUND
			   : a->code == 409 || a->code == 429 ? ERR_CONFLICT
			   : a->code == 400                   ? ERR_INVALID
			   : a->code == CODE_AWAY             ? ERR_OFFLINE
							      : ERR_DENIED;
	return why_set(why, e, "the hub refuses: %.200s", text ? text : "");
}

enum err hub_ask(struct desk *d, const char *verb, struct json *args, int64_t wait_ms,
		 struct json **out, struct why *why)
{
	char rest[TOPIC_MAX];
	const char *const filter[] = { rest };
	struct answer a = { .desk = d, .owner = d->owner, .on_letter = d->on_letter };
	random_name(a.id, sizeof a.id - 1);
	snprintf(rest, sizeof rest, TOPIC_HUB "/up/res/%s", d->name);
	d->owner = &a;
	d->on_letter = on_letter;
	enum err e = desk_subscribe(d, filter, 1, why);
	if (!e)
		e = send_command(d, verb, a.id, args, why);
	else
		json_free(args);
	if (!e)
		e = desk_wait(d, has_answer, &a, wait_ms, why);
	if (e == ERR_AGAIN && !d->interrupted)
		e = why_set(why, ERR_OFFLINE, "no hub answers on this broker");
	if (!e && a.code != CODE_OK)
		e = tell_refusal(&a, why);
	if (e)
		json_free(a.body);
	*out = e ? NULL : a.body;
	d->owner = a.owner;
	d->on_letter = a.on_letter;
	return e;
}
