#include "cloud/hub/trail.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/cloud/rows.h"

#include <stdio.h>
#include <stdlib.h>

static const int64_t NOW = 1795533397000;
static const struct ledger_source drone = { "main", "drone-07" }, other = { "main", "drone-08" };

struct fixture {
	struct scratch scratch;
	struct ledger ledger;
	struct trail trail;
	struct text faults;
	char faults_at[1024];
	int rows;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	scratch_make(&f->scratch);
	assert_ok(ledger_open(&f->ledger, scratch_at(&f->scratch, "hub.db"), NULL));
	assert_ok(trail_open(&f->trail, &f->ledger, NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	ledger_rollback(&f->ledger);
	trail_close(&f->trail);
	ledger_close(&f->ledger);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

/* A document with these words is seen. */
static void see(struct fixture *f, const struct ledger_source *s, int generation, const char *more)
{
	char text[1024];
	struct desired d;
	snprintf(text, sizeof text,
		 "{\"apiVersion\":\"skerry.dev/v1\",\"kind\":\"DesiredState\",\"fleet\":\"main\","
		 "\"device\":\"%s\",\"epoch\":1,\"generation\":%d,%s\"workloads\":[]}",
		 s->device, generation, more);
	assert_ok(desired_open(bytes_of(text), s->fleet, s->device, &d, NULL));
	const struct trail_sight sight = { s, bytes_of(text), &d, true, NOW + generation };
	assert_ok(trail_add(&f->trail, &sight, NULL));
	desired_free(&d);
}

static void see_three(struct fixture *f)
{
	see(f, &drone, 1, "\"writer\":\"olga\",\"reason\":\"first\",");
	see(f, &drone, 2, "\"writer\":\"olga\",\"base\":1,");
	see(f, &other, 1, "");
	assert_ok(ledger_commit(&f->ledger, NULL));
}

static void on_row(void *owner, const struct trail_row *r, const char *fault)
{
	struct fixture *f = owner;
	f->rows += r != NULL;
	if (fault)
		text_add(&f->faults, "%lld: %s\n", r ? (long long)r->seq : 0, fault);
}

static const char *check(struct fixture *f)
{
	f->faults = text_in(f->faults_at, sizeof f->faults_at);
	f->rows = 0;
	assert_ok(trail_check(f->ledger.sql, on_row, f, NULL));
	return f->faults_at;
}

static void run(struct fixture *f, const char *statement)
{
	assert_ok(sql_run(f->ledger.sql, statement, NULL));
}

static void each_document_has_a_row_with_who_and_why(void **state)
{
	struct fixture *f = *state;
	see_three(f);
	assert_string_equal(rows_of(f->ledger.sql,
				    "SELECT seq, device, generation, base, writer, reason, kept,"
				    " length(document), at_ms FROM audit ORDER BY seq"),
			    "1|drone-07|1|0|olga|first|1|71|1795533397001\n"
			    "2|drone-07|2|1|olga||1|71|1795533397002\n"
			    "3|drone-08|1|0|||1|71|1795533397001");
	assert_string_equal(check(f), "");
	assert_int_equal(f->rows, 3);
}

static void what_comes_again_gets_no_second_row(void **state)
{
	struct fixture *f = *state;
	see_three(f);
	see_three(f);
	assert_string_equal(rows_of(f->ledger.sql, "SELECT count(*) FROM audit"), "3");
	/* Another of the same generation is another. */
	see(f, &drone, 2, "\"writer\":\"boris\",");
	assert_string_equal(rows_of(f->ledger.sql, "SELECT count(*) FROM audit"), "4");
}

static void each_clearing_has_a_row(void **state)
{
	struct fixture *f = *state;
	const struct trail_sight cleared = { &drone, { 0 }, NULL, true, NOW };
	see_three(f);
	assert_ok(trail_add(&f->trail, &cleared, NULL));
	assert_ok(trail_add(&f->trail, &cleared, NULL));
	assert_string_equal(
		rows_of(f->ledger.sql, "SELECT seq, generation FROM audit WHERE document = ''"),
		"4|0\n5|0");
	assert_string_equal(check(f), "");
}

static void what_was_rolled_back_left_no_gap(void **state)
{
	struct fixture *f = *state;
	see_three(f);
	see(f, &other, 2, "");
	ledger_rollback(&f->ledger);
	see(f, &other, 3, "");
	assert_ok(ledger_commit(&f->ledger, NULL));
	assert_string_equal(check(f), "");
	assert_int_equal(f->rows, 4);
}

static void a_changed_row_is_told(void **state)
{
	struct fixture *f = *state;
	see_three(f);
	run(f, "UPDATE audit SET writer = 'boris' WHERE seq = 2");
	assert_string_equal(check(f), "2: it was changed: its hash belongs to other words\n");
}

/* Who changes a row and knows how hashes are made must change all that follow. */
static void a_changed_row_with_a_fitting_hash_is_told_by_the_next(void **state)
{
	struct fixture *f = *state;
	char hash[DIGEST_SIZE], previous[DIGEST_SIZE], statement[256], document[DIGEST_SIZE];
	see_three(f);
	strcpy(previous, rows_of(f->ledger.sql, "SELECT previous FROM audit WHERE seq = 2"));
	strcpy(document, rows_of(f->ledger.sql, "SELECT document FROM audit WHERE seq = 2"));
	const struct trail_row r = { 2,  "main",   "drone-07", 1,       2,        1,   "boris",
				     "", document, true,       NOW + 2, previous, hash };
	trail_hash(&r, hash);
	snprintf(statement, sizeof statement,
		 "UPDATE audit SET writer = 'boris', hash = '%s' WHERE seq = 2", hash);
	run(f, statement);
	assert_string_equal(check(f), "3: it does not follow row 2: that one was changed\n");
}

static void a_removed_row_is_told(void **state)
{
	struct fixture *f = *state;
	see_three(f);
	run(f, "DELETE FROM audit WHERE seq = 2");
	assert_string_equal(check(f), "3: rows are missing before it: the one before is 1\n");
}

static void a_cut_end_is_told(void **state)
{
	struct fixture *f = *state;
	see_three(f);
	run(f, "DELETE FROM audit WHERE seq = 3");
	assert_string_equal(check(f), "0: the last row should be 3, and is 2\n");
	run(f, "DELETE FROM audit");
	assert_string_equal(check(f), "0: the last row should be 3, and is 0\n");
}

static void an_empty_one_is_whole(void **state)
{
	assert_string_equal(check(*state), "");
}

static void long_words_are_cut_between_characters(void **state)
{
	struct fixture *f = *state;
	char more[600];
	/* 63 bytes, and a character of two. */
	snprintf(more, sizeof more, "\"writer\":\"%063d\xc3\xa9\",\"reason\":\"%0300d\",", 0, 0);
	see(f, &drone, 1, more);
	assert_ok(ledger_commit(&f->ledger, NULL));
	assert_string_equal(
		rows_of(f->ledger.sql, "SELECT substr(writer, 63), length(reason) FROM audit"),
		"0?|200");
	assert_string_equal(check(f), "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_document_has_a_row_with_who_and_why),
		TEST(what_comes_again_gets_no_second_row),
		TEST(each_clearing_has_a_row),
		TEST(what_was_rolled_back_left_no_gap),
		TEST(a_changed_row_is_told),
		TEST(a_changed_row_with_a_fitting_hash_is_told_by_the_next),
		TEST(a_removed_row_is_told),
		TEST(a_cut_end_is_told),
		TEST(an_empty_one_is_whole),
		TEST(long_words_are_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
