#include "base/cron.h"

#include "tests/check.h"

#include <time.h>

/* "2026-02-28 23:59" */
static int64_t ms_of(const char *text)
{
	struct tm t = { 0 };
	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &t));
	return (int64_t)timegm(&t) * 1000;
}

static void assert_next(const char *schedule, const char *after, const char *expected)
{
	struct cron c;
	struct why why = { "" };
	char got[32];
	if (cron_read(bytes_of(schedule), &c, &why))
		fail_msg("%s: %s", schedule, why.text);
	time_t s = (time_t)(cron_next(&c, ms_of(after)) / 1000);
	struct tm t;
	gmtime_r(&s, &t);
	strftime(got, sizeof got, "%Y-%m-%d %H:%M", &t);
	if (strcmp(got, expected) != 0)
		fail_msg("\"%s\" after %s: %s, not %s", schedule, after, got, expected);
}

static void every_field_is_kept_to(void **state)
{
	(void)state;
	assert_next("* * * * *", "2026-03-01 10:00", "2026-03-01 10:01");
	assert_next("30 * * * *", "2026-03-01 10:30", "2026-03-01 11:30");
	assert_next("0 3 * * *", "2026-03-01 10:00", "2026-03-02 03:00");
	assert_next("15 14 1 * *", "2026-03-01 14:15", "2026-04-01 14:15");
	assert_next("0 0 1 1 *", "2026-03-01 00:00", "2027-01-01 00:00");
	assert_next("5 4 * * 0", "2026-03-01 04:05", "2026-03-08 04:05"); /* a Sunday */
}

static void lists_ranges_steps_and_names(void **state)
{
	(void)state;
	assert_next("*/15 * * * *", "2026-03-01 10:16", "2026-03-01 10:30");
	assert_next("5/20 * * * *", "2026-03-01 10:06", "2026-03-01 10:25");
	assert_next("0 8-10,20 * * *", "2026-03-01 10:00", "2026-03-01 20:00");
	assert_next("0 8-18/5 * * *", "2026-03-01 08:00", "2026-03-01 13:00");
	assert_next("0 0 * FEB-apr Mon", "2026-04-27 00:00", "2027-02-01 00:00");
	assert_next("0 0 ? * *", "2026-03-01 00:00", "2026-03-02 00:00");
}

static void two_restricted_days_widen_each_other(void **state)
{
	(void)state;
	/* 2026-03-13 is a Friday; the next Friday comes before the next 13th. */
	assert_next("0 0 13 * 5", "2026-03-13 00:00", "2026-03-20 00:00");
	assert_next("0 0 13 * *", "2026-03-13 00:00", "2026-04-13 00:00");
}

static void months_and_leap_years_carry_over(void **state)
{
	(void)state;
	assert_next("59 23 31 * *", "2026-03-31 23:59", "2026-05-31 23:59");
	assert_next("0 0 29 2 *", "2026-03-01 00:00", "2028-02-29 00:00");
	assert_next("0 0 * * *", "2026-12-31 23:59", "2027-01-01 00:00");
}

static void names_of_whole_schedules(void **state)
{
	(void)state;
	assert_next("@hourly", "2026-03-01 10:10", "2026-03-01 11:00");
	assert_next("@daily", "2026-03-01 10:10", "2026-03-02 00:00");
	assert_next("@weekly", "2026-03-01 10:10", "2026-03-08 00:00");
	assert_next("@monthly", "2026-03-01 10:10", "2026-04-01 00:00");
	assert_next("@yearly", "2026-03-01 10:10", "2027-01-01 00:00");
}

static void what_never_comes_is_said(void **state)
{
	struct cron c;
	(void)state;
	assert_ok(cron_read(bytes_of("0 0 30 2 *"), &c, NULL));
	assert_true(cron_next(&c, ms_of("2026-03-01 00:00")) == INT64_MAX);
}

static void the_last_time_before_now_is_found(void **state)
{
	struct cron c;
	(void)state;
	assert_ok(cron_read(bytes_of("0 3 * * *"), &c, NULL));
	assert_true(cron_last(&c, ms_of("2026-03-01 00:00"), ms_of("2026-03-05 02:59")) ==
		    ms_of("2026-03-04 03:00"));
	assert_true(cron_last(&c, ms_of("2026-03-01 00:00"), ms_of("2026-03-01 03:00")) ==
		    ms_of("2026-03-01 03:00"));
	assert_true(cron_last(&c, ms_of("2026-03-01 03:00"), ms_of("2026-03-02 02:00")) ==
		    INT64_MIN);
	/* A board whose battery is new: not fifty years of minutes are counted. */
	assert_true(cron_last(&c, 0, ms_of("2026-03-05 02:59")) == ms_of("2026-03-04 03:00"));
}

static void what_is_no_schedule_is_refused(void **state)
{
	static const char *const bad[] = { "",
					   "* * * *",
					   "* * * * * *",
					   "60 * * * *",
					   "* 24 * * *",
					   "* * 0 * *",
					   "* * * 13 *",
					   "* * * * 7",
					   "5-1 * * * *",
					   "*/0 * * * *",
					   "1, * * * *",
					   "a * * * *",
					   "1-x * * * *",
					   "@every 1h",
					   "@never",
					   "-1 * * * *",
					   "TZ=UTC 0 0 * * *",
					   "99999999999 * * * *" };
	struct cron c;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (cron_read(bytes_of(bad[i]), &c, NULL) != ERR_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_kept_to),
		cmocka_unit_test(lists_ranges_steps_and_names),
		cmocka_unit_test(two_restricted_days_widen_each_other),
		cmocka_unit_test(months_and_leap_years_carry_over),
		cmocka_unit_test(names_of_whole_schedules),
		cmocka_unit_test(what_never_comes_is_said),
		cmocka_unit_test(the_last_time_before_now_is_found),
		cmocka_unit_test(what_is_no_schedule_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
