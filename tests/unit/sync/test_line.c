#include "sync/line.h"

#include "tests/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text of its own size, so that reading past its end is seen. */
struct text_copy {
	char *at, *end, *rest;
};

static struct text_copy copy_of(struct bytes s)
{
	struct text_copy c = { .at = malloc(s.len ? s.len : 1) };
	assert_non_null(c.at);
	if (s.len)
		memcpy(c.at, s.at, s.len);
	c.rest = c.at;
	c.end = c.at + s.len;
	return c;
}

static enum err next(struct text_copy *c, struct point *out)
{
	struct why why;
	return line_read(&c->rest, c->end, out, &why);
}

/* The one line of a text; what is borrowed from it stays until the next call. */
static struct point read_bytes(struct bytes line)
{
	static struct text_copy c;
	struct point p;
	struct why why = { "" };
	free(c.at);
	c = copy_of(line);
	if (line_read(&c.rest, c.end, &p, &why))
		fail_msg("\"%.*s\" is refused: %s", (int)line.len, line.at, why.text);
	assert_ptr_equal(c.rest, c.end);
	return p;
}

static struct point read(const char *line)
{
	return read_bytes(bytes_of(line));
}

static void assert_refused_bytes(enum err class, struct bytes line)
{
	struct text_copy c = copy_of(line);
	struct point p;
	struct why why = { "" };
	enum err e = line_read(&c.rest, c.end, &p, &why);
	if (e != class)
		fail_msg("\"%.*s\" gives %s", (int)(line.len < 80 ? line.len : 80), line.at,
			 err_name(e));
	assert_string_not_equal(why.text, "");
	assert_ptr_equal(c.rest, c.end);
	free(c.at);
}

static void assert_refused(const char *line)
{
	assert_refused_bytes(ERR_INVALID, bytes_of(line));
}

static void assert_bytes(struct bytes got, const char *expected)
{
	if (!bytes_are(got, expected))
		fail_msg("\"%.*s\" is not \"%s\"", (int)got.len, got.at, expected);
}

/* The value of the only field, written as `text`. */
static struct value value_of(const char *text)
{
	char line[256];
	snprintf(line, sizeof line, "m f=%s", text);
	struct point p = read(line);
	assert_int_equal(p.field_count, 1);
	return p.fields[0].value;
}

static void assert_no_value(const char *text)
{
	char line[256];
	snprintf(line, sizeof line, "m f=%s", text);
	assert_refused(line);
}

static void the_example_of_the_contract_is_read(void **state)
{
	struct point p = read("line,span=4 sag=1.93");
	(void)state;
	assert_bytes(p.measurement, "line");
	assert_int_equal(p.tag_count, 1);
	assert_bytes(p.tags[0].key, "span");
	assert_bytes(p.tags[0].value, "4");
	assert_int_equal(p.field_count, 1);
	assert_bytes(p.fields[0].name, "sag");
	assert_int_equal(p.fields[0].value.type, VALUE_FLOAT);
	assert_true(p.fields[0].value.number == 1.93);
	assert_false(p.has_time);
}

static void every_part_is_read(void **state)
{
	struct point p = read("m,b=2,a=1 x=1i,y=\"s\",z=t 1732272000123456789");
	(void)state;
	assert_int_equal(p.tag_count, 2);
	assert_bytes(p.tags[0].key, "a");
	assert_bytes(p.tags[1].key, "b");
	assert_int_equal(p.field_count, 3);
	assert_int_equal(p.fields[0].value.integer, 1);
	assert_bytes(p.fields[1].value.string, "s");
	assert_int_equal(p.fields[2].value.integer, 1);
	assert_true(p.has_time);
	assert_int_equal(p.time_ms, 1732272000123);
}

static void escapes_in_names_are_resolved(void **state)
{
	struct point p = read("my\\ m\\,x,t\\,1=v\\=\\ 1 f\\=\\ g=1");
	(void)state;
	assert_bytes(p.measurement, "my m,x");
	assert_bytes(p.tags[0].key, "t,1");
	assert_bytes(p.tags[0].value, "v= 1");
	assert_bytes(p.fields[0].name, "f= g");
}

static void a_backslash_before_anything_else_stays(void **state)
{
	struct point p = read("a\\b,t=c\\d e\\f=\"g\\h\"");
	(void)state;
	assert_bytes(p.measurement, "a\\b");
	assert_bytes(p.tags[0].value, "c\\d");
	assert_bytes(p.fields[0].name, "e\\f");
	assert_bytes(p.fields[0].value.string, "g\\h");
}

static void strings_hold_anything_and_escape_quotes(void **state)
{
	(void)state;
	assert_bytes(value_of("\"\"").string, "");
	assert_bytes(value_of("\"a b,c=d\"").string, "a b,c=d");
	assert_bytes(value_of("\"say \\\"hi\\\"\"").string, "say \"hi\"");
	assert_bytes(value_of("\"back\\\\slash\"").string, "back\\slash");
	assert_int_equal(value_of("\"12i\"").type, VALUE_STRING);
}

static void a_string_needs_its_closing_quote(void **state)
{
	(void)state;
	assert_no_value("\"open");
	assert_no_value("\"open\\\"");
	assert_no_value("\"");
}

static void integers_end_in_i_or_u(void **state)
{
	(void)state;
	assert_int_equal(value_of("12i").type, VALUE_INTEGER);
	assert_int_equal(value_of("12i").integer, 12);
	assert_int_equal(value_of("-12i").integer, -12);
	assert_int_equal(value_of("12u").integer, 12);
	assert_true(value_of("9223372036854775807i").integer == INT64_MAX);
	assert_true(value_of("-9223372036854775808i").integer == INT64_MIN);
}

static void what_is_no_integer_is_refused(void **state)
{
	(void)state;
	assert_no_value("9223372036854775808i");
	assert_no_value("18446744073709551615u");
	assert_no_value("1.5i");
	assert_no_value("0x1i");
	assert_no_value("i");
	assert_no_value("1ii");
	assert_no_value("- 1i");
}

static void unsigned_means_unsigned(void **state)
{
	(void)state;
	assert_no_value("-1u");
}

static void booleans_are_written_in_ten_ways(void **state)
{
	static const char *const yes[] = { "t", "T", "true", "True", "TRUE" };
	static const char *const no[] = { "f", "F", "false", "False", "FALSE" };
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(value_of(yes[i]).type, VALUE_BOOLEAN);
		assert_int_equal(value_of(yes[i]).integer, 1);
		assert_int_equal(value_of(no[i]).type, VALUE_BOOLEAN);
		assert_int_equal(value_of(no[i]).integer, 0);
	}
	assert_no_value("tRUE");
	assert_no_value("yes");
	assert_no_value("truer");
}

static void floats_are_decimal(void **state)
{
	(void)state;
	assert_int_equal(value_of("1").type, VALUE_FLOAT);
	assert_true(value_of("-1.5").number == -1.5);
	assert_true(value_of("1e3").number == 1000);
	assert_true(value_of("1.5E-3").number == 0.0015);
	assert_true(value_of("5e-324").number == 5e-324);
	assert_true(value_of("1.7976931348623157e308").number == 1.7976931348623157e308);
	assert_true(signbit(value_of("-0.0").number) != 0);
}

static void nan_infinity_and_hexadecimal_are_refused(void **state)
{
	static const char *const words[] = { "nan",   "NaN", "inf", "-inf",  "Infinity",
					     "1e999", "0x1", "0xA", "0x1p3", "-1e999" };
	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_no_value(words[i]);
}

static void half_numbers_are_refused(void **state)
{
	static const char *const words[] = { "1e", "e5", "--1", "1.2.3", "+", "-", "1-2" };
	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_no_value(words[i]);
}

static void a_number_of_many_digits_is_whole_or_refused(void **state)
{
	struct point p;
	struct why why;
	char line[] = "m f=0.10000000000000000000000000000000000000000000000000000005";
	char *rest = line;
	(void)state;
	if (line_read(&rest, line + sizeof line - 1, &p, &why))
		return;
	assert_true(p.fields[0].value.number == 0.1);
	assert_false(p.has_time);
}

static void a_value_ends_at_a_comma_a_blank_or_the_end(void **state)
{
	(void)state;
	assert_refused("m f=\"a\"5");
	assert_refused("m f=\"a\"b");
	assert_refused("m f=\"a\"\"b\"");
	assert_refused("m f=1\"a\"");
}

static void a_value_is_not_read_only_up_to_a_nul(void **state)
{
	(void)state;
	assert_refused_bytes(ERR_INVALID, BYTES_LIT("m f=t\0x"));
	assert_refused_bytes(ERR_INVALID, BYTES_LIT("m f=1\0x"));
}

static void time_is_nanoseconds(void **state)
{
	struct point p = read("m f=1 1732272000123999999");
	(void)state;
	assert_int_equal(p.time_ms, 1732272000123);
	p = read("m f=1   1000000  ");
	assert_true(p.has_time);
	assert_int_equal(p.time_ms, 1);
	p = read("m f=1 0");
	assert_true(p.has_time);
	assert_int_equal(p.time_ms, 0);
	p = read("m f=1 -2000000");
	assert_int_equal(p.time_ms, -2);
	assert_false(read("m f=1 ").has_time);
}

static void a_wrong_time_is_refused(void **state)
{
	(void)state;
	assert_refused("m f=1 now");
	assert_refused("m f=1 1.5");
	assert_refused("m f=1 1732272000123456789 7");
	assert_refused("m f=1 9223372036854775808");
	assert_refused("m f=1 1732272000123456789i");
}

static void missing_parts_are_refused(void **state)
{
	static const char *const lines[] = {
		"m",          ",a=1 f=1",       "m,a=1",    "m f",      "m f=",   "m =1",
		"m f=1,",     "m,a f=1",        "m,=1 f=1", "m,a= f=1", "m, f=1", "m f=1,=2",
		"m f=1, g=2", "m,a=1  f=1 x=2",
	};
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_refused(lines[i]);
}

static void comments_and_blank_lines_are_passed_over(void **state)
{
	struct text_copy c = copy_of(BYTES_LIT("\n\r\n   \n# m f=1\n  # also\nm f=1\n\n#end"));
	struct point p;
	(void)state;
	assert_ok(next(&c, &p));
	assert_bytes(p.measurement, "m");
	assert_err(ERR_NOT_FOUND, next(&c, &p));
	assert_err(ERR_NOT_FOUND, next(&c, &p));
	free(c.at);
}

static void nothing_at_all_is_the_end(void **state)
{
	struct text_copy c = copy_of(BYTES_LIT(""));
	struct point p;
	(void)state;
	assert_err(ERR_NOT_FOUND, next(&c, &p));
	free(c.at);
}

static void lines_may_end_as_on_windows(void **state)
{
	struct text_copy c = copy_of(BYTES_LIT("a f=1i\r\nb f=\"x\"\r\nc f=t 5000000\r\n"));
	struct point p;
	(void)state;
	assert_ok(next(&c, &p));
	assert_int_equal(p.fields[0].value.integer, 1);
	assert_ok(next(&c, &p));
	assert_bytes(p.fields[0].value.string, "x");
	assert_ok(next(&c, &p));
	assert_int_equal(p.time_ms, 5);
	assert_err(ERR_NOT_FOUND, next(&c, &p));
	free(c.at);
}

static void one_bad_line_costs_no_other(void **state)
{
	struct text_copy c = copy_of(BYTES_LIT("a f=1\nb f=oops\nc f=\"open\nd f=4"));
	struct point p;
	(void)state;
	assert_ok(next(&c, &p));
	assert_bytes(p.measurement, "a");
	assert_err(ERR_INVALID, next(&c, &p));
	assert_err(ERR_INVALID, next(&c, &p));
	assert_ok(next(&c, &p));
	assert_bytes(p.measurement, "d");
	assert_err(ERR_NOT_FOUND, next(&c, &p));
	free(c.at);
}

/* "m,t00=v,... f00=1,..." */
static void make_line(char *out, size_t cap, int tags, int fields)
{
	size_t n = (size_t)snprintf(out, cap, "m");
	for (int i = 0; i < tags; i++)
		n += (size_t)snprintf(out + n, cap - n, ",t%02d=v", i);
	for (int i = 0; i < fields; i++)
		n += (size_t)snprintf(out + n, cap - n, "%cf%02d=1", i ? ',' : ' ', i);
}

static void one_tag_more_than_fits_is_refused(void **state)
{
	char line[1024];
	(void)state;
	make_line(line, sizeof line, POINT_TAGS_MAX, 1);
	assert_int_equal(read(line).tag_count, POINT_TAGS_MAX);
	make_line(line, sizeof line, POINT_TAGS_MAX + 1, 1);
	assert_refused_bytes(ERR_FULL, bytes_of(line));
}

static void one_field_more_than_fits_is_refused(void **state)
{
	char line[1024];
	(void)state;
	make_line(line, sizeof line, 0, POINT_FIELDS_MAX);
	assert_int_equal(read(line).field_count, POINT_FIELDS_MAX);
	make_line(line, sizeof line, 0, POINT_FIELDS_MAX + 1);
	assert_refused_bytes(ERR_FULL, bytes_of(line));
}

static void one_byte_more_than_a_string_may_have_is_refused(void **state)
{
	static char line[POINT_STRING_MAX + 16];
	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "m f=\"", 5);
	line[5 + POINT_STRING_MAX] = '"';
	assert_int_equal(
		read_bytes((struct bytes){ line, 6 + POINT_STRING_MAX }).fields[0].value.string.len,
		POINT_STRING_MAX);
	memset(line, 'x', sizeof line);
	memcpy(line, "m f=\"", 5);
	line[6 + POINT_STRING_MAX] = '"';
	assert_refused_bytes(ERR_FULL, (struct bytes){ line, 7 + POINT_STRING_MAX });
}

static void the_last_of_two_equal_tags_counts(void **state)
{
	struct point p = read("m,a=1,a=2 f=1");
	(void)state;
	assert_int_equal(p.tag_count, 1);
	assert_bytes(p.tags[0].value, "2");
}

/* Whatever comes: an answer, and never a step past the end. */
static void any_bytes_have_an_answer(void **state)
{
	static const char alphabet[] = "m,= \"\\\n\r#1ietf.-\0\xff";
	unsigned seed = 20261124;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[40];
		size_t len = (size_t)rand_r(&seed) % sizeof text;
		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
		struct text_copy c = copy_of((struct bytes){ text, len });
		struct point p;
		size_t lines = 0;
		while (next(&c, &p) != ERR_NOT_FOUND)
			assert_in_range(++lines, 1, sizeof text);
		assert_ptr_equal(c.rest, c.end);
		free(c.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_contract_is_read),
		cmocka_unit_test(every_part_is_read),
		cmocka_unit_test(escapes_in_names_are_resolved),
		cmocka_unit_test(a_backslash_before_anything_else_stays),
		cmocka_unit_test(strings_hold_anything_and_escape_quotes),
		cmocka_unit_test(a_string_needs_its_closing_quote),
		cmocka_unit_test(integers_end_in_i_or_u),
		cmocka_unit_test(what_is_no_integer_is_refused),
		cmocka_unit_test(unsigned_means_unsigned),
		cmocka_unit_test(booleans_are_written_in_ten_ways),
		cmocka_unit_test(floats_are_decimal),
		cmocka_unit_test(nan_infinity_and_hexadecimal_are_refused),
		cmocka_unit_test(half_numbers_are_refused),
		cmocka_unit_test(a_number_of_many_digits_is_whole_or_refused),
		cmocka_unit_test(a_value_ends_at_a_comma_a_blank_or_the_end),
		cmocka_unit_test(a_value_is_not_read_only_up_to_a_nul),
		cmocka_unit_test(time_is_nanoseconds),
		cmocka_unit_test(a_wrong_time_is_refused),
		cmocka_unit_test(missing_parts_are_refused),
		cmocka_unit_test(comments_and_blank_lines_are_passed_over),
		cmocka_unit_test(nothing_at_all_is_the_end),
		cmocka_unit_test(lines_may_end_as_on_windows),
		cmocka_unit_test(one_bad_line_costs_no_other),
		cmocka_unit_test(one_tag_more_than_fits_is_refused),
		cmocka_unit_test(one_field_more_than_fits_is_refused),
		cmocka_unit_test(one_byte_more_than_a_string_may_have_is_refused),
		cmocka_unit_test(the_last_of_two_equal_tags_counts),
		cmocka_unit_test(any_bytes_have_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
