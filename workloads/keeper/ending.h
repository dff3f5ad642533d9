/*
 * ending - how a workload ended, as the lines of the file `exit`.
 *
 * The same lines go over the socket behind the word "exit". Read by agents of
 * any age: unknown lines are skipped, see docs/keeper.md.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct ending {
	int code;   /* -1: no exit code */
	int signal; /* 0: no signal */
	int oom;    /* 1: the kernel killed for memory */
	int failed_start;
	int64_t started_ms, ended_ms;
	struct why message;
};

/* The lines into `out`; their length. */
size_t ending_write(const struct ending *e, char *out, size_t cap);

/* Put them on the file `exit` of the keeper's folder, whole or not at all. */
enum err ending_keep(const struct ending *e, int folder, struct why *why);

/* Kills for memory that a cgroup file has counted so far; 0 when it cannot be read. */
int64_t ending_count_oom(const char *path);
