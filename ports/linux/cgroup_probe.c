#include "ports/linux/cgroup_tree.h"

#include "base/bytes.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"
#include "ports/linux/cgroup_join.h"
#include "ports/linux/vfork.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { PROC_FILE_MAX = 64 * 1024 };

enum err cgroup_write(const char *group, const char *knob, const char *value, struct why *why)
{
	char path[CGROUP_PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/%s", group, knob);
	SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, value, strlen(value)) >= 0)
		return OK;

	enum err class = errno == ENOENT ? ERR_NOT_FOUND : errno == EBUSY ? ERR_AGAIN : ERR_DENIED;
	return why_set(why, class, "write %s to %s: %s", value, path, strerror(errno));
}

bool cgroup_get(const char *group, const char *knob, char *out, size_t cap)
{
	char path[CGROUP_PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/%s", group, knob);
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, cap - 1);
	out[n < 0 ? 0 : n] = '\0';
	return n >= 0;
}

static bool make_group(const char *path)
{
	return mkdir(path, 0755) == 0 || errno == EEXIST;
}

/* By trying: what counts is whether a leaf has the knob and lets us write it. */
static bool has_knob(const struct hierarchy *h, const char *knob)
{
	char leaf[TREE_PATH_MAX + 16], path[TREE_PATH_MAX + 80];
	snprintf(leaf, sizeof leaf, "%s/probe", h->base);
	snprintf(path, sizeof path, "%s/%s", leaf, knob);
	if (!make_group(leaf))
		return false;
	bool works = access(path, W_OK) == 0;
	rmdir(leaf);
	return works;
}

static int leave(void *nothing)
{
	(void)nothing;
	return 0;
}

/* By trying too: the call is young (Linux 5.7), and some sandboxes forbid it. */
static bool can_be_born_in(const struct hierarchy *h)
{
	struct kernel_clone_args args = { .exit_signal = SIGCHLD };
	struct cgroup_join j = { 0 };
	int folder;
	snprintf(j.into, sizeof j.into, "%s/probe", h->base);
	if (!make_group(j.into))
		return false;
	pid_t pid = cgroup_join_birth(&j, &args, &folder) ? vfork_run(&args, leave, NULL) : -1;
	close_quietly(folder);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	rmdir(j.into);
	return pid > 0;
}

static void enable(const char *group)
{
	/* One by one: a missing controller must not take the others along. */
	(void)cgroup_write(group, "cgroup.subtree_control", "+memory", NULL);
	(void)cgroup_write(group, "cgroup.subtree_control", "+cpu", NULL);
	(void)cgroup_write(group, "cgroup.subtree_control", "+pids", NULL);
	(void)cgroup_write(group, "cgroup.subtree_control", "+cpuset", NULL);
	(void)cgroup_write(group, "cgroup.subtree_control", "+io", NULL);
}

static struct hierarchy *add_hierarchy(struct cgroup_tree *t, const char *mount, const char *name,
				       bool v2)
{
	if (t->count == HIERARCHIES_MAX)
		return NULL;
	struct hierarchy *h = &t->hierarchies[t->count];
	struct text base = text_in(h->base, sizeof h->base);
	text_add(&base, "%s/%s", mount, name);
	h->v2 = v2;
	if (text_is_cut(&base) || !make_group(h->base))
		return NULL;
	t->count++;
	return h;
}

/* At the top, as Kubernetes' cgroupfs driver does: below our own group of a service
 * manager, running workloads would keep the next agent out of it. */
static void add_v2(struct cgroup_tree *t, const char *mount, const char *name)
{
	enable(mount);
	struct hierarchy *h = add_hierarchy(t, mount, name, true);
	if (!h)
		return;
	enable(h->base);
	/* A service manager may have taken one back at the top meanwhile; it cannot once the
	 * group below uses it. */
	if (!has_knob(h, "cpuset.cpus") || !has_knob(h, "io.max")) {
		enable(mount);
		enable(h->base);
	}
	t->v2 = t->account = h;
	t->is_birthplace = can_be_born_in(h);
	if (has_knob(h, "memory.max"))
		t->memory = h;
	if (has_knob(h, "cpu.max"))
		t->cpu = h;
	if (has_knob(h, "pids.max"))
		t->pids = h;
	if (has_knob(h, "cpuset.cpus"))
		t->cpuset = h;
	if (has_knob(h, "io.max"))
		t->io = h;
}

static bool has_option(const char *options, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = options; (p = strstr(p, word)); p += n)
		if ((p == options || p[-1] == ',') && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

/* v1's cpusets begin empty, and nobody may be in an empty one. */
static void fill_cpuset(const struct hierarchy *h, const char *mount)
{
	static const char *const knobs[] = { "cpuset.cpus", "cpuset.mems" };
	char text[128];
	for (size_t i = 0; i < sizeof knobs / sizeof *knobs; i++)
		if (cgroup_get(mount, knobs[i], text, sizeof text))
			(void)!cgroup_write(h->base, knobs[i], text, NULL);
}

/* A v1 hierarchy serves what v2 does not. */
static void add_v1(struct cgroup_tree *t, const char *mount, const char *name, const char *options)
{
	const struct {
		const char *option, *knob;
		const struct hierarchy **into;
		bool wanted;
	} uses[] = {
		{ "memory", "memory.limit_in_bytes", &t->memory, !t->memory },
		{ "cpu", "cpu.cfs_quota_us", &t->cpu, !t->cpu },
		{ "pids", "pids.max", &t->pids, !t->pids },
		{ "cpuset", "cpuset.cpus", &t->cpuset, !t->cpuset },
		{ "blkio", "blkio.throttle.read_bps_device", &t->io, !t->io },
		{ "devices", "devices.deny", &t->devices, !t->devices },
		{ "freezer", "freezer.state", &t->freezer, !t->v2 && !t->freezer },
		{ "cpuacct", "cpuacct.usage", &t->account, !t->account },
	};
	struct hierarchy *h = NULL;
	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
		if (!uses[i].wanted || !has_option(options, uses[i].option))
			continue;
		if (!h)
			h = add_hierarchy(t, mount, name, false);
		if (h && has_knob(h, uses[i].knob))
			*uses[i].into = h;
	}
	if (h && t->cpuset == h)
		fill_cpuset(h, mount);
}

/* A line of mountinfo: "36 35 98:0 / /mount/point rw - TYPE source OPTIONS". */
struct mount_line {
	char mount[TREE_PATH_MAX];
	char type[16];
	char options[256];
};

static bool read_line(const char *line, struct mount_line *out)
{
	const char *dash = strstr(line, " - ");
	return dash && sscanf(line, "%*s %*s %*s %*s %159s", out->mount) == 1 &&
	       sscanf(dash, " - %15s %*s %255s", out->type, out->options) == 2;
}

static void each_mount(char *text, struct cgroup_tree *t, const char *name, bool v2)
{
	struct mount_line m;
	for (char *line = text, *end; *line; line = end + 1) {
		end = line + strcspn(line, "\n");
		char kept = *end;
		*end = '\0';
		bool good = read_line(line, &m);
		if (good && v2 && strcmp(m.type, "cgroup2") == 0 && !t->v2)
			add_v2(t, m.mount, name);
		if (good && !v2 && strcmp(m.type, "cgroup") == 0)
			add_v1(t, m.mount, name, m.options);
		*end = kept;
		if (!kept)
			return;
	}
}

enum err cgroup_probe(struct cgroup_tree *t, const char *name, struct why *why)
{
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	enum err e = file_read("/proc/self/mountinfo", PROC_FILE_MAX, &text, &len, why);
	if (e)
		return e;
	each_mount(text, t, name, true);
	each_mount(text, t, name, false);
	if (t->v2 && !t->devices)
		t->device_filter = cgroup_device_filter();
	if (t->count == 0)
		return why_set(why, ERR_DENIED,
			       "no cgroup file system that may be written; as root: "
			       "mount -t cgroup2 none /sys/fs/cgroup");
	return OK;
}
