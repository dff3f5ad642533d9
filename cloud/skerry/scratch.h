/* scratch - a folder for blobs that are on their way, gone when the verb ends. */
#pragma once

#include "ports/blobs.h"

struct scratch {
	char path[40];
	struct blobs blobs;
};

enum err scratch_open(struct scratch *s, struct why *why);
void scratch_close(struct scratch *s);
