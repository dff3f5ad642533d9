#include "tests/check.h"

#include "cloud/fleet/campaign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t NOON = INT64_C(1795780800000);

static char *message(const char *device, int generation)
{
	char *text = NULL;
	if (asprintf(&text,
		     "{\"kind\":\"DesiredState\",\"device\":\"%s\",\"epoch\":1,\"generation\":%d}",
		     device, generation) < 0)
		abort();
	return text;
}

static void make(struct campaign *c)
{
	struct json *spec;
	struct why why;
	assert_ok(json_parse(bytes_of("{\"batches\":[{\"limit\":1}],\"approve\":[2],"
				      "\"maxUnavailable\":{\"limit\":1,\"groupBy\":\"site\"}}"),
			     &spec, &why));
	assert_ok(campaign_init(c, "one", "main", spec, &why));
	json_free(spec);
	c->made_ms = NOON;
	strcpy(c->by, "ops");
	for (int i = 0; i < 3; i++) {
		char name[8];
		snprintf(name, sizeof name, "d%d", i);
		struct campaign_states s = { .forward = message(name, 2),
					     .back = message(name, 3) };
		strcpy(s.group, i == 1 ? "south" : "north");
		assert_ok(campaign_add(c, name, &s, &why));
		c->rollout.members[i].batch = i > 0;
	}
	assert_ok(campaign_leave(c, "d9", "pinned: repair", &why));
	assert_ok(campaign_seal(c, &why));
}

static void see_all(struct campaign *c)
{
	for (size_t i = 0; i < c->rollout.count; i++)
		campaign_see(c, i, true, NULL, (struct bytes){ 0 });
}

static void groups_are_made_of_words(void **state)
{
	struct campaign c;
	(void)state;
	make(&c);
	assert_int_equal(c.rollout.group_count, 2);
	assert_int_equal(c.rollout.members[0].group, c.rollout.members[2].group);
	assert_int_not_equal(c.rollout.members[0].group, c.rollout.members[1].group);
	campaign_free(&c);
}

static void what_was_written_reads_back(void **state)
{
	struct campaign c, again;
	struct why why = { "" };
	(void)state;
	make(&c);
	see_all(&c);
	assert_int_equal(campaign_step(&c, NOON), 1);
	assert_true(bytes_equal(campaign_message(&c, 0), bytes_of(c.states[0].forward)));
	char *prepared = campaign_print(&c), *progress = campaign_print_progress(&c);
	enum err e = campaign_read(bytes_of(prepared), &again, &why);
	if (e)
		fail_msg("%s", why.text);
	assert_ok(campaign_read_progress(&again, bytes_of(progress), &why));
	char *prepared_again = campaign_print(&again);
	char *progress_again = campaign_print_progress(&again);
	assert_string_equal(prepared, prepared_again);
	assert_string_equal(progress, progress_again);
	assert_int_equal(again.rollout.members[0].state, MEMBER_TOLD);
	assert_int_equal(again.left_count, 1);
	/* Nobody has published it: the next one does. */
	see_all(&again);
	assert_int_equal(campaign_step(&again, NOON), 1);
	assert_int_equal(again.orders[0], ORDER_FORWARD);
	free(prepared);
	free(progress);
	free(prepared_again);
	free(progress_again);
	campaign_free(&c);
	campaign_free(&again);
}

static void what_is_cut_or_of_another_is_refused(void **state)
{
	struct campaign c, again;
	struct why why;
	(void)state;
	make(&c);
	char *prepared = campaign_print(&c), *progress = campaign_print_progress(&c);
	assert_err(ERR_INVALID, campaign_read(bytes_of(""), &again, &why));
	assert_err(ERR_INVALID, campaign_read(bytes_of("{}\n"), &again, &why));
	for (size_t n = 1; n < strlen(prepared); n += 7) {
		enum err e = campaign_read((struct bytes){ prepared, n }, &again, &why);
		if (!e)
			campaign_free(&again); /* it ended with a line: fewer devices */
	}
	assert_ok(campaign_read(bytes_of(prepared), &again, &why));
	assert_err(ERR_INVALID, campaign_read_progress(&again, bytes_of(""), &why));
	*strstr(progress, "d2") = 'x'; /* another device's name */
	assert_err(ERR_INVALID, campaign_read_progress(&again, bytes_of(progress), &why));
	free(prepared);
	free(progress);
	campaign_free(&c);
	campaign_free(&again);
}

static void the_broker_is_compared_by_digest(void **state)
{
	struct campaign c;
	(void)state;
	make(&c);
	campaign_see(&c, 0, true, NULL, bytes_of(c.states[0].forward));
	assert_int_equal(c.seen[0].holding, HOLDING_FORWARD);
	campaign_see(&c, 0, true, NULL, bytes_of(c.states[0].back));
	assert_int_equal(c.seen[0].holding, HOLDING_BACK);
	campaign_see(&c, 0, true, NULL, bytes_of("{}"));
	assert_int_equal(c.seen[0].holding, HOLDING_OTHER);
	campaign_see(&c, 0, true, NULL, (struct bytes){ 0 });
	assert_int_equal(c.seen[0].holding, HOLDING_BASE); /* it held nothing before */
	strcpy(c.states[0].base, "sha256:x");
	campaign_see(&c, 0, true, NULL, (struct bytes){ 0 });
	assert_int_equal(c.seen[0].holding, HOLDING_NOTHING);
	campaign_free(&c);
}

static void wishes_are_obeyed_once_and_in_order(void **state)
{
	struct campaign c;
	struct why refused = { "" };
	char wishes[600];
	(void)state;
	make(&c);
	char *pause = campaign_print_wish("pause", 0, "ops", NOON);
	char *approve = campaign_print_wish("approve", 2, "ops", NOON);
	snprintf(wishes, sizeof wishes, "%s%s", pause, approve);
	assert_true(campaign_obey(&c, bytes_of(wishes), &refused));
	assert_string_equal(refused.text, "");
	assert_int_equal(c.rollout.phase, ROLLOUT_PAUSED);
	assert_int_equal(c.rollout.approved, 2);
	assert_false(campaign_obey(&c, bytes_of(wishes), &refused));
	strcat(wishes, "{\"do\":\"dance\"}\n{\"do\":\"resume\"}\n");
	assert_true(campaign_obey(&c, bytes_of(wishes), &refused));
	assert_non_null(strstr(refused.text, "dance"));
	assert_int_equal(c.rollout.phase, ROLLOUT_RUNNING);
	free(pause);
	free(approve);
	campaign_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_made_of_words),
		cmocka_unit_test(what_was_written_reads_back),
		cmocka_unit_test(what_is_cut_or_of_another_is_refused),
		cmocka_unit_test(the_broker_is_compared_by_digest),
		cmocka_unit_test(wishes_are_obeyed_once_and_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
