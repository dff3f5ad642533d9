#include "agent/renewal.h"

#include "base/log.h"
#include "ports/digest.h"
#include "tests/check.h"
#include "tests/unit/signing_ca.h"

#include <sys/stat.h>

enum { DAY_MS = 24 * 3600 * 1000 };

struct fixture {
	struct scratch scratch;
	struct signing_ca ca;
	struct config config;
	struct identity identity;
	struct why why;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	log_set_level(LOG_ERR);
	scratch_make(&f->scratch);
	signing_ca_make(&f->ca, &f->scratch);
	config_init(&f->config);
	strcpy(f->config.state_dir, f->scratch.folder);
	strcpy(f->config.device, "drone-07");
	f->config.broker.tls = true;
	assert_err(ERR_NOT_FOUND, identity_open(&f->identity, &f->config, NULL));
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

static const char *at(struct fixture *f, const char *name)
{
	static char path[IDENTITY_PATH_MAX];
	identity_path(&f->identity, name, path);
	return path;
}

static void assert_slots(struct fixture *f, const char *line)
{
	char *text = NULL;
	size_t len;
	assert_ok(file_read(at(f, "slots"), 64, &text, &len, NULL));
	assert_string_equal(text, line);
	free(text);
	/* What a start finds is what we have. */
	struct identity again;
	assert_ok(identity_open(&again, &f->config, NULL));
	assert_int_equal(again.current, f->identity.current);
	assert_int_equal(again.next, f->identity.next);
}

static enum err take_for(struct fixture *f, const char *key_path, const char *device)
{
	char der[CERTIFICATE_MAX];
	assert_ok(file_replace(at(f, "issuer.pem"), bytes_of(ca_cert_text), false, NULL));
	const struct chain chain = {
		.der = { { der, signing_ca_sign(&f->ca, key_path, device, 90LL * DAY_MS, der) } },
		.count = 1
	};
	return identity_take(&f->identity, "drone-07", &chain, &f->why);
}

static void take(struct fixture *f)
{
	char key[IDENTITY_PATH_MAX];
	identity_key_path(&f->identity, f->identity.next, key);
	assert_ok(take_for(f, key, "drone-07"));
}

static void the_first_one_comes_into_use_step_by_step(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	assert_ok(identity_begin(&f->identity, NULL));
	assert_slots(f, "- a\n");
	assert_int_equal(stat(at(f, "a.key"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(f->identity.folder, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_false(identity_is_ready(&f->identity));
	take(f);
	assert_true(identity_is_ready(&f->identity));
	assert_ok(identity_commit(&f->identity, NULL));
	assert_slots(f, "a -\n");
}

static void the_next_takes_its_place_and_the_old_one_goes(void **state)
{
	struct fixture *f = *state;
	assert_ok(identity_begin(&f->identity, NULL));
	take(f);
	assert_ok(identity_commit(&f->identity, NULL));
	assert_ok(identity_begin(&f->identity, NULL));
	assert_slots(f, "a b\n");
	take(f);
	assert_true(file_exists(at(f, "a.key")));
	assert_ok(identity_commit(&f->identity, NULL));
	assert_slots(f, "b -\n");
	assert_false(file_exists(at(f, "a.key")));
	assert_false(file_exists(at(f, "a.pem")));
}

static void begun_twice_it_keeps_its_key(void **state)
{
	struct fixture *f = *state;
	char *before, *after;
	size_t len;
	assert_ok(identity_begin(&f->identity, NULL));
	assert_ok(file_read(at(f, "a.key"), 4096, &before, &len, NULL));
	assert_ok(identity_open(&f->identity, &f->config, NULL));
	assert_ok(identity_begin(&f->identity, NULL));
	assert_ok(file_read(at(f, "a.key"), 4096, &after, &len, NULL));
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void what_is_left_over_means_nothing(void **state)
{
	struct fixture *f = *state;
	char *key;
	size_t len;
	assert_ok(dir_make(f->identity.folder, 0700, NULL));
	assert_ok(file_replace(at(f, "a.key"), bytes_of("junk"), false, NULL));
	assert_ok(file_replace(at(f, "a.pem"), bytes_of("junk"), false, NULL));
	assert_err(ERR_NOT_FOUND, identity_open(&f->identity, &f->config, NULL));
	assert_ok(identity_begin(&f->identity, NULL));
	assert_false(identity_is_ready(&f->identity));
	assert_ok(file_read(at(f, "a.key"), 4096, &key, &len, NULL));
	assert_non_null(strstr(key, "PRIVATE KEY"));
	free(key);

	/* Killed behind the line, before the old key went: it goes at the next start. */
	take(f);
	assert_ok(identity_commit(&f->identity, NULL));
	assert_ok(file_replace(at(f, "b.key"), bytes_of("old"), false, NULL));
	assert_ok(identity_tidy(&f->identity, NULL));
	assert_false(file_exists(at(f, "b.key")));
	assert_true(file_exists(at(f, "a.key")));
}

static void one_that_fails_leaves_the_old_one(void **state)
{
	struct fixture *f = *state;
	assert_ok(identity_begin(&f->identity, NULL));
	take(f);
	assert_ok(identity_commit(&f->identity, NULL));
	assert_ok(identity_begin(&f->identity, NULL));
	take(f);
	assert_ok(identity_give_up(&f->identity, NULL));
	assert_slots(f, "a -\n");
	assert_false(file_exists(at(f, "b.key")));
	/* The very first has no old one. */
	f->identity.next = 'a';
	f->identity.current = '\0';
	assert_ok(identity_give_up(&f->identity, NULL));
	assert_err(ERR_NOT_FOUND, identity_open(&f->identity, &f->config, NULL));
}

static void a_certificate_for_somebody_else_is_not_kept(void **state)
{
	struct fixture *f = *state;
	char key[IDENTITY_PATH_MAX];
	assert_ok(identity_begin(&f->identity, NULL));
	identity_key_path(&f->identity, 'a', key);
	assert_err(ERR_DENIED, take_for(f, key, "drone-08"));
	assert_err(ERR_DENIED, take_for(f, f->ca.key, "drone-07"));
	assert_false(identity_is_ready(&f->identity));
}

static void a_damaged_line_says_what_to_do(void **state)
{
	static const char *const bad[] = { "", "a", "a a\n", "- -\n", "c -\n", "a b c\n", "a -x" };
	struct fixture *f = *state;
	assert_ok(dir_make(f->identity.folder, 0700, NULL));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_ok(file_replace(at(f, "slots"), bytes_of(bad[i]), false, NULL));
		assert_err(ERR_CORRUPT, identity_open(&f->identity, &f->config, &f->why));
		assert_non_null(strstr(f->why.text, "join again"));
	}
}

/* --- which one is shown --- */

struct agent_parts {
	struct loop *loop;
	struct link link;
	struct store *store;
	struct outbox outbox;
	struct events events;
	struct renewal *renewal;
};

static void open_parts(struct fixture *f, struct agent_parts *p)
{
	*p = (struct agent_parts){ 0 };
	assert_ok(loop_open(&p->loop, NULL));
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &p->store, NULL));
	assert_ok(outbox_open(&p->outbox, p->store, 1 << 20, NULL));
	events_init(&p->events, &p->outbox);
	assert_ok(renewal_open(&p->renewal, p->loop, &f->config, NULL));
	assert_non_null(p->renewal);
	p->renewal->link = &p->link;
	p->renewal->events = &p->events;
}

static void close_parts(struct agent_parts *p)
{
	renewal_close(p->renewal);
	store_close(p->store);
	loop_close(p->loop);
}

static void assert_shows(struct agent_parts *p, const char *name)
{
	struct tls_files files = { 0 };
	assert_ok(renewal_on_dial(p->renewal, &files, NULL));
	assert_string_equal(strrchr(files.cert, '/') + 1, name);
}

static void commit_first(struct fixture *f)
{
	assert_ok(identity_begin(&f->identity, NULL));
	take(f);
	assert_ok(identity_commit(&f->identity, NULL));
}

static void a_new_one_is_tried_and_each_second_attempt_is_with_the_old(void **state)
{
	struct fixture *f = *state;
	struct agent_parts p;
	commit_first(f);
	assert_ok(identity_begin(&f->identity, NULL));
	take(f);
	open_parts(f, &p);
	assert_shows(&p, "b.pem");
	assert_shows(&p, "a.pem");
	assert_shows(&p, "b.pem");
	renewal_on_up(p.renewal);
	renewal_on_proved(p.renewal);
	f->identity = p.renewal->identity;
	assert_slots(f, "b -\n");
	assert_shows(&p, "b.pem");
	close_parts(&p);
}

static void one_that_fails_where_the_old_one_connects_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct agent_parts p;
	commit_first(f);
	assert_ok(identity_begin(&f->identity, NULL));
	take(f);
	open_parts(f, &p);
	for (int i = 0; i < RENEWAL_TRIES_MAX; i++) {
		assert_shows(&p, "b.pem");
		assert_shows(&p, "a.pem");
		renewal_on_up(p.renewal);
		renewal_on_proved(p.renewal);
	}
	assert_shows(&p, "a.pem");
	assert_shows(&p, "a.pem");
	f->identity = p.renewal->identity;
	assert_slots(f, "a -\n");
	close_parts(&p);
}

static void the_first_one_has_no_other_to_go_back_to(void **state)
{
	struct fixture *f = *state;
	struct agent_parts p;
	assert_ok(identity_begin(&f->identity, NULL));
	assert_err(ERR_DENIED, renewal_open(&p.renewal, NULL, &f->config, &f->why));
	assert_non_null(strstr(f->why.text, "joining was cut off"));
	take(f);
	open_parts(f, &p);
	assert_shows(&p, "a.pem");
	assert_shows(&p, "a.pem");
	renewal_on_up(p.renewal);
	renewal_on_proved(p.renewal);
	f->identity = p.renewal->identity;
	assert_slots(f, "a -\n");
	close_parts(&p);
}

/* Its timer is due, whatever the clock says. */
static void expect_rest(struct agent_parts *p)
{
	const int64_t now = clock_now_ms();
	p->renewal->not_before_ms = 0;
	p->renewal->timer.on_due(p->renewal, now);
	assert_true(p->renewal->timer.armed);
	assert_true(p->renewal->timer.due_ms >= now + RENEWAL_TRY_MS);
}

static void what_is_due_is_not_done_over_and_over(void **state)
{
	struct fixture *f = *state;
	struct agent_parts p;
	commit_first(f);
	open_parts(f, &p);
	p.renewal->view.to_ms = clock_wall_ms() + 1000; /* long due */
	expect_rest(&p);
	/* A new one that is up and not yet proved must not be left for itself. */
	assert_ok(identity_begin(&p.renewal->identity, NULL));
	f->identity = p.renewal->identity;
	take(f);
	assert_shows(&p, "b.pem");
	p.link.is_up = true;
	renewal_on_up(p.renewal);
	expect_rest(&p);
	assert_false(p.link.redialling);
	close_parts(&p);
}

static void it_is_renewed_between_two_thirds_and_three_quarters(void **state)
{
	const int64_t from = 1795533397000, life = 90LL * DAY_MS;
	struct certificate_view v = { .from_ms = from, .to_ms = from + life };
	int64_t least = INT64_MAX, most = 0;
	(void)state;
	for (uint32_t i = 0; i < 4096; i++) {
		char digest[DIGEST_SIZE];
		digest_of((struct bytes){ (const char *)&i, sizeof i }, digest);
		memcpy(v.key + PUBLIC_KEY_SIZE - 64, digest + 7, 64);
		const int64_t due = renewal_due_ms(&v) - from;
		assert_int_equal(renewal_due_ms(&v) - from, due);
		least = due < least ? due : least;
		most = due > most ? due : most;
	}
	assert_true(least >= life / 3 * 2 && least < life / 100 * 68);
	assert_true(most <= life / 4 * 3 && most > life / 100 * 74);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(the_first_one_comes_into_use_step_by_step),
		ONE(the_next_takes_its_place_and_the_old_one_goes),
		ONE(begun_twice_it_keeps_its_key),
		ONE(what_is_left_over_means_nothing),
		ONE(one_that_fails_leaves_the_old_one),
		ONE(a_certificate_for_somebody_else_is_not_kept),
		ONE(a_damaged_line_says_what_to_do),
		ONE(a_new_one_is_tried_and_each_second_attempt_is_with_the_old),
		ONE(one_that_fails_where_the_old_one_connects_is_given_up),
		ONE(the_first_one_has_no_other_to_go_back_to),
		ONE(what_is_due_is_not_done_over_and_over),
		ONE(it_is_renewed_between_two_thirds_and_three_quarters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
