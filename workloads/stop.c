#include "workloads/stop.h"

#include "ports/clock.h"

void stop_kill(struct workload *w)
{
	(void)!cgroup_kill(w->site->cgroups, w->leaf, NULL);
}

static void terminate(struct workload *w)
{
	const int64_t least = clock_now_ms() + STOP_LEAST_MS;
	if (keeper_signal(w->keeper, w->stop_signal, NULL))
		stop_kill(w);
	loop_arm(w->site->loop, &w->timer, w->ends_by_ms > least ? w->ends_by_ms : least);
}

static void on_stop_hook(void *owner, bool ok, const char *reason)
{
	struct workload *w = owner;
	if (!ok)
		workload_tell(w, true, "FailedPreStopHook", reason);
	terminate(w);
}

/* False: there is none, or it cannot be begun. */
static bool begin_stop_hook(struct workload *w, int64_t grace_ms)
{
	struct why why;
	const struct action_hooks hooks = { w, on_stop_hook };
	const struct action_spec *spec = w->spec ? &w->spec->hooks[HOOK_STOP] : NULL;
	if (!spec || spec->kind == ACTION_NONE || !w->pid)
		return false;
	action_init(&w->hook, w->site->loop, w->keeper, workload_network(w), STOP_HOOK_SLOT,
		    &hooks);
	if (action_begin(&w->hook, spec, grace_ms, &why) == OK)
		return true;
	workload_tell(w, true, "FailedPreStopHook", why.text);
	return false;
}

/* The hook's time is part of the grace; after it at least STOP_LEAST_MS are left. */
void stop_begin(struct workload *w, int64_t grace_ms)
{
	checkup_end(&w->checkup);
	action_end(&w->hook);
	w->started = w->ready = false;
	w->ends_by_ms = clock_now_ms() + grace_ms;
	if (grace_ms == 0) {
		stop_kill(w);
		loop_arm(w->site->loop, &w->timer, w->ends_by_ms);
	} else if (!begin_stop_hook(w, grace_ms)) {
		terminate(w);
	}
}
