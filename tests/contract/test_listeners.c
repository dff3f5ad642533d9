/* ports/listeners.h against the real kernel; duplicates of others' sockets need root. */
#include "ports/listeners.h"

#include "base/scoped.h"
#include "tests/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof a;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin6_port); /* at the same place in both families */
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static void a_port_that_is_taken_is_told(void **state)
{
	struct why why;
	int fd, other;
	(void)state;
	assert_ok(listeners_open(NULL, 0, &fd, &why));
	assert_err(ERR_DENIED, listeners_open(NULL, port_of(fd), &other, &why));
	close(fd);
	assert_err(ERR_INVALID, listeners_open("nobody", 0, &fd, &why));
}

static void an_address_may_be_named(void **state)
{
	struct why why;
	int fd;
	(void)state;
	assert_ok(listeners_open("127.0.0.1", 0, &fd, &why));
	close(connect_to(port_of(fd)));
	close(fd);
}

static void who_is_connected_is_seen_and_who_left_is_not(void **state)
{
	struct why why;
	int fd;
	(void)state;
	assert_ok(listeners_open("127.0.0.1", 0, &fd, &why));
	assert_false(listeners_are_busy(&fd, 1, 0));
	int client = connect_to(port_of(fd));
	assert_true(listeners_are_busy(&fd, 1, 0)); /* not even accepted */
	assert_true(listeners_are_busy(&fd, 1, getpid()));
	int server = accept(fd, NULL, NULL);
	assert_true(listeners_are_busy(&fd, 1, 0));
	close(client);
	close(server);
	assert_false(listeners_are_busy(&fd, 1, 0));
	close(fd);
}

static void the_listeners_of_another_process_can_be_watched(void **state)
{
	struct why why;
	int fd, found[4], ends[2];
	char byte;
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe(ends), 0);
	assert_ok(listeners_open("127.0.0.1", 0, &fd, &why));
	const uint16_t port = port_of(fd);
	pid_t pid = fork();
	if (pid == 0) {
		if (write(ends[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(fd); /* it is the child's alone */
	assert_int_equal(listeners_of(pid, found, 4), 1);
	struct pollfd p = { .fd = found[0], .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 0);
	int client = connect_to(port);
	assert_int_equal(poll(&p, 1, 90 * 1000), 1);
	int again;
	assert_int_equal(listeners_take(pid, fd, &again, 1), 1);
	assert_int_equal(port_of(again), port);
	close(again);
	close(client);
	close(found[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(listeners_of(pid, found, 4), 0);
	close(ends[0]);
	close(ends[1]);
}

static void whose_a_port_is_can_be_told(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", NULL, "0.0.0.0", "::ffff:127.0.0.1" };
	const pid_t me = getpid(), other = 1;
	struct why why;
	int fd;
	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		if (listeners_open(hosts[i], 0, &fd, &why))
			continue; /* a machine without IPv6 */
		const uint16_t port = port_of(fd);
		const pid_t both[] = { other, me };
		assert_true(listeners_are_of(port, &me, 1));
		assert_true(listeners_are_of(port, both, 2));
		assert_false(listeners_are_of(port, &other, 1));
		assert_false(listeners_are_of(port, NULL, 0));
		close(fd);
		assert_false(listeners_are_of(port, &me, 1));
	}
}

/* One who listens at another address of the same port would have us ask somebody else. */
static void a_port_is_not_whose_listens_at_another_address(void **state)
{
	struct why why;
	int ours, theirs, ends[2];
	char byte;
	const pid_t me = getpid();
	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_ok(listeners_open("127.0.0.2", 0, &ours, &why));
	const uint16_t port = port_of(ours);
	assert_false(listeners_are_of(port, &me, 1));
	pid_t pid = fork();
	if (pid == 0) {
		close(ours);
		if (listeners_open("127.0.0.1", port, &theirs, &why) || write(ends[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_false(listeners_are_of(port, &me, 1));
	const pid_t both[] = { me, pid };
	if (geteuid() == 0)
		assert_true(listeners_are_of(port, both, 2));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ours);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_that_is_taken_is_told),
		cmocka_unit_test(an_address_may_be_named),
		cmocka_unit_test(who_is_connected_is_seen_and_who_left_is_not),
		cmocka_unit_test(the_listeners_of_another_process_can_be_watched),
		cmocka_unit_test(whose_a_port_is_can_be_told),
		cmocka_unit_test(a_port_is_not_whose_listens_at_another_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
