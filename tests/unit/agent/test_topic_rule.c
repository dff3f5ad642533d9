#include "agent/sources/topic_rule.h"

#include "base/text.h"
#include "tests/check.h"

static struct topic_rule rules[TOPIC_RULES_MAX];
static size_t count;

static enum err read(const char *text)
{
	struct why why = { "" };
	enum err e = topic_rules_read(bytes_of(text), rules, &count, &why);
	assert_true(!e == !why.text[0]);
	return e;
}

static void rules_are_read_in_their_order(void **state)
{
	(void)state;
	assert_ok(read("sensors/+/temp -> sensors, meters/#  ->\tmeters as line"));
	assert_int_equal(count, 2);
	assert_string_equal(rules[0].filter, "sensors/+/temp");
	assert_string_equal(rules[0].stream, "sensors");
	assert_int_equal(rules[0].format, PAYLOAD_AUTO);
	assert_int_equal(rules[1].format, PAYLOAD_LINE);
	assert_string_equal(topic_rules_find(rules, count, "meters/3")->stream, "meters");
	assert_null(topic_rules_find(rules, count, "other"));
	assert_ok(read("a -> x as json, a -> y"));
	assert_string_equal(topic_rules_find(rules, count, "a")->stream, "x");
}

static void nothing_is_no_rule(void **state)
{
	(void)state;
	assert_ok(read(""));
	assert_int_equal(count, 0);
	assert_ok(read(" , ,"));
	assert_int_equal(count, 0);
	assert_ok(read("a -> x,"));
	assert_int_equal(count, 1);
}

static void what_is_no_rule_is_refused(void **state)
{
	static const char *const bad[] = { "a",
					   "a x",
					   "a -> ",
					   "-> x",
					   "a->x",
					   "a => x",
					   "a -> X",
					   "a/# b -> x",
					   "a# -> x",
					   "a -> x as",
					   "a -> x as xml",
					   "a -> x in json",
					   "a -> x y z",
					   "a -> x as json too" };
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (read(bad[i]) != ERR_INVALID)
			fail_msg("%s is taken", bad[i]);
}

static void there_are_only_so_many(void **state)
{
	char text[TOPIC_RULES_TEXT + 8] = "";
	(void)state;
	for (int i = 0; i < TOPIC_RULES_MAX; i++)
		strcat(text, "a -> x,");
	assert_ok(read(text));
	strcat(text, "a -> x");
	assert_err(ERR_INVALID, read(text));
	memset(text, ' ', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_err(ERR_INVALID, read(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_read_in_their_order),
		cmocka_unit_test(nothing_is_no_rule),
		cmocka_unit_test(what_is_no_rule_is_refused),
		cmocka_unit_test(there_are_only_so_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
