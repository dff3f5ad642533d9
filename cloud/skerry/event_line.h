/*
 * event_line - one event as a line, for people or for programs.
 *
 * Columns are as wide as they usually need to be: what comes later is not known yet. With
 * `json` a line is one object, as those of docs/schema/events.json are.
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* Borrowed. */
struct event_line {
	int64_t time_ms; /* since 1970 */
	struct bytes device, type, reason, object, message;
};

/* What stands above the lines; for programs nothing. */
void event_line_print_titles(bool json);

/* To stdout, at once. A character that would steer a terminal becomes a '?'. */
void event_line_print(const struct event_line *e, bool json);

/* One number for all that is in it: equal events have equal ones. */
uint64_t event_line_hash(const struct event_line *e);
