#include "workloads/rest.h"

#include "base/text.h"
#include "ports/listeners.h"
#include "workloads/notify.h"
#include "workloads/stop.h"

#include <unistd.h>

enum {
	FIRST_LISTENER_FD = 6, /* of a keeper, docs/keeper.md */
	SETTLE_MS = 1000,      /* standby: from ready to frozen */
};

/* Ended, not frozen. */
static bool is_ended_when_idle(const struct workload *w)
{
	return w->pod && w->pod->board.idle_ms && !w->pod->board.standby && w->spec->port_count;
}

static void freeze(struct workload *w)
{
	struct why why;
	if (cgroup_freeze(w->site->cgroups, w->leaf, true, &why)) {
		workload_tell(w, true, "FailedStandby", why.text);
		return;
	}
	checkup_pause(&w->checkup);
	notify_pause(w);
	cgroup_reclaim(w->site->cgroups, w->leaf);
	w->rest = REST_FROZEN;
	standby_rest(&w->standby);
	workload_tell(w, false, "Standby",
		      w->standby.count ? "frozen until somebody connects"
				       : "frozen; it listens nowhere: `wake` alone wakes it");
	w->site->on_change(w->site->owner);
}

static void on_quiet(void *owner)
{
	struct workload *w = owner;
	/* A command in it would stand still too. */
	if (w->state != WORKLOAD_RUNNING || w->rest != REST_NONE || w->exec.on_done)
		return;
	if (w->pod->board.standby) {
		freeze(w);
		return;
	}
	w->rest = REST_ENDING;
	workload_tell(w, false, "Idle", "nobody is connected: it ends until somebody is");
	stop_begin(w, w->grace_ms);
}

static void on_knock(void *owner)
{
	struct workload *w = owner;
	rest_wake(w);
}

static const struct standby_hooks *hooks_of(struct workload *w, struct standby_hooks *out)
{
	*out = (struct standby_hooks){ w, on_quiet, on_knock };
	return out;
}

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

enum err rest_listen(struct workload *w, const int **out_fds, size_t *out_count, struct why *why)
{
	int fds[LISTENERS_MAX];
	struct standby_hooks hooks;
	size_t n = 0;
	enum err e = OK;
	*out_count = 0;
	if (!is_ended_when_idle(w))
		return OK;
	for (; !w->standby.loop && !e && n < w->spec->port_count; n++) {
		const struct port_spec *p = &w->spec->ports[n];
		e = listeners_open(p->host, (uint16_t)p->number, &fds[n], why);
	}
	if (e) {
		close_all(fds, n - 1);
		return e;
	}
	if (!w->standby.loop)
		standby_begin(&w->standby, w->site->loop, fds, n, w->pod->board.idle_ms,
			      hooks_of(w, &hooks));
	*out_fds = w->standby.fds;
	*out_count = w->standby.count;
	return OK;
}

void rest_adopt(struct workload *w)
{
	int fds[LISTENERS_MAX];
	struct standby_hooks hooks;
	(void)!cgroup_freeze(w->site->cgroups, w->leaf, false, NULL);
	if (!is_ended_when_idle(w) || w->standby.loop)
		return;
	const size_t n =
		listeners_take(keeper_pid(w->keeper), FIRST_LISTENER_FD, fds, w->spec->port_count);
	if (n == 0)
		return; /* nobody could wake it: it does not rest */
	standby_begin(&w->standby, w->site->loop, fds, n, w->pod->board.idle_ms,
		      hooks_of(w, &hooks));
}

/* Its own sockets, as it has them now. */
static void watch_own(struct workload *w)
{
	int fds[LISTENERS_MAX];
	struct standby_hooks hooks;
	const int64_t idle_ms = w->pod->board.idle_ms;
	standby_end(&w->standby);
	const size_t n = listeners_of(w->pid, fds, LISTENERS_MAX);
	standby_begin(&w->standby, w->site->loop, fds, n, idle_ms ? idle_ms : SETTLE_MS,
		      hooks_of(w, &hooks));
}

void rest_consider(struct workload *w)
{
	if (!w->pod || w->rest != REST_NONE || (w->standby.loop && w->standby.timer.armed))
		return;
	if (w->pod->board.standby) {
		/* Woken without a time to rest again after: it stays awake. */
		if (w->was_woken && !w->pod->board.idle_ms)
			return;
		watch_own(w);
	} else if (!is_ended_when_idle(w)) {
		return;
	}
	standby_work(&w->standby, w->pid);
}

void rest_wake(struct workload *w)
{
	const enum rest was = w->rest;
	if (was == REST_FROZEN) {
		w->rest = REST_NONE;
		w->was_woken = true;
		(void)!cgroup_freeze(w->site->cgroups, w->leaf, false, NULL);
		checkup_resume(&w->checkup);
		notify_resume(w);
		workload_tell(w, false, "Woken", "");
		rest_consider(w);
		w->site->on_change(w->site->owner);
	} else if (was == REST_IDLE) {
		w->rest = REST_NONE;
		standby_pause(&w->standby);
		workload_start(w);
	}
}

void rest_begin_idle(struct workload *w)
{
	w->rest = REST_IDLE;
	standby_rest(&w->standby);
}

void rest_end(struct workload *w)
{
	if (w->rest == REST_FROZEN)
		(void)!cgroup_freeze(w->site->cgroups, w->leaf, false, NULL);
	w->rest = REST_NONE;
	standby_pause(&w->standby);
}

void rest_close(struct workload *w)
{
	standby_end(&w->standby);
}
