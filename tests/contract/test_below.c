#include "ports/below.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <sys/stat.h>
#include <unistd.h>

static int set_up(void **state)
{
	static struct scratch s;
	scratch_make(&s);
	assert_ok(dir_make(scratch_at(&s, "in"), 0755, NULL));
	assert_ok(dir_make(scratch_at(&s, "out"), 0755, NULL));
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	scratch_remove(*state);
	return 0;
}

static enum below_kind look(struct scratch *s, const char *path)
{
	enum below_kind kind = BELOW_OTHER;
	assert_ok(below_look(scratch_at(s, "in"), path, &kind, NULL));
	return kind;
}

static void what_is_there_is_told(void **state)
{
	struct scratch *s = *state;
	assert_int_equal(look(s, ""), BELOW_FOLDER);
	assert_int_equal(look(s, "no/thing"), BELOW_NOTHING);
	assert_ok(below_make_folder(scratch_at(s, "in"), "a/b", 0777, NULL));
	assert_int_equal(look(s, "a/b"), BELOW_FOLDER);
	assert_ok(below_make_file(scratch_at(s, "in"), "a/f", 0644, NULL));
	assert_int_equal(look(s, "a/f"), BELOW_FILE);
}

static void modes_are_as_asked_whatever_the_umask(void **state)
{
	struct scratch *s = *state;
	struct stat st;
	mode_t mask = umask(077);
	assert_ok(below_make_folder(scratch_at(s, "in"), "a", 0777, NULL));
	assert_ok(below_make_file(scratch_at(s, "in"), "f", 0644, NULL));
	umask(mask);
	assert_int_equal(stat(scratch_at(s, "in/a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0777);
	assert_int_equal(stat(scratch_at(s, "in/f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void what_is_there_already_stays(void **state)
{
	struct scratch *s = *state;
	assert_ok(file_replace(scratch_at(s, "in/f"), BYTES_LIT("kept"), false, NULL));
	assert_ok(below_make_file(scratch_at(s, "in"), "f", 0644, NULL));
	struct stat st;
	assert_int_equal(stat(scratch_at(s, "in/f"), &st), 0);
	assert_int_equal(st.st_size, 4);
}

/* CVE-2017-1002101, CVE-2021-25741: a link in a volume leads to the board's files. */
static void links_and_dots_lead_nowhere(void **state)
{
	struct scratch *s = *state;
	enum below_kind kind;
	const char *in = scratch_at(s, "in");
	assert_int_equal(symlink(scratch_at(s, "out"), scratch_at(s, "in/link")), 0);
	assert_int_equal(symlink("../out", scratch_at(s, "in/relative")), 0);
	assert_err(ERR_DENIED, below_look(in, "link", &kind, NULL));
	assert_err(ERR_DENIED, below_look(in, "../out", &kind, NULL));
	assert_err(ERR_DENIED, below_make_folder(in, "link/x", 0777, NULL));
	assert_err(ERR_DENIED, below_make_folder(in, "relative/x", 0777, NULL));
	assert_err(ERR_DENIED, below_make_file(in, "link/x", 0644, NULL));
	assert_false(file_exists(scratch_at(s, "out/x")));
}

static void a_file_on_the_way_is_no_folder(void **state)
{
	struct scratch *s = *state;
	assert_ok(below_make_file(scratch_at(s, "in"), "f", 0644, NULL));
	assert_err(ERR_DENIED, below_make_folder(scratch_at(s, "in"), "f/x", 0777, NULL));
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(what_is_there_is_told),
		IN_SCRATCH(modes_are_as_asked_whatever_the_umask),
		IN_SCRATCH(what_is_there_already_stays),
		IN_SCRATCH(links_and_dots_lead_nowhere),
		IN_SCRATCH(a_file_on_the_way_is_no_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
