#include "agent/past.h"

#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
	struct scratch scratch;
	struct store *store;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void add(struct fixture *f, int64_t generation)
{
	struct desired_id id = { .epoch = 1, .generation = generation };
	snprintf(id.digest, sizeof id.digest, "sha256:%064d", (int)generation);
	assert_ok(past_add(f->store, &id, 1000 * generation, NULL));
}

/* "GENERATION OUTCOME REASON|..." */
static void assert_states(struct fixture *f, const char *expected)
{
	char text[8192];
	size_t len = 0;
	struct json *j = past_show(f->store);
	const struct json *s = json_first(json_member(j, "states"));
	text[0] = '\0';
	for (; s; s = json_next(s)) {
		const char *outcome = json_string(json_member(s, "outcome"));
		const char *reason = json_string(json_member(s, "reason"));
		int64_t generation = 0;
		json_integer(json_member(s, "generation"), &generation);
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%d %s %s", len ? "|" : "",
					(int)generation, outcome ? outcome : "-",
					reason ? reason : "-");
	}
	json_free(j);
	assert_string_equal(text, expected);
}

static void begins_with_nothing(void **state)
{
	struct fixture *f = *state;
	assert_states(f, "");
	assert_ok(past_end(f->store, "available", "", 1, NULL));
	assert_states(f, "");
}

static void tells_what_became_of_each(void **state)
{
	struct fixture *f = *state;
	add(f, 1);
	assert_states(f, "1 - -");
	assert_ok(past_end(f->store, "degraded", "exit code 7", 1500, NULL));
	assert_ok(past_end(f->store, "available", "", 1600, NULL));
	add(f, 2);
	add(f, 3);
	assert_ok(past_end(f->store, "rolled-back", "it \"fails\"", 3500, NULL));
	assert_states(f, "1 available |2 superseded -|3 rolled-back it \"fails\"");
}

static void is_there_after_a_restart(void **state)
{
	struct fixture *f = *state;
	add(f, 1);
	store_close(f->store);
	assert_ok(store_open(scratch_at(&f->scratch, "store.db"), &f->store, NULL));
	assert_ok(past_end(f->store, "available", "", 1500, NULL));
	assert_states(f, "1 available ");
}

static void the_oldest_gives_way(void **state)
{
	struct fixture *f = *state;
	for (int i = 1; i <= PAST_MAX + 3; i++)
		add(f, i);
	struct json *j = past_show(f->store);
	const struct json *states = json_member(j, "states");
	int64_t first = 0;
	assert_int_equal(json_count(states), PAST_MAX);
	json_integer(json_member(json_first(states), "generation"), &first);
	assert_int_equal(first, 4);
	json_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(begins_with_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_what_became_of_each, set_up, tear_down),
		cmocka_unit_test_setup_teardown(is_there_after_a_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_gives_way, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
