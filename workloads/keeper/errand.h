/*
 * errand - a command run inside the workload on the agent's behalf: a probe.
 *
 * At most ERRANDS_MAX at a time, each with a deadline, and of what one prints
 * only the beginning is kept.
 */
#pragma once

#include "base/err.h"
#include "ports/keeper.h"
#include "ports/sandbox.h"

#include <stdbool.h>

enum { ERRANDS_MAX = 4, ERRAND_WORDS_MAX = ARGS_MAX };

struct errand {
	unsigned id;
	struct sandbox_task task; /* pid 0: free */
	int output;               /* read end of its pipe */
	int64_t until_ms;
	size_t len;
	char text[KEEPER_OUTPUT_MAX];
};

/* `request` is "exec ID WAIT_MS" and the words behind it, each ended by NUL;
 * `len` is its length in all. What fails is written to why. */
enum err errand_start(struct errand *e, struct sandbox *s, char *request, size_t len,
		      struct why *why);

/* Read what it printed. */
void errand_read(struct errand *e);

/* Has it ended, or run out of time? Then it is free again and *out_code says how. */
bool errand_is_over(struct errand *e, int64_t now_ms, int *out_code);
