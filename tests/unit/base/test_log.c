#include "base/log.h"

#include "tests/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* stderr goes through a pipe; what has come is read at once. */
struct fixture {
	int kept_stderr, read_end;
	char text[8192];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int ends[2];
	assert_non_null(f);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	f->kept_stderr = dup(STDERR_FILENO);
	f->read_end = ends[0];
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_INFO);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	dup2(f->kept_stderr, STDERR_FILENO);
	close(f->kept_stderr);
	close(f->read_end);
	unsetenv("JOURNAL_STREAM");
	free(f);
	return 0;
}

/* What was logged since the last call. */
static const char *logged(struct fixture *f)
{
	ssize_t n = read(f->read_end, f->text, sizeof f->text - 1);
	f->text[n > 0 ? n : 0] = '\0';
	return f->text;
}

static void a_line_has_a_time_and_its_level(void **state)
{
	struct fixture *f = *state;
	int year, month, day, hour, minute, second, us;
	char rest[64];
	log_warn("link down broker=%s", "h");
	assert_int_equal(sscanf(logged(f), "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ %63[^\n]", &year, &month,
				&day, &hour, &minute, &second, &us, rest),
			 8);
	assert_string_equal(rest, "warning: link down broker=h");
	assert_string_equal(strchr(f->text, '\n'), "\n");
}

static void every_level_has_its_word(void **state)
{
	struct fixture *f = *state;
	log_set_level(LOG_DEBUG);
	log_err("x");
	assert_non_null(strstr(logged(f), "Z error: x\n"));
	log_warn("x");
	assert_non_null(strstr(logged(f), "Z warning: x\n"));
	log_info("x");
	assert_non_null(strstr(logged(f), "Z info: x\n"));
	log_debug("x");
	assert_non_null(strstr(logged(f), "Z debug: x\n"));
}

static void under_journald_the_level_is_a_prefix(void **state)
{
	struct fixture *f = *state;
	setenv("JOURNAL_STREAM", "8:1234", 1);
	log_set_level(LOG_DEBUG);
	log_err("a");
	log_warn("b");
	log_info("c");
	log_debug("d");
	assert_string_equal(logged(f), "<3>a\n<4>b\n<6>c\n<7>d\n");
}

static void debug_is_off_by_default(void **state)
{
	struct fixture *f = *state;
	log_debug("nobody asked");
	assert_string_equal(logged(f), "");
	log_info("the story");
	assert_string_not_equal(logged(f), "");
}

static void lines_above_the_level_are_dropped(void **state)
{
	struct fixture *f = *state;
	for (enum log_level level = LOG_ERR; level <= LOG_DEBUG; level++) {
		log_set_level(level);
		for (enum log_level line = LOG_ERR; line <= LOG_DEBUG; line++) {
			log_line(line, "x");
			assert_int_equal(logged(f)[0] != '\0', line <= level);
		}
	}
}

static void one_event_stays_one_line(void **state)
{
	struct fixture *f = *state;
	setenv("JOURNAL_STREAM", "8:1234", 1);
	log_info("said %s", "a\nb\r\tc\x1b[31m\x7f!");
	assert_string_equal(logged(f), "<6>said a b  c [31m !\n");
	log_err("%s", "<3>forged\n<0>line");
	assert_string_equal(logged(f), "<3><3>forged <0>line\n");
}

static void other_letters_are_left_alone(void **state)
{
	struct fixture *f = *state;
	setenv("JOURNAL_STREAM", "8:1234", 1);
	log_info("caf\xc3\xa9 \xe2\x82\xac");
	assert_string_equal(logged(f), "<6>caf\xc3\xa9 \xe2\x82\xac\n");
}

static void a_long_line_is_cut_and_still_a_line(void **state)
{
	struct fixture *f = *state;
	char text[5000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int journald = 0; journald < 2; journald++) {
		if (journald)
			setenv("JOURNAL_STREAM", "8:1234", 1);
		log_info("%s", text);
		size_t n = strlen(logged(f));
		assert_in_range(n, 1000, 1024);
		assert_ptr_equal(strchr(f->text, '\n'), f->text + n - 1);
	}
}

static void lines_of_every_length_end_once(void **state)
{
	struct fixture *f = *state;
	char text[1100];
	for (size_t n = 950; n < sizeof text; n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		log_info("%s", text);
		size_t len = strlen(logged(f));
		assert_in_range(len, 950, 1024);
		assert_ptr_equal(strchr(f->text, '\n'), f->text + len - 1);
	}
}

static void an_empty_line_is_a_line(void **state)
{
	struct fixture *f = *state;
	setenv("JOURNAL_STREAM", "8:1234", 1);
	log_info("%s", "");
	assert_string_equal(logged(f), "<6>\n");
}

/* The agent goes on when nobody takes its words. */
static void a_full_pipe_does_no_harm(void **state)
{
	struct fixture *f = *state;
	char text[1000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < 200; i++)
		log_info("%s", text);
	while (logged(f)[0])
		;
	log_info("again");
	assert_non_null(strstr(logged(f), "info: again\n"));
}

int main(void)
{
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LOG_TEST(a_line_has_a_time_and_its_level),
		LOG_TEST(every_level_has_its_word),
		LOG_TEST(under_journald_the_level_is_a_prefix),
		LOG_TEST(debug_is_off_by_default),
		LOG_TEST(lines_above_the_level_are_dropped),
		LOG_TEST(one_event_stays_one_line),
		LOG_TEST(other_letters_are_left_alone),
		LOG_TEST(a_long_line_is_cut_and_still_a_line),
		LOG_TEST(lines_of_every_length_end_once),
		LOG_TEST(an_empty_line_is_a_line),
		LOG_TEST(a_full_pipe_does_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
