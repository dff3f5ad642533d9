/*
 * Deadlines of dialling, with a clock that the test moves: nobody waits five
 * seconds for them. The other side is a listener whose queue is full, which the
 * kernel leaves without an answer.
 */
#include "ports/net.h"

#include "base/scoped.h"
#include "tests/check.h"
#include "tests/unit/sync/clock_fake.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { QUEUE = 8, WAIT_MS = 15 * 1000, ADDRESS_WAIT_MS = 5000 };

struct fixture {
	struct loop *loop;
	struct dial *dial;
	int listener, queue[QUEUE];
	uint16_t port;
	size_t calls;
	int fd;
	struct why why;
};

static void on_dialled(void *owner, int fd, const struct why *why)
{
	struct fixture *f = owner;
	f->calls++;
	f->fd = fd;
	f->why = *why;
	f->dial = NULL;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	assert_non_null(f);
	assert_ok(loop_open(&f->loop, NULL));
	f->fd = -1;
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(f->listener, 0), 0);
	assert_int_equal(getsockname(f->listener, (struct sockaddr *)&at, &len), 0);
	f->port = ntohs(at.sin_port);
	for (int i = 0; i < QUEUE; i++) {
		f->queue[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(f->queue[i], (struct sockaddr *)&at, sizeof at);
	}
	const struct dial_hooks hooks = { f, on_dialled };
	assert_ok(net_dial(f->loop, "127.0.0.1", f->port, WAIT_MS, &hooks, &f->dial, NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	net_cancel(f->dial);
	for (int i = 0; i < QUEUE; i++)
		close_quietly(f->queue[i]);
	close_quietly(f->listener);
	close_quietly(f->fd);
	loop_close(f->loop);
	free(f);
	return 0;
}

static void pass(struct fixture *f, int64_t ms)
{
	clock_fake_pass(ms);
	for (int i = 0; i < 3; i++)
		assert_ok(loop_turn(f->loop, 0, NULL));
}

static void an_address_without_an_answer_is_given_up(void **state)
{
	struct fixture *f = *state;
	pass(f, 0);
	pass(f, ADDRESS_WAIT_MS - 1);
	assert_int_equal(f->calls, 0);
	pass(f, WAIT_MS);
	assert_int_equal(f->calls, 1);
	assert_int_equal(f->fd, -1);
}

static void an_address_without_an_answer_is_told_with_its_reason(void **state)
{
	struct fixture *f = *state;
	pass(f, 0);
	pass(f, ADDRESS_WAIT_MS);
	pass(f, ADDRESS_WAIT_MS);
	pass(f, ADDRESS_WAIT_MS);
	assert_int_equal(f->calls, 1);
	assert_non_null(strstr(f->why.text, "127.0.0.1"));
	assert_non_null(strstr(f->why.text, "no answer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_address_without_an_answer_is_given_up, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			an_address_without_an_answer_is_told_with_its_reason, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
