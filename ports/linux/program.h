/*
 * program - find a program in the workload's root, and become it.
 *
 * Private to ports/linux. Called in a child whose root is the workload's. What
 * is run was looked at: a regular file, of the workload's own file systems, in
 * the same open file. Without that an image could name /proc/self/exe, itself or
 * behind #!, and be given our own program (CVE-2019-5736).
 */
#pragma once

/* Returns only when it failed; errno says why. A name without "/" is looked for in
 * the PATH of `env`. */
void program_become(const char *const *argv, const char *const *env);
