/*
 * notify - what a workload says of itself by sd_notify(3), and what follows.
 *
 * STATUS is shown. READY counts where skerry.dev/notify asks for it: until then
 * it has not started. Where skerry.dev/watchdog gives a time, it must say
 * WATCHDOG=1 as often, or it is restarted.
 */
#pragma once

#include "workloads/workload.h"

/* A keeper_hooks.on_notice. */
void notify_hear(void *owner, enum keeper_notice notice, const char *text);

/* A run begins, or is found; it ends. */
void notify_begin(struct workload *w);
void notify_end(struct workload *w);

/* What is frozen cannot say WATCHDOG=1. */
void notify_pause(struct workload *w);
void notify_resume(struct workload *w);

/* False: it has not said READY=1, and must. */
bool notify_allows(const struct workload *w);
