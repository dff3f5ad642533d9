#include "sync/signed.h"

#include "tests/check.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ONE "{\"key\":\"" KEY "\",\"sig\":\"MAYCAQACAQA=\"}"

static enum err read(const char *text, struct signed_text *out, struct why *why)
{
	struct json *j;
	assert_ok(json_parse(bytes_of(text), &j, NULL));
	enum err e = signed_read(j, out, why);
	json_free(j);
	return e;
}

static void an_envelope_is_read(void **state)
{
	struct signed_text s;
	(void)state;
	assert_ok(read("{\"payload\":\"c2tlcnJ5\",\"sigs\":[" ONE "]}", &s, NULL));
	assert_string_equal(s.payload, "skerry");
	assert_int_equal(s.len, 6);
	assert_string_equal(
		s.digest,
		"sha256:afe86b1f7924d4bbeb58c4c7060ccff9210969484dbda3fe6c751c726d90897a");
	assert_int_equal(s.by.count, 1);
	assert_string_equal(s.by.list[0].key, KEY);
	assert_int_equal(s.by.list[0].len, 8);
	signed_free(&s);
	assert_null(s.payload);
}

static void assert_refused(enum err class, const char *text, const char *hint)
{
	struct signed_text s;
	struct why why = { "" };
	assert_err(class, read(text, &s, &why));
	if (!strstr(why.text, hint))
		fail_msg("the reason \"%s\" does not say \"%s\"", why.text, hint);
	assert_null(s.payload);
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	assert_refused(ERR_INVALID, "{}", "payload");
	assert_refused(ERR_INVALID, "[]", "payload");
	assert_refused(ERR_INVALID, "{\"payload\":1,\"sigs\":[]}", "payload");
	assert_refused(ERR_INVALID, "{\"payload\":\"x\",\"sigs\":[]}", "base64");
	assert_refused(ERR_INVALID, "{\"payload\":\"\"}", "sigs");
	assert_refused(ERR_INVALID, "{\"payload\":\"\",\"sigs\":{}}", "sigs");
	assert_refused(ERR_INVALID, "{\"payload\":\"\",\"sigs\":[1]}", "sigs[0].key");
	assert_refused(ERR_INVALID, "{\"payload\":\"\",\"sigs\":[" ONE ",{\"key\":\"ab\"}]}",
		       "sigs[1].key");
	assert_refused(ERR_INVALID, "{\"payload\":\"\",\"sigs\":[{\"key\":\"" KEY "\"}]}",
		       "sigs[0].sig");
	assert_refused(ERR_INVALID,
		       "{\"payload\":\"\",\"sigs\":[{\"key\":\"" KEY "\",\"sig\":\"\"}]}",
		       "sigs[0].sig");
	/* 75 bytes */
	assert_refused(ERR_INVALID,
		       "{\"payload\":\"\",\"sigs\":[{\"key\":\"" KEY "\",\"sig\":\""
		       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
		       "sigs[0].sig");
}

static void eight_signatures_fit_and_nine_do_not(void **state)
{
	struct signed_text s;
	(void)state;
#define FOUR ONE "," ONE "," ONE "," ONE
	assert_ok(read("{\"payload\":\"\",\"sigs\":[" FOUR "," FOUR "]}", &s, NULL));
	assert_int_equal(s.by.count, SIGNATURES_MAX);
	signed_free(&s);
	assert_refused(ERR_FULL, "{\"payload\":\"\",\"sigs\":[" FOUR "," FOUR "," ONE "]}",
		       "more than 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_envelope_is_read),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(eight_signatures_fit_and_nine_do_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
