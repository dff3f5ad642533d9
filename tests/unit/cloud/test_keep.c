#include "cloud/hub/keep.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/cloud/rows.h"

enum { STEPS_MAX = 100, NOW = 2000 * 1000 };
#define DAYS_MS (24LL * 3600 * 1000)

struct fixture {
	struct scratch scratch;
	struct ledger ledger;
	struct why why;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(ledger_open(&f->ledger, scratch_at(&f->scratch, "hub.db"), &f->why));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	ledger_close(&f->ledger);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void run(struct fixture *f, const char *statement)
{
	assert_ok(sql_run(f->ledger.sql, statement, NULL));
}

/* How many steps it took. */
static int pass(struct fixture *f, int64_t keep_ms, int64_t wall_ms)
{
	struct keep k = { .keep_ms = keep_ms };
	bool done = false;
	int steps = 0;
	while (!done && steps++ < STEPS_MAX)
		if (keep_step(&k, &f->ledger, wall_ms, &done, &f->why))
			fail_msg("%s", f->why.text);
	assert_true(done);
	return steps;
}

static void assert_rows(struct fixture *f, const char *statement, const char *expected)
{
	assert_string_equal(rows_of(f->ledger.sql, statement), expected);
}

static void what_is_older_goes_and_the_rest_stays(void **state)
{
	struct fixture *f = *state;
	run(f, "INSERT INTO point VALUES(999, 'm', 'a', 'x', '{}', '{}'),"
	       " (1000, 'm', 'a', 'x', '{}', '{}'), (1, 'm', 'b', 'y', '{}', '{}'),"
	       " (5000, 'm', 'b', 'z', '{}', '{}')");
	run(f, "INSERT INTO event VALUES(999, 'm', 'a', 't', 'r', 'o', 'm', NULL),"
	       " (1000, 'm', 'a', 't', 'r', 'o', 'm', NULL)");
	run(f, "INSERT INTO log VALUES(999, 'm', 'a', 'p', 'c', 'out', 'l'),"
	       " (1000, 'm', 'a', 'p', 'c', 'out', 'l')");
	pass(f, NOW - 1000, NOW);
	assert_rows(f, "SELECT ts_ms FROM point ORDER BY 1", "1000\n5000");
	assert_rows(f, "SELECT ts_ms FROM event", "1000");
	assert_rows(f, "SELECT ts_ms FROM log", "1000");
}

static void names_of_letters_stay_longer(void **state)
{
	struct fixture *f = *state;
	run(f, "INSERT INTO batch VALUES('m', 'a', 's', 'b', 1, 'telec', 0, 0),"
	       " ('m', 'a', 's', 'b', 2, 'telec', 0, 86400000)");
	pass(f, DAYS_MS, KEEP_NAMES_MS);
	assert_rows(f, "SELECT count(*) FROM batch", "2");
	pass(f, DAYS_MS, KEEP_NAMES_MS + DAYS_MS + 1);
	assert_rows(f, "SELECT seq FROM batch", "2");
}

static void a_step_is_bounded_and_many_rows_take_several(void **state)
{
	struct fixture *f = *state;
	run(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12001)"
	       " INSERT INTO point SELECT i, 'm', 'a', 'x', '{}', '{}' FROM n");
	struct keep k = { .keep_ms = 1 };
	bool done;
	assert_ok(keep_step(&k, &f->ledger, NOW, &done, &f->why));
	assert_rows(f, "SELECT count(*) FROM point", "7000"); /* 5000, and the edge's own */
	pass(f, 1, NOW);
	assert_rows(f, "SELECT count(*) FROM point", "0");
}

static void many_rows_of_one_moment_end_nevertheless(void **state)
{
	struct fixture *f = *state;
	run(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 11000)"
	       " INSERT INTO point SELECT 7, 'm', 'a', 'x', '{}', '{}' FROM n");
	assert_true(pass(f, 1, NOW) < 20);
	assert_rows(f, "SELECT count(*) FROM point", "0");
}

static void an_empty_database_is_done_soon(void **state)
{
	assert_true(pass(*state, 1, NOW) < 10);
}

int main(void)
{
#define KEEP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		KEEP_TEST(what_is_older_goes_and_the_rest_stays),
		KEEP_TEST(names_of_letters_stay_longer),
		KEEP_TEST(a_step_is_bounded_and_many_rows_take_several),
		KEEP_TEST(many_rows_of_one_moment_end_nevertheless),
		KEEP_TEST(an_empty_database_is_done_soon),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
