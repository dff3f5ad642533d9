#include "workloads/workload.h"

#include "base/duration.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/socket.h"
#include "workloads/compose.h"
#include "workloads/history.h"
#include "workloads/uid.h"
#include "workloads/verdict.h"

#include <signal.h>
#include <stdio.h>

enum {
	LAUNCH_ARENA = 128 * 1024,
	LEAF_RETRY_MS = 50, /* a cgroup is busy until its last process is buried */
	GRACE_STRAY_MS = 30 * 1000,
	GRACE_MIN_MS = 2 * 1000, /* Kubernetes' least, but for 0 */
	SOCKET_BUFFER = 256 * 1024,
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
}

static void tell(const struct workload *w, bool warning, const char *reason, const char *message)
{
	const struct workload_news news = { w, warning, reason, message };
	w->site->on_news(w->site->owner, &news);
}

static void keep_history(const struct workload *w)
{
	char folder[PATH_LIMIT];
	const struct history h = {
		.restarts = w->restarts,
		.instance = w->instance,
		.quick_exits = w->backoff.quick_exits,
		.last = w->last,
	};
	workload_folder(w, folder, sizeof folder);
	/* On a folder in memory: what cannot be written there is lost with it. */
	if (history_write(folder, &h))
		return;
}

static void recall_history(struct workload *w)
{
	char folder[PATH_LIMIT];
	struct history h;
	workload_folder(w, folder, sizeof folder);
	if (history_read(folder, &h))
		return;
	w->restarts = h.restarts;
	w->instance = h.instance;
	w->backoff.quick_exits = h.quick_exits;
	w->last = h.last;
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

/* --- the telemetry socket --- */

static void take_socket(struct workload *w, int fd)
{
	w->telemetry_fd = fd;
	if (fd >= 0)
		w->site->on_socket(w->site->owner, w, fd);
}

static void close_socket(struct workload *w)
{
	if (w->telemetry_fd < 0)
		return;
	w->site->on_socket(w->site->owner, w, -1);
	close(w->telemetry_fd);
	w->telemetry_fd = -1;
}

/* Everybody may write to it: only this workload can reach it. */
static enum err open_socket(struct workload *w, const char *folder, struct why *why)
{
	char path[PATH_LIMIT + 32];
	int fd;
	if (w->telemetry_fd >= 0)
		return OK;
	snprintf(path, sizeof path, "%s/telemetry.sock", folder);
	enum err e = dir_make(folder, 0700, why);
	if (!e)
		e = socket_listen(path, SOCKET_DATAGRAM, 0666, &fd, why);
	if (!e)
		take_socket(w, fd);
	return e;
}

/* --- news of the keeper --- */

static void on_unhealthy(void *owner, const char *reason)
{
	struct workload *w = owner;
	text_copy(w->why_stopped, sizeof w->why_stopped, bytes_of(reason));
	checkup_end(&w->checkup);
	w->ready = false;
	tell(w, true, "Unhealthy", reason);
	if (keeper_signal(w->keeper, w->stop_signal, NULL) == OK)
		loop_arm(w->site->loop, &w->timer, clock_now_ms() + w->grace_ms);
}

static void on_ready(void *owner, bool ready)
{
	struct workload *w = owner;
	w->ready = ready;
	w->site->on_change(w->site->owner);
}

static void on_started(void *owner, pid_t pid, int64_t started_ms)
{
	struct workload *w = owner;
	if (!expects(w, EVENT_STARTED))
		return;
	w->pid = pid;
	w->started_ms = started_ms;
	w->trouble.text[0] = '\0';
	if (w->state == WORKLOAD_STOPPING) {
		/* Told to stop before it had started: tell again, now somebody hears. */
		if (keeper_signal(w->keeper, w->stop_signal, NULL))
			w->timer.due_ms = 0;
		return;
	}
	set_state(w, WORKLOAD_RUNNING);
	tell(w, false, w->is_adopting ? "Adopted" : "Started",
	     w->is_adopting ? "found running, with its history" : "");
	const struct checkup_hooks hooks = { w, on_unhealthy, on_ready };
	if (w->spec)
		checkup_begin(&w->checkup, w->site->loop, w->spec, w->keeper, &hooks);
}

static void stopped(struct workload *w)
{
	set_state(w, WORKLOAD_STOPPED);
	if (w->on_stopped)
		w->on_stopped(w->owner, w);
}

/* Stopped means that not even its cgroup is left. */
static void finish_stop(struct workload *w)
{
	if (!w->leaf_is_left)
		stopped(w);
}

static void wait_to_restart(struct workload *w, const struct workload_exit *x)
{
	char message[200], wait_text[24];
	int64_t ran = x->started_ms ? x->ended_ms - x->started_ms : 0;
	int64_t wait = backoff_after_exit(&w->backoff, ran);
	duration_print(wait_text, wait);
	snprintf(message, sizeof message, "starts again in %s", wait_text);
	if (wait)
		tell(w, true, "BackOff", message);
	keep_history(w);
	set_state(w, WORKLOAD_WAITING);
	loop_arm(w->site->loop, &w->timer, clock_now_ms() + wait);
}

static void on_ended(void *owner, const struct workload_exit *x)
{
	struct workload *w = owner;
	char message[VERDICT_TEXT_MAX];
	const bool was_stopping = w->state == WORKLOAD_STOPPING;
	w->held = x->held ? w->keeper : NULL;
	w->keeper = NULL;
	if (!expects(w, EVENT_EXITED))
		return;
	checkup_end(&w->checkup);
	loop_disarm(w->site->loop, &w->timer);
	w->ready = false;
	w->pid = 0;
	w->last = *x;
	verdict_describe(x, message);
	if (w->why_stopped[0] && !was_stopping)
		snprintf(message, sizeof message, "restarted: %.150s", w->why_stopped);

	const bool well = verdict_is_good(x) && !w->why_stopped[0];
	w->why_stopped[0] = '\0';
	if (!was_stopping)
		tell(w, !well, verdict_reason(x), message);
	w->site->on_log(w->site->owner, w); /* its last lines */
	const bool again = w->pod && !was_stopping && verdict_starts_again(w->pod->restart, x);
	if (!again || !w->held)
		clear_away(w);
	if (was_stopping || !w->pod) {
		w->state = WORKLOAD_STOPPING;
		finish_stop(w);
		return;
	}
	if (!well) {
		w->failures++;
		(void)why_set(&w->trouble, OK, "%s", message);
	}
	if (again) {
		wait_to_restart(w, x);
	} else {
		keep_history(w);
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
	checkup_on_exec(&w->checkup, id, code, output);
}

static struct keeper_hooks hooks_of(struct workload *w)
{
	return (struct keeper_hooks){ w, on_started, on_ended, on_log, on_exec, NULL };
}

/* --- starting --- */

static enum err make_launch(struct workload *w, const char *folder, struct arena *arena,
			    struct launch *l, struct why *why)
{
	const struct compose_order order = { w->site, w->pod, w->spec, w->name, folder };
	enum err e = compose_launch(&order, arena, l, why);
	if (!e && !l->uid) {
		e = uid_take(w->site->store, w->name, &l->uid, why);
		l->gid = l->uid;
	}
	if (!e)
		e = cgroup_make(w->site->cgroups, w->leaf, &w->spec->limits, &l->join, why);
	w->stop_signal = l->stop_signal ? (int)l->stop_signal : SIGTERM;
	l->generation = w->generation;
	l->instance = w->instance;
	l->hold = 1;
	return e;
}

/* By the keeper that waits since the last run, else by a new one. */
static enum err set_off(struct workload *w, const struct keeper_options *o, const struct launch *l,
			struct why *why)
{
	const struct keeper_hooks hooks = hooks_of(w);
	w->keeper = w->held;
	w->held = NULL;
	if (w->keeper && keeper_restart(w->keeper, l, why) == OK)
		return OK;
	keeper_close(w->keeper);
	w->keeper = NULL;
	return keeper_start(w->site->loop, o, l, &hooks, &w->keeper, why);
}

static enum err launch(struct workload *w, struct why *why)
{
	char folder[PATH_LIMIT];
	struct arena arena;
	arena_init(&arena, LAUNCH_ARENA);
	workload_folder(w, folder, sizeof folder);
	struct launch *l = arena_take(&arena, sizeof *l);
	enum err e = l ? OK : why_set(why, ERR_SYSTEM, "launch: no memory");
	if (!e)
		e = make_launch(w, folder, &arena, l, why);
	if (!e)
		e = open_socket(w, folder, why);
	const struct keeper_options options = {
		.program = w->site->keeper_program,
		.folder = folder,
		.cgroups = w->site->cgroups,
		.telemetry_fd = w->telemetry_fd,
		.network_fd = -1,
	};
	if (!e)
		e = set_off(w, &options, l, why);
	arena_deinit(&arena);
	return e;
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

static void begin(struct workload *w)
{
	struct workload_exit failed = { .known = true, .code = -1, .failed_start = true };
	struct why why;
	if (waits_for_image(w))
		return;
	w->instance++;
	w->state = WORKLOAD_STARTING;
	w->site->on_change(w->site->owner);
	if (launch(w, &why) == OK) {
		keep_history(w);
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
		w->restarts += !w->lacks_image;
		begin(w);
		return;
	}
	/* The grace is over, for a stop or for a probe that failed. */
	if (w->keeper)
		(void)!cgroup_kill(w->site->cgroups, w->leaf, NULL);
	else if (w->state == WORKLOAD_STOPPING)
		finish_stop(w);
}

static void prepare(struct workload *w, const struct site *site)
{
	*w = (struct workload){ .site = site, .telemetry_fd = -1, .stop_signal = SIGTERM };
	w->timer = (struct timer){ .owner = w, .on_due = on_due };
	w->last.code = -1;
}

void workload_open(struct workload *w, const struct site *site, const struct pod *pod,
		   const struct container_spec *spec, int64_t generation)
{
	prepare(w, site);
	w->pod = pod;
	w->spec = spec;
	w->generation = generation;
	w->grace_ms = pod->grace_ms && pod->grace_ms < GRACE_MIN_MS ? GRACE_MIN_MS : pod->grace_ms;
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

/* What the workload in a folder was started from; in `arena`, which the caller
 * gives back in any case. NULL: nothing readable. */
static const struct launch *read_launch(const char *folder, struct arena *arena)
{
	char path[PATH_LIMIT + 16];
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	arena_init(arena, (size_t)2 * LAUNCH_MAX);
	snprintf(path, sizeof path, "%s/launch", folder);
	if (file_read(path, LAUNCH_MAX, &text, &len, NULL))
		return NULL;
	struct launch *l = arena_take(arena, sizeof *l);
	return l && launch_read((struct bytes){ text, len }, arena, l, NULL) == OK ? l : NULL;
}

/* An older agent's file does not say: SIGTERM then, as that agent would have sent. */
static void recall_stop_signal(struct workload *w, const char *folder)
{
	struct arena arena;
	const struct launch *l = read_launch(folder, &arena);
	if (l && l->stop_signal > 0 && l->stop_signal < NSIG)
		w->stop_signal = (int)l->stop_signal;
	arena_deinit(&arena);
}

bool workload_adopt(struct workload *w)
{
	char folder[PATH_LIMIT];
	int fd;
	const struct keeper_hooks hooks = hooks_of(w);
	workload_folder(w, folder, sizeof folder);
	recall_history(w);
	recall_stop_signal(w, folder);
	w->state = WORKLOAD_STARTING;
	w->is_adopting = true;
	enum err e = keeper_adopt(w->site->loop, folder, &hooks, &w->keeper, &fd, NULL);
	w->is_adopting = false;
	if (e) {
		w->state = WORKLOAD_STOPPED;
		return false;
	}
	take_socket(w, fd);
	w->site->on_log(w->site->owner, w);
	return true;
}

/* What did an earlier agent start here, and was it this very pod? */
static bool same_pod_is_there(const struct workload *w, const char *folder)
{
	struct arena arena;
	const struct launch *l = read_launch(folder, &arena);
	const bool same = l && l->spec && strcmp(l->spec, w->pod->digest) == 0;
	arena_deinit(&arena);
	return same;
}

/* It ended while no agent lived: the end is news now. */
static bool catch_up(struct workload *w, const char *folder)
{
	struct workload_exit x;
	recall_history(w);
	keeper_last_exit(folder, &x);
	if (!x.known && w->instance == 0)
		return false;
	if (x.known && w->last.known && x.ended_ms == w->last.ended_ms) {
		/* Told already: it was waiting to be started again, or done. */
		if (verdict_starts_again(w->pod->restart, &x))
			return false;
		set_state(w, WORKLOAD_DONE);
		return true;
	}
	w->state = WORKLOAD_RUNNING;
	on_ended(w, &x);
	return true;
}

void workload_start(struct workload *w)
{
	char folder[PATH_LIMIT];
	if (!expects(w, EVENT_START))
		return;
	workload_folder(w, folder, sizeof folder);
	if (same_pod_is_there(w, folder)) {
		if (workload_adopt(w))
			return;
		if (catch_up(w, folder))
			return;
	}
	begin(w);
}

void workload_stop(struct workload *w)
{
	if (!expects(w, EVENT_STOP))
		return;
	loop_disarm(w->site->loop, &w->timer);
	checkup_end(&w->checkup);
	w->ready = false;
	if (!w->keeper) {
		w->state = WORKLOAD_STOPPING;
		clear_away(w);
		finish_stop(w);
		return;
	}
	set_state(w, WORKLOAD_STOPPING);
	if (w->grace_ms == 0 || keeper_signal(w->keeper, w->stop_signal, NULL))
		(void)!cgroup_kill(w->site->cgroups, w->leaf, NULL);
	loop_arm(w->site->loop, &w->timer, clock_now_ms() + w->grace_ms);
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
	keeper_close(w->keeper);
	keeper_close(w->held);
	w->keeper = w->held = NULL;
	close_socket(w);
}

void workload_remove(struct workload *w, bool has_successor)
{
	char folder[PATH_LIMIT];
	workload_folder(w, folder, sizeof folder);
	close_socket(w);
	w->site->on_gone(w->site->owner, w);
	if (w->leaf_is_left)
		remove_leaf(w);
	/* A folder that stays is found again at the next start of the agent. */
	(void)!dir_remove(folder, NULL);
	if (!has_successor)
		uid_release(w->site->store, w->name);
}
