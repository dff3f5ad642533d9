#include "sync/outbox.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>

enum { QUOTA = 1000, BODY = 100, SEQ_END = 1 << 30 };

struct fixture {
	struct scratch scratch;
	struct store *store;
	struct outbox outbox;
	size_t told; /* calls of on_added */
};

static void on_added(void *owner)
{
	struct fixture *f = owner;
	f->told++;
}

static void open_outbox(struct fixture *f)
{
	struct why why = { "" };
	if (store_open(scratch_at(&f->scratch, "store.db"), &f->store, &why) ||
	    outbox_open(&f->outbox, f->store, QUOTA, &why))
		fail_msg("%s", why.text);
	f->outbox.owner = f;
	f->outbox.on_added = on_added;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	open_outbox(f);
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

static void reopen(struct fixture *f)
{
	store_close(f->store);
	open_outbox(f);
}

static enum err add_bytes(struct fixture *f, enum letter_class class, size_t len)
{
	static char body[4096];
	const struct letter l = {
		.class = class, .items = 3, .stream = "s", .made_ms = 7, .body = { body, len }
	};
	struct why why = { "" };
	enum err e = outbox_add(&f->outbox, &l, &why);
	if (e)
		assert_string_not_equal(why.text, "");
	return e;
}

static void add(struct fixture *f, enum letter_class class)
{
	assert_ok(add_bytes(f, class, BODY));
}

static void add_many(struct fixture *f, enum letter_class class, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(f, class);
}

/* How many of a class lie there, oldest first; their numbers rise. */
static size_t count(struct fixture *f, enum letter_class class)
{
	struct letter l = { 0 };
	size_t n = 0;
	while (store_next(f->store, class, l.seq, SEQ_END, &l) == OK)
		n++;
	return n;
}

static int64_t oldest(struct fixture *f, enum letter_class class)
{
	struct letter l = { 0 };
	return store_next(f->store, class, 0, SEQ_END, &l) == OK ? l.seq : 0;
}

static void assert_counts(struct fixture *f, size_t events, size_t logs, size_t telemetry)
{
	assert_int_equal(count(f, LETTER_EVENT), events);
	assert_int_equal(count(f, LETTER_LOG), logs);
	assert_int_equal(count(f, LETTER_TELEMETRY), telemetry);
}

static void assert_dropped(struct fixture *f, int64_t events, int64_t logs, int64_t telemetry)
{
	assert_int_equal(f->outbox.dropped[LETTER_EVENT], events);
	assert_int_equal(f->outbox.dropped[LETTER_LOG], logs);
	assert_int_equal(f->outbox.dropped[LETTER_TELEMETRY], telemetry);
}

static void its_name_is_for_ever(void **state)
{
	struct fixture *f = *state;
	char buf[OUTBOX_BUF_SIZE];
	memcpy(buf, f->outbox.buf, sizeof buf);
	assert_int_equal(strlen(buf), OUTBOX_BUF_SIZE - 1);
	assert_int_equal(strspn(buf, "abcdefghijklmnopqrstuvwxyz0123456789"), strlen(buf));
	reopen(f);
	assert_string_equal(f->outbox.buf, buf);
}

static void another_outbox_has_another_name(void **state)
{
	struct fixture *f = *state;
	struct store *store;
	struct outbox other;
	assert_ok(store_open(scratch_at(&f->scratch, "other.db"), &store, NULL));
	assert_ok(outbox_open(&other, store, QUOTA, NULL));
	assert_string_not_equal(other.buf, f->outbox.buf);
	store_close(store);
}

static void what_was_added_is_on_flash(void **state)
{
	struct fixture *f = *state;
	add(f, LETTER_TELEMETRY);
	add(f, LETTER_EVENT);
	reopen(f);
	assert_counts(f, 1, 0, 1);
}

static void each_addition_is_told(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_LOG, 3);
	assert_int_equal(f->told, 3);
}

static void nobody_needs_to_listen(void **state)
{
	struct fixture *f = *state;
	f->outbox.on_added = NULL;
	add(f, LETTER_LOG);
	assert_counts(f, 0, 1, 0);
}

static void assert_waiting(struct fixture *f, int64_t letters, int64_t oldest_ms)
{
	struct store_total t;
	outbox_waiting(&f->outbox, &t);
	assert_int_equal(t.letters, letters);
	assert_int_equal(t.bytes, letters * BODY);
	assert_int_equal(t.oldest_ms, oldest_ms);
}

static void letters_of_all_classes_wait(void **state)
{
	struct fixture *f = *state;
	assert_waiting(f, 0, 0);
	add(f, LETTER_TELEMETRY);
	add(f, LETTER_EVENT);
	add(f, LETTER_LOG);
	assert_waiting(f, 3, 7);
}

static void what_is_acknowledged_waits_no_more(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 5);
	add(f, LETTER_EVENT);
	outbox_acknowledge(&f->outbox, 2, 4);
	assert_waiting(f, 3, 7);
	outbox_acknowledge(&f->outbox, 4, 4); /* told twice, taken once */
	outbox_acknowledge(&f->outbox, 1, 3);
	assert_waiting(f, 2, 7);
	outbox_acknowledge(&f->outbox, 5, 1000);
	assert_waiting(f, 0, 0);
	assert_counts(f, 1, 0, 5);
}

static void the_quota_is_filled_to_the_last_byte(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, QUOTA / BODY);
	assert_counts(f, 0, 0, QUOTA / BODY);
	assert_dropped(f, 0, 0, 0);
}

static void the_oldest_telemetry_gives_way_to_new(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, QUOTA / BODY + 2);
	assert_counts(f, 0, 0, QUOTA / BODY);
	assert_int_equal(oldest(f, LETTER_TELEMETRY), 3);
	assert_dropped(f, 0, 0, 6);
}

static void telemetry_gives_way_before_logs(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_LOG, 5);
	add_many(f, LETTER_TELEMETRY, 5);
	add_many(f, LETTER_EVENT, 5);
	assert_counts(f, 5, 5, 0);
	assert_dropped(f, 0, 0, 15);
}

static void logs_give_way_before_events(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_EVENT, 5);
	add_many(f, LETTER_LOG, 5);
	add_many(f, LETTER_EVENT, 3);
	assert_counts(f, 8, 2, 0);
	assert_int_equal(oldest(f, LETTER_LOG), 9);
	assert_dropped(f, 0, 9, 0);
}

static void the_oldest_events_give_way_to_a_new_event_at_last(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_EVENT, QUOTA / BODY + 3);
	assert_counts(f, QUOTA / BODY, 0, 0);
	assert_int_equal(oldest(f, LETTER_EVENT), 4);
	assert_dropped(f, 9, 0, 0);
}

static void never_gives_up_an_event_for_telemetry(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_EVENT, QUOTA / BODY);
	assert_err(ERR_FULL, add_bytes(f, LETTER_TELEMETRY, BODY));
	assert_counts(f, QUOTA / BODY, 0, 0);
	assert_dropped(f, 0, 0, 3);
}

static void never_gives_up_an_event_for_a_log(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_EVENT, QUOTA / BODY);
	assert_err(ERR_FULL, add_bytes(f, LETTER_LOG, BODY));
	assert_counts(f, QUOTA / BODY, 0, 0);
	assert_dropped(f, 0, 3, 0);
}

static void never_gives_up_a_log_for_telemetry(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_LOG, QUOTA / BODY);
	assert_err(ERR_FULL, add_bytes(f, LETTER_TELEMETRY, BODY));
	assert_counts(f, 0, QUOTA / BODY, 0);
	assert_dropped(f, 0, 0, 3);
}

static void what_was_refused_is_not_told_as_added(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_EVENT, QUOTA / BODY);
	f->told = 0;
	assert_err(ERR_FULL, add_bytes(f, LETTER_LOG, BODY));
	assert_int_equal(f->told, 0);
}

static void a_letter_larger_than_the_quota_costs_no_other(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 2);
	add_many(f, LETTER_EVENT, 2);
	assert_err(ERR_FULL, add_bytes(f, LETTER_EVENT, QUOTA + 1));
	assert_counts(f, 2, 0, 2);
	assert_dropped(f, 3, 0, 0);
}

static void what_does_not_fit_beside_what_matters_more_costs_no_other(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_EVENT, 8);
	add_many(f, LETTER_TELEMETRY, 2);
	assert_err(ERR_FULL, add_bytes(f, LETTER_LOG, 3 * BODY));
	assert_counts(f, 8, 0, 2);
	assert_dropped(f, 0, 3, 0);
}

static void acknowledged_letters_wait_for_a_write_to_join(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 3);
	outbox_acknowledge(&f->outbox, 1, 2);
	assert_counts(f, 0, 0, 3);
	assert_true(outbox_is_acknowledged(&f->outbox, 1));
	assert_true(outbox_is_acknowledged(&f->outbox, 2));
	assert_false(outbox_is_acknowledged(&f->outbox, 3));
	add(f, LETTER_TELEMETRY);
	assert_counts(f, 0, 0, 2);
	assert_int_equal(oldest(f, LETTER_TELEMETRY), 3);
	assert_false(outbox_is_acknowledged(&f->outbox, 1));
}

static void settling_carries_acknowledgements_out(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_LOG, 3);
	outbox_acknowledge(&f->outbox, 1, 1);
	outbox_acknowledge(&f->outbox, 3, 3);
	assert_ok(outbox_settle(&f->outbox, NULL));
	assert_counts(f, 0, 1, 0);
	assert_int_equal(oldest(f, LETTER_LOG), 2);
	reopen(f);
	assert_counts(f, 0, 1, 0);
}

static void an_acknowledgement_is_for_every_class(void **state)
{
	struct fixture *f = *state;
	add(f, LETTER_TELEMETRY);
	add(f, LETTER_LOG);
	add(f, LETTER_EVENT);
	outbox_acknowledge(&f->outbox, 1, 3);
	assert_ok(outbox_settle(&f->outbox, NULL));
	assert_counts(f, 0, 0, 0);
}

static void more_ranges_than_are_noted_are_carried_out(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 3 * OUTBOX_ACKS_MAX; i++)
		assert_ok(add_bytes(f, LETTER_TELEMETRY, 1));
	for (int64_t seq = 1; seq <= 3 * OUTBOX_ACKS_MAX; seq += 2)
		outbox_acknowledge(&f->outbox, seq, seq);
	assert_ok(outbox_settle(&f->outbox, NULL));
	assert_counts(f, 0, 0, 3 * OUTBOX_ACKS_MAX / 2);
	assert_int_equal(oldest(f, LETTER_TELEMETRY), 2);
}

static void neighbouring_ranges_become_one(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 9);
	outbox_acknowledge(&f->outbox, 1, 2);
	outbox_acknowledge(&f->outbox, 3, 5);
	assert_int_equal(f->outbox.ack_count, 1);
	assert_true(outbox_is_acknowledged(&f->outbox, 5));
	assert_false(outbox_is_acknowledged(&f->outbox, 6));
}

static void ranges_that_overlap_become_one(void **state)
{
	struct fixture *f = *state;
	outbox_acknowledge(&f->outbox, 10, 12);
	outbox_acknowledge(&f->outbox, 20, 22);
	outbox_acknowledge(&f->outbox, 30, 32);
	assert_int_equal(f->outbox.ack_count, 3);
	outbox_acknowledge(&f->outbox, 12, 29);
	assert_int_equal(f->outbox.ack_count, 1);
	assert_false(outbox_is_acknowledged(&f->outbox, 9));
	assert_true(outbox_is_acknowledged(&f->outbox, 10));
	assert_true(outbox_is_acknowledged(&f->outbox, 32));
	assert_false(outbox_is_acknowledged(&f->outbox, 33));
}

static void what_was_never_sent_may_be_acknowledged_without_harm(void **state)
{
	struct fixture *f = *state;
	add(f, LETTER_EVENT);
	outbox_acknowledge(&f->outbox, 1000, 2000);
	assert_ok(outbox_settle(&f->outbox, NULL));
	assert_counts(f, 1, 0, 0);
	add(f, LETTER_EVENT);
	assert_counts(f, 2, 0, 0);
}

static void acknowledged_letters_make_room_before_others_are_given_up(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, QUOTA / BODY);
	outbox_acknowledge(&f->outbox, 1, 5);
	add(f, LETTER_TELEMETRY);
	assert_counts(f, 0, 0, QUOTA / BODY - 4);
	assert_dropped(f, 0, 0, 0);
}

static void a_refused_letter_is_set_aside(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 2);
	assert_ok(outbox_refuse(&f->outbox, 1, "pts[3].f is empty", NULL));
	assert_counts(f, 0, 0, 1);
	assert_int_equal(store_buried(f->store), 1);
	reopen(f);
	assert_int_equal(store_buried(f->store), 1);
}

static void a_letter_that_is_not_there_cannot_be_refused(void **state)
{
	struct fixture *f = *state;
	add(f, LETTER_TELEMETRY);
	assert_err(ERR_NOT_FOUND, outbox_refuse(&f->outbox, 7, "x", NULL));
	assert_counts(f, 0, 0, 1);
	assert_int_equal(store_buried(f->store), 0);
}

static int64_t newest(struct fixture *f)
{
	return store_last_seq(f->store);
}

static void a_number_is_never_used_again(void **state)
{
	struct fixture *f = *state;
	add_many(f, LETTER_TELEMETRY, 5);
	outbox_acknowledge(&f->outbox, 1, 5);
	assert_ok(outbox_settle(&f->outbox, NULL));
	reopen(f);
	add(f, LETTER_TELEMETRY);
	assert_int_equal(newest(f), 6);
	assert_ok(outbox_refuse(&f->outbox, 6, "bad", NULL));
	reopen(f);
	reopen(f);
	add(f, LETTER_LOG);
	assert_int_equal(newest(f), 7);
}

static void a_number_that_was_given_up_is_never_used_again(void **state)
{
	struct fixture *f = *state;
	assert_ok(add_bytes(f, LETTER_TELEMETRY, QUOTA));
	assert_ok(add_bytes(f, LETTER_TELEMETRY, QUOTA));
	assert_ok(add_bytes(f, LETTER_LOG, QUOTA));
	outbox_acknowledge(&f->outbox, 3, 3);
	reopen(f); /* the acknowledgement is forgotten: the letter is sent again */
	assert_counts(f, 0, 1, 0);
	assert_ok(add_bytes(f, LETTER_EVENT, QUOTA));
	assert_int_equal(newest(f), 4);
}

static void inside_a_transaction_it_becomes_durable_with_that_one(void **state)
{
	struct fixture *f = *state;
	add(f, LETTER_TELEMETRY);
	assert_ok(store_begin(f->store, NULL));
	add(f, LETTER_TELEMETRY);
	store_rollback(f->store);
	assert_counts(f, 0, 0, 1);
	assert_ok(store_begin(f->store, NULL));
	add(f, LETTER_TELEMETRY);
	assert_ok(store_commit(f->store, NULL));
	reopen(f);
	assert_counts(f, 0, 0, 2);
}

int main(void)
{
#define OUTBOX_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		OUTBOX_TEST(its_name_is_for_ever),
		OUTBOX_TEST(another_outbox_has_another_name),
		OUTBOX_TEST(what_was_added_is_on_flash),
		OUTBOX_TEST(each_addition_is_told),
		OUTBOX_TEST(nobody_needs_to_listen),
		OUTBOX_TEST(letters_of_all_classes_wait),
		OUTBOX_TEST(what_is_acknowledged_waits_no_more),
		OUTBOX_TEST(ranges_that_overlap_become_one),
		OUTBOX_TEST(the_quota_is_filled_to_the_last_byte),
		OUTBOX_TEST(the_oldest_telemetry_gives_way_to_new),
		OUTBOX_TEST(telemetry_gives_way_before_logs),
		OUTBOX_TEST(logs_give_way_before_events),
		OUTBOX_TEST(the_oldest_events_give_way_to_a_new_event_at_last),
		OUTBOX_TEST(never_gives_up_an_event_for_telemetry),
		OUTBOX_TEST(never_gives_up_an_event_for_a_log),
		OUTBOX_TEST(never_gives_up_a_log_for_telemetry),
		OUTBOX_TEST(what_was_refused_is_not_told_as_added),
		OUTBOX_TEST(a_letter_larger_than_the_quota_costs_no_other),
		OUTBOX_TEST(what_does_not_fit_beside_what_matters_more_costs_no_other),
		OUTBOX_TEST(acknowledged_letters_wait_for_a_write_to_join),
		OUTBOX_TEST(settling_carries_acknowledgements_out),
		OUTBOX_TEST(an_acknowledgement_is_for_every_class),
		OUTBOX_TEST(more_ranges_than_are_noted_are_carried_out),
		OUTBOX_TEST(neighbouring_ranges_become_one),
		OUTBOX_TEST(what_was_never_sent_may_be_acknowledged_without_harm),
		OUTBOX_TEST(acknowledged_letters_make_room_before_others_are_given_up),
		OUTBOX_TEST(a_refused_letter_is_set_aside),
		OUTBOX_TEST(a_letter_that_is_not_there_cannot_be_refused),
		OUTBOX_TEST(a_number_is_never_used_again),
		OUTBOX_TEST(a_number_that_was_given_up_is_never_used_again),
		OUTBOX_TEST(inside_a_transaction_it_becomes_durable_with_that_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
