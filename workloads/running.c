#include "workloads/running.h"

#include "base/text.h"
#include "ports/clock.h"
#include "workloads/bound.h"
#include "workloads/job.h"
#include "workloads/sequence.h"
#include "workloads/timetable.h"
#include "workloads/verdict.h"
#include "workloads/volume.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRACE_LEAST_MS = 2 * 1000 };

size_t running_size(const struct running_pod *r)
{
	return r->pod ? r->pod->container_count : 0;
}

bool running_has_failed(const struct running_pod *r)
{
	return r->life.reason[0] != '\0';
}

/* The first of its proper containers speaks for the pod. */
void running_tell(const struct running_pod *r, bool warning, const char *reason,
		  const char *message)
{
	const struct workload_news news = { &r->workloads[r->pod->init_count], warning, reason,
					    message };
	r->site->on_news(r->site->owner, &news);
}

static void look_soon(void *owner, struct workload *w)
{
	struct running_pod *r = owner;
	(void)w;
	loop_arm(r->site->loop, &r->turn, 0);
}

static void keep_life(const struct running_pod *r)
{
	char folder[PATH_LIMIT];
	workload_folder(&r->workloads[0], folder, sizeof folder);
	/* On a folder in memory: what cannot be written there is lost with it. */
	if (life_write(folder, &r->life))
		return;
}

/* --- a life --- */

static void open_workloads(struct running_pod *r)
{
	for (size_t i = 0; i < running_size(r); i++) {
		struct workload *w = &r->workloads[i];
		workload_open(w, r->site, r->pod, &r->pod->containers[i], r->generation);
		w->owner = r;
		w->on_change = look_soon;
	}
}

static void start_life(struct running_pod *r, int64_t began_ms)
{
	r->life = (struct life){ .began_ms = began_ms };
	strcpy(r->life.digest, r->pod->digest);
	keep_life(r);
}

static void recall_life(struct running_pod *r)
{
	char folder[PATH_LIMIT];
	workload_folder(&r->workloads[0], folder, sizeof folder);
	/* One of an earlier pod of this name says nothing about this one. */
	if (life_read(folder, &r->life) == OK && strcmp(r->life.digest, r->pod->digest) == 0)
		return;
	start_life(r, r->pod->is_scheduled ? 0 : clock_now_ms());
}

void running_clear(struct running_pod *r)
{
	for (size_t i = 0; i < running_size(r); i++) {
		workload_close(&r->workloads[i]);
		workload_remove(&r->workloads[i], true);
	}
	(void)!volume_remove_all(r->site, r->pod->name, NULL);
}

/* What was asked for makes a new pod, and yet it is the old one that was restarted. */
static void keep_restarts(const struct running_pod *r, int64_t out[CONTAINERS_MAX])
{
	for (size_t i = 0; r->is_asked_again && i < running_size(r); i++)
		out[i] = r->workloads[i].restarts + 1;
}

void running_run(struct running_pod *r)
{
	int64_t restarts[CONTAINERS_MAX] = { 0 };
	keep_restarts(r, restarts);
	running_clear(r);
	open_workloads(r);
	for (size_t i = 0; i < running_size(r); i++)
		r->workloads[i].restarts = restarts[i];
	assert(r->pod); /* it is not made anew, only what runs of it */
	r->is_over = r->is_clearing = r->is_asked_again = false;
	r->ends_by_ms = 0;
	start_life(r, clock_now_ms());
	bound_watch(r);
	loop_arm(r->site->loop, &r->turn, 0);
}

/* --- an end --- */

static void begin_to_end(struct running_pod *r)
{
	const int64_t grace = r->workloads[0].grace_ms;
	r->ends_by_ms = clock_now_ms() + grace;
	loop_arm(r->site->loop, &r->turn, 0);
}

void running_fail(struct running_pod *r, const char *reason, const char *message)
{
	text_copy(r->life.reason, sizeof r->life.reason, bytes_of(reason));
	text_copy(r->life.message, sizeof r->life.message, bytes_of(message));
	keep_life(r);
	running_tell(r, true, reason, message);
	begin_to_end(r);
}

static void note_end(struct running_pod *r, enum job_end end)
{
	struct why why;
	/* Written down, a job is not run again after a reboot. */
	if (!r->pod->is_scheduled &&
	    job_note(r->site->store, r->pod->name, r->pod->digest, end, &why))
		running_tell(r, true, "JobNotKept", why.text);
	if (r->pod->is_scheduled)
		r->life.began_ms = 0;
	keep_life(r);
	bound_outlive(r);
}

static void end_job(struct running_pod *r)
{
	bool well = !running_has_failed(r);
	for (size_t i = 0; i < running_size(r); i++)
		if (r->workloads[i].spec->role != CONTAINER_SIDECAR)
			well = well && verdict_is_good(&r->workloads[i].last);
	running_tell(r, !well, well ? "JobComplete" : "JobFailed", well ? "" : r->life.message);
	note_end(r, well ? JOB_COMPLETE : JOB_FAILED);
}

/* Nothing of it runs any more. Given up for good: what is said of it stays until its
 * pod goes. */
static void conclude(struct running_pod *r)
{
	char message[200];
	r->is_over = true;
	snprintf(message, sizeof message, "%s: %s", r->life.reason, r->life.message);
	for (size_t i = 0; running_has_failed(r) && i < running_size(r); i++)
		workload_give_up(&r->workloads[i], message);
	if (r->pod->is_job)
		end_job(r);
	r->on_over(r->owner, r);
}

/* Nothing is left of a pod that gives way: it comes back as a new one. */
static void make_room(struct running_pod *r)
{
	const struct why reason = r->workloads[0].trouble;
	running_clear(r);
	open_workloads(r);
	for (size_t i = 0; i < running_size(r); i++) {
		r->workloads[i].lacks_room = true;
		r->workloads[i].trouble = reason;
	}
	r->is_over = true;
	r->is_clearing = false;
	r->ends_by_ms = 0;
}

static void on_end(struct running_pod *r)
{
	if (r->leaving)
		r->on_ended(r->owner, r); /* r may be gone */
	else if (r->gives_way)
		make_room(r);
	else if (r->is_clearing)
		running_run(r);
	else
		conclude(r);
}

/* --- turns --- */

/* A container that would be started once more than backoffLimit allows. */
static const struct workload *find_hopeless(const struct running_pod *r)
{
	for (size_t i = 0; r->pod->is_job && i < running_size(r); i++) {
		const struct workload *w = &r->workloads[i];
		if (w->state == WORKLOAD_WAITING && !w->lacks_image && !w->lacks_leaf &&
		    w->spec->role != CONTAINER_SIDECAR && w->restarts >= r->pod->job.backoff_limit)
			return w;
	}
	return NULL;
}

static void fill_entries(const struct running_pod *r, struct sequence_entry *out)
{
	for (size_t i = 0; i < running_size(r); i++) {
		const struct workload *w = &r->workloads[i];
		out[i] = (struct sequence_entry){
			.role = w->spec->role,
			.idle = w->state == WORKLOAD_STOPPED,
			.leaving = w->state == WORKLOAD_STOPPING,
			.started = w->started,
			.done = w->state == WORKLOAD_DONE,
			.well = verdict_is_good(&w->last),
		};
	}
}

static void stop_one(struct running_pod *r, struct workload *w)
{
	const int64_t left = r->ends_by_ms - clock_now_ms();
	if (!r->ends_by_ms || w->grace_ms == 0)
		workload_stop(w, w->grace_ms);
	else
		workload_stop(w, left > GRACE_LEAST_MS ? left : GRACE_LEAST_MS);
}

static void on_turn(void *owner, int64_t now_ms)
{
	struct running_pod *r = owner;
	struct sequence_entry entries[CONTAINERS_MAX];
	struct sequence s;
	(void)now_ms;
	if (r->is_over && !r->leaving)
		return;
	const struct workload *hopeless = find_hopeless(r);
	if (hopeless && !running_has_failed(r))
		running_fail(r, "BackoffLimitExceeded", hopeless->trouble.text);
	fill_entries(r, entries);
	sequence_next(entries, running_size(r),
		      r->leaving || r->is_clearing || r->gives_way || running_has_failed(r), &s);
	for (size_t i = 0; i < running_size(r); i++) {
		if (s.turns[i] == TURN_START)
			workload_start(&r->workloads[i]);
		else if (s.turns[i] == TURN_STOP)
			stop_one(r, &r->workloads[i]);
	}
	if (s.ended)
		on_end(r);
}

/* It has ended before, maybe before a reboot: it is not run again. */
static bool has_ended_before(struct running_pod *r)
{
	if (!r->pod->is_job || r->pod->is_scheduled)
		return false;
	const enum job_end end = job_recall(r->site->store, r->pod->name, r->pod->digest);
	if (end == JOB_OPEN)
		return false;
	r->is_over = true;
	for (size_t i = 0; i < running_size(r); i++)
		workload_conclude(&r->workloads[i], end == JOB_COMPLETE);
	bound_outlive(r);
	return true;
}

static void refresh_files(struct running_pod *r)
{
	struct why why;
	for (size_t i = 0; i < running_size(r); i++) {
		struct workload *w = &r->workloads[i];
		if (workload_refresh(w, &why) == OK)
			continue;
		const struct workload_news news = { w, true, "FailedMount", why.text };
		r->site->on_news(r->site->owner, &news);
	}
}

void running_begin(struct running_pod *r)
{
	free(r->workloads);
	assert(r->pod->container_count); /* no manifest is without */
	r->workloads = calloc(r->pod->container_count, sizeof *r->workloads);
	assert(r->workloads);
	r->on_trial = true;
	r->leaving = r->is_over = r->is_clearing = r->told_no_clock = r->is_asked_again = false;
	r->gives_way = false;
	r->ends_by_ms = 0;
	r->turn = (struct timer){ .owner = r, .on_due = on_turn };
	bound_init(r);
	open_workloads(r);
	recall_life(r);
	if (has_ended_before(r))
		return;
	for (size_t i = 0; i < running_size(r); i++)
		workload_recall(&r->workloads[i]);
	/* Configs may have changed while no agent lived. */
	refresh_files(r);
	r->is_over = r->pod->is_scheduled && !r->life.began_ms;
	if (r->pod->is_scheduled)
		timetable_open(r);
	if (r->is_over)
		return;
	bound_watch(r);
	loop_arm(r->site->loop, &r->turn, 0);
}

bool running_needs_room(const struct running_pod *r)
{
	if (r->leaving)
		return r->next != NULL;
	if (r->gives_way || r->pod->is_scheduled)
		return true;
	bool is_done = true;
	/* Not by `is_over` alone: an agent that has just found its pods again has not looked. */
	for (size_t i = r->pod->init_count; i < running_size(r); i++)
		is_done = is_done && (r->workloads[i].state == WORKLOAD_DONE ||
				      r->workloads[i].spec->role == CONTAINER_SIDECAR);
	return !is_done && !r->is_over;
}

void running_give_way(struct running_pod *r, const char *reason)
{
	if (r->leaving)
		return;
	for (size_t i = 0; i < running_size(r); i++)
		workload_give_way(&r->workloads[i], reason);
	if (r->gives_way)
		return;
	r->gives_way = true;
	loop_disarm(r->site->loop, &r->bound);
	running_tell(r, true, "Preempted", reason);
	if (r->is_over)
		make_room(r); /* between two runs */
	else
		begin_to_end(r);
}

void running_come_back(struct running_pod *r)
{
	if (!r->gives_way || r->leaving)
		return;
	r->gives_way = false;
	if (!r->is_over) {
		running_replace(r); /* it was still ending */
		return;
	}
	if (!r->pod->is_scheduled) {
		running_run(r);
		return;
	}
	open_workloads(r);
}

void running_replace(struct running_pod *r)
{
	r->is_clearing = true;
	begin_to_end(r);
}

void running_stop(struct running_pod *r)
{
	if (r->leaving)
		return;
	r->leaving = true;
	begin_to_end(r);
}

enum err running_restart(struct running_pod *r, struct why *why)
{
	if (r->pod->is_job)
		return why_set(why, ERR_CONFLICT,
			       "%s runs to its end once: a job is given again by a new state",
			       r->pod->name);
	if (r->leaving || r->is_clearing || r->is_over || r->gives_way)
		return why_set(why, ERR_CONFLICT, "%s is %s: there is nothing to restart",
			       r->pod->name, r->is_over ? "over" : "ending");
	r->is_asked_again = true;
	running_replace(r);
	return OK;
}

void running_refresh(struct running_pod *r)
{
	refresh_files(r);
}

void running_close(struct running_pod *r)
{
	if (r->site) {
		loop_disarm(r->site->loop, &r->turn);
		loop_disarm(r->site->loop, &r->bound);
		loop_disarm(r->site->loop, &r->schedule);
	}
	for (size_t i = 0; i < running_size(r); i++)
		workload_close(&r->workloads[i]);
}
