/*
 * pulse - says that the loop turns: to the board's watchdog, and to systemd.
 *
 * Only the loop feeds them. An agent that hangs is restarted by systemd
 * (WatchdogSec=), and where `watchdog` is configured the board resets.
 */
#pragma once

#include "ports/loop.h"

struct pulse {
	struct loop *loop;
	struct timer timer;
	int fd; /* of the watchdog; -1: none */
	int64_t period_ms;
	bool to_manager;
};

/* `path` "" for none. With neither watchdog nor systemd's wish nothing ever wakes. */
enum err pulse_open(struct pulse *p, struct loop *loop, const char *path, struct why *why);
void pulse_close(struct pulse *p);
