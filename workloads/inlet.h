/* inlet - the socket to which a workload sends its telemetry; others hear of it. */
#pragma once

#include "workloads/workload.h"

/* Make it, unless it is there. */
enum err inlet_open(struct workload *w, struct why *why);

/* Take over the one that a keeper has held; -1: it had none. */
void inlet_take(struct workload *w, int fd);

void inlet_close(struct workload *w);
