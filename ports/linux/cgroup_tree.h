/*
 * cgroup_tree - which hierarchies this kernel gives us, and where in them.
 *
 * Private to ports/linux: cgroup_probe.c finds out, cgroup_linux.c uses it.
 */
#pragma once

#include "ports/cgroup.h"

enum {
	TREE_PATH_MAX = 160,
	HIERARCHIES_MAX = 5, /* v2, and memory, cpu, cpuacct, pids of v1 */
};

/* One mounted hierarchy and our group in it, the parent of all leaves. */
struct hierarchy {
	char base[TREE_PATH_MAX];
	bool v2;
};

struct cgroup_tree {
	struct hierarchy hierarchies[HIERARCHIES_MAX];
	size_t count;

	/* Who controls what; NULL: nobody. v2 without controllers still kills and
	 * counts processor time. */
	const struct hierarchy *memory, *cpu, *pids, *account, *v2;
	bool has_keepers;   /* their leaf was made */
	bool is_birthplace; /* a process can be born in a v2 leaf: CLONE_INTO_CGROUP */
};

/* Fill a zeroed tree. */
enum err cgroup_probe(struct cgroup_tree *t, const char *name, struct why *why);

/* Write a knob of a group. ERR_NOT_FOUND: there is none of that name. */
enum err cgroup_write(const char *group, const char *knob, const char *value, struct why *why);

/* Read a knob into `out`, cut at `cap`, ending in NUL; false when it cannot be. */
bool cgroup_get(const char *group, const char *knob, char *out, size_t cap);
