#include "ports/socket.h"

#include "base/scoped.h"
#include "tests/check.h"
#include "tests/contract/scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct fixture {
	struct scratch scratch;
	const char *path;
	int listener, here, there; /* there: the accepted end */
	char text[4096];
	size_t len;
	struct socket_peer peer;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	scratch_make(&f->scratch);
	f->path = scratch_at(&f->scratch, "sock");
	f->listener = f->here = f->there = -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	close_quietly(f->listener);
	close_quietly(f->here);
	close_quietly(f->there);
	scratch_remove(&f->scratch);
	free(f);
	return 0;
}

static void listen_at(struct fixture *f, enum socket_kind kind)
{
	struct why why = { "" };
	if (socket_listen(f->path, kind, 0600, &f->listener, &why))
		fail_msg("%s", why.text);
}

static void connect_to(struct fixture *f, enum socket_kind kind)
{
	struct why why = { "" };
	if (socket_connect(f->path, kind, &f->here, &why))
		fail_msg("%s", why.text);
}

static void open_pair(struct fixture *f, enum socket_kind kind)
{
	listen_at(f, kind);
	connect_to(f, kind);
	if (kind != SOCKET_DATAGRAM)
		assert_ok(socket_accept(f->listener, &f->there, &f->peer));
	else
		f->there = dup(f->listener);
}

static enum err receive(struct fixture *f, size_t cap)
{
	assert_true(cap < sizeof f->text);
	memset(f->text, 0, sizeof f->text);
	return socket_receive(f->there, f->text, cap, &f->len, &f->peer);
}

static void a_connection_carries_bytes_both_ways(void **state)
{
	struct fixture *f = *state;
	open_pair(f, SOCKET_STREAM);
	assert_err(ERR_AGAIN, receive(f, 100));
	assert_ok(socket_send(f->here, BYTES_LIT("there")));
	assert_ok(receive(f, 100));
	assert_int_equal(f->len, 5);
	assert_string_equal(f->text, "there");
	assert_ok(socket_send(f->there, BYTES_LIT("and back")));
	assert_ok(socket_receive(f->here, f->text, 100, &f->len, &f->peer));
	assert_int_equal(f->len, 8);
}

static void packets_and_datagrams_stay_apart(void **state)
{
	static const enum socket_kind kinds[] = { SOCKET_PACKET, SOCKET_DATAGRAM };
	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = *state;
		open_pair(f, kinds[i]);
		assert_ok(socket_send(f->here, BYTES_LIT("one")));
		assert_ok(socket_send(f->here, BYTES_LIT("two!")));
		assert_ok(receive(f, 100));
		assert_int_equal(f->len, 3);
		assert_ok(receive(f, 100));
		assert_int_equal(f->len, 4);
		assert_err(ERR_AGAIN, receive(f, 100));
		tear_down(state);
		set_up(state);
	}
}

static void nobody_waiting_is_said(void **state)
{
	struct fixture *f = *state;
	int fd;
	listen_at(f, SOCKET_STREAM);
	assert_err(ERR_AGAIN, socket_accept(f->listener, &fd, &f->peer));
}

static void nobody_listening_is_told_apart(void **state)
{
	struct fixture *f = *state;
	struct why why = { "" };
	assert_err(ERR_NOT_FOUND, socket_connect(f->path, SOCKET_STREAM, &f->here, &why));
	assert_non_null(strstr(why.text, f->path));
	assert_err(ERR_NOT_FOUND, socket_connect(scratch_at(&f->scratch, "no/sock"), SOCKET_STREAM,
						 &f->here, &why));
	listen_at(f, SOCKET_STREAM);
	close(f->listener);
	f->listener = -1;
	assert_err(ERR_NOT_FOUND, socket_connect(f->path, SOCKET_STREAM, &f->here, &why));
}

static void listening_takes_the_place_of_what_was_there(void **state)
{
	struct fixture *f = *state;
	listen_at(f, SOCKET_STREAM);
	close(f->listener);
	listen_at(f, SOCKET_STREAM);
	connect_to(f, SOCKET_STREAM);
	assert_ok(socket_accept(f->listener, &f->there, &f->peer));
}

static void the_mode_is_what_was_asked_for(void **state)
{
	static const unsigned modes[] = { 0600, 0666, 0222 };
	struct fixture *f = *state;
	mode_t mask = umask(077);
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		struct stat st;
		int fd;
		assert_ok(socket_listen(f->path, SOCKET_DATAGRAM, modes[i], &fd, NULL));
		assert_int_equal(stat(f->path, &st), 0);
		assert_int_equal(st.st_mode & 0777, modes[i]);
		close(fd);
	}
	assert_int_equal(umask(mask), 077); /* ours is as it was */
}

static void paths_may_be_longer_than_an_address(void **state)
{
	struct fixture *f = *state;
	char folder[400], path[450];
	int n = snprintf(folder, sizeof folder, "%s", f->scratch.folder);
	for (int i = 0; i < 5; i++)
		n += snprintf(folder + n, sizeof folder - (size_t)n, "/%060d", i);
	assert_ok(dir_make(folder, 0700, NULL));
	snprintf(path, sizeof path, "%s/sock", folder);
	assert_true(strlen(path) > 300);
	f->path = path;
	open_pair(f, SOCKET_PACKET);
	assert_ok(socket_send(f->here, BYTES_LIT("x")));
	assert_ok(receive(f, 10));
}

static void a_name_that_is_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	char name[201];
	struct why why = { "" };
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	f->path = scratch_at(&f->scratch, name);
	assert_err(ERR_INVALID, socket_listen(f->path, SOCKET_STREAM, 0600, &f->listener, &why));
	assert_err(ERR_INVALID, socket_connect(f->path, SOCKET_STREAM, &f->here, &why));
	assert_string_not_equal(why.text, "");
}

/* A child that speaks first and stays until the end of the connection. */
static pid_t speak(struct fixture *f, enum socket_kind kind)
{
	pid_t pid = fork();
	if (pid == 0) {
		int fd;
		struct socket_peer peer;
		char text[8];
		size_t len;
		close_quietly(f->listener);
		if (socket_connect(f->path, kind, &fd, NULL) || socket_send(fd, BYTES_LIT("me")))
			_exit(1);
		fcntl(fd, F_SETFL, 0);
		(void)!socket_receive(fd, text, sizeof text, &len, &peer);
		_exit(0);
	}
	return pid;
}

static enum err when_there(struct fixture *f, enum err (*try)(struct fixture *f))
{
	struct pollfd p = { .fd = f->listener, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 90 * 1000), 1);
	return try(f);
}

static enum err try_accept(struct fixture *f)
{
	return socket_accept(f->listener, &f->there, &f->peer);
}

static enum err try_receive(struct fixture *f)
{
	return receive(f, 100);
}

static void whoever_connects_is_known(void **state)
{
	struct fixture *f = *state;
	listen_at(f, SOCKET_PACKET);
	pid_t pid = speak(f, SOCKET_PACKET);
	assert_ok(when_there(f, try_accept));
	assert_int_equal(f->peer.pid, pid);
	assert_int_equal(f->peer.uid, getuid());
	close(f->there);
	f->there = -1;
	assert_true(waitpid(pid, NULL, 0) == pid);
}

static void whoever_sends_a_datagram_is_known(void **state)
{
	struct fixture *f = *state;
	listen_at(f, SOCKET_DATAGRAM);
	f->there = dup(f->listener);
	pid_t pid = speak(f, SOCKET_DATAGRAM);
	assert_ok(when_there(f, try_receive));
	assert_int_equal(f->peer.pid, pid);
	assert_int_equal(f->peer.uid, getuid());
	assert_string_equal(f->text, "me");
	assert_true(waitpid(pid, NULL, 0) == pid);
}

static void what_is_longer_than_the_room_is_cut_and_said(void **state)
{
	static const enum socket_kind kinds[] = { SOCKET_PACKET, SOCKET_DATAGRAM };
	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = *state;
		open_pair(f, kinds[i]);
		assert_ok(socket_send(f->here, BYTES_LIT("0123456789")));
		assert_ok(socket_send(f->here, BYTES_LIT("next")));
		assert_err(ERR_FULL, receive(f, 4));
		assert_int_equal(f->text[4], 0);
		assert_ok(receive(f, 4));
		assert_string_equal(f->text, "next");
		tear_down(state);
		set_up(state);
	}
}

static void what_just_fits_is_whole(void **state)
{
	struct fixture *f = *state;
	open_pair(f, SOCKET_DATAGRAM);
	assert_ok(socket_send(f->here, BYTES_LIT("0123")));
	assert_ok(receive(f, 4));
	assert_int_equal(f->len, 4);
}

static void the_end_of_the_other_side_is_said(void **state)
{
	static const enum socket_kind kinds[] = { SOCKET_STREAM, SOCKET_PACKET };
	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = *state;
		open_pair(f, kinds[i]);
		assert_ok(socket_send(f->here, BYTES_LIT("last")));
		close(f->here);
		f->here = -1;
		assert_ok(receive(f, 100));
		assert_int_equal(f->len, 4);
		enum err e = receive(f, 100);
		assert_true(e == ERR_NOT_FOUND || (e == OK && f->len == 0));
		assert_err(ERR_NOT_FOUND, socket_send(f->there, BYTES_LIT("x")));
		tear_down(state);
		set_up(state);
	}
}

static void one_that_does_not_read_never_holds_us_up(void **state)
{
	static const enum socket_kind kinds[] = { SOCKET_STREAM, SOCKET_PACKET, SOCKET_DATAGRAM };
	static char text[1024];
	for (size_t i = 0; i < 3; i++) {
		struct fixture *f = *state;
		enum err e = OK;
		open_pair(f, kinds[i]);
		for (int sent = 0; !e && sent < 100000; sent++)
			e = socket_send(f->here, (struct bytes){ text, sizeof text });
		assert_err(ERR_AGAIN, e);
		tear_down(state);
		set_up(state);
	}
}

static void descriptors_are_closed_on_exec_and_never_wait(void **state)
{
	struct fixture *f = *state;
	open_pair(f, SOCKET_STREAM);
	const int fds[] = { f->listener, f->here, f->there };
	for (size_t i = 0; i < 3; i++) {
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
	}
}

/* --- descriptors beside packets --- */

static size_t open_descriptors(void)
{
	size_t n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void a_descriptor_goes_along(void **state)
{
	struct fixture *f = *state;
	int ends[2], got;
	char byte;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	open_pair(f, SOCKET_PACKET);
	assert_ok(socket_send_fd(f->here, BYTES_LIT("hello"), ends[1]));
	assert_ok(socket_receive_fd(f->there, f->text, 100, &f->len, &got));
	assert_int_equal(f->len, 5);
	assert_true(got >= 0);
	assert_int_not_equal(got, ends[1]);
	assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
	close(ends[1]); /* it was duplicated */
	assert_int_equal(write(got, "x", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(got);
	close(ends[0]);
}

static void three_descriptors_arrive_in_their_order(void **state)
{
	struct fixture *f = *state;
	int ends[3][2], sent[3], got[SOCKET_FDS_MAX];
	char byte;
	open_pair(f, SOCKET_STREAM);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pipe2(ends[i], O_CLOEXEC), 0);
		sent[i] = ends[i][1];
	}
	assert_ok(socket_send_fds(f->here, BYTES_LIT("hello"), sent, 3));
	assert_ok(socket_receive_fds(f->there, f->text, 100, &f->len, got));
	for (size_t i = 0; i < 3; i++) {
		assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(write(got[i], "x", 1), 1);
		assert_int_equal(read(ends[i][0], &byte, 1), 1);
		close(ends[i][0]);
		close(ends[i][1]);
	}
	socket_close_fds(got);
	assert_int_equal(got[2], -1);
	assert_ok(socket_send(f->here, BYTES_LIT("more")));
	assert_ok(socket_receive_fds(f->there, f->text, 100, &f->len, got));
	assert_int_equal(got[0], -1);
}

static void none_that_came_along_is_said(void **state)
{
	struct fixture *f = *state;
	int got = 7;
	open_pair(f, SOCKET_PACKET);
	assert_ok(socket_send(f->here, BYTES_LIT("hello")));
	assert_ok(socket_receive_fd(f->there, f->text, 100, &f->len, &got));
	assert_int_equal(got, -1);
	assert_err(ERR_AGAIN, socket_receive_fd(f->there, f->text, 100, &f->len, &got));
	assert_int_equal(got, -1);
}

/* As a workload might, to fill the agent's table. */
static void send_descriptors(int fd, size_t n)
{
	char control[CMSG_SPACE(64 * sizeof(int))] = { 0 };
	struct iovec part = { (void *)(uintptr_t) "m f=1", 5 };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = (socklen_t)CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = (socklen_t)CMSG_LEN(n * sizeof(int));
	for (size_t i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof fd);
	assert_int_equal(sendmsg(fd, &m, 0), 5);
}

static void descriptors_that_nobody_asked_for_are_closed(void **state)
{
	static const size_t counts[] = { 1, 2, 3, 20 };
	struct fixture *f = *state;
	open_pair(f, SOCKET_DATAGRAM);
	const size_t before = open_descriptors();
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		send_descriptors(f->here, counts[i]);
		(void)!receive(f, 100);
		if (open_descriptors() != before)
			fail_msg("of %zu descriptors %zu stay open", counts[i],
				 open_descriptors() - before);
	}
}

static void more_descriptors_than_one_are_closed_too(void **state)
{
	static const size_t counts[] = { 2, 3, 20 };
	struct fixture *f = *state;
	open_pair(f, SOCKET_PACKET);
	const size_t before = open_descriptors();
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		int got = -1;
		send_descriptors(f->here, counts[i]);
		(void)!socket_receive_fd(f->there, f->text, 100, &f->len, &got);
		close_quietly(got);
		if (open_descriptors() != before)
			fail_msg("of %zu descriptors %zu stay open", counts[i],
				 open_descriptors() - before);
	}
}

int main(void)
{
#define SOCKET_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SOCKET_TEST(a_connection_carries_bytes_both_ways),
		SOCKET_TEST(packets_and_datagrams_stay_apart),
		SOCKET_TEST(nobody_waiting_is_said),
		SOCKET_TEST(nobody_listening_is_told_apart),
		SOCKET_TEST(listening_takes_the_place_of_what_was_there),
		SOCKET_TEST(the_mode_is_what_was_asked_for),
		SOCKET_TEST(paths_may_be_longer_than_an_address),
		SOCKET_TEST(a_name_that_is_too_long_is_refused),
		SOCKET_TEST(whoever_connects_is_known),
		SOCKET_TEST(whoever_sends_a_datagram_is_known),
		SOCKET_TEST(what_is_longer_than_the_room_is_cut_and_said),
		SOCKET_TEST(what_just_fits_is_whole),
		SOCKET_TEST(the_end_of_the_other_side_is_said),
		SOCKET_TEST(one_that_does_not_read_never_holds_us_up),
		SOCKET_TEST(descriptors_are_closed_on_exec_and_never_wait),
		SOCKET_TEST(a_descriptor_goes_along),
		SOCKET_TEST(three_descriptors_arrive_in_their_order),
		SOCKET_TEST(none_that_came_along_is_said),
		SOCKET_TEST(descriptors_that_nobody_asked_for_are_closed),
		SOCKET_TEST(more_descriptors_than_one_are_closed_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
