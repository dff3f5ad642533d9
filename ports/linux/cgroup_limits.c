#include "ports/linux/cgroup_tree.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
	PERIOD_US = 100 * 1000, /* Kubernetes' cpu period */
	QUOTA_MIN_US = 1000,    /* the kernel takes no less */
	SHARES_MIN = 2,
	SHARES_MAX = 262144,
};

static enum err set(const struct hierarchy *h, const char *leaf, const char *knob, int64_t value,
		    struct why *why)
{
	char path[CGROUP_PATH_MAX], text[32];
	cgroup_leaf_path(h, leaf, path);
	snprintf(text, sizeof text, "%lld", (long long)value);
	return cgroup_write(path, knob,
			    value < 0 && (h->v2 || strcmp(knob, "pids.max") == 0) ? "max" : text,
			    why);
}

static enum err limit_memory(const struct hierarchy *h, const char *leaf,
			     const struct cgroup_limits *limits, struct why *why)
{
	const int64_t bytes = limits->memory_bytes;
	const int64_t limit = bytes ? bytes : -1;
	const int64_t high = limits->memory_high ? limits->memory_high : -1;
	(void)set(h, leaf, h->v2 ? "memory.high" : "memory.soft_limit_in_bytes", high, NULL);
	if (h->v2) {
		/* Swap would hide the limit on boards that have any; a killed half of
		 * a workload helps nobody. Both are missing on small kernels. */
		(void)set(h, leaf, "memory.swap.max", 0, NULL);
		(void)set(h, leaf, "memory.oom.group", 1, NULL);
		return set(h, leaf, "memory.max", limit, why);
	}
	/* The limit with swap may never be below the one without. */
	(void)set(h, leaf, "memory.memsw.limit_in_bytes", -1, NULL);
	enum err e = set(h, leaf, "memory.limit_in_bytes", limit, why);
	if (!e && bytes)
		(void)set(h, leaf, "memory.memsw.limit_in_bytes", limit, NULL);
	return e;
}

static int64_t clamp(int64_t n, int64_t min, int64_t max)
{
	return n < min ? min : n > max ? max : n;
}

/* Since Linux 5.15, on v1 too. A group that is idle has no weight to be set, so that this is
 * said before (not idle) or after (idle) the weight. */
static void let_idle(const struct hierarchy *h, const char *leaf, bool idle)
{
	(void)set(h, leaf, "cpu.idle", idle, NULL);
}

static enum err limit_cpu(const struct hierarchy *h, const char *leaf,
			  const struct cgroup_limits *limits, struct why *why)
{
	/* Kubernetes: shares = milli * 1024 / 1000; v2's weight is their image on 1-10000. */
	int64_t shares = clamp(limits->cpu_request_milli * 1024 / 1000, SHARES_MIN, SHARES_MAX);
	int64_t quota = -1;
	let_idle(h, leaf, false);
	if (limits->cpu_milli)
		quota = clamp(limits->cpu_milli * PERIOD_US / 1000, QUOTA_MIN_US, INT64_MAX);

	if (!h->v2) {
		enum err e = set(h, leaf, "cpu.shares", shares, why);
		let_idle(h, leaf, limits->idle);
		if (!e)
			e = set(h, leaf, "cpu.cfs_period_us", PERIOD_US, why);
		return e ? e : set(h, leaf, "cpu.cfs_quota_us", quota, why);
	}
	char path[CGROUP_PATH_MAX], max[48];
	cgroup_leaf_path(h, leaf, path);
	if (quota < 0)
		snprintf(max, sizeof max, "max %d", PERIOD_US);
	else
		snprintf(max, sizeof max, "%lld %d", (long long)quota, PERIOD_US);
	(void)set(h, leaf, "cpu.weight", 1 + (shares - 2) * 9999 / 262142, NULL);
	let_idle(h, leaf, limits->idle);
	return cgroup_write(path, "cpu.max", max, why);
}

static enum err refuse(const struct cgroup_tree *t, unsigned controller, const char *limit,
		       struct why *why)
{
	char remedy[192];
	cgroup_remedy(t, controller, remedy, sizeof remedy);
	return why_set(why, ERR_DENIED, "a %s limit, but no %s controller here: %s", limit, limit,
		       remedy);
}

/* v1 wants both knobs of a group set before anybody joins; all is what the parent has. */
static enum err limit_cpus(const struct hierarchy *h, const char *leaf, const char *cpus,
			   struct why *why)
{
	char path[CGROUP_PATH_MAX], text[128];
	cgroup_leaf_path(h, leaf, path);
	if (h->v2)
		return cpus ? cgroup_write(path, "cpuset.cpus", cpus, why) : OK;
	if (!cgroup_get(h->base, "cpuset.mems", text, sizeof text) ||
	    cgroup_write(path, "cpuset.mems", text, why))
		return why_set(why, ERR_SYSTEM, "cpuset.mems of %s cannot be set", path);
	if (!cpus && cgroup_get(h->base, "cpuset.cpus", text, sizeof text))
		cpus = text;
	return cgroup_write(path, "cpuset.cpus", cpus ? cpus : "0", why);
}

/* Of the whole disk: a partition has no limits of its own. */
static bool find_disk(const char *folder, char out[32])
{
	char path[64];
	struct stat st;
	if (stat(folder, &st))
		return false;
	snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	if (cgroup_get(path, "partition", out, 32))
		strcat(path, "/..");
	if (!cgroup_get(path, "dev", out, 32))
		return false;
	out[strcspn(out, "\n")] = '\0';
	return true;
}

static enum err limit_rate(const struct hierarchy *h, const char *leaf, const char *disk,
			   const char *v1_knob, const char *v2_word, int64_t bps, struct why *why)
{
	char path[CGROUP_PATH_MAX], text[96], rate[32];
	cgroup_leaf_path(h, leaf, path);
	snprintf(rate, sizeof rate, "%lld", (long long)bps);
	if (h->v2)
		snprintf(text, sizeof text, "%s %s=%s", disk, v2_word, bps ? rate : "max");
	else
		snprintf(text, sizeof text, "%s %s", disk, rate);
	return cgroup_write(path, h->v2 ? "io.max" : v1_knob, text, why);
}

/* For schedulers of the disk that know weights, which few boards have. */
static void weigh_io(const struct hierarchy *h, const char *leaf, bool idle)
{
	static const char *const knobs[2][2] = { { "blkio.weight", "blkio.bfq.weight" },
						 { "io.weight", "io.bfq.weight" } };
	const int64_t usual = h->v2 ? 100 : 500, least = h->v2 ? 1 : 10;
	for (size_t i = 0; i < 2; i++)
		(void)set(h, leaf, knobs[h->v2][i], idle ? least : usual, NULL);
}

static enum err limit_io(const struct hierarchy *h, const char *leaf,
			 const struct cgroup_limits *limits, struct why *why)
{
	char disk[32];
	if (!limits->read_bps && !limits->write_bps)
		return OK;
	if (!find_disk(limits->disk_folder, disk))
		return why_set(why, ERR_DENIED, "a limit of the disk's rate, but %s is on no disk",
			       limits->disk_folder);
	enum err e = limit_rate(h, leaf, disk, "blkio.throttle.read_bps_device", "rbps",
				limits->read_bps, why);
	return e ? e
		 : limit_rate(h, leaf, disk, "blkio.throttle.write_bps_device", "wbps",
			      limits->write_bps, why);
}

void cgroup_make_light(struct cgroup_tree *t, const char *leaf)
{
	const struct cgroup_limits none = { 0 };
	if (t->cpu)
		(void)limit_cpu(t->cpu, leaf, &none, NULL);
	if (t->cpuset)
		(void)limit_cpus(t->cpuset, leaf, NULL, NULL);
}

/* The first limit that nothing here could hold. */
static enum err check(const struct cgroup_tree *t, const struct cgroup_limits *limits,
		      struct why *why)
{
	if (limits->memory_bytes && !t->memory)
		return refuse(t, CGROUP_MEMORY, "memory", why);
	if (limits->cpu_milli && !t->cpu)
		return refuse(t, CGROUP_CPU, "cpu", why);
	if (limits->pids && !t->pids)
		return refuse(t, CGROUP_PIDS, "pids", why);
	if (limits->cpus && !t->cpuset)
		return refuse(t, CGROUP_CPUSET, "cpuset", why);
	if ((limits->read_bps || limits->write_bps) && !t->io)
		return refuse(t, CGROUP_IO, "io", why);
	return OK;
}

enum err cgroup_limit(struct cgroup_tree *t, const char *leaf, const struct cgroup_limits *limits,
		      struct why *why)
{
	enum err e = check(t, limits, why);
	if (!e && t->memory)
		e = limit_memory(t->memory, leaf, limits, why);
	if (!e && t->cpu)
		e = limit_cpu(t->cpu, leaf, limits, why);
	if (!e && t->pids)
		e = set(t->pids, leaf, "pids.max", limits->pids ? limits->pids : -1, why);
	if (!e && t->cpuset)
		e = limit_cpus(t->cpuset, leaf, limits->cpus, why);
	if (t->io)
		weigh_io(t->io, leaf, limits->idle);
	if (!e && t->io)
		e = limit_io(t->io, leaf, limits, why);
	return e ? e : cgroup_limit_devices(t, leaf, limits, why);
}
