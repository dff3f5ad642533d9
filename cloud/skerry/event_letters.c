/* event_feed from the broker. */
#include "cloud/skerry/event_feed.h"

#include "base/text.h"
#include "cloud/skerry/desk.h"
#include "cloud/skerry/event_line.h"
#include "cloud/skerry/terminal.h"
#include "ports/clock.h"
#include "ports/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

enum { LONG_MS = 60 * 60 * 1000 };

/* A device, and the last letters of it that were told. */
struct teller {
	char name[LABEL_SIZE];
	uint64_t letters[EVENT_FEED_LETTERS];
	size_t count; /* rises; the oldest gives way */
};

struct letters {
	struct desk desk;
	const struct options *options;
	int64_t since_ms; /* since 1970 */
	struct teller *tellers[EVENT_FEED_DEVICES];
	size_t teller_count;
	bool is_full;
};

/* NULL: there are too many. */
static struct teller *find_or_add(struct letters *l, const char *device)
{
	for (size_t i = 0; i < l->teller_count; i++)
		if (strcmp(l->tellers[i]->name, device) == 0)
			return l->tellers[i];
	struct teller *new = l->teller_count < EVENT_FEED_DEVICES ? calloc(1, sizeof *new) : NULL;
	if (!new) {
		if (!l->is_full)
			fprintf(stderr,
				"note: more than %zu devices: of the others an event may "
				"be told twice\n",
				l->teller_count);
		l->is_full = true;
		return NULL;
	}
	snprintf(new->name, sizeof new->name, "%s", device);
	l->tellers[l->teller_count++] = new;
	return new;
}

/* (buf, seq) names a letter of a device for ever. */
static bool is_new(struct letters *l, const char *device, const char *buf, int64_t seq)
{
	const struct event_line name = { .time_ms = seq, .device = bytes_of(buf) };
	const uint64_t hash = event_line_hash(&name);
	struct teller *t = find_or_add(l, device);
	if (!t)
		return true;
	for (size_t i = 0; i < MIN(t->count, EVENT_FEED_LETTERS); i++)
		if (t->letters[i] == hash)
			return false;
	t->letters[t->count++ % EVENT_FEED_LETTERS] = hash;
	return true;
}

/* What has to be added to the times of a letter: docs/protocol.md, the clock of a letter. */
static int64_t offset_of(const struct json *letter)
{
	int64_t n;
	if (json_integer(json_member(letter, "offset"), &n))
		return n;
	return json_integer(json_member(letter, "now"), &n) ? clock_wall_ms() - n : 0;
}

static const char *string_or(const struct json *j, const char *key, const char *otherwise)
{
	const char *s = json_string(json_member(j, key));
	return s ? s : otherwise;
}

static void tell(struct letters *l, const char *device, const struct json *event, int64_t offset)
{
	const char *object = string_or(event, "object", "");
	const char *wanted = l->options->word_count ? l->options->words[0] : "";
	const char *reason = string_or(event, "reason", NULL);
	int64_t time_ms;
	if (!json_integer(json_member(event, "t"), &time_ms) || !reason)
		return; /* the hub refuses it too */
	const struct event_line line = {
		.time_ms = time_ms + offset,
		.device = bytes_of(device),
		.type = bytes_of(string_or(event, "type", "Normal")),
		.reason = bytes_of(reason),
		.object = bytes_of(object),
		.message = bytes_of(string_or(event, "message", "")),
	};
	if (line.time_ms >= l->since_ms && text_starts(object, wanted))
		event_line_print(&line, l->options->json);
}

static void on_letter(void *owner, const struct topic *t, struct bytes payload)
{
	struct letters *l = owner;
	struct json *j;
	int64_t seq;
	if (!t->is_up || strcmp(t->channel, "event") != 0 || json_parse(payload, &j, NULL))
		return;
	const char *buf = json_string(json_member(j, "buf"));
	if (buf && json_integer(json_member(j, "seq"), &seq) && is_new(l, t->device, buf, seq)) {
		const int64_t offset = offset_of(j);
		const struct json *event = json_first(json_member(j, "events"));
		for (; event; event = json_next(event))
			tell(l, t->device, event, offset);
	}
	json_free(j);
	if (ferror(stdout))
		l->desk.interrupted = true; /* nobody reads any more */
}

static bool never(void *owner)
{
	(void)owner;
	return false;
}

static enum err follow(struct letters *l, struct why *why)
{
	char rest[TOPIC_MAX];
	const char *const filter[] = { rest };
	const struct options *o = l->options;
	snprintf(rest, sizeof rest, "%s/up/event", o->device_count ? o->devices[0] : "+");
	enum err e = desk_subscribe(&l->desk, filter, 1, why);
	if (e)
		return e;
	event_line_print_titles(o->json);
	if (terminal_is_watched(stderr))
		fputs("from now on; what was before is in the hub's database: --db\n", stderr);
	if (o->wait_ms >= 0) {
		e = desk_wait(&l->desk, never, NULL, o->wait_ms, why);
		return e == ERR_AGAIN && !l->desk.interrupted ? OK : e;
	}
	do
		e = desk_wait(&l->desk, never, NULL, LONG_MS, why);
	while (e == ERR_AGAIN && !l->desk.interrupted);
	return e;
}

enum exit_code event_feed_from_broker(struct options *o)
{
	struct why why;
	struct letters *l = calloc(1, sizeof *l);
	if (!l)
		return exit_code_tell(why_set(&why, ERR_SYSTEM, "no memory"), &why);
	l->options = o;
	l->since_ms = o->since_ms >= 0 ? clock_wall_ms() - o->since_ms : INT64_MIN;
	l->desk.owner = l;
	l->desk.on_letter = on_letter;
	enum err e = desk_open(&l->desk, o, &why);
	if (!e)
		e = follow(l, &why);
	const bool interrupted = l->desk.interrupted;
	desk_close(&l->desk);
	for (size_t i = 0; i < l->teller_count; i++)
		free(l->tellers[i]);
	free(l);
	return interrupted ? EXIT_CODE_INTERRUPTED : exit_code_tell(e, &why);
}
