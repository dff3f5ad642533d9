/* duration - spans of time as Go writes them: 300ms, 5s, 1h30m, 1.5h. */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

/* In milliseconds, rounded down; "0" needs no unit. ERR_INVALID: not a
 * duration, negative, or longer than a century. */
enum err duration_ms(struct bytes s, int64_t *out_ms, struct why *why);

/* Write a span for a person, its two largest units: "45s", "2h 40m", "3d 4h".
 * `out` has 24 bytes. */
void duration_print(char out[24], int64_t ms);
