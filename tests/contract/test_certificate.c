/* ports/certificate.h, with CAs that the openssl command has made. */
#include "ports/certificate.h"

#include "ports/clock.h"
#include "tests/check.h"
#include "tests/contract/openssl.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

enum { HOUR_MS = 3600 * 1000 };

struct fixture {
	struct scratch scratch;
	char ca[128], ca_key[128], stranger[128], stranger_key[128], key[128], other_key[128];
	struct authority_files authority;
	struct why why;
};

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static void make_ca(struct fixture *f, const char *name, char cert[128], char key[128])
{
	char command[1024];
	snprintf(cert, 128, "%s/%s.pem", f->scratch.folder, name);
	snprintf(key, 128, "%s/%s.key", f->scratch.folder, name);
	snprintf(command, sizeof command,
		 "openssl ecparam -name prime256v1 -genkey -noout -out %s 2>/dev/null && chmod 600 "
		 "%s && openssl req -x509 -new -key %s -days 30 -subj '/O=A, B/CN=%s' -out %s "
		 "-addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null",
		 key, key, key, name, cert);
	run(command);
}

static void make_key(struct fixture *f, const char *name, char path[128])
{
	char secret[KEY_TEXT_MAX], shown[KEY_TEXT_MAX];
	snprintf(path, 128, "%s/%s.key", f->scratch.folder, name);
	assert_ok(key_make(secret, shown, NULL));
	assert_ok(file_replace(path, bytes_of(secret), false, NULL));
	assert_int_equal(chmod(path, 0600), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	scratch_make(&f->scratch);
	make_ca(f, "ca", f->ca, f->ca_key);
	make_ca(f, "stranger", f->stranger, f->stranger_key);
	make_key(f, "board", f->key);
	make_key(f, "other", f->other_key);
	f->authority = (struct authority_files){ f->ca, f->ca_key };
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

struct answer {
	char der[CERTIFICATE_MAX], key[PUBLIC_KEY_SIZE];
	size_t len;
};

static void issue_by(const struct authority_files *ca, const char *key_path, const char *device,
		     struct answer *out)
{
	char csr[CSR_MAX], name[LABEL_SIZE];
	size_t len;
	assert_ok(csr_make(key_path, device, csr, &len, NULL));
	assert_ok(csr_read((struct bytes){ csr, len }, name, out->key, NULL));
	assert_string_equal(name, device);
	const struct certificate_order order = { .device = name,
						 .key = out->key,
						 .from_ms = clock_wall_ms() - HOUR_MS,
						 .to_ms = clock_wall_ms() + HOUR_MS };
	assert_ok(certificate_issue(ca, &order, out->der, &out->len, NULL));
}

static enum err check(struct fixture *f, const struct answer *a, const char *device,
		      const char *key, const char *ca)
{
	const struct bytes chain = { a->der, a->len };
	const struct certificate_demand demand = { device, key, ca };
	f->why.text[0] = '\0';
	return certificate_check(&chain, 1, &demand, &f->why);
}

static void a_request_is_answered_and_the_answer_holds(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	struct certificate_view v;
	issue_by(&f->authority, f->key, "drone-07", &a);
	assert_ok(check(f, &a, "drone-07", f->key, f->ca));
	assert_ok(certificate_view_of((struct bytes){ a.der, a.len }, &v, NULL));
	assert_string_equal(v.device, "drone-07");
	assert_int_equal(v.to_ms - v.from_ms, 2 * HOUR_MS);
	assert_memory_equal(v.key, a.key, sizeof v.key);
	assert_int_equal(strlen(v.serial), 32);
}

/* What the library has written is what others understand. */
static void openssl_finds_nothing_wrong_with_it(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	char command[512], csr[CSR_MAX];
	size_t len;
	clock_fake_set_wall((int64_t)time(NULL) * 1000);
	issue_by(&f->authority, f->key, "drone-07", &a);
	assert_ok(file_replace(scratch_at(&f->scratch, "a.der"), (struct bytes){ a.der, a.len },
			       false, NULL));
	snprintf(command, sizeof command,
		 "cd %s && openssl x509 -inform DER -in a.der -out a.pem && openssl verify "
		 "-x509_strict -purpose sslclient -CAfile ca.pem a.pem >/dev/null && openssl x509 "
		 "-in a.pem -noout -text | grep -q DNS:drone-07",
		 f->scratch.folder);
	run(command);
	assert_ok(csr_make(f->key, "drone-07", csr, &len, NULL));
	assert_ok(file_replace(scratch_at(&f->scratch, "a.csr"), (struct bytes){ csr, len }, false,
			       NULL));
	snprintf(command, sizeof command,
		 "cd %s && openssl req -inform DER -in a.csr -verify -noout 2>/dev/null",
		 f->scratch.folder);
	run(command);
}

static void what_is_not_ours_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct authority_files stranger = { f->stranger, f->stranger_key };
	struct answer a;
	issue_by(&f->authority, f->key, "drone-07", &a);
	assert_err(ERR_DENIED, check(f, &a, "drone-08", f->key, f->ca));
	assert_non_null(strstr(f->why.text, "this is drone-08"));
	assert_err(ERR_DENIED, check(f, &a, "drone-07", f->other_key, f->ca));
	assert_non_null(strstr(f->why.text, "another key"));
	issue_by(&stranger, f->key, "drone-07", &a);
	assert_err(ERR_DENIED, check(f, &a, "drone-07", f->key, f->ca));
	assert_non_null(strstr(f->why.text, "no CA of ours"));
}

static void dates_count_when_the_clock_is_set(void **state)
{
	struct fixture *f = *state;
	const int64_t before = clock_wall_ms();
	struct answer a;
	issue_by(&f->authority, f->key, "drone-07", &a);
	clock_fake_set_wall(before + 2 * HOUR_MS);
	assert_err(ERR_DENIED, check(f, &a, "drone-07", f->key, f->ca));
	assert_non_null(strstr(f->why.text, "has expired"));
	clock_fake_set_wall(0);
	assert_ok(check(f, &a, "drone-07", f->key, f->ca));
	clock_fake_set_wall(before);
}

static void an_answer_that_is_changed_anywhere_does_not_hold(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	issue_by(&f->authority, f->key, "drone-07", &a);
	for (size_t i = 0; i < a.len; i++) {
		a.der[i] ^= 0x15;
		assert_err(ERR_DENIED, check(f, &a, "drone-07", f->key, f->ca));
		a.der[i] ^= 0x15;
	}
	for (size_t len = a.len; a.len > 0;) {
		a.len--;
		assert_err(ERR_DENIED, check(f, &a, "drone-07", f->key, f->ca));
		assert_true(len > a.len);
	}
}

static void a_request_that_is_changed_anywhere_is_none(void **state)
{
	struct fixture *f = *state;
	char csr[CSR_MAX], name[LABEL_SIZE], key[PUBLIC_KEY_SIZE];
	size_t len;
	assert_ok(csr_make(f->key, "drone-07", csr, &len, NULL));
	for (size_t i = 0; i < len; i++) {
		csr[i] ^= 0x15;
		assert_err(ERR_INVALID, csr_read((struct bytes){ csr, len }, name, key, NULL));
		csr[i] ^= 0x15;
		assert_err(ERR_INVALID, csr_read((struct bytes){ csr, i }, name, key, NULL));
	}
	csr[len] = '\0';
	assert_err(ERR_INVALID, csr_read((struct bytes){ csr, len + 1 }, name, key, &f->why));
	assert_ok(csr_read((struct bytes){ csr, len }, name, key, NULL));
}

/* A name that is none, and keys of other kinds, from a tool that makes them. */
static void requests_of_others_are_looked_at_too(void **state)
{
	static const char *const bad[] = {
		"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=Drone.07",
		"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /O=nobody",
		"-newkey ec -pkeyopt ec_paramgen_curve:secp384r1 -subj /CN=drone-07",
		"-newkey rsa:2048 -subj /CN=drone-07",
	};
	struct fixture *f = *state;
	char command[512], name[LABEL_SIZE], key[PUBLIC_KEY_SIZE];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *der = NULL;
		size_t len;
		snprintf(command, sizeof command,
			 "cd %s && openssl req -new -nodes -keyout /dev/null -outform DER -out "
			 "o.csr "
			 "%s 2>/dev/null",
			 f->scratch.folder, bad[i]);
		run(command);
		assert_ok(file_read(scratch_at(&f->scratch, "o.csr"), 8192, &der, &len, NULL));
		assert_err(ERR_INVALID, csr_read((struct bytes){ der, len }, name, key, &f->why));
		free(der);
	}
}

static void a_ca_is_looked_at(void **state)
{
	struct fixture *f = *state;
	struct answer a;
	char leaf[128], command[512];
	assert_ok(authority_check(&f->authority, NULL));
	const struct authority_files mixed = { f->ca, f->stranger_key };
	assert_err(ERR_INVALID, authority_check(&mixed, &f->why));
	assert_int_equal(chmod(f->ca_key, 0640), 0);
	assert_err(ERR_DENIED, authority_check(&f->authority, &f->why));
	assert_int_equal(chmod(f->ca_key, 0600), 0);

	issue_by(&f->authority, f->key, "drone-07", &a);
	assert_ok(file_replace(scratch_at(&f->scratch, "leaf.der"), (struct bytes){ a.der, a.len },
			       false, NULL));
	snprintf(command, sizeof command,
		 "cd %s && openssl x509 -inform DER -in leaf.der -out leaf.pem", f->scratch.folder);
	run(command);
	snprintf(leaf, sizeof leaf, "%s/leaf.pem", f->scratch.folder);
	const struct authority_files board = { leaf, f->key };
	assert_err(ERR_INVALID, authority_check(&board, &f->why));
	assert_non_null(strstr(f->why.text, "no CA's certificate"));
}

static void openssl_reads_what_is_revoked(void **state)
{
	struct fixture *f = *state;
	const int64_t now = (int64_t)time(NULL) * 1000;
	struct revoked all[3] = { { .at_ms = now }, { .at_ms = now }, { "0080ff", now } };
	struct answer a;
	struct certificate_view v;
	char command[512], *list = NULL;
	clock_fake_set_wall(now);
	issue_by(&f->authority, f->key, "drone-07", &a);
	assert_ok(certificate_view_of((struct bytes){ a.der, a.len }, &v, NULL));
	memcpy(all[0].serial, v.serial, sizeof v.serial);
	strcpy(all[1].serial, "7f");
	assert_ok(file_replace(scratch_at(&f->scratch, "r.der"), (struct bytes){ a.der, a.len },
			       false, NULL));
	for (size_t count = 0; count <= 3; count += 3) {
		const struct revocation r = { all, count, 255 + (int64_t)count, now,
					      now + HOUR_MS };
		assert_ok(revocation_make(&f->authority, &r, &list, NULL));
		assert_ok(file_replace(scratch_at(&f->scratch, "crl.pem"), bytes_of(list), false,
				       NULL));
		free(list);
		snprintf(command, sizeof command,
			 "cd %s && openssl crl -in crl.pem -CAfile ca.pem -noout 2>&1 | grep -q "
			 "'verify OK' && openssl x509 -inform DER -in r.der -out r.pem && %s "
			 "openssl "
			 "verify -crl_check -CRLfile crl.pem -CAfile ca.pem r.pem "
			 ">/dev/null 2>&1",
			 f->scratch.folder, count ? "!" : "");
		run(command);
	}
	snprintf(command, sizeof command,
		 "cd %s && openssl crl -in crl.pem -noout -text | grep -q 'Serial Number: 80FF'",
		 f->scratch.folder);
	run(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered_and_the_answer_holds),
		cmocka_unit_test(openssl_finds_nothing_wrong_with_it),
		cmocka_unit_test(what_is_not_ours_is_refused),
		cmocka_unit_test(dates_count_when_the_clock_is_set),
		cmocka_unit_test(an_answer_that_is_changed_anywhere_does_not_hold),
		cmocka_unit_test(a_request_that_is_changed_anywhere_is_none),
		cmocka_unit_test(requests_of_others_are_looked_at_too),
		cmocka_unit_test(a_ca_is_looked_at),
		cmocka_unit_test(openssl_reads_what_is_revoked),
	};
	if (openssl_is_missing())
		return SKIPPED;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
