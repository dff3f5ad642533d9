/*
 * desk - an operator's connection to the broker, one step after the other.
 *
 * Each call turns the loop until its answer is there, and gives up after a
 * while. Letters that come meanwhile are told to on_letter.
 */
#pragma once

#include "cloud/skerry/options.h"
#include "ports/loop.h"
#include "ports/mqtt.h"
#include "sync/topic.h"

enum {
	DESK_WAIT_MS = 10 * 1000,
	DESK_QUIET_MS = 100, /* no retained message for so long: that was all */
};

struct desk {
	const struct options *options;
	struct loop *loop;
	struct mqtt *mqtt;
	char name[16]; /* of this desk, as a requester: "desk-x3k9" */
	char join_dir[40];
	bool is_up, is_down, is_subscribed, interrupted;
	bool refused;  /* a filter of the last subscription */
	size_t kept;   /* retained messages that have come */
	int delivered; /* ticket of the last PUBACK */
	char echo[24]; /* that we wait for */
	struct why why;
	void *owner;
	void (*on_letter)(void *owner, const struct topic *t, struct bytes payload);
};

/* Connect. ERR_OFFLINE: the broker cannot be reached; ERR_DENIED: it refuses. */
enum err desk_open(struct desk *d, struct options *o, struct why *why);
void desk_close(struct desk *d); /* not open: nothing happens */

/* `rests` are filters below skerry1/FLEET/, such as "+/up/state". */
enum err desk_subscribe(struct desk *d, const char *const *rests, size_t n, struct why *why);

/* Publish below skerry1/FLEET/DEVICE/ and wait until the broker has it. */
enum err desk_publish(struct desk *d, const char *device, const char *rest, struct bytes payload,
		      bool retain, struct why *why);
/* Publish without waiting. */
enum err desk_send(struct desk *d, const char *device, const char *rest, struct bytes payload,
		   int qos, struct why *why);

/* Wait until all that the broker holds for us has come. */
enum err desk_settle(struct desk *d, struct why *why);

/* Wait until no retained message comes any more: some engines, aedes and by its documentation
 * EMQX, read them in the background and send them behind what came later. */
enum err desk_hear_out(struct desk *d, struct why *why);

/* Between two pieces of a work that takes long: hear what has come. Ctrl-C: `interrupted`,
 * ERR_AGAIN. A connection that has ended is left to who needs it. */
enum err desk_hear(struct desk *d, struct why *why);

/* Turn until done() says so. ERR_AGAIN: not in time; ERR_OFFLINE: the
 * connection ended; ERR_DENIED is not used. Ctrl-C: `interrupted`, ERR_AGAIN. */
enum err desk_wait(struct desk *d, bool (*done)(void *owner), void *owner, int64_t wait_ms,
		   struct why *why);
