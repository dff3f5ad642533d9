#include "base/err.h"

#include "tests/check.h"

#include <string.h>

static void every_class_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (enum err a = OK; a <= ERR_SYSTEM; a++) {
		const char *name = err_name(a);
		assert_non_null(name);
		assert_true(strlen(name) > 0);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		for (enum err b = OK; b < a; b++)
			assert_string_not_equal(name, err_name(b));
	}
	assert_string_equal(err_name(OK), "ok");
	assert_string_equal(err_name(ERR_NOT_FOUND), "not-found");
}

static void a_failure_is_one_line(void **state)
{
	struct why why = { "" };
	(void)state;
	assert_err(ERR_FULL, why_set(&why, ERR_FULL, "%d of %s", 7, "nine"));
	assert_string_equal(why.text, "7 of nine");
}

static void a_newer_reason_takes_the_place_of_the_older(void **state)
{
	struct why why = { "" };
	(void)state;
	assert_err(ERR_FULL, why_set(&why, ERR_FULL, "a long reason that is there first"));
	assert_err(ERR_INVALID, why_set(&why, ERR_INVALID, "short"));
	assert_string_equal(why.text, "short");
}

static void nobody_needs_to_read_it(void **state)
{
	(void)state;
	assert_err(ERR_AGAIN, why_set(NULL, ERR_AGAIN, "%s", "x"));
	assert_err(ERR_AGAIN, why_in(NULL, ERR_AGAIN, "x"));
}

static void a_long_reason_is_cut_and_never_overruns(void **state)
{
	struct {
		struct why why;
		char behind[16];
	} s = { .behind = "untouched" };
	char text[1000];
	(void)state;
	memset(text, 'r', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_err(ERR_SYSTEM, why_set(&s.why, ERR_SYSTEM, "%s", text));
	assert_int_equal(strlen(s.why.text), sizeof s.why.text - 1);
	assert_string_equal(s.behind, "untouched");
}

static void a_prefix_goes_before_what_is_there(void **state)
{
	struct why why = { "no such file" };
	(void)state;
	assert_err(ERR_NOT_FOUND, why_in(&why, ERR_NOT_FOUND, "config"));
	assert_string_equal(why.text, "config: no such file");
	assert_err(ERR_SYSTEM, why_in(&why, ERR_SYSTEM, "agent"));
	assert_string_equal(why.text, "agent: config: no such file");
}

static void a_prefix_is_kept_when_the_reason_is_cut(void **state)
{
	struct {
		struct why why;
		char behind[16];
	} s = { .behind = "untouched" };
	(void)state;
	memset(s.why.text, 'r', sizeof s.why.text - 1);
	assert_err(ERR_SYSTEM, why_in(&s.why, ERR_SYSTEM, "prefix"));
	assert_memory_equal(s.why.text, "prefix: rrr", 11);
	assert_int_equal(strlen(s.why.text), sizeof s.why.text - 1);
	assert_string_equal(s.behind, "untouched");
}

static void a_prefix_is_not_a_format(void **state)
{
	struct why why = { "100%s" };
	(void)state;
	assert_err(ERR_INVALID, why_in(&why, ERR_INVALID, "50%d"));
	assert_string_equal(why.text, "50%d: 100%s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_class_has_a_word_of_its_own),
		cmocka_unit_test(a_failure_is_one_line),
		cmocka_unit_test(a_newer_reason_takes_the_place_of_the_older),
		cmocka_unit_test(nobody_needs_to_read_it),
		cmocka_unit_test(a_long_reason_is_cut_and_never_overruns),
		cmocka_unit_test(a_prefix_goes_before_what_is_there),
		cmocka_unit_test(a_prefix_is_kept_when_the_reason_is_cut),
		cmocka_unit_test(a_prefix_is_not_a_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
