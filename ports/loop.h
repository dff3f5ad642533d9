/*
 * loop - one thread waits here for everything.
 *
 * Watches and timers are the caller's memory; a callback may add, change or
 * remove any of them, itself included. After loop_unwatch() or loop_disarm()
 * returns, the callback is not called any more, even if it was due.
 *
 * Implementation: ports/linux/loop_epoll.c. Times are clock_now_ms().
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

enum {
	LOOP_READ = 1,
	LOOP_WRITE = 2,
	LOOP_GONE = 4, /* hang-up or error; always reported */
};

struct watch {
	int fd;
	unsigned events; /* LOOP_READ | LOOP_WRITE */
	void *owner;
	void (*on_ready)(void *owner, unsigned events);
};

struct timer {
	int64_t due_ms;
	void *owner;
	void (*on_due)(void *owner, int64_t now_ms);
	struct timer *next; /* the loop's */
	bool armed;         /* the loop's */
};

enum err loop_open(struct loop **out, struct why *why);
void loop_close(struct loop *l); /* NULL is fine */

/* Start watching w->fd. The fd stays the caller's. */
enum err loop_watch(struct loop *l, struct watch *w, struct why *why);
/* Wait for other events on a watched fd. */
void loop_change(struct loop *l, struct watch *w, unsigned events);
/* Stop, before the fd is closed. Not watched: nothing happens. */
void loop_unwatch(struct loop *l, struct watch *w);

/* Call on_due once at `due_ms` or soon after; arming again moves it. */
void loop_arm(struct loop *l, struct timer *t, int64_t due_ms);
void loop_disarm(struct loop *l, struct timer *t);

/* Call `on_signal` in the loop for SIGTERM, SIGINT and SIGHUP. SIGPIPE is ignored. */
enum err loop_on_signals(struct loop *l, void (*on_signal)(void *owner, int signo), void *owner,
			 struct why *why);

/* Wait once, at most `wait_ms` (-1: as long as it takes), and call what is ready. */
enum err loop_turn(struct loop *l, int64_t wait_ms, struct why *why);

/* Turn until loop_stop(). */
enum err loop_run(struct loop *l, struct why *why);
void loop_stop(struct loop *l);
