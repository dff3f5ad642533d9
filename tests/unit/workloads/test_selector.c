#include "tests/check.h"

#include "workloads/selector.h"

#include <stdio.h>

static const char *const BOARD =
	"{\"stage\":\"canary\",\"site\":\"hz-12\",\"kubernetes.io/arch\":\"arm64\","
	"\"skerry.dev/kernel\":\"6.1.0-18-arm64\",\"skerry.dev/memory\":\"512\",\"empty\":\"\"}";

static bool matches(struct selector *s)
{
	struct json *labels;
	struct why missed = { "" };
	assert_ok(json_parse(bytes_of(BOARD), &labels, NULL));
	const bool yes = selector_matches(s, labels, &missed);
	assert_int_equal(yes, missed.text[0] == '\0');
	json_free(labels);
	selector_free(s);
	return yes;
}

static bool text_matches(const char *text)
{
	struct selector s;
	struct why why = { "" };
	enum err e = selector_parse(text, &s, &why);
	if (e)
		print_error("%s: %s\n", text, why.text);
	assert_ok(e);
	return matches(&s);
}

static enum err read_json(const char *text, struct selector *s, struct why *why)
{
	struct json *j;
	assert_ok(json_parse(bytes_of(text), &j, why));
	enum err e = selector_read(j, s, why);
	json_free(j);
	return e;
}

static bool json_matches(const char *text)
{
	struct selector s;
	struct why why;
	assert_ok(read_json(text, &s, &why));
	return matches(&s);
}

static void nothing_selects_everything(void **state)
{
	struct selector none = { 0 };
	(void)state;
	assert_true(text_matches(""));
	assert_true(text_matches("  "));
	assert_true(json_matches("{}"));
	assert_true(matches(&none));
}

static void every_operator_of_the_text_works_both_ways(void **state)
{
	static const struct {
		const char *text;
		bool matches;
	} cases[] = {
		{ "stage=canary", true },
		{ "stage==canary", true },
		{ "stage=prod", false },
		{ "stage!=prod", true },
		{ "stage!=canary", false },
		{ "other!=canary", true }, /* as in Kubernetes: what is not there differs */
		{ "stage in (prod, canary)", true },
		{ "stage in (prod)", false },
		{ "stage notin (prod,test)", true },
		{ "stage notin (canary)", false },
		{ "stage", true },
		{ "other", false },
		{ "!other", true },
		{ "!stage", false },
		{ "empty=", true },
		{ "skerry.dev/memory>256", true },
		{ "skerry.dev/memory>512", false },
		{ "skerry.dev/memory<1024", true },
		{ "skerry.dev/memory<64", false },
		{ "skerry.dev/kernel>5.15", true }, /* as text it would not be */
		{ "skerry.dev/kernel>6.1", false },
		{ "skerry.dev/kernel<6.10", true },
		{ "other>1", false },
		{ "stage>1", false }, /* no number at all */
		{ "stage=canary,site=hz-12", true },
		{ "stage=canary , site=hz-13", false },
		{ "kubernetes.io/arch in (arm64,arm),!other,stage", true },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (text_matches(cases[i].text) != cases[i].matches)
			fail_msg("%s: %d was expected", cases[i].text, cases[i].matches);
}

static void kubernetes_form_is_read(void **state)
{
	(void)state;
	assert_true(json_matches("{\"matchLabels\":{\"stage\":\"canary\"}}"));
	assert_false(json_matches("{\"matchLabels\":{\"stage\":\"canary\",\"site\":\"x\"}}"));
	assert_true(json_matches("{\"matchExpressions\":[{\"key\":\"site\",\"operator\":\"In\","
				 "\"values\":[\"hz-11\",\"hz-12\"]},"
				 "{\"key\":\"other\",\"operator\":\"DoesNotExist\"}]}"));
	assert_false(json_matches("{\"matchLabels\":{\"stage\":\"canary\"},\"matchExpressions\":["
				  "{\"key\":\"skerry.dev/memory\",\"operator\":\"Gt\","
				  "\"values\":[\"512\"]}]}"));
}

static void what_misses_is_said(void **state)
{
	struct selector s;
	struct json *labels;
	struct why missed;
	(void)state;
	assert_ok(json_parse(bytes_of(BOARD), &labels, NULL));
	assert_ok(selector_parse("stage,site in (a,b)", &s, NULL));
	assert_false(selector_matches(&s, labels, &missed));
	assert_string_equal(missed.text, "site In a,b, but it is \"hz-12\"");
	selector_free(&s);
	assert_ok(selector_parse("floor=3", &s, NULL));
	assert_false(selector_matches(&s, labels, &missed));
	assert_string_equal(missed.text, "floor In 3, but it is not there");
	selector_free(&s);
	json_free(labels);
}

static void bad_texts_are_refused(void **state)
{
	static const char *const bad[] = {
		",",    "a=b,", "a,,b",  "=b", "a=b c", "a in (b", "a in b)", "-a=b", "a=-b",
		"/a=b", "a/=b", "a b=c", "!",  "a=b=c", "a>",      "a/b/c",   "a>b",
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct selector s;
		struct why why = { "" };
		if (selector_parse(bad[i], &s, &why) != ERR_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_non_null(strstr(why.text, "selector: "));
		assert_null(s.requirements);
	}
}

static void bad_objects_are_refused_with_their_path(void **state)
{
	static const char *const cases[][2] = {
		{ "[]", "an object" },
		{ "{\"matchLabel\":{}}", "matchLabel: " },
		{ "{\"matchLabels\":[]}", "matchLabels: an object" },
		{ "{\"matchLabels\":{\"a\":1}}", "matchLabels: a: a string" },
		{ "{\"matchLabels\":{\"a b\":\"1\"}}", "matchLabels: \"a b\"" },
		{ "{\"matchExpressions\":{}}", "matchExpressions: a list" },
		{ "{\"matchExpressions\":[{}]}", "matchExpressions[0]: key" },
		{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"in\"}]}",
		  "matchExpressions[0]: operator" },
		{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}",
		  "matchExpressions[0]: values: In takes 1" },
		{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\",\"values\":[\"b\"]"
		  "}"
		  "]}",
		  "matchExpressions[0]: values: Exists takes 0" },
		{ "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Gt\",\"values\":[\"1\","
		  "\"2\"]}]}",
		  "matchExpressions[0]: values: Gt takes 1" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct selector s;
		struct why why = { "" };
		if (read_json(cases[i][0], &s, &why) != ERR_INVALID)
			fail_msg("%s was taken", cases[i][0]);
		if (!strstr(why.text, cases[i][1]))
			fail_msg("%s: %s", cases[i][0], why.text);
		assert_null(s.requirements);
	}
}

static void limits_are_refused(void **state)
{
	char text[SELECTOR_REQUIREMENTS_MAX * 8 + 16] = "";
	struct selector s;
	struct why why;
	(void)state;
	for (int i = 0; i <= SELECTOR_REQUIREMENTS_MAX; i++)
		sprintf(text + strlen(text), "%sk%d", i ? "," : "", i);
	assert_err(ERR_FULL, selector_parse(text, &s, &why));
}

static void versions_compare_part_by_part(void **state)
{
	(void)state;
	assert_int_equal(selector_compare("6.1", "5.15"), 1);
	assert_int_equal(selector_compare("5.9", "5.10"), -1);
	assert_int_equal(selector_compare("6.1", "6.1.0"), 0);
	assert_int_equal(selector_compare("6.1.12-rt", "6.1.9"), 1);
	assert_int_equal(selector_compare("10", "9"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_selects_everything),
		cmocka_unit_test(every_operator_of_the_text_works_both_ways),
		cmocka_unit_test(kubernetes_form_is_read),
		cmocka_unit_test(what_misses_is_said),
		cmocka_unit_test(bad_texts_are_refused),
		cmocka_unit_test(bad_objects_are_refused_with_their_path),
		cmocka_unit_test(limits_are_refused),
		cmocka_unit_test(versions_compare_part_by_part),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
