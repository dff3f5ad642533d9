#include "ports/compress.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

enum { LARGE = 100 * 1000 };

static void assert_round_trip(struct bytes in)
{
	size_t packed_len, len;
	char *packed = malloc(in.len + 256), *out = malloc(in.len + 1);
	assert_non_null(packed);
	assert_non_null(out);
	assert_ok(compress_pack(in, packed, in.len + 256, &packed_len));
	assert_ok(compress_unpack((struct bytes){ packed, packed_len }, out, in.len + 1, &len));
	assert_true(bytes_equal((struct bytes){ out, len }, in));
	/* Room for exactly what is in it is room enough. */
	if (in.len)
		assert_ok(compress_unpack((struct bytes){ packed, packed_len }, out, in.len, &len));
	free(packed);
	free(out);
}

static char *random_text(size_t len, int kinds)
{
	unsigned seed = 5;
	char *text = malloc(len);
	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(rand_r(&seed) % kinds);
	return text;
}

static void what_is_packed_unpacks(void **state)
{
	char *noise = random_text(LARGE, 256), *text = random_text(LARGE, 4);
	(void)state;
	assert_round_trip(BYTES_LIT(""));
	assert_round_trip(BYTES_LIT("a"));
	assert_round_trip(BYTES_LIT("\0\0\0\0"));
	assert_round_trip((struct bytes){ noise, LARGE });
	assert_round_trip((struct bytes){ text, LARGE });
	free(noise);
	free(text);
}

static void packing_makes_small(void **state)
{
	char out[1024];
	size_t len;
	char *text = calloc(1, LARGE);
	(void)state;
	assert_non_null(text);
	assert_ok(compress_pack((struct bytes){ text, LARGE }, out, sizeof out, &len));
	assert_in_range(len, 1, 500);
	free(text);
}

static void what_does_not_fit_is_full(void **state)
{
	char *noise = random_text(1000, 256), packed[1200], out[1000];
	const struct bytes in = { noise, 1000 };
	size_t len, unused;
	(void)state;
	assert_ok(compress_pack(in, packed, sizeof packed, &len));
	for (size_t cap = 1; cap < len; cap += 13) {
		char *exact = malloc(cap);
		assert_non_null(exact);
		assert_err(ERR_FULL, compress_pack(in, exact, cap, &unused));
		free(exact);
	}
	for (size_t cap = 1; cap < 1000; cap += 13)
		assert_err(ERR_FULL,
			   compress_unpack((struct bytes){ packed, len }, out, cap, &unused));
	free(noise);
}

static void what_is_not_zlibs_is_corrupt(void **state)
{
	char out[64];
	size_t len;
	(void)state;
	assert_err(ERR_CORRUPT, compress_unpack(BYTES_LIT(""), out, sizeof out, &len));
	assert_err(ERR_CORRUPT, compress_unpack(BYTES_LIT("plain text"), out, sizeof out, &len));
	assert_err(ERR_CORRUPT, compress_unpack(BYTES_LIT("\x1f\x8b\x08"), out, sizeof out, &len));
}

static void a_cut_or_changed_stream_is_corrupt(void **state)
{
	const struct bytes in = BYTES_LIT("the quick brown fox jumps over the lazy dog");
	char packed[128], out[128];
	size_t packed_len, len;
	(void)state;
	assert_ok(compress_pack(in, packed, sizeof packed, &packed_len));
	for (size_t n = 0; n < packed_len; n++)
		assert_err(ERR_CORRUPT,
			   compress_unpack((struct bytes){ packed, n }, out, sizeof out, &len));
	packed[packed_len - 1] ^= 1; /* its checksum */
	assert_err(ERR_CORRUPT,
		   compress_unpack((struct bytes){ packed, packed_len }, out, sizeof out, &len));
}

static void something_behind_the_end_is_corrupt(void **state)
{
	char packed[128], out[128];
	size_t packed_len, len;
	(void)state;
	assert_ok(compress_pack(BYTES_LIT("text"), packed, sizeof packed, &packed_len));
	packed[packed_len] = 'x';
	assert_err(ERR_CORRUPT, compress_unpack((struct bytes){ packed, packed_len + 1 }, out,
						sizeof out, &len));
}

static void flipped_bits_never_do_harm(void **state)
{
	char *text = random_text(400, 4), packed[600], out[500];
	size_t packed_len, len;
	(void)state;
	size_t missed = 0;
	assert_ok(compress_pack((struct bytes){ text, 400 }, packed, sizeof packed, &packed_len));
	for (size_t bit = 0; bit < packed_len * 8; bit++) {
		packed[bit / 8] ^= (char)(1 << bit % 8);
		enum err e = compress_unpack((struct bytes){ packed, packed_len }, out, sizeof out,
					     &len);
		assert_true(e == ERR_CORRUPT || e == ERR_FULL || (e == OK && len <= sizeof out));
		missed += e == OK && (len != 400 || memcmp(out, text, 400) != 0);
		packed[bit / 8] ^= (char)(1 << bit % 8);
	}
	/* Adler-32 of few small numbers is weak: what must be sure has a digest. */
	assert_in_range(missed, 0, packed_len * 8 / 100);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_unpacks),
		cmocka_unit_test(packing_makes_small),
		cmocka_unit_test(what_does_not_fit_is_full),
		cmocka_unit_test(what_is_not_zlibs_is_corrupt),
		cmocka_unit_test(a_cut_or_changed_stream_is_corrupt),
		cmocka_unit_test(something_behind_the_end_is_corrupt),
		cmocka_unit_test(flipped_bits_never_do_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
