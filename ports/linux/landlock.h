/*
 * landlock - a second wall around a workload's files, where the kernel has one.
 *
 * Private to ports/linux. The first wall is what is mounted at all, and how;
 * this one holds even where a mount does not: reading and running everywhere in
 * the root, writing only in /tmp, /dev, /proc and volumes that may be written.
 */
#pragma once

#include "ports/launch.h"

/* The kernel's version of it; 0: it has none. */
int landlock_version(void);

/* Rules for a root that is put together; -1: this kernel has none, or not for
 * this root, and then there is only the first wall. */
int landlock_rules(int root_fd, const struct launch *l);

/* For the caller and all that it becomes; it has no_new_privs already. */
bool landlock_enter(int rules);
