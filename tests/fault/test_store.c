/*
 * The 1st, 2nd, ... n-th write of a board's day fails, until the day runs
 * through. After each failure: nothing is half, the store opens again, numbers
 * rise, the desired state is the old or the new, and what was promised is there.
 */
#include "ports/store.h"

#include "base/text.h"
#include "sync/anchor.h"
#include "sync/compact.h"
#include "sync/outbox.h"
#include "sync/shelf.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/fault/medium.h"

#include <stdio.h>

enum { QUOTA = 1024 * 1024, SEQ_END = 1 << 30, STATE_MAX = 4096, N_MAX = 20000 };

struct board {
	struct scratch scratch;
	struct store *store;
	struct outbox outbox;
	struct shelf shelf;
	struct compact compact;
	struct why why;
};

static enum err open_board(struct board *b)
{
	enum err e = store_open(scratch_at(&b->scratch, "store.db"), &b->store, &b->why);
	if (e) {
		b->store = NULL;
		return e;
	}
	e = outbox_open(&b->outbox, b->store, QUOTA, &b->why);
	compact_init(&b->compact, &b->outbox, b->scratch.folder, 0);
	return e ? e : shelf_open(&b->shelf, b->store, &b->why);
}

static void close_board(struct board *b)
{
	store_close(b->store);
	b->store = NULL;
}

static void begin_board(struct board *b)
{
	*b = (struct board){ 0 };
	scratch_make(&b->scratch);
	assert_ok(open_board(b));
}

static void end_board(struct board *b)
{
	close_board(b);
	scratch_remove(&b->scratch);
	b->scratch.folder[0] = '\0';
}

/* Each test has one board, and many days on it. */
static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct board));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	struct board *b = *state;
	medium_disarm();
	if (b->scratch.folder[0])
		end_board(b);
	free(b);
	return 0;
}

/* --- all that is kept, as one text --- */

static void describe_slot(struct board *b, enum shelf_slot slot, struct text *t)
{
	struct bytes document;
	if (shelf_get(&b->shelf, slot, &document) == OK)
		text_add(t, " %.*s", (int)document.len, document.at);
	else
		text_add(t, " -");
}

static void describe(struct board *b, char out[STATE_MAX])
{
	struct text t = text_in(out, STATE_MAX);
	struct bytes value;
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++) {
		struct letter l = { 0 };
		struct store_total total;
		int64_t letters = 0, bytes = 0;
		for (; store_next(b->store, c, l.seq, SEQ_END, &l) == OK; letters++) {
			bytes += (int64_t)l.body.len;
			text_add(&t, "%lld=%.2s%zu ", (long long)l.seq, l.body.at, l.body.len);
		}
		store_total(b->store, c, &total);
		assert_int_equal(total.letters, letters);
		assert_int_equal(total.bytes, bytes);
		text_add(&t, "| ");
	}
	text_add(&t, "last %lld dead %lld step %d shelf", (long long)store_last_seq(b->store),
		 (long long)store_buried(b->store), b->shelf.step);
	describe_slot(b, SHELF_GOOD, &t);
	describe_slot(b, SHELF_NEXT, &t);
	if (store_get(b->store, "log/cam", &value) == OK)
		text_add(&t, " carried %.*s", (int)value.len, value.at);
	if (store_get(b->store, ANCHOR_MARK_KEY, &value) == OK)
		text_add(&t, " %.*s", (int)value.len, value.at);
	assert_false(text_is_cut(&t));
}

/* --- the day, in steps that happen whole or not at all --- */

static enum err add(struct board *b, enum letter_class class, const char *begin, size_t len)
{
	static char body[4096];
	memset(body, '.', sizeof body);
	memcpy(body, begin, strlen(begin));
	const struct letter l = {
		.class = class, .items = 1, .stream = "s", .body = { body, len }
	};
	return outbox_add(&b->outbox, &l, &b->why);
}

static enum err add_event(struct board *b)
{
	return add(b, LETTER_EVENT, "e1", 300);
}

static enum err accept_first(struct board *b)
{
	return shelf_accept(&b->shelf, BYTES_LIT("first"), BYTES_LIT("mark 1"), &b->why);
}

static enum err flush(struct board *b)
{
	enum err e = store_begin(b->store, &b->why);
	if (e)
		return e;
	e = add(b, LETTER_TELEMETRY, "t2", 2000);
	if (!e)
		e = add(b, LETTER_LOG, "l3", 1500);
	if (!e)
		e = store_put(b->store, "log/cam", BYTES_LIT("1500"), &b->why);
	if (!e)
		return store_commit(b->store, &b->why);
	store_rollback(b->store);
	return e;
}

static enum err acknowledge(struct board *b)
{
	outbox_acknowledge(&b->outbox, 1, 2);
	return outbox_settle(&b->outbox, &b->why);
}

static enum err try_first(struct board *b)
{
	return shelf_try(&b->shelf, &b->why);
}

static enum err promote_first(struct board *b)
{
	return shelf_promote(&b->shelf, &b->why);
}

static enum err refuse(struct board *b)
{
	return outbox_refuse(&b->outbox, 3, "f is empty", &b->why);
}

static enum err accept_second(struct board *b)
{
	return shelf_accept(&b->shelf, BYTES_LIT("second"), BYTES_LIT("mark 2"), &b->why);
}

static enum err fail_second(struct board *b)
{
	return shelf_fail(&b->shelf, "exits with 3", &b->why);
}

static enum err add_last(struct board *b)
{
	return add(b, LETTER_EVENT, "e4", 100);
}

static enum err keep_segment(void *owner, const struct gather_segment *s, struct why *why)
{
	struct board *b = owner;
	const struct letter l = { .class = LETTER_TELEMETRY,
				  .items = s->points,
				  .flags = LETTER_WALL,
				  .stream = "pod",
				  .body = s->body };
	return outbox_add(&b->outbox, &l, why);
}

/* One segment, as a flush seals it; its points differ from those of all others. */
static enum err seal(struct board *b, int64_t number)
{
	struct gather g;
	enum err e = gather_open(&g, scratch_at(&b->scratch, "gather"), GATHER_BYTES, &b->why);
	if (e)
		return e;
	gather_clear(&g);
	for (int64_t i = 0; !e && i < 20; i++) {
		struct point p = { .measurement = bytes_of("m"), .field_count = 1 };
		p.fields[0] = (struct point_field){ bytes_of("v"), { VALUE_INTEGER } };
		p.fields[0].value.integer = number * 100 + i;
		e = gather_add(&g, "pod", &p, 1790000000000 + number * 100 + i, true);
	}
	if (!e)
		e = gather_encode(&g, keep_segment, b, &b->why);
	gather_close(&g);
	return e;
}

static enum err seal_many(struct board *b)
{
	enum err e = store_begin(b->store, &b->why);
	if (e)
		return e;
	for (int64_t i = 0; !e && i < COMPACT_LETTERS_LEAST; i++)
		e = seal(b, i);
	if (!e)
		return store_commit(b->store, &b->why);
	store_rollback(b->store);
	return e;
}

static enum err make_one_of_them(struct board *b)
{
	b->compact.unsent = 0;
	b->compact.since_last = COMPACT_LETTERS_LEAST;
	return compact_look(&b->compact, &b->why);
}

static enum err (*const steps[])(struct board *b) = {
	add_event, accept_first,  flush,       acknowledge, try_first, promote_first,
	refuse,    accept_second, fail_second, add_last,    seal_many, make_one_of_them,
};

enum { STEPS = sizeof steps / sizeof *steps };

/* What is kept after each step when nothing fails; [0] before the first. */
static char expected[STEPS + 1][STATE_MAX];

static int record_expected(void **state)
{
	struct board *b;
	if (set_up(state))
		return -1;
	b = *state;
	begin_board(b);
	describe(b, expected[0]);
	for (size_t i = 0; i < STEPS; i++) {
		assert_ok(steps[i](b));
		describe(b, expected[i + 1]);
		assert_string_not_equal(expected[i], expected[i + 1]);
	}
	return tear_down(state);
}

/* Steps that went well until one did not, or STEPS. */
static size_t run_until_failure(struct board *b, enum err *out_err)
{
	*out_err = OK;
	for (size_t i = 0; i < STEPS; i++) {
		*out_err = steps[i](b);
		if (*out_err)
			return i;
	}
	return STEPS;
}

static void assert_one_of(struct board *b, const char *before, const char *after, size_t n)
{
	char now[STATE_MAX];
	describe(b, now);
	if (strcmp(now, before) != 0 && strcmp(now, after) != 0)
		fail_msg("write %zu: neither\n  %s\nnor\n  %s\nbut\n  %s", n, before, after, now);
}

static int64_t append_one(struct board *b)
{
	const struct letter l = { .class = LETTER_LOG, .stream = "s", .body = BYTES_LIT("x") };
	int64_t seq;
	assert_ok(store_append(b->store, &l, &seq, NULL));
	return seq;
}

/* One day with one fault. False: the fault was not reached any more. */
static bool live_through(struct board *b, enum medium_fault fault, size_t n)
{
	enum err e;
	begin_board(b);
	medium_arm(fault, n);
	size_t done = run_until_failure(b, &e);
	bool failed = medium_has_failed();
	medium_disarm();

	if (e)
		assert_string_not_equal(b->why.text, "");
	/* A checkpoint may fail unseen: everything is in the log all the same. */
	assert_true(failed || done == STEPS);
	const char *before = expected[done], *after = expected[done < STEPS ? done + 1 : STEPS];
	/* In memory it is as it was before the step that failed. */
	assert_one_of(b, before, before, n);
	const int64_t newest = store_last_seq(b->store);
	close_board(b);
	assert_ok(open_board(b));
	assert_one_of(b, before, after, n);
	assert_true(append_one(b) > newest);
	end_board(b);
	return failed;
}

static void live_through_all(struct board *b, enum medium_fault fault)
{
	size_t n = 1;
	while (live_through(b, fault, n))
		assert_in_range(++n, 1, N_MAX);
	assert_true(n > 20); /* the day writes more than that */
}

static void a_write_that_finds_no_room_leaves_nothing_half(void **state)
{
	live_through_all(*state, MEDIUM_FULL_ONCE);
}

static void a_write_that_breaks_leaves_nothing_half(void **state)
{
	live_through_all(*state, MEDIUM_BROKEN_ONCE);
}

static void a_medium_that_is_full_from_then_on_leaves_nothing_half(void **state)
{
	live_through_all(*state, MEDIUM_FULL);
}

static void a_medium_that_breaks_for_good_leaves_nothing_half(void **state)
{
	live_through_all(*state, MEDIUM_BROKEN);
}

static void a_write_that_is_torn_leaves_nothing_half(void **state)
{
	live_through_all(*state, MEDIUM_TORN);
}

/* The same process goes on when the medium is well again. */
static void after_a_failure_the_same_step_can_be_done_again(void **state)
{
	struct board *b = *state;
	bool failed = true;
	for (size_t n = 1; failed; n++) {
		assert_in_range(n, 1, N_MAX);
		begin_board(b);
		medium_arm(MEDIUM_FULL_ONCE, n);
		for (size_t i = 0; i < STEPS; i++) {
			enum err e = steps[i](b);
			if (e && !medium_has_failed())
				fail_msg("step %zu fails by itself: %s", i, b->why.text);
			if (e)
				assert_ok(steps[i](b));
		}
		failed = medium_has_failed();
		medium_disarm();
		assert_one_of(b, expected[STEPS], expected[STEPS], n);
		close_board(b);
		assert_ok(open_board(b));
		assert_one_of(b, expected[STEPS], expected[STEPS], n);
		end_board(b);
	}
}

static void a_full_medium_is_called_full(void **state)
{
	struct board *b = *state;
	begin_board(b);
	medium_arm(MEDIUM_FULL, 1);
	enum err e = accept_first(b);
	medium_disarm();
	assert_err(ERR_FULL, e);
	assert_non_null(strstr(b->why.text, "full"));
	end_board(b);
}

/* What is lost for want of room is counted: "every loss is counted". */
static void an_event_that_finds_no_room_is_counted(void **state)
{
	struct board *b = *state;
	begin_board(b);
	medium_arm(MEDIUM_FULL, 1);
	enum err e = add_event(b);
	medium_disarm();
	assert_err(ERR_FULL, e);
	assert_int_equal(b->outbox.dropped[LETTER_EVENT], 1);
	end_board(b);
}

/* --- making the store itself --- */

static void a_store_that_was_cut_while_it_was_made_opens_again(void **state)
{
	struct board *b = *state;
	bool failed = true;
	for (size_t n = 1; failed; n += 1 + n / 24) {
		assert_in_range(n, 1, N_MAX);
		*b = (struct board){ 0 };
		scratch_make(&b->scratch);
		medium_arm(MEDIUM_FULL, n);
		enum err e = open_board(b);
		failed = medium_has_failed();
		medium_disarm();
		if (e)
			assert_string_not_equal(b->why.text, "");
		close_board(b);
		e = open_board(b);
		if (e)
			fail_msg("cut at write %zu, it never opens again: %s", n, b->why.text);
		assert_ok(add_event(b));
		assert_ok(accept_first(b));
		end_board(b);
	}
}

/* A card that does not answer once is not a broken database: nothing is set aside. */
static void a_read_that_fails_at_the_start_sets_nothing_aside(void **state)
{
	struct board *b = *state;
	bool failed = true;
	enum err e;
	for (size_t n = 1; failed; n++) {
		assert_in_range(n, 1, N_MAX);
		begin_board(b);
		assert_int_equal(run_until_failure(b, &e), STEPS);
		close_board(b);
		medium_arm(MEDIUM_UNREADABLE_ONCE, n);
		e = open_board(b);
		failed = medium_has_failed();
		medium_disarm();
		close_board(b);
		assert_true(e == OK || failed);
		if (file_exists(scratch_at(&b->scratch, "store.db.corrupt")))
			fail_msg("read %zu: %s", n, b->why.text);
		assert_ok(open_board(b));
		assert_one_of(b, expected[STEPS], expected[STEPS], n);
		end_board(b);
		assert_true(n > 1 || failed); /* it reads, after all */
	}
}

int main(void)
{
#define FAULT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		FAULT_TEST(a_write_that_finds_no_room_leaves_nothing_half),
		FAULT_TEST(a_write_that_breaks_leaves_nothing_half),
		FAULT_TEST(a_medium_that_is_full_from_then_on_leaves_nothing_half),
		FAULT_TEST(a_medium_that_breaks_for_good_leaves_nothing_half),
		FAULT_TEST(a_write_that_is_torn_leaves_nothing_half),
		FAULT_TEST(after_a_failure_the_same_step_can_be_done_again),
		FAULT_TEST(a_full_medium_is_called_full),
		FAULT_TEST(an_event_that_finds_no_room_is_counted),
		FAULT_TEST(a_store_that_was_cut_while_it_was_made_opens_again),
		FAULT_TEST(a_read_that_fails_at_the_start_sets_nothing_aside),
	};
	return cmocka_run_group_tests(tests, record_expected, NULL);
}
