#include "ports/digest.h"

#include "tests/check.h"

#include <string.h>

/* FIPS 180-4's examples. */
static void known_digests_come_out(void **state)
{
	char out[DIGEST_SIZE];
	(void)state;
	digest_of(BYTES_LIT(""), out);
	assert_string_equal(
		out, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest_of(BYTES_LIT("abc"), out);
	assert_string_equal(
		out, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_of(BYTES_LIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), out);
	assert_string_equal(
		out, "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_digest_is_a_digest(void **state)
{
	char out[DIGEST_SIZE];
	(void)state;
	digest_of(BYTES_LIT("x"), out);
	assert_true(label_is_digest(bytes_of(out)));
}

static void parts_make_the_same_as_the_whole(void **state)
{
	static char text[1000];
	char whole[DIGEST_SIZE], parts[DIGEST_SIZE];
	(void)state;
	memset(text, 'a', sizeof text);
	digest_of((struct bytes){ text, sizeof text }, whole);
	for (size_t step = 1; step <= sizeof text; step += 37) {
		struct digest *d = digest_begin();
		for (size_t at = 0; at < sizeof text; at += step) {
			size_t left = sizeof text - at;
			digest_add(d, (struct bytes){ text + at, left < step ? left : step });
			digest_add(d, (struct bytes){ NULL, 0 });
		}
		digest_end(d, parts);
		assert_string_equal(parts, whole);
	}
}

static void one_may_be_dropped_and_so_may_nothing(void **state)
{
	struct digest *d = digest_begin();
	(void)state;
	digest_add(d, BYTES_LIT("x"));
	digest_drop(d);
	digest_drop(NULL);
}

/* RFC 4231, 4.3. */
static void a_keyed_digest_is_hmac(void **state)
{
	char out[DIGEST_SIZE], other[DIGEST_SIZE];
	(void)state;
	digest_keyed(BYTES_LIT("Jefe"), BYTES_LIT("what do ya want for nothing?"), out);
	assert_string_equal(out, "sha256:5bdcc146bf60754e6a042426089575c7"
				 "5a003f089d2739839dec58b964ec3843");
	assert_true(digest_equal(out, out));
	digest_keyed(BYTES_LIT("Jeff"), BYTES_LIT("what do ya want for nothing?"), other);
	assert_false(digest_equal(out, other));
	assert_false(digest_equal(out, "sha256:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_digests_come_out),
		cmocka_unit_test(a_digest_is_a_digest),
		cmocka_unit_test(parts_make_the_same_as_the_whole),
		cmocka_unit_test(a_keyed_digest_is_hmac),
		cmocka_unit_test(one_may_be_dropped_and_so_may_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
