/*
 * clock - the time that passes and the time on the wall.
 *
 * Everything that waits uses the first; the second only stands in messages.
 * Implementations: ports/linux/clock_linux.c, clock_bare.c beside it for the keeper (no
 * more than that needs), tests/unit/sync/clock_fake.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { BOOT_ID_SIZE = 37 };

/* Milliseconds and microseconds since boot, suspended time included. Never steps back. */
int64_t clock_now_ms(void);
int64_t clock_now_us(void);

/* Milliseconds since 1970 in UTC, right or wrong. */
int64_t clock_wall_ms(void);

/* Nanoseconds since 1970. For the keeper alone. */
int64_t clock_wall_ns(void);

/* Has anybody set this wall clock? A board without a battery says 1970: before
 * 2026-01-01, the year of the first release, means no. */
bool clock_is_set(int64_t wall_ms);

/* The kernel's random id of this boot. */
void clock_boot_id(char out[BOOT_ID_SIZE]);

/* "2026-11-24T10:00:00Z". `out` has 24 bytes. */
void clock_print(char out[24], int64_t wall_ms);
