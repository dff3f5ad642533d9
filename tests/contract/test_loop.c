#include "ports/loop.h"

#include "base/scoped.h"
#include "ports/clock.h"
#include "tests/check.h"
#include "tests/contract/waiting.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 70 };

struct fixture;

/* A timer or a descriptor that does something to another when it is called. */
struct actor {
	struct fixture *f;
	char name;
	struct timer timer;
	struct watch watch;
	struct actor *target;
	void (*act)(struct actor *a);
	size_t calls;
	unsigned events;
};

struct fixture {
	struct loop *loop;
	struct actor a, b, c;
	char order[64]; /* who was called */
	int ends[2];
	bool done;
	int64_t now_ms; /* what the last timer was told */
};

static void note(struct actor *a)
{
	size_t n = strlen(a->f->order);
	a->calls++;
	if (n < sizeof a->f->order - 1)
		a->f->order[n] = a->name;
	if (a->act)
		a->act(a);
}

static void on_due(void *owner, int64_t now_ms)
{
	struct actor *a = owner;
	a->f->now_ms = now_ms;
	note(a);
}

static void on_ready(void *owner, unsigned events)
{
	struct actor *a = owner;
	a->events = events;
	note(a);
}

static void init_actor(struct fixture *f, struct actor *a, char name)
{
	*a = (struct actor){ .f = f, .name = name };
	a->timer = (struct timer){ .owner = a, .on_due = on_due };
	a->watch =
		(struct watch){ .fd = -1, .events = LOOP_READ, .owner = a, .on_ready = on_ready };
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	assert_ok(loop_open(&f->loop, NULL));
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, f->ends), 0);
	init_actor(f, &f->a, 'a');
	init_actor(f, &f->b, 'b');
	init_actor(f, &f->c, 'c');
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	loop_close(f->loop);
	close_quietly(f->ends[0]);
	close_quietly(f->ends[1]);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	assert_ok(loop_turn(f->loop, 0, NULL));
}

static void arm(struct fixture *f, struct actor *a, int64_t due_ms)
{
	loop_arm(f->loop, &a->timer, due_ms);
}

static void watch(struct fixture *f, struct actor *a, int fd)
{
	a->watch.fd = fd;
	assert_ok(loop_watch(f->loop, &a->watch, NULL));
}

static void disarm_target(struct actor *a)
{
	loop_disarm(a->f->loop, &a->target->timer);
}

static void unwatch_target(struct actor *a)
{
	loop_unwatch(a->f->loop, &a->target->watch);
}

/* --- timers --- */

static void timers_are_called_in_the_order_of_their_times(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_now_ms();
	arm(f, &f->a, now - 1);
	arm(f, &f->b, now - 3);
	arm(f, &f->c, now - 2);
	turn(f);
	assert_string_equal(f->order, "bca");
}

static void equal_times_keep_the_order_of_arming(void **state)
{
	struct fixture *f = *state;
	int64_t due = clock_now_ms() - 1;
	arm(f, &f->c, due);
	arm(f, &f->a, due);
	arm(f, &f->b, due);
	turn(f);
	assert_string_equal(f->order, "cab");
}

static void a_timer_is_called_once_and_not_early(void **state)
{
	struct fixture *f = *state;
	int64_t due = clock_now_ms() + 20;
	arm(f, &f->a, due);
	turn(f);
	assert_int_equal(f->a.calls, 0);
	assert_true(f->a.timer.armed);
	while (f->a.calls == 0)
		assert_ok(loop_turn(f->loop, -1, NULL));
	assert_true(clock_now_ms() >= due);
	assert_true(f->now_ms >= due);
	assert_false(f->a.timer.armed);
	turn(f);
	assert_int_equal(f->a.calls, 1);
}

static void arming_again_moves_it(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_now_ms();
	arm(f, &f->a, now - 5);
	arm(f, &f->b, now - 3);
	arm(f, &f->a, now - 1);
	turn(f);
	assert_string_equal(f->order, "ba");
	arm(f, &f->a, now - 1);
	arm(f, &f->a, now + 3600 * 1000);
	turn(f);
	assert_int_equal(f->a.calls, 1);
}

static void a_disarmed_timer_is_not_called(void **state)
{
	struct fixture *f = *state;
	arm(f, &f->a, clock_now_ms() - 1);
	loop_disarm(f->loop, &f->a.timer);
	loop_disarm(f->loop, &f->a.timer);
	loop_disarm(f->loop, &f->b.timer);
	turn(f);
	assert_string_equal(f->order, "");
}

static void a_timer_that_is_disarmed_by_another_is_not_called_even_if_it_was_due(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_now_ms();
	f->a.act = disarm_target;
	f->a.target = &f->b;
	arm(f, &f->a, now - 3);
	arm(f, &f->b, now - 2);
	arm(f, &f->c, now - 1);
	turn(f);
	assert_string_equal(f->order, "ac");
}

static void arm_self_now(struct actor *a)
{
	if (a->calls < 100)
		loop_arm(a->f->loop, &a->timer, clock_now_ms());
}

static void a_timer_that_arms_itself_for_now_waits_a_turn(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_now_ms();
	f->a.act = arm_self_now;
	arm(f, &f->a, now - 2);
	arm(f, &f->b, now - 1);
	turn(f);
	assert_string_equal(f->order, "ab");
	turn(f);
	assert_string_equal(f->order, "aba");
}

static void arm_self_in_the_past(struct actor *a)
{
	if (a->calls < 100)
		loop_arm(a->f->loop, &a->timer, 0);
}

static void a_timer_that_arms_itself_for_the_past_starves_no_other(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_now_ms();
	f->a.act = arm_self_in_the_past;
	arm(f, &f->a, now - 2);
	arm(f, &f->b, now - 1);
	turn(f);
	assert_string_equal(f->order, "ab");
}

static void disarm_target_and_arm_self(struct actor *a)
{
	disarm_target(a);
	arm_self_now(a);
}

static void a_timer_that_disarms_the_last_and_arms_itself_waits_a_turn(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_now_ms();
	f->a.act = disarm_target_and_arm_self;
	f->a.target = &f->b;
	arm(f, &f->a, now - 2);
	arm(f, &f->b, now - 1);
	turn(f);
	assert_string_equal(f->order, "a");
}

static void arm_target_now(struct actor *a)
{
	loop_arm(a->f->loop, &a->target->timer, clock_now_ms());
}

static void a_callback_may_arm_another(void **state)
{
	struct fixture *f = *state;
	f->a.act = arm_target_now;
	f->a.target = &f->b;
	arm(f, &f->a, clock_now_ms() - 1);
	for (int i = 0; i < 3 && f->b.calls == 0; i++)
		turn(f);
	assert_string_equal(f->order, "ab");
}

/* --- descriptors --- */

static void what_can_be_read_is_told_until_it_is(void **state)
{
	struct fixture *f = *state;
	char byte;
	watch(f, &f->a, f->ends[0]);
	turn(f);
	assert_int_equal(f->a.calls, 0);
	assert_int_equal(write(f->ends[1], "x", 1), 1);
	turn(f);
	turn(f);
	assert_int_equal(f->a.calls, 2);
	assert_int_equal(f->a.events, LOOP_READ);
	assert_int_equal(read(f->ends[0], &byte, 1), 1);
	turn(f);
	assert_int_equal(f->a.calls, 2);
}

static void waiting_for_other_events_is_possible(void **state)
{
	struct fixture *f = *state;
	watch(f, &f->a, f->ends[0]);
	loop_change(f->loop, &f->a.watch, LOOP_WRITE);
	turn(f);
	assert_int_equal(f->a.events, LOOP_WRITE);
	loop_change(f->loop, &f->a.watch, LOOP_READ | LOOP_WRITE);
	assert_int_equal(write(f->ends[1], "x", 1), 1);
	turn(f);
	assert_int_equal(f->a.events, LOOP_READ | LOOP_WRITE);
	loop_change(f->loop, &f->a.watch, 0);
	f->a.calls = 0;
	turn(f);
	assert_int_equal(f->a.calls, 0);
}

static void a_hang_up_is_told_also_to_those_who_wait_for_nothing(void **state)
{
	struct fixture *f = *state;
	watch(f, &f->a, f->ends[0]);
	loop_change(f->loop, &f->a.watch, 0);
	close(f->ends[1]);
	f->ends[1] = -1;
	turn(f);
	assert_true(f->a.events & LOOP_GONE);
}

static void an_unwatched_descriptor_is_not_told(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(write(f->ends[1], "x", 1), 1);
	watch(f, &f->a, f->ends[0]);
	loop_unwatch(f->loop, &f->a.watch);
	loop_unwatch(f->loop, &f->a.watch);
	loop_unwatch(f->loop, &f->b.watch);
	turn(f);
	assert_int_equal(f->a.calls, 0);
	watch(f, &f->a, f->ends[0]);
	turn(f);
	assert_int_equal(f->a.calls, 1);
}

static void one_that_is_unwatched_by_another_is_not_told_even_if_it_was_ready(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(write(f->ends[0], "x", 1), 1);
	assert_int_equal(write(f->ends[1], "x", 1), 1);
	f->a.act = f->b.act = unwatch_target;
	f->a.target = &f->b;
	f->b.target = &f->a;
	watch(f, &f->a, f->ends[0]);
	watch(f, &f->b, f->ends[1]);
	turn(f);
	assert_int_equal(f->a.calls + f->b.calls, 1);
	turn(f);
	assert_int_equal(f->a.calls + f->b.calls, 2);
}

static void close_and_free_target(struct actor *a)
{
	struct actor *target = a->target;
	if (!target)
		return;
	loop_unwatch(a->f->loop, &target->watch);
	close(target->watch.fd);
	free(target);
	a->target = NULL;
}

/* The sanitizer sees it when the loop still touches the memory. */
static void one_that_is_closed_and_freed_by_another_is_forgotten(void **state)
{
	struct fixture *f = *state;
	int more[2];
	struct actor *gone[2];
	assert_int_equal(pipe2(more, O_CLOEXEC | O_NONBLOCK), 0);
	for (int i = 0; i < 2; i++) {
		gone[i] = malloc(sizeof *gone[i]);
		assert_non_null(gone[i]);
		init_actor(f, gone[i], 'x');
	}
	gone[1]->watch.events = LOOP_WRITE;
	assert_int_equal(write(more[1], "x", 1), 1);
	assert_int_equal(write(f->ends[1], "x", 1), 1);
	f->a.act = close_and_free_target;
	f->a.target = gone[0];
	watch(f, &f->a, f->ends[0]);
	watch(f, gone[0], more[0]);
	watch(f, gone[1], more[1]);
	turn(f);
	f->a.target = gone[1];
	turn(f);
	turn(f);
	assert_int_equal(f->a.calls, 3);
}

static void unwatch_self(struct actor *a)
{
	loop_unwatch(a->f->loop, &a->watch);
}

static void one_may_stop_itself(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(write(f->ends[1], "x", 1), 1);
	f->a.act = unwatch_self;
	watch(f, &f->a, f->ends[0]);
	turn(f);
	turn(f);
	assert_int_equal(f->a.calls, 1);
}

static void watch_target_on_own_fd(struct actor *a)
{
	unwatch_self(a);
	a->target->watch.fd = a->watch.fd;
	assert_ok(loop_watch(a->f->loop, &a->target->watch, NULL));
}

static void one_may_hand_its_descriptor_to_another(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(write(f->ends[1], "x", 1), 1);
	f->a.act = watch_target_on_own_fd;
	f->a.target = &f->b;
	watch(f, &f->a, f->ends[0]);
	turn(f);
	turn(f);
	assert_string_equal(f->order, "ab");
}

static void a_timer_may_unwatch(void **state)
{
	struct fixture *f = *state;
	f->a.act = unwatch_target;
	f->a.target = &f->b;
	watch(f, &f->b, f->ends[0]);
	arm(f, &f->a, clock_now_ms() - 1);
	turn(f);
	assert_int_equal(write(f->ends[1], "x", 1), 1);
	turn(f);
	assert_string_equal(f->order, "a");
}

static void everyone_has_a_turn_however_many_they_are(void **state)
{
	struct fixture *f = *state;
	struct actor *many = calloc(MANY, sizeof *many);
	int ends[MANY][2];
	assert_non_null(many);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(pipe2(ends[i], O_CLOEXEC | O_NONBLOCK), 0);
		assert_int_equal(write(ends[i][1], "x", 1), 1);
		init_actor(f, &many[i], 'm');
		watch(f, &many[i], ends[i][0]);
	}
	for (int i = 0; i < 10; i++)
		turn(f);
	for (int i = 0; i < MANY; i++) {
		assert_true(many[i].calls > 0);
		loop_unwatch(f->loop, &many[i].watch);
		close(ends[i][0]);
		close(ends[i][1]);
	}
	free(many);
}

static void what_cannot_be_watched_is_told(void **state)
{
	struct fixture *f = *state;
	struct why why = { "" };
	f->a.watch.fd = 1000000;
	assert_err(ERR_SYSTEM, loop_watch(f->loop, &f->a.watch, &why));
	assert_string_not_equal(why.text, "");
}

/* --- turning --- */

static void a_turn_waits_no_longer_than_it_was_told(void **state)
{
	struct fixture *f = *state;
	int64_t before = clock_now_ms();
	assert_ok(loop_turn(f->loop, 20, NULL));
	assert_true(clock_now_ms() - before >= 20);
	assert_true(clock_now_ms() - before < PATIENCE_MS);
	arm(f, &f->a, clock_now_ms() + 3600 * 1000);
	assert_ok(loop_turn(f->loop, 10, NULL));
	assert_int_equal(f->a.calls, 0);
}

static void stop(struct actor *a)
{
	loop_stop(a->f->loop);
}

static void it_runs_until_it_is_stopped(void **state)
{
	struct fixture *f = *state;
	f->b.act = stop;
	arm(f, &f->a, clock_now_ms() + 5);
	arm(f, &f->b, clock_now_ms() + 10);
	arm(f, &f->c, clock_now_ms() + 3600 * 1000);
	assert_ok(loop_run(f->loop, NULL));
	assert_string_equal(f->order, "ab");
	arm(f, &f->b, clock_now_ms());
	assert_ok(loop_run(f->loop, NULL));
	assert_string_equal(f->order, "abb");
}

struct signals {
	char order[16];
	bool done;
};

static void on_signal(void *owner, int signo)
{
	struct signals *s = owner;
	size_t n = strlen(s->order);
	s->order[n] = signo == SIGTERM ? 't' : signo == SIGINT ? 'i' : signo == SIGHUP ? 'h' : '?';
	s->done = n == 2;
}

static void signals_are_told_in_the_loop_and_a_broken_pipe_is_none(void **state)
{
	struct fixture *f = *state;
	struct signals s = { "" };
	assert_ok(loop_on_signals(f->loop, on_signal, &s, NULL));
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGINT);
	kill(getpid(), SIGTERM);
	assert_string_equal(s.order, "");
	turn_until(f->loop, &s.done);
	assert_non_null(strchr(s.order, 't'));
	assert_non_null(strchr(s.order, 'i'));
	assert_non_null(strchr(s.order, 'h'));
	close(f->ends[1]);
	f->ends[1] = -1;
	assert_int_equal(write(f->ends[0], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
}

static void nothing_may_be_closed(void **state)
{
	(void)state;
	loop_close(NULL);
}

int main(void)
{
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LOOP_TEST(timers_are_called_in_the_order_of_their_times),
		LOOP_TEST(equal_times_keep_the_order_of_arming),
		LOOP_TEST(a_timer_is_called_once_and_not_early),
		LOOP_TEST(arming_again_moves_it),
		LOOP_TEST(a_disarmed_timer_is_not_called),
		LOOP_TEST(a_timer_that_is_disarmed_by_another_is_not_called_even_if_it_was_due),
		LOOP_TEST(a_timer_that_arms_itself_for_now_waits_a_turn),
		LOOP_TEST(a_timer_that_arms_itself_for_the_past_starves_no_other),
		LOOP_TEST(a_timer_that_disarms_the_last_and_arms_itself_waits_a_turn),
		LOOP_TEST(a_callback_may_arm_another),
		LOOP_TEST(what_can_be_read_is_told_until_it_is),
		LOOP_TEST(waiting_for_other_events_is_possible),
		LOOP_TEST(a_hang_up_is_told_also_to_those_who_wait_for_nothing),
		LOOP_TEST(an_unwatched_descriptor_is_not_told),
		LOOP_TEST(one_that_is_unwatched_by_another_is_not_told_even_if_it_was_ready),
		LOOP_TEST(one_that_is_closed_and_freed_by_another_is_forgotten),
		LOOP_TEST(one_may_stop_itself),
		LOOP_TEST(one_may_hand_its_descriptor_to_another),
		LOOP_TEST(a_timer_may_unwatch),
		LOOP_TEST(everyone_has_a_turn_however_many_they_are),
		LOOP_TEST(what_cannot_be_watched_is_told),
		LOOP_TEST(a_turn_waits_no_longer_than_it_was_told),
		LOOP_TEST(it_runs_until_it_is_stopped),
		LOOP_TEST(signals_are_told_in_the_loop_and_a_broken_pipe_is_none),
		LOOP_TEST(nothing_may_be_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
