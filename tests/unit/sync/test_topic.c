#include "sync/topic.h"

#include "tests/check.h"

#include <stdio.h>
#include <string.h>

static void assert_refused(const char *text)
{
	struct topic t;
	if (topic_parse(text, &t) != ERR_INVALID)
		fail_msg("taken for a topic: \"%s\"", text);
}

static void parts_are_found(void **state)
{
	struct topic t;
	(void)state;
	assert_ok(topic_parse("skerry1/main/drone-07/dn/blob/k3f9/65536", &t));
	assert_string_equal(t.fleet, "main");
	assert_string_equal(t.device, "drone-07");
	assert_false(t.is_up);
	assert_string_equal(t.channel, "blob");
	assert_string_equal(t.a, "k3f9");
	assert_string_equal(t.b, "65536");
}

static void absent_parts_are_empty(void **state)
{
	struct topic t;
	(void)state;
	assert_ok(topic_parse("skerry1/main/d/up/state", &t));
	assert_true(t.is_up);
	assert_string_equal(t.channel, "state");
	assert_string_equal(t.a, "");
	assert_string_equal(t.b, "");
	assert_ok(topic_parse("skerry1/main/d/up/log/camera", &t));
	assert_string_equal(t.a, "camera");
	assert_string_equal(t.b, "");
}

static void what_is_not_ours_is_refused(void **state)
{
	(void)state;
	assert_refused("");
	assert_refused("skerry1");
	assert_refused("skerry2/main/d/up/state");
	assert_refused("skerry1/main/d/up");
	assert_refused("skerry1/main/d/sideways/state");
	assert_refused("/skerry1/main/d/up/state");
	assert_refused("skerry1/main/d/up/a/b/c/d");
}

static void empty_levels_are_refused(void **state)
{
	(void)state;
	assert_refused("skerry1//d/up/state");
	assert_refused("skerry1/main//up/state");
	assert_refused("skerry1/main/d/up//a");
	assert_refused("skerry1/main/d/up/log//b");
	assert_refused("skerry1/main/d/up/");
	assert_refused("skerry1/main/d/up/state/");
	assert_refused("skerry1/main/d/up/log/a/b/");
}

static void levels_outside_the_grammar_are_refused(void **state)
{
	(void)state;
	assert_refused("skerry1/main/+/up/state");
	assert_refused("skerry1/main/d/dn/#");
	assert_refused("skerry1/Main/d/up/state");
	assert_refused("skerry1/main/d_7/up/state");
	assert_refused("skerry1/main/-d/up/state");
	assert_refused("skerry1/main/d/up/tele/a b");
	assert_refused("skerry1/main/d/up/tele/\xc3\xa9");
}

static void a_level_has_at_most_63_bytes(void **state)
{
	char level[65], text[TOPIC_MAX + 1];
	struct topic t;
	(void)state;
	memset(level, 'a', 64);
	level[64] = '\0';
	snprintf(text, sizeof text, "skerry1/main/%s/up/state", level);
	assert_refused(text);
	level[63] = '\0';
	snprintf(text, sizeof text, "skerry1/main/%s/up/state", level);
	assert_ok(topic_parse(text, &t));
	assert_string_equal(t.device, level);
}

static void a_topic_has_at_most_200_bytes(void **state)
{
	char a[64], text[300];
	struct topic t;
	(void)state;
	memset(a, 'a', 63);
	a[63] = '\0';
	int n = snprintf(text, sizeof text, "skerry1/%.58s/%s/dn/%.2s/%s", a, a, a, a);
	assert_int_equal(n, TOPIC_MAX);
	assert_ok(topic_parse(text, &t));
	snprintf(text, sizeof text, "skerry1/%.59s/%s/dn/%.2s/%s", a, a, a, a);
	assert_refused(text);
}

static void what_is_made_reads_back(void **state)
{
	char text[TOPIC_MAX + 1];
	struct topic t;
	(void)state;
	topic_make(text, "main", "drone-07", "up/telec/camera");
	assert_string_equal(text, "skerry1/main/drone-07/up/telec/camera");
	assert_ok(topic_parse(text, &t));
	assert_true(t.is_up);
	assert_string_equal(t.device, "drone-07");
	assert_string_equal(t.a, "camera");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_found),
		cmocka_unit_test(absent_parts_are_empty),
		cmocka_unit_test(what_is_not_ours_is_refused),
		cmocka_unit_test(empty_levels_are_refused),
		cmocka_unit_test(levels_outside_the_grammar_are_refused),
		cmocka_unit_test(a_level_has_at_most_63_bytes),
		cmocka_unit_test(a_topic_has_at_most_200_bytes),
		cmocka_unit_test(what_is_made_reads_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
