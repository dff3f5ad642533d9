#include "agent/pulse.h"

#include "base/log.h"
#include "base/scoped.h"
#include "ports/socket.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"
#include "tests/unit/sync/clock_fake.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
	struct scratch scratch;
	struct loop *loop;
	struct pulse pulse;
	struct why why;
	int manager_fd;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	log_set_level(LOG_ERR);
	scratch_make(&f->scratch);
	assert_ok(loop_open(&f->loop, NULL));
	const char *path = scratch_at(&f->scratch, "notify.sock");
	assert_ok(socket_listen(path, SOCKET_DATAGRAM, 0600, &f->manager_fd, NULL));
	setenv("NOTIFY_SOCKET", path, 1);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	pulse_close(&f->pulse);
	close_quietly(f->manager_fd);
	loop_close(f->loop);
	scratch_remove(&f->scratch);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	free(f);
	return 0;
}

/* How many times the manager has heard of us since it was asked last. */
static int heard(struct fixture *f)
{
	char text[64];
	struct socket_peer peer;
	size_t len;
	int n = 0;
	while (socket_receive(f->manager_fd, text, sizeof text, &len, &peer) == OK) {
		assert_true(bytes_are((struct bytes){ text, len }, "WATCHDOG=1"));
		n++;
	}
	return n;
}

static void pass(struct fixture *f, int64_t ms)
{
	clock_fake_pass(ms);
	assert_ok(loop_turn(f->loop, 0, NULL));
}

static void with_nobody_to_tell_nothing_wakes(void **state)
{
	struct fixture *f = *state;
	assert_ok(pulse_open(&f->pulse, f->loop, "", NULL));
	assert_false(f->pulse.timer.armed);
	assert_int_equal(heard(f), 0);
}

static void the_manager_hears_three_times_in_its_time(void **state)
{
	struct fixture *f = *state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_ok(pulse_open(&f->pulse, f->loop, "", NULL));
	assert_int_equal(heard(f), 1);
	pass(f, 9999);
	assert_int_equal(heard(f), 0);
	pass(f, 1);
	assert_int_equal(heard(f), 1);
	pass(f, 10000);
	assert_int_equal(heard(f), 1);
	pulse_close(&f->pulse);
	pass(f, 10000);
	assert_int_equal(heard(f), 0);
}

static void what_is_meant_for_another_process_is_not_ours(void **state)
{
	struct fixture *f = *state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	assert_ok(pulse_open(&f->pulse, f->loop, "", NULL));
	assert_false(f->pulse.timer.armed);
}

static void a_file_that_is_no_watchdog_is_told(void **state)
{
	struct fixture *f = *state;
	const char *path = scratch_at(&f->scratch, "file");
	assert_ok(file_replace(path, BYTES_LIT(""), false, NULL));
	assert_err(ERR_INVALID, pulse_open(&f->pulse, f->loop, path, &f->why));
	assert_non_null(strstr(f->why.text, "is no watchdog"));
	assert_err(ERR_SYSTEM,
		   pulse_open(&f->pulse, f->loop, scratch_at(&f->scratch, "none"), &f->why));
}

int main(void)
{
#define PULSE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PULSE_TEST(with_nobody_to_tell_nothing_wakes),
		PULSE_TEST(the_manager_hears_three_times_in_its_time),
		PULSE_TEST(what_is_meant_for_another_process_is_not_ours),
		PULSE_TEST(a_file_that_is_no_watchdog_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
