#include "base/bytes.h"

#include "tests/check.h"

static void a_literal_knows_its_length(void **state)
{
	(void)state;
	assert_int_equal(BYTES_LIT("abc").len, 3);
	assert_int_equal(BYTES_LIT("").len, 0);
	assert_int_equal(BYTES_LIT("a\0b").len, 3);
}

static void a_string_ends_at_its_nul(void **state)
{
	(void)state;
	assert_int_equal(bytes_of("abc").len, 3);
	assert_int_equal(bytes_of("a\0b").len, 1);
	assert_int_equal(bytes_of("").len, 0);
}

static void equal_means_length_and_content(void **state)
{
	(void)state;
	assert_true(bytes_equal(BYTES_LIT("abc"), bytes_of("abc")));
	assert_false(bytes_equal(BYTES_LIT("abc"), BYTES_LIT("abd")));
	assert_false(bytes_equal(BYTES_LIT("abc"), BYTES_LIT("ab")));
	assert_false(bytes_equal(BYTES_LIT("a\0b"), BYTES_LIT("a\0c")));
	assert_false(bytes_equal(BYTES_LIT("a\0b"), BYTES_LIT("a")));
}

static void nothing_equals_nothing_wherever_it_is(void **state)
{
	const struct bytes none = { NULL, 0 };
	(void)state;
	assert_true(bytes_equal(none, none));
	assert_true(bytes_equal(none, BYTES_LIT("")));
	assert_true(bytes_are(none, ""));
	assert_false(bytes_are(none, "x"));
}

static void a_prefix_is_not_the_word(void **state)
{
	(void)state;
	assert_true(bytes_are(BYTES_LIT("memory"), "memory"));
	assert_false(bytes_are(BYTES_LIT("mem"), "memory"));
	assert_false(bytes_are(BYTES_LIT("memory\0"), "memory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_literal_knows_its_length),
		cmocka_unit_test(a_string_ends_at_its_nul),
		cmocka_unit_test(equal_means_length_and_content),
		cmocka_unit_test(nothing_equals_nothing_wherever_it_is),
		cmocka_unit_test(a_prefix_is_not_the_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
