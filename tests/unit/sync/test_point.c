#include "sync/point.h"

#include "tests/check.h"

static void set(struct point *p, const char *key, const char *value)
{
	assert_ok(point_set_tag(p, bytes_of(key), bytes_of(value)));
}

static void tags_stand_in_the_order_of_their_keys(void **state)
{
	struct point p = { 0 };
	(void)state;
	set(&p, "c", "3");
	set(&p, "a", "1");
	set(&p, "b", "2");
	assert_int_equal(p.tag_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(p.tags[i].key.at[0], 'a' + (int)i);
		assert_int_equal(p.tags[i].value.at[0], '1' + (int)i);
	}
}

static void the_shorter_of_two_equal_beginnings_comes_first(void **state)
{
	struct point p = { 0 };
	(void)state;
	set(&p, "abc", "2");
	set(&p, "ab", "1");
	assert_true(bytes_are(p.tags[0].key, "ab"));
	assert_true(bytes_are(p.tags[1].key, "abc"));
}

static void order_is_that_of_bytes_not_of_a_language(void **state)
{
	struct point p = { 0 };
	(void)state;
	set(&p, "\xc3\xa9", "2");
	set(&p, "z", "1");
	assert_true(bytes_are(p.tags[0].key, "z"));
}

static void a_key_stands_once_with_its_last_value(void **state)
{
	struct point p = { 0 };
	(void)state;
	set(&p, "a", "1");
	set(&p, "b", "2");
	set(&p, "a", "9");
	assert_int_equal(p.tag_count, 2);
	assert_true(bytes_are(p.tags[0].value, "9"));
	assert_true(bytes_are(p.tags[1].value, "2"));
}

static void one_tag_more_than_fits_is_refused_and_changes_nothing(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	struct point p = { 0 };
	(void)state;
	for (size_t i = 0; i < POINT_TAGS_MAX; i++)
		assert_ok(point_set_tag(&p, (struct bytes){ letters + i, 1 }, bytes_of("v")));
	assert_err(ERR_FULL, point_set_tag(&p, bytes_of("A"), bytes_of("v")));
	assert_int_equal(p.tag_count, POINT_TAGS_MAX);
	assert_true(bytes_are(p.tags[0].key, "a"));
}

static void a_full_point_still_takes_a_new_value_for_an_old_key(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	struct point p = { 0 };
	(void)state;
	for (size_t i = 0; i < POINT_TAGS_MAX; i++)
		assert_ok(point_set_tag(&p, (struct bytes){ letters + i, 1 }, bytes_of("v")));
	set(&p, "c", "new");
	assert_true(bytes_are(p.tags[2].value, "new"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_stand_in_the_order_of_their_keys),
		cmocka_unit_test(the_shorter_of_two_equal_beginnings_comes_first),
		cmocka_unit_test(order_is_that_of_bytes_not_of_a_language),
		cmocka_unit_test(a_key_stands_once_with_its_last_value),
		cmocka_unit_test(one_tag_more_than_fits_is_refused_and_changes_nothing),
		cmocka_unit_test(a_full_point_still_takes_a_new_value_for_an_old_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
