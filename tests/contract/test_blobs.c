#include "ports/blobs.h"

#include "base/limits.h"
#include "ports/digest.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	struct scratch scratch;
	struct blobs blobs;
	char digest[DIGEST_SIZE]; /* of "content" */
	struct why why;
};

static const char CONTENT[] = "content";

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(blobs_open(&f->blobs, scratch_at(&f->scratch, "blobs"), NULL));
	digest_of(bytes_of(CONTENT), f->digest);
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

static void append(struct fixture *f, const char *part)
{
	assert_ok(blobs_append(&f->blobs, f->digest, bytes_of(part), &f->why));
}

static void assert_reads(struct fixture *f, int64_t offset, size_t cap, const char *expected)
{
	char out[64] = "";
	size_t len;
	int64_t total;
	assert_ok(blobs_read(&f->blobs, f->digest, offset, out, cap, &len, &total, &f->why));
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(out, expected, len);
	assert_int_equal(total, strlen(CONTENT));
}

static void the_folder_is_ours_alone(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	assert_int_equal(stat(f->blobs.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void a_blob_is_named_by_what_is_in_it(void **state)
{
	struct fixture *f = *state;
	char digest[DIGEST_SIZE];
	assert_false(blobs_have(&f->blobs, f->digest));
	assert_ok(blobs_put(&f->blobs, bytes_of(CONTENT), digest, NULL));
	assert_string_equal(digest, f->digest);
	assert_true(blobs_have(&f->blobs, f->digest));
	assert_ok(blobs_put(&f->blobs, bytes_of(CONTENT), digest, NULL));
	assert_reads(f, 0, 64, CONTENT);
}

static void a_draft_gets_its_name_when_it_is_whole(void **state)
{
	struct fixture *f = *state;
	char digest[DIGEST_SIZE];
	struct blob_draft d;
	assert_ok(blob_draft_open(&d, &f->blobs, &f->why));
	assert_ok(blob_draft_add(&d, BYTES_LIT("con"), &f->why));
	assert_ok(blob_draft_add(&d, BYTES_LIT("tent"), &f->why));
	assert_false(blobs_have(&f->blobs, f->digest));
	assert_int_equal(d.size, strlen(CONTENT));
	assert_ok(blob_draft_keep(&d, digest, &f->why));
	assert_string_equal(digest, f->digest);
	assert_reads(f, 0, 64, CONTENT);
}

static void count_name(void *owner, const char *name)
{
	(void)name;
	++*(size_t *)owner;
}

static void a_dropped_draft_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct blob_draft d;
	size_t names = 0;
	assert_ok(blob_draft_open(&d, &f->blobs, &f->why));
	assert_ok(blob_draft_add(&d, BYTES_LIT("content"), &f->why));
	blob_draft_drop(&d);
	blob_draft_drop(&d);
	assert_ok(dir_each(f->blobs.path, count_name, &names, NULL));
	assert_int_equal(names, 0);
}

static void its_file_can_be_found(void **state)
{
	struct fixture *f = *state;
	char path[512], digest[DIGEST_SIZE], *content;
	size_t len;
	assert_ok(blobs_put(&f->blobs, bytes_of(CONTENT), digest, NULL));
	blobs_path(&f->blobs, f->digest, path, sizeof path);
	assert_ok(file_read(path, 100, &content, &len, NULL));
	assert_string_equal(content, CONTENT);
	free(content);
}

static void a_blob_is_there_only_when_all_of_it_is(void **state)
{
	struct fixture *f = *state;
	append(f, "cont");
	assert_false(blobs_have(&f->blobs, f->digest));
	append(f, "ent");
	assert_false(blobs_have(&f->blobs, f->digest));
	assert_ok(blobs_finish(&f->blobs, f->digest, NULL));
	assert_true(blobs_have(&f->blobs, f->digest));
	assert_int_equal(blobs_arrived(&f->blobs, f->digest), 0);
}

static void what_has_arrived_survives_a_restart(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(blobs_arrived(&f->blobs, f->digest), 0);
	append(f, "cont");
	assert_ok(blobs_open(&f->blobs, scratch_at(&f->scratch, "blobs"), NULL));
	assert_int_equal(blobs_arrived(&f->blobs, f->digest), 4);
	append(f, "ent");
	assert_ok(blobs_finish(&f->blobs, f->digest, NULL));
	assert_reads(f, 0, 64, CONTENT);
}

static void wrong_content_is_gone(void **state)
{
	struct fixture *f = *state;
	append(f, "contenT");
	assert_err(ERR_CORRUPT, blobs_finish(&f->blobs, f->digest, &f->why));
	assert_non_null(strstr(f->why.text, f->digest));
	assert_false(blobs_have(&f->blobs, f->digest));
	assert_int_equal(blobs_arrived(&f->blobs, f->digest), 0);
}

static void finishing_what_never_began_fails(void **state)
{
	struct fixture *f = *state;
	assert_err(ERR_NOT_FOUND, blobs_finish(&f->blobs, f->digest, &f->why));
}

static void a_beginning_can_be_forgotten(void **state)
{
	struct fixture *f = *state;
	append(f, "wrong");
	blobs_restart(&f->blobs, f->digest);
	blobs_restart(&f->blobs, f->digest);
	assert_int_equal(blobs_arrived(&f->blobs, f->digest), 0);
	append(f, CONTENT);
	assert_ok(blobs_finish(&f->blobs, f->digest, NULL));
}

static void putting_all_at_once_does_not_go_on_behind_a_beginning(void **state)
{
	struct fixture *f = *state;
	char digest[DIGEST_SIZE];
	append(f, "garbage");
	assert_ok(blobs_put(&f->blobs, bytes_of(CONTENT), digest, NULL));
	assert_reads(f, 0, 64, CONTENT);
}

static void an_empty_blob_is_a_blob(void **state)
{
	struct fixture *f = *state;
	char digest[DIGEST_SIZE];
	assert_ok(blobs_put(&f->blobs, BYTES_LIT(""), digest, NULL));
	assert_true(blobs_have(&f->blobs, digest));
	blobs_restart(&f->blobs, digest);
	assert_true(blobs_have(&f->blobs, digest));
}

static void reading_begins_anywhere_and_ends_at_the_end(void **state)
{
	struct fixture *f = *state;
	char digest[DIGEST_SIZE];
	assert_ok(blobs_put(&f->blobs, bytes_of(CONTENT), digest, NULL));
	assert_reads(f, 0, 3, "con");
	assert_reads(f, 3, 3, "ten");
	assert_reads(f, 6, 3, "t");
	assert_reads(f, 7, 3, "");
	assert_reads(f, 700, 3, "");
}

static void what_is_not_there_cannot_be_read(void **state)
{
	struct fixture *f = *state;
	char out[8];
	size_t len;
	int64_t total;
	assert_err(ERR_NOT_FOUND,
		   blobs_read(&f->blobs, f->digest, 0, out, sizeof out, &len, &total, &f->why));
	append(f, "cont");
	assert_err(ERR_NOT_FOUND,
		   blobs_read(&f->blobs, f->digest, 0, out, sizeof out, &len, &total, &f->why));
}

static void nothing_grows_beyond_the_limit(void **state)
{
	struct fixture *f = *state;
	char path[600];
	append(f, "x");
	blobs_path(&f->blobs, f->digest, path, 512);
	strcat(path, ".part");
	assert_int_equal(truncate(path, BLOB_MAX - 4), 0); /* sparse: it takes no room */
	append(f, "1234");
	assert_err(ERR_FULL, blobs_append(&f->blobs, f->digest, BYTES_LIT("5"), &f->why));
	assert_int_equal(blobs_arrived(&f->blobs, f->digest), BLOB_MAX);
}

static void a_folder_with_too_long_a_name_is_refused(void **state)
{
	struct fixture *f = *state;
	struct blobs other;
	char path[200];
	memset(path, 'x', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	assert_err(ERR_INVALID, blobs_open(&other, path, &f->why));
}

static bool keep_one(void *owner, const char *digest)
{
	return strcmp(digest, owner) == 0;
}

static bool keep_none(void *owner, const char *digest)
{
	(void)owner;
	(void)digest;
	return false;
}

static void sweeping_keeps_what_is_wanted_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	char kept[DIGEST_SIZE], gone[DIGEST_SIZE], begun[DIGEST_SIZE];
	assert_ok(blobs_put(&f->blobs, BYTES_LIT("kept"), kept, NULL));
	assert_ok(blobs_put(&f->blobs, BYTES_LIT("gone"), gone, NULL));
	digest_of(BYTES_LIT("begun"), begun);
	assert_ok(blobs_append(&f->blobs, begun, BYTES_LIT("be"), NULL));
	assert_ok(
		file_replace(scratch_at(&f->scratch, "blobs/stray"), BYTES_LIT("x"), false, NULL));
	assert_ok(blobs_sweep(&f->blobs, keep_one, kept, NULL));
	assert_true(blobs_have(&f->blobs, kept));
	assert_false(blobs_have(&f->blobs, gone));
	assert_int_equal(blobs_arrived(&f->blobs, begun), 0);
	assert_false(file_exists(scratch_at(&f->scratch, "blobs/stray")));
}

static void a_beginning_that_is_wanted_is_kept(void **state)
{
	struct fixture *f = *state;
	append(f, "cont");
	assert_ok(blobs_sweep(&f->blobs, keep_one, f->digest, NULL));
	assert_int_equal(blobs_arrived(&f->blobs, f->digest), 4);
	assert_ok(blobs_sweep(&f->blobs, keep_none, NULL, NULL));
	assert_int_equal(blobs_arrived(&f->blobs, f->digest), 0);
}

int main(void)
{
#define BLOBS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		BLOBS_TEST(the_folder_is_ours_alone),
		BLOBS_TEST(a_blob_is_named_by_what_is_in_it),
		BLOBS_TEST(a_draft_gets_its_name_when_it_is_whole),
		BLOBS_TEST(a_dropped_draft_leaves_nothing),
		BLOBS_TEST(its_file_can_be_found),
		BLOBS_TEST(a_blob_is_there_only_when_all_of_it_is),
		BLOBS_TEST(what_has_arrived_survives_a_restart),
		BLOBS_TEST(wrong_content_is_gone),
		BLOBS_TEST(finishing_what_never_began_fails),
		BLOBS_TEST(a_beginning_can_be_forgotten),
		BLOBS_TEST(putting_all_at_once_does_not_go_on_behind_a_beginning),
		BLOBS_TEST(an_empty_blob_is_a_blob),
		BLOBS_TEST(reading_begins_anywhere_and_ends_at_the_end),
		BLOBS_TEST(what_is_not_there_cannot_be_read),
		BLOBS_TEST(nothing_grows_beyond_the_limit),
		BLOBS_TEST(a_folder_with_too_long_a_name_is_refused),
		BLOBS_TEST(sweeping_keeps_what_is_wanted_and_nothing_else),
		BLOBS_TEST(a_beginning_that_is_wanted_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
