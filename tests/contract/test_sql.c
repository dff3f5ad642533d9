#include "ports/sql.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

struct fixture {
	struct scratch scratch;
	struct sql *sql;
	struct why why;
};

static void open_as(struct fixture *f, enum sql_use use)
{
	if (sql_open(scratch_at(&f->scratch, "x.db"), use, &f->sql, &f->why))
		fail_msg("%s", f->why.text);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	open_as(f, SQL_HUB);
	assert_ok(sql_run(f->sql, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB)", NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	sql_close(f->sql);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static struct sql_query *prepare(struct fixture *f, const char *statement)
{
	struct sql_query *q;
	if (sql_prepare(f->sql, statement, &q, &f->why))
		fail_msg("%s", f->why.text);
	return q;
}

static int64_t number(struct fixture *f, const char *statement)
{
	struct sql_query *q = prepare(f, statement);
	assert_ok(sql_step(q, NULL));
	int64_t n = sql_integer(q, 0);
	sql_finish(q);
	return n;
}

static void values_go_in_and_come_out(void **state)
{
	struct fixture *f = *state;
	struct sql_query *q = prepare(f, "INSERT INTO t VALUES(?1, ?2, ?3)");
	sql_bind_integer(q, 1, INT64_MIN);
	sql_bind_text(q, 2, BYTES_LIT("it's"));
	sql_bind_blob(q, 3, BYTES_LIT("\0\xff"));
	assert_ok(sql_execute(q, NULL));
	sql_bind_integer(q, 1, INT64_MAX);
	sql_bind_text(q, 2, (struct bytes){ NULL, 0 });
	sql_bind_null(q, 3);
	assert_ok(sql_execute(q, NULL));
	sql_finish(q);

	q = prepare(f, "SELECT a, b, c, 1.5 FROM t ORDER BY a");
	assert_int_equal(sql_columns(q), 4);
	assert_string_equal(sql_column_name(q, 1), "b");
	assert_ok(sql_step(q, NULL));
	assert_true(sql_integer(q, 0) == INT64_MIN);
	assert_true(bytes_are(sql_bytes(q, 1), "it's"));
	assert_true(bytes_equal(sql_bytes(q, 2), BYTES_LIT("\0\xff")));
	assert_true(sql_number(q, 3) == 1.5);
	assert_true(sql_is_number(q, 0) && sql_is_number(q, 3) && !sql_is_number(q, 1));
	assert_ok(sql_step(q, NULL));
	assert_true(sql_integer(q, 0) == INT64_MAX);
	assert_int_equal(sql_bytes(q, 1).len, 0);
	assert_false(sql_is_null(q, 1));
	assert_true(sql_is_null(q, 2));
	assert_err(ERR_NOT_FOUND, sql_step(q, NULL));
	sql_finish(q);
}

static void a_rewound_query_takes_new_parameters(void **state)
{
	struct fixture *f = *state;
	struct sql_query *q = prepare(f, "SELECT ?1");
	sql_bind_integer(q, 1, 5);
	assert_ok(sql_step(q, NULL));
	assert_int_equal(sql_integer(q, 0), 5);
	sql_rewind(q);
	assert_ok(sql_step(q, NULL));
	assert_true(sql_is_null(q, 0)); /* the old ones are gone */
	sql_finish(q);
}

static void a_key_that_is_there_is_told_apart(void **state)
{
	struct fixture *f = *state;
	struct sql_query *q = prepare(f, "INSERT INTO t(a) VALUES(1)");
	assert_ok(sql_execute(q, &f->why));
	assert_err(ERR_CONFLICT, sql_execute(q, &f->why));
	assert_string_not_equal(f->why.text, "");
	sql_finish(q);
	assert_int_equal(number(f, "SELECT count(*) FROM t"), 1);
}

static void changes_are_counted(void **state)
{
	struct fixture *f = *state;
	assert_ok(sql_run(f->sql, "INSERT INTO t(a) VALUES(1), (2), (3)", NULL));
	assert_int_equal(sql_changes(f->sql), 3);
	assert_ok(sql_run(f->sql, "DELETE FROM t WHERE a > 1", NULL));
	assert_int_equal(sql_changes(f->sql), 2);
	assert_ok(sql_run(f->sql, "INSERT INTO t(a) VALUES(1) ON CONFLICT DO NOTHING", NULL));
	assert_int_equal(sql_changes(f->sql), 0);
}

static void a_wrong_statement_is_the_callers_fault(void **state)
{
	struct fixture *f = *state;
	struct sql_query *q;
	assert_err(ERR_INVALID, sql_prepare(f->sql, "SELEKT 1", &q, &f->why));
	assert_non_null(strstr(f->why.text, "SELEKT"));
	assert_err(ERR_INVALID, sql_prepare(f->sql, "SELECT x FROM t", &q, &f->why));
	assert_err(ERR_INVALID, sql_prepare(f->sql, "", &q, &f->why));
	assert_err(ERR_INVALID, sql_prepare(f->sql, "-- nothing", &q, &f->why));
	assert_int_not_equal(sql_run(f->sql, "CREATE TABLE t(a)", &f->why), OK);
}

static void a_medium_that_is_full_is_told_apart(void **state)
{
	struct fixture *f = *state;
	enum err e = OK;
	assert_ok(sql_run(f->sql, "PRAGMA max_page_count = 8", NULL));
	struct sql_query *q = prepare(f, "INSERT INTO t(c) VALUES(zeroblob(3000))");
	for (int i = 0; !e && i < 20; i++)
		e = sql_execute(q, &f->why);
	assert_err(ERR_FULL, e);
	sql_finish(q);
}

static void a_transaction_is_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	assert_ok(sql_run(f->sql, "BEGIN; INSERT INTO t(a) VALUES(1); ROLLBACK;", NULL));
	assert_int_equal(number(f, "SELECT count(*) FROM t"), 0);
	assert_ok(sql_run(f->sql, "BEGIN; INSERT INTO t(a) VALUES(1); COMMIT;", NULL));
	sql_close(f->sql);
	open_as(f, SQL_HUB);
	assert_int_equal(number(f, "SELECT count(*) FROM t"), 1);
}

static void a_reader_sees_and_never_writes(void **state)
{
	struct fixture *f = *state;
	struct sql *writer = f->sql;
	assert_ok(sql_run(writer, "INSERT INTO t(a) VALUES(7)", NULL));
	open_as(f, SQL_READ);
	assert_int_equal(number(f, "SELECT a FROM t"), 7);
	assert_int_not_equal(sql_run(f->sql, "DELETE FROM t", &f->why), OK);
	assert_int_not_equal(sql_run(f->sql, "CREATE TABLE u(a)", &f->why), OK);
	assert_int_equal(number(f, "SELECT a FROM t"), 7);
	sql_close(writer);
}

static void a_reader_never_creates(void **state)
{
	struct fixture *f = *state;
	struct sql *s;
	const char *path = scratch_at(&f->scratch, "none.db");
	assert_err(ERR_NOT_FOUND, sql_open(path, SQL_READ, &s, &f->why));
	assert_non_null(strstr(f->why.text, "none.db"));
	assert_false(file_exists(path));
}

static void what_is_no_database_is_told_apart(void **state)
{
	struct fixture *f = *state;
	struct sql *s;
	static char text[4096];
	const char *path = scratch_at(&f->scratch, "text.db");
	memset(text, 'x', sizeof text);
	assert_ok(file_replace(path, (struct bytes){ text, sizeof text }, false, NULL));
	assert_err(ERR_CORRUPT, sql_open(path, SQL_FLASH, &s, &f->why));
	assert_err(ERR_CORRUPT, sql_open(path, SQL_HUB, &s, &f->why));
	assert_non_null(strstr(f->why.text, "text.db"));
}

static void pages_fit_their_medium(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(number(f, "PRAGMA page_size"), 4096);
	sql_close(f->sql);
	assert_ok(sql_open(scratch_at(&f->scratch, "flash.db"), SQL_FLASH, &f->sql, &f->why));
	assert_ok(sql_run(f->sql, "CREATE TABLE t(a)", NULL));
	assert_int_equal(number(f, "PRAGMA page_size"), 512);
	assert_int_equal(number(f, "PRAGMA synchronous"), 2); /* FULL */
}

static void a_row_that_is_being_read_does_not_hold_up_a_write(void **state)
{
	struct fixture *f = *state;
	assert_ok(sql_run(f->sql, "INSERT INTO t(a) VALUES(1), (2)", NULL));
	struct sql_query *q = prepare(f, "SELECT a FROM t");
	assert_ok(sql_step(q, NULL));
	assert_ok(sql_run(f->sql, "INSERT INTO t(a) VALUES(3)", NULL));
	sql_rewind(q);
	assert_int_equal(number(f, "SELECT count(*) FROM t"), 3);
	sql_finish(q);
}

static void nothing_may_be_closed(void **state)
{
	(void)state;
	sql_close(NULL);
	sql_finish(NULL);
}

int main(void)
{
#define SQL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SQL_TEST(values_go_in_and_come_out),
		SQL_TEST(a_rewound_query_takes_new_parameters),
		SQL_TEST(a_key_that_is_there_is_told_apart),
		SQL_TEST(changes_are_counted),
		SQL_TEST(a_wrong_statement_is_the_callers_fault),
		SQL_TEST(a_medium_that_is_full_is_told_apart),
		SQL_TEST(a_transaction_is_whole_or_not_at_all),
		SQL_TEST(a_reader_sees_and_never_writes),
		SQL_TEST(a_reader_never_creates),
		SQL_TEST(what_is_no_database_is_told_apart),
		SQL_TEST(pages_fit_their_medium),
		SQL_TEST(a_row_that_is_being_read_does_not_hold_up_a_write),
		SQL_TEST(nothing_may_be_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
