#include "workloads/backoff.h"

int64_t backoff_after_exit(struct backoff *b, int64_t ran_ms)
{
	if (ran_ms >= BACKOFF_CALM_MS)
		b->quick_exits = 0;
	if (b->quick_exits++ == 0)
		return 0;

	int64_t wait = BACKOFF_FIRST_MS;
	for (int64_t i = 2; i < b->quick_exits && wait < BACKOFF_LIMIT_MS; i++)
		wait *= 2;
	return wait < BACKOFF_LIMIT_MS ? wait : BACKOFF_LIMIT_MS;
}
