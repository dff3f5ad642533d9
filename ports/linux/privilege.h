/*
 * privilege - give up what a workload must not have.
 *
 * Private to ports/linux. Called in a child on borrowed memory: raw system
 * calls only, since libc's setuid() would speak to all threads of the parent.
 * Each answers false with errno, and *out_step names what failed.
 */
#pragma once

#include "ports/launch.h"

/* For the keeper itself: whatever it starts can never have a capability again. */
void privilege_bound(void);

/* Groups, user, capabilities, and never any again. */
bool privilege_drop(const struct launch *l, const char **out_step);

/* Open files, core dumps, locked memory, and the kernel's choice when memory ends. */
bool privilege_limit(const struct launch *l, const char **out_step);
