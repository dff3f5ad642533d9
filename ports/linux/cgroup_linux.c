#include "ports/cgroup.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"
#include "ports/linux/cgroup_tree.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KILL_ROUNDS = 10, LEAF_MAX = CGROUP_PATH_MAX };

enum err cgroup_open(const char *name, struct cgroup_tree **out, struct why *why)
{
	struct cgroup_tree *t = calloc(1, sizeof *t);
	if (!t)
		return why_set(why, ERR_SYSTEM, "cgroup: no memory");
	t->device_filter = -1;
	enum err e = cgroup_probe(t, name, why);
	if (e) {
		free(t);
		return e;
	}
	*out = t;
	return OK;
}

void cgroup_leaf_path(const struct hierarchy *h, const char *leaf, char out[CGROUP_PATH_MAX])
{
	snprintf(out, CGROUP_PATH_MAX, "%s/%s", h->base, leaf);
}

void cgroup_close(struct cgroup_tree *t, bool remove)
{
	if (!t)
		return;
	for (size_t i = 0; remove && i < t->count; i++) {
		char keepers[LEAF_MAX];
		cgroup_leaf_path(&t->hierarchies[i], CGROUP_KEEPERS, keepers);
		rmdir(keepers);
		rmdir(t->hierarchies[i].base);
	}
	close_quietly(t->device_filter);
	free(t);
}

unsigned cgroup_controllers(const struct cgroup_tree *t)
{
	return (t->memory ? CGROUP_MEMORY : 0u) | (t->cpu ? CGROUP_CPU : 0u) |
	       (t->pids ? CGROUP_PIDS : 0u) | (t->cpuset ? CGROUP_CPUSET : 0u) |
	       (t->io ? CGROUP_IO : 0u);
}

static void describe_version(const struct cgroup_tree *t, bool v2, struct text *out)
{
	const char *lead = v2 ? "v2:" : "v1:";
	const struct {
		const char *name;
		const struct hierarchy *at;
	} uses[] = {
		{ "memory", t->memory },
		{ "cpu", t->cpu },
		{ "pids", t->pids },
		{ "cpuset", t->cpuset },
		{ "io", t->io },
		{ "devices", t->device_filter >= 0 ? t->v2 : t->devices },
		{ "freezer", t->freezer },
		{ "kill", t->v2 },
	};
	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
		if (!uses[i].at || uses[i].at->v2 != v2)
			continue;
		text_add(out, "%s%s %s", out->len && *lead ? ", " : "", lead, uses[i].name);
		lead = "";
	}
}

void cgroup_describe(const struct cgroup_tree *t, char *out, size_t cap)
{
	struct text text = text_in(out, cap);
	describe_version(t, false, &text);
	describe_version(t, true, &text);
}

static void describe_join(const struct cgroup_tree *t, const char *leaf, struct cgroup_join *out)
{
	char path[LEAF_MAX];
	size_t n = 0;
	*out = (struct cgroup_join){ 0 };
	for (size_t i = 0; i < t->count; i++) {
		cgroup_leaf_path(&t->hierarchies[i], leaf, path);
		if (t->hierarchies[i].v2 && t->is_birthplace)
			text_copy(out->into, sizeof out->into, bytes_of(path));
		else if (n < CGROUP_JOINS_MAX)
			snprintf(out->tasks[n++], CGROUP_PATH_MAX, "%.200s/%s", path,
				 t->hierarchies[i].v2 ? "cgroup.procs" : "tasks");
	}
	if (t->memory) {
		cgroup_leaf_path(t->memory, leaf, path);
		snprintf(out->oom, sizeof out->oom, "%.200s/%s", path,
			 t->memory->v2 ? "memory.events" : "memory.oom_control");
	}
}

static enum err make_leaf(struct cgroup_tree *t, const char *leaf, struct why *why)
{
	char path[LEAF_MAX];
	for (size_t i = 0; i < t->count; i++) {
		cgroup_leaf_path(&t->hierarchies[i], leaf, path);
		/* Anew where nobody is in there: since Linux 6.14, who is born into a group
		 * in which cgroup.kill was ever used may be killed by that. */
		rmdir(path);
		if (mkdir(path, 0755) && errno != EEXIST)
			return why_set(why, ERR_SYSTEM, "make cgroup %s: %s", path,
				       strerror(errno));
	}
	return OK;
}

enum err cgroup_make(struct cgroup_tree *t, const char *leaf, const struct cgroup_limits *limits,
		     struct cgroup_join *out, struct why *why)
{
	enum err e = make_leaf(t, leaf, why);
	describe_join(t, leaf, out);
	return e ? e : cgroup_limit(t, leaf, limits, why);
}

enum err cgroup_keep(struct cgroup_tree *t, struct cgroup_join *out, struct why *why)
{
	describe_join(t, CGROUP_KEEPERS, out);
	if (t->has_keepers)
		return OK;
	enum err e = make_leaf(t, CGROUP_KEEPERS, why);
	t->has_keepers = e == OK;
	/* As light as a workload that asks for nothing: a heavier keeper would interrupt
	 * one that floods its log at every single line. */
	if (!e)
		cgroup_make_light(t, CGROUP_KEEPERS);
	return e;
}

enum err cgroup_freeze(struct cgroup_tree *t, const char *leaf, bool frozen, struct why *why)
{
	char path[LEAF_MAX];
	if (t->v2) {
		cgroup_leaf_path(t->v2, leaf, path);
		return cgroup_write(path, "cgroup.freeze", frozen ? "1" : "0", why);
	}
	if (!t->freezer)
		return why_set(why, ERR_DENIED, "neither cgroup v2 nor v1's freezer is here");
	cgroup_leaf_path(t->freezer, leaf, path);
	return cgroup_write(path, "freezer.state", frozen ? "FROZEN" : "THAWED", why);
}

void cgroup_reclaim(struct cgroup_tree *t, const char *leaf)
{
	char path[LEAF_MAX], size[32];
	if (!t->memory || !t->memory->v2)
		return;
	cgroup_leaf_path(t->memory, leaf, path);
	/* More than it has is refused as a whole. */
	if (cgroup_get(path, "memory.current", size, sizeof size))
		(void)!cgroup_write(path, "memory.reclaim", size, NULL);
}

static void kill_listed(const char *procs)
{
	/* Whole lines only: a number that was cut is somebody else's. */
	for (const char *p = procs, *end; (end = strchr(p, '\n')); p = end + 1) {
		long pid = strtol(p, NULL, 10);
		if (pid > 1)
			kill((pid_t)pid, SIGKILL);
	}
}

/* Kernels before 5.14, or v1 alone: kill what is there until nothing is. What is frozen
 * cannot fork meanwhile. */
static enum err kill_one_by_one(struct cgroup_tree *t, const char *leaf, const char *group,
				struct why *why)
{
	char procs[2048];
	for (int round = 0; round < KILL_ROUNDS; round++) {
		if (!cgroup_get(group, "cgroup.procs", procs, sizeof procs) || !procs[0])
			return OK;
		const bool frozen = cgroup_freeze(t, leaf, true, NULL) == OK;
		if (cgroup_get(group, "cgroup.procs", procs, sizeof procs))
			kill_listed(procs);
		if (frozen)
			(void)!cgroup_freeze(t, leaf, false, NULL);
		usleep(1000);
	}
	return why_set(why, ERR_AGAIN, "processes in %s do not die", group);
}

enum err cgroup_kill(struct cgroup_tree *t, const char *leaf, struct why *why)
{
	char path[LEAF_MAX];
	assert(t->count);
	cgroup_leaf_path(t->v2 ? t->v2 : &t->hierarchies[0], leaf, path);
	if (!file_exists(path))
		return OK;
	if (t->v2 && cgroup_write(path, "cgroup.kill", "1", why) == OK)
		return OK;
	return kill_one_by_one(t, leaf, path, why);
}

enum err cgroup_remove(struct cgroup_tree *t, const char *leaf, struct why *why)
{
	char path[LEAF_MAX];
	for (size_t i = 0; i < t->count; i++) {
		cgroup_leaf_path(&t->hierarchies[i], leaf, path);
		if (rmdir(path) && errno != ENOENT)
			return why_set(why, errno == EBUSY ? ERR_AGAIN : ERR_SYSTEM,
				       "remove %s: %s", path, strerror(errno));
	}
	return OK;
}

size_t cgroup_processes(const struct cgroup_tree *t, const char *leaf, pid_t *out, size_t max)
{
	char path[LEAF_MAX], procs[2048];
	size_t n = 0;
	cgroup_leaf_path(&t->hierarchies[0], leaf, path);
	if (!cgroup_get(path, "cgroup.procs", procs, sizeof procs))
		return 0;
	for (const char *p = procs, *end; n < max && (end = strchr(p, '\n')); p = end + 1)
		out[n++] = (pid_t)strtol(p, NULL, 10);
	return n;
}

static int64_t number_in(const char *text, const char *key)
{
	const char *at = *key ? strstr(text, key) : text;
	return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

static int64_t get(const struct hierarchy *h, const char *leaf, const char *knob, const char *key)
{
	char path[LEAF_MAX], text[1024];
	cgroup_leaf_path(h, leaf, path);
	return cgroup_get(path, knob, text, sizeof text) ? number_in(text, key) : 0;
}

static void read_memory(const struct hierarchy *h, const char *leaf, struct cgroup_usage *out)
{
	out->memory_bytes = get(h, leaf, h->v2 ? "memory.current" : "memory.usage_in_bytes", "");
	out->memory_peak = get(h, leaf, h->v2 ? "memory.peak" : "memory.max_usage_in_bytes", "");
	if (out->memory_peak < out->memory_bytes)
		out->memory_peak = out->memory_bytes; /* v2 before 5.19 has no peak */
}

enum err cgroup_read(struct cgroup_tree *t, const char *leaf, struct cgroup_usage *out)
{
	char path[LEAF_MAX];
	*out = (struct cgroup_usage){ 0 };
	cgroup_leaf_path(&t->hierarchies[0], leaf, path);
	if (!file_exists(path))
		return ERR_NOT_FOUND;
	if (t->account && t->account->v2)
		out->cpu_ms = get(t->account, leaf, "cpu.stat", "usage_usec ") / 1000;
	else if (t->account)
		out->cpu_ms = get(t->account, leaf, "cpuacct.usage", "") / 1000000;
	if (t->memory)
		read_memory(t->memory, leaf, out);
	if (t->pids)
		out->processes = get(t->pids, leaf, "pids.current", "");
	return OK;
}

enum err cgroup_each(struct cgroup_tree *t, void (*on_leaf)(void *owner, const char *leaf),
		     void *owner, struct why *why)
{
	DIR *d = opendir(t->hierarchies[0].base);
	if (!d)
		return why_set(why, ERR_SYSTEM, "list %s: %s", t->hierarchies[0].base,
			       strerror(errno));
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			on_leaf(owner, e->d_name);
	closedir(d);
	return OK;
}
