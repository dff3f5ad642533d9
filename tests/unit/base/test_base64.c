#include "base/base64.h"

#include "tests/check.h"

static void assert_decodes(const char *text, const char *expected, size_t len)
{
	char out[64];
	size_t n = 99;
	assert_ok(base64_decode(bytes_of(text), out, &n));
	assert_int_equal(n, len);
	assert_memory_equal(out, expected, len);
}

static void knows_the_vectors_of_the_rfc(void **state)
{
	(void)state;
	assert_decodes("", "", 0);
	assert_decodes("Zg==", "f", 1);
	assert_decodes("Zm8=", "fo", 2);
	assert_decodes("Zm9v", "foo", 3);
	assert_decodes("Zm9vYg==", "foob", 4);
	assert_decodes("Zm9vYmE=", "fooba", 5);
	assert_decodes("Zm9vYmFy", "foobar", 6);
}

static void takes_all_bytes_and_folded_lines(void **state)
{
	(void)state;
	assert_decodes("AP/+\r\n+w==\n", "\0\377\376\373", 4);
}

static void refuses_what_is_not_whole(void **state)
{
	static const char *const bad[] = { "Z",        "Zg",   "Zg=",   "Zm9vYg=", "Z===", "====",
					   "Zg==Zg==", "Zg=a", "Zm 9v", "Zm-_",    "Zg===" };
	char out[64];
	size_t n;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (base64_decode(bytes_of(bad[i]), out, &n) != ERR_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
}

static void what_is_encoded_decodes_again(void **state)
{
	static const char all[] = "\0\377\376\373 skerry";
	char text[64], back[64];
	size_t len;
	(void)state;
	base64_encode(BYTES_LIT("foob"), text);
	assert_string_equal(text, "Zm9vYg==");
	for (size_t n = 0; n <= sizeof all; n++) {
		base64_encode((struct bytes){ all, n }, text);
		assert_int_equal(strlen(text) + 1, base64_size(n));
		assert_ok(base64_decode(bytes_of(text), back, &len));
		assert_int_equal(len, n);
		assert_memory_equal(back, all, n);
	}
}

static void the_form_for_addresses_has_no_padding(void **state)
{
	static const char all[] = "\0\377\376\373 skerry";
	static const char *const bad[] = { "Z", "Zg==", "Zm9vY", "Zm+/", "Zm 9", "Zm9v\n" };
	char text[64], back[64];
	size_t len;
	(void)state;
	base64url_encode(BYTES_LIT("\377\376\373\357"), text);
	assert_string_equal(text, "__777w");
	for (size_t n = 0; n <= sizeof all; n++) {
		base64url_encode((struct bytes){ all, n }, text);
		assert_ok(base64url_decode(bytes_of(text), back, &len));
		assert_int_equal(len, n);
		assert_memory_equal(back, all, n);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (base64url_decode(bytes_of(bad[i]), back, &len) != ERR_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_vectors_of_the_rfc),
		cmocka_unit_test(takes_all_bytes_and_folded_lines),
		cmocka_unit_test(refuses_what_is_not_whole),
		cmocka_unit_test(what_is_encoded_decodes_again),
		cmocka_unit_test(the_form_for_addresses_has_no_padding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
