#include "workloads/schedule.h"

#include "tests/check.h"

/* 2026-03-01 00:00 UTC, and minutes after it. */
static const int64_t MIDNIGHT = INT64_C(1772323200000);

static int64_t at(int64_t minutes)
{
	return MIDNIGHT + minutes * 60000;
}

static struct schedule_spec hourly(void)
{
	struct schedule_spec s = { .deadline_ms = -1 };
	assert_ok(cron_read(bytes_of("@hourly"), &s.cron, NULL));
	return s;
}

static struct schedule_step step_of(const struct schedule_spec *s, int64_t wall, int64_t last,
				    bool is_running)
{
	const struct schedule_view v = { wall, true, last, is_running };
	struct schedule_step out;
	schedule_next(s, &v, &out);
	return out;
}

static void it_waits_for_its_time_and_looks_at_the_clock_meanwhile(void **state)
{
	const struct schedule_spec s = hourly();
	(void)state;
	struct schedule_step step = step_of(&s, at(10), at(0), false);
	assert_int_equal(step.verdict, SCHEDULE_WAIT);
	assert_int_equal(step.wait_ms, SCHEDULE_LOOK_MS);
	step = step_of(&s, at(60) - 1500, at(0), false);
	assert_int_equal(step.verdict, SCHEDULE_WAIT);
	assert_int_equal(step.wait_ms, 1500);
}

static void it_runs_at_its_time_once(void **state)
{
	const struct schedule_spec s = hourly();
	(void)state;
	struct schedule_step step = step_of(&s, at(60), at(0), false);
	assert_int_equal(step.verdict, SCHEDULE_RUN);
	assert_true(step.time_ms == at(60));
	assert_int_equal(step_of(&s, at(60) + 5, step.time_ms, false).verdict, SCHEDULE_WAIT);
}

static void what_was_missed_counts_as_one(void **state)
{
	const struct schedule_spec s = hourly();
	(void)state;
	struct schedule_step step = step_of(&s, at(5 * 60 + 7), at(0), false);
	assert_int_equal(step.verdict, SCHEDULE_RUN);
	assert_true(step.time_ms == at(5 * 60));
}

static void what_is_too_late_is_left_out(void **state)
{
	struct schedule_spec s = hourly();
	(void)state;
	s.deadline_ms = 60000;
	assert_int_equal(step_of(&s, at(61), at(0), false).verdict, SCHEDULE_RUN);
	assert_int_equal(step_of(&s, at(62), at(0), false).verdict, SCHEDULE_MISS);
}

static void a_run_that_goes_on_is_left_alone_or_replaced(void **state)
{
	struct schedule_spec s = hourly();
	(void)state;
	assert_int_equal(step_of(&s, at(60), at(0), true).verdict, SCHEDULE_SKIP);
	s.replaces = true;
	assert_int_equal(step_of(&s, at(60), at(0), true).verdict, SCHEDULE_REPLACE);
}

static void a_suspended_one_waits(void **state)
{
	struct schedule_spec s = hourly();
	(void)state;
	s.suspended = true;
	assert_int_equal(step_of(&s, at(60), at(0), false).verdict, SCHEDULE_WAIT);
}

static void a_board_without_the_time_runs_nothing(void **state)
{
	const struct schedule_spec s = hourly();
	const struct schedule_view v = { 60 * 60000, false, 0, false };
	struct schedule_step step;
	(void)state;
	schedule_next(&s, &v, &step);
	assert_int_equal(step.verdict, SCHEDULE_NO_CLOCK);
	assert_int_equal(step.wait_ms, SCHEDULE_LOOK_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_waits_for_its_time_and_looks_at_the_clock_meanwhile),
		cmocka_unit_test(it_runs_at_its_time_once),
		cmocka_unit_test(what_was_missed_counts_as_one),
		cmocka_unit_test(what_is_too_late_is_left_out),
		cmocka_unit_test(a_run_that_goes_on_is_left_alone_or_replaced),
		cmocka_unit_test(a_suspended_one_waits),
		cmocka_unit_test(a_board_without_the_time_runs_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
