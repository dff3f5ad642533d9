#include "workloads/life.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

#define DIGEST "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

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
	struct life got;
	const struct life alive = { .digest = DIGEST, .began_ms = 4711 };
	const struct life dead = { DIGEST, 1, "DeadlineExceeded", "it was active for 5s" };
	const char *folder = scratch_at(*state, "new/folder");
	assert_ok(life_write(folder, &alive));
	assert_ok(life_read(folder, &got));
	assert_int_equal(got.began_ms, 4711);
	assert_string_equal(got.digest, DIGEST);
	assert_string_equal(got.reason, "");

	assert_ok(life_write(folder, &dead));
	assert_ok(life_read(folder, &got));
	assert_string_equal(got.reason, "DeadlineExceeded");
	assert_string_equal(got.message, "it was active for 5s");
}

static void nothing_and_half_of_it_are_not_found(void **state)
{
	struct life got;
	struct scratch *s = *state;
	assert_err(ERR_NOT_FOUND, life_read(scratch_at(s, "no"), &got));
	assert_ok(file_replace(scratch_at(s, "pod"), bytes_of("began 12"), false, NULL));
	assert_err(ERR_NOT_FOUND, life_read(s->folder, &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_written_reads_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_and_half_of_it_are_not_found, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
