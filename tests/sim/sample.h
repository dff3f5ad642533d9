/* sample - a letter of numbered samples: the point `made`, whose field n counts from 1. */
#pragma once

#include "sync/outbox.h"

/* Keep `count` samples from number `first` on as one letter. */
enum err sample_add(struct outbox *o, int64_t first, unsigned count, int64_t span_ms,
		    struct why *why);
