#include "workloads/schedule.h"

static int64_t wait_until(int64_t time_ms, int64_t wall_ms)
{
	const int64_t wait = time_ms > wall_ms ? time_ms - wall_ms : 0;
	return time_ms == INT64_MAX || wait > SCHEDULE_LOOK_MS ? SCHEDULE_LOOK_MS : wait;
}

static enum schedule_verdict judge(const struct schedule_spec *s, const struct schedule_view *v,
				   int64_t time_ms)
{
	if (s->deadline_ms >= 0 && v->wall_ms - time_ms > s->deadline_ms)
		return SCHEDULE_MISS;
	if (!v->is_running)
		return SCHEDULE_RUN;
	return s->replaces ? SCHEDULE_REPLACE : SCHEDULE_SKIP;
}

void schedule_next(const struct schedule_spec *s, const struct schedule_view *v,
		   struct schedule_step *out)
{
	*out = (struct schedule_step){ .wait_ms = SCHEDULE_LOOK_MS };
	if (!v->clock_is_set) {
		out->verdict = SCHEDULE_NO_CLOCK;
		return;
	}
	if (s->suspended)
		return;
	const int64_t due = cron_last(&s->cron, v->last_ms, v->wall_ms);
	out->wait_ms = wait_until(cron_next(&s->cron, v->wall_ms), v->wall_ms);
	if (due == INT64_MIN)
		return;
	out->time_ms = due;
	out->verdict = judge(s, v, due);
}
