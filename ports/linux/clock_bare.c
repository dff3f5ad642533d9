/*
 * The clock of a keeper: the call itself. The library reads the time in the kernel's own
 * page (the vdso); a process that asks seldom would pay a page table and its folder for it.
 */
#include "ports/clock.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* 64 bits of seconds everywhere. */
#ifdef SYS_clock_gettime64
enum { CALL_CLOCK_GETTIME = SYS_clock_gettime64 };
#else
enum { CALL_CLOCK_GETTIME = SYS_clock_gettime };
#endif

struct moment {
	int64_t seconds, nanoseconds;
};

static struct moment ask(clockid_t clock)
{
	struct moment m = { 0 };
	syscall(CALL_CLOCK_GETTIME, clock, &m);
	return m;
}

int64_t clock_now_us(void)
{
	const struct moment m = ask(CLOCK_BOOTTIME);
	return m.seconds * 1000000 + m.nanoseconds / 1000;
}

int64_t clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

int64_t clock_wall_ns(void)
{
	const struct moment m = ask(CLOCK_REALTIME);
	return m.seconds * 1000000000 + m.nanoseconds;
}
