#include "base/json_guard.h"

#include "base/text.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

static void assert_taken(struct bytes s)
{
	struct why why = { "" };
	if (json_guard(s, &why))
		fail_msg("%.*s: %s", (int)(s.len < 60 ? s.len : 60), s.at, why.text);
}

static void assert_refused_as(enum err class, struct bytes s)
{
	struct why why = { "" };
	enum err e = json_guard(s, &why);
	if (e != class)
		fail_msg("%.*s: want %s, got %s", (int)(s.len < 60 ? s.len : 60), s.at,
			 err_name(class), err_name(e));
	assert_non_null(strstr(why.text, "at byte "));
}

static void assert_all_taken(const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_taken(bytes_of(texts[i]));
}

static void assert_all_refused(const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_refused_as(ERR_INVALID, bytes_of(texts[i]));
}

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void json_is_taken(void **state)
{
	(void)state;
	static const char *const good[] = {
		"0",
		"-0",
		"1",
		"-12.5e+3",
		"1E5",
		"1e-5",
		"0.0",
		"\"\"",
		"true",
		"false",
		"null",
		"[]",
		"{}",
		"[ ]",
		"{ }",
		" [1 , 2]\n",
		"\t\r\n 1 \t\r\n",
		"[[],{},[{}]]",
		"{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"e\"}}",
		"{\"\":0}",
		"[\"a\",[]]",
		"{\"a\" : {\"b\" : [ ] } , \"c\":[ { } ]}",
	};
	assert_all_taken(good, COUNT(good));
}

static void what_is_not_json_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		" ",
		"[",
		"]",
		"{",
		"}",
		"[}",
		"{]",
		"[]]",
		"{}}",
		"[1",
		"[1,",
		"[1,]",
		"[,1]",
		"[1,,2]",
		"[1 2]",
		"[1:2]",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{,}",
		"{\"a\" 1}",
		"{1:2}",
		"{a:1}",
		"{'a':1}",
		"{\"a\":1 \"b\":2}",
		"{\"a\":1;}",
		"{null:1}",
		"{[]:1}",
		"{\"a\":1:2}",
		"{}{}",
		"[][]",
		"1 2",
		"1,2",
		"true false",
		"tru",
		"True",
		"TRUE",
		"nul",
		"nulll",
		"NaN",
		"Infinity",
		"-Infinity",
		"undefined",
		"/**/1",
		"1//",
		"[1]#",
		"'a'",
		",",
		":",
		"\xef\xbb\xbf[]",
		"\v1",
		"\f1",
		"1\xc2\xa0",
		"[\"a\",\n",
		"{\"a\":[}]",
		"[{]}",
	};
	assert_all_refused(bad, COUNT(bad));
	assert_refused_as(ERR_INVALID, (struct bytes){ NULL, 0 });
}

static void a_nul_ends_nothing(void **state)
{
	(void)state;
	assert_refused_as(ERR_INVALID, BYTES_LIT("[]\0"));
	assert_refused_as(ERR_INVALID, BYTES_LIT("1\0"));
	assert_refused_as(ERR_INVALID, BYTES_LIT("[1\0]"));
	assert_refused_as(ERR_INVALID, BYTES_LIT("\"a\0b\""));
	assert_refused_as(ERR_INVALID, BYTES_LIT("\"\\\0\""));
	assert_refused_as(ERR_INVALID, BYTES_LIT("\0"));
}

static void only_its_own_bytes_are_read(void **state)
{
	(void)state;
	assert_taken((struct bytes){ "[1]]", 3 });
	assert_refused_as(ERR_INVALID, (struct bytes){ "[1]", 2 });
	assert_refused_as(ERR_INVALID, (struct bytes){ "true", 3 });
	assert_refused_as(ERR_INVALID, (struct bytes){ "\"a\"", 2 });
	assert_refused_as(ERR_INVALID, (struct bytes){ "\"\\u00e4\"", 6 });
	assert_refused_as(ERR_INVALID, (struct bytes){ "1e5", 2 });
}

static void numbers_have_one_form(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"-",    "+1",  "01",  "-01",   "00",   ".5",    "-.5", "1.",
		"1.e5", "1e",  "1e+", "1E-",   "1ee5", "1e5.5", "0x1", "1_000",
		"1,5",  "--1", "1-",  "1e+-5", "- 1",  "0.1.2", "1a",  "\xd9\xa1",
	};
	assert_all_refused(bad, COUNT(bad));
}

static void whole_numbers_are_exact_up_to_two_to_the_53(void **state)
{
	(void)state;
	assert_taken(BYTES_LIT("9007199254740992"));
	assert_taken(BYTES_LIT("-9007199254740992"));
	assert_taken(BYTES_LIT("999999999999999"));
	assert_refused_as(ERR_INVALID, BYTES_LIT("9007199254740993"));
	assert_refused_as(ERR_INVALID, BYTES_LIT("-9007199254740993"));
	assert_refused_as(ERR_INVALID, BYTES_LIT("9999999999999999"));
	assert_refused_as(ERR_INVALID, BYTES_LIT("10000000000000000"));
	assert_refused_as(ERR_INVALID, BYTES_LIT("18446744073709551616"));
}

static void a_number_that_is_infinite_to_a_double_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "1e309", "-1e309", "1.0E+999", "[1e99999999]" };
	assert_all_refused(bad, COUNT(bad));
	assert_taken(BYTES_LIT("1.7976931348623157e308"));
	assert_taken(BYTES_LIT("1e-999")); /* nothing, but no harm */
	assert_true(json_is_well_formed(BYTES_LIT("1e309")));
}

static void
a_number_that_would_be_printed_as_a_whole_one_beyond_two_to_the_53_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "90071992547409929.04", "-9007199254740994.0",
					   "90071992547409936e0" };
	assert_all_refused(bad, COUNT(bad));
	assert_taken(BYTES_LIT("9007199254740992.0"));
	assert_taken(BYTES_LIT("90071992547409900.0")); /* printed as 9.00719925474099e+16 */
	assert_taken(BYTES_LIT("1.2345678901234567e17"));
	assert_true(json_is_well_formed(BYTES_LIT("9007199254740994.0")));
}

static void a_number_has_32_characters_at_most(void **state)
{
	(void)state;
	assert_taken(BYTES_LIT("-0.12345678901234567890123456789"));
	assert_int_equal(BYTES_LIT("-0.12345678901234567890123456789").len, JSON_NUMBER_MAX);
	assert_true(json_guard(BYTES_LIT("-0.123456789012345678901234567890"), NULL) != OK);
	assert_true(json_guard(BYTES_LIT("1e00000000000000000000000000000001"), NULL) != OK);
}

static void escapes_are_those_of_json(void **state)
{
	(void)state;
	static const char *const good[] = {
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
		"\"\\u0041\\u00e4\\uFFFF\\uabCD\"",
		"\"\\u0001\"",
		"\"\\ud83d\\ude42\"",
		"\"\\uD800\\uDC00x\"",
		"\"\\\\u0000\"",
	};
	static const char *const bad[] = {
		"\"\\",        "\"\\\"",      "\"\\a\"",     "\"\\x41\"",   "\"\\'\"",
		"\"\\0\"",     "\"\\u\"",     "\"\\u12\"",   "\"\\u12g4\"", "\"\\u 123\"",
		"\"\\U0041\"", "\"\\u+123\"", "\"\\u-123\"", "\"\\u0x41\"",
	};
	assert_all_taken(good, COUNT(good));
	assert_all_refused(bad, COUNT(bad));
}

static void half_a_pair_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"\"\\ud83d\"",        "\"\\ude42\"",        "\"\\ud83dx\"",
		"\"\\ud83d\\n\"",     "\"\\ud83d\\u0041\"", "\"\\ud83d\\ud83d\"",
		"\"\\ude42\\ud83d\"", "\"\\ud83d\\ude4\"",  "\"\\ud83d\\\"",
	};
	assert_all_refused(bad, COUNT(bad));
}

static void nul_is_refused_in_every_form(void **state)
{
	(void)state;
	assert_refused_as(ERR_INVALID, BYTES_LIT("\"\\u0000\""));
	assert_refused_as(ERR_INVALID, BYTES_LIT("{\"a\\u0000b\":1}"));
	assert_refused_as(ERR_INVALID, BYTES_LIT("{\"a\0b\":1}"));
}

static void control_characters_are_refused_in_strings(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		const char text[] = { '"', (char)c, '"' };
		const bool good = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
		assert_int_equal(json_guard((struct bytes){ text, 3 }, NULL) == OK, good);
	}
}

static void strings_are_utf8(void **state)
{
	(void)state;
	assert_taken(BYTES_LIT("{\"\xc3\xa4\":\"\xe2\x82\xac\xf0\x9f\x99\x82\"}"));
	static const char *const bad[] = {
		"\"\xff\"",     "\"\xc3\"",     "\"\xc3",           "\"\xe2\x82\"",
		"\"\x80\"",     "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
		"{\"\xff\":1}", "\xc3\xa4",
	};
	assert_all_refused(bad, COUNT(bad));
}

static struct bytes nested(char *out, size_t depth, bool object)
{
	size_t n = 0;
	for (size_t i = 0; i < depth; i++)
		n += (size_t)sprintf(out + n, object ? "{\"a\":" : "[");
	if (object)
		n += (size_t)sprintf(out + n, "1");
	for (size_t i = 0; i < depth; i++)
		out[n++] = object ? '}' : ']';
	return (struct bytes){ out, n };
}

static void thirty_two_levels_are_the_most(void **state)
{
	static char text[1000];
	(void)state;
	for (int object = 0; object < 2; object++) {
		assert_taken(nested(text, JSON_DEPTH_MAX, object));
		assert_refused_as(ERR_FULL, nested(text, JSON_DEPTH_MAX + 1, object));
	}
}

static void a_mountain_of_brackets_is_refused(void **state)
{
	static char text[100000];
	(void)state;
	memset(text, '[', sizeof text);
	assert_refused_as(ERR_FULL, (struct bytes){ text, sizeof text });
}

static void depth_is_not_the_number_of_objects(void **state)
{
	static char text[4000];
	(void)state;
	struct text t = text_in(text, sizeof text);
	text_add(&t, "[");
	for (int i = 0; i < 500; i++)
		text_add(&t, "%s{}", i ? "," : "");
	text_add(&t, "]");
	assert_taken(text_bytes(&t));
}

static struct bytes many_values(char *out, size_t cap, size_t values, const char *one)
{
	struct text t = text_in(out, cap);
	text_add(&t, "[");
	for (size_t i = 1; i < values; i++)
		text_add(&t, "%s%s", i > 1 ? "," : "", one);
	text_add(&t, "]");
	return text_bytes(&t);
}

static void eight_thousand_values_are_the_most(void **state)
{
	static char text[100000];
	static const char *const values[] = { "1", "[]", "{}", "\"\"" };
	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		assert_taken(many_values(text, sizeof text, JSON_VALUES_MAX, values[i]));
		assert_refused_as(ERR_FULL,
				  many_values(text, sizeof text, JSON_VALUES_MAX + 1, values[i]));
	}
}

static void the_reason_names_the_byte(void **state)
{
	struct why why = { "" };
	(void)state;
	assert_err(ERR_INVALID, json_guard(BYTES_LIT("[1,x]"), &why));
	assert_non_null(strstr(why.text, "at byte 3:"));
	assert_err(ERR_INVALID, json_guard(BYTES_LIT("{\"a\":1}x"), &why));
	assert_non_null(strstr(why.text, "at byte 7:"));
}

/* A document made at random, in which every kind of value may stand anywhere. */
static void add_value(struct text *t, unsigned *seed, int depth)
{
	static const char *const scalars[] = {
		"0",       "-1.5e3",         "true",
		"false",   "null",           "\"\"",
		"\"a b\"", "\"\\u00e4\\n\"", "\"\xe2\x82\xac\"",
	};
	const int kind = rand_r(seed) % 4;
	if (depth == 0 || kind > 1) {
		text_add(t, "%s", scalars[(size_t)rand_r(seed) % COUNT(scalars)]);
		return;
	}
	text_add(t, kind ? "{" : "[");
	for (int i = 0, n = rand_r(seed) % 4; i < n; i++) {
		text_add(t, i ? " ," : "");
		if (kind)
			text_add(t, "\"k%d\": ", i);
		add_value(t, seed, depth - 1);
	}
	text_add(t, kind ? "}" : "]");
}

static void random_documents_are_taken_and_their_beginnings_refused(void **state)
{
	static char text[4096];
	unsigned seed = 15;
	(void)state;
	for (int round = 0; round < 500; round++) {
		struct text t = text_in(text, sizeof text);
		text_add(&t, "[");
		add_value(&t, &seed, 5);
		text_add(&t, "]");
		if (text_is_cut(&t))
			continue;
		assert_taken(text_bytes(&t));
		for (size_t n = 0; n < t.len; n++)
			assert_refused_as(ERR_INVALID, (struct bytes){ text, n });
	}
}

static void a_changed_byte_never_does_harm(void **state)
{
	static char text[4096];
	unsigned seed = 16;
	size_t refused = 0;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct text t = text_in(text, sizeof text);
		add_value(&t, &seed, 4);
		for (int i = 0; i < 3; i++)
			text[(size_t)rand_r(&seed) % t.len] = (char)rand_r(&seed);
		/* Exactly its size, so that the sanitizer sees a byte too far. */
		char *exact = malloc(t.len);
		assert_non_null(exact);
		memcpy(exact, text, t.len);
		refused += json_guard((struct bytes){ exact, t.len }, NULL) != OK;
		free(exact);
	}
	assert_in_range(refused, 10000, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_taken),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(a_nul_ends_nothing),
		cmocka_unit_test(only_its_own_bytes_are_read),
		cmocka_unit_test(numbers_have_one_form),
		cmocka_unit_test(whole_numbers_are_exact_up_to_two_to_the_53),
		cmocka_unit_test(a_number_that_is_infinite_to_a_double_is_refused),
		cmocka_unit_test(
			a_number_that_would_be_printed_as_a_whole_one_beyond_two_to_the_53_is_refused),
		cmocka_unit_test(a_number_has_32_characters_at_most),
		cmocka_unit_test(escapes_are_those_of_json),
		cmocka_unit_test(half_a_pair_is_refused),
		cmocka_unit_test(nul_is_refused_in_every_form),
		cmocka_unit_test(control_characters_are_refused_in_strings),
		cmocka_unit_test(strings_are_utf8),
		cmocka_unit_test(thirty_two_levels_are_the_most),
		cmocka_unit_test(a_mountain_of_brackets_is_refused),
		cmocka_unit_test(depth_is_not_the_number_of_objects),
		cmocka_unit_test(eight_thousand_values_are_the_most),
		cmocka_unit_test(the_reason_names_the_byte),
		cmocka_unit_test(random_documents_are_taken_and_their_beginnings_refused),
		cmocka_unit_test(a_changed_byte_never_does_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
