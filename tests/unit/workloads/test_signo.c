#include "workloads/signo.h"

#include "tests/check.h"

#include <signal.h>
#include <stddef.h>

static void assert_reads(const char *text, int expected)
{
	int signo = 0;
	assert_ok(signo_read(text, &signo, NULL));
	assert_int_equal(signo, expected);
}

static void signals_have_names_and_numbers(void **state)
{
	(void)state;
	assert_reads("SIGTERM", SIGTERM);
	assert_reads("QUIT", SIGQUIT);
	assert_reads("9", SIGKILL);
	assert_reads("SIGRTMIN", 34);
	assert_reads("SIGRTMIN+3", 37);
	assert_reads("64", 64);
}

static void what_is_no_signal_is_refused(void **state)
{
	static const char *const wrong[] = { "",         "0",         "65",      "-1",
					     " 15",      "15x",       "SIGNOPE", "sigterm",
					     "RTMIN+31", "SIGRTMIN+", "RTMIN-1", "SIGRTMIN+-1",
					     "SIG15" };
	struct why why;
	int signo;
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_err(ERR_INVALID, signo_read(wrong[i], &signo, &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_have_names_and_numbers),
		cmocka_unit_test(what_is_no_signal_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
