/*
 * budget - how many bytes may go up: so many a second, and so many a day.
 *
 * A bucket fills at the rate up to BUDGET_BURST_MS of it; whoever finds anything in it
 * may take more than is left, and the next one waits until the debt is paid. Days are
 * UTC's once the clock is set, before that 24 hours since boot. Pure: time comes in as
 * an argument, and who owns it keeps `spent` over restarts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	BUDGET_BURST_MS = 1000,
	BUDGET_OVERHEAD =
		60, /* bytes of IP and TCP headers for each message: 20 + 20, and options */
};

struct budget {
	int64_t rate;  /* bytes a second; 0: no limit */
	int64_t daily; /* bytes; 0: no limit */
	int64_t credit, filled_ms;
	int64_t day;   /* since 1970, or since boot */
	int64_t spent; /* of that day */
};

/* `wall_ms` 0: the clock is not set. */
void budget_init(struct budget *b, int64_t rate, int64_t daily, int64_t now_ms);

/* 0: something may go now. Otherwise look again after so many milliseconds. */
int64_t budget_wait_ms(struct budget *b, int64_t now_ms, int64_t wall_ms);

/* So many bytes have gone, whether there was room for them or not. */
void budget_spend(struct budget *b, int64_t bytes, int64_t now_ms, int64_t wall_ms);
