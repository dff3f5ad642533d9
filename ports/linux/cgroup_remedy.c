#include "ports/linux/cgroup_tree.h"

#include "base/bytes.h"
#include "base/scoped.h"
#include "ports/file.h"

#include <stdio.h>

enum { PROC_CGROUPS_MAX = 16 * 1024 };

/* A line of /proc/cgroups: "memory 0 12 1". */
struct kernel_controller {
	bool known;    /* the kernel was built with it */
	int hierarchy; /* of cgroup v1 that has it; 0: none */
	int enabled;
};

static struct kernel_controller find_in_kernel(const char *name)
{
	SCOPED_MEMORY char *text = NULL;
	struct kernel_controller c = { 0 };
	char found[32];
	size_t len;
	if (file_read("/proc/cgroups", PROC_CGROUPS_MAX, &text, &len, NULL))
		return c;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
		if (sscanf(line, "%31s %d %*d %d", found, &c.hierarchy, &c.enabled) == 3 &&
		    strcmp(found, name) == 0) {
			c.known = true;
			return c;
		}
	return (struct kernel_controller){ 0 };
}

void cgroup_remedy(const struct cgroup_tree *t, unsigned controller, char *out, size_t cap)
{
	static const struct {
		unsigned controller;
		const char *name, *option;
	} all[] = {
		{ CGROUP_MEMORY, "memory", "CONFIG_MEMCG" },
		{ CGROUP_CPU, "cpu", "CONFIG_CFS_BANDWIDTH" },
		{ CGROUP_PIDS, "pids", "CONFIG_CGROUP_PIDS" },
		{ CGROUP_CPUSET, "cpuset", "CONFIG_CPUSETS" },
		{ CGROUP_IO, "io", "CONFIG_BLK_DEV_THROTTLING" },
	};
	size_t i = 0;
	while (all[i].controller != controller)
		i++;
	const char *name = all[i].name, *option = all[i].option;
	const struct kernel_controller c = find_in_kernel(name);
	if (c.known && !c.enabled)
		snprintf(out, cap,
			 "add cgroup_enable=%s to the kernel's command line (on a Raspberry Pi: "
			 "cmdline.txt), take any cgroup_disable=%s from it, and boot again",
			 name, name);
	else if (!t->v2)
		snprintf(out, cap,
			 "mount cgroup v2, this kernel may have it there: mount -t cgroup2 none "
			 "/sys/fs/cgroup; under systemd boot with "
			 "systemd.unified_cgroup_hierarchy=1");
	else if (c.hierarchy)
		snprintf(out, cap,
			 "a cgroup v1 hierarchy holds it: mount that (mount -t cgroup -o %s), or "
			 "boot without cgroup v1",
			 name);
	else
		snprintf(out, cap, "build the kernel with %s", option);
}
