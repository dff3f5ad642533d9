#include "workloads/history.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

static int set_up(void **state)
{
	static struct scratch s;
	scratch_make(&s);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	scratch_remove(*state);
	return 0;
}

static void what_was_written_reads_back(void **state)
{
	const struct scratch *s = *state;
	const struct history h = {
		.restarts = 7,
		.instance = 9,
		.quick_exits = 3,
		.last = { .known = true,
			  .code = -1,
			  .signal = 9,
			  .oom = true,
			  .started_ms = 1000,
			  .ended_ms = 2500,
			  .message = "it was large" },
	};
	struct history got;
	assert_ok(history_write(s->folder, &h));
	assert_ok(history_read(s->folder, &got));
	assert_int_equal(got.restarts, 7);
	assert_int_equal(got.instance, 9);
	assert_int_equal(got.quick_exits, 3);
	assert_true(got.last.known && got.last.oom && !got.last.failed_start);
	assert_int_equal(got.last.code, -1);
	assert_int_equal(got.last.signal, 9);
	assert_int_equal(got.last.started_ms, 1000);
	assert_int_equal(got.last.ended_ms, 2500);
	assert_string_equal(got.last.message, "it was large");
}

static void without_a_last_end_none_is_known(void **state)
{
	const struct scratch *s = *state;
	const struct history h = { .restarts = 1 };
	struct history got;
	assert_ok(history_write(s->folder, &h));
	assert_ok(history_read(s->folder, &got));
	assert_int_equal(got.restarts, 1);
	assert_false(got.last.known);
}

static void a_folder_without_history_begins_anew(void **state)
{
	const struct scratch *s = *state;
	struct history got;
	assert_err(ERR_NOT_FOUND, history_read(s->folder, &got));
	assert_int_equal(got.restarts, 0);
	assert_false(got.last.known);
}

static void junk_is_no_history(void **state)
{
	struct scratch *s = *state;
	struct history got;
	static const char *const junk[] = { "", "restarts", "restarts x\n", "\n\n\n",
					    "last 1 2 3\n" };
	for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
		assert_ok(file_replace(scratch_at(s, "history"), bytes_of(junk[i]), false, NULL));
		assert_err(ERR_NOT_FOUND, history_read(s->folder, &got));
	}
}

static void half_an_end_is_no_end(void **state)
{
	struct scratch *s = *state;
	struct history got;
	assert_ok(file_replace(scratch_at(s, "history"),
			       bytes_of("restarts 2\ninstance 3\nquick-exits 0\nlast 1 0 0\n"),
			       false, NULL));
	assert_ok(history_read(s->folder, &got));
	assert_int_equal(got.restarts, 2);
	assert_false(got.last.known);
}

int main(void)
{
#define HISTORY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		HISTORY_TEST(what_was_written_reads_back),
		HISTORY_TEST(without_a_last_end_none_is_known),
		HISTORY_TEST(a_folder_without_history_begins_anew),
		HISTORY_TEST(junk_is_no_history),
		HISTORY_TEST(half_an_end_is_no_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
