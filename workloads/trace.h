/* trace - what a workload leaves in its folder for the next agent. */
#pragma once

#include "workloads/workload.h"

/* Write down restarts and the last end; read them back into the workload, with the
 * stop signal of what runs. */
void trace_keep(const struct workload *w);
void trace_recall(struct workload *w);

/* Did an earlier agent start this very pod here? */
bool trace_is_of_pod(const struct workload *w);

/* The user and group of what was started last; false: nothing was. */
bool trace_user(const struct workload *w, int64_t out[2]);

enum { LAST_WORDS_MAX = 160 }; /* of them, in an event */

/* What it wrote to terminationMessagePath, behind `message`, in one line. */
void trace_add_last_words(const struct workload *w, char *message, size_t cap);
