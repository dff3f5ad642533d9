/*
 * clock_fake - a clock that the test moves, in place of ports/linux/clock_linux.c.
 *
 * It starts at one hour after boot on 2026-11-24, and stands still.
 */
#pragma once

#include "ports/clock.h"

/* Both clocks go on. */
void clock_fake_pass(int64_t ms);

void clock_fake_set_wall(int64_t wall_ms);
void clock_fake_set_boot(const char *id);
