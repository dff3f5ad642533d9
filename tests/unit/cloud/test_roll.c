#include "cloud/hub/roll.h"

#include "base/base64.h"

#include "tests/check.h"
#include "tests/unit/signing_ca.h"

enum { HOUR_MS = 3600 * 1000 };

static const int64_t NOW = 1795533397000;
static const struct ledger_source drone = { "main", "drone-07" }, other = { "main", "drone-08" };

struct fixture {
	struct scratch scratch;
	struct ledger ledger;
	struct roll roll;
	struct why why;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	scratch_make(&f->scratch);
	assert_ok(ledger_open(&f->ledger, scratch_at(&f->scratch, "hub.db"), NULL));
	assert_ok(roll_open(&f->roll, &f->ledger, NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	ledger_rollback(&f->ledger);
	roll_close(&f->roll);
	ledger_close(&f->ledger);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void an_invitation_lives_for_a_day(void **state)
{
	struct fixture *f = *state;
	struct roll_invitation i;
	assert_err(ERR_NOT_FOUND, roll_find(&f->roll, &drone, NOW, &i));
	assert_ok(roll_invite(&f->roll, &drone, "first", NOW, NULL));
	assert_ok(roll_find(&f->roll, &drone, NOW + TOKEN_LIFE_MS - 1, &i));
	assert_string_equal(i.token, "first");
	assert_string_equal(i.key, "");
	assert_err(ERR_NOT_FOUND, roll_find(&f->roll, &drone, NOW + TOKEN_LIFE_MS, &i));
	assert_err(ERR_NOT_FOUND, roll_find(&f->roll, &other, NOW, &i));
}

static void a_new_one_takes_the_place_of_the_old(void **state)
{
	struct fixture *f = *state;
	struct roll_invitation i;
	assert_ok(roll_invite(&f->roll, &drone, "first", NOW, NULL));
	assert_ok(roll_bind(&f->roll, &drone, "some-key", NULL));
	assert_ok(roll_find(&f->roll, &drone, NOW, &i));
	assert_string_equal(i.key, "some-key");
	assert_ok(roll_invite(&f->roll, &drone, "second", NOW, NULL));
	assert_ok(roll_find(&f->roll, &drone, NOW, &i));
	assert_string_equal(i.token, "second");
	assert_string_equal(i.key, "");
}

static void count(void *owner, const char *device, int64_t until_ms)
{
	(void)device;
	(void)until_ms;
	++*(int *)owner;
}

static void who_has_used_it_is_awaited_no_more(void **state)
{
	struct fixture *f = *state;
	int n = 0;
	assert_ok(roll_invite(&f->roll, &drone, "one", NOW, NULL));
	assert_ok(roll_invite(&f->roll, &other, "two", NOW, NULL));
	roll_each_awaited(&f->roll, "main", NOW, count, &n);
	assert_int_equal(n, 2);
	assert_ok(roll_bind(&f->roll, &drone, "key", NULL));
	roll_each_awaited(&f->roll, "main", NOW, count, &n);
	assert_int_equal(n, 3);
	assert_true(roll_forget(&f->roll, &other, NULL));
	assert_false(roll_forget(&f->roll, &other, NULL));
	roll_each_awaited(&f->roll, "main", NOW, count, &n);
	assert_int_equal(n, 3);
}

static void no_more_are_awaited_than_one_message_tells(void **state)
{
	struct fixture *f = *state;
	char name[LABEL_SIZE];
	const struct ledger_source who = { "main", name };
	for (int i = 0; i < ENROLMENTS_MAX; i++) {
		snprintf(name, sizeof name, "board-%d", i);
		assert_ok(roll_invite(&f->roll, &who, "token", NOW, NULL));
	}
	assert_err(ERR_FULL, roll_invite(&f->roll, &drone, "token", NOW, &f->why));
	/* One that is there already may be invited anew. */
	assert_ok(roll_invite(&f->roll, &who, "again", NOW, NULL));
	assert_ok(roll_expire(&f->roll, NOW + TOKEN_LIFE_MS, NULL));
	assert_ok(roll_invite(&f->roll, &drone, "token", NOW, NULL));
}

/* A real certificate, as an answer has it. */
static void certify(struct fixture *f, const char *key_name)
{
	char secret[KEY_TEXT_MAX], shown[KEY_TEXT_MAX], der[CERTIFICATE_MAX], text[4096] = "[\"";
	struct signing_ca ca;
	struct certificate_view view;
	signing_ca_make(&ca, &f->scratch);
	assert_ok(key_make(secret, shown, NULL));
	const char *path = scratch_at(&f->scratch, "board.key");
	assert_ok(file_replace(path, bytes_of(secret), false, NULL));
	const size_t len = signing_ca_sign(&ca, path, "drone-07", HOUR_MS, der);
	assert_ok(certificate_view_of((struct bytes){ der, len }, &view, NULL));
	base64_encode((struct bytes){ der, len }, text + 2);
	strcat(text, "\"]");
	const struct roll_certificate c = { .key = key_name,
					    .view = view,
					    .chain = bytes_of(text) };
	assert_ok(roll_certify(&f->roll, &drone, &c, NULL));
}

static void a_certificate_is_found_by_its_key_until_it_expires(void **state)
{
	struct fixture *f = *state;
	struct roll_certificate c;
	certify(f, "key-1");
	assert_ok(ledger_commit(&f->ledger, NULL));
	assert_ok(roll_get(&f->roll, &drone, "key-1", &c, NULL));
	assert_string_equal(c.view.device, "drone-07");
	assert_int_equal(c.revoked_ms, 0);
	assert_err(ERR_NOT_FOUND, roll_get(&f->roll, &drone, "key-2", &c, NULL));
	assert_err(ERR_NOT_FOUND, roll_get(&f->roll, &other, "key-1", &c, NULL));
	assert_ok(roll_expire(&f->roll, clock_wall_ms() + 2 * HOUR_MS, NULL));
	assert_err(ERR_NOT_FOUND, roll_get(&f->roll, &drone, "key-1", &c, NULL));
}

static void all_of_a_device_are_revoked_at_once(void **state)
{
	struct fixture *f = *state;
	struct roll_certificate c;
	struct revoked *all;
	size_t n;
	int64_t count_revoked;
	certify(f, "key-1");
	certify(f, "key-2");
	assert_ok(roll_list_revoked(&f->roll, &all, &n, NULL));
	assert_int_equal(n, 0);
	free(all);
	assert_ok(roll_revoke(&f->roll, &other, NOW, &count_revoked, NULL));
	assert_int_equal(count_revoked, 0);
	assert_ok(roll_revoke(&f->roll, &drone, NOW, &count_revoked, NULL));
	assert_int_equal(count_revoked, 2);
	assert_ok(roll_get(&f->roll, &drone, "key-2", &c, NULL));
	assert_int_equal(c.revoked_ms, NOW);
	assert_ok(roll_list_revoked(&f->roll, &all, &n, NULL));
	assert_int_equal(n, 2);
	assert_int_equal(strlen(all[0].serial), 32);
	assert_string_not_equal(all[0].serial, all[1].serial);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_invitation_lives_for_a_day, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_new_one_takes_the_place_of_the_old, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(who_has_used_it_is_awaited_no_more, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(no_more_are_awaited_than_one_message_tells, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_certificate_is_found_by_its_key_until_it_expires,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_of_a_device_are_revoked_at_once, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
