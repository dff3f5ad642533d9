#include "ports/tree.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <sys/stat.h>

static const int64_t MINE[2] = { -1, -1 }; /* chown leaves it */

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

static void assert_file(struct scratch *s, const char *path, const char *content)
{
	char *text;
	size_t len;
	assert_ok(file_read(scratch_at(s, path), 1024, &text, &len, NULL));
	assert_string_equal(text, content);
	free(text);
}

static void files_are_there_with_their_modes(void **state)
{
	struct scratch *s = *state;
	struct stat st;
	const struct tree_file files[] = { { "plain", BYTES_LIT("one"), 0644 },
					   { "deep/er/secret", BYTES_LIT("two"), 0400 } };
	assert_ok(tree_write(scratch_at(s, "v"), files, 2, MINE, NULL));
	assert_file(s, "v/plain", "one");
	assert_file(s, "v/deep/er/secret", "two");
	assert_int_equal(stat(scratch_at(s, "v/deep/er/secret"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(stat(scratch_at(s, "v/deep"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void another_set_takes_its_place_as_a_whole(void **state)
{
	struct scratch *s = *state;
	char before[512], after[512];
	const struct tree_file old[] = { { "a", BYTES_LIT("1"), 0644 },
					 { "gone", BYTES_LIT("x"), 0644 } };
	const struct tree_file new[] = { { "a", BYTES_LIT("2"), 0644 },
					 { "b", BYTES_LIT("3"), 0644 } };
	assert_ok(tree_write(scratch_at(s, "v"), old, 2, MINE, NULL));
	assert_ok(tree_current(scratch_at(s, "v"), before, sizeof before, NULL));
	assert_ok(tree_write(scratch_at(s, "v"), new, 2, MINE, NULL));
	assert_ok(tree_current(scratch_at(s, "v"), after, sizeof after, NULL));
	assert_string_not_equal(before, after);
	assert_false(file_exists(before));
	assert_file(s, "v/a", "2");
	assert_file(s, "v/b", "3");
	struct stat st;
	assert_int_equal(lstat(scratch_at(s, "v/gone"), &st), -1);
}

static void the_same_files_again_change_nothing(void **state)
{
	struct scratch *s = *state;
	struct stat before, after;
	const struct tree_file file = { "a", BYTES_LIT("1"), 0644 };
	assert_ok(tree_write(scratch_at(s, "v"), &file, 1, MINE, NULL));
	assert_int_equal(lstat(scratch_at(s, "v/..data"), &before), 0);
	assert_ok(tree_write(scratch_at(s, "v"), &file, 1, MINE, NULL));
	assert_int_equal(lstat(scratch_at(s, "v/..data"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void a_file_in_the_place_of_a_folder_is_an_error(void **state)
{
	struct scratch *s = *state;
	const struct tree_file files[] = { { "a", BYTES_LIT("1"), 0644 },
					   { "a/b", BYTES_LIT("2"), 0644 } };
	assert_err(ERR_SYSTEM, tree_write(scratch_at(s, "v"), files, 2, MINE, NULL));
}

static void what_was_never_written_is_not_found(void **state)
{
	char now[64];
	assert_err(ERR_NOT_FOUND, tree_current(scratch_at(*state, "no"), now, sizeof now, NULL));
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(files_are_there_with_their_modes),
		IN_SCRATCH(another_set_takes_its_place_as_a_whole),
		IN_SCRATCH(the_same_files_again_change_nothing),
		IN_SCRATCH(a_file_in_the_place_of_a_folder_is_an_error),
		IN_SCRATCH(what_was_never_written_is_not_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
