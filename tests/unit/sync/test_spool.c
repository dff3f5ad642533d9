#include "sync/spool.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>

#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void put(struct scratch *s, const char *pod, const char *name, const char *content)
{
	char folder[300], path[600];
	snprintf(folder, sizeof folder, "%s/spool/%s", s->folder, pod);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_ok(dir_make(folder, 0700, NULL));
	assert_ok(file_replace(path, bytes_of(content), false, NULL));
}

static void names_say_all_there_is_to_know(void **state)
{
	(void)state;
	char name[MAILBOX_NAME_MAX + 1];
	struct mailbox_file f, got;
	f = (struct mailbox_file){ .class = MAILBOX_BULK, .time_ms = 1790000000123 };
	strcpy(f.digest, "sha256:" HEX);
	mailbox_print_name(&f, "a b-c.jpg", name);
	assert_string_equal(name, "2-1790000000123-" HEX "-a b-c.jpg");
	assert_true(mailbox_read_name(name, &got));
	assert_int_equal(got.class, MAILBOX_BULK);
	assert_int_equal(got.time_ms, 1790000000123);
	assert_string_equal(got.digest, f.digest);
	assert_string_equal(mailbox_title(&got), "a b-c.jpg");
}

static void times_stay_within_their_digits(void **state)
{
	(void)state;
	char name[MAILBOX_NAME_MAX + 1];
	struct mailbox_file f = { .time_ms = INT64_MAX }, got;
	strcpy(f.digest, "sha256:" HEX);
	mailbox_print_name(&f, "x", name);
	assert_true(mailbox_read_name(name, &got));
	assert_int_equal(got.time_ms, 9999999999999);
	f.time_ms = -5;
	mailbox_print_name(&f, "x", name);
	assert_true(mailbox_read_name(name, &got));
	assert_int_equal(got.time_ms, 0);
}

static void other_names_are_not_ours(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		"photo.jpg",
		"3-1790000000123-" HEX "-a",
		"1-179000000012-" HEX "-a",
		"1-1790000000123-" HEX "-",
		"1-1790000000123-" HEX "a",
		"1-17900000001x3-" HEX "-a",
		"1-1790000000123-Za7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad-"
		"a",
	};
	struct mailbox_file f;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(mailbox_read_name(wrong[i], &f));
}

static void expect(enum err e, const struct spool_file *f, const char *title)
{
	assert_ok(e);
	assert_string_equal(mailbox_title(&f->file), title);
}

static void the_most_urgent_and_newest_goes_first_and_the_oldest_bulk_is_given_up(void **state)
{
	(void)state;
	static const char *const order[] = { "u-new", "u-old", "n-new", "n-old", "b-new", "b-old" };
	struct scratch s;
	struct spool spool;
	struct spool_file f;
	struct spool_total one;
	scratch_make(&s);
	put(&s, "b", "2-0000000000001-" HEX "-b-old", "12345");
	put(&s, "a", "2-0000000000002-" HEX "-b-new", "1");
	put(&s, "b", "1-0000000000001-" HEX "-n-old", "1");
	put(&s, "a", "1-0000000000002-" HEX "-n-new", "1");
	put(&s, "a", "0-0000000000001-" HEX "-u-old", "1");
	put(&s, "b", "0-0000000000002-" HEX "-u-new", "1");
	put(&s, "b", "no file of ours", "1");
	assert_ok(spool_open(&spool, scratch_at(&s, "spool"), NULL));
	assert_int_equal(spool.total.files, 6);
	assert_int_equal(spool.total.bytes, 10);
	spool_count(&spool, "a", &one);
	assert_int_equal(one.files, 3);
	expect(spool_last(&spool, "a", &f), &f, "b-new");
	expect(spool_last(&spool, NULL, &f), &f, "b-old");
	assert_int_equal(f.bytes, 5);
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		expect(spool_next(&spool, &f), &f, order[i]);
		assert_ok(spool_remove(&spool, &f, NULL));
	}
	assert_int_equal(spool_next(&spool, &f), ERR_NOT_FOUND);
	assert_int_equal(spool.total.files, 0);
	assert_int_equal(spool.total.bytes, 0);
	scratch_remove(&s);
}

static void an_id_is_the_same_for_ever_and_another_for_another_file(void **state)
{
	(void)state;
	struct spool_file f = { .pod = "a" };
	char first[SPOOL_ID_SIZE], again[SPOOL_ID_SIZE];
	assert_true(mailbox_read_name("1-0000000000001-" HEX "-x", &f.file));
	spool_id(&f, first);
	spool_id(&f, again);
	assert_string_equal(first, again);
	assert_int_equal(strlen(first), 32);
	strcpy(f.pod, "b");
	spool_id(&f, again);
	assert_string_not_equal(first, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_say_all_there_is_to_know),
		cmocka_unit_test(times_stay_within_their_digits),
		cmocka_unit_test(other_names_are_not_ours),
		cmocka_unit_test(
			the_most_urgent_and_newest_goes_first_and_the_oldest_bulk_is_given_up),
		cmocka_unit_test(an_id_is_the_same_for_ever_and_another_for_another_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
