#include "sync/desired.h"

#include "base/limits.h"
#include "ports/digest.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A document for main/drone-07 with `more` put in front of its end. */
static struct bytes document(const char *more)
{
	static char text[4096];
	int n = snprintf(text, sizeof text,
			 "{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"DesiredState\","
			 "\"fleet\":\"main\",\"device\":\"drone-07\",\"epoch\":1,"
			 "\"generation\":42%s}",
			 more);
	assert_in_range(n, 1, sizeof text - 1);
	return (struct bytes){ text, (size_t)n };
}

static struct desired read_good(struct bytes text)
{
	struct desired d;
	struct why why = { "" };
	if (desired_read(text, "main", "drone-07", &d, &why))
		fail_msg("refused: %s", why.text);
	return d;
}

/* Refused as `class` with a reason that has `hint` in it, and nothing is left. */
static void assert_refused(enum err class, struct bytes text, const char *hint)
{
	struct desired d;
	struct why why = { "" };
	assert_err(class, desired_read(text, "main", "drone-07", &d, &why));
	if (!strstr(why.text, hint))
		fail_msg("the reason \"%s\" does not say \"%s\"", why.text, hint);
	assert_null(d.document);
	assert_null(d.workloads);
	assert_string_equal(d.id.digest, "");
}

static void a_whole_document_is_read(void **state)
{
	struct desired d = read_good(document(
		",\"issued\":\"2026-11-22T12:00:00Z\",\"writer\":\"ops\",\"base\":41,"
		"\"reason\":\"x\",\"policy\":{\"rollback\":\"off\",\"healthyFor\":\"30s\","
		"\"progressDeadline\":\"5m\"},\"workloads\":[{\"kind\":\"Pod\"}],\"configs\":[]"));
	(void)state;
	assert_int_equal(d.id.epoch, 1);
	assert_int_equal(d.id.generation, 42);
	assert_false(d.rolls_back);
	assert_int_equal(d.healthy_for_ms, 30 * 1000);
	assert_int_equal(d.progress_deadline_ms, 5 * 60 * 1000);
	assert_int_equal(json_count(d.workloads), 1);
	assert_string_equal(d.warning, "");
	desired_free(&d);
	assert_null(d.document);
}

static void the_digest_is_that_of_the_bytes(void **state)
{
	char digest[DIGEST_SIZE];
	struct bytes text = document(",\"workloads\":[]");
	struct desired d = read_good(text);
	(void)state;
	digest_of(text, digest);
	assert_string_equal(d.id.digest, digest);
	desired_free(&d);
}

static void without_a_policy_it_rolls_back_after_ten_seconds(void **state)
{
	struct desired d = read_good(document(",\"workloads\":[]"));
	(void)state;
	assert_true(d.rolls_back);
	assert_int_equal(d.healthy_for_ms, HEALTHY_FOR_DEFAULT_MS);
	assert_int_equal(d.progress_deadline_ms, HEALTHY_FOR_DEFAULT_MS + PROGRESS_EXTRA_MS);
	desired_free(&d);
}

static void the_deadline_follows_healthy_for(void **state)
{
	struct desired d = read_good(document(
		",\"policy\":{\"rollback\":\"auto\",\"healthyFor\":\"2m\"},\"workloads\":[]"));
	(void)state;
	assert_true(d.rolls_back);
	assert_int_equal(d.progress_deadline_ms, 120 * 1000 + PROGRESS_EXTRA_MS);
	desired_free(&d);
}

static void no_workloads_at_all_is_a_state_too(void **state)
{
	struct desired d = read_good(document(",\"workloads\":[]"));
	(void)state;
	assert_non_null(d.workloads);
	assert_int_equal(json_count(d.workloads), 0);
	desired_free(&d);
}

static void unknown_members_are_named_in_a_warning(void **state)
{
	struct desired d =
		read_good(document(",\"workloads\":[],\"colour\":1,\"policy\":{\"window\":{}}"));
	(void)state;
	assert_non_null(strstr(d.warning, "colour"));
	assert_non_null(strstr(d.warning, "policy.window"));
	assert_null(strstr(d.warning, "workloads"));
	desired_free(&d);
}

static void many_unknown_members_never_overrun_the_warning(void **state)
{
	char more[2048] = ",\"workloads\":[]";
	(void)state;
	for (int i = 0; i < 40; i++) {
		size_t n = strlen(more);
		snprintf(more + n, sizeof more - n, ",\"an-unknown-member-%02d\":1", i);
	}
	struct desired d = read_good(document(more));
	assert_non_null(memchr(d.warning, '\0', sizeof d.warning));
	assert_non_null(strstr(d.warning, "an-unknown-member-00"));
	desired_free(&d);
}

static void another_version_or_kind_is_refused(void **state)
{
	(void)state;
	assert_refused(ERR_INVALID,
		       BYTES_LIT("{\"apiVersion\":\"skerry.dev/v2\",\"kind\":\"DesiredState\"}"),
		       "apiVersion");
	assert_refused(ERR_INVALID, BYTES_LIT("{\"kind\":\"DesiredState\"}"), "missing");
	assert_refused(ERR_INVALID,
		       BYTES_LIT("{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"Pod\"}"), "kind");
	assert_refused(ERR_INVALID, BYTES_LIT("{\"apiVersion\":1}"), "apiVersion");
}

static void somebody_elses_document_is_refused(void **state)
{
	struct desired d;
	struct why why;
	(void)state;
	assert_err(ERR_INVALID,
		   desired_read(document(",\"workloads\":[]"), "other", "drone-07", &d, &why));
	assert_non_null(strstr(why.text, "fleet"));
	assert_err(ERR_INVALID,
		   desired_read(document(",\"workloads\":[]"), "main", "drone-08", &d, &why));
	assert_non_null(strstr(why.text, "device"));
	assert_non_null(strstr(why.text, "drone-08"));
}

static void the_order_needs_two_whole_numbers(void **state)
{
#define HEAD                                                                                       \
	"{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"DesiredState\",\""                           \
	"fleet\":\"main\",\"device\":\"drone-07\",\"workloads\":[]"
	(void)state;
	assert_refused(ERR_INVALID, BYTES_LIT(HEAD ",\"generation\":1}"), "epoch");
	assert_refused(ERR_INVALID, BYTES_LIT(HEAD ",\"epoch\":1}"), "generation");
	assert_refused(ERR_INVALID, BYTES_LIT(HEAD ",\"epoch\":-1,\"generation\":1}"), "epoch");
	assert_refused(ERR_INVALID, BYTES_LIT(HEAD ",\"epoch\":1,\"generation\":1.5}"),
		       "generation");
	assert_refused(ERR_INVALID, BYTES_LIT(HEAD ",\"epoch\":1,\"generation\":\"1\"}"),
		       "generation");
	assert_refused(ERR_INVALID, BYTES_LIT(HEAD ",\"epoch\":1,\"generation\":9007199254740993}"),
		       "2^53");
#undef HEAD
}

static void a_wrong_policy_is_refused(void **state)
{
	(void)state;
	assert_refused(ERR_INVALID,
		       document(",\"workloads\":[],\"policy\":{\"rollback\":\"maybe\"}"),
		       "policy.rollback");
	assert_refused(ERR_INVALID, document(",\"workloads\":[],\"policy\":{\"rollback\":true}"),
		       "policy.rollback");
	assert_refused(ERR_INVALID, document(",\"workloads\":[],\"policy\":{\"healthyFor\":30}"),
		       "policy.healthyFor");
	assert_refused(ERR_INVALID,
		       document(",\"workloads\":[],\"policy\":{\"healthyFor\":\"soon\"}"),
		       "policy.healthyFor");
	assert_refused(ERR_INVALID,
		       document(",\"workloads\":[],\"policy\":{\"progressDeadline\":\"-1s\"}"),
		       "policy.progressDeadline");
}

static void a_policy_that_is_no_object_is_refused(void **state)
{
	(void)state;
	assert_refused(ERR_INVALID, document(",\"workloads\":[],\"policy\":\"off\""), "policy");
}

static void workloads_must_be_a_list(void **state)
{
	(void)state;
	assert_refused(ERR_INVALID, document(""), "workloads");
	assert_refused(ERR_INVALID, document(",\"workloads\":{}"), "workloads");
	assert_refused(ERR_INVALID, document(",\"workloads\":null"), "workloads");
}

static void one_pod_more_than_a_board_takes_is_refused(void **state)
{
	char more[512] = ",\"workloads\":[0";
	(void)state;
	for (int i = 1; i < PODS_MAX; i++)
		strcat(more, ",0");
	strcat(more, "]");
	struct desired d = read_good(document(more));
	assert_int_equal(json_count(d.workloads), PODS_MAX);
	desired_free(&d);
	strcpy(more + strlen(more) - 1, ",0]");
	assert_refused(ERR_FULL, document(more), "pods");
}

static void configs_are_a_list_that_is_kept(void **state)
{
	struct desired d;
	(void)state;
	assert_ok(desired_read(document(",\"workloads\":[],\"configs\":[{},{}]"), "main",
			       "drone-07", &d, NULL));
	assert_int_equal(json_count(d.configs), 2);
	desired_free(&d);
	assert_refused(ERR_INVALID, document(",\"workloads\":[],\"configs\":{}"), "configs");
}

static void what_is_no_json_object_is_refused(void **state)
{
	(void)state;
	assert_refused(ERR_INVALID, BYTES_LIT(""), "JSON");
	assert_refused(ERR_INVALID, BYTES_LIT("{\"apiVersion\":"), "JSON");
	assert_refused(ERR_INVALID, BYTES_LIT("[]"), "object");
	assert_refused(ERR_INVALID, BYTES_LIT("\"skerry.dev/v1\""), "object");
	assert_refused(ERR_INVALID, BYTES_LIT("{\"epoch\":1,\"epoch\":2}"), "twice");
}

static void a_document_of_64_kib_fits_and_one_byte_more_does_not(void **state)
{
	char *text = malloc(DOCUMENT_MAX + 1);
	struct bytes small = document(",\"workloads\":[]");
	(void)state;
	assert_non_null(text);
	memset(text, ' ', DOCUMENT_MAX + 1);
	memcpy(text, small.at, small.len);
	struct desired d = read_good((struct bytes){ text, DOCUMENT_MAX });
	desired_free(&d);
	assert_refused(ERR_FULL, (struct bytes){ text, DOCUMENT_MAX + 1 }, "65536");
	free(text);
}

static void a_refusal_still_says_which_generation_it_refuses(void **state)
{
	struct desired d;
	struct why why;
	(void)state;
	assert_err(ERR_INVALID,
		   desired_read(document(",\"workloads\":{}"), "main", "drone-07", &d, &why));
	assert_int_equal(d.id.epoch, 1);
	assert_int_equal(d.id.generation, 42);
}

static void order_is_epoch_then_generation(void **state)
{
	static const struct {
		int64_t epoch, generation;
		const char *digest;
		enum desired_order order;
	} table[] = {
		{ 2, 5, "a", DESIRED_SAME },     { 2, 5, "b", DESIRED_CONFLICT },
		{ 2, 6, "a", DESIRED_NEWER },    { 2, 6, "b", DESIRED_NEWER },
		{ 2, 4, "a", DESIRED_STALE },    { 2, 4, "b", DESIRED_STALE },
		{ 3, 0, "b", DESIRED_NEWER },    { 3, 5, "a", DESIRED_NEWER },
		{ 1, 1000, "b", DESIRED_STALE }, { 1, 5, "a", DESIRED_STALE },
		{ 0, 5, "a", DESIRED_STALE },    { 2, (int64_t)1 << 53, "b", DESIRED_NEWER },
		{ 3, 1, "a", DESIRED_NEWER },
	};
	const struct desired_id kept = { 0, 2, 5, "a" };
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct desired_id id = { 0, table[i].epoch, table[i].generation, "" };
		strcpy(id.digest, table[i].digest);
		if (desired_compare(&kept, &id) != table[i].order)
			fail_msg("row %zu", i);
	}
}

static void a_message_names_the_trust_that_it_was_signed_under(void **state)
{
	static const struct {
		const char *message;
		int64_t trust;
	} table[] = {
		{ "{\"payload\":\"eyJ0cnVzdCI6N30=\",\"sigs\":[]}", 7 }, /* {"trust":7} */
		{ "{\"payload\":\"e30=\",\"sigs\":[]}", 0 },             /* {} */
		{ "{\"payload\":\"!\",\"sigs\":[]}", 0 },
		{ "{\"trust\":7,\"sigs\":[]}", 0 },
		{ "{\"trust\":7}", 0 },
		{ "", 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (desired_named_trust(bytes_of(table[i].message)) != table[i].trust)
			fail_msg("row %zu", i);
}

static void anything_is_newer_than_nothing(void **state)
{
	const struct desired_id nothing = { 0 }, first = { 0, 0, 0, "a" };
	(void)state;
	assert_int_equal(desired_compare(&nothing, &first), DESIRED_NEWER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_document_is_read),
		cmocka_unit_test(the_digest_is_that_of_the_bytes),
		cmocka_unit_test(without_a_policy_it_rolls_back_after_ten_seconds),
		cmocka_unit_test(the_deadline_follows_healthy_for),
		cmocka_unit_test(no_workloads_at_all_is_a_state_too),
		cmocka_unit_test(unknown_members_are_named_in_a_warning),
		cmocka_unit_test(many_unknown_members_never_overrun_the_warning),
		cmocka_unit_test(another_version_or_kind_is_refused),
		cmocka_unit_test(somebody_elses_document_is_refused),
		cmocka_unit_test(the_order_needs_two_whole_numbers),
		cmocka_unit_test(a_wrong_policy_is_refused),
		cmocka_unit_test(a_policy_that_is_no_object_is_refused),
		cmocka_unit_test(workloads_must_be_a_list),
		cmocka_unit_test(one_pod_more_than_a_board_takes_is_refused),
		cmocka_unit_test(configs_are_a_list_that_is_kept),
		cmocka_unit_test(what_is_no_json_object_is_refused),
		cmocka_unit_test(a_document_of_64_kib_fits_and_one_byte_more_does_not),
		cmocka_unit_test(a_refusal_still_says_which_generation_it_refuses),
		cmocka_unit_test(order_is_epoch_then_generation),
		cmocka_unit_test(a_message_names_the_trust_that_it_was_signed_under),
		cmocka_unit_test(anything_is_newer_than_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
