/* signo - the names of signals, as images and manifests write them. */
#pragma once

#include "base/err.h"

/* "SIGTERM", "TERM", "15", "SIGRTMIN+3". ERR_INVALID: no signal is called that. */
enum err signo_read(const char *text, int *out, struct why *why);
