#include "sync/enrolment.h"

#include "base/base64.h"
#include "tests/check.h"
#include "tests/unit/signing_ca.h"

static const char TOKEN[] = "0123456789abcdefghijklmnopqrstuv";

struct fixture {
	struct scratch scratch;
	struct signing_ca ca;
	char key[SCRATCH_PATH_MAX], csr[CSR_MAX];
	size_t csr_len;
	struct why why;
};

static int set_up(void **state)
{
	char secret[KEY_TEXT_MAX], shown[KEY_TEXT_MAX];
	struct fixture *f = calloc(1, sizeof *f);
	scratch_make(&f->scratch);
	signing_ca_make(&f->ca, &f->scratch);
	strcpy(f->key, scratch_at(&f->scratch, "board.key"));
	assert_ok(key_make(secret, shown, NULL));
	assert_ok(file_replace(f->key, bytes_of(secret), false, NULL));
	assert_ok(csr_make(f->key, "drone-07", f->csr, &f->csr_len, NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static struct bytes csr_of(const struct fixture *f)
{
	return (struct bytes){ f->csr, f->csr_len };
}

/* --- claims --- */

static void a_claim_proves_its_token_and_does_not_carry_it(void **state)
{
	struct fixture *f = *state;
	struct enrolment_request r;
	char *text = enrolment_print_claim("drone-07", csr_of(f), TOKEN);
	assert_null(strstr(text, TOKEN));
	assert_ok(enrolment_read(bytes_of(text), &r, &f->why));
	assert_string_equal(r.device, "drone-07");
	assert_string_equal(r.by, "");
	assert_int_equal(r.csr_len, f->csr_len);
	assert_true(enrolment_has_token(&r, TOKEN));
	assert_false(enrolment_has_token(&r, "0123456789abcdefghijklmnopqrstuw"));
	r.csr[7] ^= 1;
	assert_false(enrolment_has_token(&r, TOKEN));
	free(text);
}

static void a_renewal_has_the_signature_of_the_present_key(void **state)
{
	struct fixture *f = *state;
	struct enrolment_request r;
	char *text = NULL, name[LABEL_SIZE], key[PUBLIC_KEY_SIZE], by[KEY_NAME_SIZE];
	assert_ok(csr_read(csr_of(f), name, key, NULL));
	key_name_of(key, by);
	assert_ok(enrolment_print_renewal(csr_of(f), f->key, by, &text, NULL));
	assert_ok(enrolment_read(bytes_of(text), &r, &f->why));
	free(text);
	assert_string_equal(r.by, by);
	assert_true(enrolment_has_signature(&r, key));
	assert_false(enrolment_has_token(&r, TOKEN));
	r.csr[7] ^= 1;
	assert_false(enrolment_has_signature(&r, key));
	r.csr[7] ^= 1;
	r.signature_len = 0;
	assert_false(enrolment_has_signature(&r, key));
}

static void a_request_that_is_not_whole_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"7",
		"{}",
		"{\"v\":1,\"csr\":7}",
		"{\"csr\":\"AAAA\"}",
		"{\"csr\":\"AA=A\",\"device\":\"a\",\"mac\":\"00\"}",
		"{\"csr\":\"AAAA\",\"device\":\"a\",\"mac\":\"00\"}",
		"{\"csr\":\"AAAA\",\"device\":\"A\",\"mac\":"
		"\"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\"}",
		"{\"csr\":\"AAAA\",\"by\":\"00\"}",
		"{\"csr\":\"AAAA\",\"by\":\"0123456789abcdef0123456789abcdef0\",\"sig\":\"AAAA\"}",
	};
	struct fixture *f = *state;
	struct enrolment_request r;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (enrolment_read(bytes_of(bad[i]), &r, &f->why) != ERR_INVALID)
			fail_msg("%s was taken", bad[i]);
}

static void a_request_that_is_too_long_is_refused(void **state)
{
	static char der[4 * CSR_MAX];
	struct fixture *f = *state;
	struct enrolment_request r;
	char *text = enrolment_print_claim("drone-07", (struct bytes){ der, sizeof der }, TOKEN);
	assert_err(ERR_INVALID, enrolment_read(bytes_of(text), &r, &f->why));
	free(text);
	text = enrolment_print_claim("drone-07", (struct bytes){ der, CSR_MAX }, TOKEN);
	assert_ok(enrolment_read(bytes_of(text), &r, &f->why));
	free(text);
}

/* --- chains --- */

static void chains_are_read_or_refused_whole(void **state)
{
	static const char *const bad[] = { "[]",
					   "7",
					   "{}",
					   "[\"\"]",
					   "[\"A\"]",
					   "[\"AAAA\",7]",
					   "[\"AAAA\",\"AAAA\",\"AAAA\",\"AAAA\",\"AAAA\"]" };
	struct chain c;
	struct json *j;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_ok(json_parse(bytes_of(bad[i]), &j, NULL));
		if (chain_read(j, &c, NULL) != ERR_INVALID)
			fail_msg("%s was taken", bad[i]);
		json_free(j);
	}
	assert_ok(json_parse(bytes_of("[\"AAEC\",\"/w==\"]"), &j, NULL));
	assert_ok(chain_read(j, &c, NULL));
	json_free(j);
	assert_int_equal(c.count, 2);
	assert_true(bytes_equal(c.der[0], BYTES_LIT("\0\1\2")));
	assert_true(bytes_equal(c.der[1], BYTES_LIT("\377")));
	char *pem = chain_print(&c);
	assert_string_equal(pem, "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n"
				 "-----BEGIN CERTIFICATE-----\n/w==\n-----END CERTIFICATE-----\n");
	free(pem);
	chain_free(&c);
}

/* --- invitations --- */

static const char invitation[] =
	"{\"broker\":\"mqtts://b\",\"fleet\":\"main\",\"device\":\"drone-07\","
	"\"token\":\"0123456789abcdefghijklmnopqrstuv\",\"labels\":\"a=b\",\"ca\":[\"AAEC\"],"
	"\"claim\":{\"cert\":[\"AAED\"],\"key\":[\"AAEE\"]}}";

static char *line_of(const char *document)
{
	struct json *j;
	assert_ok(json_parse(bytes_of(document), &j, NULL));
	char *line = invitation_print(j);
	json_free(j);
	return line;
}

static void a_line_has_all_that_a_board_needs(void **state)
{
	struct invitation i;
	char *line = line_of(invitation);
	(void)state;
	assert_int_equal(strcspn(line, " +/="), strlen(line));
	assert_ok(invitation_read(line, &i, NULL));
	assert_string_equal(i.device, "drone-07");
	assert_string_equal(i.token, TOKEN);
	assert_string_equal(i.labels, "a=b");
	assert_int_equal(i.ca.count + i.claim_cert.count + i.claim_key.count, 3);
	assert_int_equal(i.issuer.count, 0);
	invitation_free(&i);
	free(line);
}

static void a_line_that_is_cut_anywhere_is_none(void **state)
{
	struct fixture *f = *state;
	struct invitation i;
	char *line = line_of(invitation);
	for (size_t len = strlen(line); len > 0; len--) {
		line[len - 1] = '\0';
		if (invitation_read(line, &i, &f->why) != ERR_INVALID)
			fail_msg("%s was taken", line);
	}
	free(line);
}

static void a_line_without_one_of_its_parts_is_none(void **state)
{
	static const char *const parts[] = { "broker", "fleet", "device", "token", "ca" };
	struct fixture *f = *state;
	for (size_t n = 0; n < sizeof parts / sizeof *parts; n++) {
		struct invitation i;
		struct json *j;
		assert_ok(json_parse(bytes_of(invitation), &j, NULL));
		json_remove(j, parts[n]);
		char *line = invitation_print(j);
		json_free(j);
		if (invitation_read(line, &i, &f->why) != ERR_INVALID)
			fail_msg("taken without %s", parts[n]);
		free(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_proves_its_token_and_does_not_carry_it),
		cmocka_unit_test(a_renewal_has_the_signature_of_the_present_key),
		cmocka_unit_test(a_request_that_is_not_whole_is_refused),
		cmocka_unit_test(a_request_that_is_too_long_is_refused),
		cmocka_unit_test(chains_are_read_or_refused_whole),
		cmocka_unit_test(a_line_has_all_that_a_board_needs),
		cmocka_unit_test(a_line_that_is_cut_anywhere_is_none),
		cmocka_unit_test(a_line_without_one_of_its_parts_is_none),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
