#include "sync/filter.h"

#include "base/limits.h"
#include "tests/check.h"

static void filters_are_those_of_mqtt(void **state)
{
	static const char *const good[] = { "a",   "a/b", "+",    "#",      "a/+/c", "a/#",
					    "+/+", "/a",  "a//b", "$SYS/#", "+/a/#" };
	static const char *const bad[] = { "",   "a b",  "a#",   "#/a", "a/#/b", "a+",
					   "+a", "a/b+", "a/+b", "##",  "a/\x01" };
	char longest[TOPIC_MAX + 2];
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!filter_is_valid(bytes_of(good[i])))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (filter_is_valid(bytes_of(bad[i])))
			fail_msg("%s is taken", bad[i]);
	memset(longest, 'a', sizeof longest);
	assert_true(filter_is_valid((struct bytes){ longest, TOPIC_MAX }));
	assert_false(filter_is_valid((struct bytes){ longest, TOPIC_MAX + 1 }));
}

static void topics_match_as_in_the_standard(void **state)
{
	static const struct {
		const char *filter, *topic;
		bool matches;
	} cases[] = {
		{ "a/b", "a/b", true },
		{ "a/b", "a/bc", false },
		{ "a/b", "a", false },
		{ "a", "a/b", false },
		{ "sensors/+/temp", "sensors/7/temp", true },
		{ "sensors/+/temp", "sensors/7/hum", false },
		{ "sensors/+/temp", "sensors/7/8/temp", false },
		{ "sensors/+/temp", "sensors//temp", true },
		{ "+", "a", true },
		{ "+", "/a", false },
		{ "+/+", "/a", true },
		{ "/+", "/a", true },
		{ "sport/#", "sport", true },
		{ "sport/#", "sport/", true },
		{ "sport/#", "sport/tennis/player1", true },
		{ "sport/#", "sports", false },
		{ "sport/+", "sport", false },
		{ "sport/+", "sport/", true },
		{ "#", "a/b/c", true },
		{ "#", "$SYS/uptime", false },
		{ "+/uptime", "$SYS/uptime", false },
		{ "$SYS/#", "$SYS/uptime", true },
		{ "a/", "a", false },
		{ "a", "a/", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (filter_matches(cases[i].filter, cases[i].topic) != cases[i].matches)
			fail_msg("%s and %s", cases[i].filter, cases[i].topic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_are_those_of_mqtt),
		cmocka_unit_test(topics_match_as_in_the_standard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
