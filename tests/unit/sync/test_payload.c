#include "sync/payload.h"

#include "base/text.h"
#include "tests/check.h"

#include <stdlib.h>

static void formats_are_recognised(void **state)
{
	static const struct {
		const char *text;
		enum payload_format format;
	} cases[] = {
		{ "21.5", PAYLOAD_NUMBER },
		{ " -3e2\n", PAYLOAD_NUMBER },
		{ "true", PAYLOAD_NUMBER },
		{ "{\"t\":1}", PAYLOAD_JSON },
		{ "\n {", PAYLOAD_JSON },
		{ "[{\"n\":\"t\",\"v\":1}]", PAYLOAD_SENML },
		{ "temp value=1", PAYLOAD_LINE },
		{ "21.5 C", PAYLOAD_LINE },
		{ "", PAYLOAD_LINE },
		{ "ON", PAYLOAD_LINE },
	};
	enum payload_format f;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (payload_recognise(bytes_of(cases[i].text)) != cases[i].format)
			fail_msg("%s", cases[i].text);
	assert_true(payload_format_read(BYTES_LIT("senml"), &f));
	assert_int_equal(f, PAYLOAD_SENML);
	assert_false(payload_format_read(BYTES_LIT("xml"), &f));
}

static void a_number_is_a_point(void **state)
{
	struct point p;
	struct why why;
	(void)state;
	assert_ok(payload_read_number(BYTES_LIT(" 21.5\r\n"), "sensors", &p, &why));
	assert_true(bytes_are(p.measurement, "sensors"));
	assert_true(bytes_are(p.fields[0].name, "value"));
	assert_int_equal(p.field_count, 1);
	assert_int_equal(p.fields[0].value.type, VALUE_FLOAT);
	assert_true(p.fields[0].value.number == 21.5);
	assert_ok(payload_read_number(BYTES_LIT("false"), "sensors", &p, &why));
	assert_int_equal(p.fields[0].value.type, VALUE_BOOLEAN);
	assert_int_equal(p.fields[0].value.integer, 0);
}

static void what_is_no_number_is_refused(void **state)
{
	static const char *const words[] = { "",      " ",   "nan", "inf", "0x1",
					     "1e999", "1 2", "1,5", "ON",  "--1" };
	struct point p;
	struct why why;
	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (payload_read_number(bytes_of(words[i]), "m", &p, &why) != ERR_INVALID)
			fail_msg("%s is taken", words[i]);
	assert_err(ERR_INVALID, payload_read_number(BYTES_LIT("1\0002"), "m", &p, &why));
	char many[300];
	memset(many, '1', sizeof many);
	assert_err(ERR_INVALID,
		   payload_read_number((struct bytes){ many, sizeof many }, "m", &p, &why));
}

struct object {
	struct json *json;
	struct payload_names names;
	struct point point;
	struct why why;
};

static enum err read(struct object *o, const char *text)
{
	assert_ok(json_parse(bytes_of(text), &o->json, &o->why));
	return payload_read_object(o->json, "meters", &o->names, &o->point, &o->why);
}

/* The fields as "a=1,b_c=t,d="x"". */
static void assert_fields(const char *json, const char *expected)
{
	static struct object o;
	char text[256];
	struct text t = text_in(text, sizeof text);
	if (read(&o, json))
		fail_msg("%s: %s", json, o.why.text);
	for (size_t i = 0; i < o.point.field_count; i++) {
		const struct point_field *f = &o.point.fields[i];
		text_add(&t, "%s%.*s=", i ? "," : "", (int)f->name.len, f->name.at);
		if (f->value.type == VALUE_FLOAT)
			text_add(&t, "%g", f->value.number);
		else if (f->value.type == VALUE_BOOLEAN)
			text_add(&t, "%s", f->value.integer ? "t" : "f");
		else
			text_add(&t, "\"%.*s\"", (int)f->value.string.len, f->value.string.at);
	}
	assert_string_equal(text, expected);
	json_free(o.json);
}

static void assert_refused(enum err class, const char *json)
{
	static struct object o;
	assert_err(class, read(&o, json));
	assert_string_not_equal(o.why.text, "");
	json_free(o.json);
}

static void members_are_fields(void **state)
{
	(void)state;
	assert_fields("{\"temperature\":21,\"humidity\":48.5,\"linkquality\":102}",
		      "temperature=21,humidity=48.5,linkquality=102");
	assert_fields("{\"state\":\"ON\",\"contact\":false}", "state=\"ON\",contact=f");
}

static void inner_members_join_their_names(void **state)
{
	(void)state;
	assert_fields("{\"Time\":\"x\",\"ENERGY\":{\"Power\":5,\"Sub\":{\"a\":1}},\"last\":2}",
		      "Time=\"x\",ENERGY_Power=5,ENERGY_Sub_a=1,last=2");
	assert_fields("{\"a\":{\"b\":{\"c\":{\"d\":1}}}}", "a_b_c_d=1");
	assert_refused(ERR_FULL, "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}");
}

static void lists_and_null_are_passed_over(void **state)
{
	(void)state;
	assert_fields("{\"a\":null,\"b\":[1,2],\"c\":{},\"d\":1}", "d=1");
	assert_refused(ERR_INVALID, "{\"a\":null,\"b\":[1]}");
	assert_refused(ERR_INVALID, "{}");
	assert_refused(ERR_INVALID, "[1]");
	assert_refused(ERR_INVALID, "5");
}

static void more_than_fits_a_point_is_refused(void **state)
{
	char json[4096];
	struct text t = text_in(json, sizeof json);
	(void)state;
	for (int i = 0; i <= POINT_FIELDS_MAX; i++)
		text_add(&t, "%c\"f%d\":1", i ? ',' : '{', i);
	text_add(&t, "}");
	assert_refused(ERR_FULL, json);
	t = text_in(json, sizeof json);
	text_add(&t, "{\"%0*d\":1}", POINT_KEY_MAX, 7);
	assert_refused(ERR_FULL, json);
	t = text_in(json, sizeof json);
	text_add(&t, "{\"%0*d\":{\"%0*d\":1}}", POINT_KEY_MAX / 2, 7, POINT_KEY_MAX / 2, 7);
	assert_refused(ERR_FULL, json);
	assert_refused(ERR_FULL, "{\"\":1}");
}

/* Whatever comes: an answer. */
static void any_object_has_an_answer(void **state)
{
	static const char *const parts[] = { "{", "}", "\"a\":", "\"b\":", "1",     "null",   "[",
					     "]", ",", "\"\"",   "true",   "1e999", "{\"a\":" };
	unsigned seed = 20261127;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[128];
		struct text t = text_in(text, sizeof text);
		static struct object o;
		for (int i = rand_r(&seed) % 12; i >= 0; i--)
			text_add(&t, "%s",
				 parts[(size_t)rand_r(&seed) % (sizeof parts / sizeof *parts)]);
		if (json_parse(text_bytes(&t), &o.json, &o.why))
			continue;
		(void)!payload_read_object(o.json, "m", &o.names, &o.point, &o.why);
		json_free(o.json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_are_recognised),
		cmocka_unit_test(a_number_is_a_point),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(members_are_fields),
		cmocka_unit_test(inner_members_join_their_names),
		cmocka_unit_test(lists_and_null_are_passed_over),
		cmocka_unit_test(more_than_fits_a_point_is_refused),
		cmocka_unit_test(any_object_has_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
