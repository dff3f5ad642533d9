/*
 * The promises of ports/store.h. Nothing here knows how a store keeps things,
 * so that the fake of the tests is held to the same ones.
 */
#include "ports/store.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>

static const int64_t SEQ_END = (int64_t)1 << 40;

struct fixture {
	struct scratch scratch;
	struct store *store;
};

static void open_store(struct fixture *f)
{
	struct why why = { "" };
	if (store_open(scratch_at(&f->scratch, "store.db"), &f->store, &why))
		fail_msg("%s", why.text);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	open_store(f);
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
	open_store(f);
}

static int64_t append_at(struct fixture *f, enum letter_class class, const char *body,
			 int64_t made_ms)
{
	const struct letter l = { .class = class,
				  .made_ms = made_ms,
				  .items = 1,
				  .stream = "s",
				  .body = bytes_of(body) };
	int64_t seq = 0;
	assert_ok(store_append(f->store, &l, &seq, NULL));
	return seq;
}

static int64_t append(struct fixture *f, enum letter_class class, const char *body)
{
	return append_at(f, class, body, 1000);
}

/* Bodies of a class in (after, until], oldest first: "a b c". */
static const char *bodies_in(struct fixture *f, enum letter_class class, int64_t after,
			     int64_t until)
{
	static char text[4096];
	size_t n = 0;
	struct letter l;
	text[0] = '\0';
	for (; store_next(f->store, class, after, until, &l) == OK; after = l.seq) {
		assert_int_equal(l.class, class);
		assert_true(l.seq > after && l.seq <= until);
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", n ? " " : "",
				      (int)l.body.len, l.body.at);
	}
	return text;
}

static const char *bodies(struct fixture *f, enum letter_class class)
{
	return bodies_in(f, class, 0, SEQ_END);
}

static void assert_total(struct fixture *f, enum letter_class class, int64_t letters, int64_t bytes,
			 int64_t oldest_ms)
{
	struct store_total t;
	store_total(f->store, class, &t);
	assert_int_equal(t.letters, letters);
	assert_int_equal(t.bytes, bytes);
	assert_int_equal(t.oldest_ms, oldest_ms);
}

static int64_t drop(struct fixture *f, int64_t from, int64_t to)
{
	int64_t dropped = -1;
	assert_ok(store_drop(f->store, from, to, &dropped, NULL));
	return dropped;
}

static void put(struct fixture *f, const char *key, const char *value)
{
	assert_ok(store_put(f->store, key, bytes_of(value), NULL));
}

static void assert_value(struct fixture *f, const char *key, const char *expected)
{
	struct bytes value;
	if (!expected) {
		assert_err(ERR_NOT_FOUND, store_get(f->store, key, &value));
		return;
	}
	assert_ok(store_get(f->store, key, &value));
	if (!bytes_are(value, expected))
		fail_msg("%s is \"%.*s\"", key, (int)value.len, value.at);
}

/* --- letters --- */

static void a_new_store_is_empty(void **state)
{
	struct fixture *f = *state;
	struct letter l;
	assert_int_equal(store_last_seq(f->store), 0);
	assert_int_equal(store_buried(f->store), 0);
	for (enum letter_class c = 0; c < LETTER_CLASSES; c++) {
		assert_total(f, c, 0, 0, 0);
		assert_err(ERR_NOT_FOUND, store_next(f->store, c, 0, SEQ_END, &l));
	}
	assert_value(f, "key", NULL);
}

static void a_letter_reads_back_whole(void **state)
{
	struct fixture *f = *state;
	const struct letter l = { .class = LETTER_LOG,
				  .made_ms = -5,
				  .items = 4000000000u,
				  .flags = 0xffffff01u,
				  .stream = "camera",
				  .body = BYTES_LIT("a\0b\xff") };
	struct letter got;
	int64_t seq;
	assert_ok(store_append(f->store, &l, &seq, NULL));
	for (int i = 0; i < 2; i++) {
		assert_ok(store_next(f->store, LETTER_LOG, 0, SEQ_END, &got));
		assert_int_equal(got.seq, seq);
		assert_int_equal(got.class, LETTER_LOG);
		assert_int_equal(got.made_ms, -5);
		assert_true(got.items == 4000000000u);
		assert_true(got.flags == 0xffffff01u);
		assert_string_equal(got.stream, "camera");
		assert_true(bytes_equal(got.body, l.body));
		reopen(f);
	}
}

static void bodies_may_be_empty_or_large(void **state)
{
	struct fixture *f = *state;
	static char large[64 * 1024];
	struct letter l = { .class = LETTER_LOG, .stream = "s" }, got;
	int64_t seq;
	memset(large, 'x', sizeof large);
	assert_ok(store_append(f->store, &l, &seq, NULL));
	l.body = (struct bytes){ large, sizeof large };
	assert_ok(store_append(f->store, &l, &seq, NULL));
	reopen(f);
	assert_ok(store_next(f->store, LETTER_LOG, 0, SEQ_END, &got));
	assert_int_equal(got.body.len, 0);
	assert_ok(store_next(f->store, LETTER_LOG, got.seq, SEQ_END, &got));
	assert_true(bytes_equal(got.body, l.body));
	assert_total(f, LETTER_LOG, 2, sizeof large, 0);
}

static void numbers_rise_over_all_classes(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(append(f, LETTER_TELEMETRY, "a"), 1);
	assert_int_equal(append(f, LETTER_EVENT, "b"), 2);
	assert_int_equal(append(f, LETTER_LOG, "c"), 3);
	assert_int_equal(store_last_seq(f->store), 3);
	reopen(f);
	assert_int_equal(store_last_seq(f->store), 3);
	assert_int_equal(append(f, LETTER_TELEMETRY, "d"), 4);
}

static void a_class_is_read_oldest_first(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_TELEMETRY, "a");
	append(f, LETTER_EVENT, "b");
	append(f, LETTER_TELEMETRY, "c");
	append(f, LETTER_LOG, "d");
	append(f, LETTER_TELEMETRY, "e");
	assert_string_equal(bodies(f, LETTER_TELEMETRY), "a c e");
	assert_string_equal(bodies(f, LETTER_EVENT), "b");
	assert_string_equal(bodies(f, LETTER_LOG), "d");
}

static void a_range_has_its_end_and_not_its_beginning(void **state)
{
	struct fixture *f = *state;
	for (const char *const *b = (const char *const[]){ "a", "b", "c", "d", NULL }; *b; b++)
		append(f, LETTER_LOG, *b);
	assert_string_equal(bodies_in(f, LETTER_LOG, 1, 3), "b c");
	assert_string_equal(bodies_in(f, LETTER_LOG, 0, 1), "a");
	assert_string_equal(bodies_in(f, LETTER_LOG, 3, 3), "");
	assert_string_equal(bodies_in(f, LETTER_LOG, 4, SEQ_END), "");
	assert_string_equal(bodies_in(f, LETTER_LOG, 3, 2), "");
}

static void dropping_is_for_every_class(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_TELEMETRY, "a");
	append(f, LETTER_EVENT, "b");
	append(f, LETTER_LOG, "c");
	append(f, LETTER_TELEMETRY, "d");
	assert_int_equal(drop(f, 2, 3), 2);
	assert_string_equal(bodies(f, LETTER_TELEMETRY), "a d");
	assert_string_equal(bodies(f, LETTER_EVENT), "");
	assert_string_equal(bodies(f, LETTER_LOG), "");
	reopen(f);
	assert_string_equal(bodies(f, LETTER_TELEMETRY), "a d");
}

static void assert_sum(struct fixture *f, int64_t from, int64_t to, int64_t letters, int64_t bytes)
{
	struct store_total t;
	assert_ok(store_sum(f->store, from, to, &t, NULL));
	assert_int_equal(t.letters, letters);
	assert_int_equal(t.bytes, bytes);
	assert_int_equal(t.oldest_ms, 0);
}

static void a_sum_is_of_every_class(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_TELEMETRY, "a");
	append(f, LETTER_EVENT, "bc");
	append(f, LETTER_LOG, "def");
	assert_sum(f, 1, 3, 3, 6);
	assert_sum(f, 2, 2, 1, 2);
	assert_sum(f, 3, INT64_MAX, 1, 3);
	assert_sum(f, 4, 9, 0, 0);
	assert_sum(f, 3, 1, 0, 0);
}

static void dropping_what_is_not_there_drops_nothing(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_LOG, "a");
	assert_int_equal(drop(f, 2, 100), 0);
	assert_int_equal(drop(f, 0, 0), 0);
	assert_int_equal(drop(f, 5, 3), 0);
	assert_int_equal(drop(f, 1, 1), 1);
	assert_int_equal(drop(f, 1, 1), 0);
}

static void a_range_may_reach_past_all_letters(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_EVENT, "a");
	append(f, LETTER_TELEMETRY, "b");
	assert_int_equal(drop(f, 0, (int64_t)1 << 53), 2);
	assert_int_equal(append(f, LETTER_TELEMETRY, "c"), 3);
	assert_string_equal(bodies(f, LETTER_TELEMETRY), "c");
}

static void totals_follow_everything(void **state)
{
	struct fixture *f = *state;
	append_at(f, LETTER_LOG, "aa", 100);
	append_at(f, LETTER_LOG, "bbb", 50);
	append_at(f, LETTER_EVENT, "c", 7);
	assert_total(f, LETTER_LOG, 2, 5, 100);
	assert_total(f, LETTER_EVENT, 1, 1, 7);
	assert_total(f, LETTER_TELEMETRY, 0, 0, 0);
	drop(f, 1, 1);
	assert_total(f, LETTER_LOG, 1, 3, 50);
	reopen(f);
	assert_total(f, LETTER_LOG, 1, 3, 50);
	drop(f, 2, 3);
	assert_total(f, LETTER_LOG, 0, 0, 0);
	assert_total(f, LETTER_EVENT, 0, 0, 0);
}

static void a_number_names_one_letter_for_ever(void **state)
{
	struct fixture *f = *state;
	for (int64_t seq = 1; seq <= 5; seq++)
		assert_int_equal(append(f, LETTER_LOG, "x"), seq);
	drop(f, 4, 5);
	reopen(f);
	assert_int_equal(append(f, LETTER_LOG, "x"), 6);
	drop(f, 1, 6);
	reopen(f);
	reopen(f);
	assert_int_equal(store_last_seq(f->store), 6);
	assert_int_equal(append(f, LETTER_EVENT, "x"), 7);
	drop(f, 7, 7);
	assert_int_equal(append(f, LETTER_EVENT, "x"), 8);
	reopen(f);
	assert_int_equal(append(f, LETTER_EVENT, "x"), 9);
}

/* --- settings --- */

static void a_value_is_kept_replaced_and_removed(void **state)
{
	struct fixture *f = *state;
	put(f, "a", "1");
	put(f, "b", "2");
	assert_value(f, "a", "1");
	put(f, "a", "one");
	reopen(f);
	assert_value(f, "a", "one");
	assert_value(f, "b", "2");
	assert_ok(store_remove(f->store, "a", NULL));
	assert_value(f, "a", NULL);
	reopen(f);
	assert_value(f, "a", NULL);
	assert_value(f, "b", "2");
}

static void a_value_may_be_any_bytes(void **state)
{
	struct fixture *f = *state;
	const struct bytes any = BYTES_LIT("\0\xff\0");
	struct bytes got;
	assert_ok(store_put(f->store, "key", any, NULL));
	assert_ok(store_get(f->store, "key", &got));
	assert_true(bytes_equal(got, any));
	put(f, "key", "");
	assert_value(f, "key", "");
}

static void a_key_may_be_long_and_is_taken_as_it_is(void **state)
{
	struct fixture *f = *state;
	char key[STORE_KEY_MAX];
	memset(key, 'k', sizeof key - 1);
	key[sizeof key - 1] = '\0';
	put(f, key, "long");
	put(f, "Key", "upper");
	put(f, "key", "lower");
	put(f, "k%", "percent");
	assert_value(f, key, "long");
	assert_value(f, "Key", "upper");
	assert_value(f, "key", "lower");
	assert_value(f, "k%", "percent");
}

/* --- transactions --- */

static void what_is_committed_happened_together(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_LOG, "old");
	assert_ok(store_begin(f->store, NULL));
	append(f, LETTER_LOG, "new");
	drop(f, 1, 1);
	put(f, "key", "value");
	assert_ok(store_commit(f->store, NULL));
	reopen(f);
	assert_string_equal(bodies(f, LETTER_LOG), "new");
	assert_value(f, "key", "value");
}

static void inside_a_transaction_its_own_changes_are_seen(void **state)
{
	struct fixture *f = *state;
	assert_ok(store_begin(f->store, NULL));
	append(f, LETTER_LOG, "a");
	put(f, "key", "value");
	assert_string_equal(bodies(f, LETTER_LOG), "a");
	assert_value(f, "key", "value");
	assert_total(f, LETTER_LOG, 1, 1, 1000);
	assert_ok(store_commit(f->store, NULL));
}

static void a_rollback_takes_everything_back(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_LOG, "old");
	put(f, "key", "old");
	put(f, "gone", "not yet");
	assert_ok(store_begin(f->store, NULL));
	append(f, LETTER_LOG, "new");
	append(f, LETTER_EVENT, "new");
	drop(f, 1, 1);
	put(f, "key", "new");
	assert_ok(store_remove(f->store, "gone", NULL));
	store_rollback(f->store);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(bodies(f, LETTER_LOG), "old");
		assert_string_equal(bodies(f, LETTER_EVENT), "");
		assert_total(f, LETTER_LOG, 1, 3, 1000);
		assert_total(f, LETTER_EVENT, 0, 0, 0);
		assert_value(f, "key", "old");
		assert_value(f, "gone", "not yet");
		reopen(f);
	}
}

static void after_a_rollback_the_store_goes_on(void **state)
{
	struct fixture *f = *state;
	assert_ok(store_begin(f->store, NULL));
	append(f, LETTER_LOG, "a");
	store_rollback(f->store);
	assert_ok(store_begin(f->store, NULL));
	int64_t seq = append(f, LETTER_LOG, "b");
	assert_ok(store_commit(f->store, NULL));
	assert_string_equal(bodies(f, LETTER_LOG), "b");
	assert_int_equal(store_last_seq(f->store), seq);
}

static void what_was_not_committed_when_it_was_closed_never_happened(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_LOG, "old");
	assert_ok(store_begin(f->store, NULL));
	append(f, LETTER_LOG, "new");
	put(f, "key", "new");
	reopen(f);
	assert_string_equal(bodies(f, LETTER_LOG), "old");
	assert_value(f, "key", NULL);
	assert_total(f, LETTER_LOG, 1, 3, 1000);
}

static void a_letter_that_is_being_read_holds_no_write_up(void **state)
{
	struct fixture *f = *state;
	struct letter l;
	struct bytes value;
	append(f, LETTER_LOG, "a");
	put(f, "key", "value");
	assert_ok(store_next(f->store, LETTER_LOG, 0, SEQ_END, &l));
	assert_ok(store_get(f->store, "key", &value));
	assert_ok(store_begin(f->store, NULL));
	append(f, LETTER_LOG, "b");
	assert_ok(store_next(f->store, LETTER_LOG, 0, SEQ_END, &l));
	assert_ok(store_get(f->store, "key", &value));
	assert_ok(store_commit(f->store, NULL));
	assert_string_equal(bodies(f, LETTER_LOG), "a b");
}

/* --- the dead --- */

static void a_buried_letter_is_no_letter_any_more(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_TELEMETRY, "a");
	append(f, LETTER_TELEMETRY, "b");
	assert_ok(store_bury(f->store, 1, "f is empty", NULL));
	assert_string_equal(bodies(f, LETTER_TELEMETRY), "b");
	assert_total(f, LETTER_TELEMETRY, 1, 1, 1000);
	assert_int_equal(store_buried(f->store), 1);
	reopen(f);
	assert_string_equal(bodies(f, LETTER_TELEMETRY), "b");
	assert_int_equal(store_buried(f->store), 1);
}

static void what_is_not_there_cannot_be_buried(void **state)
{
	struct fixture *f = *state;
	struct why why = { "" };
	append(f, LETTER_LOG, "a");
	assert_err(ERR_NOT_FOUND, store_bury(f->store, 2, "x", &why));
	assert_err(ERR_NOT_FOUND, store_bury(f->store, 0, "x", &why));
	assert_err(ERR_NOT_FOUND, store_bury(f->store, -1, "x", &why));
	assert_int_equal(store_buried(f->store), 0);
	assert_string_equal(bodies(f, LETTER_LOG), "a");
}

/* A hub may say any number that JSON can: up to 2^53. */
static void a_number_that_is_far_too_large_buries_nobody(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_EVENT, "a");
	append(f, LETTER_LOG, "b");
	append(f, LETTER_TELEMETRY, "c");
	for (int shift = 40; shift <= 53; shift++)
		for (int64_t seq = 0; seq <= 3; seq++) {
			enum err e = store_bury(f->store, ((int64_t)1 << shift) + seq, "x", NULL);
			if (e != ERR_NOT_FOUND)
				fail_msg("2^%d + %lld: %s", shift, (long long)seq, err_name(e));
		}
	assert_int_equal(store_buried(f->store), 0);
	assert_string_equal(bodies(f, LETTER_EVENT), "a");
	assert_string_equal(bodies(f, LETTER_LOG), "b");
	assert_string_equal(bodies(f, LETTER_TELEMETRY), "c");
}

static void the_dead_are_bounded(void **state)
{
	struct fixture *f = *state;
	for (int64_t i = 1; i <= DEAD_LETTERS_MAX + 10; i++) {
		append(f, LETTER_LOG, "x");
		assert_ok(store_bury(f->store, i, "x", NULL));
	}
	assert_int_equal(store_buried(f->store), DEAD_LETTERS_MAX);
	reopen(f);
	assert_int_equal(store_buried(f->store), DEAD_LETTERS_MAX);
}

static void the_number_of_the_dead_is_not_used_again(void **state)
{
	struct fixture *f = *state;
	append(f, LETTER_LOG, "x");
	assert_ok(store_bury(f->store, 1, "x", NULL));
	reopen(f);
	assert_int_equal(append(f, LETTER_LOG, "x"), 2);
}

static void nothing_may_be_closed(void **state)
{
	(void)state;
	store_close(NULL);
}

int main(void)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_new_store_is_empty),
		STORE_TEST(a_letter_reads_back_whole),
		STORE_TEST(bodies_may_be_empty_or_large),
		STORE_TEST(numbers_rise_over_all_classes),
		STORE_TEST(a_class_is_read_oldest_first),
		STORE_TEST(a_range_has_its_end_and_not_its_beginning),
		STORE_TEST(dropping_is_for_every_class),
		STORE_TEST(a_sum_is_of_every_class),
		STORE_TEST(dropping_what_is_not_there_drops_nothing),
		STORE_TEST(a_range_may_reach_past_all_letters),
		STORE_TEST(totals_follow_everything),
		STORE_TEST(a_number_names_one_letter_for_ever),
		STORE_TEST(a_value_is_kept_replaced_and_removed),
		STORE_TEST(a_value_may_be_any_bytes),
		STORE_TEST(a_key_may_be_long_and_is_taken_as_it_is),
		STORE_TEST(what_is_committed_happened_together),
		STORE_TEST(inside_a_transaction_its_own_changes_are_seen),
		STORE_TEST(a_rollback_takes_everything_back),
		STORE_TEST(after_a_rollback_the_store_goes_on),
		STORE_TEST(what_was_not_committed_when_it_was_closed_never_happened),
		STORE_TEST(a_letter_that_is_being_read_holds_no_write_up),
		STORE_TEST(a_buried_letter_is_no_letter_any_more),
		STORE_TEST(what_is_not_there_cannot_be_buried),
		STORE_TEST(a_number_that_is_far_too_large_buries_nobody),
		STORE_TEST(the_dead_are_bounded),
		STORE_TEST(the_number_of_the_dead_is_not_used_again),
		STORE_TEST(nothing_may_be_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
