/* waiting - turn the loop until something is so, with a deadline instead of a sleep. */
#pragma once

#include "ports/clock.h"
#include "ports/loop.h"
#include "tests/check.h"

/* An emulated board beside two others takes half a minute for what takes a second. */
enum { PATIENCE_MS = 90 * 1000 };

/* False: it did not come true in time. */
static inline bool turn_until_within(struct loop *l, const bool *done, int64_t wait_ms)
{
	const int64_t until = clock_now_ms() + wait_ms;
	while (!*done && clock_now_ms() < until)
		assert_ok(loop_turn(l, 50, NULL));
	return *done;
}

static inline void turn_until(struct loop *l, const bool *done)
{
	if (!turn_until_within(l, done, PATIENCE_MS))
		fail_msg("it did not happen within %d s", PATIENCE_MS / 1000);
}
