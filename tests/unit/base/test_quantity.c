#include "base/quantity.h"

#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

#define UNITS_MAX (INT64_MAX / 1000)

static int64_t milli_of(const char *s)
{
	struct why why = { "" };
	int64_t milli = -1;
	if (quantity_milli(bytes_of(s), &milli, &why))
		fail_msg("%s", why.text);
	return milli;
}

static int64_t units_of(const char *s)
{
	struct why why = { "" };
	int64_t units = -1;
	if (quantity_units(bytes_of(s), &units, &why))
		fail_msg("%s", why.text);
	return units;
}

static void assert_refused(struct bytes s)
{
	struct why why = { "" };
	int64_t milli = -77, units = -77;
	if (quantity_milli(s, &milli, &why) != ERR_INVALID ||
	    quantity_units(s, &units, &why) != ERR_INVALID)
		fail_msg("\"%.*s\" was taken as %lld", (int)s.len, s.at, (long long)milli);
	assert_true(milli == -77 && units == -77);
	assert_non_null(strstr(why.text, "is not a quantity"));
}

static void plain_numbers_are_units(void **state)
{
	(void)state;
	assert_true(milli_of("0") == 0);
	assert_true(milli_of("1") == 1000);
	assert_true(milli_of("+1") == 1000);
	assert_true(milli_of("0.1") == 100);
	assert_true(milli_of("1.5") == 1500);
	assert_true(milli_of("1.") == 1000);
	assert_true(milli_of(".5") == 500);
	assert_true(milli_of("007") == 7000);
	assert_true(milli_of("0.000") == 0);
}

static void decimal_suffixes_are_powers_of_ten(void **state)
{
	(void)state;
	assert_true(milli_of("1000000n") == 1);
	assert_true(milli_of("1000u") == 1);
	assert_true(milli_of("250m") == 250);
	assert_true(milli_of("1k") == 1000000);
	assert_true(units_of("128M") == 128000000);
	assert_true(units_of("3G") == 3000000000);
	assert_true(units_of("3T") == 3000000000000);
	assert_true(units_of("3P") == 3000000000000000);
	assert_true(units_of("0.25k") == 250);
}

static void binary_suffixes_are_powers_of_two(void **state)
{
	(void)state;
	assert_true(milli_of("1Ki") == 1024000);
	assert_true(units_of("64Mi") == 64LL << 20);
	assert_true(units_of("3Gi") == 3LL << 30);
	assert_true(units_of("3Ti") == 3LL << 40);
	assert_true(units_of("8Pi") == 8LL << 50);
	assert_true(units_of("1.5Gi") == 3LL << 29);
	assert_true(units_of("0.5Ki") == 512);
}

/* What is in the grammar is read when it is not too much. */
static void the_largest_suffixes_are_known_too(void **state)
{
	(void)state;
	assert_true(units_of("0E") == 0);
	assert_true(units_of("0.001E") == 1000000000000000);
	assert_true(units_of("0Ei") == 0);
	assert_true(units_of("0.0009765625Ei") == 1LL << 50);
	assert_refused(bytes_of("1E"));
	assert_refused(bytes_of("1Ei"));
}

static void exponents_are_signed(void **state)
{
	(void)state;
	assert_true(units_of("1e3") == 1000);
	assert_true(units_of("1E3") == 1000);
	assert_true(units_of("1e+3") == 1000);
	assert_true(units_of("1.5e3") == 1500);
	assert_true(milli_of("1500e-3") == 1500);
	assert_true(milli_of("1e0") == 1000);
	assert_true(milli_of("1e-3") == 1);
	assert_true(units_of("9e15") == 9000000000000000);
}

static void an_exponent_of_any_size_is_an_exponent(void **state)
{
	(void)state;
	assert_true(milli_of("1e-10") == 1);
	assert_true(units_of("0.001e18") == 1000000000000000);
	assert_refused(bytes_of("1e99"));
	assert_refused(bytes_of("1e99999999999999999999"));
}

static void an_exponent_has_one_sign_and_digits(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"1e",   "1e+",   "1e-",   "1e+-3", "1e-+3", "1e++3", "1e--3", "1e 3",
		"1e3m", "1e3Ki", "1e3.5", "e3",    "1ee3",  "1e\t3", "1e3 ",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(bytes_of(bad[i]));
}

static void what_is_finer_than_a_thousandth_is_rounded_up(void **state)
{
	(void)state;
	assert_true(milli_of("1n") == 1);
	assert_true(milli_of("1u") == 1);
	assert_true(milli_of("1001u") == 2);
	assert_true(milli_of("1000001n") == 2);
	assert_true(milli_of("0.1m") == 1);
	assert_true(milli_of("0.0001") == 1);
	assert_true(milli_of("1.0001") == 1001);
	assert_true(milli_of("1.0010") == 1001);
	assert_true(milli_of("0.5n") == 1);
	assert_true(milli_of("0.00000000000000000000000000000000000000001") == 1);
	assert_true(milli_of("0.1Ki") == 102400);
	assert_true(milli_of("0.00001Ki") == 11);
}

static void units_are_rounded_up(void **state)
{
	(void)state;
	assert_true(units_of("1m") == 1);
	assert_true(units_of("999m") == 1);
	assert_true(units_of("1000m") == 1);
	assert_true(units_of("1001m") == 2);
	assert_true(units_of("1.5") == 2);
	assert_true(units_of("1n") == 1);
	assert_true(units_of("0.1Ki") == 103);
}

static void what_is_not_a_quantity_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",      "+",   "-",   ".",   "-1",   "-0.5", "--1",       "+-1",      "++1",
		"m",     "Ki",  ".Mi", "1K",  "1ki",  "1mi",  "1MI",       "1 Mi",     " 1",
		"1 ",    "1\n", "1B",  "1MB", "1Mib", "1mm",  "1,5",       "1.2.3",    "0x10",
		"1_000", "inf", "nan", "1i",  "1Kim", "one",  "1\xc2\xb5", "\xd9\xa1", "1KiB",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(bytes_of(bad[i]));
	assert_refused(BYTES_LIT("1\0"));
	assert_refused(BYTES_LIT("1M\0"));
	assert_refused((struct bytes){ NULL, 0 });
}

static void the_most_is_nine_point_two_e15_units(void **state)
{
	(void)state;
	assert_true(units_of("9200000000000000") == 9200000000000000);
	assert_true(milli_of("9223372036854775") == 9223372036854775000);
	assert_refused(bytes_of("9223372036854776"));
	assert_refused(bytes_of("9300T"));
	assert_refused(bytes_of("10P"));
	assert_refused(bytes_of("9Pi"));
	assert_refused(bytes_of("1e16"));
	assert_refused(bytes_of("9223372036854775808"));
	assert_refused(bytes_of("18446744073709551617"));
	assert_refused(bytes_of("99999999999999999999999999999999999999999999"));
	assert_refused(bytes_of("9223372036854775.99999P"));
}

/* It is the value that is limited, not how many of its parts. */
static void many_small_parts_are_not_too_much(void **state)
{
	(void)state;
	assert_true(milli_of("9000000000000000m") == 9000000000000000);
	assert_true(milli_of("10000000000000000m") == 10000000000000000);
	assert_true(milli_of("10000000000000000000n") == 10000000000000);
}

static void digits_without_end_are_read_or_refused(void **state)
{
	static char text[4096];
	int64_t milli = -77;
	(void)state;
	memset(text, '9', sizeof text);
	assert_refused((struct bytes){ text, sizeof text });
	text[1] = '.';
	assert_ok(quantity_milli((struct bytes){ text, sizeof text }, &milli, NULL));
	assert_true(milli == 10000);
	text[0] = '0';
	memset(text + 2, '0', sizeof text - 3);
	assert_ok(quantity_milli((struct bytes){ text, sizeof text }, &milli, NULL));
	assert_true(milli == 1);
}

static void only_its_own_bytes_are_read(void **state)
{
	int64_t milli;
	(void)state;
	assert_ok(quantity_milli((struct bytes){ "12Mi", 2 }, &milli, NULL));
	assert_true(milli == 12000);
	assert_ok(quantity_milli((struct bytes){ "12Mi", 3 }, &milli, NULL));
	assert_true(milli == 12000000000);
}

static void a_long_text_is_cut_in_the_reason(void **state)
{
	char text[400];
	struct why why = { "" };
	int64_t milli;
	(void)state;
	memset(text, 'x', sizeof text);
	assert_err(ERR_INVALID, quantity_milli((struct bytes){ text, sizeof text }, &milli, &why));
	assert_non_null(strstr(why.text, "64Mi"));
}

static void thousandths_read_back(void **state)
{
	unsigned seed = 8;
	char text[48];
	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t milli =
			((int64_t)rand_r(&seed) << 31 | rand_r(&seed)) >> rand_r(&seed) % 62;
		long long n = milli;
		snprintf(text, sizeof text, "%lld.%03lld", n / 1000, n % 1000);
		assert_true(milli_of(text) == milli);
		snprintf(text, sizeof text, "%lld.%03lld0000001", n / 1000, n % 1000);
		assert_true(milli_of(text) == milli + 1);
		snprintf(text, sizeof text, "%lld.%06lldk", n / 1000000, n % 1000000);
		assert_true(milli_of(text) == milli);
	}
}

static void binary_multiples_read_back(void **state)
{
	static const char *const suffixes[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi" };
	unsigned seed = 9;
	char text[48];
	(void)state;
	for (int i = 0; i < 20000; i++) {
		const int k = rand_r(&seed) % 6;
		const int64_t n = ((int64_t)rand_r(&seed) << 31 | rand_r(&seed)) %
				  ((UNITS_MAX >> (10 * k)) + 1);
		snprintf(text, sizeof text, "%lld%s", (long long)n, suffixes[k]);
		assert_true(units_of(text) == n << (10 * k));
	}
}

static void junk_never_does_harm(void **state)
{
	static const char letters[] = "0123456789999.numkMGTPEKi+-e ";
	unsigned seed = 10;
	char junk[24];
	(void)state;
	for (int i = 0; i < 100000; i++) {
		size_t n = (size_t)rand_r(&seed) % (sizeof junk + 1);
		int64_t milli = -1;
		for (size_t k = 0; k < n; k++)
			junk[k] = letters[(size_t)rand_r(&seed) % (sizeof letters - 1)];
		if (quantity_milli((struct bytes){ junk, n }, &milli, NULL) == OK)
			assert_true(milli >= 0);
	}
}

static void assert_printed(int64_t units, const char *expected)
{
	char out[16];
	quantity_print(out, units);
	assert_string_equal(out, expected);
}

static void a_person_reads_few_digits(void **state)
{
	(void)state;
	assert_printed(0, "0");
	assert_printed(512, "512");
	assert_printed(1023, "1023");
	assert_printed(1024, "1Ki");
	assert_printed(1229, "1.2Ki");
	assert_printed(1536, "1.5Ki");
	assert_printed(64LL << 20, "64Mi");
	assert_printed(3LL << 29, "1.5Gi");
	assert_printed(200LL << 10 | 512, "200Ki");
	assert_printed(1LL << 40, "1Ti");
	assert_printed(1LL << 50, "1Pi");
}

static void any_number_of_bytes_can_be_printed(void **state)
{
	(void)state;
	assert_printed(INT64_MAX, "8192Pi");
	for (int bit = 0; bit <= 52; bit++) {
		char out[16];
		quantity_print(out, 1LL << bit);
		assert_true(units_of(out) == 1LL << bit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_numbers_are_units),
		cmocka_unit_test(decimal_suffixes_are_powers_of_ten),
		cmocka_unit_test(binary_suffixes_are_powers_of_two),
		cmocka_unit_test(the_largest_suffixes_are_known_too),
		cmocka_unit_test(exponents_are_signed),
		cmocka_unit_test(an_exponent_of_any_size_is_an_exponent),
		cmocka_unit_test(an_exponent_has_one_sign_and_digits),
		cmocka_unit_test(what_is_finer_than_a_thousandth_is_rounded_up),
		cmocka_unit_test(units_are_rounded_up),
		cmocka_unit_test(what_is_not_a_quantity_is_refused),
		cmocka_unit_test(the_most_is_nine_point_two_e15_units),
		cmocka_unit_test(many_small_parts_are_not_too_much),
		cmocka_unit_test(digits_without_end_are_read_or_refused),
		cmocka_unit_test(only_its_own_bytes_are_read),
		cmocka_unit_test(a_long_text_is_cut_in_the_reason),
		cmocka_unit_test(thousandths_read_back),
		cmocka_unit_test(binary_multiples_read_back),
		cmocka_unit_test(junk_never_does_harm),
		cmocka_unit_test(a_person_reads_few_digits),
		cmocka_unit_test(any_number_of_bytes_can_be_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
