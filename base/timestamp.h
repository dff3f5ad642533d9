/* timestamp - the one form of a date that documents have: "2026-11-24T10:00:00Z". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since 1970. False: another form, no such day, or NULL. */
bool timestamp_read(const char *s, int64_t *out_ms);
