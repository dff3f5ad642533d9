#include "base/pem.h"

#include "base/base64.h"
#include "tests/check.h"

/* As openssl writes it: lines of 64 characters. */
static const char two[] =
	"a remark\n"
	"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	"-----BEGIN CERTIFICATE-----\n"
	"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v\n"
	"MDEyMw==\n"
	"-----END CERTIFICATE-----\n";

static void blocks_come_one_after_the_other(void **state)
{
	struct bytes rest = bytes_of(two);
	struct pem_block b;
	(void)state;
	assert_true(pem_next(&rest, &b));
	assert_string_equal(b.label, "EC PARAMETERS");
	assert_true(pem_next(&rest, &b));
	assert_string_equal(b.label, "CERTIFICATE");
	assert_false(pem_next(&rest, &b));
}

static void what_is_read_is_written_as_it_was(void **state)
{
	struct bytes rest = bytes_of(two);
	struct pem_block b;
	char der[128], text[512];
	size_t len;
	(void)state;
	assert_true(pem_next(&rest, &b) && pem_next(&rest, &b));
	assert_ok(base64_decode(b.base64, der, &len));
	assert_int_equal(len, 52);
	struct text t = text_in(text, sizeof text);
	pem_add(&t, b.label, (struct bytes){ der, len });
	assert_non_null(strstr(two, text));
	assert_true(t.len < pem_size(len));
}

static void a_block_without_an_end_is_none(void **state)
{
	static const char *const bad[] = {
		"", "-----BEGIN ", "-----BEGIN KEY-----\nAAAA\n", "-----BEGIN KEY\nAAAA\n",
		"-----BEGIN A NAME THAT IS MUCH LONGER THAN ANY OTHER-----\n-----END -----\n"
	};
	struct pem_block b;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct bytes rest = bytes_of(bad[i]);
		assert_false(pem_next(&rest, &b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_come_one_after_the_other),
		cmocka_unit_test(what_is_read_is_written_as_it_was),
		cmocka_unit_test(a_block_without_an_end_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
