/*
 * event - what happened, as the cloud will read it: up/event.
 *
 * An event is on flash when event_add() returns. The words are Kubernetes':
 * type Normal or Warning, a reason in one word, a message for people.
 */
#pragma once

#include "ports/json.h"
#include "sync/outbox.h"

enum { EVENTS_RECENT = 16 };

/* The last ones, for `skerry status`. */
struct event_recent {
	int64_t time_ms;
	bool wall, warning;
	char reason[32], object[2 * LABEL_SIZE], message[160];
};

struct events {
	struct outbox *outbox;
	uint32_t boot; /* flags of letters without a wall clock */
	struct event_recent recent[EVENTS_RECENT];
	size_t count; /* in all */
};

void events_init(struct events *ev, struct outbox *outbox);

/* `object` is "pod/container", "generation/42" or "device". `extra` may be
 * NULL: members that go along; it is taken. */
void event_add(struct events *ev, bool warning, const char *reason, const char *object,
	       const char *message, struct json *extra);

/* The last ones, newest first. */
struct json *events_recent(const struct events *ev);
