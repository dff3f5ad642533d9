/*
 * notice - what the workload says of itself: sd_notify(3).
 *
 * Datagrams to `notify.sock` in the keeper's folder, which only the workload
 * can reach. READY and the last STATUS are remembered for agents that come later.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

enum { NOTICE_STATUS_MAX = 128 };

struct notice {
	int fd; /* -1: not wanted */
	bool ready;
	char status[NOTICE_STATUS_MAX];
};

enum err notice_open(struct notice *n, const char *folder, struct why *why);

/* Read what waits and tell each piece of news as the packet for the agent. */
void notice_hear(struct notice *n, void (*tell)(void *owner, const char *packet), void *owner);

/* What an agent that comes later has missed. */
void notice_repeat(const struct notice *n, void (*tell)(void *owner, const char *packet),
		   void *owner);

/* For the next run. */
void notice_forget(struct notice *n);
