#include "workloads/workload.h"

#include "base/duration.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/random.h"
#include "workloads/inlet.h"
#include "workloads/notify.h"
#include "workloads/rest.h"
#include "workloads/start.h"
#include "workloads/stop.h"
#include "workloads/trace.h"
#include "workloads/uid.h"
#include "workloads/verdict.h"

#include <signal.h>
#include <stdio.h>

/* Numbers of commands that the agent was asked for; those below are probes and hooks. */
static const unsigned ASKED = 0x80000000;

enum {
	LEAF_RETRY_MS = 50, /* a cgroup is busy until its last process is buried */
	GRACE_STRAY_MS = 30 * 1000,
};

enum event { EVENT_START, EVENT_STARTED, EVENT_EXITED, EVENT_STOP, EVENT_DUE, EVENTS };

/* What may happen in a state; false: it is too late or too early for that, and
 * nothing is done. */
static const bool is_expected[WORKLOAD_STATES][EVENTS] = {
	/*                      start  started exited stop   due */
	[WORKLOAD_STOPPED] = { true, false, false, true, true },
	[WORKLOAD_STARTING] = { false, true, true, true, false },
	[WORKLOAD_RUNNING] = { false, false, true, true, true },
	[WORKLOAD_STOPPING] = { false, true, true, false, true },
	[WORKLOAD_WAITING] = { false, false, false, true, true },
	[WORKLOAD_DONE] = { false, false, false, true, true },
	[WORKLOAD_IDLE] = { true, false, false, true, true },
};

static bool expects(const struct workload *w, enum event event)
{
	return is_expected[w->state][event];
}

const char *workload_state_name(enum workload_state s)
{
	static const char *const names[] = {
		[WORKLOAD_STOPPED] = "stopped", [WORKLOAD_STARTING] = "starting",
		[WORKLOAD_RUNNING] = "running", [WORKLOAD_STOPPING] = "stopping",
		[WORKLOAD_WAITING] = "waiting", [WORKLOAD_DONE] = "completed",
		[WORKLOAD_IDLE] = "idle",
	};
	return names[s];
}

void workload_folder(const struct workload *w, char *out, size_t cap)
{
	snprintf(out, cap, "%s/w/%s", w->site->run_dir, w->leaf);
}

static void set_state(struct workload *w, enum workload_state state)
{
	w->state = state;
	w->site->on_change(w->site->owner);
	if (w->on_change)
		w->on_change(w->owner, w);
}

void workload_tell(const struct workload *w, bool warning, const char *reason, const char *message)
{
	const struct workload_news news = { w, warning, reason, message };
	w->site->on_news(w->site->owner, &news);
}

int workload_network(const struct workload *w)
{
	return w->pod ? networks_find(w->site->networks, w->pod->name) : -1;
}

/* --- the cgroup --- */

static void remove_leaf(struct workload *w)
{
	w->leaf_is_left = cgroup_remove(w->site->cgroups, w->leaf, NULL) == ERR_AGAIN;
	if (w->leaf_is_left && !w->timer.armed)
		loop_arm(w->site->loop, &w->timer, clock_now_ms() + LEAF_RETRY_MS);
}

/* Nothing of a run is left: no keeper that waits, no process, no cgroup. */
static void clear_away(struct workload *w)
{
	keeper_close(w->held);
	w->held = NULL;
	(void)!cgroup_kill(w->site->cgroups, w->leaf, NULL);
	remove_leaf(w);
}

/* Its end is followed by what the restart policy says. */
static void end_unwell(struct workload *w, const char *event, const char *reason, int64_t grace_ms)
{
	text_copy(w->why_stopped, sizeof w->why_stopped, bytes_of(reason));
	workload_tell(w, true, event, reason);
	rest_end(w); /* what is frozen hears no signal */
	stop_begin(w, grace_ms);
}

/* --- news of the keeper --- */

static void on_unhealthy(void *owner, const char *reason, int64_t grace_ms)
{
	struct workload *w = owner;
	int64_t grace = grace_ms < 0 ? w->grace_ms : grace_ms;
	end_unwell(w, "Unhealthy", reason, grace && grace < STOP_LEAST_MS ? STOP_LEAST_MS : grace);
}

static void on_checked(void *owner, bool started, bool ready)
{
	struct workload *w = owner;
	w->started = started && notify_allows(w);
	w->ready = ready && notify_allows(w);
	if (w->ready)
		rest_consider(w);
	set_state(w, w->state);
}

void workload_wake(struct workload *w)
{
	rest_wake(w);
}

void workload_look_again(struct workload *w)
{
	if (w->checkup.loop)
		on_checked(w, w->checkup.started, w->checkup.ready);
}

void workload_end_unwell(struct workload *w, const char *event, const char *reason)
{
	end_unwell(w, event, reason, w->grace_ms);
}

static void begin_checkup(struct workload *w, bool found)
{
	const struct checkup_hooks hooks = { w, on_unhealthy, on_checked };
	if (w->spec)
		checkup_begin(&w->checkup, w->site->loop, w->spec, w->keeper, workload_network(w),
			      found, &hooks);
}

static void fail_start_hook(struct workload *w, const char *reason)
{
	char text[200];
	snprintf(text, sizeof text, "postStart failed: %.160s", reason);
	end_unwell(w, "FailedPostStartHook", text, w->grace_ms);
}

static void on_start_hook(void *owner, bool ok, const char *reason)
{
	struct workload *w = owner;
	if (ok)
		begin_checkup(w, false);
	else
		fail_start_hook(w, reason);
}

/* Probes begin when the hook is done; an adopted workload has had its hook. */
static void begin_start_hook(struct workload *w)
{
	struct why why;
	const struct action_hooks hooks = { w, on_start_hook };
	const struct action_spec *spec = w->spec ? &w->spec->hooks[HOOK_START] : NULL;
	if (w->is_adopting || !spec || spec->kind == ACTION_NONE) {
		begin_checkup(w, w->is_adopting);
		return;
	}
	action_init(&w->hook, w->site->loop, w->keeper, workload_network(w), STOP_HOOK_SLOT,
		    &hooks);
	if (action_begin(&w->hook, spec, POST_START_MAX_MS, &why))
		fail_start_hook(w, why.text);
}

/* What an earlier agent had in its hands. */
static void adopt_parts(struct workload *w)
{
	networks_adopt(w->site->networks, w->pod->name, w->pid);
	rest_adopt(w);
}

static void on_started(void *owner, pid_t pid, int64_t started_ms)
{
	struct workload *w = owner;
	if (!expects(w, EVENT_STARTED))
		return;
	w->pid = pid;
	w->started_ms = started_ms;
	w->trouble.text[0] = '\0';
	w->was_woken = false;
	if (w->pod && w->is_adopting)
		adopt_parts(w);
	if (w->state == WORKLOAD_STOPPING) {
		/* Told to stop before it had started: tell again, now somebody hears. */
		if (keeper_signal(w->keeper, w->stop_signal, NULL))
			w->timer.due_ms = 0;
		return;
	}
	notify_begin(w);
	set_state(w, WORKLOAD_RUNNING);
	workload_tell(w, false, w->is_adopting ? "Adopted" : "Started",
		      w->is_adopting ? "found running, with its history" : "");
	begin_start_hook(w);
}

static void stopped(struct workload *w)
{
	set_state(w, WORKLOAD_STOPPED);
}

/* Stopped means that not even its cgroup is left. */
static void finish_stop(struct workload *w)
{
	if (!w->leaf_is_left)
		stopped(w);
}

/* An init container that has ended well is not run again; a sidecar always is. */
static enum restart_policy policy_of(const struct workload *w)
{
	if (w->spec->role == CONTAINER_SIDECAR)
		return RESTART_ALWAYS;
	bool ends = w->spec->role == CONTAINER_INIT && w->pod->restart == RESTART_ALWAYS;
	/* Never, in a job, means another pod for the next try; here it is the same one. */
	return ends || w->pod->is_job ? RESTART_ON_FAILURE : w->pod->restart;
}

/* An end that somebody has asked for is no reason to wait. */
static void wait_to_restart(struct workload *w, const struct workload_exit *x, bool asked)
{
	char message[200], wait_text[24];
	int64_t ran = x->started_ms ? x->ended_ms - x->started_ms : 0;
	int64_t wait = asked ? 0 : backoff_after_exit(&w->backoff, ran);
	duration_print(wait_text, wait);
	snprintf(message, sizeof message, "starts again in %s", wait_text);
	if (wait)
		workload_tell(w, true, "BackOff", message);
	trace_keep(w);
	set_state(w, WORKLOAD_WAITING);
	loop_arm(w->site->loop, &w->timer, clock_now_ms() + wait);
}

/* Said to whoever listens; one that was not well is its trouble, too. */
static void tell_end(struct workload *w, const struct workload_exit *x)
{
	char message[VERDICT_TEXT_MAX + LAST_WORDS_MAX];
	verdict_describe(x, message);
	if (w->why_stopped[0])
		snprintf(message, sizeof message, "restarted: %.150s", w->why_stopped);
	else
		trace_add_last_words(w, message, sizeof message);
	const bool well = verdict_is_good(x) && !w->why_stopped[0];
	workload_tell(w, !well, verdict_reason(x), message);
	if (well || !w->pod)
		return;
	w->failures++;
	(void)why_set(&w->trouble, OK, "%s", message);
}

static void end_stop(struct workload *w)
{
	w->state = WORKLOAD_STOPPING;
	if (w->pod) /* a stop that was wanted is no news for the next agent */
		trace_keep(w);
	finish_stop(w);
}

/* Whoever waits for a command in it hears that it is over. */
static void end_exec(struct workload *w, int code, const char *why)
{
	const struct workload_exec x = w->exec;
	w->exec = (struct workload_exec){ .id = x.id };
	if (x.on_done)
		x.on_done(x.owner, code, why);
}

/* What is idle is as it should be: it counts as started, and as ready. */
static void begin_idle(struct workload *w)
{
	w->started = w->ready = true;
	trace_keep(w);
	set_state(w, WORKLOAD_IDLE);
	rest_begin_idle(w); /* may start it at once */
}

static void on_ended(void *owner, const struct workload_exit *x)
{
	struct workload *w = owner;
	const bool was_stopping = w->state == WORKLOAD_STOPPING;
	w->held = x->held ? w->keeper : NULL;
	w->keeper = NULL;
	if (!expects(w, EVENT_EXITED))
		return;
	checkup_end(&w->checkup);
	action_end(&w->hook);
	notify_end(w);
	end_exec(w, -1, "the container has ended");
	loop_disarm(w->site->loop, &w->timer);
	w->started = w->ready = false;
	w->pid = 0;
	w->last = *x;
	const bool rests = w->rest == REST_ENDING && !was_stopping;
	const bool asked = w->is_asked_again && !was_stopping;
	rest_end(w);
	w->is_asked_again = false;
	if (!was_stopping && !rests && !asked)
		tell_end(w, x);
	w->why_stopped[0] = '\0';
	w->site->on_log(w->site->owner, w); /* its last lines */
	const bool again = w->pod && !was_stopping && !rests &&
			   (asked || verdict_starts_again(policy_of(w), x));
	if (!again || !w->held || w->is_stale)
		clear_away(w);
	if (was_stopping || !w->pod) {
		end_stop(w);
	} else if (rests) {
		begin_idle(w);
	} else if (again) {
		wait_to_restart(w, x, asked);
	} else {
		trace_keep(w);
		set_state(w, WORKLOAD_DONE);
	}
}

static void on_log(void *owner)
{
	struct workload *w = owner;
	w->site->on_log(w->site->owner, w);
}

static void on_exec(void *owner, unsigned id, int code, struct bytes output)
{
	struct workload *w = owner;
	char why[160];
	if (id >= ASKED) {
		text_copy(why, sizeof why, output);
		if (id == w->exec.id)
			end_exec(w, code, why);
		rest_consider(w); /* it was kept awake */
		return;
	}
	if (id % ACTION_SLOTS == STOP_HOOK_SLOT)
		action_on_exec(&w->hook, id, code, output);
	else
		checkup_on_exec(&w->checkup, id, code, output);
}

static struct keeper_hooks hooks_of(struct workload *w)
{
	return (struct keeper_hooks){ w, on_started, on_ended, on_log, on_exec, notify_hear };
}

/* --- starting --- */

static enum err launch(struct workload *w, struct why *why)
{
	const struct keeper_hooks hooks = hooks_of(w);
	enum err e = inlet_open(w, why);
	return e ? e : start_keeper(w, &hooks, why);
}

/* Is its image whole? If not, it starts when that is known, or mended. */
static bool waits_for_image(struct workload *w)
{
	struct why why;
	const char *digest = w->spec->image_digest;
	enum err e = digest ? inspection_ask(w->site->inspection, digest, &why) : OK;
	w->lacks_image = e != OK;
	if (!w->lacks_image)
		return false;
	w->trouble = why;
	set_state(w, WORKLOAD_WAITING);
	return true;
}

/* What is born into a group that is being killed would be killed too. */
static bool waits_for_leaf(struct workload *w)
{
	if (w->leaf_is_left)
		remove_leaf(w);
	w->lacks_leaf = w->leaf_is_left;
	if (w->lacks_leaf)
		set_state(w, WORKLOAD_WAITING);
	return w->lacks_leaf;
}

static void begin(struct workload *w)
{
	struct workload_exit failed = { .known = true, .code = -1, .failed_start = true };
	struct why why;
	if (waits_for_image(w) || waits_for_leaf(w))
		return;
	/* It may still be armed to remove the last run's group; now it would end this one. */
	loop_disarm(w->site->loop, &w->timer);
	w->instance++;
	w->is_stale = false;
	w->state = WORKLOAD_STARTING;
	w->site->on_change(w->site->owner);
	if (launch(w, &why) == OK) {
		trace_keep(w);
		return;
	}
	failed.ended_ms = clock_now_ms();
	text_copy(failed.message, sizeof failed.message, bytes_of(why.text));
	on_ended(w, &failed);
}

static void on_due(void *owner, int64_t now_ms)
{
	struct workload *w = owner;
	(void)now_ms;
	if (!expects(w, EVENT_DUE))
		return;
	if (w->leaf_is_left)
		remove_leaf(w);
	if (w->state == WORKLOAD_WAITING) {
		w->restarts += !w->lacks_image && !w->lacks_leaf;
		begin(w);
		return;
	}
	/* The grace is over, for a stop or for a run that was not well. */
	if (w->keeper)
		stop_kill(w);
	else if (w->state == WORKLOAD_STOPPING)
		finish_stop(w);
}

static void prepare(struct workload *w, const struct site *site)
{
	*w = (struct workload){ .site = site, .telemetry_fd = -1, .stop_signal = SIGTERM };
	w->timer = (struct timer){ .owner = w, .on_due = on_due };
	w->last.code = -1;
	/* A keeper may still answer an earlier agent. */
	w->exec.id = (unsigned)random_below(ASKED);
}

void workload_open(struct workload *w, const struct site *site, const struct pod *pod,
		   const struct container_spec *spec, int64_t generation)
{
	prepare(w, site);
	w->pod = pod;
	w->spec = spec;
	w->generation = generation;
	w->grace_ms =
		pod->grace_ms && pod->grace_ms < STOP_LEAST_MS ? STOP_LEAST_MS : pod->grace_ms;
	snprintf(w->name, sizeof w->name, "%s/%s", pod->name, spec->name);
	snprintf(w->leaf, sizeof w->leaf, "%s.%s", pod->name, spec->name);
}

void workload_open_stray(struct workload *w, const struct site *site, const char *leaf)
{
	prepare(w, site);
	w->grace_ms = GRACE_STRAY_MS;
	text_copy(w->leaf, sizeof w->leaf, bytes_of(leaf));
	text_copy(w->name, sizeof w->name, bytes_of(leaf));
	char *dot = strchr(w->name, '.');
	if (dot)
		*dot = '/';
}

bool workload_adopt(struct workload *w)
{
	char folder[PATH_LIMIT];
	int fd;
	const struct keeper_hooks hooks = hooks_of(w);
	workload_folder(w, folder, sizeof folder);
	trace_recall(w);
	w->state = WORKLOAD_STARTING;
	w->is_adopting = true;
	enum err e = keeper_adopt(w->site->loop, folder, &hooks, &w->keeper, &fd, NULL);
	w->is_adopting = false;
	if (e) {
		w->state = WORKLOAD_STOPPED;
		return false;
	}
	inlet_take(w, fd);
	w->site->on_log(w->site->owner, w);
	return true;
}

/* It ended while no agent lived: the end is news now. */
static bool catch_up(struct workload *w, const char *folder)
{
	struct workload_exit x;
	trace_recall(w);
	keeper_last_exit(folder, &x);
	if (!x.known && w->instance == 0)
		return false;
	if (x.known && w->last.known && x.ended_ms == w->last.ended_ms) {
		/* Told already: it was waiting to be started again, or done. */
		if (verdict_starts_again(policy_of(w), &x))
			return false;
		set_state(w, WORKLOAD_DONE);
		return true;
	}
	w->state = WORKLOAD_RUNNING;
	on_ended(w, &x);
	return true;
}

bool workload_recall(struct workload *w)
{
	char folder[PATH_LIMIT];
	workload_folder(w, folder, sizeof folder);
	return trace_is_of_pod(w) && (workload_adopt(w) || catch_up(w, folder));
}

void workload_start(struct workload *w)
{
	if (expects(w, EVENT_START))
		begin(w);
}

void workload_stop(struct workload *w, int64_t grace_ms)
{
	if (!expects(w, EVENT_STOP))
		return;
	loop_disarm(w->site->loop, &w->timer);
	checkup_end(&w->checkup);
	action_end(&w->hook);
	notify_end(w);
	rest_end(w);
	w->started = w->ready = false;
	if (!w->keeper) {
		w->state = WORKLOAD_STOPPING;
		clear_away(w);
		finish_stop(w);
		return;
	}
	set_state(w, WORKLOAD_STOPPING);
	stop_begin(w, grace_ms);
}

/* What a run of its own that ends for good must not be given again. */
static bool ends_by_itself(const struct workload *w)
{
	return w->pod->is_job || w->spec->role == CONTAINER_INIT;
}

enum err workload_restart(struct workload *w, struct why *why)
{
	if (!w->pod || ends_by_itself(w))
		return why_set(why, ERR_CONFLICT,
			       "%s runs to its end once: a job is given again by a new state",
			       w->name);
	if (w->state == WORKLOAD_WAITING && !w->lacks_image && !w->lacks_leaf) {
		w->backoff = (struct backoff){ 0 };
		loop_arm(w->site->loop, &w->timer, clock_now_ms());
		return OK;
	}
	if (w->state != WORKLOAD_RUNNING || w->rest == REST_ENDING || w->is_asked_again)
		return why_set(why, ERR_CONFLICT, "%s is %s: there is nothing to restart", w->name,
			       w->is_asked_again ? "being restarted"
						 : workload_state_name(w->state));
	rest_end(w); /* what is frozen hears no signal */
	w->is_asked_again = true;
	stop_begin(w, w->grace_ms);
	set_state(w, w->state);
	return OK;
}

enum err workload_run(struct workload *w, const struct keeper_command *c,
		      const struct workload_exec *done, struct why *why)
{
	const unsigned id = ASKED | (w->exec.id + 1);
	if (w->exec.on_done)
		return why_set(why, ERR_CONFLICT, "another command runs in %s", w->name);
	rest_wake(w); /* a command would be born frozen */
	if (w->state != WORKLOAD_RUNNING || w->is_asked_again || w->rest != REST_NONE)
		return why_set(why, ERR_CONFLICT, "%s is %s: a command needs it running", w->name,
			       workload_state_name(w->state));
	enum err e = keeper_attach(w->keeper, id, c, why);
	if (e)
		return e;
	w->exec = *done;
	w->exec.id = id;
	return OK;
}

void workload_run_cancel(struct workload *w)
{
	if (w->exec.on_done && w->keeper)
		keeper_cancel(w->keeper, w->exec.id);
}

void workload_run_forget(struct workload *w)
{
	workload_run_cancel(w);
	w->exec.on_done = NULL;
}

void workload_give_up(struct workload *w, const char *reason)
{
	w->is_given_up = true;
	(void)why_set(&w->trouble, OK, "%s", reason);
	if (w->state == WORKLOAD_STOPPED)
		set_state(w, WORKLOAD_DONE);
}

void workload_give_way(struct workload *w, const char *reason)
{
	w->lacks_room = true;
	(void)why_set(&w->trouble, OK, "Preempted: %s", reason);
	set_state(w, w->state);
}

void workload_conclude(struct workload *w, bool well)
{
	w->last = (struct workload_exit){ .known = true, .code = well ? 0 : 1 };
	w->state = WORKLOAD_DONE;
}

enum err workload_refresh(struct workload *w, struct why *why)
{
	/* What is mounted by subPath is of then; only a new sandbox has what is of now. */
	w->is_stale = w->is_stale || start_mounts_parts(w->spec);
	if (w->is_stale && w->held)
		clear_away(w);
	return start_refresh(w, why);
}

void workload_on_image(struct workload *w, const char *digest)
{
	if (w->lacks_image && w->state == WORKLOAD_WAITING && w->spec->image_digest &&
	    strcmp(w->spec->image_digest, digest) == 0)
		loop_arm(w->site->loop, &w->timer, clock_now_ms());
}

void workload_close(struct workload *w)
{
	loop_disarm(w->site->loop, &w->timer);
	checkup_end(&w->checkup);
	action_end(&w->hook);
	notify_end(w);
	end_exec(w, -1, "nobody watches it any more");
	rest_close(w);
	keeper_close(w->keeper);
	keeper_close(w->held);
	w->keeper = w->held = NULL;
	inlet_close(w);
}

void workload_remove(struct workload *w, bool has_successor)
{
	char folder[PATH_LIMIT];
	workload_folder(w, folder, sizeof folder);
	inlet_close(w);
	w->site->on_gone(w->site->owner, w);
	if (w->leaf_is_left) /* once more; nobody waits for it any longer */
		(void)!cgroup_remove(w->site->cgroups, w->leaf, NULL);
	/* A folder that stays is found again at the next start of the agent. */
	(void)!dir_remove(folder, NULL);
	if (!has_successor)
		uid_release(w->site->store, w->name);
}
