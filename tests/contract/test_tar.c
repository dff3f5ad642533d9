#include "ports/tar.h"

#include "base/scoped.h"
#include "ports/digest.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <fcntl.h>

struct fixture {
	struct scratch scratch;
	struct why why;
};

enum { MAX = 1024 * 1024 };

static const char CONTENT[] = "what is in the file";

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

static const char *write_tar(struct fixture *f, const char *name)
{
	const struct tar_entry entry = {
		.path = "file", .link = "", .mode = 0644, .size = sizeof CONTENT - 1
	};
	const char *path = scratch_at(&f->scratch, name);
	struct tar_writer *w;
	assert_ok(tar_write(path, &w, &f->why));
	assert_ok(tar_add(w, &entry, &f->why));
	assert_ok(tar_add_content(w, bytes_of(CONTENT), &f->why));
	assert_ok(tar_finish(w, &f->why));
	return path;
}

static void append(const char *path, struct bytes more)
{
	SCOPED_FD fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, more.at, more.len), more.len);
}

static void digest_file(const char *path, char out[DIGEST_SIZE])
{
	SCOPED_MEMORY char *content = NULL;
	size_t len;
	assert_ok(file_read(path, 1024 * 1024, &content, &len, NULL));
	digest_of((struct bytes){ content, len }, out);
}

/* Skips the content of every entry. */
static void sums_of(struct fixture *f, const char *path, char digest[DIGEST_SIZE],
		    char diff_id[DIGEST_SIZE])
{
	struct tar_entry entry;
	struct tar_reader *r;
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_ok(tar_read(fd, MAX, &r, &f->why));
	assert_ok(tar_next(r, &entry, &f->why));
	assert_string_equal(entry.path, "file");
	assert_err(ERR_NOT_FOUND, tar_next(r, &entry, &f->why));
	assert_ok(tar_sums(r, digest, diff_id, &f->why));
	tar_close(r);
}

static void what_was_written_reads_back(void **state)
{
	struct fixture *f = *state;
	char content[64];
	size_t len;
	struct tar_entry entry;
	struct tar_reader *r;
	SCOPED_FD fd = open(write_tar(f, "a.tar.gz"), O_RDONLY | O_CLOEXEC);
	assert_ok(tar_read(fd, MAX, &r, &f->why));
	assert_ok(tar_next(r, &entry, &f->why));
	assert_int_equal(entry.kind, ENTRY_FILE);
	assert_int_equal(entry.mode, 0644);
	assert_ok(tar_content(r, content, sizeof content, &len, &f->why));
	assert_int_equal(len, sizeof CONTENT - 1);
	assert_memory_equal(content, CONTENT, len);
	tar_close(r);
}

static void the_sums_are_of_the_whole_file(void **state)
{
	struct fixture *f = *state;
	char digest[DIGEST_SIZE], diff_id[DIGEST_SIZE], expected[DIGEST_SIZE];
	const char *path = write_tar(f, "a.tar.gz");
	sums_of(f, path, digest, diff_id);
	digest_file(path, expected);
	assert_string_equal(digest, expected);
	assert_ok(tar_digest(path, MAX, expected, &f->why));
	assert_string_equal(diff_id, expected);
	assert_string_not_equal(diff_id, digest);
}

static void what_stands_behind_the_compressed_end_counts(void **state)
{
	struct fixture *f = *state;
	char before[DIGEST_SIZE], digest[DIGEST_SIZE], diff_id[DIGEST_SIZE], expected[DIGEST_SIZE];
	const char *path = write_tar(f, "a.tar.gz");
	sums_of(f, path, before, expected);
	append(path, BYTES_LIT("behind"));
	sums_of(f, path, digest, diff_id);
	assert_string_not_equal(digest, before);
	digest_file(path, expected);
	assert_string_equal(digest, expected);
}

static void what_stands_behind_the_archives_end_counts(void **state)
{
	struct fixture *f = *state;
	char before[DIGEST_SIZE], diff_id[DIGEST_SIZE], digest[DIGEST_SIZE];
	const char *path = write_tar(f, "a.tar.gz");
	sums_of(f, path, digest, before);
	/* A second gzip member: its bytes follow the archive's end. */
	SCOPED_MEMORY char *member = NULL;
	size_t len;
	assert_ok(file_read(write_tar(f, "b.tar.gz"), 1024 * 1024, &member, &len, NULL));
	append(path, (struct bytes){ member, len });
	sums_of(f, path, digest, diff_id);
	assert_string_not_equal(diff_id, before);
	assert_ok(tar_digest(path, MAX, digest, &f->why));
	assert_string_equal(diff_id, digest);
}

static enum err read_bytes(struct fixture *f, struct bytes content)
{
	const char *path = scratch_at(&f->scratch, "bytes");
	struct tar_entry entry;
	struct tar_reader *r;
	assert_ok(file_replace(path, content, false, NULL));
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = tar_read(fd, MAX, &r, &f->why);
	if (e)
		return e;
	e = tar_next(r, &entry, &f->why);
	tar_close(r);
	return e;
}

static void what_is_no_archive_is_refused(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_INVALID, read_bytes(f, BYTES_LIT("no archive")));
	assert_non_null(strstr(f->why.text, "archive: "));
}

static void a_cut_archive_is_refused(void **state)
{
	struct fixture *f = *state;
	SCOPED_MEMORY char *content = NULL;
	size_t len;
	assert_ok(file_read(write_tar(f, "a.tar.gz"), 1024 * 1024, &content, &len, NULL));
	assert_err(ERR_INVALID, read_bytes(f, (struct bytes){ content, 40 }));
}

static void a_tar_that_decompresses_to_more_than_it_may_is_refused(void **state)
{
	struct fixture *f = *state;
	char digest[DIGEST_SIZE];
	const char *path = write_tar(f, "a.tar.gz");
	assert_ok(tar_digest(path, 10240, digest, &f->why));
	assert_err(ERR_INVALID, tar_digest(path, 1536, digest, &f->why));
	assert_non_null(strstr(f->why.text, "more than it may"));
}

static void zstd_that_wants_much_memory_is_refused(void **state)
{
	static const char window_of_1g[] = "\x28\xb5\x2f\xfd\x00\xa0\0\0\0\0\0\0\0\0\0\0\0";
	static const char content_of_2g[] = "\x28\xb5\x2f\xfd\xa0\0\0\0\x80\0\0\0\0\0\0\0\0";
	struct fixture *f = *state;
	const char *reason = tar_reads_zstd() ? "zstd with a window" : "this build cannot read";
	assert_err(ERR_INVALID, read_bytes(f, (struct bytes){ window_of_1g, sizeof window_of_1g }));
	assert_non_null(strstr(f->why.text, reason));
	assert_err(ERR_INVALID,
		   read_bytes(f, (struct bytes){ content_of_2g, sizeof content_of_2g }));
	assert_non_null(strstr(f->why.text, reason));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_written_reads_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_sums_are_of_the_whole_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_stands_behind_the_compressed_end_counts,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_stands_behind_the_archives_end_counts, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_archive_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cut_archive_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_tar_that_decompresses_to_more_than_it_may_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(zstd_that_wants_much_memory_is_refused, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
