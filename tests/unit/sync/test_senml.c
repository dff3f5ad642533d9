#include "sync/senml.h"

#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t NOW_MS = 1795000000123;

struct reading {
	struct json *pack;
	struct senml senml;
	struct point p;
};

static struct reading begin_at(const char *text, int64_t now_ms)
{
	struct reading r = { 0 };
	struct why why = { "" };
	if (json_parse(bytes_of(text), &r.pack, &why) ||
	    senml_begin(&r.senml, r.pack, now_ms, &why))
		fail_msg("%s", why.text);
	return r;
}

static struct reading begin(const char *text)
{
	return begin_at(text, NOW_MS);
}

static enum err next(struct reading *r)
{
	struct why why = { "" };
	enum err e = senml_read(&r->senml, &r->p, &why);
	if (e == ERR_INVALID)
		assert_string_not_equal(why.text, "");
	return e;
}

static void end(struct reading *r)
{
	assert_err(ERR_NOT_FOUND, next(r));
	json_free(r->pack);
}

/* The only record of a pack is not taken. */
static void assert_refused(const char *text)
{
	struct reading r = begin(text);
	enum err e = next(&r);
	if (e != ERR_INVALID)
		fail_msg("%s gives %s", text, err_name(e));
	end(&r);
}

static void assert_bytes(struct bytes got, const char *expected)
{
	if (!bytes_are(got, expected))
		fail_msg("\"%.*s\" is not \"%s\"", (int)got.len, got.at, expected);
}

static void assert_number(const struct point *p, const char *name, double number)
{
	assert_bytes(p->measurement, name);
	assert_int_equal(p->field_count, 1);
	assert_bytes(p->fields[0].name, "value");
	assert_int_equal(p->fields[0].value.type, VALUE_FLOAT);
	assert_true(p->fields[0].value.number == number);
}

static void a_record_becomes_a_point(void **state)
{
	struct reading r = begin("[{\"n\":\"urn:dev:ow:10\",\"u\":\"Cel\",\"v\":23.1}]");
	(void)state;
	assert_ok(next(&r));
	assert_number(&r.p, "urn:dev:ow:10", 23.1);
	assert_int_equal(r.p.tag_count, 1);
	assert_bytes(r.p.tags[0].key, "unit");
	assert_bytes(r.p.tags[0].value, "Cel");
	assert_false(r.p.has_time);
	end(&r);
}

/* RFC 8428, section 5.1.2. */
static void base_fields_hold_for_what_follows(void **state)
{
	struct reading r = begin("[{\"bn\":\"urn:dev:ow:10e2:\",\"bt\":1.320067464e+09,"
				 "\"bu\":\"%RH\",\"v\":20},"
				 "{\"u\":\"lon\",\"v\":24.30621},"
				 "{\"n\":\"x\",\"t\":60,\"v\":20.3}]");
	(void)state;
	assert_ok(next(&r));
	assert_number(&r.p, "urn:dev:ow:10e2:", 20);
	assert_bytes(r.p.tags[0].value, "%RH");
	assert_true(r.p.has_time);
	assert_int_equal(r.p.time_ms, 1320067464000);
	assert_ok(next(&r));
	assert_bytes(r.p.tags[0].value, "lon");
	assert_int_equal(r.p.time_ms, 1320067464000);
	assert_ok(next(&r));
	assert_number(&r.p, "urn:dev:ow:10e2:x", 20.3);
	assert_int_equal(r.p.time_ms, 1320067524000);
	end(&r);
}

static void a_later_base_takes_the_place_of_the_earlier(void **state)
{
	struct reading r = begin("[{\"bn\":\"a/\",\"bv\":100,\"n\":\"x\",\"v\":1},"
				 "{\"bn\":\"b/\",\"bv\":0,\"n\":\"x\",\"v\":1}]");
	(void)state;
	assert_ok(next(&r));
	assert_number(&r.p, "a/x", 101);
	assert_ok(next(&r));
	assert_number(&r.p, "b/x", 1);
	end(&r);
}

static void a_record_of_base_fields_alone_is_no_point(void **state)
{
	struct reading r = begin("[{\"bn\":\"a/\",\"bu\":\"V\"},{\"n\":\"x\",\"v\":1}]");
	(void)state;
	assert_ok(next(&r));
	assert_number(&r.p, "a/x", 1);
	assert_bytes(r.p.tags[0].value, "V");
	end(&r);
}

static void times_below_2_28_are_relative_to_now(void **state)
{
	struct reading r = begin("[{\"n\":\"x\",\"v\":1,\"t\":-5},{\"n\":\"x\",\"v\":1,\"t\":2.5},"
				 "{\"n\":\"x\",\"v\":1,\"t\":268435455},"
				 "{\"n\":\"x\",\"v\":1,\"t\":268435456}]");
	(void)state;
	assert_ok(next(&r));
	assert_true(r.p.has_time);
	assert_int_equal(r.p.time_ms, NOW_MS - 5000);
	assert_ok(next(&r));
	assert_int_equal(r.p.time_ms, NOW_MS + 2500);
	assert_ok(next(&r));
	assert_int_equal(r.p.time_ms, NOW_MS + 268435455000);
	assert_ok(next(&r));
	assert_int_equal(r.p.time_ms, 268435456000);
	end(&r);
}

static void base_and_own_time_are_added_before_they_are_compared(void **state)
{
	struct reading r = begin("[{\"bt\":1320067464,\"n\":\"x\",\"v\":1,\"t\":-4}]");
	(void)state;
	assert_ok(next(&r));
	assert_int_equal(r.p.time_ms, 1320067460000);
	end(&r);
}

static void a_relative_time_is_none_without_a_clock(void **state)
{
	struct reading r = begin_at("[{\"n\":\"x\",\"v\":1,\"t\":-5}]", 0);
	(void)state;
	assert_ok(next(&r));
	assert_false(r.p.has_time);
	end(&r);
}

static void an_absolute_time_needs_no_clock(void **state)
{
	struct reading r = begin_at("[{\"n\":\"x\",\"v\":1,\"t\":1320067464}]", 0);
	(void)state;
	assert_ok(next(&r));
	assert_true(r.p.has_time);
	assert_int_equal(r.p.time_ms, 1320067464000);
	end(&r);
}

static void a_time_that_no_clock_can_say_is_refused(void **state)
{
	(void)state;
	assert_refused("[{\"n\":\"x\",\"v\":1,\"t\":1e300}]");
	assert_refused("[{\"n\":\"x\",\"v\":1,\"t\":-1e300}]");
	assert_refused("[{\"n\":\"x\",\"v\":1,\"bt\":1e18}]");
}

static void booleans_and_strings_are_values_too(void **state)
{
	struct reading r = begin("[{\"n\":\"a\",\"vb\":true},{\"n\":\"b\",\"vb\":false},"
				 "{\"n\":\"c\",\"vs\":\"on\"}]");
	(void)state;
	assert_ok(next(&r));
	assert_int_equal(r.p.fields[0].value.type, VALUE_BOOLEAN);
	assert_int_equal(r.p.fields[0].value.integer, 1);
	assert_ok(next(&r));
	assert_int_equal(r.p.fields[0].value.integer, 0);
	assert_ok(next(&r));
	assert_int_equal(r.p.fields[0].value.type, VALUE_STRING);
	assert_bytes(r.p.fields[0].value.string, "on");
	end(&r);
}

static void sums_are_refused(void **state)
{
	(void)state;
	assert_refused("[{\"n\":\"x\",\"v\":1,\"s\":2}]");
	assert_refused("[{\"n\":\"x\",\"s\":2}]");
	assert_refused("[{\"bn\":\"x\",\"s\":2}]");
}

static void base_sums_are_refused(void **state)
{
	(void)state;
	assert_refused("[{\"n\":\"x\",\"v\":1,\"bs\":2}]");
}

static void data_is_refused(void **state)
{
	(void)state;
	assert_refused("[{\"n\":\"x\",\"vd\":\"aGkgCg\"}]");
	assert_refused("[{\"bn\":\"x\",\"vd\":\"aGkgCg\"}]");
}

static void a_record_without_a_value_is_refused(void **state)
{
	(void)state;
	assert_refused("[{\"n\":\"x\"}]");
	assert_refused("[{\"n\":\"x\",\"v\":\"1\"}]");
	assert_refused("[{\"n\":\"x\",\"vb\":1}]");
}

static void a_record_without_a_name_is_refused(void **state)
{
	(void)state;
	assert_refused("[{\"v\":1}]");
	assert_refused("[{\"n\":\"\",\"v\":1}]");
}

static void a_name_that_is_too_long_is_refused(void **state)
{
	char text[POINT_KEY_MAX + 64], name[POINT_KEY_MAX];
	(void)state;
	memset(name, 'n', sizeof name);
	snprintf(text, sizeof text, "[{\"n\":\"%.*s\",\"v\":1}]", POINT_KEY_MAX / 2 - 1, name);
	struct reading r = begin(text);
	assert_ok(next(&r));
	assert_int_equal(r.p.measurement.len, POINT_KEY_MAX / 2 - 1);
	end(&r);
	snprintf(text, sizeof text, "[{\"n\":\"%.*s\",\"v\":1}]", POINT_KEY_MAX / 2, name);
	assert_refused(text);
}

static void a_string_that_is_too_long_is_refused(void **state)
{
	static char text[POINT_STRING_MAX + 64], value[POINT_STRING_MAX + 2];
	(void)state;
	memset(value, 'v', POINT_STRING_MAX + 1);
	snprintf(text, sizeof text, "[{\"n\":\"x\",\"vs\":\"%s\"}]", value);
	assert_refused(text);
	value[POINT_STRING_MAX] = '\0';
	snprintf(text, sizeof text, "[{\"n\":\"x\",\"vs\":\"%s\"}]", value);
	struct reading r = begin(text);
	assert_ok(next(&r));
	end(&r);
}

static void a_value_that_is_not_finite_is_refused(void **state)
{
	(void)state;
	assert_refused("[{\"n\":\"x\",\"bv\":1.7e308,\"v\":1.7e308}]");
}

static void what_is_no_record_is_refused(void **state)
{
	(void)state;
	assert_refused("[1]");
	assert_refused("[\"x\"]");
	assert_refused("[[]]");
}

static void one_bad_record_costs_no_other(void **state)
{
	struct reading r = begin("[{\"n\":\"a\",\"v\":1},{\"n\":\"b\"},{\"n\":\"c\",\"v\":3}]");
	(void)state;
	assert_ok(next(&r));
	assert_err(ERR_INVALID, next(&r));
	assert_ok(next(&r));
	assert_number(&r.p, "c", 3);
	end(&r);
}

static void what_is_no_array_is_refused(void **state)
{
	struct senml s;
	struct json *j;
	struct why why = { "" };
	(void)state;
	assert_ok(json_parse(BYTES_LIT("{\"n\":\"x\",\"v\":1}"), &j, &why));
	assert_err(ERR_INVALID, senml_begin(&s, j, NOW_MS, &why));
	assert_string_not_equal(why.text, "");
	json_free(j);
}

static void an_empty_pack_is_at_its_end(void **state)
{
	struct reading r = begin("[]");
	(void)state;
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_becomes_a_point),
		cmocka_unit_test(base_fields_hold_for_what_follows),
		cmocka_unit_test(a_later_base_takes_the_place_of_the_earlier),
		cmocka_unit_test(a_record_of_base_fields_alone_is_no_point),
		cmocka_unit_test(times_below_2_28_are_relative_to_now),
		cmocka_unit_test(base_and_own_time_are_added_before_they_are_compared),
		cmocka_unit_test(a_relative_time_is_none_without_a_clock),
		cmocka_unit_test(an_absolute_time_needs_no_clock),
		cmocka_unit_test(a_time_that_no_clock_can_say_is_refused),
		cmocka_unit_test(booleans_and_strings_are_values_too),
		cmocka_unit_test(sums_are_refused),
		cmocka_unit_test(base_sums_are_refused),
		cmocka_unit_test(data_is_refused),
		cmocka_unit_test(a_record_without_a_value_is_refused),
		cmocka_unit_test(a_record_without_a_name_is_refused),
		cmocka_unit_test(a_name_that_is_too_long_is_refused),
		cmocka_unit_test(a_string_that_is_too_long_is_refused),
		cmocka_unit_test(a_value_that_is_not_finite_is_refused),
		cmocka_unit_test(what_is_no_record_is_refused),
		cmocka_unit_test(one_bad_record_costs_no_other),
		cmocka_unit_test(what_is_no_array_is_refused),
		cmocka_unit_test(an_empty_pack_is_at_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
