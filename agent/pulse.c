#include "agent/pulse.h"

#include "base/log.h"
#include "ports/clock.h"
#include "ports/notify.h"
#include "ports/watchdog.h"

enum { BEATS = 3 }; /* in one timeout: two may come too late */

static void beat(void *owner, int64_t now_ms)
{
	struct pulse *p = owner;
	if (p->fd >= 0)
		watchdog_feed(p->fd);
	if (p->to_manager)
		notify_send("WATCHDOG=1");
	loop_arm(p->loop, &p->timer, now_ms + p->period_ms);
}

enum err pulse_open(struct pulse *p, struct loop *loop, const char *path, struct why *why)
{
	int64_t timeout_ms = notify_watchdog_ms();
	*p = (struct pulse){ .loop = loop, .fd = -1, .to_manager = timeout_ms > 0 };
	p->timer = (struct timer){ .owner = p, .on_due = beat };
	if (*path) {
		int64_t granted_ms;
		enum err e = watchdog_open(path, &p->fd, &granted_ms, why);
		if (e)
			return e;
		log_info("the board resets %lld s after this agent hangs watchdog=%s",
			 (long long)granted_ms / 1000, path);
		if (!timeout_ms || granted_ms < timeout_ms)
			timeout_ms = granted_ms;
	}
	p->period_ms = timeout_ms / BEATS;
	if (timeout_ms)
		beat(p, clock_now_ms());
	return OK;
}

void pulse_close(struct pulse *p)
{
	if (!p->loop)
		return;
	loop_disarm(p->loop, &p->timer);
	watchdog_close(p->fd);
	*p = (struct pulse){ .fd = -1 };
}
