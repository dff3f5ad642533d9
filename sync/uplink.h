/*
 * uplink - sends what waits in the outbox, and hears what has arrived.
 *
 * Events before logs before telemetry; what was made since the link came up
 * before the backlog. A window bounds what is under way. A letter is forgotten
 * only when the hub acknowledges it; one that it does not acknowledge goes
 * again after 30 s, doubling to 15 min. For streams that others read the broker's
 * PUBACK is enough, or nothing is asked for. A budget of bytes makes logs and
 * telemetry wait; events go, and count.
 */
#pragma once

#include "sync/budget.h"
#include "sync/link.h"
#include "sync/outbox.h"

enum {
	UPLINK_WINDOW = 32,               /* letters under way */
	UPLINK_WINDOW_EVENTS = 8,         /* places that only events may take */
	UPLINK_WINDOW_BYTES = 256 * 1024, /* of bodies under way */
	UPLINK_AGAIN_FIRST_MS = 30 * 1000,
	UPLINK_AGAIN_MAX_MS = 15 * 60 * 1000,
	UPLINK_SAVES_A_DAY = 64, /* of what the budget has spent: a crash forgets less than one */
	UPLINK_SETTLE_MS = 10 * 1000, /* acknowledgements wait this long for a write to join */
};

struct under_way {
	int64_t seq; /* 0: free */
	size_t bytes;
	int64_t again_ms; /* when it is sent again */
	unsigned tries;
	int ticket; /* of its last message, if the broker's word for that is enough; else 0 */
};

struct uplink {
	struct loop *loop;
	struct link *link;
	struct outbox *outbox;
	struct timer timer;    /* to send, or to send again */
	struct timer settling; /* to carry out acknowledgements */
	struct under_way window[UPLINK_WINDOW + UPLINK_WINDOW_EVENTS];
	int64_t live_from;               /* letters above it were made since the link is up */
	int64_t live_at[LETTER_CLASSES]; /* sent up to here, of the live ones */
	int64_t back_at[LETTER_CLASSES]; /* sent up to here, of the backlog */
	struct budget budget;
	int64_t saved;   /* of budget.spent, on flash */
	int64_t held_ms; /* something waits for the budget until then; 0: nothing does */
	uint32_t boot;   /* of this boot, in letters without a wall clock */
	char *scratch;   /* MESSAGE_MAX bytes */
	void *owner;
	void (*on_hello)(void *owner); /* the hub has come; both are set by the caller, if at all */
};

/* `rate` in bytes a second, `daily` in bytes; 0: no limit. */
enum err uplink_open(struct uplink *u, struct loop *loop, struct link *link, struct outbox *outbox,
		     int64_t rate, int64_t daily, struct why *why);
void uplink_close(struct uplink *u);

/* The link came up: everything that is not acknowledged goes, in order. */
void uplink_on_up(struct uplink *u);
void uplink_on_down(struct uplink *u);

/* There is something new in the outbox. */
void uplink_wake(struct uplink *u);

/* May something that matters less than every letter go now? If not, it may be asked again
 * after *out_wait_ms; 0: soon. What has gone counts. */
bool uplink_lets_pass(struct uplink *u, int64_t *out_wait_ms);
void uplink_spend(struct uplink *u, size_t bytes);

/* The broker has something that was published. */
void uplink_on_delivered(struct uplink *u, int ticket);

/* dn/ack has come. */
void uplink_on_ack(struct uplink *u, struct bytes payload);
