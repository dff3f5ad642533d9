/*
 * errand - a command run inside the workload on the agent's behalf: a probe, or an exec.
 *
 * At most ERRANDS_MAX at a time, each with a deadline. Of what one prints only the
 * beginning is kept, unless it was given somewhere to print to.
 */
#pragma once

#include "base/err.h"
#include "ports/keeper.h"
#include "ports/sandbox.h"

#include <stdbool.h>

enum { ERRANDS_MAX = 5, ERRAND_WORDS_MAX = ARGS_MAX };

struct errand {
	unsigned id;
	struct sandbox_task task; /* pid 0: free */
	int output;               /* read end of its pipe; -1: none, or it has ended */
	int64_t until_ms;
	size_t len;
	char text[KEEPER_OUTPUT_MAX];
};

/* `request` is "exec ID WAIT_MS" and the words behind it, each ended by NUL;
 * `len` is its length in all. `fds` are stdin, stdout and stderr, or -1: then it prints to us.
 * What fails is written to why. */
struct errand_request {
	char *text;
	size_t len;
	const int *fds; /* three */
};
enum err errand_start(struct errand *e, struct sandbox *s, const struct errand_request *r,
		      struct why *why);

/* Put words in the place of what it has not printed. */
void errand_say(struct errand *e, const char *text);

/* It has no more time. */
void errand_cancel(struct errand *e);

/* Read what it printed. */
void errand_read(struct errand *e);

/* Has it ended, or run out of time? Then it is free again and *out_code says how. */
bool errand_is_over(struct errand *e, int64_t now_ms, int *out_code);
