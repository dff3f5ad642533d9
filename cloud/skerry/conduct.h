/*
 * conduct - run a rollout from this desk: see, decide, keep, publish, and again.
 *
 * Nothing is published that is not kept as decided, so that ^C or a power cut loses nothing:
 * the next one who conducts it goes on.
 */
#pragma once

#include "cloud/skerry/campaign_file.h"
#include "cloud/skerry/desk.h"
#include "cloud/skerry/fleet_view.h"

enum { CONDUCT_LOOK_MS = 500 }; /* between two looks at the clock and at wishes */

struct conduct {
	struct desk *desk;
	struct fleet_view *view;
	struct campaign *campaign;
	struct campaign_file *file; /* locked by us */
	void *owner;
	void (*on_change)(void *owner); /* something is different; NULL is fine */
};

/* One look and what follows from it. */
enum err conduct_once(struct conduct *c, struct why *why);

/* Until it is over or halted. ERR_AGAIN: not in `wait_ms` (-1: no limit), or ^C. */
enum err conduct_all(struct conduct *c, int64_t wait_ms, struct why *why);
