/*
 * standby - a workload that rests until somebody connects.
 *
 * Watches the sockets on which it listens. While it works, open connections are
 * looked for, and quiet for long enough is told; while it rests, the first who
 * knocks is told. The owner freezes or stops it, and wakes it again.
 */
#pragma once

#include "ports/launch.h"
#include "ports/loop.h"

#include <stdbool.h>

struct standby_hooks {
	void *owner;
	void (*on_quiet)(void *owner); /* nobody was connected for `quiet_ms` */
	void (*on_knock)(void *owner); /* told once; standby_work() begins anew */
};

struct standby {
	struct loop *loop; /* NULL: not begun */
	struct standby_hooks hooks;
	struct timer timer;
	struct watch watches[LISTENERS_MAX];
	int fds[LISTENERS_MAX]; /* owned */
	size_t count;
	int64_t quiet_ms, quiet_since_ms;
	pid_t pid;
	bool resting;
};

/* Take the sockets over; quiet_ms 0: it never rests by itself. */
void standby_begin(struct standby *s, struct loop *l, const int *fds, size_t count,
		   int64_t quiet_ms, const struct standby_hooks *hooks);

/* It works, as process `pid`: look for quiet from now on. */
void standby_work(struct standby *s, pid_t pid);

/* It rests: listen for who knocks. */
void standby_rest(struct standby *s);

/* Neither; the sockets stay. */
void standby_pause(struct standby *s);

/* Close the sockets. Not begun: nothing happens. */
void standby_end(struct standby *s);
