#include "cloud/hub/intake.h"

#include "ports/compress.h"
#include "sync/columns.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/cloud/rows.h"
#include "tests/unit/sync/clock_fake.h"
#include "tests/unit/sync/points.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAYLOAD_MAX = 64 * 1024 };
static const int64_t WALL_MS = 1795514400000;

struct fixture {
	struct scratch scratch;
	struct ledger ledger;
	struct intake intake;
	struct intake_receipt receipt;
	struct why why;
	char payload[PAYLOAD_MAX];
	size_t len;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	clock_fake_set_wall(WALL_MS);
	scratch_make(&f->scratch);
	assert_ok(ledger_open(&f->ledger, scratch_at(&f->scratch, "hub.db"), NULL));
	assert_ok(intake_open(&f->intake, &f->ledger, NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	intake_close(&f->intake);
	ledger_rollback(&f->ledger);
	ledger_close(&f->ledger);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void assert_rows(struct fixture *f, const char *statement, const char *expected)
{
	assert_ok(ledger_commit(&f->ledger, NULL));
	assert_string_equal(rows_of(f->ledger.sql, statement), expected);
}

static enum err take_bytes(struct fixture *f, const char *rest, struct bytes payload)
{
	char text[TOPIC_MAX + 1];
	struct topic t;
	topic_make(text, "main", "drone-07", rest);
	assert_ok(topic_parse(text, &t));
	f->why.text[0] = '\0';
	enum err e = intake_batch(&f->intake, &t, payload, &f->receipt, &f->why);
	if (e)
		assert_string_not_equal(f->why.text, "");
	return e;
}

static enum err take(struct fixture *f, const char *rest, const char *payload)
{
	return take_bytes(f, rest, bytes_of(payload));
}

/* Refused as a whole, with a reason that says `hint`, and nothing of it is left. */
static void assert_bad(struct fixture *f, const char *rest, const char *payload, const char *hint)
{
	enum err e = take(f, rest, payload);
	if (e != ERR_INVALID)
		fail_msg("%s gives %s", payload, err_name(e));
	if (!strstr(f->why.text, hint))
		fail_msg("the reason \"%s\" does not say \"%s\"", f->why.text, hint);
	assert_rows(f,
		    "SELECT (SELECT count(*) FROM batch) + (SELECT count(*) FROM point) +"
		    " (SELECT count(*) FROM event) + (SELECT count(*) FROM log)",
		    "0");
}

static void assert_receipt(const struct fixture *f, const char *buf, int64_t seq)
{
	assert_string_equal(f->receipt.buf, buf);
	assert_int_equal(f->receipt.seq, seq);
}

/* --- telec --- */

struct rows {
	const struct point *points;
	size_t at;
};

static void rewind_rows(void *owner)
{
	struct rows *r = owner;
	r->at = 0;
}

static void next_row(void *owner, int64_t *time, struct value *values)
{
	struct rows *r = owner;
	const struct point *p = &r->points[r->at++];
	*time = p->time_ms;
	for (size_t i = 0; i < p->field_count; i++)
		values[i] = p->fields[i].value;
}

/* One table of points with the key of the first. */
static struct bytes segment_of(struct fixture *f, const struct segment_head *head,
			       const struct point *points, size_t n)
{
	static unsigned char at[PAYLOAD_MAX], key_at[2 * POINT_KEY_MAX];
	struct columns_out o = { .at = at, .cap = sizeof at },
			   key = { .at = key_at, .cap = sizeof key_at };
	struct rows rows = { points, 0 };
	const struct columns_source source = { &rows, n, rewind_rows, next_row };
	columns_put_key(&key, &points[0]);
	columns_put_count(&o, 1);
	columns_put_table(&o, (struct bytes){ (const char *)key_at, key.len }, &source);
	f->len = segment_write(head, f->payload);
	size_t len;
	assert_ok(compress_pack((struct bytes){ (const char *)at, o.len }, f->payload + f->len,
				sizeof f->payload - f->len, &len));
	f->len += len;
	return (struct bytes){ f->payload, f->len };
}

static struct point point_at(int64_t time_ms, double n)
{
	struct point p = point_of("line", "sag", value_float(n));
	p.time_ms = time_ms;
	return p;
}

static void columns_become_points(void **state)
{
	struct fixture *f = *state;
	const struct segment_head head = { .buf = "k3", .seq = 7, .history = true };
	struct point points[] = { point_at(1000, 1.5), point_at(2000, 2.5) };
	assert_ok(point_set_tag(&points[0], bytes_of("span"), bytes_of("4")));
	assert_ok(take_bytes(f, "up/telec/camera", segment_of(f, &head, points, 2)));
	assert_receipt(f, "k3", 7);
	assert_rows(f, "SELECT * FROM point ORDER BY ts_ms",
		    "1000|main|drone-07|line|{\"span\":\"4\"}|{\"sag\":1.5}\n"
		    "2000|main|drone-07|line|{\"span\":\"4\"}|{\"sag\":2.5}");
	assert_rows(f, "SELECT * FROM batch", "main|drone-07|camera|k3|7|telec|1|1795514400000");
}

static void an_offset_is_added_to_all_times(void **state)
{
	struct fixture *f = *state;
	const struct segment_head head = {
		.buf = "k3", .seq = 7, .clock = SEGMENT_OFFSET, .clock_ms = 1795000000000
	};
	const struct point p = point_at(1000, 1);
	assert_ok(take_bytes(f, "up/telec/camera", segment_of(f, &head, &p, 1)));
	assert_rows(f, "SELECT ts_ms FROM point", "1795000001000");
}

static void a_clock_that_was_never_set_counts_back_from_now(void **state)
{
	struct fixture *f = *state;
	const struct segment_head head = {
		.buf = "k3", .seq = 7, .clock = SEGMENT_ARRIVAL, .clock_ms = 61000
	};
	const struct point p = point_at(1000, 1);
	assert_ok(take_bytes(f, "up/telec/camera", segment_of(f, &head, &p, 1)));
	assert_rows(f, "SELECT ts_ms FROM point", "1795514340000");
}

static void a_batch_that_comes_twice_adds_nothing(void **state)
{
	struct fixture *f = *state;
	const struct segment_head head = { .buf = "k3", .seq = 7 };
	const struct point p = point_at(1000, 1);
	struct bytes payload = segment_of(f, &head, &p, 1);
	assert_ok(take_bytes(f, "up/telec/camera", payload));
	assert_ok(take_bytes(f, "up/telec/camera", payload));
	assert_receipt(f, "k3", 7);
	assert_ok(ledger_commit(&f->ledger, NULL));
	assert_ok(take_bytes(f, "up/telec/camera", payload));
	assert_rows(f, "SELECT count(*) FROM point", "1");
	assert_rows(f, "SELECT count(*) FROM batch", "1");
}

static void broken_columns_leave_nothing_behind_and_others_stay(void **state)
{
	struct fixture *f = *state;
	const struct segment_head good = { .buf = "k3", .seq = 1 }, bad = { .buf = "k3", .seq = 2 };
	const struct point p = point_at(1000, 1);
	/* The first table is good, the second is cut. */
	static const char columns[] = "\x02\x01m\x00\x01\x01"
				      "f\x01\x01"
				      "\x00\x01"
				      "\x00\x01"
				      "\x01m\x00\x01\x01"
				      "f\x01\x05"
				      "\x00";
	size_t len;
	assert_ok(take_bytes(f, "up/telec/camera", segment_of(f, &good, &p, 1)));
	f->len = segment_write(&bad, f->payload);
	assert_ok(compress_pack((struct bytes){ columns, sizeof columns - 1 }, f->payload + f->len,
				1024, &len));
	assert_err(ERR_INVALID,
		   take_bytes(f, "up/telec/camera", (struct bytes){ f->payload, f->len + len }));
	assert_receipt(f, "k3", 2);
	assert_ok(ledger_commit(&f->ledger, NULL));
	assert_rows(f, "SELECT seq FROM batch", "1");
	assert_rows(f, "SELECT count(*) FROM point", "1");
}

static void what_does_not_unpack_is_refused_by_its_number(void **state)
{
	struct fixture *f = *state;
	const struct segment_head head = { .buf = "k3", .seq = 9 };
	f->len = segment_write(&head, f->payload);
	memcpy(f->payload + f->len, "no zlib", 7);
	assert_err(ERR_INVALID,
		   take_bytes(f, "up/telec/camera", (struct bytes){ f->payload, f->len + 7 }));
	assert_receipt(f, "k3", 9);
	assert_rows(f, "SELECT count(*) FROM batch", "0");
}

static void a_segment_that_unpacks_to_too_much_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct segment_head head = { .buf = "k3", .seq = 9 };
	char *zeroes = calloc(1, 2 * 1024 * 1024);
	size_t len;
	assert_non_null(zeroes);
	f->len = segment_write(&head, f->payload);
	assert_ok(compress_pack((struct bytes){ zeroes, 2 * 1024 * 1024 }, f->payload + f->len,
				sizeof f->payload - f->len, &len));
	free(zeroes);
	assert_err(ERR_INVALID,
		   take_bytes(f, "up/telec/camera", (struct bytes){ f->payload, f->len + len }));
	assert_receipt(f, "k3", 9);
}

static void a_segment_without_a_head_names_no_batch(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_INVALID, take(f, "up/telec/camera", ""));
	assert_int_equal(f->receipt.seq, 0);
	assert_err(ERR_INVALID, take(f, "up/telec/camera", "{\"buf\":\"k3\",\"seq\":1}"));
	assert_int_equal(f->receipt.seq, 0);
}

/* In a process of its own: the sanitizer ends it when the sum overflows. */
static void a_time_at_the_end_of_all_times_does_no_harm(void **state)
{
	struct fixture *f = *state;
	const struct segment_head head = {
		.buf = "k3", .seq = 7, .clock = SEGMENT_OFFSET, .clock_ms = 1
	};
	const struct point p = point_at(INT64_MAX, 1);
	struct bytes payload = segment_of(f, &head, &p, 1);
	pid_t pid = fork();
	if (pid == 0) {
		enum err e = take_bytes(f, "up/telec/camera", payload);
		_exit(e == OK || e == ERR_INVALID ? 0 : 1);
	}
	int status;
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- documents --- */

static void points_of_a_document_are_kept(void **state)
{
	struct fixture *f = *state;
	assert_ok(take(f, "up/tele/camera",
		       "{\"v\":1,\"dev\":\"drone-07\",\"buf\":\"k3f9\",\"seq\":1842,\"hist\":true,"
		       "\"pts\":[{\"t\":1732272000123,\"m\":\"batt\",\"g\":{\"cell\":\"1\"},"
		       "\"f\":{\"volt\":15.72,\"ok\":true,\"s\":\"x\"}},"
		       "{\"t\":1732272000124,\"m\":\"batt\",\"f\":{\"volt\":15}}]}"));
	assert_receipt(f, "k3f9", 1842);
	assert_rows(f, "SELECT * FROM point ORDER BY ts_ms",
		    "1732272000123|main|drone-07|batt|{\"cell\":\"1\"}|"
		    "{\"volt\":15.72,\"ok\":true,\"s\":\"x\"}\n"
		    "1732272000124|main|drone-07|batt|{}|{\"volt\":15}");
	assert_rows(f, "SELECT stream, kind, hist FROM batch", "camera|tele|1");
}

static void events_are_kept(void **state)
{
	struct fixture *f = *state;
	assert_ok(take(f, "up/event",
		       "{\"buf\":\"k3\",\"seq\":1,\"events\":[{\"t\":5,\"type\":\"Warning\","
		       "\"reason\":\"Failed\",\"object\":\"cam/main\",\"message\":\"exits\","
		       "\"more\":{\"code\":3}},{\"t\":6,\"reason\":\"Started\"}]}"));
	assert_rows(f, "SELECT * FROM event ORDER BY ts_ms",
		    "5|main|drone-07|Warning|Failed|cam/main|exits|{\"code\":3}\n"
		    "6|main|drone-07|Normal|Started|||-");
	assert_rows(f, "SELECT stream, kind, seq FROM batch", "event|event|1");
}

static void lines_are_kept(void **state)
{
	struct fixture *f = *state;
	assert_ok(take(f, "up/log/cam",
		       "{\"buf\":\"k3\",\"seq\":1,\"lines\":[{\"t\":5,\"c\":\"main\",\"s\":\"err\","
		       "\"l\":\"oops\"},{\"t\":6,\"l\":\"\"}]}"));
	assert_rows(f, "SELECT * FROM log ORDER BY ts_ms",
		    "5|main|drone-07|cam|main|err|oops\n"
		    "6|main|drone-07|cam||out|");
	assert_rows(f, "SELECT stream, kind FROM batch", "cam|log");
}

static void documents_have_clocks_too(void **state)
{
	struct fixture *f = *state;
	assert_ok(take(f, "up/event",
		       "{\"buf\":\"k3\",\"seq\":1,\"clock\":\"mono\",\"offset\":1000,"
		       "\"events\":[{\"t\":5,\"reason\":\"A\"}]}"));
	assert_ok(take(f, "up/event",
		       "{\"buf\":\"k3\",\"seq\":2,\"clock\":\"mono\",\"now\":1000,"
		       "\"events\":[{\"t\":400,\"reason\":\"B\"}]}"));
	assert_rows(f, "SELECT ts_ms FROM event ORDER BY ts_ms", "1005\n1795514399400");
}

static void a_document_that_comes_twice_adds_nothing(void **state)
{
	struct fixture *f = *state;
	const char *text = "{\"buf\":\"k3\",\"seq\":1,\"events\":[{\"t\":5,\"reason\":\"A\"}]}";
	assert_ok(take(f, "up/event", text));
	assert_ok(take(f, "up/event", text));
	assert_rows(f, "SELECT count(*) FROM event", "1");
}

static void what_is_no_json_names_no_batch(void **state)
{
	struct fixture *f = *state;
	assert_bad(f, "up/tele/camera", "", "JSON");
	assert_int_equal(f->receipt.seq, 0);
	assert_bad(f, "up/event", "{\"buf\":\"k3\",\"seq\":1,\"events\":[", "JSON");
	assert_int_equal(f->receipt.seq, 0);
	assert_bad(f, "up/log/cam", "[]", "buf");
	assert_int_equal(f->receipt.seq, 0);
}

static void a_document_without_a_name_names_no_batch(void **state)
{
	static const char *const heads[] = {
		"\"seq\":1",
		"\"buf\":\"\",\"seq\":1",
		"\"buf\":5,\"seq\":1",
		"\"buf\":\"k3\"",
		"\"buf\":\"k3\",\"seq\":0",
		"\"buf\":\"k3\",\"seq\":-5",
		"\"buf\":\"k3\",\"seq\":1.5",
		"\"buf\":\"abcdefghijklmnopqrstuvwxyz012345\",\"seq\":1",
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		char text[256];
		snprintf(text, sizeof text, "{%s,\"events\":[{\"t\":5,\"reason\":\"A\"}]}",
			 heads[i]);
		assert_bad(f, "up/event", text, "buf or seq");
		if (f->receipt.seq != 0)
			fail_msg("%s names batch %lld", heads[i], (long long)f->receipt.seq);
	}
}

static void one_bad_item_refuses_all_with_its_place(void **state)
{
#define GOOD_POINT "{\"t\":1,\"m\":\"a\",\"f\":{\"x\":1}}"
#define HEAD "{\"buf\":\"k3\",\"seq\":4,"
	struct fixture *f = *state;
	assert_bad(f, "up/tele/camera",
		   HEAD "\"pts\":[" GOOD_POINT "," GOOD_POINT ",{\"t\":1,\"m\":\"a\",\"f\":{}}]}",
		   "pts[2]: f is empty");
	assert_receipt(f, "k3", 4);
	assert_bad(f, "up/tele/camera", HEAD "\"pts\":[{\"m\":\"a\",\"f\":{\"x\":1}}]}", "pts[0]");
	assert_bad(f, "up/tele/camera", HEAD "\"pts\":[{\"t\":1,\"f\":{\"x\":1}}]}", "pts[0]");
	assert_bad(f, "up/tele/camera", HEAD "\"pts\":[{\"t\":1,\"m\":\"\",\"f\":{\"x\":1}}]}",
		   "pts[0]");
	assert_bad(f, "up/tele/camera", HEAD "\"pts\":[{\"t\":1,\"m\":\"a\",\"f\":{\"x\":null}}]}",
		   "pts[0]");
	assert_bad(f, "up/tele/camera",
		   HEAD "\"pts\":[{\"t\":1,\"m\":\"a\",\"g\":{\"x\":1},\"f\":{\"x\":1}}]}",
		   "pts[0]");
	assert_bad(f, "up/tele/camera", HEAD "\"pts\":[7]}", "pts[0]");
	assert_bad(f, "up/event", HEAD "\"events\":[{\"t\":1,\"reason\":\"A\"},{\"t\":1}]}",
		   "events[1]");
	assert_bad(f, "up/event", HEAD "\"events\":[{\"reason\":\"A\"}]}", "events[0]");
	assert_bad(f, "up/log/cam", HEAD "\"lines\":[{\"t\":1,\"l\":\"x\"},{\"l\":\"x\"}]}",
		   "lines[1]");
	assert_bad(f, "up/log/cam", HEAD "\"lines\":[{\"t\":1}]}", "lines[0]");
}

static void nothing_in_it_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_bad(f, "up/tele/camera", HEAD "\"pts\":[]}", "pts");
	assert_bad(f, "up/tele/camera", HEAD "\"events\":[]}", "pts");
	assert_bad(f, "up/event", HEAD "\"events\":[]}", "events");
	assert_bad(f, "up/log/cam", HEAD "\"events\":[]}", "lines");
}

static void too_many_tags_or_fields_are_refused(void **state)
{
	struct fixture *f = *state;
	char text[2048], list[1024];
	size_t n = 0;
	for (int i = 0; i <= POINT_FIELDS_MAX; i++)
		n += (size_t)snprintf(list + n, sizeof list - n, "%s\"f%d\":1", i ? "," : "", i);
	snprintf(text, sizeof text, HEAD "\"pts\":[{\"t\":1,\"m\":\"a\",\"f\":{%s}}]}", list);
	assert_bad(f, "up/tele/camera", text, "32 fields");
	n = 0;
	for (int i = 0; i <= POINT_TAGS_MAX; i++)
		n += (size_t)snprintf(list + n, sizeof list - n, "%s\"t%d\":\"v\"", i ? "," : "",
				      i);
	snprintf(text, sizeof text,
		 HEAD "\"pts\":[{\"t\":1,\"m\":\"a\",\"g\":{%s},\"f\":{\"x\":1}}]}", list);
	assert_bad(f, "up/tele/camera", text, "16");
}

static void a_bad_document_leaves_the_others_of_the_transaction(void **state)
{
	struct fixture *f = *state;
	assert_ok(take(f, "up/tele/camera", "{\"buf\":\"k3\",\"seq\":1,\"pts\":[" GOOD_POINT "]}"));
	assert_err(ERR_INVALID, take(f, "up/tele/camera",
				     "{\"buf\":\"k3\",\"seq\":2,\"pts\":[" GOOD_POINT ",7]}"));
	assert_ok(take(f, "up/tele/camera", "{\"buf\":\"k3\",\"seq\":3,\"pts\":[" GOOD_POINT "]}"));
	assert_ok(ledger_commit(&f->ledger, NULL));
	assert_rows(f, "SELECT seq FROM batch ORDER BY seq", "1\n3");
	assert_rows(f, "SELECT count(*) FROM point", "2");
}

static void a_number_beyond_all_numbers_never_spoils_a_row(void **state)
{
	struct fixture *f = *state;
	enum err e = take(f, "up/tele/camera",
			  HEAD "\"pts\":[{\"t\":1,\"m\":\"a\",\"f\":{\"x\":1e999}}]}");
	assert_true(e == OK || e == ERR_INVALID);
	assert_rows(f, "SELECT count(*) FROM point WHERE NOT json_valid(fields)", "0");
}

/* --- the ledger's trouble --- */

static void a_full_disk_is_not_the_batchs_fault(void **state)
{
	struct fixture *f = *state;
	char text[PAYLOAD_MAX], pragma[64];
	size_t n = (size_t)snprintf(text, sizeof text, "%s\"lines\":[", HEAD);
	for (int i = 0; i < 500; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s{\"t\":%d,\"l\":\"%080d\"}",
				      i ? "," : "", i, i);
	strcpy(text + n, "]}");
	snprintf(pragma, sizeof pragma, "PRAGMA max_page_count = %s",
		 rows_of(f->ledger.sql, "PRAGMA page_count"));
	assert_ok(sql_run(f->ledger.sql, pragma, NULL));
	assert_ok(take(f, "up/log/cam", text));
	assert_err(ERR_FULL, ledger_commit(&f->ledger, &f->why));
	assert_ok(sql_run(f->ledger.sql, "PRAGMA max_page_count = 100000", NULL));
	assert_ok(take(f, "up/log/cam", text));
	assert_rows(f, "SELECT count(*) FROM log", "500");
}

int main(void)
{
#define INTAKE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		INTAKE_TEST(columns_become_points),
		INTAKE_TEST(an_offset_is_added_to_all_times),
		INTAKE_TEST(a_clock_that_was_never_set_counts_back_from_now),
		INTAKE_TEST(a_batch_that_comes_twice_adds_nothing),
		INTAKE_TEST(broken_columns_leave_nothing_behind_and_others_stay),
		INTAKE_TEST(what_does_not_unpack_is_refused_by_its_number),
		INTAKE_TEST(a_segment_that_unpacks_to_too_much_is_refused),
		INTAKE_TEST(a_segment_without_a_head_names_no_batch),
		INTAKE_TEST(a_time_at_the_end_of_all_times_does_no_harm),
		INTAKE_TEST(points_of_a_document_are_kept),
		INTAKE_TEST(events_are_kept),
		INTAKE_TEST(lines_are_kept),
		INTAKE_TEST(documents_have_clocks_too),
		INTAKE_TEST(a_document_that_comes_twice_adds_nothing),
		INTAKE_TEST(what_is_no_json_names_no_batch),
		INTAKE_TEST(a_document_without_a_name_names_no_batch),
		INTAKE_TEST(one_bad_item_refuses_all_with_its_place),
		INTAKE_TEST(nothing_in_it_is_refused),
		INTAKE_TEST(too_many_tags_or_fields_are_refused),
		INTAKE_TEST(a_bad_document_leaves_the_others_of_the_transaction),
		INTAKE_TEST(a_number_beyond_all_numbers_never_spoils_a_row),
		INTAKE_TEST(a_full_disk_is_not_the_batchs_fault),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
