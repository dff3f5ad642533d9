#include "base/utf8.h"

#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As RFC 3629 writes a code point down. */
static size_t encode(char out[4], unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf00 >> n & 0xf0) | (int)c);
	return n;
}

static void every_code_point_is_known_by_its_length(void **state)
{
	char at[4];
	(void)state;
	for (unsigned c = 0; c <= 0x10ffff; c++) {
		const size_t n = encode(at, c);
		const size_t expected = c >= 0xd800 && c <= 0xdfff ? 0 : n;
		if (utf8_length(at, n) != expected)
			fail_msg("U+%04X: %zu", c, utf8_length(at, n));
	}
}

static void what_is_cut_off_is_not_one(void **state)
{
	char at[4];
	(void)state;
	for (unsigned c = 0x80; c <= 0x10ffff; c += 61) {
		const size_t n = encode(at, c);
		for (size_t len = 0; len < n; len++)
			assert_int_equal(utf8_length(at, len), 0);
	}
	assert_int_equal(utf8_length("a", 0), 0);
	assert_int_equal(utf8_length(NULL, 0), 0);
}

/* Whatever is not the one encoding of a code point: counted over all of them. */
static void nothing_else_is_one(void **state)
{
	size_t two = 0, three = 0;
	(void)state;
	for (int a = 0x80; a < 256; a++)
		for (int b = 0; b < 256; b++) {
			const char at[3] = { (char)a, (char)b, (char)0x80 };
			two += utf8_length(at, 2) == 2;
			for (int c = 0; c < 256; c++) {
				const char long_one[3] = { (char)a, (char)b, (char)c };
				three += utf8_length(long_one, 3) == 3;
			}
		}
	assert_int_equal(two, 0x800 - 0x80);
	assert_int_equal(three, 0x10000 - 0x800 - 0x800);
}

static void overlong_and_beyond_are_refused(void **state)
{
	(void)state;
	assert_int_equal(utf8_length("\xc0\x80", 2), 0);
	assert_int_equal(utf8_length("\xc1\xbf", 2), 0);
	assert_int_equal(utf8_length("\xe0\x9f\xbf", 3), 0);
	assert_int_equal(utf8_length("\xf0\x8f\xbf\xbf", 4), 0);
	assert_int_equal(utf8_length("\xf4\x90\x80\x80", 4), 0);
	assert_int_equal(utf8_length("\xf5\x80\x80\x80", 4), 0);
	assert_int_equal(utf8_length("\xff", 1), 0);
	assert_int_equal(utf8_length("\x80", 1), 0);
	assert_int_equal(utf8_length("\xed\xa0\x80", 3), 0);
}

static void a_longer_rest_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(utf8_length("a\xff", 2), 1);
	assert_int_equal(utf8_length("\xc3\xa4\xc3", 3), 2);
	assert_int_equal(utf8_length("\xe2\x82\xac\xff", 4), 3);
	assert_int_equal(utf8_length("\xf0\x9f\x99\x82rest", 8), 4);
	assert_int_equal(utf8_length("\0", 1), 1);
}

static void assert_fixed(const char *s, const char *expected)
{
	char text[64];
	strcpy(text, s);
	utf8_fix(text);
	assert_string_equal(text, expected);
}

static void good_text_is_left_alone(void **state)
{
	(void)state;
	assert_fixed("", "");
	assert_fixed("plain", "plain");
	assert_fixed("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x99\x82",
		     "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x99\x82");
}

static void every_bad_byte_becomes_a_question_mark(void **state)
{
	(void)state;
	assert_fixed("\xff", "?");
	assert_fixed("a\xc3", "a?");
	assert_fixed("a\xe2\x82", "a??");
	assert_fixed("\xe2\x82z", "??z");
	assert_fixed("\xed\xa0\x80", "???");
	assert_fixed("\xc0\x80", "??");
	assert_fixed("\xf0\x9f\x99", "???");
	assert_fixed("\x80\xc3\xa4\x80", "?\xc3\xa4?");
}

static void what_was_fixed_is_utf8(void **state)
{
	unsigned seed = 12;
	char text[33];
	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)rand_r(&seed) % sizeof text;
		for (size_t i = 0; i < n; i++)
			text[i] = (char)(1 + rand_r(&seed) % 255);
		text[n] = '\0';
		utf8_fix(text);
		assert_int_equal(strlen(text), n);
		for (size_t i = 0, step; i < n; i += step) {
			step = utf8_length(text + i, n - i);
			assert_in_range(step, 1, 4);
		}
	}
}

static void assert_plain(const char *text, const char *expected)
{
	char got[64];
	snprintf(got, sizeof got, "%s", text);
	utf8_make_plain(got);
	assert_string_equal(got, expected);
}

static void plain_text_moves_no_cursor(void **state)
{
	(void)state;
	assert_plain("", "");
	assert_plain("\tna\xc3\xafve \xe2\x82\xac \xc2\xa0",
		     "\tna\xc3\xafve \xe2\x82\xac \xc2\xa0");
	assert_plain("\033]0;x\007\r\n\x7f.", "?]0;x????.");
	assert_plain("a\xc2\x80"
		     "b\xc2\x9b"
		     "2J\xc2\x9f",
		     "a?b?2J?");
	assert_plain("\x9b"
		     "2J\xc2",
		     "?2J?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_is_known_by_its_length),
		cmocka_unit_test(what_is_cut_off_is_not_one),
		cmocka_unit_test(nothing_else_is_one),
		cmocka_unit_test(overlong_and_beyond_are_refused),
		cmocka_unit_test(a_longer_rest_changes_nothing),
		cmocka_unit_test(good_text_is_left_alone),
		cmocka_unit_test(every_bad_byte_becomes_a_question_mark),
		cmocka_unit_test(what_was_fixed_is_utf8),
		cmocka_unit_test(plain_text_moves_no_cursor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
