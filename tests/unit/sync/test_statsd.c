#include "sync/statsd.h"

#include "base/text.h"
#include "tests/check.h"

#include <stdlib.h>

static struct statsd_line l;
static struct why why;

static enum err read(const char *line)
{
	/* On the heap and without a NUL, so that a step past the end is seen. */
	static char *copy;
	const size_t len = strlen(line);
	free(copy);
	copy = malloc(len + !len);
	assert_non_null(copy);
	memcpy(copy, line, len);
	why.text[0] = '\0';
	return statsd_read((struct bytes){ copy, len }, &l, &why);
}

/* As "counter name,tag=v @0.1 1 2". */
static void assert_line(const char *line, const char *expected)
{
	char text[512];
	struct text t = text_in(text, sizeof text);
	struct bytes value;
	if (read(line))
		fail_msg("%s is refused: %s", line, why.text);
	text_add(&t, "%s ", statsd_type_name(l.type));
	text_add_bytes(&t, l.key.measurement);
	for (size_t i = 0; i < l.key.tag_count; i++)
		text_add(&t, ",%.*s=%.*s", (int)l.key.tags[i].key.len, l.key.tags[i].key.at,
			 (int)l.key.tags[i].value.len, l.key.tags[i].value.at);
	if (l.rate < 1)
		text_add(&t, " @%g", l.rate);
	while (statsd_next(&l, &value))
		text_add(&t, " %.*s", (int)value.len, value.at);
	assert_string_equal(text, expected);
}

static void assert_refused(const char *line)
{
	enum err e = read(line);
	if (e != ERR_INVALID)
		fail_msg("%s is not refused", line);
	assert_string_not_equal(why.text, "");
}

static void every_type_is_read(void **state)
{
	(void)state;
	assert_line("gorets:1|c", "counter gorets 1");
	assert_line("fuel.level:0.5|g", "gauge fuel.level 0.5");
	assert_line("fuel.level:-10|g", "gauge fuel.level -10");
	assert_line("glork:320|ms", "timing glork 320");
	assert_line("glork:320|h", "histogram glork 320");
	assert_line("glork:320|d", "distribution glork 320");
	assert_line("users:anna@example.org|s", "set users anna@example.org");
}

static void rates_and_several_values_are_read(void **state)
{
	(void)state;
	assert_line("gorets:1|c|@0.1", "counter gorets @0.1 1");
	assert_line("gorets:1:2:3|ms|@0.5", "timing gorets @0.5 1 2 3");
	assert_line("gorets:1|c|@1", "counter gorets 1");
}

static void tags_are_read_both_ways(void **state)
{
	(void)state;
	assert_line("page.views:1|c|#env:dev,host:a", "counter page.views,env=dev,host=a 1");
	assert_line("page.views:1|c|@0.5|#env:dev", "counter page.views,env=dev @0.5 1");
	assert_line("page.views:1|c|#env:dev|@0.5", "counter page.views,env=dev @0.5 1");
	assert_line("page.views:1|c|#url:http://a,flag",
		    "counter page.views,flag=true,url=http://a 1");
	assert_line("page.views:1|c|#", "counter page.views 1");
	assert_line("users,service=payroll,region=us-west:32|g",
		    "gauge users,region=us-west,service=payroll 32");
	assert_line("a:1|c|#k:v|c:in-83a0|T1656581400", "counter a,k=v 1");
}

static void what_is_no_line_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		":",
		"a",
		"a:",
		"a:1",
		":1|c",
		"a:|c",
		"a:x|c",
		"a:1|",
		"a:1|x",
		"a:1|c|@0",
		"a:1|c|@2",
		"a:1|c|@-1",
		"a:1|c|@x",
		"a:1|c|0.1",
		"a:1:|c",
		"a:1::2|c",
		"a:nan|g",
		"a:inf|g",
		"a:0x1|g",
		"a:1e999|g",
		"a:1|c|#:v",
		"a:1|c|#k:",
		"a\x01:1|c",
		"a:1|c|#a\x1f:b",
		"_e{1,1}:a|b",
		"_sc|a|0",
		"a,b=:1|c",
		"a:--1|g",
	};
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_refused(lines[i]);
}

static void one_tag_more_than_fits_is_refused(void **state)
{
	char line[512];
	(void)state;
	for (int tags = STATSD_TAGS_MAX; tags <= STATSD_TAGS_MAX + 1; tags++) {
		struct text t = text_in(line, sizeof line);
		text_add(&t, "a:1|c|#");
		for (int i = 0; i < tags; i++)
			text_add(&t, "k%d:v,", i);
		assert_err(tags > STATSD_TAGS_MAX ? ERR_FULL : OK, read(line));
	}
}

static void a_sign_moves_a_gauge(void **state)
{
	double n;
	bool relative;
	(void)state;
	assert_true(statsd_number(BYTES_LIT("+4"), &n, &relative));
	assert_true(relative && n == 4);
	assert_true(statsd_number(BYTES_LIT("-4.5"), &n, &relative));
	assert_true(relative && n == -4.5);
	assert_true(statsd_number(BYTES_LIT("4"), &n, &relative));
	assert_false(relative);
}

/* Whatever comes: an answer, and never a step past the end. */
static void any_bytes_have_an_answer(void **state)
{
	static const char alphabet[] = "a1:|c@#,.=gsm-+_e{\xff\x01h";
	unsigned seed = 20261127;
	(void)state;
	for (int round = 0; round < 40000; round++) {
		char line[40];
		struct bytes value;
		const size_t len = (size_t)rand_r(&seed) % (sizeof line - 1);
		for (size_t i = 0; i < len; i++)
			line[i] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
		line[len] = '\0';
		if (read(line) == OK)
			for (size_t n = 0; statsd_next(&l, &value); n++)
				assert_in_range(n, 0, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(rates_and_several_values_are_read),
		cmocka_unit_test(tags_are_read_both_ways),
		cmocka_unit_test(what_is_no_line_is_refused),
		cmocka_unit_test(one_tag_more_than_fits_is_refused),
		cmocka_unit_test(a_sign_moves_a_gauge),
		cmocka_unit_test(any_bytes_have_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
