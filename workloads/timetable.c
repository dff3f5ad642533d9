#include "workloads/timetable.h"

#include "ports/clock.h"
#include "workloads/job.h"
#include "workloads/schedule.h"

enum { CLOCK_STEP_MAX_MS = 24 * 3600 * 1000 }; /* back by less repeats no run */

static void note_time(struct running_pod *r, int64_t time_ms)
{
	struct why why;
	if (job_note_time(r->site->store, r->pod->name, time_ms, &why))
		running_tell(r, true, "JobNotKept", why.text);
}

static void take_step(struct running_pod *r, const struct schedule_step *step)
{
	if (r->gives_way && (step->verdict == SCHEDULE_RUN || step->verdict == SCHEDULE_REPLACE)) {
		running_tell(r, true, "Preempted", "a time was left out: it has to give way");
		return;
	}
	switch (step->verdict) {
	case SCHEDULE_RUN:
		running_run(r);
		return;
	case SCHEDULE_REPLACE:
		running_tell(r, false, "JobReplaced",
			     "its next time has come while it was running");
		running_replace(r);
		return;
	case SCHEDULE_SKIP:
		running_tell(r, true, "JobAlreadyActive",
			     "a time was left out: a run is still going");
		return;
	case SCHEDULE_MISS:
		running_tell(r, true, "MissSchedule", "a time was left out: it is too late for it");
		return;
	case SCHEDULE_NO_CLOCK:
		if (!r->told_no_clock)
			running_tell(r, true, "ClockNotSet",
				     "it does not run: the clock of this board was never set");
		r->told_no_clock = true;
		return;
	case SCHEDULE_WAIT:
	default:
		return;
	}
}

static void on_schedule(void *owner, int64_t now_ms)
{
	struct running_pod *r = owner;
	const int64_t wall = clock_wall_ms();
	struct schedule_view v = {
		.wall_ms = wall,
		.clock_is_set = clock_is_set(wall),
		.last_ms = job_last_time(r->site->store, r->pod->name),
		.is_running = !r->is_over,
	};
	struct schedule_step step;
	if (r->leaving)
		return;
	if (v.clock_is_set && (!v.last_ms || v.last_ms > wall + CLOCK_STEP_MAX_MS)) {
		/* Seen for the first time, or by a clock that was far ahead: times begin now. */
		note_time(r, wall);
		v.last_ms = wall;
	}
	schedule_next(&r->pod->schedule, &v, &step);
	if (step.time_ms)
		note_time(r, step.time_ms);
	loop_arm(r->site->loop, &r->schedule, now_ms + step.wait_ms);
	take_step(r, &step);
}

void timetable_open(struct running_pod *r)
{
	r->schedule = (struct timer){ .owner = r, .on_due = on_schedule };
	loop_arm(r->site->loop, &r->schedule, 0);
}
