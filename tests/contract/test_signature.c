#include "ports/signature.h"

#include "ports/digest.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

/* openssl made them: a key, and `printf skerry | openssl dgst -sha256 -sign`. */
static const unsigned char p256[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
	0x04, 0xd8, 0x2e, 0x65, 0x25, 0x41, 0x59, 0x43, 0xdf, 0x7a, 0x52, 0xba, 0x90,
	0xd8, 0x54, 0xa2, 0x48, 0xe4, 0x70, 0xef, 0x56, 0x17, 0x7b, 0x9c, 0xfc, 0x6d,
	0x7d, 0xa8, 0x78, 0x30, 0x25, 0x81, 0x0c, 0xcf, 0xff, 0x62, 0x9b, 0xe5, 0x36,
	0x04, 0xbc, 0x81, 0xc7, 0xe6, 0xc9, 0xcb, 0xc7, 0xc3, 0x81, 0xd3, 0x0b, 0xc8,
	0x22, 0x4b, 0x02, 0x32, 0x05, 0x7e, 0x63, 0x62, 0x38, 0x83, 0x1c, 0x01, 0x23,
};
static const unsigned char signed_skerry[] = {
	0x30, 0x45, 0x02, 0x20, 0x46, 0x4c, 0x38, 0xa3, 0x69, 0xc6, 0xa8, 0xc4, 0xca, 0x58, 0xd8,
	0x4c, 0xa3, 0x74, 0x64, 0x15, 0xec, 0xb4, 0xfa, 0xa4, 0x51, 0x32, 0xb3, 0x75, 0x73, 0x0a,
	0xbc, 0x99, 0x31, 0x9f, 0xcf, 0xad, 0x02, 0x21, 0x00, 0xbd, 0x81, 0x6c, 0x12, 0xe2, 0x12,
	0xb6, 0x14, 0x59, 0xc5, 0x90, 0x4a, 0x60, 0xaf, 0xa9, 0x9f, 0x1a, 0x23, 0x35, 0xd6, 0x90,
	0xa3, 0x6e, 0x92, 0x87, 0xd6, 0x71, 0x0e, 0x8d, 0x32, 0xdd, 0xa7,
};
static const unsigned char secp256k1[] = {
	0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05,
	0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03, 0x42, 0x00, 0x04, 0x0b, 0x77, 0x65, 0xdf, 0x3e, 0x87,
	0x84, 0x44, 0x93, 0x0e, 0xe0, 0x7b, 0x6f, 0xec, 0x01, 0xc6, 0x10, 0x80, 0x2d, 0xbb, 0xd0,
	0x25, 0xcc, 0x19, 0xaa, 0x87, 0x6d, 0xa6, 0x3e, 0xc9, 0xaf, 0x1b, 0xd6, 0xcd, 0x97, 0x10,
	0xbd, 0xfd, 0xab, 0xe9, 0x49, 0x50, 0xbd, 0x28, 0xd6, 0x7c, 0x85, 0xc4, 0x03, 0x0d, 0xc5,
	0x5c, 0x72, 0xc9, 0xbd, 0x2d, 0x65, 0xad, 0x8b, 0x9b, 0xf9, 0xa9, 0x52, 0xa1,
};
static const char p384_file[] = "-----BEGIN EC PRIVATE KEY-----\n"
				"MIGkAgEBBDAFtZ9C5TpqVzRhqHq2RRgu4Sddj6PTUj6U4btKLlV2/YOxGUsi1Ym4\n"
				"ur4gqbOMJbOgBwYFK4EEACKhZANiAAS1jRpG2b49Uy5ANWGc899gqW8Hyr1RB/aD\n"
				"rWr1xX80m1gYZ5b6NM80yby5MsxSUHsg25+JeTysQUlbE16FsSEYbpqEFKYaM33N\n"
				"KDtWZp7JvRfcQC6Dv8EjyI/Nzp5Rp74=\n"
				"-----END EC PRIVATE KEY-----\n";

#define BYTES(array) ((struct bytes){ (const char *)(array), sizeof(array) })

static bool is_valid(struct bytes key, const char *text, struct bytes signature)
{
	char digest[DIGEST_SIZE];
	digest_of(bytes_of(text), digest);
	return signature_is_valid(key, digest, signature);
}

static void what_openssl_signed_is_valid(void **state)
{
	(void)state;
	assert_true(public_key_is_valid(BYTES(p256)));
	assert_true(is_valid(BYTES(p256), "skerry", BYTES(signed_skerry)));
}

static void another_text_is_not(void **state)
{
	(void)state;
	assert_false(is_valid(BYTES(p256), "skerrz", BYTES(signed_skerry)));
	assert_false(signature_is_valid(BYTES(p256), "sha256:12", BYTES(signed_skerry)));
}

static void any_flipped_bit_of_the_signature_is_seen(void **state)
{
	char flipped[sizeof signed_skerry];
	(void)state;
	for (size_t i = 0; i < sizeof flipped; i++) {
		memcpy(flipped, signed_skerry, sizeof flipped);
		flipped[i] ^= 1;
		if (is_valid(BYTES(p256), "skerry", BYTES(flipped)))
			fail_msg("byte %zu", i);
	}
}

static void a_signature_has_no_tail_and_is_not_cut(void **state)
{
	char longer[sizeof signed_skerry + 1] = { 0 };
	(void)state;
	memcpy(longer, signed_skerry, sizeof signed_skerry);
	assert_false(is_valid(BYTES(p256), "skerry", BYTES(longer)));
	for (size_t len = 0; len < sizeof signed_skerry; len++)
		assert_false(is_valid(BYTES(p256), "skerry", (struct bytes){ longer, len }));
}

static void a_signature_of_zeroes_is_none(void **state)
{
	static const unsigned char zeroes[] = { 0x30, 6, 2, 1, 0, 2, 1, 0 };
	(void)state;
	assert_false(is_valid(BYTES(p256), "skerry", BYTES(zeroes)));
}

static void another_curve_of_the_same_size_is_refused(void **state)
{
	(void)state;
	assert_false(public_key_is_valid(BYTES(secp256k1)));
	assert_false(is_valid(BYTES(secp256k1), "skerry", BYTES(signed_skerry)));
}

static void a_point_beside_the_curve_is_refused(void **state)
{
	char key[sizeof p256];
	(void)state;
	memcpy(key, p256, sizeof key);
	key[sizeof key - 1] ^= 1;
	assert_false(public_key_is_valid(BYTES(key)));
	assert_false(public_key_is_valid((struct bytes){ (const char *)p256, sizeof p256 - 1 }));
	assert_false(public_key_is_valid((struct bytes){ NULL, 0 }));
}

static void write_file(struct scratch *s, const char *name, const char *text)
{
	assert_ok(file_replace(scratch_at(s, name), bytes_of(text), false, NULL));
}

static void what_our_keys_sign_is_valid(void **state)
{
	char secret[KEY_TEXT_MAX], shown[KEY_TEXT_MAX];
	char key[PUBLIC_KEY_SIZE], same[PUBLIC_KEY_SIZE], signature[SIGNATURE_MAX];
	char digest[DIGEST_SIZE];
	struct scratch s;
	size_t len;
	(void)state;
	scratch_make(&s);
	assert_ok(key_make(secret, shown, NULL));
	write_file(&s, "secret.pem", secret);
	write_file(&s, "shown.pem", shown);
	assert_ok(public_key_read(scratch_at(&s, "secret.pem"), key, NULL));
	assert_ok(public_key_read(scratch_at(&s, "shown.pem"), same, NULL));
	assert_memory_equal(key, same, sizeof key);
	digest_of(BYTES_LIT("skerry"), digest);
	assert_ok(signature_make(scratch_at(&s, "secret.pem"), digest, signature, &len, NULL));
	assert_true(is_valid(BYTES(key), "skerry", (struct bytes){ signature, len }));
	assert_false(is_valid(BYTES(p256), "skerry", (struct bytes){ signature, len }));
	scratch_remove(&s);
}

static void files_that_hold_no_key_for_it_are_named(void **state)
{
	char secret[KEY_TEXT_MAX], shown[KEY_TEXT_MAX];
	char key[PUBLIC_KEY_SIZE], signature[SIGNATURE_MAX], digest[DIGEST_SIZE];
	struct why why = { "" };
	struct scratch s;
	size_t len;
	(void)state;
	scratch_make(&s);
	digest_of(BYTES_LIT(""), digest);
	assert_ok(key_make(secret, shown, NULL));
	write_file(&s, "shown.pem", shown);
	write_file(&s, "p384.pem", p384_file);
	write_file(&s, "none.pem", "no key");
	assert_err(ERR_INVALID, public_key_read(scratch_at(&s, "p384.pem"), key, &why));
	assert_non_null(strstr(why.text, "p384.pem"));
	assert_err(ERR_INVALID, public_key_read(scratch_at(&s, "none.pem"), key, NULL));
	assert_err(ERR_NOT_FOUND, public_key_read(scratch_at(&s, "nowhere.pem"), key, NULL));
	assert_err(ERR_INVALID,
		   signature_make(scratch_at(&s, "shown.pem"), digest, signature, &len, NULL));
	assert_err(ERR_INVALID,
		   signature_make(scratch_at(&s, "p384.pem"), digest, signature, &len, NULL));
	scratch_remove(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_openssl_signed_is_valid),
		cmocka_unit_test(another_text_is_not),
		cmocka_unit_test(any_flipped_bit_of_the_signature_is_seen),
		cmocka_unit_test(a_signature_has_no_tail_and_is_not_cut),
		cmocka_unit_test(a_signature_of_zeroes_is_none),
		cmocka_unit_test(another_curve_of_the_same_size_is_refused),
		cmocka_unit_test(a_point_beside_the_curve_is_refused),
		cmocka_unit_test(what_our_keys_sign_is_valid),
		cmocka_unit_test(files_that_hold_no_key_for_it_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
