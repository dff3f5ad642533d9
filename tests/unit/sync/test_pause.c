#include "sync/pause.h"

#include "tests/check.h"

enum { DRAWS = 2000 };

/* The longest of many pauses after `failures` in a row. */
static int64_t longest_after(unsigned failures, int64_t limit_ms)
{
	int64_t longest = 0;
	for (int i = 0; i < DRAWS; i++) {
		struct pause p = { .failures = failures, .limit_ms = limit_ms };
		int64_t ms = pause_next(&p, 0);
		assert_true(ms >= 0);
		if (ms > longest)
			longest = ms;
	}
	return longest;
}

static void assert_limit(unsigned failures, int64_t limit_ms, int64_t expected)
{
	int64_t longest = longest_after(failures, limit_ms);
	assert_in_range(longest, expected / 2, expected);
}

static void the_first_pause_is_at_most_a_second(void **state)
{
	(void)state;
	assert_limit(0, 0, PAUSE_FIRST_MS);
}

static void the_limit_doubles_with_each_failure(void **state)
{
	(void)state;
	assert_limit(1, 0, 2 * PAUSE_FIRST_MS);
	assert_limit(2, 0, 4 * PAUSE_FIRST_MS);
	assert_limit(4, 0, 16 * PAUSE_FIRST_MS);
}

static void it_never_waits_longer_than_the_limit(void **state)
{
	(void)state;
	assert_limit(5, 0, PAUSE_LIMIT_MS);
	assert_limit(1000, 0, PAUSE_LIMIT_MS);
	assert_limit(4000000000u, 0, PAUSE_LIMIT_MS);
}

static void a_limit_of_its_own_takes_the_place_of_the_usual(void **state)
{
	(void)state;
	assert_limit(10, 5000, 5000);
	assert_limit(20, 120 * 1000, 120 * 1000);
	assert_limit(0, 300, 300);
}

static void each_call_notes_a_failure(void **state)
{
	struct pause p = { 0 };
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(p.failures, i);
		pause_next(&p, 0);
	}
}

/* One failure, then a connection of `lasted_ms`; how many failures are counted then. */
static unsigned failures_after(int64_t lasted_ms)
{
	struct pause p = { .failures = 4 };
	pause_note_up(&p, 1000);
	pause_next(&p, 1000 + lasted_ms);
	return p.failures;
}

static void a_connection_that_lasted_forgives(void **state)
{
	(void)state;
	assert_int_equal(failures_after(PAUSE_CALM_MS), 1); /* its own end */
	assert_int_equal(failures_after(24 * 3600 * 1000), 1);
}

static void a_connection_that_did_not_last_forgives_nothing(void **state)
{
	(void)state;
	assert_int_equal(failures_after(0), 5);
	assert_int_equal(failures_after(PAUSE_CALM_MS - 1), 5);
}

static void only_time_with_a_connection_forgives(void **state)
{
	struct pause p = { 0 };
	(void)state;
	pause_note_up(&p, 0);
	pause_next(&p, 10);
	pause_next(&p, 10 + PAUSE_CALM_MS);
	assert_int_equal(p.failures, 2);
}

static void pauses_are_spread_over_the_whole_span(void **state)
{
	int quarters[4] = { 0 };
	(void)state;
	for (int i = 0; i < DRAWS; i++) {
		struct pause p = { .failures = 4 };
		quarters[pause_next(&p, 0) * 4 / (16 * PAUSE_FIRST_MS + 1)]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(quarters[i], DRAWS / 8, DRAWS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_pause_is_at_most_a_second),
		cmocka_unit_test(the_limit_doubles_with_each_failure),
		cmocka_unit_test(it_never_waits_longer_than_the_limit),
		cmocka_unit_test(a_limit_of_its_own_takes_the_place_of_the_usual),
		cmocka_unit_test(each_call_notes_a_failure),
		cmocka_unit_test(a_connection_that_lasted_forgives),
		cmocka_unit_test(a_connection_that_did_not_last_forgives_nothing),
		cmocka_unit_test(only_time_with_a_connection_forgives),
		cmocka_unit_test(pauses_are_spread_over_the_whole_span),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
