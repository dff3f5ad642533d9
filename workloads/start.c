#include "workloads/start.h"

#include "workloads/compose.h"
#include "workloads/qos.h"
#include "workloads/rest.h"
#include "workloads/trace.h"
#include "workloads/uid.h"
#include "workloads/volume.h"

#include <signal.h>

enum { LAUNCH_ARENA = 192 * 1024 };

/* Devices are known once their names are resolved. */
static enum err make_cgroup(struct workload *w, struct launch *l, struct why *why)
{
	struct cgroup_limits limits = w->spec->limits;
	limits.disk_folder = w->site->state_dir;
	qos_soften(w->pod, w->site->memory_bytes, &limits);
	for (size_t i = 0; i < l->mount_count; i++) {
		const struct launch_mount *m = &l->mounts[i];
		if (m->kind != MOUNT_DEVICE)
			continue;
		if (limits.device_count == CGROUP_DEVICES_MAX)
			return why_set(why, ERR_FULL, "more than %d devices", CGROUP_DEVICES_MAX);
		limits.devices[limits.device_count++] =
			(struct cgroup_device){ m->is_block, (unsigned)m->major, (unsigned)m->minor,
						m->read_only };
	}
	return cgroup_make(w->site->cgroups, w->leaf, &limits, &l->join, why);
}

static enum err find_network(const struct workload *w, int *out_fd, struct why *why)
{
	const enum network_mode mode = compose_network(w->site, w->pod);
	*out_fd = -1;
	if (mode == NETWORK_HOST)
		return OK;
	return networks_take(w->site->networks, w->pod->name, mode == NETWORK_OWN, out_fd, why);
}

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
		e = make_cgroup(w, l, why);
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
	const int *sockets = NULL;
	size_t socket_count = 0;
	int network = -1;
	if (!e)
		e = make_launch(w, folder, &arena, l, why);
	if (!e)
		e = find_network(w, &network, why);
	if (!e)
		e = rest_listen(w, &sockets, &socket_count, why);
	if (!e)
		l->listeners = (int64_t)socket_count;
	if (!e && socket_count)
		e = compose_listeners(w->spec, socket_count, &arena, l, why);
	const struct keeper_options options = {
		.program = w->site->keeper_program,
		.folder = folder,
		.cgroups = w->site->cgroups,
		.telemetry_fd = w->telemetry_fd,
		.network_fd = network,
		.listeners = sockets,
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
