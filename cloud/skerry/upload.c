#include "cloud/skerry/upload.h"

#include "base/limits.h"
#include "base/text.h"
#include "ports/json.h"
#include "sync/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

enum { SILENCE_MS = 15 * 1000 }; /* a hub that says nothing for so long is not there */

static int64_t done_bytes(const struct upload *u)
{
	int64_t done = 0;
	for (size_t i = 0; i < u->announced; i++)
		done += u->parts[i].has_arrived ? u->parts[i].bytes : u->parts[i].reached;
	return done;
}

/* `rest` is blob/ID/OFFSET, or blob/ID/err with a sentence. */
static void answer_block(void *owner, const char *rest, struct bytes payload)
{
	struct upload *u = owner;
	char down[TOPIC_MAX];
	long long offset;
	snprintf(down, sizeof down, "dn/%s", rest);
	(void)!desk_send(u->desk, TOPIC_HUB, down, payload, 0, NULL);
	if (text_number(bytes_of(strrchr(rest, '/') + 1), 0, BLOB_MAX, &offset))
		return;
	u->sent_bytes += (int64_t)payload.len;
	u->asked->reached = MAX(u->asked->reached, offset + (int64_t)payload.len);
	progress_show(&u->progress, done_bytes(u), u->sent_bytes);
}

static struct upload_part *find_part(struct upload *u, const char *digest)
{
	for (size_t i = 0; digest && i < u->announced; i++)
		if (strcmp(u->parts[i].digest, digest) == 0)
			return &u->parts[i];
	return NULL;
}

/* The hub asks everybody: only what we have announced is ours to answer. */
static void on_request(struct upload *u, struct bytes payload)
{
	const struct serve_hooks hooks = { u, answer_block };
	struct json *j;
	if (json_parse(payload, &j, NULL))
		return;
	u->asked = find_part(u, json_string(json_member(j, "d")));
	json_free(j);
	if (u->asked)
		(void)!serve_blocks(u->blobs, payload, &hooks, NULL);
}

/* Which one is answered: its id is push-N. The broker may bring an answer twice. */
static struct upload_part *part_answered(struct upload *u, const struct json *answer)
{
	static const char PUSH[] = "push-";
	const char *id = json_string(json_member(answer, "id"));
	long long n;
	if (!id || !text_starts(id, PUSH) ||
	    text_number(bytes_of(id + strlen(PUSH)), 1, (long long)u->announced, &n))
		return NULL;
	struct upload_part *part = &u->parts[n - 1];
	return part->has_arrived ? NULL : part;
}

static void on_answer(struct upload *u, struct bytes payload)
{
	enum { CODE_OK = 200 };
	struct json *j;
	int64_t code = 0;
	if (json_parse(payload, &j, NULL))
		return;
	const char *body = json_string(json_member(j, "body"));
	struct upload_part *part = part_answered(u, j);
	json_integer(json_member(j, "code"), &code);
	if (code != CODE_OK) {
		(void)why_set(&u->refused, ERR_DENIED, "the hub refuses: %.120s", body ? body : "");
	} else if (part) {
		part->has_arrived = true;
		u->arrived++;
	}
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
	char id[32];
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

struct moving {
	const struct upload *upload;
	size_t arrived;
	int64_t sent;
};

static bool has_moved(void *owner)
{
	struct moving *p = owner;
	return p->upload->arrived != p->arrived || p->upload->sent_bytes != p->sent ||
	       p->upload->refused.text[0];
}

static enum err wait_for_all(struct upload *u, struct why *why)
{
	while (u->arrived < u->announced && !u->refused.text[0]) {
		struct moving p = { u, u->arrived, u->sent_bytes };
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
	*u = (struct upload){ .desk = d, .blobs = blobs };
	snprintf(answers, sizeof answers, TOPIC_HUB "/up/res/%s", d->name);
	d->owner = u;
	d->on_letter = on_letter;
	return desk_subscribe(d, filters, 2, why);
}

/* Tell the hub of all of them, and answer until it has them. */
static enum err upload_all(struct upload *u, const char *const *digests, size_t n, struct why *why)
{
	int64_t total = 0;
	enum err e = OK;
	for (size_t i = 0; i < n && !e; i++) {
		char byte;
		size_t len;
		u->parts[i].digest = digests[i];
		e = blobs_read(u->blobs, digests[i], 0, &byte, 1, &len, &u->parts[i].bytes, why);
		total += u->parts[i].bytes;
	}
	progress_begin(&u->progress, "pushing", total);
	for (size_t i = 0; i < n && !e; i++)
		e = announce(u, digests[i], why);
	if (!e)
		e = wait_for_all(u, why);
	progress_end(&u->progress, done_bytes(u), u->sent_bytes);
	return e;
}

enum err upload_blob(struct upload *u, struct desk *d, const struct blobs *blobs,
		     const char *digest, struct why *why)
{
	enum err e = begin(u, d, blobs, why);
	return e ? e : upload_all(u, &digest, 1, why);
}

enum err upload_image(struct upload *u, struct desk *d, const struct blobs *blobs,
		      const struct packed *p, struct why *why)
{
	const char *digests[UPLOAD_BLOBS_MAX];
	size_t n = 0;
	for (; n < p->layer_count; n++)
		digests[n] = p->layers[n];
	digests[n++] = p->config;
	digests[n++] = p->digest; /* the manifest names all others: it comes last */
	enum err e = begin(u, d, blobs, why);
	return e ? e : upload_all(u, digests, n, why);
}
