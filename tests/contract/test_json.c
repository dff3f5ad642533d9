#include "ports/json.h"

#include "base/json_guard.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The caller frees it. */
static struct json *parse(const char *text)
{
	struct json *j;
	struct why why = { "" };
	if (json_parse(bytes_of(text), &j, &why))
		fail_msg("%s: %s", text, why.text);
	return j;
}

static void assert_refused(enum err class, struct bytes text)
{
	struct json *j;
	struct why why = { "" };
	enum err e = json_parse(text, &j, &why);
	if (e != class)
		fail_msg("\"%.*s\" gives %s", (int)(text.len < 60 ? text.len : 60), text.at,
			 err_name(e));
	assert_string_not_equal(why.text, "");
}

static void assert_printed(struct json *j, const char *expected)
{
	char *text = json_print(j);
	assert_string_equal(text, expected);
	free(text);
	json_free(j);
}

static void every_type_is_read(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
	} table[] = { { "null", JSON_NULL }, { "true", JSON_BOOL },     { "false", JSON_BOOL },
		      { "1", JSON_NUMBER },  { "-1.5e3", JSON_NUMBER }, { "\"\"", JSON_STRING },
		      { "[]", JSON_ARRAY },  { "{}", JSON_OBJECT },     { " [ 1 ] ", JSON_ARRAY } };
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct json *j = parse(table[i].text);
		assert_int_equal(json_type_of(j), table[i].type);
		json_free(j);
	}
}

static void the_guard_stands_in_front(void **state)
{
	static const char *const bad[] = {
		"",
		"nul",
		"[1,]",
		"{\"a\":1,}",
		"[1] x",
		"01",
		"+1",
		".5",
		"1.",
		"'a'",
		"{a:1}",
		"[1 2]",
		"NaN",
		"[",
		"\"\\x\"",
		"\"\\u0000\"",
		"\"\\ud800\"",
		"\"\t\"",
		"/**/1",
		"-",
		"1e",
		"\"a",
		"9007199254740993",
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_refused(ERR_INVALID, bytes_of(bad[i]));
	assert_refused(ERR_INVALID, BYTES_LIT("\"\xff\""));
	assert_refused(ERR_INVALID, BYTES_LIT("[1]\0"));
	assert_refused(ERR_INVALID, BYTES_LIT("\xef\xbb\xbf{}"));
}

static void too_deep_is_too_much(void **state)
{
	char text[2 * (JSON_DEPTH_MAX + 1) + 1];
	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	text[2 * JSON_DEPTH_MAX] = '\0';
	json_free(parse(text));
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_refused(ERR_FULL, (struct bytes){ text, 2 * (JSON_DEPTH_MAX + 1) });
}

static void too_many_values_are_too_much(void **state)
{
	static char text[2 * (JSON_VALUES_MAX + 2)];
	(void)state;
	text[0] = '[';
	for (size_t i = 0; i < JSON_VALUES_MAX - 1; i++)
		memcpy(text + 1 + 2 * i, "0,", 2);
	text[2 * (JSON_VALUES_MAX - 1)] = ']';
	json_free(parse(text));
	memcpy(text + 2 * (JSON_VALUES_MAX - 1), ",0]", 4);
	assert_refused(ERR_FULL, bytes_of(text));
}

static void twins_are_refused(void **state)
{
	(void)state;
	assert_refused(ERR_INVALID, BYTES_LIT("{\"a\":1,\"a\":2}"));
	assert_refused(ERR_INVALID, BYTES_LIT("{\"a\":1,\"b\":0,\"\\u0061\":2}"));
	assert_refused(ERR_INVALID, BYTES_LIT("[{\"x\":{\"a\":1,\"a\":1}}]"));
	json_free(parse("{\"a\":1,\"A\":2}"));
	json_free(parse("[{\"a\":1},{\"a\":1}]"));
}

static void an_object_of_too_many_members_is_too_much(void **state)
{
	static char text[16 * 1025 + 8];
	size_t n = 0;
	(void)state;
	for (int i = 0; i < 1025; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%c\"%d\":0", i ? ',' : '{', i);
	strcpy(text + n, "}");
	assert_refused(ERR_FULL, bytes_of(text));
}

static void names_are_case_sensitive(void **state)
{
	struct json *j = parse("{\"Kind\":1,\"kind\":2}");
	int64_t n;
	(void)state;
	assert_true(json_integer(json_member(j, "kind"), &n));
	assert_int_equal(n, 2);
	assert_null(json_member(j, "KIND"));
	json_free(j);
}

static void members_and_elements_come_in_order(void **state)
{
	struct json *j = parse("{\"b\":1,\"a\":[7,8]}");
	(void)state;
	const struct json *b = json_first(j), *a = json_next(b);
	assert_string_equal(json_key(b), "b");
	assert_string_equal(json_key(a), "a");
	assert_null(json_next(a));
	assert_int_equal(json_count(j), 2);
	assert_int_equal(json_count(a), 2);
	assert_string_equal(json_key(json_first(a)), "");
	json_free(j);
}

static void what_is_asked_of_another_type_is_not_there(void **state)
{
	struct json *j = parse("{\"s\":\"x\",\"n\":1.5,\"b\":true,\"l\":[1],\"z\":null}");
	int64_t i;
	double n;
	bool b;
	(void)state;
	assert_null(json_string(json_member(j, "n")));
	assert_false(json_number(json_member(j, "s"), &n));
	assert_false(json_integer(json_member(j, "n"), &i));
	assert_false(json_bool(json_member(j, "n"), &b));
	assert_null(json_member(json_member(j, "l"), "s"));
	assert_null(json_member(json_member(j, "s"), "s"));
	assert_int_equal(json_count(json_member(j, "s")), 0);
	assert_int_equal(json_type_of(json_member(j, "z")), JSON_NULL);
	json_free(j);
}

static void look_ups_chain_through_what_is_not_there(void **state)
{
	int64_t i;
	double n;
	bool b;
	(void)state;
	assert_null(json_member(json_member(NULL, "a"), "b"));
	assert_null(json_first(NULL));
	assert_int_equal(json_count(NULL), 0);
	assert_null(json_string(NULL));
	assert_false(json_number(NULL, &n));
	assert_false(json_integer(NULL, &i));
	assert_false(json_bool(NULL, &b));
	assert_int_equal(json_type_of(NULL), JSON_NULL);
	json_free(NULL);
}

/* In processes of their own, so that a crash is one failure and not the last. */
static void what_has_a_plain_default_is_read_at_once(void **state)
{
	struct json *j = parse("{\"n\":7,\"half\":0.5,\"s\":\"x\",\"none\":null}");
	(void)state;
	assert_int_equal(json_integer_at(j, "n"), 7);
	assert_int_equal(json_integer_at(j, "half"), 0);
	assert_int_equal(json_integer_at(j, "s"), 0);
	assert_int_equal(json_integer_at(j, "missing"), 0);
	assert_int_equal(json_integer_at(NULL, "n"), 0);
	assert_string_equal(json_text_at(j, "s"), "x");
	assert_string_equal(json_text_at(j, "n"), "");
	assert_string_equal(json_text_at(j, "none"), "");
	assert_string_equal(json_text_at(NULL, "s"), "");
	json_free(j);
}

static void what_prints_alike_is_the_same(void **state)
{
	static const struct {
		const char *other;
		bool is_same;
	} table[] = { { "{ \"a\": 1, \"b\": [\"x\"] }", true },
		      { "{\"b\":[\"x\"],\"a\":1}", false },
		      { "{\"a\":1,\"b\":[\"y\"]}", false },
		      { "{\"a\":1}", false } };
	struct json *j = parse("{\"a\":1,\"b\":[\"x\"]}");
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct json *other = parse(table[i].other);
		assert_int_equal(json_is_same(j, other), table[i].is_same);
		json_free(other);
	}
	json_free(j);
}

static void assert_lives(bool (*body)(void))
{
	pid_t pid = fork();
	int status;
	if (pid == 0)
		_exit(body() ? 0 : 1);
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool next_of_nothing(void)
{
	return json_next(json_first(NULL)) == NULL;
}

static bool key_of_nothing(void)
{
	return strcmp(json_key(NULL), "") == 0;
}

static void walking_takes_nothing_too(void **state)
{
	(void)state;
	assert_lives(next_of_nothing);
	assert_lives(key_of_nothing);
}

static void whole_numbers_are_exact(void **state)
{
	static const struct {
		const char *text;
		bool whole;
		int64_t n;
	} table[] = { { "0", true, 0 },
		      { "-0", true, 0 },
		      { "9007199254740992", true, 9007199254740992 },
		      { "-9007199254740992", true, -9007199254740992 },
		      { "1e3", true, 1000 },
		      { "1.0", true, 1 },
		      { "1.5", false, 0 },
		      { "1e300", false, 0 },
		      { "1e308", false, 0 },
		      { "1e17", false, 0 } };
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		int64_t n = 0;
		struct json *j = parse(table[i].text);
		if (json_integer(j, &n) != table[i].whole || n != table[i].n)
			fail_msg("%s is %lld", table[i].text, (long long)n);
		json_free(j);
	}
}

static void integers_print_exactly(void **state)
{
	static const struct {
		int64_t n;
		const char *text;
	} table[] = { { 0, "[0]" },
		      { -1, "[-1]" },
		      { 9007199254740991, "[9007199254740991]" },
		      { 9007199254740993, "[9007199254740993]" },
		      { 1795514400123, "[1795514400123]" },
		      { INT64_MAX, "[9223372036854775807]" },
		      { INT64_MIN, "[-9223372036854775808]" } };
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct json *j = json_new_array();
		json_push(j, json_new_integer(table[i].n));
		assert_printed(j, table[i].text);
	}
}

static void numbers_print_so_that_they_read_back(void **state)
{
	static const double numbers[] = { 0.1, 1.0 / 3, 15.72, 1e300, 5e-324, 123456789.123, -2.5 };
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct json *j = json_new_number(numbers[i]);
		char *text = json_print(j);
		double n;
		json_free(j);
		j = parse(text);
		assert_true(json_number(j, &n));
		assert_true(n == numbers[i]);
		json_free(j);
		free(text);
	}
}

static void a_document_can_be_built(void **state)
{
	struct json *j = json_new_object(), *list = json_new_array();
	(void)state;
	json_set_string(j, "s", "a\"b\n");
	json_set_string(j, "none", NULL);
	json_set_bytes(j, "bytes", (struct bytes){ "abcdef", 3 });
	json_set_bytes(j, "empty", (struct bytes){ NULL, 0 });
	json_set_integer(j, "i", 7);
	json_set_number(j, "n", 1.5);
	json_set_bool(j, "b", true);
	json_set_null(j, "z");
	json_push(list, json_new_string("x"));
	json_push(list, json_new_bool(false));
	json_push(list, json_new_null());
	json_set(j, "l", list);
	assert_printed(j, "{\"s\":\"a\\\"b\\n\",\"none\":\"\",\"bytes\":\"abc\",\"empty\":\"\","
			  "\"i\":7,\"n\":1.5,\"b\":true,\"z\":null,\"l\":[\"x\",false,null]}");
}

static void bytes_are_cut_at_a_nul(void **state)
{
	struct json *j = json_new_object();
	(void)state;
	json_set_bytes(j, "b", BYTES_LIT("ab\0cd"));
	assert_printed(j, "{\"b\":\"ab\"}");
}

static void a_copy_is_its_own(void **state)
{
	struct json *j = parse("{\"a\":[1,{\"b\":\"c\"}]}");
	struct json *copy = json_copy(json_member(j, "a"));
	(void)state;
	json_free(j);
	assert_printed(copy, "[1,{\"b\":\"c\"}]");
}

static void members_can_be_removed_and_taken_out(void **state)
{
	struct json *j = parse("{\"a\":1,\"b\":[2],\"c\":3}");
	(void)state;
	struct json *b = json_detach(j, "b");
	json_remove(j, "a");
	json_remove(j, "a");
	assert_null(json_detach(j, "B"));
	assert_printed(j, "{\"c\":3}");
	assert_printed(b, "[2]");
}

static void printing_for_people_is_the_same_document(void **state)
{
	struct json *j = parse("{\"a\":[1,2],\"b\":{}}");
	char *text = json_print_pretty(j);
	(void)state;
	json_free(j);
	assert_non_null(strchr(text, '\n'));
	j = parse(text);
	free(text);
	assert_printed(j, "{\"a\":[1,2],\"b\":{}}");
}

static void strings_are_unescaped(void **state)
{
	struct json *j = parse("\"\\u00e9\\ud83d\\ude00\\n\\/\"");
	(void)state;
	assert_string_equal(json_string(j), "\xc3\xa9\xf0\x9f\x98\x80\n/");
	json_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(the_guard_stands_in_front),
		cmocka_unit_test(too_deep_is_too_much),
		cmocka_unit_test(too_many_values_are_too_much),
		cmocka_unit_test(twins_are_refused),
		cmocka_unit_test(an_object_of_too_many_members_is_too_much),
		cmocka_unit_test(names_are_case_sensitive),
		cmocka_unit_test(members_and_elements_come_in_order),
		cmocka_unit_test(what_is_asked_of_another_type_is_not_there),
		cmocka_unit_test(look_ups_chain_through_what_is_not_there),
		cmocka_unit_test(what_has_a_plain_default_is_read_at_once),
		cmocka_unit_test(what_prints_alike_is_the_same),
		cmocka_unit_test(walking_takes_nothing_too),
		cmocka_unit_test(whole_numbers_are_exact),
		cmocka_unit_test(integers_print_exactly),
		cmocka_unit_test(numbers_print_so_that_they_read_back),
		cmocka_unit_test(a_document_can_be_built),
		cmocka_unit_test(bytes_are_cut_at_a_nul),
		cmocka_unit_test(a_copy_is_its_own),
		cmocka_unit_test(members_can_be_removed_and_taken_out),
		cmocka_unit_test(printing_for_people_is_the_same_document),
		cmocka_unit_test(strings_are_unescaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
