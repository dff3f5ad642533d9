#include "cloud/skerry/hub_rollout.h"

#include "base/scoped.h"
#include "base/text.h"
#include "cloud/skerry/hub_ask.h"
#include "cloud/skerry/scratch.h"
#include "cloud/skerry/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct json *arguments(const char *what, const char *name)
{
	struct json *args = json_new_object();
	json_set_string(args, "do", what);
	if (name)
		json_set_string(args, "rollout", name);
	return args;
}

enum err hub_rollout_list(struct desk *d, struct json **out, struct why *why)
{
	return hub_ask(d, "rollout", arguments("list", NULL), HUB_ROLLOUT_FIND_MS, out, why);
}

/* --- handing over --- */

static enum err send_blob(struct desk *d, const struct campaign *c, char digest[DIGEST_SIZE],
			  struct why *why)
{
	struct scratch s;
	struct upload u;
	SCOPED_MEMORY char *text = campaign_print(c);
	enum err e = scratch_open(&s, why);
	if (e)
		return e;
	e = blobs_put(&s.blobs, bytes_of(text), digest, why);
	if (!e)
		e = upload_blob(&u, d, &s.blobs, digest, why);
	scratch_close(&s);
	d->on_letter = NULL;
	return e;
}

enum err hub_rollout_start(struct desk *d, const struct campaign *c, struct why *why)
{
	char digest[DIGEST_SIZE];
	struct json *body, *args;
	enum err e = send_blob(d, c, digest, why);
	if (e)
		return e;
	args = arguments("start", NULL);
	json_set_string(args, "digest", digest);
	e = hub_ask(d, "rollout", args, HUB_ASK_WAIT_MS, &body, why);
	json_free(body);
	return e;
}

enum err hub_rollout_wish(struct desk *d, const char *name, const char *what, int64_t batch,
			  struct why *why)
{
	struct json *body, *args = arguments(what, name);
	if (batch)
		json_set_integer(args, "batch", batch);
	enum err e = hub_ask(d, "rollout", args, HUB_ASK_WAIT_MS, &body, why);
	json_free(body);
	return e;
}

/* --- looking --- */

/* What has come of it, piece by piece. */
struct pieces {
	const struct desk *desk;
	char **list; /* as many as `cap`; NULL: not yet */
	size_t *lengths;
	size_t cap, count;
};

enum { PIECES_MAX = 4096 };

static void on_piece(void *owner, const struct topic *t, struct bytes payload)
{
	struct pieces *p = owner;
	long long n;
	if (strcmp(t->channel, "rollout") != 0 || strcmp(t->a, p->desk->name) != 0 ||
	    text_number(bytes_of(t->b), 0, PIECES_MAX - 1, &n) || p->list[n])
		return;
	p->list[n] = malloc(payload.len + 1);
	if (!p->list[n])
		return;
	memcpy(p->list[n], payload.at, payload.len);
	p->lengths[n] = payload.len;
	p->count++;
}

static bool are_all_here(void *owner)
{
	const struct pieces *p = owner;
	return p->count >= p->cap;
}

static enum err join(const struct pieces *p, int64_t total, char **out, struct why *why)
{
	size_t len = 0;
	char *text = malloc((size_t)total + 1);
	if (!text)
		return why_set(why, ERR_SYSTEM, "no memory");
	for (size_t i = 0; i < p->cap; i++) {
		if (!p->list[i] || len + p->lengths[i] > (size_t)total) {
			free(text);
			return why_set(why, ERR_INVALID, "the hub's answer has other pieces");
		}
		memcpy(text + len, p->list[i], p->lengths[i]);
		len += p->lengths[i];
	}
	text[len] = '\0';
	*out = text;
	return OK;
}

static enum err read_texts(const char *text, const struct json *sizes, struct campaign *out,
			   char **out_wishes, struct why *why)
{
	const size_t prepared = (size_t)json_integer_at(sizes, "prepared");
	const size_t progress = (size_t)json_integer_at(sizes, "progress");
	enum err e = campaign_read_view((struct bytes){ text, prepared }, out, why);
	if (e)
		return e;
	e = campaign_read_progress(out, (struct bytes){ text + prepared, progress }, why);
	*out_wishes = e ? NULL : strdup(text + prepared + progress);
	if (!e && !*out_wishes)
		e = why_set(why, ERR_SYSTEM, "no memory");
	if (e)
		campaign_free(out);
	return e;
}

static enum err gather(struct desk *d, struct pieces *p, const struct json *body, char **out,
		       struct why *why)
{
	const int64_t total = json_integer_at(body, "prepared") +
			      json_integer_at(body, "progress") + json_integer_at(body, "wishes");
	const int64_t pieces = json_integer_at(body, "pieces");
	if (pieces < 0 || pieces > PIECES_MAX || json_integer_at(body, "prepared") < 0 ||
	    json_integer_at(body, "progress") < 0 || json_integer_at(body, "wishes") < 0 ||
	    total > CAMPAIGN_BYTES_MAX)
		return why_set(why, ERR_INVALID, "the hub's answer has no size");
	p->cap = (size_t)pieces;
	/* They come before the answer; not every engine keeps the order. */
	enum err e = desk_wait(d, are_all_here, p, HUB_ASK_WAIT_MS, why);
	return e ? e : join(p, total, out, why);
}

static enum err listen(struct desk *d, struct pieces *p, struct why *why)
{
	char rest[TOPIC_MAX];
	const char *const filter[] = { rest };
	*p = (struct pieces){ .desk = d };
	p->list = calloc(PIECES_MAX, sizeof *p->list);
	p->lengths = calloc(PIECES_MAX, sizeof *p->lengths);
	if (!p->list || !p->lengths)
		return why_set(why, ERR_SYSTEM, "no memory");
	snprintf(rest, sizeof rest, TOPIC_HUB "/up/rollout/%s/+", d->name);
	d->owner = p;
	d->on_letter = on_piece;
	return desk_subscribe(d, filter, 1, why);
}

static void stop_listening(struct desk *d, struct pieces *p)
{
	d->on_letter = NULL;
	for (size_t i = 0; p->list && i < PIECES_MAX; i++)
		free(p->list[i]);
	free(p->list);
	free(p->lengths);
}

enum err hub_rollout_show(struct desk *d, const char *name, struct campaign *out, char **out_wishes,
			  struct why *why)
{
	struct pieces p;
	struct json *body = NULL;
	SCOPED_MEMORY char *text = NULL;
	*out = (struct campaign){ 0 };
	*out_wishes = NULL;
	enum err e = listen(d, &p, why);
	if (!e)
		e = hub_ask(d, "rollout", arguments("show", name), HUB_ASK_WAIT_MS, &body, why);
	if (!e)
		e = gather(d, &p, body, &text, why);
	if (!e)
		e = read_texts(text, body, out, out_wishes, why);
	json_free(body);
	stop_listening(d, &p);
	return e;
}
