#include "ports/linux/cgroup_join.h"

#include "base/scoped.h"

#include <fcntl.h>

bool cgroup_join_birth(const struct cgroup_join *j, struct kernel_clone_args *args, int *out_fd)
{
	*out_fd = -1;
	if (!j->into[0])
		return true;
	*out_fd = open(j->into, O_PATH | O_DIRECTORY | O_CLOEXEC);
	args->flags |= KERNEL_CLONE_INTO_CGROUP;
	args->cgroup = (uint64_t)*out_fd;
	return *out_fd >= 0;
}

bool cgroup_join_rest(const struct cgroup_join *j)
{
	for (size_t i = 0; i < CGROUP_JOINS_MAX && j->tasks[i][0]; i++) {
		SCOPED_FD fd = open(j->tasks[i], O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			return false;
	}
	return true;
}
