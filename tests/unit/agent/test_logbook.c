#include "agent/logbook.h"

#include "base/limits.h"
#include "base/text.h"
#include "ports/compress.h"
#include "ports/json.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"

#include <stdio.h>

enum { SEQ_END = 1 << 30, HEAD_LEN = 40 };

/* "2026-11-24T10:00:00.123456789Z stdout F " is HEAD_LEN bytes; the clock says so too. */
#define HEAD "2026-11-24T10:00:00.123456789Z stdout F "
static const int64_t HEAD_MS = 1795514400123;

struct fixture {
	struct scratch scratch;
	struct store *store;
	struct outbox outbox;
	struct site site;
	struct workload workload;
	char folder[256];
	char *file; /* what write_lines() puts together */
	size_t len;
	char text[MESSAGE_MAX];
};

static void open_outbox(struct fixture *f)
{
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	assert_ok(outbox_open(&f->outbox, f->store, 1024 * 1024, NULL));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	clock_fake_set_wall(1795514400000);
	scratch_make(&f->scratch);
	open_outbox(f);
	f->site.run_dir = f->scratch.folder;
	f->workload.site = &f->site;
	strcpy(f->workload.name, "cam/main");
	strcpy(f->workload.leaf, "cam.main");
	workload_folder(&f->workload, f->folder, sizeof f->folder);
	assert_ok(dir_make(f->folder, 0700, NULL));
	f->file = malloc(LOG_FILE_BYTES);
	assert_non_null(f->file);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	scratch_remove(&f->scratch);
	free(f->file);
	free(f);
	return 0;
}

/* --- the keeper's files --- */

static void put_file(struct fixture *f, int64_t base, const char *content, size_t len)
{
	char path[320];
	snprintf(path, sizeof path, "%s/log.%lld", f->folder, (long long)base);
	assert_ok(file_replace(path, (struct bytes){ content, len }, false, NULL));
}

static void drop_file(struct fixture *f, int64_t base)
{
	char path[320];
	snprintf(path, sizeof path, "%s/log.%lld", f->folder, (long long)base);
	assert_ok(dir_remove(path, NULL));
}

static void begin_file(struct fixture *f)
{
	f->len = 0;
}

static void add_text(struct fixture *f, const char *text)
{
	size_t n = strlen(text);
	assert_true(f->len + n <= LOG_FILE_BYTES);
	memcpy(f->file + f->len, text, n);
	f->len += n;
}

/* Lines "line FROM" to "line TO", each padded to `pad` bytes of text if that is more. */
static void add_lines(struct fixture *f, int from, int to, int pad)
{
	char line[2048];
	for (int i = from; i <= to; i++) {
		char text[16];
		snprintf(text, sizeof text, "line %d", i);
		snprintf(line, sizeof line, HEAD "%-*s\n", pad, text);
		add_text(f, line);
	}
}

static void end_file(struct fixture *f, int64_t base)
{
	put_file(f, base, f->file, f->len);
}

static void put_lines(struct fixture *f, int64_t base, int from, int to)
{
	begin_file(f);
	add_lines(f, from, to, 0);
	end_file(f, base);
}

/* --- what was stored --- */

static bool store_lines(struct fixture *f)
{
	bool more;
	struct why why = { "" };
	if (logbook_store(&f->outbox, &f->workload, &more, &why))
		fail_msg("%s", why.text);
	return more;
}

static size_t letters(struct fixture *f)
{
	struct store_total t;
	store_total(f->store, LETTER_LOG, &t);
	return (size_t)t.letters;
}

/* The lines of the newest letter; the caller frees the document. */
static struct json *newest(struct fixture *f)
{
	struct letter l;
	struct json *j;
	size_t len;
	assert_ok(store_next(f->store, LETTER_LOG, store_last_seq(f->store) - 1, SEQ_END, &l));
	assert_string_equal(l.stream, "cam");
	f->text[0] = '{';
	assert_ok(compress_unpack(l.body, f->text + 1, sizeof f->text - 2, &len));
	f->text[len + 1] = '}';
	assert_ok(json_parse((struct bytes){ f->text, len + 2 }, &j, NULL));
	assert_int_equal(json_count(json_member(j, "lines")), l.items);
	return j;
}

/* The texts of a list of lines, "a|b|c", each cut at its first two blanks in a row. */
static const char *texts_of(const struct json *list)
{
	static char text[32 * 1024];
	struct text t = text_in(text, sizeof text);
	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		const char *line = json_string(json_member(j, "l"));
		const char *end = strstr(line, "  ");
		int n = (int)(end ? end - line : (long)strlen(line));
		text_add(&t, "%s%.*s", t.len ? "|" : "", n, line);
	}
	assert_false(text_is_cut(&t));
	return text;
}

static void assert_newest(struct fixture *f, const char *expected)
{
	struct json *j = newest(f);
	assert_string_equal(texts_of(json_member(j, "lines")), expected);
	json_free(j);
}

static void assert_list(struct json *list, const char *expected)
{
	assert_string_equal(texts_of(list), expected);
	json_free(list);
}

/* --- storing --- */

static void new_lines_become_a_letter(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 3);
	assert_false(store_lines(f));
	assert_int_equal(letters(f), 1);
	assert_newest(f, "line 1|line 2|line 3");
}

static void a_line_says_when_who_and_where(void **state)
{
	struct fixture *f = *state;
	static const char file[] = "2026-11-24T10:00:00.123456789Z stderr F trouble \"here\"\\\n";
	int64_t t;
	put_file(f, 0, file, sizeof file - 1);
	store_lines(f);
	struct json *j = newest(f);
	const struct json *line = json_first(json_member(j, "lines"));
	assert_true(json_integer(json_member(line, "t"), &t));
	assert_true(t == HEAD_MS);
	assert_string_equal(json_string(json_member(line, "c")), "main");
	assert_string_equal(json_string(json_member(line, "s")), "err");
	assert_string_equal(json_string(json_member(line, "l")), "trouble \"here\"\\");
	json_free(j);
}

static void nothing_new_is_no_letter(void **state)
{
	struct fixture *f = *state;
	assert_false(store_lines(f));
	put_lines(f, 0, 1, 2);
	store_lines(f);
	assert_false(store_lines(f));
	assert_int_equal(letters(f), 1);
}

static void only_what_is_new_is_stored(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 2);
	store_lines(f);
	put_lines(f, 0, 1, 4);
	store_lines(f);
	assert_newest(f, "line 3|line 4");
}

static void a_restarted_agent_goes_on_where_it_was(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 2);
	store_lines(f);
	store_close(f->store);
	open_outbox(f);
	put_lines(f, 0, 1, 3);
	store_lines(f);
	assert_newest(f, "line 3");
}

static void what_was_not_committed_is_stored_again(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 2);
	assert_ok(store_begin(f->store, NULL));
	store_lines(f);
	store_rollback(f->store);
	assert_int_equal(letters(f), 0);
	store_lines(f);
	assert_newest(f, "line 1|line 2");
}

static void another_boot_begins_with_new_files(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 5);
	store_lines(f);
	clock_fake_set_boot("9f2c0000-0000-4000-8000-000000000002");
	put_lines(f, 0, 7, 8);
	store_lines(f);
	clock_fake_set_boot("9f2c0000-0000-4000-8000-000000000001");
	assert_newest(f, "line 7|line 8");
}

static void a_line_that_is_being_written_waits(void **state)
{
	struct fixture *f = *state;
	begin_file(f);
	add_lines(f, 1, 1, 0);
	add_text(f, HEAD "hal");
	end_file(f, 0);
	store_lines(f);
	assert_newest(f, "line 1");
	add_text(f, "f\n");
	end_file(f, 0);
	store_lines(f);
	assert_newest(f, "half");
}

static void a_line_that_is_none_is_passed_over(void **state)
{
	struct fixture *f = *state;
	begin_file(f);
	add_text(f, "\nno time at all\n" HEAD "good\nshort\n" HEAD "\n");
	end_file(f, 0);
	store_lines(f);
	assert_newest(f, "good|");
}

static void what_is_no_text_becomes_a_question_mark(void **state)
{
	struct fixture *f = *state;
	static const char file[] = HEAD "a\xff\x1b[1mb\0c\td\x7f\xc3\xa9\n";
	put_file(f, 0, file, sizeof file - 1);
	store_lines(f);
	assert_newest(f, "a??[1mb?c\td?\xc3\xa9");
}

/* --- rotation --- */

static void reading_goes_on_in_the_next_file(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 3);
	int64_t base = (int64_t)f->len;
	store_lines(f);
	put_lines(f, 0, 1, 4);
	base = (int64_t)f->len;
	put_lines(f, base, 5, 6);
	store_lines(f);
	assert_newest(f, "line 4|line 5|line 6");
}

static void files_that_were_read_are_not_missed(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 3);
	int64_t second = (int64_t)f->len;
	store_lines(f);
	put_lines(f, second, 4, 6);
	int64_t third = second + (int64_t)f->len;
	store_lines(f);
	put_lines(f, third, 7, 8);
	drop_file(f, 0);
	store_lines(f);
	assert_newest(f, "line 7|line 8");
}

static void what_rotation_took_is_said(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 2);
	int64_t at = (int64_t)f->len;
	store_lines(f);
	drop_file(f, 0);
	put_lines(f, at + 1000, 50, 50);
	put_lines(f, at + 1000 + (int64_t)f->len, 51, 51);
	store_lines(f);
	assert_newest(f, "(skerry: 1000 bytes of output were lost to rotation)|line 50|line 51");
}

static void a_gap_before_the_only_file_is_said_too(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 2);
	int64_t at = (int64_t)f->len;
	store_lines(f);
	drop_file(f, 0);
	put_lines(f, at + 77, 9, 9);
	store_lines(f);
	assert_newest(f, "(skerry: 77 bytes of output were lost to rotation)|line 9");
}

static void a_gap_is_said_once(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 500, 1, 1);
	store_lines(f);
	put_lines(f, 500, 1, 2);
	store_lines(f);
	assert_newest(f, "line 2");
}

static void the_half_line_of_an_older_file_holds_nothing_up(void **state)
{
	struct fixture *f = *state;
	begin_file(f);
	add_lines(f, 1, 1, 0);
	add_text(f, HEAD "torn");
	end_file(f, 0);
	int64_t base = (int64_t)f->len;
	put_lines(f, base, 2, 3);
	store_lines(f);
	assert_newest(f, "line 1|line 2|line 3");
}

/* --- limits --- */

static void more_than_a_letter_holds_is_carried_in_several(void **state)
{
	struct fixture *f = *state;
	size_t rounds = 1, lines = 0;
	begin_file(f);
	add_lines(f, 1, 200, 500);
	end_file(f, 0);
	for (; store_lines(f); rounds++)
		assert_in_range(rounds, 1, 100);
	assert_true(rounds > 2);
	struct letter l = { 0 };
	while (store_next(f->store, LETTER_LOG, l.seq, SEQ_END, &l) == OK)
		lines += l.items;
	assert_int_equal(lines, 200);
}

static void a_letter_has_at_most_a_thousand_lines(void **state)
{
	struct fixture *f = *state;
	begin_file(f);
	for (int i = 0; i < LOGBOOK_LINES_MAX + 500; i++)
		add_text(f, HEAD "\n");
	end_file(f, 0);
	assert_true(store_lines(f));
	struct json *j = newest(f);
	assert_in_range(json_count(json_member(j, "lines")), 1, LOGBOOK_LINES_MAX);
	json_free(j);
}

static void lines_of_nothing_but_quotes_still_fit_a_message(void **state)
{
	struct fixture *f = *state;
	static char line[HEAD_LEN + LOG_LINE_MAX + 1];
	begin_file(f);
	memset(line, '"', sizeof line);
	memcpy(line, HEAD, HEAD_LEN);
	line[sizeof line - 1] = '\n';
	for (int i = 0; i < 6; i++)
		memcpy(f->file + f->len, line, sizeof line), f->len += sizeof line;
	end_file(f, 0);
	size_t lines = 0;
	for (bool more = true; more;) {
		more = store_lines(f);
		struct json *j = newest(f);
		lines += json_count(json_member(j, "lines"));
		json_free(j);
		assert_in_range(lines, 1, 6);
	}
	assert_int_equal(lines, 6);
}

/* --- reading --- */

static void the_last_lines_are_oldest_first(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 9);
	assert_list(logbook_last(&f->workload, 3), "line 7|line 8|line 9");
	assert_list(logbook_last(&f->workload, 1), "line 9");
	assert_list(logbook_last(&f->workload, 0), "");
}

static void the_last_lines_reach_back_into_the_older_file(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 5);
	put_lines(f, (int64_t)f->len, 6, 7);
	assert_list(logbook_last(&f->workload, 4), "line 4|line 5|line 6|line 7");
	assert_list(logbook_last(&f->workload, 2), "line 6|line 7");
}

static void fewer_lines_than_asked_are_all(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 2);
	assert_list(logbook_last(&f->workload, 100), "line 1|line 2");
	put_lines(f, 5000, 3, 3);
	assert_list(logbook_last(&f->workload, 100), "line 1|line 2|line 3");
}

static void a_workload_that_printed_nothing_has_no_lines(void **state)
{
	struct fixture *f = *state;
	assert_list(logbook_last(&f->workload, 10), "");
	assert_int_equal(logbook_end(&f->workload), 0);
}

static void a_line_that_is_being_written_is_none_of_the_last(void **state)
{
	struct fixture *f = *state;
	begin_file(f);
	add_lines(f, 1, 3, 0);
	add_text(f, HEAD "par");
	end_file(f, 0);
	assert_list(logbook_last(&f->workload, 2), "line 2|line 3");
}

static void long_last_lines_are_still_the_last(void **state)
{
	struct fixture *f = *state;
	begin_file(f);
	add_lines(f, 1, 100, 1000);
	end_file(f, 0);
	struct json *list = logbook_last(&f->workload, 100);
	const struct json *last = NULL;
	for (const struct json *j = json_first(list); j; j = json_next(j))
		last = j;
	assert_non_null(last);
	assert_int_equal(strncmp(json_string(json_member(last, "l")), "line 100 ", 9), 0);
	json_free(list);
}

static void a_tail_follows_without_storing(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 3);
	int64_t at = logbook_end(&f->workload);
	assert_int_equal(at, f->len);
	put_lines(f, 0, 1, 5);
	assert_list(logbook_read(&f->workload, &at, 10), "line 4|line 5");
	assert_int_equal(at, f->len);
	assert_list(logbook_read(&f->workload, &at, 10), "");
	assert_int_equal(letters(f), 0);
	store_lines(f);
	assert_newest(f, "line 1|line 2|line 3|line 4|line 5");
}

static void a_tail_takes_no_more_lines_than_asked(void **state)
{
	struct fixture *f = *state;
	int64_t at = 0;
	put_lines(f, 0, 1, 5);
	assert_list(logbook_read(&f->workload, &at, 2), "line 1|line 2");
	assert_list(logbook_read(&f->workload, &at, 2), "line 3|line 4");
	assert_list(logbook_read(&f->workload, &at, 2), "line 5");
}

static void the_end_is_that_of_the_newest_file(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 5);
	int64_t base = (int64_t)f->len;
	put_lines(f, base, 6, 7);
	assert_int_equal(logbook_end(&f->workload), base + (int64_t)f->len);
}

static void a_forgotten_workload_begins_anew(void **state)
{
	struct fixture *f = *state;
	put_lines(f, 0, 1, 2);
	store_lines(f);
	logbook_forget(f->store, &f->workload);
	store_lines(f);
	assert_int_equal(letters(f), 2);
	assert_newest(f, "line 1|line 2");
}

static void workloads_are_carried_on_their_own(void **state)
{
	struct fixture *f = *state;
	struct workload other = f->workload;
	char folder[256];
	bool more;
	strcpy(other.name, "cam/side");
	strcpy(other.leaf, "cam.side");
	put_lines(f, 0, 1, 2);
	store_lines(f);
	workload_folder(&other, folder, sizeof folder);
	assert_ok(dir_make(folder, 0700, NULL));
	strcpy(f->folder, folder);
	put_lines(f, 0, 8, 9);
	assert_ok(logbook_store(&f->outbox, &other, &more, NULL));
	struct json *j = newest(f);
	assert_string_equal(json_string(json_member(json_first(json_member(j, "lines")), "c")),
			    "side");
	json_free(j);
	assert_newest(f, "line 8|line 9");
}

static void times_of_an_unset_clock_are_since_boot(void **state)
{
	struct fixture *f = *state;
	static const char file[] = "1970-01-01T00:00:05.000000000Z stdout F early\n";
	int64_t t;
	clock_fake_set_wall(7000);
	put_file(f, 0, file, sizeof file - 1);
	store_lines(f);
	struct json *j = newest(f);
	assert_true(json_integer(json_member(json_first(json_member(j, "lines")), "t"), &t));
	assert_true(t == clock_now_ms() - 2000);
	json_free(j);
}

int main(void)
{
#define LOGBOOK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LOGBOOK_TEST(new_lines_become_a_letter),
		LOGBOOK_TEST(a_line_says_when_who_and_where),
		LOGBOOK_TEST(nothing_new_is_no_letter),
		LOGBOOK_TEST(only_what_is_new_is_stored),
		LOGBOOK_TEST(a_restarted_agent_goes_on_where_it_was),
		LOGBOOK_TEST(what_was_not_committed_is_stored_again),
		LOGBOOK_TEST(another_boot_begins_with_new_files),
		LOGBOOK_TEST(a_line_that_is_being_written_waits),
		LOGBOOK_TEST(a_line_that_is_none_is_passed_over),
		LOGBOOK_TEST(what_is_no_text_becomes_a_question_mark),
		LOGBOOK_TEST(reading_goes_on_in_the_next_file),
		LOGBOOK_TEST(files_that_were_read_are_not_missed),
		LOGBOOK_TEST(what_rotation_took_is_said),
		LOGBOOK_TEST(a_gap_before_the_only_file_is_said_too),
		LOGBOOK_TEST(a_gap_is_said_once),
		LOGBOOK_TEST(the_half_line_of_an_older_file_holds_nothing_up),
		LOGBOOK_TEST(more_than_a_letter_holds_is_carried_in_several),
		LOGBOOK_TEST(a_letter_has_at_most_a_thousand_lines),
		LOGBOOK_TEST(lines_of_nothing_but_quotes_still_fit_a_message),
		LOGBOOK_TEST(the_last_lines_are_oldest_first),
		LOGBOOK_TEST(the_last_lines_reach_back_into_the_older_file),
		LOGBOOK_TEST(fewer_lines_than_asked_are_all),
		LOGBOOK_TEST(a_workload_that_printed_nothing_has_no_lines),
		LOGBOOK_TEST(a_line_that_is_being_written_is_none_of_the_last),
		LOGBOOK_TEST(long_last_lines_are_still_the_last),
		LOGBOOK_TEST(a_tail_follows_without_storing),
		LOGBOOK_TEST(a_tail_takes_no_more_lines_than_asked),
		LOGBOOK_TEST(the_end_is_that_of_the_newest_file),
		LOGBOOK_TEST(a_forgotten_workload_begins_anew),
		LOGBOOK_TEST(workloads_are_carried_on_their_own),
		LOGBOOK_TEST(times_of_an_unset_clock_are_since_boot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
