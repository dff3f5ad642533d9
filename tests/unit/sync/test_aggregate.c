#include "sync/aggregate.h"

#include "tests/check.h"

#include <stdio.h>

static struct aggregate a;

static void begin(void)
{
	a = (struct aggregate){ .seed = 20261127 };
	aggregate_clear(&a);
}

static void sums_are_exact(void **state)
{
	(void)state;
	begin();
	aggregate_add(&a, -2, 1);
	aggregate_add(&a, 10, 10);
	assert_true(a.count == 11 && a.sum == 98 && a.least == -2 && a.greatest == 10);
	aggregate_clear(&a);
	aggregate_add(&a, 5, 1);
	assert_true(a.count == 1 && a.sum == 5 && a.least == 5 && a.greatest == 5);
}

static void percentiles_of_few_are_exact(void **state)
{
	(void)state;
	begin();
	aggregate_add(&a, 7, 1);
	assert_true(aggregate_percentile(&a, 0.5) == 7 && aggregate_percentile(&a, 0.95) == 7);
	begin();
	/* In no order, as they come. */
	for (int i = 0; i < AGGREGATE_KEPT; i++)
		aggregate_add(&a, i * 37 % AGGREGATE_KEPT + 1, 1);
	assert_true(aggregate_percentile(&a, 0.5) == 32);
	assert_true(aggregate_percentile(&a, 0.95) == 61);
	assert_true(aggregate_percentile(&a, 1) == 64);
}

static void percentiles_of_many_are_near(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 100000; i++)
		aggregate_add(&a, i, 1);
	assert_int_equal(a.kept, AGGREGATE_KEPT);
	assert_true(a.count == 100000);
	const double half = aggregate_percentile(&a, 0.5), most = aggregate_percentile(&a, 0.95);
	/* Five times the standard error of 64 that are drawn from all; the seed is fixed. */
	assert_in_range((int)half, 50000 - 31250, 50000 + 31250);
	assert_in_range((int)most, 95000 - 13600, 100000);
	/* Late ones count as much as early ones: a mere "first 64" would say 31. */
	assert_true(half > 64);
}

static void different_members_are_counted_up_to_a_bound(void **state)
{
	char name[16];
	(void)state;
	begin();
	assert_true(aggregate_add_member(&a, BYTES_LIT("anna")));
	assert_true(aggregate_add_member(&a, BYTES_LIT("bert")));
	assert_true(aggregate_add_member(&a, BYTES_LIT("anna")));
	assert_int_equal(a.kept, 2);
	for (int i = 2; i < AGGREGATE_MEMBERS; i++) {
		snprintf(name, sizeof name, "m%d", i);
		assert_true(aggregate_add_member(&a, bytes_of(name)));
	}
	assert_int_equal(a.kept, AGGREGATE_MEMBERS);
	assert_false(aggregate_add_member(&a, BYTES_LIT("one more")));
	assert_true(aggregate_add_member(&a, BYTES_LIT("anna")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_exact),
		cmocka_unit_test(percentiles_of_few_are_exact),
		cmocka_unit_test(percentiles_of_many_are_near),
		cmocka_unit_test(different_members_are_counted_up_to_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
