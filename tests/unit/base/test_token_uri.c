#include "base/token_uri.h"

#include "tests/check.h"

#include <stdio.h>

static const char MODULE[] = "?module-path=/lib/m.so";

static struct token_uri parsed(const char *path)
{
	char text[TOKEN_URI_SIZE];
	struct token_uri u;
	struct why why = { "" };
	snprintf(text, sizeof text, "pkcs11:%s%s", path, strchr(path, '?') ? "" : MODULE);
	if (token_uri_read(text, &u, &why))
		fail_msg("\"%s\": %s", text, why.text);
	return u;
}

static void assert_refused(const char *text, const char *reason)
{
	struct token_uri u;
	struct why why = { "" };
	assert_int_equal(token_uri_read(text, &u, &why), ERR_INVALID);
	if (!strstr(why.text, reason))
		fail_msg("\"%s\": %s", text, why.text);
}

static void attributes_are_taken_apart(void **state)
{
	(void)state;
	const struct token_uri u =
		parsed("token=a;object=b;serial=07;type=private?module-path=/m&pin-source=/p");
	assert_string_equal(u.token, "a");
	assert_string_equal(u.object, "b");
	assert_string_equal(u.serial, "07");
	assert_string_equal(u.module, "/m");
	assert_string_equal(u.pin_source, "/p");
	assert_int_equal(u.id_len, 0);
}

static void escapes_are_read(void **state)
{
	(void)state;
	assert_string_equal(parsed("object=a%20b%3Bc%3d%25").object, "a b;c=%");
	assert_string_equal(parsed("object=k?module-path=/a%3fb;c").module, "/a?b;c");
}

static void an_id_may_be_any_bytes(void **state)
{
	(void)state;
	const struct token_uri u = parsed("id=%00%ff%01");
	assert_int_equal(u.id_len, 3);
	assert_memory_equal(u.id, "\0\xff\1", 3);
	assert_refused("pkcs11:id=%00;id=%01?module-path=/m", "id is there twice");
}

static void a_pin_may_be_in_a_file_uri(void **state)
{
	(void)state;
	assert_string_equal(parsed("object=k?module-path=/m&pin-source=file:/etc/pin").pin_source,
			    "/etc/pin");
	assert_refused("pkcs11:object=k?module-path=/m&pin-source=|ask", "absolute path");
	assert_refused("pkcs11:object=k?module-path=/m&pin-source=file:", "absolute path");
}

static void a_pin_itself_is_refused_and_not_repeated(void **state)
{
	(void)state;
	struct token_uri u;
	struct why why;
	assert_int_equal(token_uri_read("pkcs11:object=k?module-path=/m&pin-value=9182", &u, &why),
			 ERR_INVALID);
	assert_non_null(strstr(why.text, "pin-source"));
	assert_null(strstr(why.text, "9182"));
}

static void what_is_not_understood_is_refused(void **state)
{
	(void)state;
	assert_refused("pkcs11:object=k;slot-id=3?module-path=/m", "slot-id is not understood");
	assert_refused("pkcs11:object=k;x-vendor=3?module-path=/m", "x-vendor");
	assert_refused("pkcs11:object=k;type=public?module-path=/m", "type is not private");
	assert_refused("pkcs11:object=k?module-path=/m&module-name=x", "module-name");
	/* on the other side of the '?' */
	assert_refused("pkcs11:object=k;module-path=/m", "module-path");
	assert_refused("pkcs11:?module-path=/m&object=k", "object");
	assert_refused("/etc/skerry/key.pem", "expected");
	assert_refused("PKCS11:object=k?module-path=/m", "expected");
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	assert_refused("pkcs11:", "object=LABEL");
	assert_refused("pkcs11:token=t?module-path=/m", "object=LABEL");
	assert_refused("pkcs11:object=k", "module-path");
	assert_refused("pkcs11:object=k?module-path=m.so", "module-path");
	assert_refused("pkcs11:object?module-path=/m", "object is empty");
	assert_refused("pkcs11:object=?module-path=/m", "object is empty");
	assert_refused("pkcs11:object=a;object=b?module-path=/m", "object is there twice");
}

static void broken_escapes_are_refused(void **state)
{
	(void)state;
	assert_refused("pkcs11:object=%?module-path=/m", "object has a %");
	assert_refused("pkcs11:object=%4?module-path=/m", "object has a %");
	assert_refused("pkcs11:object=%4g?module-path=/m", "object has a %");
	assert_refused("pkcs11:object=%-1?module-path=/m", "object has a %");
	assert_refused("pkcs11:object=k?module-path=/m%", "module-path has a %");
	assert_refused("pkcs11:object=k%00x?module-path=/m", "byte of 0");
}

static void lengths_have_an_end(void **state)
{
	(void)state;
	char value[TOKEN_VALUE_SIZE + 1], text[2 * TOKEN_URI_SIZE];
	memset(value, 'x', sizeof value);
	value[TOKEN_VALUE_SIZE - 1] = '\0';
	snprintf(text, sizeof text, "object=%s?module-path=/m", value);
	assert_string_equal(parsed(text).object, value);

	value[TOKEN_VALUE_SIZE - 1] = 'x';
	value[TOKEN_VALUE_SIZE] = '\0';
	snprintf(text, sizeof text, "pkcs11:object=%s?module-path=/m", value);
	assert_refused(text, "object is too long");

	memset(text, 'x', TOKEN_URI_SIZE);
	text[TOKEN_URI_SIZE] = '\0';
	memcpy(text, "pkcs11:", 7);
	assert_refused(text, "at most 255 bytes");
}

static void a_path_is_no_uri(void **state)
{
	(void)state;
	assert_true(token_uri_is("pkcs11:"));
	assert_false(token_uri_is("/pkcs11:"));
	assert_false(token_uri_is(""));
	assert_false(token_uri_is(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes_are_taken_apart),
		cmocka_unit_test(escapes_are_read),
		cmocka_unit_test(an_id_may_be_any_bytes),
		cmocka_unit_test(a_pin_may_be_in_a_file_uri),
		cmocka_unit_test(a_pin_itself_is_refused_and_not_repeated),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(broken_escapes_are_refused),
		cmocka_unit_test(lengths_have_an_end),
		cmocka_unit_test(a_path_is_no_uri),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
