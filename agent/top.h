/*
 * top - what the processes of each container use right now.
 *
 * Processor time is counted, not measured: whoever asks twice has the shares, and the
 * board keeps nothing in between.
 */
#pragma once

#include "ports/json.h"

struct agent;

enum {
	TOP_PROCESSES_MAX = 32,    /* of one container; further ones are counted only */
	TOP_COMMAND_MAX = 96,      /* bytes of a command line */
	TOP_BYTES_MAX = 48 * 1024, /* of one answer; further containers come without processes */
};

/* {"t","cpus","load","memBytes","memAvailable","workloads":{NAME:{"cpuMs","memBytes",
 * "processes":[{"pid","cpuMs","memBytes","command"}],"more"}}}: `t` is milliseconds since boot. */
struct json *top_make(struct agent *a);
