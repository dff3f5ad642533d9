#include "workloads/standby.h"

#include "base/scoped.h"
#include "ports/clock.h"
#include "ports/listeners.h"

#include <string.h>

enum { LOOKS = 4, LOOK_MIN_MS = 100, LOOK_MAX_MS = 5000 };

static void look_later(struct standby *s)
{
	int64_t wait = s->quiet_ms / LOOKS;
	wait = wait < LOOK_MIN_MS ? LOOK_MIN_MS : wait > LOOK_MAX_MS ? LOOK_MAX_MS : wait;
	loop_arm(s->loop, &s->timer, clock_now_ms() + wait);
}

static void on_look(void *owner, int64_t now_ms)
{
	struct standby *s = owner;
	if (listeners_are_busy(s->fds, s->count, s->pid))
		s->quiet_since_ms = now_ms;
	if (now_ms - s->quiet_since_ms < s->quiet_ms)
		look_later(s);
	else
		s->hooks.on_quiet(s->hooks.owner);
}

static void unwatch(struct standby *s)
{
	for (size_t i = 0; s->resting && i < s->count; i++)
		loop_unwatch(s->loop, &s->watches[i]);
	s->resting = false;
}

static void on_knock(void *owner, unsigned events)
{
	struct standby *s = owner;
	(void)events;
	unwatch(s);
	s->hooks.on_knock(s->hooks.owner);
}

void standby_begin(struct standby *s, struct loop *l, const int *fds, size_t count,
		   int64_t quiet_ms, const struct standby_hooks *hooks)
{
	*s = (struct standby){ .loop = l, .hooks = *hooks, .count = count, .quiet_ms = quiet_ms };
	memcpy(s->fds, fds, count * sizeof *fds);
	s->timer = (struct timer){ .owner = s, .on_due = on_look };
}

void standby_pause(struct standby *s)
{
	if (!s->loop)
		return;
	loop_disarm(s->loop, &s->timer);
	unwatch(s);
}

void standby_work(struct standby *s, pid_t pid)
{
	standby_pause(s);
	s->pid = pid;
	s->quiet_since_ms = clock_now_ms();
	if (s->loop && s->quiet_ms)
		look_later(s);
}

void standby_rest(struct standby *s)
{
	standby_pause(s);
	if (!s->loop)
		return;
	for (size_t i = 0; i < s->count; i++) {
		s->watches[i] = (struct watch){
			.fd = s->fds[i], .events = LOOP_READ, .owner = s, .on_ready = on_knock
		};
		/* One that cannot be watched is one at which nobody can wake it. */
		(void)!loop_watch(s->loop, &s->watches[i], NULL);
	}
	s->resting = true;
}

void standby_end(struct standby *s)
{
	standby_pause(s);
	for (size_t i = 0; s->loop && i < s->count; i++)
		close_quietly(s->fds[i]);
	*s = (struct standby){ 0 };
}
