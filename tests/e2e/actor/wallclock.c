/*
 * wallclock - a wall clock that a test has set: preloaded, it shifts CLOCK_REALTIME
 * by $WALLCLOCK_SHIFT_MS. What passes, passes as ever.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *t)
{
	const char *shift = getenv("WALLCLOCK_SHIFT_MS");
	long failed = syscall(SYS_clock_gettime, clock, t);
	if (failed || clock != CLOCK_REALTIME || !shift)
		return (int)failed;
	long long ms = atoll(shift), ns = t->tv_nsec + ms % 1000 * 1000000;
	t->tv_sec += ms / 1000 + (ns >= 1000000000) - (ns < 0);
	t->tv_nsec = ns >= 1000000000 ? ns - 1000000000 : ns < 0 ? ns + 1000000000 : ns;
	return 0;
}
