/* With a file, and with a server where $SKERRY_TEST_POSTGRESQL has the address of one. */
#include "ports/sql.h"

#include "ports/clock.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>

struct fixture {
	struct scratch scratch;
	const char *server; /* NULL: a file */
	struct sql *sql;
	struct why why;
};

static void open_as(struct fixture *f, enum sql_use use)
{
	const char *where = f->server ? f->server : scratch_at(&f->scratch, "x.db");
	if (sql_connect(where, use, &f->sql, &f->why))
		fail_msg("%s", f->why.text);
}

static int set_up_with(void **state, const char *server)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	f->server = server;
	open_as(f, SQL_HUB);
	if (server)
		assert_ok(sql_run(f->sql, "DROP TABLE IF EXISTS t, u", NULL));
	assert_ok(sql_run(f->sql,
			  server ? "CREATE TABLE t(a BIGINT PRIMARY KEY, b TEXT, c BYTEA)"
				 : "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB)",
			  NULL));
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, NULL);
}

static int set_up_server(void **state)
{
	return set_up_with(state, getenv("SKERRY_TEST_POSTGRESQL"));
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

	q = prepare(f, "SELECT a AS \"A\", b, c, 1.5 FROM t ORDER BY a");
	assert_string_equal(sql_column_name(q, 0), "A");
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
	struct sql_query *q = prepare(f, "SELECT CAST(?1 AS INTEGER)");
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
	assert_int_not_equal(sql_run(f->sql, "CREATE TABLE t(a INTEGER)", &f->why), OK);
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
	assert_int_not_equal(sql_run(f->sql, "CREATE TABLE u(a INTEGER)", &f->why), OK);
	assert_int_equal(number(f, "SELECT a FROM t"), 7);
	sql_close(writer);
}

static void parameters_in_quotes_are_none(void **state)
{
	struct fixture *f = *state;
	struct sql_query *q = prepare(f, "SELECT 'it''s ?2', CAST(?1 AS TEXT)");
	sql_bind_text(q, 1, BYTES_LIT("x"));
	assert_ok(sql_step(q, NULL));
	assert_true(bytes_are(sql_bytes(q, 0), "it's ?2"));
	assert_true(bytes_are(sql_bytes(q, 1), "x"));
	sql_finish(q);
}

static void add_row(struct fixture *f, const char *a, struct bytes b)
{
	const struct bytes values[] = { bytes_of(a), b };
	sql_bulk_row(f->sql, values, 2);
}

static void many_rows_go_in_as_they_are(void **state)
{
	struct fixture *f = *state;
	static char large[200 * 1000];
	memset(large, '\\', sizeof large);
	assert_ok(sql_begin(f->sql, NULL));
	assert_ok(sql_bulk_begin(f->sql, "t", "a,b", NULL));
	add_row(f, "1", BYTES_LIT("a\tb\\N\r\n\\.\n"));
	add_row(f, "2", (struct bytes){ NULL, 0 });
	add_row(f, "3", BYTES_LIT(""));
	add_row(f, "4", BYTES_LIT("\\N"));
	add_row(f, "5", (struct bytes){ large, sizeof large });
	assert_ok(sql_bulk_end(f->sql, &f->why));
	assert_ok(sql_run(f->sql, "COMMIT", &f->why));
	assert_int_equal(number(f, "SELECT sum(a) FROM t"), 15);
	assert_int_equal(number(f, "SELECT a FROM t WHERE b IS NULL"), 2);
	assert_int_equal(number(f, "SELECT a FROM t WHERE b = ''"), 3);
	assert_int_equal(number(f, "SELECT length(b) FROM t WHERE a = 5"), sizeof large);
	struct sql_query *q = prepare(f, "SELECT b FROM t WHERE a IN (1, 4) ORDER BY a");
	assert_ok(sql_step(q, NULL));
	assert_true(bytes_are(sql_bytes(q, 0), "a\tb\\N\r\n\\.\n"));
	assert_ok(sql_step(q, NULL));
	assert_true(bytes_are(sql_bytes(q, 0), "\\N"));
	sql_finish(q);
}

static void a_row_that_does_not_fit_is_told_at_the_end(void **state)
{
	struct fixture *f = *state;
	assert_ok(sql_begin(f->sql, NULL));
	assert_ok(sql_bulk_begin(f->sql, "t", "a,b", NULL));
	add_row(f, "1", BYTES_LIT("one"));
	add_row(f, "1", BYTES_LIT("again"));
	add_row(f, "2", BYTES_LIT("two"));
	assert_err(ERR_CONFLICT, sql_bulk_end(f->sql, &f->why));
	assert_ok(sql_run(f->sql, "ROLLBACK", NULL));
	assert_int_equal(number(f, "SELECT count(*) FROM t"), 0);
	assert_ok(sql_bulk_begin(f->sql, "t", "a,b", NULL)); /* and nothing is left of it */
	add_row(f, "1", BYTES_LIT("one"));
	assert_ok(sql_bulk_end(f->sql, &f->why));
	assert_int_equal(number(f, "SELECT count(*) FROM t"), 1);
	assert_int_not_equal(sql_bulk_begin(f->sql, "none", "a,b", &f->why), OK);
}

static void its_clock_is_about_ours(void **state)
{
	struct fixture *f = *state;
	char statement[128];
	snprintf(statement, sizeof statement, "SELECT %s", sql_now(f->sql));
	const int64_t apart = number(f, statement) - clock_wall_ms();
	assert_true(apart > -60 * 1000 && apart < 60 * 1000); /* it is this machine's */
}

/* --- a server --- */

static void a_commit_after_a_failure_is_none(void **state)
{
	struct fixture *f = *state;
	assert_ok(sql_begin(f->sql, NULL));
	assert_ok(sql_run(f->sql, "INSERT INTO t(a) VALUES(1)", NULL));
	assert_err(ERR_CONFLICT, sql_run(f->sql, "INSERT INTO t(a) VALUES(1)", &f->why));
	assert_int_not_equal(sql_run(f->sql, "COMMIT", &f->why), OK);
	assert_int_equal(number(f, "SELECT count(*) FROM t"), 0);
}

static void a_value_that_the_server_does_not_take_is_invalid(void **state)
{
	struct fixture *f = *state;
	struct sql_query *q = prepare(f, "INSERT INTO t(a, b) VALUES(1, ?1)");
	sql_bind_text(q, 1, BYTES_LIT("\xff"));
	assert_err(ERR_INVALID, sql_execute(q, &f->why));
	sql_bind_text(q, 1, BYTES_LIT("a\0b"));
	assert_err(ERR_INVALID, sql_execute(q, &f->why));
	sql_bind_text(q, 1, BYTES_LIT("good"));
	assert_ok(sql_execute(q, &f->why));
	sql_finish(q);
}

static void a_connection_that_the_server_ends_is_lost(void **state)
{
	struct fixture *f = *state;
	struct sql *lost = f->sql;
	char statement[96];
	struct sql_query *q = prepare(f, "SELECT 1");
	snprintf(statement, sizeof statement, "SELECT pg_terminate_backend(%d)",
		 (int)number(f, "SELECT pg_backend_pid()"));
	open_as(f, SQL_HUB);
	assert_ok(sql_run(f->sql, statement, NULL));
	assert_false(sql_is_lost(lost) || sql_is_lost(f->sql));
	assert_err(ERR_OFFLINE, sql_execute(q, &f->why));
	assert_true(sql_is_lost(lost));
	assert_err(ERR_OFFLINE, sql_execute(q, &f->why));
	assert_err(ERR_OFFLINE, sql_run(lost, "SELECT 1", &f->why));
	assert_err(ERR_OFFLINE, sql_bulk_begin(lost, "t", "a,b", &f->why));
	sql_finish(q);
	sql_close(lost);
}

static void a_server_that_does_not_answer_in_time_is_lost(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_OFFLINE, sql_run(f->sql, "SELECT pg_sleep(60)", &f->why));
	assert_non_null(strstr(f->why.text, "in time"));
	assert_true(sql_is_lost(f->sql));
}

static void where_no_server_is_nobody_answers(void **state)
{
	struct fixture *f = *state;
	struct sql *s;
	assert_err(ERR_OFFLINE, sql_connect("postgresql://127.0.0.1:1/x", SQL_HUB, &s, &f->why));
	assert_err(ERR_INVALID,
		   sql_connect("postgresql://127.0.0.1/x?colour=red", SQL_HUB, &s, &f->why));
	assert_non_null(strstr(f->why.text, "colour"));
}

static void a_password_is_not_shown(void **state)
{
	char out[SQL_PLACE_SIZE];
	(void)state;
	sql_print_place("postgresql://u:p:@ss@h:5/d?password=x", out);
	assert_string_equal(out, "postgresql://u:***@h:5/d?");
	sql_print_place("postgresql://u@h/d", out);
	assert_string_equal(out, "postgresql://u@h/d");
	sql_print_place("postgresql:///d", out);
	assert_string_equal(out, "postgresql:///d");
	sql_print_place("/var/lib/a:b@c?.db", out);
	assert_string_equal(out, "/var/lib/a:b@c?.db");
}

/* --- a file --- */

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

static int run_with_server(void)
{
#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down)
	const struct CMUnitTest tests[] = {
		SERVER_TEST(values_go_in_and_come_out),
		SERVER_TEST(a_rewound_query_takes_new_parameters),
		SERVER_TEST(a_key_that_is_there_is_told_apart),
		SERVER_TEST(changes_are_counted),
		SERVER_TEST(a_wrong_statement_is_the_callers_fault),
		SERVER_TEST(a_transaction_is_whole_or_not_at_all),
		SERVER_TEST(a_reader_sees_and_never_writes),
		SERVER_TEST(a_row_that_is_being_read_does_not_hold_up_a_write),
		SERVER_TEST(parameters_in_quotes_are_none),
		SERVER_TEST(many_rows_go_in_as_they_are),
		SERVER_TEST(a_row_that_does_not_fit_is_told_at_the_end),
		SERVER_TEST(its_clock_is_about_ours),
		SERVER_TEST(a_commit_after_a_failure_is_none),
		SERVER_TEST(a_value_that_the_server_does_not_take_is_invalid),
		SERVER_TEST(a_connection_that_the_server_ends_is_lost),
		SERVER_TEST(a_server_that_does_not_answer_in_time_is_lost),
		SERVER_TEST(where_no_server_is_nobody_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
	if (getenv("SKERRY_TEST_POSTGRESQL"))
		return run_with_server();
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
		SQL_TEST(parameters_in_quotes_are_none),
		SQL_TEST(many_rows_go_in_as_they_are),
		SQL_TEST(a_row_that_does_not_fit_is_told_at_the_end),
		SQL_TEST(its_clock_is_about_ours),
		SQL_TEST(a_password_is_not_shown),
		SQL_TEST(nothing_may_be_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
