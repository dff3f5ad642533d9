#include "base/label.h"

#include "tests/check.h"

static void assert_valid(const char *s)
{
	if (!label_is_valid(bytes_of(s)))
		fail_msg("\"%s\" was refused", s);
}

static void assert_refused(struct bytes s)
{
	if (label_is_valid(s))
		fail_msg("\"%.*s\" was taken", (int)s.len, s.at);
}

static void names_of_all_kinds_are_taken(void **state)
{
	(void)state;
	static const char *const good[] = {
		"a", "0", "camera", "line-monitor", "a-0", "0-a", "a--b", "192", "x1-2-3y",
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_valid(good[i]);
}

static void what_is_no_label_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",    "-",     "-a",       "a-",  "A",   "camerA", "a_b",  "a.b", "a/b",
		"a b", " a",    "a ",       "a\n", "+",   "#",      "$SYS", "..",  ".",
		"*",   "a\x7f", "\xc3\xa4", "a:b", "a@b", "a`b",    "a{b",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(bytes_of(bad[i]));
	assert_refused(BYTES_LIT("a\0b"));
	assert_refused(BYTES_LIT("a\0"));
	assert_refused((struct bytes){ NULL, 0 });
}

static void of_all_bytes_only_letters_and_digits_stand_alone(void **state)
{
	size_t taken = 0, inside = 0;
	(void)state;
	for (int c = 0; c < 256; c++) {
		const char alone[1] = { (char)c }, inner[3] = { 'a', (char)c, 'b' };
		taken += label_is_valid((struct bytes){ alone, 1 });
		inside += label_is_valid((struct bytes){ inner, 3 });
	}
	assert_int_equal(taken, 26 + 10);
	assert_int_equal(inside, 26 + 10 + 1);
}

static void sixty_three_bytes_are_the_most(void **state)
{
	char text[LABEL_MAX + 2];
	(void)state;
	memset(text, 'x', sizeof text);
	assert_true(label_is_valid((struct bytes){ text, LABEL_MAX }));
	assert_refused((struct bytes){ text, LABEL_MAX + 1 });
}

static void only_its_own_bytes_are_read(void **state)
{
	(void)state;
	assert_true(label_is_valid((struct bytes){ "camera/1", 6 }));
	assert_refused((struct bytes){ "camera-1", 7 });
}

#define DIGITS64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_digest_is_taken(void **state)
{
	(void)state;
	assert_true(label_is_digest(BYTES_LIT("sha256:" DIGITS64)));
	assert_int_equal(BYTES_LIT("sha256:" DIGITS64).len, DIGEST_LEN);
}

static void what_is_no_digest_is_refused(void **state)
{
	(void)state;
	assert_false(label_is_digest(BYTES_LIT("")));
	assert_false(label_is_digest(BYTES_LIT("sha256:")));
	assert_false(label_is_digest(BYTES_LIT(DIGITS64)));
	assert_false(label_is_digest(BYTES_LIT("sha256:" DIGITS64 "0")));
	assert_false(label_is_digest(BYTES_LIT("sha512:" DIGITS64)));
	assert_false(label_is_digest(BYTES_LIT("SHA256:" DIGITS64)));
	assert_false(label_is_digest(BYTES_LIT("sha256-" DIGITS64)));
	assert_false(label_is_digest(BYTES_LIT(" sha256:" DIGITS64)));
	assert_false(label_is_digest((struct bytes){ NULL, 0 }));
}

static void every_digit_of_a_digest_counts(void **state)
{
	static const char bad[] = "gG/AF:`@. \n";
	(void)state;
	for (size_t i = 0; i < DIGEST_LEN; i++)
		for (size_t k = 0; k < sizeof bad; k++) {
			char text[DIGEST_SIZE] = "sha256:" DIGITS64;
			if (text[i] == bad[k])
				continue;
			text[i] = bad[k];
			assert_false(label_is_digest((struct bytes){ text, DIGEST_LEN }));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_all_kinds_are_taken),
		cmocka_unit_test(what_is_no_label_is_refused),
		cmocka_unit_test(of_all_bytes_only_letters_and_digits_stand_alone),
		cmocka_unit_test(sixty_three_bytes_are_the_most),
		cmocka_unit_test(only_its_own_bytes_are_read),
		cmocka_unit_test(a_digest_is_taken),
		cmocka_unit_test(what_is_no_digest_is_refused),
		cmocka_unit_test(every_digit_of_a_digest_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
