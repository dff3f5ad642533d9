#include "base/arena.h"

#include "tests/check.h"

#include <stdalign.h>
#include <stdlib.h>

enum { LIMIT = 64 * 1024 };

static void assert_zeroed(const char *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		assert_int_equal(at[i], 0);
}

static void memory_comes_zeroed_and_aligned(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, LIMIT);
	for (size_t size = 1; size < 200; size++) {
		char *at = arena_take(&a, size);
		assert_non_null(at);
		assert_int_equal((uintptr_t)at % alignof(max_align_t), 0);
		assert_zeroed(at, size);
		memset(at, 0xee, size);
	}
	arena_deinit(&a);
}

static void what_was_taken_does_not_overlap(void **state)
{
	enum { TAKEN = 100 };
	struct arena a;
	unsigned char *at[TAKEN];
	size_t size[TAKEN];
	unsigned seed = 1;
	(void)state;
	arena_init(&a, 1024 * 1024);
	for (size_t i = 0; i < TAKEN; i++) {
		size[i] = 1 + (size_t)rand_r(&seed) % 6000;
		at[i] = arena_take(&a, size[i]);
		assert_non_null(at[i]);
		memset(at[i], (int)i, size[i]);
	}
	for (size_t i = 0; i < TAKEN; i++)
		for (size_t k = 0; k < size[i]; k++)
			assert_int_equal(at[i][k], i);
	arena_deinit(&a);
}

static void it_never_takes_more_than_its_limit(void **state)
{
	struct arena a;
	size_t taken = 0;
	(void)state;
	arena_init(&a, LIMIT);
	while (arena_take(&a, 100))
		taken += 100;
	assert_in_range(a.used, 1, LIMIT);
	assert_in_range(taken, LIMIT / 2, LIMIT);
	assert_null(arena_take(&a, 100));
	arena_deinit(&a);
}

static void a_piece_as_large_as_the_limit_fits_once(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, LIMIT);
	char *at = arena_take(&a, LIMIT);
	assert_non_null(at);
	assert_zeroed(at, LIMIT);
	assert_null(arena_take(&a, 1));
	arena_deinit(&a);
}

static void a_piece_beyond_the_limit_is_refused_and_harms_nothing(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, LIMIT);
	assert_null(arena_take(&a, LIMIT + 1));
	assert_null(arena_take(&a, SIZE_MAX));
	assert_int_equal(a.used, 0);
	assert_non_null(arena_take(&a, LIMIT / 2));
	arena_deinit(&a);
}

/* The limit is what can be had, not what one block happens to take. */
static void a_small_limit_is_still_a_limit(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 512);
	assert_non_null(arena_take(&a, 256));
	assert_in_range(a.used, 256, 512);
	assert_null(arena_take(&a, 512));
	arena_deinit(&a);
}

static void a_size_that_cannot_be_rounded_up_is_refused(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, SIZE_MAX);
	assert_null(arena_take(&a, SIZE_MAX));
	assert_null(arena_take(&a, SIZE_MAX - 3));
	arena_deinit(&a);
}

static void elements_are_counted_without_overflow(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, LIMIT);
	assert_null(arena_take_many(&a, SIZE_MAX, 2));
	assert_null(arena_take_many(&a, SIZE_MAX / 2 + 2, 2));
	assert_null(arena_take_many(&a, 2, SIZE_MAX / 2 + 2));
	int64_t *n = arena_take_many(&a, 1000, sizeof *n);
	assert_non_null(n);
	assert_zeroed((const char *)n, 1000 * sizeof *n);
	assert_null(arena_take_many(&a, LIMIT / 8 + 1, 8));
	arena_deinit(&a);
}

static void a_copy_ends_in_nul_and_is_its_own(void **state)
{
	struct arena a;
	char text[] = "camera and more";
	(void)state;
	arena_init(&a, LIMIT);
	char *copy = arena_copy(&a, (struct bytes){ text, 6 });
	char *none = arena_copy(&a, (struct bytes){ NULL, 0 });
	char *inner = arena_copy(&a, BYTES_LIT("a\0b"));
	memset(text, 'x', sizeof text);
	assert_string_equal(copy, "camera");
	assert_string_equal(none, "");
	assert_memory_equal(inner, "a\0b", 4);
	arena_deinit(&a);
}

static void a_copy_that_does_not_fit_is_refused(void **state)
{
	static char text[LIMIT];
	struct arena a;
	(void)state;
	memset(text, 'x', sizeof text);
	arena_init(&a, LIMIT);
	assert_null(arena_copy(&a, (struct bytes){ text, LIMIT }));
	char *copy = arena_copy(&a, (struct bytes){ text, LIMIT - 1 });
	assert_non_null(copy);
	assert_int_equal(strlen(copy), LIMIT - 1);
	arena_deinit(&a);
}

static void it_can_be_used_again(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, LIMIT);
	for (int round = 0; round < 3; round++) {
		char *at = arena_take(&a, LIMIT);
		assert_non_null(at);
		assert_zeroed(at, LIMIT);
		memset(at, 0xee, LIMIT);
		arena_deinit(&a);
		assert_int_equal(a.used, 0);
		assert_null(a.newest);
	}
	arena_deinit(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_comes_zeroed_and_aligned),
		cmocka_unit_test(what_was_taken_does_not_overlap),
		cmocka_unit_test(it_never_takes_more_than_its_limit),
		cmocka_unit_test(a_piece_as_large_as_the_limit_fits_once),
		cmocka_unit_test(a_piece_beyond_the_limit_is_refused_and_harms_nothing),
		cmocka_unit_test(a_small_limit_is_still_a_limit),
		cmocka_unit_test(a_size_that_cannot_be_rounded_up_is_refused),
		cmocka_unit_test(elements_are_counted_without_overflow),
		cmocka_unit_test(a_copy_ends_in_nul_and_is_its_own),
		cmocka_unit_test(a_copy_that_does_not_fit_is_refused),
		cmocka_unit_test(it_can_be_used_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
