#include "base/duration.h"

#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

static const int64_t CENTURY_MS = (int64_t)100 * 366 * 86400 * 1000;

static int64_t ms_of(const char *s)
{
	struct why why = { "" };
	int64_t ms = -1;
	if (duration_ms(bytes_of(s), &ms, &why))
		fail_msg("%s", why.text);
	return ms;
}

static void assert_refused(struct bytes s)
{
	struct why why = { "" };
	int64_t ms = -77;
	enum err e = duration_ms(s, &ms, &why);
	if (e != ERR_INVALID)
		fail_msg("\"%.*s\" is %s", (int)s.len, s.at, err_name(e));
	assert_true(ms == -77);
	assert_string_not_equal(why.text, "");
}

static void every_unit_is_known(void **state)
{
	(void)state;
	assert_int_equal(ms_of("3000000ns"), 3);
	assert_int_equal(ms_of("3000us"), 3);
	assert_int_equal(ms_of("3000\xc2\xb5s"), 3);
	assert_int_equal(ms_of("300ms"), 300);
	assert_int_equal(ms_of("5s"), 5000);
	assert_int_equal(ms_of("7m"), 420000);
	assert_int_equal(ms_of("2h"), 7200000);
}

static void units_add_up(void **state)
{
	(void)state;
	assert_int_equal(ms_of("1h30m"), 5400000);
	assert_int_equal(ms_of("1h2m3s4ms"), 3723004);
	assert_int_equal(ms_of("1m1m"), 120000);
	assert_int_equal(ms_of("500us500us"), 1);
}

static void fractions_are_taken(void **state)
{
	(void)state;
	assert_int_equal(ms_of("1.5h"), 5400000);
	assert_int_equal(ms_of("0.25s"), 250);
	assert_int_equal(ms_of(".5s"), 500);
	assert_int_equal(ms_of("0.29s"), 290);
	assert_int_equal(ms_of("0.001s"), 1);
}

static void what_is_finer_than_a_millisecond_is_rounded_down(void **state)
{
	(void)state;
	assert_int_equal(ms_of("999us"), 0);
	assert_int_equal(ms_of("1999us"), 1);
	assert_int_equal(ms_of("1.9999ms"), 1);
	assert_int_equal(ms_of("1ns"), 0);
}

static void nothing_needs_no_unit(void **state)
{
	(void)state;
	assert_int_equal(ms_of("0"), 0);
	assert_int_equal(ms_of("0s"), 0);
	assert_int_equal(ms_of("0h0m"), 0);
}

static void a_century_is_the_most(void **state)
{
	(void)state;
	assert_true(ms_of("878400h") == CENTURY_MS);
	assert_refused(bytes_of("878401h"));
	assert_refused(bytes_of("878400h1ms"));
	assert_refused(bytes_of("1000000000000000000000000000000000000000000h"));
}

static void what_is_not_a_duration_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",   "5",   " 5s",  "5s ",    "5 s",   "-5s",    "s",    ".",     ".s",
		"5x", "5S",  "1h30", "1h 30m", "1e3s",  "0x5s",   "5ss",  "5,s",   "1d",
		"00", "inf", "nan",  "infs",   "1..5s", "1.2.3s", "5mss", "\xc2s", "5\xc2",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(bytes_of(bad[i]));
	assert_refused(BYTES_LIT("5s\0"));
	assert_refused((struct bytes){ "5ms", 1 });
	assert_refused((struct bytes){ NULL, 0 });
}

static void only_its_own_bytes_are_read(void **state)
{
	int64_t ms;
	(void)state;
	assert_ok(duration_ms((struct bytes){ "5ms", 2 }, &ms, NULL));
	assert_true(ms == 5 * 60000);
}

static void digits_without_end_are_refused_or_read(void **state)
{
	static char nines[1000];
	int64_t ms = 7;
	(void)state;
	memset(nines, '9', sizeof nines);
	nines[sizeof nines - 1] = 's';
	assert_refused((struct bytes){ nines, sizeof nines });
	nines[1] = '.';
	assert_ok(duration_ms((struct bytes){ nines, sizeof nines }, &ms, NULL));
	assert_in_range(ms, 9999, 10000);
}

/* Whole milliseconds are exact, in whatever unit they are written. */
static void what_was_written_is_read_back(void **state)
{
	unsigned seed = 3;
	char text[64];
	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t ms = ((int64_t)rand_r(&seed) << 31 | rand_r(&seed)) % (CENTURY_MS + 1);
		ms >>= rand_r(&seed) % 40;
		long long n = ms;
		snprintf(text, sizeof text, "%lldms", n);
		assert_true(ms_of(text) == ms);
		snprintf(text, sizeof text, "%lldh%lldm%llds%lldms", n / 3600000, n / 60000 % 60,
			 n / 1000 % 60, n % 1000);
		assert_true(ms_of(text) == ms);
	}
}

static void a_fraction_of_seconds_is_exact(void **state)
{
	unsigned seed = 4;
	char text[64];
	(void)state;
	for (int i = 0; i < 20000; i++) {
		long long ms = ((int64_t)rand_r(&seed) << 31 | rand_r(&seed)) % (CENTURY_MS + 1);
		ms >>= rand_r(&seed) % 40;
		snprintf(text, sizeof text, "%lld.%03llds", ms / 1000, ms % 1000);
		if (ms_of(text) != ms)
			fail_msg("%s is %lld ms", text, (long long)ms_of(text));
	}
}

static void junk_never_does_harm(void **state)
{
	static const char letters[] = "0123456789.nmush \xc2\xb5-+e";
	unsigned seed = 5;
	char junk[12];
	(void)state;
	for (int i = 0; i < 50000; i++) {
		size_t n = (size_t)rand_r(&seed) % (sizeof junk + 1);
		int64_t ms = -1;
		for (size_t k = 0; k < n; k++)
			junk[k] = letters[(size_t)rand_r(&seed) % (sizeof letters - 1)];
		if (duration_ms((struct bytes){ junk, n }, &ms, NULL) == OK)
			assert_true(ms >= 0 && ms <= CENTURY_MS);
	}
}

static void assert_printed(int64_t ms, const char *expected)
{
	char out[24];
	duration_print(out, ms);
	assert_string_equal(out, expected);
}

static void a_person_reads_the_two_largest_units(void **state)
{
	(void)state;
	assert_printed(0, "0ms");
	assert_printed(999, "999ms");
	assert_printed(1000, "1s");
	assert_printed(45999, "45s");
	assert_printed(59999, "59s");
	assert_printed(60000, "1m 0s");
	assert_printed(61000, "1m 1s");
	assert_printed(3599999, "59m 59s");
	assert_printed(3600000, "1h 0m");
	assert_printed(9600000, "2h 40m");
	assert_printed(86399999, "23h 59m");
	assert_printed(86400000, "1d 0h");
	assert_printed(273600000, "3d 4h");
}

static void a_span_of_any_length_fits(void **state)
{
	(void)state;
	assert_printed(INT64_MAX, "106751991167d 7h");
	assert_printed(-1, "0ms");
	assert_printed(INT64_MIN, "0ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_unit_is_known),
		cmocka_unit_test(units_add_up),
		cmocka_unit_test(fractions_are_taken),
		cmocka_unit_test(what_is_finer_than_a_millisecond_is_rounded_down),
		cmocka_unit_test(nothing_needs_no_unit),
		cmocka_unit_test(a_century_is_the_most),
		cmocka_unit_test(what_is_not_a_duration_is_refused),
		cmocka_unit_test(only_its_own_bytes_are_read),
		cmocka_unit_test(digits_without_end_are_refused_or_read),
		cmocka_unit_test(what_was_written_is_read_back),
		cmocka_unit_test(a_fraction_of_seconds_is_exact),
		cmocka_unit_test(junk_never_does_harm),
		cmocka_unit_test(a_person_reads_the_two_largest_units),
		cmocka_unit_test(a_span_of_any_length_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
