#include "sync/shelf.h"

#include "sync/anchor.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

static const struct bytes none;

struct fixture {
	struct scratch scratch;
	struct store *store;
	struct shelf shelf;
};

static void open_shelf(struct fixture *f)
{
	struct why why = { "" };
	if (store_open(scratch_at(&f->scratch, "store.db"), &f->store, &why) ||
	    shelf_open(&f->shelf, f->store, &why))
		fail_msg("%s", why.text);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	open_shelf(f);
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

/* As after a power cut: only what is on the medium counts. */
static void reopen(struct fixture *f)
{
	store_close(f->store);
	open_shelf(f);
}

static void assert_slot(struct fixture *f, enum shelf_slot slot, const char *expected)
{
	struct bytes got;
	if (!expected) {
		assert_err(ERR_NOT_FOUND, shelf_get(&f->shelf, slot, &got));
		return;
	}
	assert_ok(shelf_get(&f->shelf, slot, &got));
	assert_int_equal(got.len, strlen(expected));
	assert_memory_equal(got.at, expected, got.len);
}

/* Now, and again after reopening. */
static void assert_kept(struct fixture *f, enum shelf_step step, const char *good, const char *next)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(f->shelf.step, step);
		assert_slot(f, SHELF_GOOD, good);
		assert_slot(f, SHELF_NEXT, next);
		reopen(f);
	}
}

static void promote(struct fixture *f, const char *document)
{
	assert_ok(shelf_accept(&f->shelf, bytes_of(document), none, NULL));
	assert_ok(shelf_try(&f->shelf, NULL));
	assert_ok(shelf_promote(&f->shelf, NULL));
}

static void a_new_shelf_is_empty(void **state)
{
	struct fixture *f = *state;
	assert_kept(f, SHELF_NONE, NULL, NULL);
	assert_string_equal(f->shelf.reason.text, "");
}

static void an_accepted_document_is_next(void **state)
{
	struct fixture *f = *state;
	assert_ok(shelf_accept(&f->shelf, bytes_of("one"), none, NULL));
	assert_kept(f, SHELF_FETCHING, NULL, "one");
}

static void trying_is_remembered(void **state)
{
	struct fixture *f = *state;
	assert_ok(shelf_accept(&f->shelf, bytes_of("one"), none, NULL));
	assert_ok(shelf_try(&f->shelf, NULL));
	assert_kept(f, SHELF_TRYING, NULL, "one");
}

static void a_promoted_document_is_good_and_next_is_empty(void **state)
{
	struct fixture *f = *state;
	promote(f, "one");
	assert_kept(f, SHELF_NONE, "one", NULL);
}

static void a_second_document_leaves_the_good_one_until_it_is_promoted(void **state)
{
	struct fixture *f = *state;
	promote(f, "one");
	assert_ok(shelf_accept(&f->shelf, bytes_of("two"), none, NULL));
	assert_kept(f, SHELF_FETCHING, "one", "two");
	assert_ok(shelf_try(&f->shelf, NULL));
	assert_kept(f, SHELF_TRYING, "one", "two");
	assert_ok(shelf_promote(&f->shelf, NULL));
	assert_kept(f, SHELF_NONE, "two", NULL);
}

static void a_newer_document_takes_the_place_of_next(void **state)
{
	struct fixture *f = *state;
	promote(f, "one");
	assert_ok(shelf_accept(&f->shelf, bytes_of("two"), none, NULL));
	assert_ok(shelf_try(&f->shelf, NULL));
	assert_ok(shelf_accept(&f->shelf, bytes_of("three"), none, NULL));
	assert_kept(f, SHELF_FETCHING, "one", "three");
}

static void a_failed_document_is_kept_with_the_reason(void **state)
{
	struct fixture *f = *state;
	promote(f, "one");
	assert_ok(shelf_accept(&f->shelf, bytes_of("two"), none, NULL));
	assert_ok(shelf_try(&f->shelf, NULL));
	assert_ok(shelf_fail(&f->shelf, "camera exits with 3", NULL));
	assert_kept(f, SHELF_FAILED, "one", "two");
	assert_string_equal(f->shelf.reason.text, "camera exits with 3");
}

static void what_is_refused_before_it_ran_is_kept_apart_from_what_failed(void **state)
{
	struct fixture *f = *state;
	promote(f, "one");
	assert_ok(shelf_accept(&f->shelf, bytes_of("two"), none, NULL));
	assert_ok(shelf_refuse(&f->shelf, "no such image", NULL));
	assert_kept(f, SHELF_REFUSED, "one", "two");
	reopen(f);
	assert_kept(f, SHELF_REFUSED, "one", "two");
	assert_string_equal(f->shelf.reason.text, "no such image");
}

static void a_new_document_forgets_the_failure_of_the_one_before(void **state)
{
	struct fixture *f = *state;
	assert_ok(shelf_accept(&f->shelf, bytes_of("two"), none, NULL));
	assert_ok(shelf_fail(&f->shelf, "no such image", NULL));
	assert_ok(shelf_accept(&f->shelf, bytes_of("three"), none, NULL));
	assert_kept(f, SHELF_FETCHING, NULL, "three");
	assert_string_equal(f->shelf.reason.text, "");
}

static void nothing_next_cannot_be_promoted(void **state)
{
	struct fixture *f = *state;
	struct why why = { "" };
	promote(f, "one");
	assert_err(ERR_NOT_FOUND, shelf_promote(&f->shelf, &why));
	assert_string_not_equal(why.text, "");
	assert_kept(f, SHELF_NONE, "one", NULL);
}

static void a_long_reason_is_cut_and_reads_back(void **state)
{
	struct fixture *f = *state;
	char reason[400];
	memset(reason, 'r', sizeof reason - 1);
	reason[sizeof reason - 1] = '\0';
	assert_ok(shelf_accept(&f->shelf, bytes_of("one"), none, NULL));
	assert_ok(shelf_fail(&f->shelf, reason, NULL));
	size_t before = strlen(f->shelf.reason.text);
	assert_int_equal(before, sizeof f->shelf.reason.text - 1);
	reopen(f);
	assert_int_equal(strlen(f->shelf.reason.text), before);
}

static void a_document_of_64_kib_is_kept(void **state)
{
	struct fixture *f = *state;
	static char large[64 * 1024 + 1];
	memset(large, 'x', sizeof large - 1);
	promote(f, large);
	assert_kept(f, SHELF_NONE, large, NULL);
}

static void a_mark_is_kept_with_its_document(void **state)
{
	struct fixture *f = *state;
	struct bytes mark;
	assert_ok(shelf_accept(&f->shelf, bytes_of("one"), none, NULL));
	assert_err(ERR_NOT_FOUND, store_get(f->store, ANCHOR_MARK_KEY, &mark));
	assert_ok(shelf_accept(&f->shelf, bytes_of("two"), BYTES_LIT("mark"), NULL));
	reopen(f);
	assert_ok(store_get(f->store, ANCHOR_MARK_KEY, &mark));
	assert_true(bytes_are(mark, "mark"));
	assert_slot(f, SHELF_NEXT, "two");
}

int main(void)
{
#define SHELF_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SHELF_TEST(a_new_shelf_is_empty),
		SHELF_TEST(an_accepted_document_is_next),
		SHELF_TEST(trying_is_remembered),
		SHELF_TEST(a_promoted_document_is_good_and_next_is_empty),
		SHELF_TEST(a_second_document_leaves_the_good_one_until_it_is_promoted),
		SHELF_TEST(a_newer_document_takes_the_place_of_next),
		SHELF_TEST(a_failed_document_is_kept_with_the_reason),
		SHELF_TEST(what_is_refused_before_it_ran_is_kept_apart_from_what_failed),
		SHELF_TEST(a_new_document_forgets_the_failure_of_the_one_before),
		SHELF_TEST(nothing_next_cannot_be_promoted),
		SHELF_TEST(a_long_reason_is_cut_and_reads_back),
		SHELF_TEST(a_document_of_64_kib_is_kept),
		SHELF_TEST(a_mark_is_kept_with_its_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
