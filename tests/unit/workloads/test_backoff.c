#include "workloads/backoff.h"

#include "tests/check.h"

static void the_first_restart_is_at_once(void **state)
{
	struct backoff b = { 0 };
	(void)state;
	assert_int_equal(backoff_after_exit(&b, 10), 0);
}

static void waits_double_from_10_to_300_seconds(void **state)
{
	static const int64_t waits_s[] = { 0, 10, 20, 40, 80, 160, 300, 300, 300 };
	struct backoff b = { 0 };
	(void)state;
	for (size_t i = 0; i < sizeof waits_s / sizeof *waits_s; i++)
		assert_int_equal(backoff_after_exit(&b, 10), waits_s[i] * 1000);
}

static void ten_calm_minutes_forgive_everything(void **state)
{
	struct backoff b = { 0 };
	(void)state;
	for (int i = 0; i < 8; i++)
		backoff_after_exit(&b, 10);
	assert_int_equal(backoff_after_exit(&b, BACKOFF_CALM_MS), 0);
	assert_int_equal(backoff_after_exit(&b, 10), BACKOFF_FIRST_MS);
}

static void less_than_ten_minutes_forgive_nothing(void **state)
{
	struct backoff b = { 0 };
	(void)state;
	backoff_after_exit(&b, 10);
	backoff_after_exit(&b, 10);
	assert_int_equal(backoff_after_exit(&b, BACKOFF_CALM_MS - 1), 2 * BACKOFF_FIRST_MS);
}

static void it_never_overflows(void **state)
{
	struct backoff b = { .quick_exits = INT64_MAX - 2 };
	(void)state;
	assert_int_equal(backoff_after_exit(&b, 0), BACKOFF_LIMIT_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_restart_is_at_once),
		cmocka_unit_test(waits_double_from_10_to_300_seconds),
		cmocka_unit_test(ten_calm_minutes_forgive_everything),
		cmocka_unit_test(less_than_ten_minutes_forgive_nothing),
		cmocka_unit_test(it_never_overflows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
