#include "sync/request.h"

#include "ports/store.h"
#include "signing.h"

static struct signing signing;

static const int64_t NOW_MS = 1795700000000; /* 2026-11-26T13:33:20Z */

/* `command` is c1's where it is given at all. */
static const struct signing_trust plain_trust = {
	1, 1, "r1 s1 a1", "r1", "s1", "a1", "2026-11-26T00:00:00Z", "2027-11-26T00:00:00Z",
};
static const struct signing_trust with_command = {
	1,       1,    "r1 s1 a1 c1 c2",       "r1",
	"s1",    "a1", "2026-11-26T00:00:00Z", "2027-11-26T00:00:00Z",
	"c1 c2",
};

struct fixture {
	struct scratch scratch;
	struct store *store;
	struct anchor anchor;
	struct request_place place;
};

static void open_anchor(struct fixture *f, const struct signing_trust *t)
{
	struct why why = { "" };
	assert_ok(file_replace(
		scratch_at(&f->scratch, "trust.json"),
		bytes_of(signing_envelope(&signing, signing_trust(&signing, t), "r1", "")), false,
		NULL));
	if (anchor_open(&f->anchor, scratch_at(&f->scratch, "trust.json"), "main", f->store, &why))
		fail_msg("%s", why.text);
	f->place = (struct request_place){
		.anchor = &f->anchor,
		.fleet = "main",
		.device = "drone-07",
		.verb = "restart",
		.session = 12,
		.wall_ms = NOW_MS,
	};
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	open_anchor(f, &with_command);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static const char *envelope(const char *payload, const char *names)
{
	return signing_envelope(&signing, payload, names, ",\"id\":\"c-1\",\"re\":\"ops\"");
}

#define HEAD                                                                                       \
	"{\"v\":1,\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"Command\",\"fleet\":\"main\","       \
	"\"device\":\"drone-07\",\"verb\":\"restart\",\"id\":\"c-1\",\"re\":\"ops\",\"by\":"       \
	"\"olga\","
#define AGE "\"exp\":1795700060000,\"session\":12,"
#define GOOD HEAD AGE "\"args\":{\"workload\":\"camera\"}}"

static void what_was_signed_is_known_with_who_signed_it(void **state)
{
	struct fixture *f = *state;
	struct request r;
	struct why why = { "" };
	char first[16];
	if (request_read(&r, bytes_of(envelope(GOOD, "c1")), &f->place, &why))
		fail_msg("%s", why.text);
	assert_string_equal(r.id, "c-1");
	assert_string_equal(r.requester, "ops");
	assert_string_equal(r.by, "olga");
	assert_string_equal(json_string(json_member(r.args, "workload")), "camera");
	snprintf(first, sizeof first, "%.12s", signing_id(&signing, "c1"));
	assert_string_equal(r.signers, first);
	request_free(&r);
}

static void of_more_signatures_those_that_count_are_named(void **state)
{
	struct fixture *f = *state;
	struct request r;
	char first[16];
	assert_ok(request_read(&r, bytes_of(envelope(GOOD, "evil s1 c2 c1")), &f->place, NULL));
	snprintf(first, sizeof first, "%.12s", signing_id(&signing, "c2"));
	assert_string_equal(r.signers, first);
	request_free(&r);
}

static void the_state_role_counts_where_nobody_commands(void **state)
{
	struct fixture *f = *state;
	struct request r;
	assert_err(ERR_DENIED, request_read(&r, bytes_of(envelope(GOOD, "s1")), &f->place, NULL));
	request_free(&r);
	open_anchor(f, &plain_trust);
	assert_ok(request_read(&r, bytes_of(envelope(GOOD, "s1")), &f->place, NULL));
	request_free(&r);
}

static void a_refusal_names_its_reason_and_can_be_answered(void **state)
{
	static const struct {
		const char *payload, *keys;
		enum err class;
		const char *hint;
	} table[] = {
		{ GOOD, "", ERR_DENIED, "0 of 0" },
		{ GOOD, "evil", ERR_DENIED, "role command" },
		{ GOOD, "r1 a1", ERR_DENIED, "0 of 2" },
		{ HEAD "\"exp\":1795700060000}", "c1", ERR_INVALID, "exp, session" },
		{ HEAD "\"session\":12}", "c1", ERR_INVALID, "exp, session" },
		{ HEAD "\"session\":12,\"exp\":\"soon\"}", "c1", ERR_INVALID, "whole numbers" },
		{ HEAD "\"session\":11,\"exp\":1795700060000}", "c1", ERR_CONFLICT, "session 11" },
		{ HEAD "\"session\":13,\"exp\":1795700060000}", "c1", ERR_CONFLICT, "session 13" },
		{ HEAD "\"session\":12,\"exp\":1795700000000}", "c1", ERR_AGAIN, "too old" },
		{ "{\"id\":\"c-1\",\"re\":\"ops\"}", "c1", ERR_DENIED, "apiVersion" },
		{ "[]", "c1", ERR_DENIED, "apiVersion" },
		{ "x", "c1", ERR_INVALID, "JSON" },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct request r;
		struct why why = { "" };
		const char *text = envelope(table[i].payload, table[i].keys);
		assert_err(table[i].class, request_read(&r, bytes_of(text), &f->place, &why));
		if (!strstr(why.text, table[i].hint))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, why.text, table[i].hint);
		if (i < 10)
			assert_string_equal(r.requester, "ops");
		request_free(&r);
	}
}

static void each_of_fleet_device_and_verb_must_be_ours(void **state)
{
	struct fixture *f = *state;
	struct request r;
	const char *good = envelope(GOOD, "c1");
	struct request_place other[3] = { f->place, f->place, f->place };
	other[0].fleet = "other";
	other[1].device = "drone-08";
	other[2].verb = "exec";
	for (size_t i = 0; i < 3; i++) {
		assert_err(ERR_DENIED, request_read(&r, bytes_of(good), &other[i], NULL));
		request_free(&r);
	}
	assert_ok(request_read(&r, bytes_of(good), &f->place, NULL));
	request_free(&r);
}

static void without_a_clock_the_floor_says_how_old_it_is(void **state)
{
	struct fixture *f = *state;
	struct request r;
	f->place.wall_ms = 0;
	/* 2026-11-25: before the trust document was issued. */
	assert_err(ERR_AGAIN, request_read(&r,
					   bytes_of(envelope(HEAD "\"session\":12,\"exp\":"
								  "1795600000000}",
							     "c1")),
					   &f->place, NULL));
	request_free(&r);
	assert_ok(request_read(&r, bytes_of(envelope(GOOD, "c1")), &f->place, NULL));
	request_free(&r);
}

static void an_expired_trust_document_commands_nothing(void **state)
{
	struct fixture *f = *state;
	struct request r;
	struct why why;
	f->place.wall_ms = INT64_C(4000000000000);
	assert_err(ERR_DENIED, request_read(&r,
					    bytes_of(envelope(HEAD "\"session\":12,\"exp\":"
								   "4000000060000}",
							      "c1")),
					    &f->place, &why));
	assert_non_null(strstr(why.text, "expired"));
	request_free(&r);
}

static void what_nobody_signed_is_read_and_said_to_be_so(void **state)
{
	struct fixture *f = *state;
	struct request r;
	const char *text = "{\"id\":\"c-1\",\"re\":\"ops\",\"args\":{\"n\":3}}";
	assert_ok(request_read(&r, bytes_of(text), &f->place, NULL));
	assert_string_equal(r.signers, "");
	assert_string_equal(r.by, "");
	request_free(&r);
	assert_err(ERR_AGAIN, request_read(&r, BYTES_LIT("{\"id\":\"c\",\"re\":\"o\",\"exp\":1}"),
					   &f->place, NULL));
	request_free(&r);
	/* Without an anchor a clock that was never set says nothing. */
	f->place.anchor = NULL;
	f->place.wall_ms = 1000;
	assert_ok(request_read(&r, BYTES_LIT("{\"id\":\"c\",\"re\":\"o\",\"exp\":1}"), &f->place,
			       NULL));
	request_free(&r);
	/* And nothing of an envelope is verified. */
	assert_ok(request_read(&r, bytes_of(envelope(GOOD, "evil")), &f->place, NULL));
	assert_string_equal(r.signers, "");
	request_free(&r);
}

static void an_answer_goes_below_our_own_topic_or_nowhere(void **state)
{
	static const char *const table[] = {
		"{\"id\":\"c\",\"re\":\"../x\"}",
		"{\"id\":\"c\",\"re\":\"a/b\"}",
		"{\"id\":\"c\",\"re\":\"+\"}",
		"{\"id\":\"c\",\"re\":\"\"}",
		"{\"id\":\"c\"}",
		"{\"re\":\"ops\"}",
		"{\"id\":\"\",\"re\":\"ops\"}",
		"{\"id\":7,\"re\":\"ops\"}",
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct request r;
		assert_err(ERR_INVALID, request_read(&r, bytes_of(table[i]), &f->place, NULL));
		assert_null(r.id);
		request_free(&r);
	}
}

static void what_is_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	struct request r;
	char *room = malloc(REQUEST_MAX + 2);
	assert_non_null(room);
	memset(room, ' ', REQUEST_MAX + 1);
	assert_err(ERR_FULL,
		   request_read(&r, (struct bytes){ room, REQUEST_MAX + 1 }, &f->place, NULL));
	request_free(&r);
	free(room);
}

int main(void)
{
	scratch_make(&signing.scratch);
	static const char *const keys[] = { "r1", "s1", "a1", "c1", "c2", "evil" };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		signing_key(&signing, keys[i], "prime256v1");
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(what_was_signed_is_known_with_who_signed_it),
		TEST(of_more_signatures_those_that_count_are_named),
		TEST(the_state_role_counts_where_nobody_commands),
		TEST(a_refusal_names_its_reason_and_can_be_answered),
		TEST(each_of_fleet_device_and_verb_must_be_ours),
		TEST(without_a_clock_the_floor_says_how_old_it_is),
		TEST(an_expired_trust_document_commands_nothing),
		TEST(what_nobody_signed_is_read_and_said_to_be_so),
		TEST(an_answer_goes_below_our_own_topic_or_nowhere),
		TEST(what_is_too_long_is_refused),
	};
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	signing_end(&signing);
	return failed;
}
