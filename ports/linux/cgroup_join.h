/*
 * cgroup_join - into a leaf before the first instruction.
 *
 * Private to ports/linux; linked to the keeper too. Moving a process through
 * cgroup.procs from outside waits 10-16 ms for a grace period on kernels since
 * 6.0; being born inside (v2) and moving oneself through `tasks` (v1) do not.
 */
#pragma once

#include "ports/cgroup.h"
#include "ports/linux/kernel.h"

/* Have the child be born in the v2 group, if the join has one. *out_fd is to be
 * closed after the clone; -1 when there is none. False: errno says why. */
bool cgroup_join_birth(const struct cgroup_join *j, struct kernel_clone_args *args, int *out_fd);

/* What is left, done by the child itself. False: errno says why. */
bool cgroup_join_rest(const struct cgroup_join *j);
