#include "tests/unit/sync/clock_fake.h"

#include <stdio.h>

static int64_t now_us = (int64_t)3600 * 1000 * 1000;
static int64_t wall_us = (int64_t)1795514400 * 1000 * 1000;
static char boot_id[BOOT_ID_SIZE] = "9f2c0000-0000-4000-8000-000000000001";

void clock_fake_pass(int64_t ms)
{
	now_us += ms * 1000;
	wall_us += ms * 1000;
}

void clock_fake_set_wall(int64_t wall_ms)
{
	wall_us = wall_ms * 1000;
}

void clock_fake_set_boot(const char *id)
{
	snprintf(boot_id, sizeof boot_id, "%s", id);
}

int64_t clock_now_us(void)
{
	return now_us;
}

int64_t clock_now_ms(void)
{
	return now_us / 1000;
}

int64_t clock_wall_ms(void)
{
	return wall_us / 1000;
}

bool clock_is_set(int64_t wall_ms)
{
	const int64_t floor_ms = (int64_t)1767225600 * 1000; /* 2026-01-01 */
	return wall_ms >= floor_ms;
}

void clock_boot_id(char out[BOOT_ID_SIZE])
{
	snprintf(out, BOOT_ID_SIZE, "%s", boot_id);
}

void clock_print(char out[24], int64_t wall_ms)
{
	snprintf(out, 24, "%lld", (long long)wall_ms);
}
