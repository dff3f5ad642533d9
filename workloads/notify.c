#include "workloads/notify.h"

#include "base/duration.h"
#include "base/text.h"
#include "ports/clock.h"

#include <stdio.h>

bool notify_allows(const struct workload *w)
{
	return w->has_notified || !w->pod || !w->pod->board.notifies;
}

static void feed(struct workload *w)
{
	if (w->pod && w->pod->board.watchdog_ms)
		loop_arm(w->site->loop, &w->watchdog, clock_now_ms() + w->pod->board.watchdog_ms);
}

static void on_hungry(void *owner, int64_t now_ms)
{
	struct workload *w = owner;
	char text[96], span[24];
	(void)now_ms;
	duration_print(span, w->pod->board.watchdog_ms);
	snprintf(text, sizeof text, "no WATCHDOG=1 for %s", span);
	workload_end_unwell(w, "Unhealthy", text);
}

void notify_begin(struct workload *w)
{
	w->has_notified = false;
	w->status[0] = '\0';
	w->watchdog = (struct timer){ .owner = w, .on_due = on_hungry };
	feed(w);
}

void notify_pause(struct workload *w)
{
	if (w->watchdog.on_due)
		loop_disarm(w->site->loop, &w->watchdog);
}

void notify_resume(struct workload *w)
{
	feed(w);
}

void notify_end(struct workload *w)
{
	notify_pause(w);
}

void notify_hear(void *owner, enum keeper_notice notice, const char *text)
{
	struct workload *w = owner;
	if (w->state != WORKLOAD_RUNNING)
		return;
	switch (notice) {
	case NOTICE_READY:
		w->has_notified = true;
		workload_look_again(w);
		break;
	case NOTICE_STATUS:
		text_copy(w->status, sizeof w->status, bytes_of(text));
		w->site->on_change(w->site->owner);
		break;
	case NOTICE_WATCHDOG:
		feed(w);
		break;
	case NOTICE_TRIGGER:
	default:
		workload_end_unwell(w, "Unhealthy", "it said WATCHDOG=trigger");
		break;
	}
}
