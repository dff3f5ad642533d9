#include "sync/budget.h"

#include "tests/check.h"

static const int64_t DAY_MS = 24LL * 3600 * 1000;
static const int64_t NOON = 20000LL * 24 * 3600 * 1000 + 12LL * 3600 * 1000;

static void without_limits_nothing_waits(void **state)
{
	(void)state;
	struct budget b;
	budget_init(&b, 0, 0, 1000);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(budget_wait_ms(&b, 1000, NOON), 0);
		budget_spend(&b, 1 << 20, 1000, NOON);
	}
}

static void a_debt_is_paid_before_the_next_one_goes(void **state)
{
	(void)state;
	struct budget b;
	budget_init(&b, 1000, 0, 0);
	assert_int_equal(budget_wait_ms(&b, 0, NOON), 0);
	budget_spend(&b, 3000, 0, NOON); /* 1000 were there */
	const int64_t wait = budget_wait_ms(&b, 0, NOON);
	assert_in_range(wait, 2000, 2010);
	assert_int_not_equal(budget_wait_ms(&b, wait - 10, NOON), 0);
	assert_int_equal(budget_wait_ms(&b, wait, NOON), 0);
}

static void a_long_silence_saves_up_one_second(void **state)
{
	(void)state;
	struct budget b;
	budget_init(&b, 1000, 0, 0);
	budget_spend(&b, 1000, 3600 * 1000, NOON);
	assert_true(budget_wait_ms(&b, 3600 * 1000, NOON) > 0);
}

/* Looked at each millisecond, as a busy loop does, it still fills. */
static void slow_rates_fill_too(void **state)
{
	(void)state;
	struct budget b;
	int64_t now = 0, sent = 0;
	budget_init(&b, 7, 0, 0);
	for (; now < 100 * 1000; now++)
		if (budget_wait_ms(&b, now, NOON) == 0) {
			budget_spend(&b, 10, now, NOON);
			sent += 10;
		}
	assert_in_range(sent, 690, 730);
}

static void a_day_has_its_sum_and_the_next_one_its_own(void **state)
{
	(void)state;
	struct budget b;
	budget_init(&b, 0, 5000, 0);
	assert_int_equal(budget_wait_ms(&b, 0, NOON), 0);
	budget_spend(&b, 5001, 0, NOON);
	assert_int_equal(budget_wait_ms(&b, 0, NOON), DAY_MS / 2);
	assert_int_equal(budget_wait_ms(&b, DAY_MS / 2, NOON + DAY_MS / 2), 0);
	assert_int_equal(b.spent, 0);
}

static void without_a_clock_a_day_is_24_hours_of_running(void **state)
{
	(void)state;
	struct budget b;
	budget_init(&b, 0, 100, 0);
	budget_spend(&b, 100, 1000, 0);
	assert_int_equal(budget_wait_ms(&b, 1000, 0), DAY_MS - 1000);
	assert_int_equal(budget_wait_ms(&b, DAY_MS, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_limits_nothing_waits),
		cmocka_unit_test(a_debt_is_paid_before_the_next_one_goes),
		cmocka_unit_test(a_long_silence_saves_up_one_second),
		cmocka_unit_test(slow_rates_fill_too),
		cmocka_unit_test(a_day_has_its_sum_and_the_next_one_its_own),
		cmocka_unit_test(without_a_clock_a_day_is_24_hours_of_running),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
