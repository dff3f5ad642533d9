#include "workloads/sequence.h"

#include "tests/check.h"

#include <stdio.h>

/* A pod as a word: a letter for each container's role, and a sign for how it is.
 * i init, s sidecar, m main; . idle, r runs, S has started, w done well, f failed for
 * good, e ending. The answer: . nothing, > start, x stop; a ! behind it: ended. */
static void assert_turns(const char *pod, bool ends, const char *expected)
{
	struct sequence_entry entries[CONTAINERS_MAX] = { 0 };
	struct sequence s;
	char got[CONTAINERS_MAX + 2];
	size_t n = 0;
	for (; *pod; pod += 2, n++) {
		entries[n] = (struct sequence_entry){
			.role = pod[0] == 'i'   ? CONTAINER_INIT
				: pod[0] == 's' ? CONTAINER_SIDECAR
						: CONTAINER_MAIN,
			.idle = pod[1] == '.',
			.leaving = pod[1] == 'e',
			.started = pod[1] == 'S',
			.done = pod[1] == 'w' || pod[1] == 'f',
			.well = pod[1] == 'w',
		};
	}
	sequence_next(entries, n, ends, &s);
	for (size_t i = 0; i < n; i++)
		got[i] = ".>x"[s.turns[i]];
	got[n] = s.ended ? '!' : '\0';
	got[n + 1] = '\0';
	assert_string_equal(got, expected);
}

static void containers_of_a_plain_pod_start_at_once(void **state)
{
	(void)state;
	assert_turns("m.m.", false, ">>");
	assert_turns("mSm.", false, ".>");
	assert_turns("mrmS", false, "..");
}

static void init_containers_run_one_after_another(void **state)
{
	(void)state;
	assert_turns("i.i.m.", false, ">..");
	assert_turns("iri.m.", false, "...");
	assert_turns("iSi.m.", false, "...");
	assert_turns("iwi.m.", false, ".>.");
	assert_turns("iwiwm.m.", false, "..>>");
}

static void a_sidecar_only_has_to_have_started(void **state)
{
	(void)state;
	assert_turns("s.i.m.", false, ">..");
	assert_turns("sri.m.", false, "...");
	assert_turns("sSi.m.", false, ".>.");
	assert_turns("sSiwm.", false, "..>");
	assert_turns("sriwmS", false, "...");
}

static void a_pod_that_ends_lets_its_sidecars_go_last_and_backwards(void **state)
{
	(void)state;
	assert_turns("sSsSmSmS", true, "..xx");
	assert_turns("sSsSmem.", true, "....");
	assert_turns("sSsSm.m.", true, ".x..");
	assert_turns("sSsem.m.", true, "....");
	assert_turns("sSs.m.m.", true, "x...");
	assert_turns("s.s.m.m.", true, "....!");
	assert_turns("irs.m.", true, "x..");
	assert_turns("iws.mw", true, "x.x");
}

static void a_pod_that_is_done_lets_its_sidecars_go(void **state)
{
	(void)state;
	assert_turns("sSmwmS", false, "...");
	assert_turns("sSmwmf", false, "x..");
	assert_turns("s.mwmw", false, "...!");
}

static void an_init_container_that_failed_for_good_is_the_end(void **state)
{
	(void)state;
	assert_turns("sSifm.", false, "x..");
	assert_turns("s.ifm.", false, "...!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_of_a_plain_pod_start_at_once),
		cmocka_unit_test(init_containers_run_one_after_another),
		cmocka_unit_test(a_sidecar_only_has_to_have_started),
		cmocka_unit_test(a_pod_that_ends_lets_its_sidecars_go_last_and_backwards),
		cmocka_unit_test(a_pod_that_is_done_lets_its_sidecars_go),
		cmocka_unit_test(an_init_container_that_failed_for_good_is_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
