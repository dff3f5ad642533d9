#include "workloads/plan.h"

#include "tests/check.h"

#include <stdio.h>

static const struct plan_pod A1 = { "a", "1" }, A2 = { "a", "2" }, B1 = { "b", "1" },
			     C1 = { "c", "1" };

static void assert_step(const struct plan *p, size_t i, enum step_kind kind, size_t want,
			size_t have)
{
	assert_true(i < p->count);
	assert_int_equal(p->steps[i].kind, kind);
	if (kind != STEP_STOP)
		assert_int_equal(p->steps[i].want, want);
	if (kind != STEP_START)
		assert_int_equal(p->steps[i].have, have);
}

static void nothing_wanted_and_nothing_running_is_no_step(void **state)
{
	struct plan p;
	(void)state;
	plan_make(NULL, 0, NULL, 0, &p);
	assert_int_equal(p.count, 0);
}

static void what_is_not_there_is_started(void **state)
{
	const struct plan_pod want[] = { A1, B1 };
	struct plan p;
	(void)state;
	plan_make(want, 2, NULL, 0, &p);
	assert_int_equal(p.count, 2);
	assert_step(&p, 0, STEP_START, 0, 0);
	assert_step(&p, 1, STEP_START, 1, 0);
}

static void what_did_not_change_is_left_alone(void **state)
{
	const struct plan_pod want[] = { A1, B1 }, have[] = { B1, A1 };
	struct plan p;
	(void)state;
	plan_make(want, 2, have, 2, &p);
	assert_int_equal(p.count, 2);
	assert_step(&p, 0, STEP_KEEP, 0, 1);
	assert_step(&p, 1, STEP_KEEP, 1, 0);
}

static void what_changed_is_replaced(void **state)
{
	struct plan p;
	(void)state;
	plan_make(&A2, 1, &A1, 1, &p);
	assert_int_equal(p.count, 1);
	assert_step(&p, 0, STEP_REPLACE, 0, 0);
}

static void what_goes_is_stopped_before_anything_starts(void **state)
{
	const struct plan_pod want[] = { B1 }, have[] = { A1, C1 };
	struct plan p;
	(void)state;
	plan_make(want, 1, have, 2, &p);
	assert_int_equal(p.count, 3);
	assert_step(&p, 0, STEP_STOP, 0, 0);
	assert_step(&p, 1, STEP_STOP, 0, 1);
	assert_step(&p, 2, STEP_START, 0, 0);
}

static void the_fullest_board_can_change_everything_at_once(void **state)
{
	static char names[PODS_MAX + PLAN_HAVE_MAX][8];
	static struct plan_pod want[PODS_MAX], have[PLAN_HAVE_MAX];
	static struct plan p;
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		snprintf(names[i], sizeof names[i], "p%zu", i);
	for (size_t i = 0; i < PODS_MAX; i++)
		want[i] = (struct plan_pod){ names[i], "1" };
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++)
		have[i] = (struct plan_pod){ names[PODS_MAX + i], "1" };
	plan_make(want, PODS_MAX, have, PLAN_HAVE_MAX, &p);
	assert_int_equal(p.count, PODS_MAX + PLAN_HAVE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_wanted_and_nothing_running_is_no_step),
		cmocka_unit_test(what_is_not_there_is_started),
		cmocka_unit_test(what_did_not_change_is_left_alone),
		cmocka_unit_test(what_changed_is_replaced),
		cmocka_unit_test(what_goes_is_stopped_before_anything_starts),
		cmocka_unit_test(the_fullest_board_can_change_everything_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
