#include "agent/event.h"

#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "ports/clock.h"
#include "sync/letter.h"

#include <stdlib.h>

void events_init(struct events *ev, struct outbox *outbox)
{
	*ev = (struct events){ .outbox = outbox };
}

static struct json *print_one(const struct event_recent *r)
{
	struct json *j = json_new_object();
	json_set_integer(j, "t", r->time_ms);
	json_set_string(j, "type", r->warning ? "Warning" : "Normal");
	json_set_string(j, "reason", r->reason);
	json_set_string(j, "object", r->object);
	json_set_string(j, "message", r->message);
	return j;
}

static void log_event(const struct event_recent *r)
{
	log_line(r->warning ? LOG_WARN : LOG_INFO, "%s %s%s%s", r->reason, r->object,
		 r->message[0] ? ": " : "", r->message);
}

void event_add(struct events *ev, bool warning, const char *reason, const char *object,
	       const char *message, struct json *extra)
{
	struct event_recent *r = &ev->recent[ev->count++ % EVENTS_RECENT];
	struct letter_clock clock = letter_clock_now();
	*r = (struct event_recent){ .time_ms = clock.now_ms,
				    .wall = clock.wall,
				    .warning = warning };
	text_copy(r->reason, sizeof r->reason, bytes_of(reason));
	text_copy(r->object, sizeof r->object, bytes_of(object));
	text_copy(r->message, sizeof r->message, bytes_of(message));
	utf8_fix(r->message);
	log_event(r);

	struct json *list = json_new_array(), *one = print_one(r);
	if (extra)
		json_set(one, "more", extra);
	json_push(list, one);
	struct why why;
	enum err e = letter_add_document(ev->outbox, LETTER_EVENT, "event", list, 1, &why);
	if (e)
		log_err("event not kept, it will be missing in the cloud why=\"%s\"", why.text);
}

struct json *events_recent(const struct events *ev)
{
	struct json *list = json_new_array();
	for (size_t i = 0; i < ev->count && i < EVENTS_RECENT; i++)
		json_push(list, print_one(&ev->recent[(ev->count - 1 - i) % EVENTS_RECENT]));
	return list;
}
