#include "sync/exposition.h"

#include "base/text.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

static struct point p;
static struct why why;

static enum err read_as(const char *line, bool is_openmetrics)
{
	/* On the heap and without a NUL, so that a step past the end is seen. */
	static char *copy;
	const size_t len = strlen(line);
	free(copy);
	copy = malloc(len + !len);
	assert_non_null(copy);
	memcpy(copy, line, len);
	why.text[0] = '\0';
	return exposition_read(copy, len, is_openmetrics, &p, &why);
}

/* The point as "m,a=1 5" or "m,a=1 5 @1000". */
static void assert_sample(const char *line, bool is_openmetrics, const char *expected)
{
	char text[512];
	struct text t = text_in(text, sizeof text);
	if (read_as(line, is_openmetrics))
		fail_msg("%s is refused: %s", line, why.text);
	text_add_bytes(&t, p.measurement);
	for (size_t i = 0; i < p.tag_count; i++)
		text_add(&t, ",%.*s=%.*s", (int)p.tags[i].key.len, p.tags[i].key.at,
			 (int)p.tags[i].value.len, p.tags[i].value.at);
	assert_int_equal(p.field_count, 1);
	assert_true(bytes_are(p.fields[0].name, "value"));
	text_add(&t, " %g", p.fields[0].value.number);
	if (p.has_time)
		text_add(&t, " @%lld", (long long)p.time_ms);
	assert_string_equal(text, expected);
}

static void assert_refused(const char *line)
{
	if (read_as(line, false) != ERR_INVALID)
		fail_msg("%s is not refused", line);
	assert_string_not_equal(why.text, "");
}

static void samples_are_points(void **state)
{
	(void)state;
	assert_sample("up 1", false, "up 1");
	assert_sample("  go_goroutines\t 12  ", false, "go_goroutines 12");
	assert_sample("http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000", false,
		      "http_requests_total,code=200,method=post 1027 @1395066363000");
	assert_sample("ns:job:rate5m{a=\"1\",} -1.5e-3", false, "ns:job:rate5m,a=1 -0.0015");
	assert_sample("m { a = \"1\" , b = \"2\" } 3", false, "m,a=1,b=2 3");
	assert_sample("m{}3", false, "m 3");
	assert_sample("m 1\r", false, "m 1");
}

static void a_histogram_is_its_samples(void **state)
{
	(void)state;
	assert_sample("request_seconds_bucket{le=\"0.05\"} 24054", false,
		      "request_seconds_bucket,le=0.05 24054");
	assert_sample("request_seconds_bucket{le=\"+Inf\"} 144320", false,
		      "request_seconds_bucket,le=+Inf 144320");
	assert_sample("rpc_seconds{quantile=\"0.99\"} 76656", false,
		      "rpc_seconds,quantile=0.99 76656");
}

static void labels_resolve_their_escapes(void **state)
{
	(void)state;
	assert_sample("m{p=\"C:\\\\DIR\\\\F\",e=\"a\\n\\\"b\\\"\",n=\"nn\"} 1", false,
		      "m,e=a\n\"b\",n=nn,p=C:\\DIR\\F 1");
	assert_refused("m{p=\"\\t\"} 1");
	assert_refused("m{p=\"\\\"} 1");
}

static void an_empty_label_is_none(void **state)
{
	(void)state;
	assert_sample("m{a=\"\",b=\"1\"} 1", false, "m,b=1 1");
}

static void openmetrics_has_seconds_and_exemplars(void **state)
{
	(void)state;
	assert_sample("a_total 17 1520879607.789", true, "a_total 17 @1520879607789");
	assert_sample("a_bucket{le=\"1\"} 11 # {trace_id=\"KOO5S4\"} 0.67", true,
		      "a_bucket,le=1 11");
	assert_sample("a_bucket{le=\"1\"} 11 1.5 # {trace_id=\"K\"} 0.67 2", true,
		      "a_bucket,le=1 11 @1500");
	assert_err(ERR_NOT_FOUND, read_as("# EOF", true));
}

static void what_holds_no_sample_is_passed_over(void **state)
{
	static const char *const lines[] = {
		"",        "   ", "# HELP up is it", "# TYPE up gauge", "#", "up NaN", "up +Inf",
		"up -Inf", "\r",  "up{a=\"1\"} nan"
	};
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (read_as(lines[i], false) != ERR_NOT_FOUND)
			fail_msg("%s", lines[i]);
}

static void what_is_no_sample_is_refused(void **state)
{
	static const char *const lines[] = {
		"up",
		"up one",
		"1up 1",
		"up{a=1} 1",
		"up{a=\"1\" 1",
		"up{a=\"1} 1",
		"up{,} 1",
		"up{=\"1\"} 1",
		"up 1 2 3",
		"up 1 x",
		"up 0x10",
		"{a=\"1\"} 1",
		"up{a=\"1\"b=\"2\"} 1",
		"up 1 1e30",
		"<html>",
		"up 1 # {} 1",
		"up{\"a.b\"=\"1\"} 1",
		"up 1,5",
	};
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_refused(lines[i]);
}

static void one_label_more_than_fits_is_refused(void **state)
{
	char line[512];
	(void)state;
	for (int labels = POINT_TAGS_MAX; labels <= POINT_TAGS_MAX + 1; labels++) {
		struct text t = text_in(line, sizeof line);
		text_add(&t, "m");
		for (int i = 0; i < labels; i++)
			text_add(&t, "%cl%d=\"x\"", i ? ',' : '{', i);
		text_add(&t, "} 1");
		assert_err(labels > POINT_TAGS_MAX ? ERR_FULL : OK, read_as(line, false));
	}
}

/* Whatever comes: an answer, and never a step past the end. */
static void any_bytes_have_an_answer(void **state)
{
	static const char alphabet[] = "m1{}=\",\\ n#\t+.eNaIf\xff\r";
	unsigned seed = 20261127;
	(void)state;
	for (int round = 0; round < 40000; round++) {
		char line[40];
		const size_t len = (size_t)rand_r(&seed) % (sizeof line - 1);
		for (size_t i = 0; i < len; i++)
			line[i] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
		line[len] = '\0';
		(void)!read_as(line, round % 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_points),
		cmocka_unit_test(a_histogram_is_its_samples),
		cmocka_unit_test(labels_resolve_their_escapes),
		cmocka_unit_test(an_empty_label_is_none),
		cmocka_unit_test(openmetrics_has_seconds_and_exemplars),
		cmocka_unit_test(what_holds_no_sample_is_passed_over),
		cmocka_unit_test(what_is_no_sample_is_refused),
		cmocka_unit_test(one_label_more_than_fits_is_refused),
		cmocka_unit_test(any_bytes_have_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
