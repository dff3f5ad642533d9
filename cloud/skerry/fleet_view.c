#include "cloud/skerry/fleet_view.h"

#include "base/text.h"
#include "cloud/fleet/object.h"
#include "cloud/skerry/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct device_view *fleet_view_find(struct fleet_view *v, const char *device)
{
	for (size_t i = 0; i < v->count; i++)
		if (strcmp(v->devices[i].name, device) == 0)
			return &v->devices[i];
	return NULL;
}

static struct device_view *find_or_add(struct fleet_view *v, const char *device)
{
	struct device_view *d = fleet_view_find(v, device);
	if (d || v->count == FLEET_VIEW_MAX)
		return d;
	if (v->count == v->cap) {
		size_t cap = v->cap ? 2 * v->cap : 16;
		struct device_view *grown = realloc(v->devices, cap * sizeof *grown);
		if (!grown)
			return NULL;
		v->devices = grown;
		v->cap = cap;
	}
	d = &v->devices[v->count++];
	*d = (struct device_view){ 0 };
	strcpy(d->name, device);
	return d;
}

static void replace(struct json **at, struct json *with)
{
	json_free(*at);
	*at = with;
}

/* A will that comes late must not hide a newer birth. */
static void note_presence(struct device_view *d, struct json *j)
{
	int64_t session = 0;
	json_integer(json_member(j, "session"), &session);
	if (session < d->session) {
		json_free(j);
		return;
	}
	d->session = session;
	replace(&d->online, j);
}

/* Would a device that has `b` adopt `a`? */
static bool is_newer(const struct json *a, const struct json *b)
{
	static const char *const keys[] = { "trust", "epoch", "generation" };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (json_integer_at(a, keys[i]) != json_integer_at(b, keys[i]))
			return json_integer_at(a, keys[i]) > json_integer_at(b, keys[i]);
	return false;
}

/* `before` is what it kept until now. */
static void hear_for_device(struct device_view *d, const struct json *state, struct bytes payload)
{
	struct json *before = NULL;
	const bool is_ours = d->awaited && bytes_are(payload, d->awaited);
	if (!d->awaited)
		return;
	if (d->held && *d->held)
		(void)!seal_open_any(bytes_of(d->held), &before, NULL);
	const bool is_kept = !before || is_newer(state, before);
	json_free(before);
	if (is_kept) {
		free(d->held);
		d->held = strndup(payload.at, payload.len);
	}
	if (is_ours && !d->has_come) {
		d->has_come = true;
		d->has_won = is_kept;
	}
}

/* Of a signed state what it says; who may sign is for the device to judge. */
static void note_desired(struct device_view *d, struct json *j, struct bytes payload)
{
	struct json *inside = NULL;
	const bool is_signed = json_member(j, "sigs") != NULL;
	if (is_signed && seal_open(j, &inside, NULL)) {
		json_free(j);
		return;
	}
	hear_for_device(d, is_signed ? inside : j, payload);
	replace(&d->desired, is_signed ? inside : j);
	replace(&d->envelope, is_signed ? j : NULL);
	free(d->desired_text);
	d->desired_text = strndup(payload.at, payload.len);
}

/* Somebody, or the broker itself, has taken it away. */
static void forget_desired(struct device_view *d)
{
	replace(&d->desired, NULL);
	replace(&d->envelope, NULL);
	free(d->desired_text);
	d->desired_text = NULL;
}

static void note(struct device_view *d, const char *channel, struct json *j, struct bytes payload)
{
	if (strcmp(channel, "online") == 0) {
		note_presence(d, j);
	} else if (strcmp(channel, "state") == 0) {
		replace(&d->state, j);
	} else if (strcmp(channel, "desired") == 0) {
		note_desired(d, j, payload);
	} else {
		json_free(j);
	}
}

/* The end of a page: how many documents belong to it. */
static void note_answer(struct fleet_view *v, struct bytes payload)
{
	struct json *j;
	if (json_parse(payload, &j, NULL))
		return;
	const struct json *body = json_member(j, "body");
	const char *last = json_string(json_member(body, "last"));
	v->has_more = false;
	json_bool(json_member(body, "more"), &v->has_more);
	v->is_answered = json_integer(json_member(body, "documents"), &v->documents);
	text_copy(v->last, sizeof v->last, bytes_of(last ? last : ""));
	json_free(j);
}

/* What the broker has shown of it is never older than what the hub knows. */
static bool is_shown(const struct device_view *d, const char *channel)
{
	return strcmp(channel, "online") == 0  ? d->online != NULL
	       : strcmp(channel, "state") == 0 ? d->state != NULL
					       : d->desired != NULL;
}

/* up/CHANNEL/DESK/DEVICE: what the hub knows of it. */
static void on_hubs_letter(struct fleet_view *v, const struct topic *t, struct bytes payload)
{
	struct json *j;
	if (strcmp(t->channel, "res") == 0) {
		note_answer(v, payload);
		return;
	}
	v->shown++;
	struct device_view *d = t->b[0] ? find_or_add(v, t->b) : NULL;
	if (d && !is_shown(d, t->channel) && !json_parse(payload, &j, NULL))
		note(d, t->channel, j, payload);
}

static void on_letter(void *owner, const struct topic *t, struct bytes payload)
{
	struct fleet_view *v = owner;
	struct json *j;
	if (strcmp(t->device, TOPIC_HUB) == 0) {
		if (strcmp(t->channel, "awaited") == 0 && !json_parse(payload, &j, NULL))
			replace(&v->awaited, j);
		else
			on_hubs_letter(v, t, payload);
		return;
	}
	if (strcmp(t->device, TOPIC_CLAIM) == 0)
		return; /* no device: whoever has its credential may say anything there */
	struct device_view *d = find_or_add(v, t->device);
	v->changes++;
	if (d && !payload.len && strcmp(t->channel, "desired") == 0)
		forget_desired(d);
	if (!d || !payload.len || json_parse(payload, &j, NULL))
		return;
	note(d, t->channel, j, payload);
}

enum err fleet_view_await(struct fleet_view *v, const char *device, const char *text,
			  struct why *why)
{
	struct device_view *d = find_or_add(v, device);
	if (!d)
		return why_set(why, ERR_FULL, "more than %d devices", FLEET_VIEW_MAX);
	device_view_stop_awaiting(d);
	d->awaited = text;
	d->held = strdup(d->desired_text ? d->desired_text : "");
	return d->held ? OK : why_set(why, ERR_SYSTEM, "no memory");
}

void device_view_stop_awaiting(struct device_view *d)
{
	free(d->held);
	d->held = NULL;
	d->awaited = NULL;
	d->has_come = d->has_won = false;
}

void fleet_view_listen(struct fleet_view *v, struct desk *d)
{
	d->owner = v;
	d->on_letter = on_letter;
}

static bool is_page_here(void *owner)
{
	const struct fleet_view *v = owner;
	return v->is_answered && v->shown >= v->documents;
}

static enum err ask_for_page(struct fleet_view *v, struct desk *d, struct why *why)
{
	struct json *j = json_new_object(), *args = json_new_object();
	json_set_string(args, "after", v->last);
	json_set_integer(j, "v", 1);
	json_set_string(j, "id", "view");
	json_set_string(j, "re", d->name);
	json_set(j, "args", args);
	char *text = json_print(j);
	json_free(j);
	v->is_answered = false;
	v->shown = 0;
	enum err e = desk_send(d, TOPIC_HUB, "dn/cmd/view", bytes_of(text), 1, why);
	free(text);
	return e ? e : desk_wait(d, is_page_here, v, FLEET_VIEW_WAIT_MS, why);
}

static enum err ask_hub(struct fleet_view *v, struct desk *d, struct why *why)
{
	char rest[TOPIC_MAX];
	const char *const filters[] = { rest };
	snprintf(rest, sizeof rest, TOPIC_HUB "/up/+/%s/#", d->name);
	v->last[0] = '\0';
	enum err e = desk_subscribe(d, filters, 1, why);
	do {
		if (!e)
			e = ask_for_page(v, d, why);
	} while (!e && v->has_more && v->last[0] && v->count < FLEET_VIEW_MAX);
	if (e != ERR_AGAIN || d->interrupted)
		return e;
	if (d->kept)
		fprintf(stderr,
			"warning: the broker has shown %zu messages and may have dropped others "
			"(mosquitto: "
			"max_queued_messages), and no hub answers: devices may be missing\n",
			d->kept);
	return OK;
}

enum err fleet_view_read(struct fleet_view *v, struct desk *d, const char *device, struct why *why)
{
	static const char *const channels[] = { "up/online", "up/state", "dn/desired" };
	enum { CHANNELS = sizeof channels / sizeof *channels };
	char rests[CHANNELS][TOPIC_MAX];
	const char *filters[CHANNELS + 1] = { [CHANNELS] = TOPIC_HUB "/up/awaited" };
	for (size_t i = 0; i < CHANNELS; i++) {
		snprintf(rests[i], sizeof rests[i], "%s/%s", device ? device : "+", channels[i]);
		filters[i] = rests[i];
	}
	fleet_view_listen(v, d);
	d->kept = 0;
	enum err e = desk_subscribe(d, filters, device ? CHANNELS : CHANNELS + 1, why);
	if (!e)
		e = desk_settle(d, why);
	if (!e)
		e = desk_hear_out(d, why);
	if (!e && (!d->kept || d->kept >= FLEET_VIEW_DOUBT))
		e = ask_hub(v, d, why);
	return e;
}

enum err fleet_view_choose(struct fleet_view *v, const char *selector, struct why *why)
{
	struct selector s;
	enum err e = selector_parse(selector, &s, why);
	for (size_t i = 0; i < v->count && !e; i++) {
		struct device_view *d = &v->devices[i];
		const struct device_object given = { .labels = json_member(d->desired, "labels") };
		struct json *labels = object_labels(d->name, d->state, &given);
		d->is_hidden = !selector_matches(&s, labels, NULL);
		json_free(labels);
	}
	selector_free(&s);
	return e;
}

void fleet_view_free(struct fleet_view *v)
{
	for (size_t i = 0; i < v->count; i++) {
		json_free(v->devices[i].online);
		json_free(v->devices[i].state);
		json_free(v->devices[i].desired);
		json_free(v->devices[i].envelope);
		free(v->devices[i].desired_text);
		free(v->devices[i].held);
	}
	free(v->devices);
	json_free(v->awaited);
	*v = (struct fleet_view){ 0 };
}

bool device_view_is_online(const struct device_view *d)
{
	bool online = false;
	json_bool(json_member(d->online, "online"), &online);
	return online;
}

int64_t device_view_number(const struct device_view *d, const char *key)
{
	return json_integer_at(d->state, key);
}

const char *device_view_word(const struct device_view *d)
{
	static const char *const words[][2] = {
		{ "Available", "ready" },         { "Downloading", "downloading" },
		{ "Progressing", "progressing" }, { "RolledBack", "rolled-back" },
		{ "Degraded", "degraded" },       { "Unmanaged", "unmanaged" },
	};
	const char *phase = json_string(json_member(d->state, "phase"));
	if (!device_view_is_online(d))
		return "offline";
	for (size_t i = 0; phase && i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i][0], phase) == 0)
			return words[i][1];
	return "unknown";
}
