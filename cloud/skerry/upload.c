#include "cloud/skerry/upload.h"

#include "ports/clock.h"
#include "ports/json.h"
#include "sync/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SILENCE_MS = 15 * 1000 }; /* a hub that says nothing for so long is not there */

static void answer_block(void *owner, const char *rest, struct bytes payload)
{
	struct upload *u = owner;
	char down[TOPIC_MAX];
	snprintf(down, sizeof down, "dn/%s", rest);
	(void)!desk_send(u->desk, TOPIC_HUB, down, payload, 0, NULL);
	u->sent_bytes += (int64_t)payload.len;
	if (u->show_progress)
		fprintf(stderr, "\rpushing  %lld KiB ", (long long)(u->sent_bytes >> 10));
}

/* The hub asks everybody: only what we have is ours to answer. */
static void on_request(struct upload *u, struct bytes payload)
{
	const struct serve_hooks hooks = { u, answer_block };
	struct json *j;
	if (json_parse(payload, &j, NULL))
		return;
	const char *digest = json_string(json_member(j, "d"));
	bool ours = digest && label_is_digest(bytes_of(digest)) && blobs_have(u->blobs, digest);
	json_free(j);
	if (ours)
		(void)!serve_blocks(u->blobs, payload, &hooks, NULL);
}

static void on_answer(struct upload *u, struct bytes payload)
{
	enum { CODE_OK = 200 };
	struct json *j;
	int64_t code = 0;
	if (json_parse(payload, &j, NULL))
		return;
	const char *body = json_string(json_member(j, "body"));
	json_integer(json_member(j, "code"), &code);
	if (code == CODE_OK)
		u->arrived++;
	else
		(void)why_set(&u->refused, ERR_DENIED, "the hub refuses: %.120s", body ? body : "");
	json_free(j);
}

static void on_letter(void *owner, const struct topic *t, struct bytes payload)
{
	struct upload *u = owner;
	if (strcmp(t->device, TOPIC_HUB) != 0 || !t->is_up)
		return;
	if (strcmp(t->channel, "blob") == 0)
		on_request(u, payload);
	else if (strcmp(t->channel, "res") == 0 && strcmp(t->a, u->desk->name) == 0)
		on_answer(u, payload);
}

static enum err announce(struct upload *u, const char *digest, struct why *why)
{
	char id[16];
	struct json *j = json_new_object(), *args = json_new_object();
	snprintf(id, sizeof id, "push-%zu", ++u->announced);
	json_set_integer(j, "v", 1);
	json_set_string(j, "id", id);
	json_set_string(j, "re", u->desk->name);
	json_set_string(args, "digest", digest);
	json_set(j, "args", args);
	char *text = json_print(j);
	json_free(j);
	enum err e = desk_send(u->desk, TOPIC_HUB, "dn/cmd/push", bytes_of(text), 1, why);
	free(text);
	return e;
}

struct progress {
	const struct upload *upload;
	size_t arrived;
	int64_t sent;
};

static bool has_moved(void *owner)
{
	struct progress *p = owner;
	return p->upload->arrived != p->arrived || p->upload->sent_bytes != p->sent ||
	       p->upload->refused.text[0];
}

static enum err wait_for_all(struct upload *u, struct why *why)
{
	while (u->arrived < u->announced && !u->refused.text[0]) {
		struct progress p = { u, u->arrived, u->sent_bytes };
		enum err e = desk_wait(u->desk, has_moved, &p, SILENCE_MS, why);
		if (e == ERR_AGAIN && !u->desk->interrupted)
			return why_set(why, ERR_OFFLINE,
				       "no hub answers on this broker; start one with: "
				       "skerry-hub --broker URL --db FILE");
		if (e)
			return e;
	}
	return u->refused.text[0] ? why_set(why, ERR_DENIED, "%s", u->refused.text) : OK;
}

static enum err begin(struct upload *u, struct desk *d, const struct blobs *blobs, struct why *why)
{
	char answers[TOPIC_MAX];
	const char *const filters[] = { TOPIC_HUB "/up/blob/get", answers };
	*u = (struct upload){ .desk = d, .blobs = blobs, .show_progress = isatty(STDERR_FILENO) };
	snprintf(answers, sizeof answers, TOPIC_HUB "/up/res/%s", d->name);
	d->owner = u;
	d->on_letter = on_letter;
	return desk_subscribe(d, filters, 2, why);
}

static void end_line(const struct upload *u)
{
	if (u->show_progress && u->sent_bytes)
		fputs("\n", stderr);
}

enum err upload_blob(struct upload *u, struct desk *d, const struct blobs *blobs,
		     const char *digest, struct why *why)
{
	enum err e = begin(u, d, blobs, why);
	if (!e)
		e = announce(u, digest, why);
	if (!e)
		e = wait_for_all(u, why);
	end_line(u);
	return e;
}

enum err upload_image(struct upload *u, struct desk *d, const struct blobs *blobs,
		      const struct packed *p, struct why *why)
{
	enum err e = begin(u, d, blobs, why);
	for (size_t i = 0; i < p->layer_count && !e; i++)
		e = announce(u, p->layers[i], why);
	if (!e)
		e = announce(u, p->config, why);
	if (!e)
		e = announce(u, p->digest, why);
	if (!e)
		e = wait_for_all(u, why);
	end_line(u);
	return e;
}
