/* What only a store on a medium can promise: ports/linux/store_sql.c. */
#include "ports/store.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	struct scratch scratch;
	const char *path;
	struct why why;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	f->path = scratch_at(&f->scratch, "store.db");
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

static void append_many(struct store *s, int n)
{
	static char body[1000];
	memset(body, 'x', sizeof body);
	const struct letter l = { .class = LETTER_LOG,
				  .stream = "s",
				  .body = { body, sizeof body } };
	int64_t seq;
	for (int i = 0; i < n; i++)
		assert_ok(store_append(s, &l, &seq, NULL));
}

static void assert_starts_anew(struct fixture *f)
{
	struct store *s;
	assert_string_not_equal(f->why.text, "");
	assert_true(file_exists(scratch_at(&f->scratch, "store.db.corrupt")));
	if (store_open(f->path, &s, &f->why))
		fail_msg("the second call: %s", f->why.text);
	assert_int_equal(store_last_seq(s), 0);
	append_many(s, 1);
	store_close(s);
	assert_ok(store_open(f->path, &s, &f->why));
	assert_int_equal(store_last_seq(s), 1);
	store_close(s);
}

static void what_is_no_database_is_set_aside(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	static char text[8192];
	memset(text, 'x', sizeof text);
	assert_ok(file_replace(f->path, (struct bytes){ text, sizeof text }, false, NULL));
	assert_err(ERR_CORRUPT, store_open(f->path, &s, &f->why));
	assert_starts_anew(f);
}

/* Overwrite from `from` up to the end. */
static void spoil(struct fixture *f, size_t from)
{
	char *content;
	size_t len;
	assert_ok(file_read(f->path, 64 * 1024 * 1024, &content, &len, NULL));
	assert_true(len > from);
	memset(content + from, 0x5a, len - from);
	assert_ok(file_replace(f->path, (struct bytes){ content, len }, false, NULL));
	free(content);
	assert_ok(
		file_replace(scratch_at(&f->scratch, "store.db-wal"), BYTES_LIT(""), false, NULL));
}

/* All is in the file itself, nothing in the log. */
static void make_large(struct fixture *f)
{
	struct store *s;
	struct stat st;
	assert_ok(store_open(f->path, &s, &f->why));
	append_many(s, 2000);
	store_close(s);
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(st.st_size > 1000 * 1000);
}

static void a_database_that_is_torn_is_set_aside(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	make_large(f);
	spoil(f, 1024);
	assert_err(ERR_CORRUPT, store_open(f->path, &s, &f->why));
	assert_starts_anew(f);
}

static void the_log_of_what_was_set_aside_is_not_taken_for_the_new_ones(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	make_large(f);
	spoil(f, 1024);
	assert_err(ERR_CORRUPT, store_open(f->path, &s, &f->why));
	assert_false(file_exists(scratch_at(&f->scratch, "store.db-wal")));
	assert_false(file_exists(scratch_at(&f->scratch, "store.db-shm")));
}

static void a_file_of_a_few_bytes_is_no_reason_to_stand_still(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	assert_ok(file_replace(f->path, BYTES_LIT("junk"), false, NULL));
	enum err e = store_open(f->path, &s, &f->why);
	if (e == ERR_CORRUPT)
		e = store_open(f->path, &s, &f->why);
	assert_ok(e);
	append_many(s, 1);
	store_close(s);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	enum err e = store_open(scratch_at(&f->scratch, "no/store.db"), &s, &f->why);
	assert_int_not_equal(e, OK);
	assert_int_not_equal(e, ERR_CORRUPT);
	assert_non_null(strstr(f->why.text, "no/store.db"));
}

static void the_log_keeps_its_size(void **state)
{
	struct fixture *f = *state;
	struct store *s;
	struct stat before, after;
	assert_ok(store_open(f->path, &s, &f->why));
	append_many(s, 1);
	assert_int_equal(stat(scratch_at(&f->scratch, "store.db-wal"), &before), 0);
	append_many(s, 200);
	assert_int_equal(stat(scratch_at(&f->scratch, "store.db-wal"), &after), 0);
	/* The log is kept at its size and used again. */
	assert_int_equal(before.st_size, after.st_size);
	store_close(s);
	assert_int_equal(stat(scratch_at(&f->scratch, "store.db-wal"), &after), 0);
	assert_int_equal(before.st_size, after.st_size);
}

int main(void)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_is_no_database_is_set_aside),
		STORE_TEST(a_database_that_is_torn_is_set_aside),
		STORE_TEST(the_log_of_what_was_set_aside_is_not_taken_for_the_new_ones),
		STORE_TEST(a_file_of_a_few_bytes_is_no_reason_to_stand_still),
		STORE_TEST(a_folder_that_is_not_there_is_told),
		STORE_TEST(the_log_keeps_its_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
