#include "workloads/probe.h"

#include "tests/check.h"

static const struct probe_spec SPEC = { .action.kind = ACTION_TCP,
					.initial_delay_ms = 500,
					.period_ms = 1000,
					.success = 2,
					.failure = 3 };

static struct probe begun(enum probe_role role)
{
	struct probe p;
	probe_begin(&p, &SPEC, role, 10000);
	return p;
}

static void liveness_begins_as_passed_the_others_as_not(void **state)
{
	(void)state;
	assert_true(begun(PROBE_LIVENESS).passed);
	assert_false(begun(PROBE_READINESS).passed);
	assert_false(begun(PROBE_STARTUP).passed);
}

static void the_first_check_waits_for_the_initial_delay(void **state)
{
	(void)state;
	assert_int_equal(begun(PROBE_READINESS).due_ms, 10500);
}

static void each_check_is_due_a_period_after_the_last(void **state)
{
	struct probe p = begun(PROBE_READINESS);
	(void)state;
	(void)probe_note(&p, true, 10600);
	assert_int_equal(p.due_ms, 11600);
	(void)probe_note(&p, false, 11650);
	assert_int_equal(p.due_ms, 12650);
}

static void it_passes_after_enough_successes_in_a_row(void **state)
{
	struct probe p = begun(PROBE_READINESS);
	(void)state;
	assert_int_equal(probe_note(&p, true, 0), PROBE_SAME);
	assert_int_equal(probe_note(&p, false, 0), PROBE_SAME);
	assert_int_equal(probe_note(&p, true, 0), PROBE_SAME);
	assert_int_equal(probe_note(&p, true, 0), PROBE_PASSED);
	assert_true(p.passed);
	assert_int_equal(probe_note(&p, true, 0), PROBE_SAME);
}

static void it_fails_after_enough_failures_in_a_row_and_each_time_anew(void **state)
{
	struct probe p = begun(PROBE_LIVENESS);
	(void)state;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(probe_note(&p, false, 0), PROBE_SAME);
		assert_int_equal(probe_note(&p, false, 0), PROBE_SAME);
		assert_int_equal(probe_note(&p, false, 0), PROBE_FAILED);
		assert_false(p.passed);
	}
}

static void a_success_between_failures_forgives_them(void **state)
{
	struct probe p = begun(PROBE_LIVENESS);
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(probe_note(&p, i % 3 == 2, 0), PROBE_SAME);
	assert_true(p.passed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(liveness_begins_as_passed_the_others_as_not),
		cmocka_unit_test(the_first_check_waits_for_the_initial_delay),
		cmocka_unit_test(each_check_is_due_a_period_after_the_last),
		cmocka_unit_test(it_passes_after_enough_successes_in_a_row),
		cmocka_unit_test(it_fails_after_enough_failures_in_a_row_and_each_time_anew),
		cmocka_unit_test(a_success_between_failures_forgives_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
