/*
 * cgroup_tree - which hierarchies this kernel gives us, and where in them.
 *
 * Private to ports/linux: cgroup_probe.c finds out, cgroup_linux.c uses it.
 */
#pragma once

#include "ports/cgroup.h"

enum {
	TREE_PATH_MAX = 160,
	HIERARCHIES_MAX = 9, /* v2, and eight controllers of v1, each on its own */
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
	const struct hierarchy *memory, *cpu, *pids, *cpuset, *io, *account, *v2;
	const struct hierarchy *devices, *freezer; /* v1's; v2 has its own ways */
	int device_filter;  /* v2: the program for a leaf without devices; -1: none */
	bool has_keepers;   /* their leaf was made */
	bool is_birthplace; /* a process can be born in a v2 leaf: CLONE_INTO_CGROUP */
};

/* Fill a zeroed tree. */
enum err cgroup_probe(struct cgroup_tree *t, const char *name, struct why *why);

/* Where a group's knobs are. */
void cgroup_leaf_path(const struct hierarchy *h, const char *leaf, char out[CGROUP_PATH_MAX]);

/* ERR_DENIED: a limit was asked for whose controller is missing here. */
enum err cgroup_limit(struct cgroup_tree *t, const char *leaf, const struct cgroup_limits *limits,
		      struct why *why);

/* Let a leaf have no device but the harmless ones and those of `limits`. */
enum err cgroup_limit_devices(struct cgroup_tree *t, const char *leaf,
			      const struct cgroup_limits *limits, struct why *why);

/* The program that allows the harmless ones; -1: this kernel has no such control. */
int cgroup_device_filter(void);

/* The least weight against others. */
void cgroup_make_light(struct cgroup_tree *t, const char *leaf);

/* Write a knob of a group. ERR_NOT_FOUND: there is none of that name. */
enum err cgroup_write(const char *group, const char *knob, const char *value, struct why *why);

/* Read a knob into `out`, cut at `cap`, ending in NUL; false when it cannot be. */
bool cgroup_get(const char *group, const char *knob, char *out, size_t cap);
