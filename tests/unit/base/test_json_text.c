#include "base/json_text.h"

#include "base/json_guard.h"
#include "tests/check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void assert_string(struct bytes s, const char *expected)
{
	char out[256];
	struct text t = text_in(out, sizeof out);
	json_text_string(&t, s);
	assert_string_equal(out, expected);
	assert_false(text_is_cut(&t));
}

static void plain_text_is_quoted(void **state)
{
	(void)state;
	assert_string(BYTES_LIT(""), "\"\"");
	assert_string((struct bytes){ NULL, 0 }, "\"\"");
	assert_string(BYTES_LIT("camera"), "\"camera\"");
	assert_string(BYTES_LIT("a/b"), "\"a/b\"");
	assert_string(BYTES_LIT("100%s"), "\"100%s\"");
	assert_string(BYTES_LIT("\x7f\xc3\xa4\xe2\x82\xac"), "\"\x7f\xc3\xa4\xe2\x82\xac\"");
}

static void what_json_forbids_is_escaped(void **state)
{
	(void)state;
	assert_string(BYTES_LIT("\""), "\"\\\"\"");
	assert_string(BYTES_LIT("\\"), "\"\\\\\"");
	assert_string(BYTES_LIT("a\nb\tc"), "\"a\\nb\\tc\"");
	assert_string(BYTES_LIT("\b\f\r"), "\"\\b\\f\\r\"");
	assert_string(BYTES_LIT("\x01\x1f"), "\"\\u0001\\u001f\"");
	assert_string(BYTES_LIT("a\0b"), "\"a\\u0000b\"");
	assert_string(BYTES_LIT("\"\"\""), "\"\\\"\\\"\\\"\"");
}

static int hex_of(const char *at)
{
	const char digits[] = { at[2], at[3], at[4], at[5], 0 };
	return (int)strtol(digits, NULL, 16);
}

/* Undo the escapes. */
static size_t unescape(const char *s, char *out)
{
	static const char letters[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
	size_t n = 0;
	for (s++; *s != '"'; n++) {
		if (*s != '\\') {
			out[n] = *s++;
		} else if (s[1] == 'u') {
			out[n] = (char)hex_of(s);
			s += 6;
		} else {
			out[n] = plain[strchr(letters, s[1]) - letters];
			s += 2;
		}
	}
	assert_int_equal(s[1], 0);
	return n;
}

static void every_string_reads_back(void **state)
{
	unsigned seed = 13;
	char text[40], out[400], back[400];
	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)rand_r(&seed) % sizeof text;
		for (size_t i = 0; i < n; i++)
			text[i] = (char)(rand_r(&seed) % 128);
		struct text t = text_in(out, sizeof out);
		json_text_string(&t, (struct bytes){ text, n });
		assert_int_equal(unescape(out, back), n);
		assert_memory_equal(back, text, n);
		if (!memchr(text, 0, n))
			assert_ok(json_guard(text_bytes(&t), NULL));
	}
}

static void a_string_that_does_not_fit_is_told(void **state)
{
	char out[8];
	(void)state;
	for (size_t cap = 1; cap <= 6; cap++) {
		struct text t = text_in(out, cap);
		json_text_string(&t, BYTES_LIT("a\nbc"));
		assert_true(text_is_cut(&t));
		assert_int_equal(strlen(out), cap - 1);
	}
	struct text t = text_in(out, sizeof out);
	json_text_string(&t, BYTES_LIT("a\nbc"));
	assert_false(text_is_cut(&t));
	assert_string_equal(out, "\"a\\nbc\"");
}

static const char *number_text(double n)
{
	static char out[64];
	struct text t = text_in(out, sizeof out);
	json_text_number(&t, n);
	return out;
}

static void numbers_are_short(void **state)
{
	(void)state;
	assert_string_equal(number_text(0), "0");
	assert_string_equal(number_text(1), "1");
	assert_string_equal(number_text(-1.5), "-1.5");
	assert_string_equal(number_text(0.1), "0.1");
	assert_string_equal(number_text(0.1 + 0.2), "0.30000000000000004");
	assert_string_equal(number_text(21.7), "21.7");
	assert_string_equal(number_text(1e300), "1e+300");
}

static void assert_number_reads_back(double n)
{
	const char *text = number_text(n);
	double back = strtod(text, NULL);
	if (back != n || signbit(back) != signbit(n))
		fail_msg("%.17g became %s", n, text);
	if (json_guard(bytes_of(text), NULL) && fabs(n) < 9e15)
		fail_msg("%s is not JSON", text);
}

static void the_smallest_and_largest_read_back(void **state)
{
	(void)state;
	static const double numbers[] = {
		DBL_MAX,
		-DBL_MAX,
		DBL_MIN,
		DBL_TRUE_MIN,
		-0.0,
		DBL_EPSILON,
		9007199254740992.0,
		9007199254740991.0,
		1.0 / 3,
		5e-324,
		123456789012345678.0,
	};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		assert_number_reads_back(numbers[i]);
}

static void every_double_reads_back_the_same(void **state)
{
	unsigned seed = 14;
	(void)state;
	for (int i = 0; i < 50000; i++) {
		double n;
		uint64_t bits = (uint64_t)rand_r(&seed) << 42 ^ (uint64_t)rand_r(&seed) << 21 ^
				(uint64_t)rand_r(&seed);
		memcpy(&n, &bits, sizeof n);
		if (isfinite(n))
			assert_number_reads_back(n);
		assert_number_reads_back((double)rand_r(&seed) / 1000);
	}
}

static void integers_are_exact(void **state)
{
	static const int64_t numbers[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 9007199254740993 };
	char out[32], expected[32];
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct text t = text_in(out, sizeof out);
		json_text_integer(&t, numbers[i]);
		snprintf(expected, sizeof expected, "%lld", (long long)numbers[i]);
		assert_string_equal(out, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_is_quoted),
		cmocka_unit_test(what_json_forbids_is_escaped),
		cmocka_unit_test(every_string_reads_back),
		cmocka_unit_test(a_string_that_does_not_fit_is_told),
		cmocka_unit_test(numbers_are_short),
		cmocka_unit_test(the_smallest_and_largest_read_back),
		cmocka_unit_test(every_double_reads_back_the_same),
		cmocka_unit_test(integers_are_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
