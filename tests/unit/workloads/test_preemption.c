#include "workloads/preemption.h"

#include "tests/check.h"

enum { MIB = 1024 * 1024, BOARD_MIB = 100, BOARD_MILLI = 1000 };

static struct claim claim(enum priority priority, int64_t mib, int64_t milli)
{
	return (struct claim){ .priority = priority,
			       .memory_bytes = mib * MIB,
			       .cpu_milli = milli };
}

static void choose(struct claim *claims, size_t count)
{
	preemption_choose(claims, count, (int64_t)BOARD_MIB * MIB, BOARD_MILLI);
}

static void assert_refused(const char *reason, enum err e, const struct why *why)
{
	assert_err(*reason ? ERR_FULL : OK, e);
	assert_string_equal(*reason ? why->text : "", reason);
}

static void check(const char *reason, struct claim c)
{
	struct why why;
	assert_refused(reason, preemption_check(&c, (int64_t)BOARD_MIB * MIB, BOARD_MILLI, &why),
		       &why);
}

static void check_all(const char *reason, const struct claim *claims, size_t count)
{
	struct why why;
	assert_refused(
		reason,
		preemption_check_all(claims, count, (int64_t)BOARD_MIB * MIB, BOARD_MILLI, &why),
		&why);
}

static void what_fits_runs(void **state)
{
	struct claim c[] = { claim(PRIORITY_LOW, 50, 500), claim(PRIORITY_HIGH, 50, 500) };
	(void)state;
	choose(c, 2);
	assert_false(c[0].waits || c[1].waits);
	choose(NULL, 0);
}

static void the_lowest_waits(void **state)
{
	struct claim c[] = { claim(PRIORITY_LOW, 40, 0), claim(PRIORITY_HIGH, 40, 0),
			     claim(PRIORITY_NORMAL, 40, 0) };
	(void)state;
	choose(c, 3);
	assert_true(c[0].waits);
	assert_false(c[1].waits || c[2].waits);
	assert_int_equal(c[0].memory_free, 20 * MIB);
}

static void of_one_priority_the_first_of_the_document_runs(void **state)
{
	struct claim c[] = { claim(PRIORITY_LOW, 40, 0), claim(PRIORITY_LOW, 40, 0),
			     claim(PRIORITY_HIGH, 40, 0) };
	(void)state;
	choose(c, 3);
	assert_false(c[0].waits || c[2].waits);
	assert_true(c[1].waits);
}

static void a_smaller_one_takes_the_room_that_is_left(void **state)
{
	struct claim c[] = { claim(PRIORITY_HIGH, 60, 0), claim(PRIORITY_NORMAL, 60, 0),
			     claim(PRIORITY_LOW, 30, 0) };
	(void)state;
	choose(c, 3);
	assert_true(c[1].waits);
	assert_false(c[0].waits || c[2].waits);
}

static void processors_count_like_memory(void **state)
{
	struct claim c[] = { claim(PRIORITY_LOW, 1, 600), claim(PRIORITY_HIGH, 1, 600) };
	char text[PREEMPTION_TEXT_MAX];
	(void)state;
	choose(c, 2);
	assert_true(c[0].waits);
	preemption_describe(&c[0], text);
	assert_string_equal(text,
			    "needs 600m of cpu, 400m are free beside pods of higher priority");
}

static void what_requests_nothing_never_waits(void **state)
{
	struct claim c[] = { claim(PRIORITY_HIGH, BOARD_MIB, BOARD_MILLI),
			     claim(PRIORITY_IDLE, 0, 0) };
	(void)state;
	choose(c, 2);
	assert_false(c[0].waits || c[1].waits);
}

static void the_reason_has_figures(void **state)
{
	struct claim c[] = { claim(PRIORITY_NORMAL, 64, 0), claim(PRIORITY_CRITICAL, 88, 0) };
	char text[PREEMPTION_TEXT_MAX];
	(void)state;
	choose(c, 2);
	preemption_describe(&c[0], text);
	assert_string_equal(text, "needs 64Mi, 12Mi are free beside pods of higher priority");
}

static void what_is_too_large_for_the_empty_board_is_refused(void **state)
{
	(void)state;
	check("", claim(PRIORITY_LOW, BOARD_MIB, BOARD_MILLI));
	check("it requests 101 MiB of memory, this board has 100 MiB",
	      claim(PRIORITY_CRITICAL, BOARD_MIB + 1, BOARD_MILLI + 1));
	check("it requests 1001m of cpu, this board has 1000m",
	      claim(PRIORITY_CRITICAL, BOARD_MIB, BOARD_MILLI + 1));
}

static void among_equals_nobody_gives_way(void **state)
{
	struct claim c[] = { claim(PRIORITY_HIGH, 60, 600), claim(PRIORITY_HIGH, 60, 300) };
	(void)state;
	check_all("all of one priorityClassName, they request 120 MiB of memory, this board has "
		  "100 MiB",
		  c, 2);
	c[1].priority = PRIORITY_LOW;
	check_all("", c, 2);
	c[1] = claim(PRIORITY_HIGH, 40, 401);
	check_all("all of one priorityClassName, they request 1001m of cpu, this board has 1000m",
		  c, 2);
	c[1] = claim(PRIORITY_HIGH, 40, 400);
	check_all("", c, 2);
	check_all("", NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_runs),
		cmocka_unit_test(the_lowest_waits),
		cmocka_unit_test(of_one_priority_the_first_of_the_document_runs),
		cmocka_unit_test(a_smaller_one_takes_the_room_that_is_left),
		cmocka_unit_test(processors_count_like_memory),
		cmocka_unit_test(what_requests_nothing_never_waits),
		cmocka_unit_test(the_reason_has_figures),
		cmocka_unit_test(what_is_too_large_for_the_empty_board_is_refused),
		cmocka_unit_test(among_equals_nobody_gives_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
