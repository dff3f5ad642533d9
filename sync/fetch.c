#include "sync/fetch.h"

#include "base/limits.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/digest.h"
#include "ports/json.h"
#include "ports/random.h"

#include <stdlib.h>

enum { ID_LEN = 8 };

static void trouble(struct fetch *f, const struct why *why)
{
	f->hooks.on_trouble(f->hooks.owner, why);
}

static void wait(struct fetch *f, int64_t ms)
{
	loop_arm(f->loop, &f->timer, clock_now_ms() + ms);
}

static void ask(struct fetch *f)
{
	struct json *j = json_new_object();
	json_set_string(j, "id", f->id);
	json_set_string(j, "d", f->digest);
	json_set_integer(j, "off", f->arrived);
	json_set_integer(j, "len", BLOB_BLOCK);
	json_set_integer(j, "n", FETCH_BLOCKS);
	char *text = json_print(j);
	json_free(j);
	enum err e = f->hooks.ask(f->hooks.owner, bytes_of(text));
	free(text);
	f->asked_to = f->arrived + (int64_t)FETCH_BLOCKS * BLOB_BLOCK;
	/* Offline: the timer would only ask nobody; fetch_on_up() starts again. */
	if (e)
		loop_disarm(f->loop, &f->timer);
	else
		wait(f, FETCH_STALL_MS);
}

static void on_timer(void *owner, int64_t now_ms)
{
	(void)now_ms;
	ask(owner);
}

void fetch_init(struct fetch *f, struct loop *loop, const struct blobs *blobs,
		const struct fetch_hooks *hooks)
{
	*f = (struct fetch){ .loop = loop, .blobs = blobs, .hooks = *hooks };
	f->timer = (struct timer){ .owner = f, .on_due = on_timer };
}

bool fetch_is_active(const struct fetch *f)
{
	return f->digest[0] != '\0';
}

void fetch_stop(struct fetch *f)
{
	if (!f->loop)
		return;
	loop_disarm(f->loop, &f->timer);
	f->digest[0] = '\0';
}

void fetch_start(struct fetch *f, const char *digest)
{
	fetch_stop(f);
	text_copy(f->digest, sizeof f->digest, bytes_of(digest));
	/* A new id: blocks of an earlier fetch that are still on their way are not ours. */
	random_name(f->id, ID_LEN);
	f->arrived = blobs_arrived(f->blobs, digest);
	f->total = -1;
	f->misses = 0;
	f->corrupt_once = false;
	f->stuck = false;
	ask(f);
}

void fetch_on_up(struct fetch *f)
{
	if (fetch_is_active(f))
		ask(f);
}

static void on_miss(struct fetch *f, struct bytes payload)
{
	int64_t pause = FETCH_RETRY_MS;
	struct why why;
	for (unsigned i = 0; i < f->misses && pause < FETCH_RETRY_MAX_MS; i++)
		pause *= 2;
	if (f->misses++ == 0) {
		(void)why_set(&why, ERR_NOT_FOUND, "%s cannot be had yet: %.*s", f->digest,
			      (int)(payload.len < 120 ? payload.len : 120), payload.at);
		trouble(f, &why);
	}
	wait(f, pause < FETCH_RETRY_MAX_MS ? pause : FETCH_RETRY_MAX_MS);
}

static void start_over(struct fetch *f)
{
	blobs_restart(f->blobs, f->digest);
	f->arrived = 0;
	ask(f);
}

/* The last block is shorter than the others, or empty. */
static void finish(struct fetch *f)
{
	struct why why;
	enum err e = blobs_finish(f->blobs, f->digest, &why);
	if (!e) {
		fetch_stop(f);
		f->hooks.on_fetched(f->hooks.owner);
		return;
	}
	/* A torn tail after a power cut heals by a second try; a server that gives
	 * wrong bytes is asked ever more rarely. */
	trouble(f, &why);
	if (!f->corrupt_once) {
		f->corrupt_once = true;
		start_over(f);
		return;
	}
	f->arrived = 0;
	blobs_restart(f->blobs, f->digest);
	f->misses++;
	wait(f, FETCH_RETRY_MAX_MS);
}

static void take_block(struct fetch *f, int64_t offset, struct bytes block)
{
	struct why why;
	if (offset != f->arrived) {
		/* One before it was lost, or it is a late double: ask from where we are,
		 * once for the whole row that is still coming. */
		if (offset > f->arrived && f->asked_to > f->arrived) {
			f->asked_to = f->arrived;
			wait(f, FETCH_STALL_MS / 10);
		}
		return;
	}
	if (blobs_append(f->blobs, f->digest, block, &why)) {
		/* Told once; the rest of the row is not asked for again before then. */
		if (!f->stuck)
			trouble(f, &why);
		f->stuck = true;
		f->asked_to = f->arrived;
		wait(f, FETCH_RETRY_MS);
		return;
	}
	f->stuck = false;
	f->arrived += (int64_t)block.len;
	f->misses = 0;
	if (block.len < BLOB_BLOCK)
		finish(f);
	else if (f->arrived >= f->asked_to)
		ask(f);
	else
		wait(f, FETCH_STALL_MS);
}

void fetch_on_block(struct fetch *f, const char *id, const char *offset, struct bytes payload)
{
	long long at;
	if (!fetch_is_active(f) || strcmp(id, f->id) != 0)
		return;
	if (strcmp(offset, "err") == 0)
		on_miss(f, payload);
	else if (text_number(bytes_of(offset), 0, BLOB_MAX, &at) == OK && payload.len <= BLOB_BLOCK)
		take_block(f, at, payload);
}
