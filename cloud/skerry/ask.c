#include "cloud/skerry/ask.h"

#include "base/duration.h"
#include "cloud/skerry/seal.h"
#include "ports/clock.h"
#include "ports/digest.h"
#include "ports/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reports(const struct device_view *d, const char *workload)
{
	const size_t n = strcspn(workload, "/");
	const struct json *w = json_first(json_member(d->state, "workloads"));
	while (w && (strncmp(json_key(w), workload, n) != 0 || json_key(w)[n] != '/'))
		w = json_next(w);
	return w != NULL;
}

enum err ask_find_device(const struct options *o, const struct fleet_view *v, const char *workload,
			 const char **out, struct why *why)
{
	size_t found = 0;
	if (o->device_count) {
		*out = o->devices[0];
		return OK;
	}
	for (size_t i = 0; i < v->count; i++) {
		const struct device_view *d = &v->devices[i];
		if (workload ? !reports(d, workload) : !device_view_is_online(d))
			continue;
		found++;
		*out = d->name;
	}
	if (found == 1)
		return OK;
	if (!workload)
		return why_set(why, found ? ERR_INVALID : ERR_OFFLINE,
			       "%zu devices are online; name one with -d", found);
	return why_set(why, found ? ERR_INVALID : ERR_NOT_FOUND,
		       found ? "%s runs on %zu devices; name one with -d"
			     : "no device reports a workload %s (%zu)",
		       workload, found);
}

enum err ask_tell_offline(const struct device_view *view, const char *device, const char *verb,
			  struct why *why)
{
	char span[24];
	const int64_t reported = view ? device_view_number(view, "t") : 0;
	if (!reported)
		return why_set(why, ERR_OFFLINE, "%s is offline; %s needs it online", device, verb);
	duration_print(span, clock_wall_ms() - reported);
	return why_set(why, ERR_OFFLINE,
		       "%s is offline, its last report is %s old; %s needs it online", device, span,
		       verb);
}

/* --- hearing --- */

static void on_answer(struct ask *a, struct json *j)
{
	const char *id = json_string(json_member(j, "id"));
	if (!id || strcmp(id, a->id) != 0 || a->is_answered ||
	    !json_integer(json_member(j, "code"), &a->code))
		return;
	json_free(a->body);
	a->body = json_detach(j, "body");
	a->is_answered = true;
}

static void on_letter(void *owner, const struct topic *t, struct bytes payload)
{
	struct ask *a = owner;
	struct json *j;
	if (strcmp(t->device, a->device) != 0 || json_parse(payload, &j, NULL))
		return;
	if (strcmp(t->channel, "res") == 0)
		on_answer(a, j);
	else if (strcmp(t->channel, "tail") == 0 && a->on_tail)
		a->on_tail(a->owner, j);
	json_free(j);
}

static enum err listen(struct ask *a, struct why *why)
{
	char answers[TOPIC_MAX], tail[TOPIC_MAX];
	const char *const filters[] = { answers, tail };
	snprintf(answers, sizeof answers, "%s/up/res/%s", a->device, a->desk.name);
	snprintf(tail, sizeof tail, "%s/up/tail/%s", a->device, a->desk.name);
	a->desk.owner = a;
	a->desk.on_letter = on_letter;
	return desk_subscribe(&a->desk, filters, 2, why);
}

enum err ask_open(struct ask *a, struct options *o, const char *verb, const char *device,
		  const char *workload, struct why *why)
{
	*a = (struct ask){ .options = o, .verb = verb, .device = device };
	enum err e = desk_open(&a->desk, o, why);
	if (!e)
		e = fleet_view_read(&a->view, &a->desk, NULL, why);
	if (!e && !device)
		e = ask_find_device(o, &a->view, workload, &a->device, why);
	if (e)
		return e;
	const struct device_view *view = fleet_view_find(&a->view, a->device);
	if (!view || !device_view_is_online(view))
		return ask_tell_offline(view, a->device, verb, why);
	a->session = view->session;
	return listen(a, why);
}

void ask_close(struct ask *a)
{
	desk_close(&a->desk);
	fleet_view_free(&a->view);
	json_free(a->body);
	a->body = NULL;
}

/* --- asking --- */

static const char *who_asks(const struct ask *a)
{
	const char *user = getenv("USER");
	return user && *user && strlen(user) < 60 ? user : a->desk.name;
}

static struct json *print_request(const struct ask *a, struct json *args)
{
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	if (a->options->keys.count) {
		json_set_string(j, "apiVersion", "skerry.dev/v1");
		json_set_string(j, "kind", "Command");
		json_set_string(j, "fleet", a->options->fleet);
		json_set_string(j, "device", a->device);
		json_set_string(j, "verb", a->verb);
	}
	json_set_string(j, "id", a->id);
	json_set_string(j, "re", a->desk.name);
	json_set_string(j, "by", who_asks(a));
	json_set_integer(j, "exp", clock_wall_ms() + ASK_SPAN_MS);
	json_set_integer(j, "session", a->session);
	json_set(j, "args", args);
	return j;
}

/* `id` and `re` stand beside the payload as well, for a device that does not open it. */
static enum err sign(const struct ask *a, char **text, struct why *why)
{
	char digest[DIGEST_SIZE];
	struct json *envelope = seal_new(bytes_of(*text));
	enum err e = OK;
	digest_of(bytes_of(*text), digest);
	for (size_t i = 0; i < a->options->keys.count && !e; i++)
		e = seal_sign(envelope, digest, a->options->keys.items[i], why);
	json_set_string(envelope, "id", a->id);
	json_set_string(envelope, "re", a->desk.name);
	free(*text);
	*text = json_print(envelope);
	json_free(envelope);
	return e;
}

enum err ask_send(struct ask *a, struct json *args, struct why *why)
{
	char rest[TOPIC_MAX];
	enum err e = OK;
	random_name(a->id, ASK_NAME_SIZE - 1);
	a->is_answered = false;
	struct json *j = print_request(a, args);
	char *text = json_print(j);
	json_free(j);
	if (a->options->keys.count)
		e = sign(a, &text, why);
	snprintf(rest, sizeof rest, "dn/cmd/%s", a->verb);
	if (!e)
		e = desk_send(&a->desk, a->device, rest, bytes_of(text), 1, why);
	free(text);
	return e;
}

static bool is_answered(void *owner)
{
	return ((struct ask *)owner)->is_answered;
}

static enum err class_of(int64_t code)
{
	switch (code) {
	case 200:
		return OK;
	case 403:
		return ERR_DENIED;
	case 404:
		return ERR_NOT_FOUND;
	case 408:
		return ERR_AGAIN;
	case 409:
		return ERR_CONFLICT;
	case 413:
	case 429:
		return ERR_FULL;
	case 400:
	case 422:
		return ERR_INVALID;
	default:
		return ERR_SYSTEM;
	}
}

enum err ask_wait(struct ask *a, int64_t wait_ms, const struct json **out_body, struct why *why)
{
	enum err e = desk_wait(&a->desk, is_answered, a, wait_ms, why);
	if (e == ERR_AGAIN && !a->desk.interrupted)
		return why_set(why, ERR_OFFLINE, "%s does not answer", a->device);
	if (e)
		return e;
	*out_body = a->body;
	e = class_of(a->code);
	if (!e)
		return OK;
	const char *text = json_string(a->body);
	const char *hint =
		a->code == 403 && !a->options->keys.count ? "; give --sign FILE.pem" : "";
	return why_set(why, e, "%s: %.150s%s", a->device, text ? text : "refused",
		       text && strstr(text, "signed") ? hint : "");
}
