#include "ports/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* 2026-01-01T00:00:00Z */
static const int64_t FLOOR_MS = 1767225600LL * 1000;

int64_t clock_now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

int64_t clock_wall_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool clock_is_set(int64_t wall_ms)
{
	return wall_ms >= FLOOR_MS;
}

void clock_boot_id(char out[BOOT_ID_SIZE])
{
	strcpy(out, "unknown");
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	char id[BOOT_ID_SIZE] = { 0 };
	if (read(fd, id, BOOT_ID_SIZE - 1) == BOOT_ID_SIZE - 1)
		memcpy(out, id, BOOT_ID_SIZE);
	close(fd);
}

void clock_print(char out[24], int64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / 1000);
	struct tm utc;
	gmtime_r(&s, &utc);
	if (strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		out[0] = '\0';
}
