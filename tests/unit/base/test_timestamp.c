#include "base/timestamp.h"

#include "tests/check.h"

static void dates_are_read(void **state)
{
	int64_t ms;
	(void)state;
	assert_true(timestamp_read("1970-01-01T00:00:00Z", &ms));
	assert_int_equal(ms, 0);
	assert_true(timestamp_read("2026-11-24T10:00:00Z", &ms));
	assert_int_equal(ms, 1795514400000);
	assert_true(timestamp_read("2100-02-28T23:59:59Z", &ms));
	assert_int_equal(ms, 4107542399000);
}

static void no_other_form_is(void **state)
{
	static const char *const wrong[] = {
		"",
		"2026-11-24",
		"2026-11-24T10:00:00",
		"2026-11-24T10:00:00z",
		"2026-11-24 10:00:00Z",
		"2026-11-24T10:00:00.0Z",
		"2026-11-24T10:00:00+1",
		"2026-13-24T10:00:00Z",
		"2026-06-31T10:00:00Z",
		"2100-02-29T10:00:00Z",
		"2026-11-24T25:00:00Z",
		"2026-11-24T10:60:00Z",
		"2026- 1-24T10:00:00Z",
		"+026-11-24T10:00:00Z",
		"2026-11-24T10:00:00Z ",
		NULL,
	};
	int64_t ms;
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (timestamp_read(wrong[i], &ms))
			fail_msg("\"%s\" was taken", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_read),
		cmocka_unit_test(no_other_form_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
