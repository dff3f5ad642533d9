#include "ports/loop.h"

#include "base/scoped.h"
#include "ports/clock.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

enum { READY_MAX = 32 };

struct loop {
	int epoll_fd;
	struct timer *timers; /* earliest first */
	struct epoll_event ready[READY_MAX];
	int ready_count;
	bool stopped;
	struct timer *due; /* of this turn, not called yet */

	struct watch signals;
	void (*on_signal)(void *owner, int signo);
	void *signal_owner;
};

enum err loop_open(struct loop **out, struct why *why)
{
	struct loop *l = calloc(1, sizeof *l);
	if (!l)
		return why_set(why, ERR_SYSTEM, "loop: no memory");

	l->signals.fd = -1;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		enum err e = why_set(why, ERR_SYSTEM, "loop: epoll: %s", strerror(errno));
		free(l);
		return e;
	}
	*out = l;
	return OK;
}

void loop_close(struct loop *l)
{
	if (!l)
		return;
	close_quietly(l->signals.fd);
	close_quietly(l->epoll_fd);
	free(l);
}

static uint32_t to_epoll(unsigned events)
{
	return (events & LOOP_READ ? EPOLLIN : 0u) | (events & LOOP_WRITE ? EPOLLOUT : 0u);
}

static unsigned from_epoll(uint32_t events)
{
	return (events & EPOLLIN ? LOOP_READ : 0u) | (events & EPOLLOUT ? LOOP_WRITE : 0u) |
	       (events & (EPOLLHUP | EPOLLERR) ? LOOP_GONE : 0u);
}

enum err loop_watch(struct loop *l, struct watch *w, struct why *why)
{
	struct epoll_event e = { .events = to_epoll(w->events), .data.ptr = w };
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &e))
		return why_set(why, ERR_SYSTEM, "loop: watch fd %d: %s", w->fd, strerror(errno));
	return OK;
}

void loop_change(struct loop *l, struct watch *w, unsigned events)
{
	if (w->events == events)
		return;
	w->events = events;
	struct epoll_event e = { .events = to_epoll(events), .data.ptr = w };
	epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &e);
}

void loop_unwatch(struct loop *l, struct watch *w)
{
	if (w->fd >= 0)
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);

	/* It may be among those that this turn still has to call. */
	for (int i = 0; i < l->ready_count; i++)
		if (l->ready[i].data.ptr == w)
			l->ready[i].data.ptr = NULL;
}

void loop_arm(struct loop *l, struct timer *t, int64_t due_ms)
{
	loop_disarm(l, t);
	t->due_ms = due_ms;
	t->armed = true;

	struct timer **at = &l->timers;
	while (*at && (*at)->due_ms <= due_ms)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

void loop_disarm(struct loop *l, struct timer *t)
{
	if (!t->armed)
		return;
	struct timer **lists[] = { &l->timers, &l->due };
	for (int i = 0; i < 2; i++)
		for (struct timer **at = lists[i]; *at; at = &(*at)->next) {
			if (*at != t)
				continue;
			*at = t->next;
			break;
		}
	t->armed = false;
}

static void on_signal_ready(void *owner, unsigned events)
{
	struct loop *l = owner;
	struct signalfd_siginfo info;
	(void)events;
	while (read(l->signals.fd, &info, sizeof info) == sizeof info)
		l->on_signal(l->signal_owner, (int)info.ssi_signo);
}

enum err loop_on_signals(struct loop *l, void (*on_signal)(void *owner, int signo), void *owner,
			 struct why *why)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);

	l->on_signal = on_signal;
	l->signal_owner = owner;
	l->signals = (struct watch){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.events = LOOP_READ,
		.owner = l,
		.on_ready = on_signal_ready,
	};
	if (l->signals.fd < 0)
		return why_set(why, ERR_SYSTEM, "loop: signalfd: %s", strerror(errno));
	return loop_watch(l, &l->signals, why);
}

/* Only what was due at `now`: a callback that arms itself for now waits a turn,
 * so that timers cannot starve the descriptors. */
static void call_timers(struct loop *l, int64_t now)
{
	struct timer *due = l->timers, **end = &l->timers;
	while (*end && (*end)->due_ms <= now)
		end = &(*end)->next;
	if (end == &l->timers)
		return;
	l->timers = *end;
	*end = NULL;
	l->due = due;
	while (l->due) {
		struct timer *t = l->due;
		l->due = t->next;
		t->armed = false;
		t->on_due(t->owner, now);
	}
}

static int64_t wait_until_next(const struct loop *l, int64_t wait_ms)
{
	if (!l->timers)
		return wait_ms;
	int64_t left = l->timers->due_ms - clock_now_ms();
	if (left < 0)
		left = 0;
	return wait_ms < 0 || left < wait_ms ? left : wait_ms;
}

enum err loop_turn(struct loop *l, int64_t wait_ms, struct why *why)
{
	int64_t wait = wait_until_next(l, wait_ms);
	/* A timeout of n ms may wake up to a tick early: n + 1 spares an idle turn. */
	int timeout = wait <= 0 ? (int)wait : wait > 60000 ? 60000 : (int)wait + 1;
	int n = epoll_wait(l->epoll_fd, l->ready, READY_MAX, timeout);
	if (n < 0 && errno != EINTR)
		return why_set(why, ERR_SYSTEM, "loop: epoll_wait: %s", strerror(errno));

	l->ready_count = n < 0 ? 0 : n;
	for (int i = 0; i < l->ready_count; i++) {
		struct watch *w = l->ready[i].data.ptr;
		if (w)
			w->on_ready(w->owner, from_epoll(l->ready[i].events));
	}
	l->ready_count = 0;
	call_timers(l, clock_now_ms());
	return OK;
}

enum err loop_run(struct loop *l, struct why *why)
{
	enum err e = OK;
	l->stopped = false;
	while (!e && !l->stopped)
		e = loop_turn(l, -1, why);
	return e;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}
