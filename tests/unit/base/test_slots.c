#include "base/slots.h"

#include "tests/check.h"

#include <stdio.h>

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

enum { TRIAL = 1000 };

static const char *choose(struct slots *s, const char *boot, int64_t now)
{
	bool changed;
	return slots_choose(s, "1.0", boot, now, TRIAL, &changed);
}

static struct slots with_trial(const char *slot)
{
	struct slots s;
	slots_init(&s);
	slots_try(&s, slot, 0, 2);
	strcpy(s.package, "1.0");
	return s;
}

static void nothing_known_is_the_package(void **state)
{
	(void)state;
	struct slots s;
	bool changed = true;
	slots_init(&s);
	assert_string_equal(slots_choose(&s, "1.0", "boot", 5, TRIAL, &changed), "package");
	assert_false(changed);
}

static void a_trial_that_proves_itself_runs_from_then_on(void **state)
{
	(void)state;
	struct slots s = with_trial(A);
	assert_string_equal(choose(&s, "boot", 5), A);
	assert_int_equal(s.until_ms, 5 + TRIAL);
	slots_commit(&s);
	assert_string_equal(choose(&s, "boot", 5000), A);
	assert_string_equal(s.old, "package");
	assert_int_equal(s.tries, 0);
}

static void a_trial_has_three_starts(void **state)
{
	(void)state;
	struct slots s = with_trial(A);
	for (int i = 0; i < SLOTS_TRIES_MAX; i++)
		assert_string_equal(choose(&s, "boot", 5 + i), A);
	assert_string_equal(choose(&s, "boot", 9), "package");
	assert_string_equal(s.failed, A);
	assert_non_null(strstr(s.reason.text, "ended 3 times"));
	assert_string_equal(choose(&s, "boot", 10), "package");
}

static void a_trial_has_its_time_on_one_boot(void **state)
{
	(void)state;
	struct slots s = with_trial(A);
	assert_string_equal(choose(&s, "one", 5), A);
	assert_string_equal(choose(&s, "one", 4 + TRIAL), A);
	assert_string_equal(choose(&s, "one", 5 + TRIAL), "package");
	assert_non_null(strstr(s.reason.text, "not proved itself after 1 s"));
}

static void a_reboot_gives_new_time_but_no_new_starts(void **state)
{
	(void)state;
	struct slots s = with_trial(A);
	assert_string_equal(choose(&s, "one", 500000), A);
	assert_string_equal(choose(&s, "two", 7), A);
	assert_int_equal(s.until_ms, 7 + TRIAL);
	assert_string_equal(choose(&s, "three", 7), A);
	assert_string_equal(choose(&s, "four", 7), "package");
}

static void what_failed_leaves_what_ran(void **state)
{
	(void)state;
	struct slots s = with_trial(A);
	slots_commit(&s);
	slots_try(&s, B, 3, 1);
	assert_string_equal(choose(&s, "boot", 5), B);
	slots_fail(&s, "too loud");
	assert_string_equal(choose(&s, "boot", 6), A);
	assert_string_equal(s.failed, B);
	assert_int_equal(s.failed_attempt, 3);
	assert_int_equal(s.told, 0);
}

static void what_cannot_be_started_gives_way_to_what_ran_before(void **state)
{
	(void)state;
	struct slots s = with_trial(A);
	slots_commit(&s);
	slots_try(&s, B, 0, 0);
	slots_commit(&s);
	slots_fall_back(&s, "gone");
	assert_string_equal(choose(&s, "boot", 5), A);
	slots_fall_back(&s, "gone");
	assert_string_equal(choose(&s, "boot", 5), "package");
}

static void another_package_takes_the_place_of_everything(void **state)
{
	(void)state;
	bool changed;
	struct slots s = with_trial(A);
	slots_commit(&s);
	slots_try(&s, B, 0, 0);
	assert_string_equal(slots_choose(&s, "1.1", "boot", 5, TRIAL, &changed), "package");
	assert_true(changed);
	assert_string_equal(s.trial, "");
}

static void the_table_reads_back_as_it_was(void **state)
{
	(void)state;
	char room[SLOTS_TEXT_MAX], again[SLOTS_TEXT_MAX];
	struct slots s = with_trial(A), read;
	slots_commit(&s);
	slots_try(&s, B, 2, 7);
	(void)choose(&s, "11111111-2222-3333-4444-555555555555", 123456789);
	slots_fail(&s, "a reason = with\nlines");
	slots_try(&s, B, 4, 7);
	(void)choose(&s, "boot", 5);
	const struct bytes text = slots_print(&s, room);
	assert_int_equal(slots_read(text, &read), OK);
	assert_string_equal(slots_print(&read, again).at, room);
	assert_string_equal(read.trial, B);
	assert_int_equal(read.attempt, 4);
	assert_string_equal(read.reason.text, "a reason = with");
}

static void the_longest_table_has_room(void **state)
{
	(void)state;
	char room[SLOTS_TEXT_MAX];
	struct slots s = with_trial(A), read;
	strcpy(s.run, A);
	strcpy(s.old, B);
	strcpy(s.failed, B);
	s.attempt = s.tries = s.ready = s.until_ms = s.failed_attempt = INT64_MAX;
	s.told = 1;
	memset(s.package, 'v', sizeof s.package - 1);
	memset(s.boot, 'b', sizeof s.boot - 1);
	memset(s.reason.text, 'r', sizeof s.reason.text - 1);
	assert_int_equal(slots_read(slots_print(&s, room), &read), OK);
	assert_int_equal(strlen(read.reason.text), sizeof s.reason.text - 1);
}

static void a_table_that_is_cut_or_damaged_is_the_package(void **state)
{
	(void)state;
	char room[SLOTS_TEXT_MAX];
	struct slots s = with_trial(A), read;
	slots_commit(&s);
	const struct bytes text = slots_print(&s, room);
	for (size_t len = 0; len < text.len; len++) {
		const enum err e = slots_read((struct bytes){ text.at, len }, &read);
		/* Cut behind a line it is a shorter table, and names a slot that runs. */
		assert_true(strcmp(read.run, e ? "package" : A) == 0);
	}
	static const char *const bad[] = { "",
					   "skerry-slots=2\nrun=package\n",
					   "skerry-slots=1\n",
					   "skerry-slots=1\nrun=../../etc\n",
					   "skerry-slots=1\nrun=package\ntries=-1\n",
					   "skerry-slots=1\nrun=package\nnoise\n" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(slots_read(bytes_of(bad[i]), &read), ERR_INVALID);
		assert_string_equal(read.run, "package");
	}
	assert_int_equal(slots_read(bytes_of("skerry-slots=1\nrun=package\nnew=1\n"), &read), OK);
}

/*
 * A board whose flash holds the table, whose power is cut at any write, and whose B never
 * proves itself. Before each start there is the table before or after the write.
 */
struct board {
	char flash[SLOTS_TEXT_MAX];
	int writes, cut_at; /* the write at which the power goes; before or after it: */
	bool cut_after;
	int boots;
	int64_t now;
};

/* False: the power was cut. */
static bool keep(struct board *b, const struct slots *s)
{
	char room[SLOTS_TEXT_MAX];
	const bool cut = ++b->writes == b->cut_at;
	(void)slots_print(s, room);
	if (!cut || b->cut_after)
		strcpy(b->flash, room);
	b->boots += cut;
	return !cut;
}

/* One start, to its end: B is up to nothing, the others prove themselves. */
static bool run_once(struct board *b, const char *good, char ran[DIGEST_SIZE])
{
	struct slots s;
	char boot[16];
	bool changed;
	snprintf(boot, sizeof boot, "boot-%d", b->boots);
	if (slots_read(bytes_of(b->flash), &s))
		fail_msg("the table does not read back: %s", b->flash);
	const char *slot = slots_choose(&s, "1.0", boot, b->now += 10, TRIAL, &changed);
	strcpy(ran, slot);
	if (changed && !keep(b, &s))
		return false;
	if (strcmp(ran, s.trial) == 0 && strcmp(ran, good) == 0) {
		slots_commit(&s);
		return keep(b, &s);
	}
	return true;
}

static void walk(const char *trial, int cut_at, bool cut_after)
{
	struct board b = { .cut_at = cut_at, .cut_after = cut_after };
	struct slots s = with_trial(trial);
	char ran[DIGEST_SIZE];
	int of_trial = 0;
	(void)keep(&b, &s);
	if (!b.flash[0]) { /* cut before the first write: nothing has happened */
		slots_init(&s);
		(void)slots_print(&s, b.flash);
		trial = A;
	}
	for (int start = 0; start < 12; start++) {
		(void)run_once(&b, A, ran);
		assert_true(strcmp(ran, "package") == 0 || strcmp(ran, trial) == 0);
		of_trial += strcmp(ran, B) == 0;
	}
	/* B has had its starts, and one more at most, whose count the cut has taken. */
	assert_in_range(of_trial, 0, SLOTS_TRIES_MAX + 1);
	assert_string_not_equal(ran, B);
}

static void a_power_cut_at_any_write_leaves_a_slot_that_runs(void **state)
{
	(void)state;
	for (int cut_at = 0; cut_at < 10; cut_at++)
		for (int after = 0; after < 2; after++) {
			walk(A, cut_at, after);
			walk(B, cut_at, after);
		}
}

static void only_what_is_needed_stays(void **state)
{
	(void)state;
	struct slots s = with_trial(A);
	slots_commit(&s);
	slots_try(&s, B, 0, 0);
	assert_true(slots_need(&s, A) && slots_need(&s, B));
	slots_fail(&s, "no");
	assert_false(slots_need(&s, B));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_known_is_the_package),
		cmocka_unit_test(a_trial_that_proves_itself_runs_from_then_on),
		cmocka_unit_test(a_trial_has_three_starts),
		cmocka_unit_test(a_trial_has_its_time_on_one_boot),
		cmocka_unit_test(a_reboot_gives_new_time_but_no_new_starts),
		cmocka_unit_test(what_failed_leaves_what_ran),
		cmocka_unit_test(what_cannot_be_started_gives_way_to_what_ran_before),
		cmocka_unit_test(another_package_takes_the_place_of_everything),
		cmocka_unit_test(the_table_reads_back_as_it_was),
		cmocka_unit_test(the_longest_table_has_room),
		cmocka_unit_test(a_table_that_is_cut_or_damaged_is_the_package),
		cmocka_unit_test(a_power_cut_at_any_write_leaves_a_slot_that_runs),
		cmocka_unit_test(only_what_is_needed_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
