#include "workloads/start.h"

#include "workloads/compose.h"
#include "workloads/trace.h"
#include "workloads/uid.h"
#include "workloads/volume.h"

#include <signal.h>

enum { LAUNCH_ARENA = 192 * 1024 };

static enum err make_launch(struct workload *w, const char *folder, struct arena *arena,
			    struct launch *l, struct why *why)
{
	struct compose_order order = {
		.site = w->site,
		.pod = w->pod,
		.container = w->spec,
		.workload = w->name,
		.folder = folder,
		.configs = w->site->configs,
	};
	enum err e = uid_take(w->site->store, w->name, &order.own_id, why);
	if (!e)
		e = compose_launch(&order, arena, l, why);
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
			const struct keeper_hooks *hooks, struct why *why)
{
	w->keeper = w->held;
	w->held = NULL;
	if (w->keeper && keeper_restart(w->keeper, l, why) == OK)
		return OK;
	keeper_close(w->keeper);
	w->keeper = NULL;
	return keeper_start(w->site->loop, o, l, hooks, &w->keeper, why);
}

enum err start_keeper(struct workload *w, const struct keeper_hooks *hooks, struct why *why)
{
	char folder[PATH_LIMIT];
	struct arena arena;
	arena_init(&arena, LAUNCH_ARENA);
	workload_folder(w, folder, sizeof folder);
	struct launch *l = arena_take(&arena, sizeof *l);
	enum err e = l ? OK : why_set(why, ERR_SYSTEM, "launch: no memory");
	if (!e)
		e = make_launch(w, folder, &arena, l, why);
	const struct keeper_options options = {
		.program = w->site->keeper_program,
		.folder = folder,
		.cgroups = w->site->cgroups,
		.telemetry_fd = w->telemetry_fd,
		.network_fd = -1,
	};
	if (!e)
		e = set_off(w, &options, l, hooks, why);
	arena_deinit(&arena);
	return e;
}

enum err start_refresh(const struct workload *w, struct why *why)
{
	char folder[PATH_LIMIT];
	int64_t user[2];
	if (!trace_user(w, user))
		return OK; /* never started: its files are made when it is */
	workload_folder(w, folder, sizeof folder);
	const struct volume_order order = {
		.resolver = { w->site, w->pod, w->spec, w->site->configs },
		.folder = folder,
		.uid = user[0],
		.gid = user[1],
	};
	return volume_refresh(&order, why);
}

bool start_mounts_parts(const struct container_spec *c)
{
	for (size_t i = 0; i < c->mount_count; i++)
		if (c->mounts[i].volume->kind == VOLUME_FILES && *c->mounts[i].below)
			return true;
	return false;
}
