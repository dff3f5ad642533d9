#include "tests/check.h"

#include "cloud/fleet/rollout.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEVICES_MAX = 64 };

/* 2026-11-27T00:00:00Z, a Friday. */
static const int64_t MIDNIGHT = INT64_C(1795737600000);
static const int64_t HOUR = INT64_C(3600) * 1000;

/* A rollout, and what its devices do when a test says so. */
struct scene {
	struct rollout_spec spec;
	struct rollout r;
	struct member members[DEVICES_MAX];
	struct group groups[DEVICES_MAX];
	struct sighting seen[DEVICES_MAX];
	enum order orders[DEVICES_MAX];
	int64_t now_ms;
};

static struct scene s;

static void begin(int devices, const char *spec)
{
	struct json *j, *labels;
	const struct json *all[DEVICES_MAX];
	struct why why = { "" };
	rollout_spec_free(&s.spec);
	s = (struct scene){ .now_ms = MIDNIGHT };
	assert_ok(json_parse(bytes_of(spec), &j, NULL));
	enum err e = rollout_spec_read(j, &s.spec, &why);
	if (e)
		fail_msg("%s", why.text);
	json_free(j);
	labels = json_new_object();
	for (int i = 0; i < devices; i++) {
		snprintf(s.members[i].name, LABEL_SIZE, "d%02d", i);
		s.seen[i] = (struct sighting){ .online = true, .holding = HOLDING_BASE };
		all[i] = labels;
	}
	rollout_assign(&s.spec, s.members, (size_t)devices, all);
	json_free(labels);
	s.r = (struct rollout){ .spec = &s.spec,
				.members = s.members,
				.count = (size_t)devices,
				.groups = s.groups,
				.group_count = 1 };
}

/* One step; the broker holds what was published. How many were told something. */
static int step(void)
{
	int told = 0;
	rollout_step(&s.r, s.seen, s.now_ms, s.orders);
	for (size_t i = 0; i < s.r.count; i++) {
		if (s.orders[i] == ORDER_NONE)
			continue;
		told++;
		s.seen[i].holding = s.orders[i] == ORDER_BACK ? HOLDING_BACK : HOLDING_FORWARD;
	}
	return told;
}

static void say(int device, enum answer a)
{
	struct sighting *d = &s.seen[device];
	*(d->holding == HOLDING_BACK ? &d->back : &d->forward) = a;
	snprintf(d->note, sizeof d->note, "%s", a == ANSWER_FAILED ? "exit code 7" : "");
}

/* Everybody of [from, to) says so, then the rollout looks. */
static int say_all(int from, int to, enum answer a)
{
	for (int i = from; i < to; i++)
		say(i, a);
	return step();
}

static enum member_state state_of(int device)
{
	return s.members[device].state;
}

static void expect_phase(enum rollout_phase p)
{
	assert_string_equal(rollout_phase_name(s.r.phase), rollout_phase_name(p));
}

static void batches_are_numbers_shares_and_the_rest(void **state)
{
	(void)state;
	begin(20, "{\"batches\":[{\"limit\":1},{\"limit\":\"11%\"}]}");
	assert_int_equal(s.spec.batch_count, 3);
	assert_int_equal(s.members[0].batch, 0);
	assert_int_equal(s.members[1].batch, 1); /* 11 % of 20 is 2.2: three */
	assert_int_equal(s.members[3].batch, 1);
	assert_int_equal(s.members[4].batch, 2);
	assert_int_equal(s.members[19].batch, 2);
}

static void batches_choose_by_labels_what_none_before_has_taken(void **state)
{
	struct json *canary = json_new_object(), *plain = json_new_object();
	const struct json *labels[4] = { plain, canary, canary, plain };
	(void)state;
	json_set_string(canary, "stage", "canary");
	begin(4, "{\"batches\":[{\"selector\":{\"matchLabels\":{\"stage\":\"canary\"}},"
		 "\"limit\":1},{\"limit\":2}]}");
	rollout_assign(&s.spec, s.members, 4, labels);
	assert_int_equal(s.members[1].batch, 0);
	assert_int_equal(s.members[0].batch, 1);
	assert_int_equal(s.members[2].batch, 1);
	assert_int_equal(s.members[3].batch, 2);
	json_free(canary);
	json_free(plain);
}

static void a_batch_waits_for_the_one_before(void **state)
{
	(void)state;
	begin(4, "{\"batches\":[{\"limit\":1},{\"limit\":1}]}");
	assert_int_equal(step(), 1);
	assert_int_equal(state_of(0), MEMBER_TOLD);
	assert_int_equal(step(), 0);
	assert_int_equal(say_all(0, 1, ANSWER_UPDATING), 0);
	assert_int_equal(say_all(0, 1, ANSWER_HEALTHY), 1);
	assert_int_equal(state_of(1), MEMBER_TOLD);
	assert_int_equal(say_all(1, 2, ANSWER_HEALTHY), 2);
	say_all(2, 4, ANSWER_HEALTHY);
	expect_phase(ROLLOUT_COMPLETE);
	assert_true(rollout_is_over(&s.r));
}

static void batches_without_a_device_are_passed(void **state)
{
	(void)state;
	begin(2, "{\"batches\":[{\"selector\":{\"matchLabels\":{\"no\":\"one\"}}},{\"limit\":1}]}");
	assert_int_equal(step(), 1);
	assert_int_equal(s.r.batch, 1);
}

static void without_batches_all_are_told_at_once(void **state)
{
	(void)state;
	begin(5, "{}");
	assert_int_equal(step(), 5);
}

static void a_rollback_of_the_board_is_a_failure_with_its_reason(void **state)
{
	(void)state;
	begin(3, "{\"batches\":[{\"limit\":1}]}");
	step();
	say_all(0, 1, ANSWER_FAILED);
	assert_int_equal(state_of(0), MEMBER_FAILED);
	assert_string_equal(s.members[0].note, "exit code 7");
	expect_phase(ROLLOUT_HALTED);
	assert_string_equal(s.r.reason.text, "1 of 1 that answered have failed; 1 halt it");
	assert_int_equal(step(), 0);
	assert_int_equal(state_of(1), MEMBER_WAITING);
}

static void seen_and_not_healthy_by_the_deadline_is_a_failure(void **state)
{
	(void)state;
	begin(1, "{\"deadline\":\"1h\"}");
	step();
	s.now_ms += 5 * HOUR; /* it counts from when it was seen */
	say_all(0, 1, ANSWER_UPDATING);
	assert_int_equal(state_of(0), MEMBER_UPDATING);
	s.now_ms += HOUR - 1;
	step();
	assert_int_equal(state_of(0), MEMBER_UPDATING);
	s.now_ms++;
	step();
	assert_int_equal(state_of(0), MEMBER_FAILED);
	expect_phase(ROLLOUT_HALTED);
}

static void silence_is_neither_failure_nor_success(void **state)
{
	struct rollout_count c;
	(void)state;
	begin(2, "{\"deadline\":\"1h\",\"batches\":[{\"limit\":1}]}");
	step();
	s.now_ms += HOUR;
	step();
	rollout_count(&s.r, &c);
	assert_int_equal(c.by_state[MEMBER_FAILED], 0);
	assert_int_equal(c.by_state[MEMBER_SUCCEEDED], 0);
	assert_int_equal(c.late, 1);
	expect_phase(ROLLOUT_RUNNING);
	/* And nobody's silence lets the next batch have it. */
	assert_int_equal(state_of(1), MEMBER_WAITING);
	assert_string_equal(s.r.why.text, "waits for an answer: all of batch 1 are late");
}

static void one_that_goes_away_while_updating_is_late_and_no_failure(void **state)
{
	(void)state;
	begin(2, "{\"deadline\":\"1h\",\"batches\":[{\"limit\":2}]}");
	step();
	say_all(0, 2, ANSWER_UPDATING);
	s.seen[0].online = false;
	s.now_ms += 2 * HOUR;
	say(1, ANSWER_HEALTHY);
	step();
	assert_int_equal(state_of(0), MEMBER_UPDATING);
	assert_true(s.members[0].late);
	expect_phase(ROLLOUT_COMPLETE);
	/* Back, it may still prove itself. */
	s.seen[0].online = true;
	say_all(0, 1, ANSWER_HEALTHY);
	assert_int_equal(state_of(0), MEMBER_SUCCEEDED);
}

static void offline_devices_are_late_and_hold_nothing_up(void **state)
{
	(void)state;
	begin(4, "{\"batches\":[{\"limit\":2}]}");
	s.seen[0].online = false;
	assert_int_equal(step(), 1);
	assert_true(s.members[0].late);
	assert_int_equal(say_all(1, 2, ANSWER_HEALTHY), 2);
	/* It is back while the rollout still goes on: its turn. */
	s.seen[0].online = true;
	assert_int_equal(step(), 1);
	assert_int_equal(state_of(0), MEMBER_TOLD);
	assert_false(s.members[0].late);
}

static void who_is_late_at_the_end_is_told_for_its_return(void **state)
{
	struct rollout_count c;
	(void)state;
	begin(3, "{}");
	s.seen[2].online = false;
	assert_int_equal(step(), 2);
	assert_int_equal(say_all(0, 2, ANSWER_HEALTHY), 1);
	expect_phase(ROLLOUT_COMPLETE);
	assert_int_equal(s.orders[2], ORDER_FORWARD);
	rollout_count(&s.r, &c);
	assert_int_equal(c.late, 1);
	assert_int_equal(step(), 0);
}

static void offline_wait_waits(void **state)
{
	(void)state;
	begin(3, "{\"offline\":\"wait\",\"batches\":[{\"limit\":2}]}");
	s.seen[0].online = false;
	step();
	assert_int_equal(say_all(1, 2, ANSWER_HEALTHY), 0);
	s.now_ms += 1000 * HOUR;
	assert_int_equal(step(), 0);
	assert_string_equal(s.r.why.text, "waits for 1 of batch 1 that are late");
	s.seen[0].online = true;
	assert_int_equal(step(), 1);
	assert_int_equal(say_all(0, 1, ANSWER_HEALTHY), 1);
}

static void enough_successes_of_those_that_answered_go_on(void **state)
{
	(void)state;
	begin(12, "{\"success\":\"90%\",\"batches\":[{\"limit\":10}]}");
	assert_int_equal(step(), 10);
	say(0, ANSWER_FAILED);
	assert_int_equal(say_all(1, 10, ANSWER_HEALTHY), 2); /* 9 of 10 */
	expect_phase(ROLLOUT_RUNNING);
}

static void too_few_successes_halt_it_when_the_batch_is_settled(void **state)
{
	(void)state;
	begin(12, "{\"success\":\"91%\",\"batches\":[{\"limit\":10}]}");
	step();
	say(0, ANSWER_FAILED);
	say_all(1, 9, ANSWER_HEALTHY);
	expect_phase(ROLLOUT_RUNNING); /* one is missing */
	say_all(9, 10, ANSWER_HEALTHY);
	expect_phase(ROLLOUT_HALTED);
	assert_string_equal(s.r.reason.text,
			    "batch 1: 9 of 10 that answered succeeded; 91% are asked for");
}

static void a_share_of_failures_counts_from_the_least_number_on(void **state)
{
	(void)state;
	begin(10, "{\"success\":\"50%\",\"halt\":{\"failures\":\"34%\",\"min\":3}}");
	step();
	say_all(0, 1, ANSWER_FAILED);
	expect_phase(ROLLOUT_RUNNING); /* 1 of 1, but three must have answered */
	say_all(1, 3, ANSWER_HEALTHY);
	expect_phase(ROLLOUT_RUNNING); /* 1 of 3: 33.3 % */
	say_all(3, 4, ANSWER_FAILED);
	expect_phase(ROLLOUT_HALTED); /* 2 of 4 */
}

static void a_number_of_failures_halts_it(void **state)
{
	(void)state;
	begin(10, "{\"success\":\"50%\",\"halt\":{\"failures\":2}}");
	step();
	say_all(0, 1, ANSWER_FAILED);
	expect_phase(ROLLOUT_RUNNING);
	say_all(1, 2, ANSWER_FAILED);
	expect_phase(ROLLOUT_HALTED);
}

static void halt_continue_goes_on(void **state)
{
	(void)state;
	begin(3, "{\"batches\":[{\"limit\":1}],\"halt\":{\"failures\":1,\"then\":\"continue\"}}");
	step();
	assert_int_equal(say_all(0, 1, ANSWER_FAILED), 2);
	expect_phase(ROLLOUT_RUNNING);
	say_all(1, 3, ANSWER_HEALTHY);
	expect_phase(ROLLOUT_COMPLETE);
}

static void halt_rollback_takes_everybody_back_who_was_told(void **state)
{
	(void)state;
	begin(4, "{\"batches\":[{\"limit\":3}],\"halt\":{\"failures\":1,\"then\":\"rollback\"}}");
	step();
	say(0, ANSWER_HEALTHY);
	say(1, ANSWER_UPDATING);
	say(2, ANSWER_FAILED);
	assert_int_equal(step(), 3);
	expect_phase(ROLLOUT_RETURNING);
	assert_int_equal(state_of(3), MEMBER_WAITING);
	say_all(0, 2, ANSWER_HEALTHY);
	expect_phase(ROLLOUT_RETURNING);
	say_all(2, 3, ANSWER_HEALTHY);
	expect_phase(ROLLOUT_RETURNED);
	assert_int_equal(state_of(2), MEMBER_RETURNED);
}

static void going_back_waits_for_nobody_who_is_away(void **state)
{
	(void)state;
	begin(3, "{}");
	step();
	say(0, ANSWER_HEALTHY);
	s.seen[0].online = s.seen[1].online = false;
	say(2, ANSWER_FAILED);
	step();
	assert_ok(rollout_undo(&s.r, NULL));
	assert_int_equal(step(), 2); /* 1 must not meet it when it is back */
	assert_int_equal(s.orders[1], ORDER_BACK);
	say(2, ANSWER_HEALTHY);
	assert_int_equal(step(), 1);
	assert_int_equal(s.orders[0], ORDER_BACK);
	expect_phase(ROLLOUT_RETURNED);
}

static void who_cannot_go_back_is_stuck(void **state)
{
	(void)state;
	begin(1, "{}");
	step();
	say_all(0, 1, ANSWER_UPDATING);
	assert_ok(rollout_undo(&s.r, NULL));
	step();
	say_all(0, 1, ANSWER_FAILED);
	assert_int_equal(state_of(0), MEMBER_STUCK);
	expect_phase(ROLLOUT_RETURNED);
}

static void no_more_than_may_be_unavailable(void **state)
{
	(void)state;
	begin(10, "{\"maxUnavailable\":\"25%\"}"); /* 2.5 of 10: two */
	assert_int_equal(step(), 2);
	assert_string_equal(s.r.why.text, "maxUnavailable: as many are changing or down as may");
	say_all(0, 1, ANSWER_UPDATING);
	assert_int_equal(state_of(2), MEMBER_WAITING);
	assert_int_equal(say_all(0, 1, ANSWER_HEALTHY), 1);
	assert_int_equal(state_of(2), MEMBER_TOLD);
}

static void groups_have_bounds_of_their_own(void **state)
{
	(void)state;
	begin(6, "{\"maxUnavailable\":{\"limit\":1,\"groupBy\":\"site\"}}");
	s.r.group_count = 2;
	for (int i = 0; i < 6; i++)
		s.members[i].group = i < 4 ? 0 : 1;
	assert_int_equal(step(), 2);
	assert_int_equal(state_of(0), MEMBER_TOLD);
	assert_int_equal(state_of(4), MEMBER_TOLD);
	assert_int_equal(say_all(4, 5, ANSWER_HEALTHY), 1);
	assert_int_equal(state_of(5), MEMBER_TOLD);
	assert_int_equal(state_of(1), MEMBER_WAITING);
}

static void one_that_failed_and_is_down_keeps_its_place(void **state)
{
	(void)state;
	begin(3, "{\"maxUnavailable\":1,\"halt\":{\"failures\":1,\"then\":\"continue\"}}");
	step();
	s.seen[0].is_down = true;
	assert_int_equal(say_all(0, 1, ANSWER_FAILED), 0);
	s.seen[0].is_down = false; /* it runs its last good state again */
	assert_int_equal(step(), 1);
}

static void going_back_keeps_the_bound_too(void **state)
{
	(void)state;
	begin(3, "{\"maxUnavailable\":1}");
	step();
	say_all(0, 1, ANSWER_HEALTHY);
	say_all(1, 2, ANSWER_HEALTHY);
	assert_ok(rollout_undo(&s.r, NULL));
	assert_int_equal(step(), 1); /* 2, that is changing anyway */
	assert_int_equal(s.orders[2], ORDER_BACK);
	assert_int_equal(say_all(2, 3, ANSWER_HEALTHY), 1);
	assert_int_equal(say_all(0, 1, ANSWER_HEALTHY), 1);
	say_all(1, 2, ANSWER_HEALTHY);
	expect_phase(ROLLOUT_RETURNED);
}

static void outside_the_window_nobody_new_is_told(void **state)
{
	(void)state;
	begin(2, "{\"batches\":[{\"limit\":1}],"
		 "\"window\":{\"cron\":\"0 1 * * *\",\"duration\":\"2h\"}}");
	assert_int_equal(step(), 0);
	assert_string_equal(s.r.why.text, "the window is closed until 2026-11-27T01:00:00Z");
	s.now_ms = MIDNIGHT + HOUR;
	assert_int_equal(step(), 1);
	s.now_ms = MIDNIGHT + 3 * HOUR; /* what is under way is still heard */
	assert_int_equal(say_all(0, 1, ANSWER_HEALTHY), 0);
	assert_int_equal(state_of(0), MEMBER_SUCCEEDED);
	s.now_ms = MIDNIGHT + 25 * HOUR;
	assert_int_equal(step(), 1);
}

static void going_back_needs_no_window(void **state)
{
	(void)state;
	begin(1, "{\"window\":{\"cron\":\"0 1 * * *\",\"duration\":\"2h\"},"
		 "\"halt\":{\"failures\":1,\"then\":\"rollback\"}}");
	s.now_ms = MIDNIGHT + HOUR;
	step();
	s.now_ms = MIDNIGHT + 12 * HOUR;
	assert_int_equal(say_all(0, 1, ANSWER_FAILED), 1);
	assert_int_equal(s.orders[0], ORDER_BACK);
}

static void a_batch_that_needs_approval_waits_for_it(void **state)
{
	struct why why;
	(void)state;
	begin(2, "{\"batches\":[{\"limit\":1}],\"approve\":[2]}");
	step();
	assert_int_equal(say_all(0, 1, ANSWER_HEALTHY), 0);
	assert_string_equal(s.r.why.text, "batch 2 waits for approval");
	assert_err(ERR_INVALID, rollout_approve(&s.r, 1, &why));
	assert_ok(rollout_approve(&s.r, 0, &why));
	assert_int_equal(step(), 1);
	assert_err(ERR_CONFLICT, rollout_approve(&s.r, 2, &why));
}

static void a_pause_tells_nobody_new_and_goes_on_listening(void **state)
{
	struct why why;
	(void)state;
	begin(2, "{\"batches\":[{\"limit\":1}]}");
	step();
	assert_ok(rollout_pause(&s.r, &why));
	assert_err(ERR_CONFLICT, rollout_pause(&s.r, &why));
	assert_int_equal(say_all(0, 1, ANSWER_HEALTHY), 0);
	assert_int_equal(state_of(0), MEMBER_SUCCEEDED);
	expect_phase(ROLLOUT_PAUSED);
	assert_ok(rollout_resume(&s.r, &why));
	assert_int_equal(step(), 1);
	assert_err(ERR_CONFLICT, rollout_resume(&s.r, &why));
}

static void resuming_after_a_halt_forgives_what_a_person_has_seen(void **state)
{
	(void)state;
	begin(4, "{\"batches\":[{\"limit\":1}]}");
	step();
	say_all(0, 1, ANSWER_FAILED);
	expect_phase(ROLLOUT_HALTED);
	assert_ok(rollout_resume(&s.r, NULL));
	assert_int_equal(step(), 3);
	say_all(1, 2, ANSWER_FAILED); /* but not what comes after */
	expect_phase(ROLLOUT_HALTED);
}

static void what_somebody_else_has_told_a_device_stands(void **state)
{
	(void)state;
	begin(4, "{\"batches\":[{\"limit\":3}]}");
	s.seen[0].holding = HOLDING_OTHER;
	assert_int_equal(step(), 2);
	assert_int_equal(state_of(0), MEMBER_OTHER);
	s.seen[1].holding = HOLDING_OTHER;
	say_all(2, 3, ANSWER_HEALTHY);
	assert_int_equal(state_of(1), MEMBER_OTHER);
	s.seen[2].holding = HOLDING_OTHER; /* after it has succeeded: still a success */
	step();
	assert_int_equal(state_of(2), MEMBER_SUCCEEDED);
	assert_ok(rollout_undo(&s.r, NULL));
	assert_int_equal(step(), 1);
	assert_int_equal(s.orders[3], ORDER_BACK);
	assert_int_equal(state_of(2), MEMBER_OTHER);
}

static void a_newer_generation_on_the_device_is_somebody_elses(void **state)
{
	(void)state;
	begin(1, "{}");
	step();
	say_all(0, 1, ANSWER_OTHER);
	assert_int_equal(state_of(0), MEMBER_OTHER);
	expect_phase(ROLLOUT_COMPLETE);
}

static void what_the_broker_has_lost_is_published_again(void **state)
{
	(void)state;
	begin(1, "{}");
	step();
	s.seen[0].holding = HOLDING_NOTHING;
	assert_int_equal(step(), 1);
	s.seen[0].holding =
		HOLDING_BASE; /* it was decided, and the desk died before it published */
	assert_int_equal(step(), 1);
	assert_int_equal(s.orders[0], ORDER_FORWARD);
	assert_int_equal(step(), 0);
	assert_ok(rollout_undo(&s.r, NULL));
	step();
	s.seen[0].holding = HOLDING_FORWARD;
	assert_int_equal(step(), 1);
	assert_int_equal(s.orders[0], ORDER_BACK);
}

static void a_failure_that_recovers_is_a_success(void **state)
{
	(void)state;
	begin(2, "{\"halt\":{\"failures\":2}}");
	step();
	say_all(0, 1, ANSWER_FAILED);
	say_all(0, 1, ANSWER_HEALTHY);
	assert_int_equal(state_of(0), MEMBER_SUCCEEDED);
	say_all(1, 2, ANSWER_FAILED);
	expect_phase(ROLLOUT_HALTED); /* success: 100% by default */
}

static void bad_specs_are_refused_with_their_path(void **state)
{
	static const char *const cases[][2] = {
		{ "[]", "spec: an object" },
		{ "{\"batch\":1}", "spec.batch: is not known" },
		{ "{\"batches\":{}}", "spec.batches: a list" },
		{ "{\"batches\":[{\"limit\":0}]}", "spec.batches[0].limit: " },
		{ "{\"batches\":[{},{\"limit\":\"101%\"}]}", "spec.batches[1].limit: " },
		{ "{\"batches\":[{\"limit\":\"x\"}]}", "spec.batches[0].limit: " },
		{ "{\"batches\":[{\"selector\":{\"a\":1}}]}", "spec.batches[0].selector: a: " },
		{ "{\"selector\":[]}", "spec.selector: " },
		{ "{\"success\":95}", "spec.success: " },
		{ "{\"success\":\"0%\"}", "spec.success: " },
		{ "{\"maxUnavailable\":-1}", "spec.maxUnavailable: " },
		{ "{\"maxUnavailable\":{\"groupBy\":\"site\"}}", "spec.maxUnavailable: limit" },
		{ "{\"maxUnavailable\":{\"limit\":1,\"groupBy\":3}}",
		  "spec.maxUnavailable.groupBy: " },
		{ "{\"halt\":{\"then\":\"explode\"}}", "spec.halt.then: one of pause, rollback" },
		{ "{\"halt\":{\"min\":0}}", "spec.halt.min: " },
		{ "{\"halt\":1}", "spec.halt: an object" },
		{ "{\"deadline\":\"soon\"}", "spec.deadline: " },
		{ "{\"healthyFor\":5}", "spec.healthyFor: " },
		{ "{\"offline\":\"ignore\"}", "spec.offline: one of skip, wait" },
		{ "{\"window\":{\"cron\":\"0 1 * * *\"}}", "spec.window: cron and duration" },
		{ "{\"window\":{\"cron\":\"0 25 * * *\",\"duration\":\"1h\"}}",
		  "spec.window.cron: " },
		{ "{\"window\":{\"cron\":\"0 1 * * *\",\"duration\":\"1h\","
		  "\"timeZone\":\"Asia/Shanghai\"}}",
		  "spec.window.timeZone: one of Etc/UTC" },
		{ "{\"approve\":[2]}", "spec.approve: numbers of batches are expected, 1-1" },
		{ "{\"approve\":1}", "spec.approve: a list" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rollout_spec spec;
		struct json *j;
		struct why why = { "" };
		assert_ok(json_parse(bytes_of(cases[i][0]), &j, NULL));
		if (rollout_spec_read(j, &spec, &why) != ERR_INVALID)
			fail_msg("%s was taken", cases[i][0]);
		if (strncmp(why.text, cases[i][1], strlen(cases[i][1])) != 0)
			fail_msg("%s: %s", cases[i][0], why.text);
		json_free(j);
	}
}

/* --- whatever devices do --- */

static unsigned seed;
static int ended;

static int dice(int sides)
{
	seed = seed * 1103515245 + 12345;
	return (int)(seed >> 16) % sides;
}

/* One device lives on for a moment: it may go away, come back, see, prove itself or fail. */
static void live(int i)
{
	struct sighting *d = &s.seen[i];
	if (dice(20) == 0)
		d->online = !d->online;
	if (!d->online)
		return;
	enum answer *a = d->holding == HOLDING_FORWARD ? &d->forward
			 : d->holding == HOLDING_BACK  ? &d->back
						       : NULL;
	if (!a)
		return;
	if (*a == ANSWER_NONE && dice(3) == 0) {
		*a = ANSWER_UPDATING;
	} else if (*a == ANSWER_UPDATING && dice(4) == 0) {
		*a = dice(8) ? ANSWER_HEALTHY : ANSWER_FAILED;
		d->is_down = *a == ANSWER_FAILED && dice(2);
	}
}

static void check_bound(int64_t limit)
{
	int64_t away[4] = { 0 };
	for (size_t i = 0; i < s.r.count; i++) {
		const struct sighting *d = &s.seen[i];
		/* From the moment of its publication until the device says that it is well. */
		const bool forward = d->holding == HOLDING_FORWARD &&
				     d->forward != ANSWER_HEALTHY && d->forward != ANSWER_FAILED;
		const bool back = d->holding == HOLDING_BACK && d->back != ANSWER_HEALTHY &&
				  d->back != ANSWER_FAILED;
		away[s.members[i].group] += forward || back;
	}
	for (size_t g = 0; g < s.r.group_count; g++)
		if (away[g] > limit)
			fail_msg("seed %u: %d of group %zu are changing", seed, (int)away[g], g);
}

static void live_once(unsigned first_seed, int rounds)
{
	seed = first_seed;
	begin(40, "{\"batches\":[{\"limit\":3},{\"limit\":\"30%\"}],\"success\":\"50%\","
		  "\"maxUnavailable\":{\"limit\":2,\"groupBy\":\"site\"},\"deadline\":\"100s\","
		  "\"halt\":{\"failures\":\"40%\",\"min\":5,\"then\":\"rollback\"}}");
	s.r.group_count = 4;
	for (int i = 0; i < 40; i++)
		s.members[i].group = (size_t)i % 4;
	for (int k = 0; k < rounds && !rollout_is_over(&s.r); k++) {
		step();
		if (!rollout_is_over(&s.r)) /* then who is away is told for its return */
			check_bound(2);
		for (int i = 0; i < 40; i++)
			live(i);
		s.now_ms += 1000;
		if (s.r.phase == ROLLOUT_HALTED)
			assert_ok(dice(2) ? rollout_resume(&s.r, NULL) : rollout_undo(&s.r, NULL));
		if (dice(400) == 0)
			(void)!rollout_undo(&s.r, NULL);
	}
	/* Devices that are down for good may hold all places: a person must look at them. */
	if (!rollout_is_over(&s.r) && strncmp(s.r.why.text, "maxUnavailable", 14) != 0)
		fail_msg("seed %u: it never ends: %s", first_seed, s.r.why.text);
	ended += rollout_is_over(&s.r);
}

static void the_bound_holds_and_it_ends_whatever_devices_do(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 500; i++)
		live_once(i, 5000);
	assert_true(ended > 250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_are_numbers_shares_and_the_rest),
		cmocka_unit_test(batches_choose_by_labels_what_none_before_has_taken),
		cmocka_unit_test(a_batch_waits_for_the_one_before),
		cmocka_unit_test(batches_without_a_device_are_passed),
		cmocka_unit_test(without_batches_all_are_told_at_once),
		cmocka_unit_test(a_rollback_of_the_board_is_a_failure_with_its_reason),
		cmocka_unit_test(seen_and_not_healthy_by_the_deadline_is_a_failure),
		cmocka_unit_test(silence_is_neither_failure_nor_success),
		cmocka_unit_test(one_that_goes_away_while_updating_is_late_and_no_failure),
		cmocka_unit_test(offline_devices_are_late_and_hold_nothing_up),
		cmocka_unit_test(who_is_late_at_the_end_is_told_for_its_return),
		cmocka_unit_test(offline_wait_waits),
		cmocka_unit_test(enough_successes_of_those_that_answered_go_on),
		cmocka_unit_test(too_few_successes_halt_it_when_the_batch_is_settled),
		cmocka_unit_test(a_share_of_failures_counts_from_the_least_number_on),
		cmocka_unit_test(a_number_of_failures_halts_it),
		cmocka_unit_test(halt_continue_goes_on),
		cmocka_unit_test(halt_rollback_takes_everybody_back_who_was_told),
		cmocka_unit_test(going_back_waits_for_nobody_who_is_away),
		cmocka_unit_test(who_cannot_go_back_is_stuck),
		cmocka_unit_test(no_more_than_may_be_unavailable),
		cmocka_unit_test(groups_have_bounds_of_their_own),
		cmocka_unit_test(one_that_failed_and_is_down_keeps_its_place),
		cmocka_unit_test(going_back_keeps_the_bound_too),
		cmocka_unit_test(outside_the_window_nobody_new_is_told),
		cmocka_unit_test(going_back_needs_no_window),
		cmocka_unit_test(a_batch_that_needs_approval_waits_for_it),
		cmocka_unit_test(a_pause_tells_nobody_new_and_goes_on_listening),
		cmocka_unit_test(resuming_after_a_halt_forgives_what_a_person_has_seen),
		cmocka_unit_test(what_somebody_else_has_told_a_device_stands),
		cmocka_unit_test(a_newer_generation_on_the_device_is_somebody_elses),
		cmocka_unit_test(what_the_broker_has_lost_is_published_again),
		cmocka_unit_test(a_failure_that_recovers_is_a_success),
		cmocka_unit_test(bad_specs_are_refused_with_their_path),
		cmocka_unit_test(the_bound_holds_and_it_ends_whatever_devices_do),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rollout_spec_free(&s.spec);
	return failed;
}
