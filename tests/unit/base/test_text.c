#include "base/text.h"

#include "tests/check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static void a_new_text_is_empty(void **state)
{
	char buffer[8] = "before";
	(void)state;
	struct text t = text_in(buffer, sizeof buffer);
	assert_string_equal(buffer, "");
	assert_int_equal(text_bytes(&t).len, 0);
	assert_false(text_is_cut(&t));
}

static void additions_follow_each_other(void **state)
{
	char buffer[32];
	(void)state;
	struct text t = text_in(buffer, sizeof buffer);
	text_add(&t, "%d", 12);
	text_add(&t, "%s", "");
	text_add_bytes(&t, BYTES_LIT("-"));
	text_add(&t, "%s", "x");
	assert_string_equal(buffer, "12-x");
	assert_true(bytes_are(text_bytes(&t), "12-x"));
	assert_false(text_is_cut(&t));
}

static void what_just_fits_is_not_cut(void **state)
{
	char a[6], b[6];
	(void)state;
	struct text t = text_in(a, sizeof a), u = text_in(b, sizeof b);
	text_add(&t, "12345");
	text_add_bytes(&u, BYTES_LIT("12345"));
	assert_false(text_is_cut(&t));
	assert_false(text_is_cut(&u));
	text_add(&t, "%s", "");
	text_add_bytes(&t, BYTES_LIT(""));
	assert_false(text_is_cut(&t));
	text_add(&t, "6");
	text_add_bytes(&u, BYTES_LIT("6"));
	assert_true(text_is_cut(&t));
	assert_true(text_is_cut(&u));
	assert_string_equal(a, "12345");
	assert_string_equal(b, "12345");
}

static void a_cut_is_remembered(void **state)
{
	char buffer[6];
	(void)state;
	struct text t = text_in(buffer, sizeof buffer);
	text_add(&t, "%s", "123456789");
	text_add(&t, "%s", "");
	text_add_bytes(&t, BYTES_LIT("x"));
	assert_true(text_is_cut(&t));
	assert_string_equal(buffer, "12345");
	assert_int_equal(t.len, 5);
}

static void a_buffer_of_one_byte_holds_nothing(void **state)
{
	char buffer[1] = "x";
	(void)state;
	struct text t = text_in(buffer, sizeof buffer);
	assert_string_equal(buffer, "");
	text_add_bytes(&t, BYTES_LIT(""));
	assert_false(text_is_cut(&t));
	text_add(&t, "a");
	assert_true(text_is_cut(&t));
	assert_string_equal(buffer, "");
}

static void bytes_may_be_anything(void **state)
{
	char buffer[8];
	(void)state;
	struct text t = text_in(buffer, sizeof buffer);
	text_add_bytes(&t, (struct bytes){ NULL, 0 });
	text_add_bytes(&t, BYTES_LIT("a\0%s"));
	assert_true(bytes_equal(text_bytes(&t), BYTES_LIT("a\0%s")));
}

/* Whatever is added: inside the buffer, a prefix of the whole, NUL at the end. */
static void it_is_always_a_prefix_of_the_whole(void **state)
{
	unsigned seed = 6;
	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct {
			char buffer[40];
			char behind[8];
		} s = { .behind = "behind" };
		char whole[1024] = "", piece[32];
		const size_t cap = 1 + (size_t)rand_r(&seed) % sizeof s.buffer;
		struct text t = text_in(s.buffer, cap);
		for (int i = rand_r(&seed) % 8; i > 0; i--) {
			size_t n = (size_t)rand_r(&seed) % sizeof piece;
			memset(piece, 'a' + rand_r(&seed) % 26, n);
			piece[n] = '\0';
			strcat(whole, piece);
			if (rand_r(&seed) % 2)
				text_add(&t, "%s", piece);
			else
				text_add_bytes(&t, bytes_of(piece));
			assert_int_equal(strlen(s.buffer), t.len);
			assert_memory_equal(s.buffer, whole, t.len);
		}
		assert_int_equal(text_is_cut(&t), strlen(whole) >= cap);
		assert_int_equal(t.len, strlen(whole) < cap ? strlen(whole) : cap - 1);
		assert_string_equal(s.behind, "behind");
	}
}

static void a_copy_says_whether_it_is_whole(void **state)
{
	char buffer[4];
	(void)state;
	assert_true(text_copy(buffer, sizeof buffer, BYTES_LIT("abc")));
	assert_string_equal(buffer, "abc");
	assert_false(text_copy(buffer, sizeof buffer, BYTES_LIT("wxyz")));
	assert_string_equal(buffer, "wxy");
	assert_true(text_copy(buffer, sizeof buffer, (struct bytes){ NULL, 0 }));
	assert_string_equal(buffer, "");
	assert_false(text_copy(buffer, 1, BYTES_LIT("a")));
	assert_string_equal(buffer, "");
}

static void hex_is_lower_case(void **state)
{
	const unsigned char bytes[] = { 0x00, 0x0f, 0xa5, 0xff };
	char out[2 * sizeof bytes + 1];
	(void)state;
	text_hex(out, bytes, sizeof bytes);
	assert_string_equal(out, "000fa5ff");
	text_hex(out, bytes, 0);
	assert_string_equal(out, "");
}

static void a_prefix_is_found(void **state)
{
	(void)state;
	assert_true(text_starts("camera", "cam"));
	assert_true(text_starts("camera", "camera"));
	assert_true(text_starts("camera", ""));
	assert_true(text_starts("", ""));
	assert_false(text_starts("cam", "camera"));
	assert_false(text_starts("camera", "era"));
	assert_false(text_starts("", "c"));
}

static void assert_number(const char *s, long long expected)
{
	long long n = 0;
	assert_ok(text_number(bytes_of(s), LLONG_MIN, LLONG_MAX, &n));
	assert_true(n == expected);
}

static void assert_no_number(struct bytes s)
{
	long long n = -77;
	if (text_number(s, LLONG_MIN, LLONG_MAX, &n) != ERR_INVALID)
		fail_msg("\"%.*s\" was taken as %lld", (int)s.len, s.at, n);
	assert_true(n == -77);
}

static void numbers_are_read(void **state)
{
	(void)state;
	assert_number("0", 0);
	assert_number("-0", 0);
	assert_number("007", 7);
	assert_number("-12", -12);
	assert_number("9223372036854775807", LLONG_MAX);
	assert_number("-9223372036854775808", LLONG_MIN);
}

static void what_is_not_a_whole_number_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"-",
		"+1",
		"--1",
		"- 1",
		" 1",
		"1 ",
		"1.0",
		"1e3",
		"0x10",
		"1a",
		"a1",
		"1,",
		"1\n",
		"1-",
		"1_0",
		"\xc2\xb2",
		"9223372036854775808",
		"-9223372036854775809",
		"99999999999999999999999999999999999999",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_no_number(bytes_of(bad[i]));
	assert_no_number(BYTES_LIT("1\0"));
	assert_no_number(BYTES_LIT("\0"));
	assert_no_number(BYTES_LIT("1\0002"));
	assert_no_number((struct bytes){ NULL, 0 });
}

/* The C library skips more than blanks before a number. */
static void no_white_space_is_skipped(void **state)
{
	static const char spaces[] = " \t\n\v\f\r";
	(void)state;
	for (size_t i = 0; i < sizeof spaces - 1; i++) {
		const char before[] = { spaces[i], '5' }, behind[] = { '5', spaces[i] },
			   both[] = { spaces[i], '+', '5' };
		assert_no_number((struct bytes){ before, sizeof before });
		assert_no_number((struct bytes){ behind, sizeof behind });
		assert_no_number((struct bytes){ both, sizeof both });
	}
}

static void limits_are_kept(void **state)
{
	long long n = -77;
	(void)state;
	assert_ok(text_number(BYTES_LIT("1"), 1, 65535, &n));
	assert_ok(text_number(BYTES_LIT("65535"), 1, 65535, &n));
	assert_true(n == 65535);
	assert_err(ERR_INVALID, text_number(BYTES_LIT("0"), 1, 65535, &n));
	assert_err(ERR_INVALID, text_number(BYTES_LIT("65536"), 1, 65535, &n));
	assert_err(ERR_INVALID, text_number(BYTES_LIT("-1"), 0, 65535, &n));
	assert_true(n == 65535);
}

static void only_its_own_digits_are_read(void **state)
{
	long long n;
	(void)state;
	assert_ok(text_number((struct bytes){ "123456", 3 }, 0, LLONG_MAX, &n));
	assert_true(n == 123);
}

static void a_printed_number_reads_back(void **state)
{
	unsigned seed = 7;
	char text[32];
	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t n = (int64_t)((uint64_t)rand_r(&seed) << 42 ^
				      (uint64_t)rand_r(&seed) << 21 ^ (uint64_t)rand_r(&seed));
		n >>= rand_r(&seed) % 63;
		n = rand_r(&seed) % 2 ? n : -n;
		snprintf(text, sizeof text, "%lld", (long long)n);
		assert_number(text, n);
	}
}

static void a_word_of_a_list_is_whole(void **state)
{
	(void)state;
	assert_true(text_list_has("--device -d", "-d"));
	assert_true(text_list_has("--device -d", "--device"));
	assert_true(text_list_has("a", "a"));
	assert_false(text_list_has("--device -d", "-device"));
	assert_false(text_list_has("apply get", "appl"));
	assert_false(text_list_has("apply get", ""));
	assert_false(text_list_has("", "get"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_text_is_empty),
		cmocka_unit_test(additions_follow_each_other),
		cmocka_unit_test(what_just_fits_is_not_cut),
		cmocka_unit_test(a_cut_is_remembered),
		cmocka_unit_test(a_buffer_of_one_byte_holds_nothing),
		cmocka_unit_test(bytes_may_be_anything),
		cmocka_unit_test(it_is_always_a_prefix_of_the_whole),
		cmocka_unit_test(a_copy_says_whether_it_is_whole),
		cmocka_unit_test(hex_is_lower_case),
		cmocka_unit_test(a_prefix_is_found),
		cmocka_unit_test(a_word_of_a_list_is_whole),
		cmocka_unit_test(numbers_are_read),
		cmocka_unit_test(what_is_not_a_whole_number_is_refused),
		cmocka_unit_test(no_white_space_is_skipped),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(only_its_own_digits_are_read),
		cmocka_unit_test(a_printed_number_reads_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
