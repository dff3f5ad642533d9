#include "ports/file.h"

#include "base/limits.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	struct scratch scratch;
	struct why why;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static const char *at(struct fixture *f, const char *name)
{
	return scratch_at(&f->scratch, name);
}

static void put(struct fixture *f, const char *name, const char *content)
{
	assert_ok(file_replace(at(f, name), bytes_of(content), false, &f->why));
}

static void assert_content(struct fixture *f, const char *name, const char *expected)
{
	char *content;
	size_t len;
	assert_ok(file_read(at(f, name), 1024 * 1024, &content, &len, &f->why));
	assert_string_equal(content, expected);
	assert_int_equal(len, strlen(expected));
	free(content);
}

static void folder(struct fixture *f, const char *name)
{
	assert_ok(dir_make(at(f, name), 0700, &f->why));
}

/* --- reading --- */

static void a_file_is_read_whole_with_a_nul_behind(void **state)
{
	struct fixture *f = *state;
	char *content;
	size_t len;
	assert_ok(file_replace(at(f, "a"), BYTES_LIT("one\0two"), false, NULL));
	assert_ok(file_read(at(f, "a"), 100, &content, &len, NULL));
	assert_int_equal(len, 7);
	assert_memory_equal(content, "one\0two", 8);
	free(content);
}

static void an_empty_file_is_read_too(void **state)
{
	struct fixture *f = *state;
	put(f, "a", "");
	assert_content(f, "a", "");
}

static void one_byte_more_than_allowed_is_refused(void **state)
{
	struct fixture *f = *state;
	char *content = NULL;
	size_t len;
	put(f, "a", "0123456789");
	assert_ok(file_read(at(f, "a"), 10, &content, &len, NULL));
	free(content);
	content = NULL;
	assert_err(ERR_FULL, file_read(at(f, "a"), 9, &content, &len, &f->why));
	assert_null(content);
	assert_non_null(strstr(f->why.text, "/a"));
}

static void files_without_a_size_are_read(void **state)
{
	char *content;
	size_t len;
	(void)state;
	assert_ok(file_read("/proc/self/status", 64 * 1024, &content, &len, NULL));
	assert_non_null(strstr(content, "Pid:"));
	free(content);
}

static void what_is_not_there_is_told_apart(void **state)
{
	struct fixture *f = *state;
	char *content;
	size_t len;
	assert_err(ERR_NOT_FOUND, file_read(at(f, "none"), 10, &content, &len, &f->why));
	assert_non_null(strstr(f->why.text, "/none"));
	assert_err(ERR_SYSTEM, file_read(f->scratch.folder, 10, &content, &len, &f->why));
	assert_false(file_exists(at(f, "none")));
	assert_true(file_exists(f->scratch.folder));
}

/* --- replacing --- */

static void new_content_takes_the_place_of_the_old(void **state)
{
	struct fixture *f = *state;
	put(f, "a", "a long old content");
	put(f, "a", "new");
	assert_content(f, "a", "new");
	assert_ok(file_replace(at(f, "a"), BYTES_LIT("durable"), true, NULL));
	assert_content(f, "a", "durable");
}

static void whoever_reads_the_old_file_still_sees_all_of_it(void **state)
{
	struct fixture *f = *state;
	char text[16] = "";
	put(f, "a", "old");
	int fd = open(at(f, "a"), O_RDONLY | O_CLOEXEC);
	put(f, "a", "new and longer");
	assert_int_equal(read(fd, text, sizeof text - 1), 3);
	assert_string_equal(text, "old");
	close(fd);
}

/* A reader beside a writer: the old or the new, never half. */
static void readers_see_the_old_or_the_new(void **state)
{
	enum { SIZE = 64 * 1024, ROUNDS = 300 };
	struct fixture *f = *state;
	static char a[SIZE + 1], b[SIZE / 2 + 1];
	memset(a, 'a', SIZE);
	memset(b, 'b', SIZE / 2);
	put(f, "a", a);
	pid_t pid = fork();
	if (pid == 0)
		for (int i = 0;; i++)
			if (file_replace(at(f, "a"), bytes_of(i % 2 ? a : b), false, NULL))
				_exit(1);
	for (int i = 0; i < ROUNDS; i++) {
		char *content;
		size_t len;
		assert_ok(file_read(at(f, "a"), SIZE, &content, &len, NULL));
		bool whole = len == SIZE ? memcmp(content, a, SIZE) == 0
					 : len == SIZE / 2 && memcmp(content, b, SIZE / 2) == 0;
		free(content);
		if (!whole)
			fail_msg("round %d: %zu bytes", i, len);
	}
	kill(pid, SIGKILL);
	assert_true(waitpid(pid, NULL, 0) == pid);
}

static void a_link_is_replaced_not_followed(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	put(f, "target", "target");
	assert_int_equal(symlink("target", at(f, "a")), 0);
	put(f, "a", "new");
	assert_content(f, "target", "target");
	assert_int_equal(lstat(at(f, "a"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void a_link_at_the_place_of_the_new_file_is_not_followed(void **state)
{
	struct fixture *f = *state;
	put(f, "target", "target");
	assert_int_equal(symlink("target", at(f, "a.new")), 0);
	assert_int_not_equal(file_replace(at(f, "a"), BYTES_LIT("x"), false, &f->why), OK);
	assert_content(f, "target", "target");
}

static void what_was_left_half_written_is_in_nobodys_way(void **state)
{
	struct fixture *f = *state;
	put(f, "a.new", "what a power cut left, longer than the new");
	put(f, "a", "new");
	assert_content(f, "a", "new");
	assert_false(file_exists(at(f, "a.new")));
}

static void a_failed_replacement_leaves_the_old_and_no_rest(void **state)
{
	struct fixture *f = *state;
	folder(f, "a/b");
	assert_int_not_equal(file_replace(at(f, "a"), BYTES_LIT("x"), false, &f->why), OK);
	assert_false(file_exists(at(f, "a.new")));
	assert_true(file_exists(at(f, "a/b")));
	assert_err(ERR_NOT_FOUND, file_replace(at(f, "no/file"), BYTES_LIT("x"), false, &f->why));
	assert_non_null(strstr(f->why.text, "no/file"));
}

static void only_we_may_read_it(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	put(f, "a", "secret");
	assert_int_equal(stat(at(f, "a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* --- folders --- */

static void missing_folders_above_are_made(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	assert_ok(dir_make(at(f, "a/b/c"), 0700, NULL));
	assert_int_equal(stat(at(f, "a/b/c"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_ok(dir_make(at(f, "a/b/c"), 0700, NULL));
	assert_ok(dir_make("/", 0700, NULL));
}

static void a_file_in_the_way_is_told(void **state)
{
	struct fixture *f = *state;
	put(f, "a", "file");
	assert_int_not_equal(dir_make(at(f, "a"), 0700, &f->why), OK);
	assert_int_not_equal(dir_make(at(f, "a/b"), 0700, &f->why), OK);
	assert_content(f, "a", "file");
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	char path[PATH_LIMIT + 8];
	struct fixture *f = *state;
	memset(path, '/', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	assert_err(ERR_INVALID, dir_make(path, 0700, &f->why));
	memset(path, 'x', sizeof path - 1);
	assert_err(ERR_INVALID, file_replace(path, BYTES_LIT(""), false, &f->why));
}

static void a_folder_goes_with_all_in_it(void **state)
{
	struct fixture *f = *state;
	folder(f, "a/b/c");
	put(f, "a/file", "x");
	put(f, "a/b/c/.hidden", "x");
	assert_int_equal(chmod(at(f, "a/b"), 0), 0);
	assert_ok(dir_remove(at(f, "a"), &f->why));
	assert_false(file_exists(at(f, "a")));
}

static void a_file_and_nothing_can_be_removed(void **state)
{
	struct fixture *f = *state;
	put(f, "a", "x");
	assert_ok(dir_remove(at(f, "a"), NULL));
	assert_false(file_exists(at(f, "a")));
	assert_ok(dir_remove(at(f, "a"), NULL));
	assert_ok(dir_remove(at(f, "no/such/thing"), NULL));
}

static void removing_never_follows_a_link(void **state)
{
	struct fixture *f = *state;
	folder(f, "precious");
	put(f, "precious/file", "x");
	folder(f, "a/sub");
	assert_int_equal(symlink("../precious", at(f, "a/link")), 0);
	assert_int_equal(symlink("../../precious", at(f, "a/sub/link")), 0);
	assert_int_equal(symlink("/", at(f, "a/sub/root")), 0);
	assert_int_equal(symlink("a", at(f, "link-to-a")), 0);
	assert_ok(dir_remove(at(f, "link-to-a"), NULL));
	assert_true(file_exists(at(f, "a/sub")));
	assert_ok(dir_remove(at(f, "a"), NULL));
	assert_false(file_exists(at(f, "a")));
	assert_content(f, "precious/file", "x");
}

static void what_is_too_deep_is_told_not_endless(void **state)
{
	struct fixture *f = *state;
	char path[512];
	int n = snprintf(path, sizeof path, "%s", f->scratch.folder);
	for (int i = 0; i < 80; i++) {
		n += snprintf(path + n, sizeof path - (size_t)n, "/d");
		assert_int_equal(mkdir(path, 0700), 0);
	}
	assert_int_not_equal(dir_remove(at(f, "d"), &f->why), OK);
	assert_string_not_equal(f->why.text, "");
	/* From the middle on it is shallow enough. */
	path[strlen(f->scratch.folder) + 2 * 40] = '\0';
	assert_ok(dir_remove(path, NULL));
}

struct names {
	char text[256];
	size_t count;
};

static void on_name(void *owner, const char *name)
{
	struct names *n = owner;
	n->count++;
	strcat(n->text, name);
	strcat(n->text, " ");
}

static void every_entry_is_told(void **state)
{
	struct fixture *f = *state;
	struct names n = { "", 0 };
	put(f, "file", "x");
	put(f, ".hidden", "x");
	folder(f, "sub");
	assert_ok(dir_each(f->scratch.folder, on_name, &n, NULL));
	assert_int_equal(n.count, 3);
	assert_non_null(strstr(n.text, "file "));
	assert_non_null(strstr(n.text, ".hidden "));
	assert_non_null(strstr(n.text, "sub "));
}

static void nothing_there_is_an_empty_folder(void **state)
{
	struct fixture *f = *state;
	struct names n = { "", 0 };
	assert_ok(dir_each(at(f, "none"), on_name, &n, NULL));
	assert_int_equal(n.count, 0);
	put(f, "file", "x");
	assert_int_not_equal(dir_each(at(f, "file"), on_name, &n, &f->why), OK);
}

static void a_file_system_says_its_space(void **state)
{
	struct fixture *f = *state;
	int64_t free_bytes, total;
	assert_ok(dir_space(f->scratch.folder, &free_bytes, &total, NULL));
	assert_true(total > 0 && free_bytes >= 0 && free_bytes <= total);
	assert_err(ERR_NOT_FOUND, dir_space(at(f, "none"), &free_bytes, &total, &f->why));
}

int main(void)
{
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		FILE_TEST(a_file_is_read_whole_with_a_nul_behind),
		FILE_TEST(an_empty_file_is_read_too),
		FILE_TEST(one_byte_more_than_allowed_is_refused),
		FILE_TEST(files_without_a_size_are_read),
		FILE_TEST(what_is_not_there_is_told_apart),
		FILE_TEST(new_content_takes_the_place_of_the_old),
		FILE_TEST(whoever_reads_the_old_file_still_sees_all_of_it),
		FILE_TEST(readers_see_the_old_or_the_new),
		FILE_TEST(a_link_is_replaced_not_followed),
		FILE_TEST(a_link_at_the_place_of_the_new_file_is_not_followed),
		FILE_TEST(what_was_left_half_written_is_in_nobodys_way),
		FILE_TEST(a_failed_replacement_leaves_the_old_and_no_rest),
		FILE_TEST(only_we_may_read_it),
		FILE_TEST(missing_folders_above_are_made),
		FILE_TEST(a_file_in_the_way_is_told),
		FILE_TEST(a_path_that_is_too_long_is_refused),
		FILE_TEST(a_folder_goes_with_all_in_it),
		FILE_TEST(a_file_and_nothing_can_be_removed),
		FILE_TEST(removing_never_follows_a_link),
		FILE_TEST(what_is_too_deep_is_told_not_endless),
		FILE_TEST(every_entry_is_told),
		FILE_TEST(nothing_there_is_an_empty_folder),
		FILE_TEST(a_file_system_says_its_space),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
