#include "cloud/hub/ledger.h"

#include "ports/json.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/cloud/rows.h"
#include "tests/unit/sync/points.h"

#include <math.h>
#include <stdio.h>

struct fixture {
	struct scratch scratch;
	struct ledger ledger;
	struct why why;
};

static const struct ledger_source SOURCE = { "main", "drone-07" };

static void open_ledger(struct fixture *f)
{
	if (ledger_open(&f->ledger, scratch_at(&f->scratch, "hub.db"), &f->why))
		fail_msg("%s", f->why.text);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	open_ledger(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	ledger_rollback(&f->ledger);
	ledger_close(&f->ledger);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

/* As after kill -9: nothing is said to the ledger. */
static void reopen(struct fixture *f)
{
	ledger_close(&f->ledger);
	open_ledger(f);
}

static void commit(struct fixture *f)
{
	if (ledger_commit(&f->ledger, &f->why))
		fail_msg("%s", f->why.text);
}

/* What a test adds by itself is a letter, too. */
static void begin_any(struct fixture *f)
{
	static int64_t seq = 1000;
	const struct ledger_batch b = { SOURCE, "any", "telec", "k3", ++seq, 1000, false };
	assert_ok(ledger_batch_begin(&f->ledger, &b, &f->why));
}

static enum err end_any(struct fixture *f, enum err e)
{
	ledger_batch_end(&f->ledger, !e);
	return e;
}

/* A letter of one point. */
static enum err add_point(struct fixture *f, const struct ledger_source *s, const struct point *p,
			  int64_t time_ms)
{
	begin_any(f);
	return end_any(f, ledger_add_point(&f->ledger, s, p, time_ms, &f->why));
}

static void assert_rows(struct fixture *f, const char *statement, const char *expected)
{
	commit(f);
	assert_string_equal(rows_of(f->ledger.sql, statement), expected);
}

static struct ledger_batch batch(int64_t seq)
{
	return (struct ledger_batch){ SOURCE, "camera", "telec", "k3", seq, 1000, true };
}

static void add_points(struct fixture *f, size_t n)
{
	const struct point p = point_of("m", "f", value_float(1.5));
	for (size_t i = 0; i < n; i++)
		assert_ok(ledger_add_point(&f->ledger, &SOURCE, &p, (int64_t)i, &f->why));
}

static void put_batch(struct fixture *f, int64_t seq, size_t points)
{
	const struct ledger_batch b = batch(seq);
	assert_ok(ledger_batch_begin(&f->ledger, &b, &f->why));
	add_points(f, points);
	ledger_batch_end(&f->ledger, true);
}

static void the_tables_are_those_of_the_contract(void **state)
{
	struct fixture *f = *state;
	assert_rows(f, "SELECT ts_ms, fleet, device, measurement, tags, fields FROM point", "");
	assert_rows(f, "SELECT fleet, device, stream, buf, seq FROM batch", "");
	assert_rows(f, "SELECT fleet, device, online, session FROM device", "");
}

static void what_is_committed_is_there_after_reopening(void **state)
{
	struct fixture *f = *state;
	put_batch(f, 1, 2);
	commit(f);
	reopen(f);
	assert_rows(f, "SELECT fleet, device, stream, buf, seq, kind, hist, received_ms FROM batch",
		    "main|drone-07|camera|k3|1|telec|1|1000");
	assert_rows(f, "SELECT count(*) FROM point", "2");
}

static void what_is_not_committed_is_not(void **state)
{
	struct fixture *f = *state;
	put_batch(f, 1, 2);
	reopen(f);
	assert_rows(f, "SELECT count(*) FROM batch", "0");
	assert_rows(f, "SELECT count(*) FROM point", "0");
}

static void a_rollback_takes_all_back(void **state)
{
	struct fixture *f = *state;
	put_batch(f, 1, 2);
	ledger_rollback(&f->ledger);
	assert_rows(f, "SELECT count(*) FROM batch", "0");
	put_batch(f, 1, 1);
	commit(f);
	assert_rows(f, "SELECT count(*) FROM point", "1");
}

static void beginning_twice_and_committing_nothing_is_fine(void **state)
{
	struct fixture *f = *state;
	commit(f);
	assert_ok(ledger_begin(&f->ledger, &f->why));
	assert_ok(ledger_begin(&f->ledger, &f->why));
	commit(f);
	ledger_rollback(&f->ledger);
}

static void the_same_batch_is_there_once(void **state)
{
	struct fixture *f = *state;
	const struct ledger_batch again = batch(1);
	put_batch(f, 1, 2);
	assert_err(ERR_CONFLICT, ledger_batch_begin(&f->ledger, &again, &f->why));
	commit(f);
	put_batch(f, 1, 3);
	commit(f);
	assert_rows(f, "SELECT count(*) FROM batch", "1");
	assert_rows(f, "SELECT count(*) FROM point", "2");
}

static void every_part_of_the_name_counts(void **state)
{
	struct fixture *f = *state;
	struct ledger_batch others[] = { batch(1), batch(1), batch(1), batch(1), batch(2) };
	put_batch(f, 1, 0);
	others[0].source.fleet = "other";
	others[1].source.device = "drone-08";
	others[2].stream = "gps";
	others[3].buf = "x9";
	for (size_t i = 0; i < 5; i++) {
		assert_ok(ledger_batch_begin(&f->ledger, &others[i], &f->why));
		ledger_batch_end(&f->ledger, true);
	}
	assert_rows(f, "SELECT count(*) FROM batch", "6");
}

static void a_forgotten_batch_leaves_nothing_and_others_stay(void **state)
{
	struct fixture *f = *state;
	const struct ledger_batch bad = batch(2);
	put_batch(f, 1, 1);
	assert_ok(ledger_batch_begin(&f->ledger, &bad, &f->why));
	add_points(f, 3);
	ledger_batch_end(&f->ledger, false);
	put_batch(f, 3, 1);
	commit(f);
	assert_rows(f, "SELECT seq FROM batch ORDER BY seq", "1\n3");
	assert_rows(f, "SELECT count(*) FROM point", "2");
}

static void a_forgotten_batch_may_come_again(void **state)
{
	struct fixture *f = *state;
	const struct ledger_batch b = batch(1);
	assert_ok(ledger_batch_begin(&f->ledger, &b, &f->why));
	ledger_batch_end(&f->ledger, false);
	put_batch(f, 1, 1);
	assert_rows(f, "SELECT count(*) FROM batch", "1");
}

static void tags_and_fields_are_json(void **state)
{
	struct fixture *f = *state;
	struct point p = point_of("line", "sag", value_float(0.1));
	assert_ok(point_set_tag(&p, bytes_of("span"), bytes_of("4")));
	assert_ok(point_set_tag(&p, bytes_of("a\"b"), bytes_of("\\\n")));
	point_add_field(&p, "n", value_integer(INT64_MIN));
	point_add_field(&p, "on", value_boolean(true));
	point_add_field(&p, "off", value_boolean(false));
	point_add_field(&p, "s", value_string(bytes_of("say \"hi\"")));
	assert_ok(add_point(f, &SOURCE, &p, 1795514400123));
	assert_rows(f, "SELECT ts_ms, fleet, device, measurement FROM point",
		    "1795514400123|main|drone-07|line");
	assert_rows(f, "SELECT tags FROM point", "{\"a\\\"b\":\"\\\\\\n\",\"span\":\"4\"}");
	assert_rows(f, "SELECT fields FROM point",
		    "{\"sag\":0.1,\"n\":-9223372036854775808,\"on\":true,\"off\":false,"
		    "\"s\":\"say \\\"hi\\\"\"}");
}

static void a_point_without_tags_has_an_empty_object(void **state)
{
	struct fixture *f = *state;
	put_batch(f, 1, 1);
	assert_rows(f, "SELECT tags, fields FROM point", "{}|{\"f\":1.5}");
}

/* Kept in a form that reads as JSON, or refused as a whole. */
static void assert_json_or_refused(struct fixture *f, struct value v)
{
	struct point p = point_of("m", "f", v);
	enum err e = add_point(f, &SOURCE, &p, 1);
	if (e) {
		assert_err(ERR_INVALID, e);
		return;
	}
	struct json *j;
	commit(f);
	const char *fields = rows_of(f->ledger.sql, "SELECT fields FROM point ORDER BY rowid DESC "
						    "LIMIT 1");
	if (json_parse(bytes_of(fields), &j, &f->why))
		fail_msg("%s: %s", fields, f->why.text);
	json_free(j);
}

static void a_number_that_json_cannot_say_never_spoils_a_row(void **state)
{
	struct fixture *f = *state;
	assert_json_or_refused(f, value_float((double)NAN));
	assert_json_or_refused(f, value_float((double)INFINITY));
	assert_json_or_refused(f, value_float(-(double)INFINITY));
}

static void a_string_that_is_no_text_never_spoils_a_row(void **state)
{
	struct fixture *f = *state;
	assert_json_or_refused(f, value_string(BYTES_LIT("a\xff")));
}

static void a_string_with_a_nul_never_spoils_a_row(void **state)
{
	struct fixture *f = *state;
	struct point p = point_of("m", "f", value_string(BYTES_LIT("a\0b")));
	enum err e = add_point(f, &SOURCE, &p, 1);
	if (!e)
		assert_rows(f, "SELECT json_valid(fields) FROM point", "1");
}

static void a_point_that_is_too_large_is_refused(void **state)
{
	struct fixture *f = *state;
	static char text[POINT_STRING_MAX];
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEF";
	struct point p = { .measurement = bytes_of("m") };
	memset(text, '"', sizeof text);
	for (size_t i = 0; i < POINT_FIELDS_MAX; i++)
		p.fields[p.field_count++] =
			(struct point_field){ { letters + i, 1 },
					      value_string((struct bytes){ text, sizeof text }) };
	assert_err(ERR_INVALID, add_point(f, &SOURCE, &p, 1));
	assert_rows(f, "SELECT count(*) FROM point", "0");
}

static void events_and_lines_are_kept(void **state)
{
	struct fixture *f = *state;
	const struct ledger_event event = { 5, "Warning", "Failed", "cam/main", "exits", NULL };
	const struct ledger_event more = { 6, "Normal", "Started", "device", "", "{\"code\":3}" };
	const struct ledger_line line = { 7, "cam", "main", "err", "it's broken" };
	begin_any(f);
	assert_ok(ledger_add_event(&f->ledger, &SOURCE, &event, &f->why));
	assert_ok(end_any(f, ledger_add_event(&f->ledger, &SOURCE, &more, &f->why)));
	begin_any(f);
	assert_ok(end_any(f, ledger_add_line(&f->ledger, &SOURCE, &line, &f->why)));
	assert_rows(f, "SELECT * FROM event ORDER BY ts_ms",
		    "5|main|drone-07|Warning|Failed|cam/main|exits|-\n"
		    "6|main|drone-07|Normal|Started|device||{\"code\":3}");
	assert_rows(f, "SELECT * FROM log", "7|main|drone-07|cam|main|err|it's broken");
}

/* --- what becomes of them --- */

struct fates {
	char text[512];
	struct text t;
};

static void on_settled(void *owner, const struct letter_fate *fate)
{
	struct fates *all = owner;
	text_add(&all->t, "%lld:%s ", (long long)fate->letter->seq,
		 fate->bad              ? "bad"
		 : fate->letter->is_new ? "new"
					: "there");
}

static void listen(struct fixture *f, struct fates *all)
{
	all->t = text_in(all->text, sizeof all->text);
	f->ledger.letters.owner = all;
	f->ledger.letters.on_settled = on_settled;
}

static void each_letter_is_told_once_and_after_the_commit(void **state)
{
	struct fixture *f = *state;
	struct fates all;
	listen(f, &all);
	put_batch(f, 1, 1);
	put_batch(f, 2, 1);
	assert_string_equal(all.text, "");
	commit(f);
	assert_string_equal(all.text, "1:new 2:new ");
	put_batch(f, 2, 1);
	put_batch(f, 3, 1);
	commit(f);
	assert_string_equal(all.text, "1:new 2:new 2:there 3:new ");
	put_batch(f, 4, 1);
	ledger_rollback(&f->ledger);
	commit(f);
	assert_string_equal(all.text, "1:new 2:new 2:there 3:new ");
}

static void what_the_database_refuses_stops_no_other_letter(void **state)
{
	struct fixture *f = *state;
	struct fates all;
	assert_ok(sql_run(f->ledger.sql,
			  "CREATE TRIGGER no BEFORE INSERT ON point WHEN new.ts_ms = 6 BEGIN"
			  " SELECT RAISE(ABORT, 'not this one'); END",
			  NULL));
	listen(f, &all);
	for (int64_t seq = 1; seq <= 9; seq++)
		put_batch(f, seq, seq == 4 ? 7 : 2); /* times count from 0 */
	commit(f);
	assert_non_null(strstr(all.text, "4:bad "));
	for (int64_t seq = 1; seq <= 9; seq++) {
		char word[16];
		snprintf(word, sizeof word, "%lld:new ", (long long)seq);
		assert_true(seq == 4 || strstr(all.text, word));
	}
	assert_rows(f, "SELECT count(*), sum(seq) FROM batch", "8|41");
	assert_rows(f, "SELECT count(*) FROM point", "16");
}

static void tables_that_are_wrong_blame_no_letter(void **state)
{
	struct fixture *f = *state;
	struct fates all;
	listen(f, &all);
	assert_ok(sql_run(f->ledger.sql, "ALTER TABLE point RENAME TO other", NULL));
	put_batch(f, 1, 1);
	assert_err(ERR_SYSTEM, ledger_commit(&f->ledger, &f->why));
	assert_string_equal(all.text, "");
	assert_ok(sql_run(f->ledger.sql, "ALTER TABLE other RENAME TO point", NULL));
	put_batch(f, 1, 1);
	commit(f);
	assert_string_equal(all.text, "1:new ");
}

/* --- several hubs --- */

static bool take(struct fixture *f, const char *owner, int64_t ms)
{
	bool taken;
	assert_ok(ledger_take_lease(&f->ledger, "control", owner, ms, &taken, &f->why));
	return taken;
}

static void a_lease_is_of_one_until_it_ends(void **state)
{
	struct fixture *f = *state;
	assert_true(take(f, "one", 3600 * 1000));
	assert_false(take(f, "two", 3600 * 1000));
	assert_true(take(f, "one", 3600 * 1000));
	assert_ok(ledger_drop_lease(&f->ledger, "control", "two", &f->why));
	assert_false(take(f, "two", 3600 * 1000));
	assert_ok(ledger_drop_lease(&f->ledger, "control", "one", &f->why));
	assert_true(take(f, "two", -1));
	assert_true(take(f, "one", 3600 * 1000));
}

static void an_older_schema_becomes_the_newest(void **state)
{
	struct fixture *f = *state;
	put_batch(f, 1, 2);
	commit(f);
	assert_ok(sql_run(
		f->ledger.sql,
		"DROP TABLE lease; DROP TABLE audit; DROP TABLE audit_end; DROP TABLE rollout;"
		"UPDATE meta SET value = '1' WHERE key = 'schema'",
		NULL));
	reopen(f);
	assert_rows(f, "SELECT value FROM meta WHERE key = 'schema'", "4");
	assert_rows(f, "SELECT count(*) FROM point", "2");
	assert_true(take(f, "one", 1000));
}

/* --- devices --- */

static void set_presence(struct fixture *f, int64_t session, bool online, const char *why_left)
{
	const struct ledger_presence p = { online, session, 42,      1000 + session,
					   "9f2c", "0.1.0", why_left };
	assert_ok(ledger_set_presence(&f->ledger, &SOURCE, &p, &f->why));
}

static void presence_is_that_of_the_newest_session(void **state)
{
	struct fixture *f = *state;
	set_presence(f, 12, true, NULL);
	assert_rows(f, "SELECT online, session, boot, agent, generation, why, seen_ms FROM device",
		    "1|12|9f2c|0.1.0|42|-|1012");
	set_presence(f, 13, true, NULL);
	set_presence(f, 12, false, "lost"); /* a will that comes late */
	assert_rows(f, "SELECT online, session, why FROM device", "1|13|-");
	set_presence(f, 13, false, "lost");
	assert_rows(f, "SELECT online, session, why FROM device", "0|13|lost");
}

static void the_reported_state_is_kept_as_it_came(void **state)
{
	struct fixture *f = *state;
	assert_ok(ledger_set_state(&f->ledger, &SOURCE, BYTES_LIT("{ \"a\" : 1 }"), 5, &f->why));
	assert_ok(ledger_set_state(&f->ledger, &SOURCE, BYTES_LIT("{ \"a\" : 2 }"), 6, &f->why));
	assert_rows(f, "SELECT fleet, device, state, state_ms FROM device",
		    "main|drone-07|{ \"a\" : 2 }|6");
	set_presence(f, 1, true, NULL);
	assert_rows(f, "SELECT state, online FROM device", "{ \"a\" : 2 }|1");
}

static void set_desired(struct fixture *f, int64_t epoch, int64_t generation, const char *text)
{
	assert_ok(ledger_set_desired(&f->ledger, &SOURCE, bytes_of(text), epoch, generation,
				     &f->why));
}

static void assert_desired(struct fixture *f, int64_t epoch, int64_t generation, const char *text)
{
	struct bytes document;
	struct desired_id id;
	assert_ok(ledger_get_desired(&f->ledger, &SOURCE, &document, &id));
	assert_true(bytes_are(document, text));
	assert_int_equal(id.trust, 0);
	assert_int_equal(id.epoch, epoch);
	assert_int_equal(id.generation, generation);
}

static void only_a_newer_desired_state_is_kept(void **state)
{
	struct fixture *f = *state;
	set_desired(f, 1, 5, "one");
	set_desired(f, 1, 4, "older");
	set_desired(f, 1, 5, "same");
	set_desired(f, 0, 9, "earlier epoch");
	assert_desired(f, 1, 5, "one");
	set_desired(f, 1, 6, "two");
	assert_desired(f, 1, 6, "two");
	set_desired(f, 2, 0, "three");
	assert_desired(f, 2, 0, "three");
}

static void a_forgotten_desired_state_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct bytes document;
	struct desired_id id;
	assert_err(ERR_NOT_FOUND, ledger_get_desired(&f->ledger, &SOURCE, &document, &id));
	set_desired(f, 1, 5, "one");
	assert_ok(ledger_forget_desired(&f->ledger, &SOURCE, &f->why));
	assert_err(ERR_NOT_FOUND, ledger_get_desired(&f->ledger, &SOURCE, &document, &id));
	set_desired(f, 1, 1, "anew");
	assert_desired(f, 1, 1, "anew");
}

static void on_device(void *owner, const struct ledger_source *s)
{
	struct text *t = owner;
	text_add(t, "%s/%s ", s->fleet, s->device);
}

static void those_who_are_online_are_told(void **state)
{
	struct fixture *f = *state;
	char told[128];
	struct text t = text_in(told, sizeof told);
	const struct ledger_presence on = { .online = true, .session = 1 }, off = { .session = 1 };
	const struct ledger_source other = { "main", "drone-08" }, third = { "field", "drone-07" };
	assert_ok(ledger_set_presence(&f->ledger, &SOURCE, &on, &f->why));
	assert_ok(ledger_set_presence(&f->ledger, &other, &off, &f->why));
	assert_ok(ledger_set_presence(&f->ledger, &third, &on, &f->why));
	assert_ok(ledger_each_online(&f->ledger, on_device, &t, &f->why));
	assert_non_null(strstr(told, "main/drone-07 "));
	assert_non_null(strstr(told, "field/drone-07 "));
	assert_null(strstr(told, "drone-08"));
}

static void those_whose_desired_state_the_broker_lost_are_told(void **state)
{
	struct fixture *f = *state;
	char told[128];
	struct text t = text_in(told, sizeof told);
	set_presence(f, 1, true, NULL);
	assert_ok(ledger_each_unseen(&f->ledger, on_device, &t, &f->why));
	assert_string_equal(told, ""); /* nothing was ever desired of it */
	set_desired(f, 1, 1, "one");
	assert_ok(ledger_each_unseen(&f->ledger, on_device, &t, &f->why));
	assert_string_equal(told, "main/drone-07 ");
	assert_ok(ledger_mark_seen(&f->ledger, &SOURCE, &f->why));
	t = text_in(told, sizeof told);
	assert_ok(ledger_each_unseen(&f->ledger, on_device, &t, &f->why));
	assert_string_equal(told, "");
	assert_ok(ledger_mark_all_unseen(&f->ledger, &f->why));
	assert_ok(ledger_each_unseen(&f->ledger, on_device, &t, &f->why));
	assert_string_equal(told, "main/drone-07 ");
}

static void a_newer_schema_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_ok(
		sql_run(f->ledger.sql, "UPDATE meta SET value = '99' WHERE key = 'schema'", NULL));
	ledger_close(&f->ledger);
	assert_err(ERR_INVALID,
		   ledger_open(&f->ledger, scratch_at(&f->scratch, "hub.db"), &f->why));
	assert_non_null(strstr(f->why.text, "schema 99"));
}

static void what_is_no_database_is_refused(void **state)
{
	struct fixture *f = *state;
	const char *path = scratch_at(&f->scratch, "other.db");
	struct ledger l;
	static char text[4096];
	memset(text, 'x', sizeof text);
	assert_ok(file_replace(path, (struct bytes){ text, sizeof text }, false, NULL));
	assert_err(ERR_CORRUPT, ledger_open(&l, path, &f->why));
	assert_non_null(strstr(f->why.text, "other.db"));
	ledger_close(&l); /* half-built is fine */
}

static void hostile_names_are_only_names(void **state)
{
	struct fixture *f = *state;
	const struct ledger_source s = { "main", "x'); DROP TABLE point; --" };
	const struct point p = point_of("'", "f", value_float(1));
	assert_ok(add_point(f, &s, &p, 1));
	assert_rows(f, "SELECT device, measurement FROM point", "x'); DROP TABLE point; --|'");
}

int main(void)
{
#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(the_tables_are_those_of_the_contract),
		LEDGER_TEST(what_is_committed_is_there_after_reopening),
		LEDGER_TEST(what_is_not_committed_is_not),
		LEDGER_TEST(a_rollback_takes_all_back),
		LEDGER_TEST(beginning_twice_and_committing_nothing_is_fine),
		LEDGER_TEST(the_same_batch_is_there_once),
		LEDGER_TEST(every_part_of_the_name_counts),
		LEDGER_TEST(a_forgotten_batch_leaves_nothing_and_others_stay),
		LEDGER_TEST(a_forgotten_batch_may_come_again),
		LEDGER_TEST(tags_and_fields_are_json),
		LEDGER_TEST(a_point_without_tags_has_an_empty_object),
		LEDGER_TEST(a_number_that_json_cannot_say_never_spoils_a_row),
		LEDGER_TEST(a_string_that_is_no_text_never_spoils_a_row),
		LEDGER_TEST(a_string_with_a_nul_never_spoils_a_row),
		LEDGER_TEST(a_point_that_is_too_large_is_refused),
		LEDGER_TEST(events_and_lines_are_kept),
		LEDGER_TEST(each_letter_is_told_once_and_after_the_commit),
		LEDGER_TEST(what_the_database_refuses_stops_no_other_letter),
		LEDGER_TEST(tables_that_are_wrong_blame_no_letter),
		LEDGER_TEST(a_lease_is_of_one_until_it_ends),
		LEDGER_TEST(an_older_schema_becomes_the_newest),
		LEDGER_TEST(presence_is_that_of_the_newest_session),
		LEDGER_TEST(the_reported_state_is_kept_as_it_came),
		LEDGER_TEST(only_a_newer_desired_state_is_kept),
		LEDGER_TEST(a_forgotten_desired_state_is_not_there),
		LEDGER_TEST(those_who_are_online_are_told),
		LEDGER_TEST(those_whose_desired_state_the_broker_lost_are_told),
		LEDGER_TEST(a_newer_schema_is_refused),
		LEDGER_TEST(what_is_no_database_is_refused),
		LEDGER_TEST(hostile_names_are_only_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
