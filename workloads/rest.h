/*
 * rest - a workload that nobody is connected to is frozen, or ended, until somebody is.
 *
 * skerry.dev/standby freezes it, and gives back what memory the kernel can take.
 * skerry.dev/idle-timeout alone ends it: the agent listens at its ports, hands the
 * sockets over at each start (sd_listen_fds(3)), and starts it when somebody connects.
 * A part of workload.c.
 */
#pragma once

#include "ports/keeper.h"
#include "workloads/workload.h"

/* The sockets that a start hands over, in *out_fds; they are borrowed. `count` is 0 for
 * a workload that is not ended when it is idle. */
enum err rest_listen(struct workload *w, const int **out_fds, size_t *out_count, struct why *why);

/* Found running: the sockets that an earlier agent handed over. */
void rest_adopt(struct workload *w);

/* Ready: from now on it may rest. */
void rest_consider(struct workload *w);

/* It must run, whatever it was told: before a signal, a stop, or a hook. */
void rest_wake(struct workload *w);

/* The end of a run that was ended because nobody was connected. */
void rest_begin_idle(struct workload *w);

/* No more looking; the sockets stay until rest_close(). */
void rest_end(struct workload *w);
void rest_close(struct workload *w);
