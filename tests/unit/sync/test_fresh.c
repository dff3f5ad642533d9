#include "sync/fresh.h"

#include "base/log.h"
#include "signing.h"
#include "tests/unit/sync/clock_fake.h"
#include "tests/unit/sync/mqtt_fake.h"

static struct signing signing;

static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;
static const int64_t NO_CLOCK = 0;
static const int64_t NOW_MS = 1795700000000;     /* 2026-11-26T13:33:20Z */
static const int64_t EXPIRES_MS = 1827187200000; /* 2027-11-26T00:00:00Z */

static const struct signing_trust trust = {
	1,    1,    "r1 s1 a1 f1", "r1", "s1", "a1", "2026-11-26T00:00:00Z", "2027-11-26T00:00:00Z",
	NULL, "f1",
};

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct store *store;
	struct link link;
	struct anchor anchor;
	struct fresh fresh;
	size_t changes;
};

static void on_up(void *owner)
{
	struct fixture *f = owner;
	fresh_on_up(&f->fresh);
}

static void on_down(void *owner)
{
	struct fixture *f = owner;
	fresh_on_down(&f->fresh);
}

static void on_letter(void *owner, const struct topic *topic, struct bytes payload)
{
	(void)owner;
	(void)topic;
	(void)payload;
}

static void on_delivered(void *owner, int ticket)
{
	(void)owner;
	(void)ticket;
}

static void on_change(void *owner)
{
	((struct fixture *)owner)->changes++;
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 5; i++)
		assert_ok(loop_turn(f->loop, 0, NULL));
}

static void pass(struct fixture *f, int64_t ms)
{
	clock_fake_pass(ms);
	turn(f);
}

static void open_anchor(struct fixture *f, const struct signing_trust *t)
{
	struct why why = { "" };
	const char *text = signing_envelope(&signing, signing_trust(&signing, t), "r1", "");
	assert_ok(file_replace(scratch_at(&f->scratch, "trust.json"), bytes_of(text), false, NULL));
	if (anchor_open(&f->anchor, scratch_at(&f->scratch, "trust.json"), "main", f->store, &why))
		fail_msg("%s", why.text);
}

static void open_all(struct fixture *f, const struct signing_trust *t)
{
	const struct url broker = { .host = "broker", .port = 1883 };
	const struct link_options options = { &broker, "main", "drone-07", f->scratch.folder };
	const struct link_hooks hooks = { f, on_up, on_down, on_letter, on_delivered };
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	open_anchor(f, t);
	assert_ok(link_open(&f->link, f->loop, f->store, &options, &hooks, NULL));
	fresh_open(&f->fresh, f->loop, &f->link, &f->anchor);
	f->fresh.owner = f;
	f->fresh.on_change = on_change;
}

static void close_all(struct fixture *f)
{
	fresh_close(&f->fresh);
	link_close(&f->link);
	store_close(f->store);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	log_set_level(LOG_ERR);
	fake_broker_reset();
	scratch_make(&f->scratch);
	assert_ok(loop_open(&f->loop, NULL));
	open_all(f, &trust);
	link_start(&f->link);
	turn(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	close_all(f);
	loop_close(f->loop);
	fake_broker_reset();
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static const char QUESTION[] = "skerry1/main/drone-07/up/fresh";

struct reply {
	const char *device, *nonce;
	long long generation, now_ms;
};

static const char *print_reply(const struct reply *r)
{
	char *room = signing_room(&signing);
	snprintf(room, SIGNING_TEXT_MAX,
		 "{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"Fresh\",\"fleet\":\"main\","
		 "\"device\":\"%s\",\"nonce\":\"%s\",\"trust\":1,\"epoch\":1,\"generation\":%lld,"
		 "\"now\":%lld}",
		 r->device, r->nonce, r->generation, r->now_ms);
	return room;
}

static enum err hear(struct fixture *f, const struct reply *r, const char *keys, int64_t wall_ms)
{
	const char *text = signing_envelope(&signing, print_reply(r), keys, "");
	return fresh_on_answer(&f->fresh, bytes_of(text), wall_ms, NULL);
}

static struct reply good(const struct fixture *f)
{
	static char nonce[FRESH_NONCE_SIZE]; /* one answer spends it */
	strcpy(nonce, f->fresh.nonce);
	return (struct reply){ "drone-07", nonce, 5, NOW_MS };
}

static const struct desired_id shown_5 = { 1, 1, 5, "sha256:x" };
static const struct desired_id shown_4 = { 1, 1, 4, "sha256:x" };
static const struct desired_id nothing = { 0 };

static void each_connection_asks_with_a_word_of_its_own(void **state)
{
	struct fixture *f = *state;
	char first[FRESH_NONCE_SIZE];
	assert_int_equal(fake_broker_count(QUESTION), 1);
	assert_int_equal(strlen(f->fresh.nonce), FRESH_NONCE_SIZE - 1);
	assert_non_null(strstr(fake_broker_last(QUESTION)->payload, f->fresh.nonce));
	strcpy(first, f->fresh.nonce);
	fake_broker_cut("gone");
	turn(f);
	assert_string_equal(f->fresh.nonce, "");
	pass(f, 60 * 1000);
	assert_int_equal(fake_broker_count(QUESTION), 2);
	assert_string_not_equal(f->fresh.nonce, first);
}

static void an_answer_tells_the_time_and_what_is_newest(void **state)
{
	struct fixture *f = *state;
	const struct reply r = good(f);
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
	assert_int_equal(anchor_floor(&f->anchor, NO_CLOCK), NOW_MS);
	assert_int_equal(f->changes, 1);
	assert_true(fresh_is_withheld(&f->fresh, &shown_4));
	assert_true(fresh_is_withheld(&f->fresh, &nothing));
	assert_false(fresh_is_withheld(&f->fresh, &shown_5));
	/* The floor outlives the agent. */
	close_all(f);
	open_all(f, &trust);
	assert_int_equal(anchor_floor(&f->anchor, NO_CLOCK), NOW_MS);
}

static void without_an_answer_nothing_is_withheld(void **state)
{
	struct fixture *f = *state;
	assert_false(fresh_is_withheld(&f->fresh, &nothing));
	/* A hub that knows of no state says so. */
	const struct reply r = { "drone-07", f->fresh.nonce, 0, NOW_MS };
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
	assert_false(fresh_is_withheld(&f->fresh, &shown_4));
}

static void a_forged_answer_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const int64_t floor_ms = anchor_floor(&f->anchor, NO_CLOCK);
	struct reply r = good(f);
	static const char *const keys[] = { "", "evil", "r1", "s1", "a1" };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		assert_err(ERR_DENIED, hear(f, &r, keys[i], NO_CLOCK));
	r.device = "drone-08";
	assert_err(ERR_DENIED, hear(f, &r, "f1", NO_CLOCK));
	r.device = "drone-07";
	r.nonce = "00000000000000000000000000000000";
	assert_err(ERR_CONFLICT, hear(f, &r, "f1", NO_CLOCK));
	r.nonce = "";
	assert_err(ERR_CONFLICT, hear(f, &r, "f1", NO_CLOCK));
	assert_err(ERR_INVALID, fresh_on_answer(&f->fresh, BYTES_LIT("x"), NO_CLOCK, NULL));
	assert_int_equal(anchor_floor(&f->anchor, NO_CLOCK), floor_ms);
	assert_false(fresh_is_withheld(&f->fresh, &nothing));
	assert_int_equal(f->changes, 0);
}

static void an_answer_counts_once(void **state)
{
	struct fixture *f = *state;
	struct reply r = good(f);
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
	r.now_ms += 1000;
	assert_err(ERR_CONFLICT, hear(f, &r, "f1", NO_CLOCK));
	/* Not with an empty word either, now that nothing is asked. */
	r.nonce = "";
	assert_err(ERR_CONFLICT, hear(f, &r, "f1", NO_CLOCK));
	fake_broker_cut("gone");
	pass(f, 60 * 1000);
	r = good(f);
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
}

static void a_lie_about_the_time_ends_with_the_trust_document(void **state)
{
	struct fixture *f = *state;
	struct reply r = good(f);
	r.now_ms = INT64_C(4102444800000); /* 2100 */
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
	assert_int_equal(anchor_floor(&f->anchor, NO_CLOCK), EXPIRES_MS);
	close_all(f);
	/* The next document mends it. */
	struct signing_trust next = trust;
	next.version = 2;
	next.expires = "2099-11-26T00:00:00Z";
	open_all(f, &next);
	assert_int_equal(anchor_floor(&f->anchor, NO_CLOCK), EXPIRES_MS);
	assert_true(f->anchor.trust.expires_ms > EXPIRES_MS);
}

static void what_an_hour_says_again_is_not_written(void **state)
{
	struct fixture *f = *state;
	struct reply r = good(f);
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
	fake_broker_cut("gone");
	pass(f, 60 * 1000);
	r = good(f);
	r.now_ms += ANCHOR_TIME_STEP_MS - 1;
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
	assert_int_equal(anchor_floor(&f->anchor, NO_CLOCK), r.now_ms);
	close_all(f);
	open_all(f, &trust);
	assert_int_equal(anchor_floor(&f->anchor, NO_CLOCK), NOW_MS);
}

static void an_earlier_time_lowers_nothing(void **state)
{
	struct fixture *f = *state;
	struct reply r = good(f);
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
	fake_broker_cut("gone");
	pass(f, 60 * 1000);
	r = good(f);
	r.now_ms = 1;
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
	assert_int_equal(anchor_floor(&f->anchor, NO_CLOCK), NOW_MS);
}

static void silence_is_told_after_days(void **state)
{
	struct fixture *f = *state;
	pass(f, FRESH_SILENT_MS - DAY_MS);
	assert_false(fresh_is_silent(&f->fresh, clock_now_ms()));
	assert_true(fake_broker_count(QUESTION) > 1); /* asked again meanwhile */
	assert_int_equal(f->changes, 0);
	pass(f, DAY_MS);
	assert_true(fresh_is_silent(&f->fresh, clock_now_ms()));
	assert_int_equal(f->changes, 1);
	const struct reply r = good(f);
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
	assert_false(fresh_is_silent(&f->fresh, clock_now_ms()));
}

static void it_asks_again_while_it_is_connected(void **state)
{
	struct fixture *f = *state;
	const struct reply r = good(f);
	assert_ok(hear(f, &r, "f1", NO_CLOCK));
	pass(f, FRESH_EVERY_MS - 1000);
	assert_int_equal(fake_broker_count(QUESTION), 1);
	pass(f, 1000);
	assert_int_equal(fake_broker_count(QUESTION), 2);
	pass(f, FRESH_AGAIN_MS);
	assert_int_equal(fake_broker_count(QUESTION), 3);
}

static void where_nobody_has_the_role_nothing_is_asked(void **state)
{
	struct fixture *f = *state;
	struct signing_trust none = trust;
	none.fresh = NULL;
	close_all(f);
	fake_broker_forget();
	open_all(f, &none);
	link_start(&f->link);
	turn(f);
	assert_true(f->link.is_up);
	assert_int_equal(fake_broker_count(QUESTION), 0);
	pass(f, 2 * FRESH_SILENT_MS);
	assert_false(fresh_is_silent(&f->fresh, clock_now_ms()));
	const struct reply r = { "drone-07", "", 9, NOW_MS };
	assert_err(ERR_DENIED, hear(f, &r, "f1", NO_CLOCK));
}

int main(void)
{
	static const char *const keys[] = { "r1", "s1", "a1", "f1", "evil" };
	scratch_make(&signing.scratch);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		signing_key(&signing, keys[i], "prime256v1");
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(each_connection_asks_with_a_word_of_its_own),
		TEST(an_answer_tells_the_time_and_what_is_newest),
		TEST(without_an_answer_nothing_is_withheld),
		TEST(a_forged_answer_changes_nothing),
		TEST(an_answer_counts_once),
		TEST(a_lie_about_the_time_ends_with_the_trust_document),
		TEST(what_an_hour_says_again_is_not_written),
		TEST(an_earlier_time_lowers_nothing),
		TEST(silence_is_told_after_days),
		TEST(it_asks_again_while_it_is_connected),
		TEST(where_nobody_has_the_role_nothing_is_asked),
	};
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	signing_end(&signing);
	return failed;
}
