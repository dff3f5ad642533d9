/*
 * log - one line for each event, on stderr.
 *
 * Only who decides logs: agent/, sync/uplink.c and sync/link.c. Everybody else
 * returns a reason. A line is a plain sentence followed by key=value pairs.
 * Under journald lines carry its <N> prefix, elsewhere a UTC time.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

enum log_level {
	LOG_ERR,   /* a person must act */
	LOG_WARN,  /* survived, and the line says how */
	LOG_INFO,  /* the story of the day */
	LOG_DEBUG, /* the rest, off by default */
};

/* Lines above `level` are dropped. The start value is LOG_INFO. */
void log_set_level(enum log_level level);

void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_err(...) log_line(LOG_ERR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
