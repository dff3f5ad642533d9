#include "workloads/verdict.h"

#include "tests/check.h"

#include <signal.h>

static const struct workload_exit GOOD = { .known = true };
static const struct workload_exit CODE = { .known = true, .code = 3 };
static const struct workload_exit KILLED = { .known = true, .code = -1, .signal = SIGKILL };
static const struct workload_exit OOM = {
	.known = true, .code = -1, .signal = SIGKILL, .oom = true
};
/* The kernel killed a child of it for memory; itself it ended in peace. */
static const struct workload_exit OOM_OF_A_CHILD = { .known = true, .oom = true };
static const struct workload_exit UNSEEN = { .code = -1 };
static const struct workload_exit NEVER = {
	.known = true, .code = -1, .failed_start = true, .message = "exec /no: not there"
};

static const struct workload_exit MISSING = {
	.known = true,
	.code = -1,
	.failed_start = true,
	.message = "CreateContainerConfigError: ConfigMap \"c\" is "
		   "not there"
};

static void reasons_are_kubernetes_words(void **state)
{
	(void)state;
	assert_string_equal(verdict_reason(&GOOD), "Completed");
	assert_string_equal(verdict_reason(&CODE), "Exited");
	assert_string_equal(verdict_reason(&KILLED), "Exited");
	assert_string_equal(verdict_reason(&OOM), "OOMKilled");
	assert_string_equal(verdict_reason(&OOM_OF_A_CHILD), "OOMKilled");
	assert_string_equal(verdict_reason(&UNSEEN), "Exited");
	assert_string_equal(verdict_reason(&NEVER), "FailedStart");
	assert_string_equal(verdict_reason(&MISSING), "CreateContainerConfigError");
}

static void assert_says(const struct workload_exit *x, const char *expected)
{
	char text[VERDICT_TEXT_MAX];
	verdict_describe(x, text);
	assert_string_equal(text, expected);
}

static void a_person_reads_what_happened(void **state)
{
	(void)state;
	assert_says(&GOOD, "exit code 0");
	assert_says(&CODE, "exit code 3");
	assert_says(&KILLED, "ended by signal 9 (Killed)");
	assert_says(&OOM, "killed: it needed more memory than its limit");
	assert_says(&UNSEEN, "nobody saw how it ended");
	assert_says(&NEVER, "exec /no: not there");
}

static void the_policy_decides_about_another_run(void **state)
{
	const struct workload_exit *bad[] = { &CODE, &KILLED, &OOM, &UNSEEN, &NEVER };
	(void)state;
	assert_true(verdict_starts_again(RESTART_ALWAYS, &GOOD));
	assert_false(verdict_starts_again(RESTART_ON_FAILURE, &GOOD));
	assert_false(verdict_starts_again(RESTART_NEVER, &GOOD));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_true(verdict_starts_again(RESTART_ALWAYS, bad[i]));
		assert_true(verdict_starts_again(RESTART_ON_FAILURE, bad[i]));
		assert_false(verdict_starts_again(RESTART_NEVER, bad[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_are_kubernetes_words),
		cmocka_unit_test(a_person_reads_what_happened),
		cmocka_unit_test(the_policy_decides_about_another_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
