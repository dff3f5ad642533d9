#include "agent/deploy_parts.h"

#include "agent/admission.h"
#include "agent/past.h"
#include "base/log.h"
#include "ports/clock.h"

#include <stdio.h>

const char *deploy_phase_name(enum deploy_phase p)
{
	static const char *const names[] = {
		[DEPLOY_UNMANAGED] = "Unmanaged",     [DEPLOY_DOWNLOADING] = "Downloading",
		[DEPLOY_PROGRESSING] = "Progressing", [DEPLOY_AVAILABLE] = "Available",
		[DEPLOY_ROLLED_BACK] = "RolledBack",  [DEPLOY_DEGRADED] = "Degraded",
	};
	return names[p];
}

void deploy_set_phase(struct deploy *d, enum deploy_phase phase)
{
	d->phase = phase;
	d->phase_since_ms = clock_wall_ms();
	d->o.on_change(d->o.owner);
}

void deploy_tell(struct deploy *d, bool warning, const char *reason, int64_t generation,
		 const char *message)
{
	char object[48];
	snprintf(object, sizeof object, "generation/%lld", (long long)generation);
	event_add(d->o.events, warning, reason, object, message, NULL);
}

void deploy_note_end(struct deploy *d, const char *outcome, const char *reason)
{
	struct why why;
	if (past_end(d->o.store, outcome, reason, clock_wall_ms(), &why))
		log_warn("not in the list of past states outcome=%s why=\"%s\"", outcome, why.text);
}

void deploy_forget_failure(struct deploy *d)
{
	d->failure.text[0] = '\0';
	json_free(d->last_words);
	d->last_words = NULL;
}

void deploy_drop_next(struct deploy *d)
{
	fetch_stop(&d->fetch);
	unpacking_stop(&d->unpacking);
	loop_disarm(d->o.loop, &d->timer);
	loop_disarm(d->o.loop, &d->mending);
	d->image[0] = '\0';
	d->is_mending = false;
	d->trouble.text[0] = '\0';
	wanted_free(&d->wanted);
	desired_free(&d->next);
}

enum err deploy_read_wanted(const struct deploy *d, const struct desired *from, struct wanted *out,
			    struct why *why)
{
	const struct admission a = { &d->o.supervisor->site, d->o.memory_bytes, d->o.cpu_milli };
	return admission_read(&a, from->workloads, from->configs, out, why);
}

static enum err read_slot(struct deploy *d, enum shelf_slot slot, struct desired *out,
			  struct why *why)
{
	struct bytes kept;
	enum err e = shelf_get(&d->shelf, slot, &kept);
	return e ? why_set(why, e, "nothing is kept")
		 : desired_open(kept, d->o.fleet, d->o.device, out, why);
}

enum err deploy_reach(struct deploy *d, struct wanted *wanted, const struct desired_id *id)
{
	enum err e = supervisor_reach(d->o.supervisor, wanted, id->generation);
	if (!e)
		d->running = *id;
	return e;
}

bool deploy_run_good(struct deploy *d)
{
	struct desired good;
	struct wanted wanted;
	struct why why;
	if (read_slot(d, SHELF_GOOD, &good, &why))
		return false;
	enum err e = deploy_read_wanted(d, &good, &wanted, &why);
	if (!e && deploy_reach(d, &wanted, &good.id)) {
		wanted_free(&wanted);
		e = why_set(&why, ERR_AGAIN, "too many pods are still ending");
	}
	if (!d->newest.digest[0]) {
		d->newest = good.id;
		d->agent = good.agent;
	}
	desired_free(&good);
	if (e)
		log_err("the last good state cannot run why=\"%s\"", why.text);
	return e == OK;
}

static void on_timer(void *owner, int64_t now_ms)
{
	struct deploy *d = owner;
	(void)now_ms;
	if (deploy_is_on_trial(d))
		deploy_judge(d);
	else if (d->phase == DEPLOY_DOWNLOADING)
		deploy_obtain(d);
}

/* A state was on its way when we ended: go on from the step on the shelf. */
static void resume_next(struct deploy *d)
{
	struct why why;
	enum err e = read_slot(d, SHELF_NEXT, &d->next, &why);
	if (!e)
		e = deploy_read_wanted(d, &d->next, &d->wanted, &why);
	if (e) {
		log_err("the accepted state does not read back why=\"%s\"", why.text);
		desired_free(&d->next);
		if (!d->running.digest[0] && deploy_run_good(d))
			deploy_set_phase(d, DEPLOY_AVAILABLE);
		return;
	}
	d->newest = d->next.id;
	if (d->shelf.step == SHELF_FAILED) {
		d->agent = d->next.agent;
		d->failure = d->shelf.reason;
		deploy_drop_next(d);
		deploy_set_phase(d, DEPLOY_ROLLED_BACK);
		return;
	}
	if (d->shelf.step == SHELF_REFUSED) {
		const struct desired_id *id = &d->newest;
		d->rejected = (struct deploy_answer){
			.epoch = id->epoch,
			.generation = id->generation,
			.since_ms = clock_wall_ms(),
			.why = d->shelf.reason,
		};
		deploy_drop_next(d);
		return;
	}
	deploy_set_phase(d, DEPLOY_DOWNLOADING);
	deploy_obtain(d);
}

/* Nothing runs by us. A state on its way may be what makes us crash: the next start
 * finds it given up, and the good one. */
static void rest_in_safe_mode(struct deploy *d)
{
	static const char reason[] = "the agent kept crashing while this state was on its way";
	struct desired newest;
	struct why why;
	const bool on_its_way = d->shelf.step == SHELF_FETCHING || d->shelf.step == SHELF_TRYING;
	if (on_its_way && shelf_fail(&d->shelf, reason, &why))
		log_err("the failure is not on flash why=\"%s\"", why.text);
	if (on_its_way)
		deploy_note_end(d, "rolled-back", reason);
	const enum shelf_slot slot = d->shelf.step == SHELF_NONE ? SHELF_GOOD : SHELF_NEXT;
	if (read_slot(d, slot, &newest, &why) == OK) {
		d->newest = newest.id;
		d->agent = newest.agent;
		desired_free(&newest);
	}
	d->failure = d->shelf.reason;
	deploy_set_phase(d, d->shelf.step == SHELF_FAILED ? DEPLOY_ROLLED_BACK
			    : d->newest.digest[0]         ? DEPLOY_AVAILABLE
							  : DEPLOY_UNMANAGED);
}

/* Documents on the shelf do not say whether anybody verified them; the mark does. */
static void restore_order(struct deploy *d)
{
	if (d->o.anchor)
		anchor_restore(d->o.anchor, &d->newest);
}

enum err deploy_open(struct deploy *d, const struct deploy_options *options, struct why *why)
{
	*d = (struct deploy){ .o = *options };
	d->timer = (struct timer){ .owner = d, .on_due = on_timer };
	deploy_init_images(d);
	enum err e = shelf_open(&d->shelf, d->o.store, why);
	if (e)
		return e;
	if (d->o.is_safe_mode) {
		rest_in_safe_mode(d);
		restore_order(d);
		return OK;
	}

	/* While next is on trial, good must not be started in between. */
	bool on_trial = d->shelf.step == SHELF_TRYING;
	if (!on_trial && deploy_run_good(d)) {
		supervisor_settle(d->o.supervisor); /* it has proved itself before */
		deploy_set_phase(d, DEPLOY_AVAILABLE);
		deploy_mend_soon(d);
	}
	if (d->shelf.step != SHELF_NONE)
		resume_next(d);
	restore_order(d);
	return OK;
}

bool deploy_is_at_rest(const struct deploy *d)
{
	return d->phase != DEPLOY_DOWNLOADING && d->phase != DEPLOY_PROGRESSING && !d->is_mending;
}

void deploy_close(struct deploy *d)
{
	if (!d->o.loop)
		return;
	deploy_drop_next(d);
	deploy_forget_failure(d);
	*d = (struct deploy){ 0 };
}
