/*
 * stream - who reads a stream of telemetry, and when it goes: as its pod says, else
 * as the board's configuration does.
 */
#pragma once

#include "agent/config.h"
#include "ports/store.h"
#include "workloads/supervisor.h"

/* The rank of its letters, and their flags for acknowledgement and format. */
void stream_policy(const struct supervisor *s, const struct config *c, const char *stream,
		   enum letter_class *out_rank, uint32_t *out_flags);
