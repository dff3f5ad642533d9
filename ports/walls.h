/*
 * walls - what this kernel has to keep a workload in, beside name spaces and users.
 *
 * Implementation: ports/linux/walls_linux.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct walls {
	bool seccomp; /* filters of system calls: without them no workload starts */
	int landlock; /* its version; 0: none, which leaves the other walls */
};

struct walls walls_find(void);

/* "seccomp, landlock 2" for logs and reports. */
void walls_describe(const struct walls *w, char *out, size_t cap);
