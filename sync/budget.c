#include "sync/budget.h"

static const int64_t DAY_MS = 24LL * 3600 * 1000;

void budget_init(struct budget *b, int64_t rate, int64_t daily, int64_t now_ms)
{
	*b = (struct budget){ .rate = rate, .daily = daily, .credit = rate, .filled_ms = now_ms };
}

static void begin_day(struct budget *b, int64_t now_ms, int64_t wall_ms)
{
	const int64_t day = (wall_ms ? wall_ms : now_ms) / DAY_MS;
	if (day == b->day)
		return;
	b->day = day;
	b->spent = 0;
}

static void fill(struct budget *b, int64_t now_ms)
{
	const int64_t full = b->rate * BUDGET_BURST_MS / 1000;
	const int64_t came = (now_ms - b->filled_ms) * b->rate / 1000;
	if (!came)
		return; /* the rest of a byte is not lost: filled_ms stays */
	b->credit = b->credit + came < full ? b->credit + came : full;
	b->filled_ms = now_ms;
}

int64_t budget_wait_ms(struct budget *b, int64_t now_ms, int64_t wall_ms)
{
	begin_day(b, now_ms, wall_ms);
	if (b->daily && b->spent >= b->daily)
		return DAY_MS - (wall_ms ? wall_ms : now_ms) % DAY_MS;
	if (!b->rate)
		return 0;
	fill(b, now_ms);
	return b->credit > 0 ? 0 : (1 - b->credit) * 1000 / b->rate + 1;
}

void budget_spend(struct budget *b, int64_t bytes, int64_t now_ms, int64_t wall_ms)
{
	begin_day(b, now_ms, wall_ms);
	b->spent += bytes;
	if (!b->rate)
		return;
	fill(b, now_ms);
	b->credit -= bytes;
}
