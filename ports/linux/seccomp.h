/*
 * seccomp - which system calls a workload may make.
 *
 * Private to ports/linux. The filter is made at build time from seccomp/allowed
 * for the architecture that is built for; a program of another architecture is
 * killed at its first call.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* For the caller and all that it becomes; for good. `families` has a bit for each
 * address family (1 << AF_UNIX) that sockets may have. False: errno says why. */
bool seccomp_install(uint64_t families);
