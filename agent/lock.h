/* lock - one program at a time works in a state_dir. */
#pragma once

#include "base/err.h"

/* The caller closes *out_fd, or ends: both give it back. ERR_CONFLICT: somebody has it. */
enum err lock_take(const char *state_dir, int *out_fd, struct why *why);
