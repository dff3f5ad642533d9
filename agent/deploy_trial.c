#include "agent/deploy_parts.h"

#include "agent/logbook.h"
#include "base/log.h"
#include "ports/clock.h"

#include <stdio.h>

enum { LAST_LINES = 10, WAIT_MS = 1000 };

static void become_available(struct deploy *d)
{
	struct why why;
	const int64_t generation = d->next.id.generation;
	enum err e = shelf_promote(&d->shelf, &why);
	if (e) {
		/* Tried again: a state counts as good only once flash says so. */
		log_err("generation not kept as good why=\"%s\"", why.text);
		loop_arm(d->o.loop, &d->timer, clock_now_ms() + DEPLOY_RETRY_MS);
		return;
	}
	deploy_note_end(d, "available", "");
	deploy_drop_next(d);
	supervisor_settle(d->o.supervisor);
	deploy_forget_failure(d);
	deploy_sweep(d);
	deploy_mend_soon(d);
	deploy_tell(d, false, "Available", generation, "healthy, and kept as the last good state");
	deploy_set_phase(d, DEPLOY_AVAILABLE);
}

/* The reason, and the last that the culprit said. */
static void describe_failure(struct deploy *d, const struct supervisor_health *h, const char *what)
{
	const struct workload *w = h->worst;
	deploy_forget_failure(d);
	if (!w) {
		(void)why_set(&d->failure, OK, "%s", what);
		return;
	}
	const char *trouble = w->trouble.text[0] ? w->trouble.text : workload_state_name(w->state);
	(void)why_set(&d->failure, OK, "%s: %s: %.150s", what, w->name, trouble);
	d->last_words = json_new_object();
	json_set_string(d->last_words, "workload", w->name);
	json_set(d->last_words, "lines", logbook_last(w, LAST_LINES));
}

static void give_up(struct deploy *d, const struct supervisor_health *h, const char *what)
{
	struct why why;
	char object[48];
	struct bytes good;
	const bool has_good = shelf_get(&d->shelf, SHELF_GOOD, &good) == OK;
	const bool goes_back = has_good && d->next.rolls_back;
	describe_failure(d, h, what);
	snprintf(object, sizeof object, "generation/%lld", (long long)d->next.id.generation);
	event_add(d->o.events, true, goes_back ? "RolledBack" : "Degraded", object, d->failure.text,
		  d->last_words ? json_copy(d->last_words) : NULL);
	deploy_note_end(d, goes_back ? "rolled-back" : "degraded", d->failure.text);
	if (!goes_back) {
		deploy_set_phase(d, DEPLOY_DEGRADED);
		return;
	}
	if (shelf_fail(&d->shelf, d->failure.text, &why))
		log_err("the failure is not on flash, after a restart it is tried again why=\"%s\"",
			why.text);
	deploy_drop_next(d);
	deploy_run_good(d);
	deploy_mend_soon(d);
	supervisor_settle(d->o.supervisor);
	deploy_set_phase(d, DEPLOY_ROLLED_BACK);
}

void deploy_judge(struct deploy *d)
{
	struct supervisor_health h;
	const int64_t now = clock_now_ms();
	const int64_t deadline = d->switched_ms + d->next.progress_deadline_ms;
	supervisor_health(d->o.supervisor, &h);
	bool healthy = h.ready == h.workloads;
	if (!healthy)
		d->healthy_ms = 0;
	else if (!d->healthy_ms)
		d->healthy_ms = now;

	if (healthy && now >= d->healthy_ms + d->next.healthy_for_ms) {
		become_available(d);
		return;
	}
	if (d->phase == DEPLOY_PROGRESSING && h.failures >= DEPLOY_FAILURES_MAX) {
		give_up(d, &h, "it keeps failing");
		return;
	}
	if (d->phase == DEPLOY_PROGRESSING && now >= deadline) {
		give_up(d, &h, "not healthy in time");
		return;
	}
	int64_t due = healthy ? d->healthy_ms + d->next.healthy_for_ms : deadline;
	if (d->phase == DEPLOY_PROGRESSING && deadline < due)
		due = deadline;
	if (healthy || d->phase == DEPLOY_PROGRESSING)
		loop_arm(d->o.loop, &d->timer, due);
}

bool deploy_is_on_trial(const struct deploy *d)
{
	return d->phase == DEPLOY_PROGRESSING || d->phase == DEPLOY_DEGRADED;
}

void deploy_on_workloads(struct deploy *d)
{
	/* From the loop, not from inside a workload's own change. */
	if (deploy_is_on_trial(d))
		loop_arm(d->o.loop, &d->timer, 0);
}

static void begin_trial(struct deploy *d)
{
	d->switched_ms = clock_now_ms();
	d->healthy_ms = 0;
	deploy_set_phase(d, DEPLOY_PROGRESSING);
	loop_arm(d->o.loop, &d->timer, 0);
}

void deploy_switch_over(struct deploy *d)
{
	struct why why;
	/* Written before it happens: after a power cut we know what ran. */
	enum err e = shelf_try(&d->shelf, &why);
	if (!e && deploy_reach(d, &d->wanted, &d->next.id))
		e = why_set(&why, ERR_AGAIN, "too many pods of earlier states are still ending");
	if (e) {
		log_warn("the switch waits why=\"%s\"", why.text);
		loop_arm(d->o.loop, &d->timer, clock_now_ms() + WAIT_MS);
		return;
	}
	d->agent = d->next.agent;
	deploy_tell(d, false, "Switched", d->next.id.generation, "");
	begin_trial(d);
}
