#include "ports/net.h"

#include "base/bytes.h"
#include "base/scoped.h"
#include "tests/check.h"
#include "tests/contract/waiting.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct fixture {
	struct loop *loop;
	struct dial *dial;
	struct http_get *get;
	struct watch server; /* a listening socket of ours */
	struct watch connection;
	uint16_t port;
	int accepted;
	const char *answer; /* what an HTTP server would say; NULL: nothing */
	char request[1024];

	char type[64], body[8 * 1024];
	size_t body_len;

	bool done;
	size_t calls;
	int fd, status;
	struct why why;
};

static void on_dialled(void *owner, int fd, const struct why *why)
{
	struct fixture *f = owner;
	f->calls++;
	f->done = true;
	f->fd = fd;
	f->why = *why;
	f->dial = NULL;
}

static void on_answered(void *owner, int status, const struct why *why)
{
	struct fixture *f = owner;
	f->calls++;
	f->done = true;
	f->status = status;
	f->why = *why;
	f->get = NULL;
}

static void on_request(void *owner, unsigned events)
{
	struct fixture *f = owner;
	ssize_t n = read(f->accepted, f->request, sizeof f->request - 1);
	(void)events;
	assert_true(n > 0);
	f->request[n] = '\0';
	assert_int_equal(write(f->accepted, f->answer, strlen(f->answer)), strlen(f->answer));
	loop_unwatch(f->loop, &f->connection);
	close(f->accepted);
	f->accepted = -1;
}

static void on_knock(void *owner, unsigned events)
{
	struct fixture *f = owner;
	(void)events;
	f->accepted = accept4(f->server.fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(f->accepted >= 0);
	if (!f->answer)
		return;
	f->connection = (struct watch){
		.fd = f->accepted, .events = LOOP_READ, .owner = f, .on_ready = on_request
	};
	assert_ok(loop_watch(f->loop, &f->connection, NULL));
}

/* False: this machine has no loopback of that family. */
static bool listen_on(struct fixture *f, int family)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_storage at = { 0 };
	socklen_t len = family == AF_INET ? sizeof v4 : sizeof v6;
	memcpy(&at, family == AF_INET ? (void *)&v4 : (void *)&v6, len);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len)) {
		close_quietly(fd);
		return false;
	}
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	f->port = ntohs(family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port
					  : ((struct sockaddr_in6 *)&at)->sin6_port);
	f->server =
		(struct watch){ .fd = fd, .events = LOOP_READ, .owner = f, .on_ready = on_knock };
	assert_ok(loop_watch(f->loop, &f->server, NULL));
	return true;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_non_null(f);
	assert_ok(loop_open(&f->loop, NULL));
	f->fd = f->accepted = f->server.fd = -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	net_cancel(f->dial);
	net_http_cancel(f->get);
	if (f->server.fd >= 0)
		loop_unwatch(f->loop, &f->server);
	close_quietly(f->server.fd);
	close_quietly(f->accepted);
	close_quietly(f->fd);
	loop_close(f->loop);
	free(f);
	return 0;
}

static void dial_to(struct fixture *f, const char *host, uint16_t port, int64_t wait_ms)
{
	const struct dial_hooks hooks = { f, on_dialled };
	f->done = false;
	assert_ok(net_dial(f->loop, host, port, wait_ms, &hooks, &f->dial, &f->why));
}

static void assert_connected(struct fixture *f)
{
	char byte;
	turn_until(f->loop, &f->done);
	if (f->fd < 0)
		fail_msg("%s", f->why.text);
	while (f->accepted < 0)
		assert_ok(loop_turn(f->loop, 50, NULL));
	assert_int_equal(write(f->fd, "x", 1), 1);
	assert_int_equal(read(f->accepted, &byte, 1), 1);
	assert_int_equal(f->calls, 1);
}

/* --- dialling --- */

static void an_address_is_connected(void **state)
{
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	dial_to(f, "127.0.0.1", f->port, PATIENCE_MS);
	assert_false(f->done); /* never from within the call */
	assert_connected(f);
	assert_true(fcntl(f->fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(f->fd, F_GETFL) & O_NONBLOCK);
}

static void an_address_of_version_6_is_connected(void **state)
{
	struct fixture *f = *state;
	if (!listen_on(f, AF_INET6))
		return; /* a machine without it has nothing to show */
	dial_to(f, "::1", f->port, PATIENCE_MS);
	assert_connected(f);
}

static void a_name_is_looked_up(void **state)
{
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	dial_to(f, "localhost", f->port, PATIENCE_MS);
	assert_connected(f);
}

static void nobody_listening_is_told_from_the_loop(void **state)
{
	struct fixture *f = *state;
	int port = net_free_port();
	assert_in_range(port, 1, 65535);
	dial_to(f, "127.0.0.1", (uint16_t)port, PATIENCE_MS);
	assert_int_equal(f->calls, 0);
	turn_until(f->loop, &f->done);
	assert_int_equal(f->fd, -1);
	assert_non_null(strstr(f->why.text, "127.0.0.1"));
	assert_non_null(strstr(f->why.text, "refused"));
}

static void a_name_that_nobody_knows_is_told(void **state)
{
	struct fixture *f = *state;
	dial_to(f, "no..such..name", 1883, PATIENCE_MS);
	turn_until(f->loop, &f->done);
	assert_int_equal(f->fd, -1);
	assert_int_equal(f->calls, 1);
	assert_non_null(strstr(f->why.text, "no..such..name"));
}

static void a_cancelled_dial_tells_nobody(void **state)
{
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	dial_to(f, "127.0.0.1", f->port, PATIENCE_MS);
	net_cancel(f->dial);
	f->dial = NULL;
	dial_to(f, "localhost", f->port, PATIENCE_MS);
	net_cancel(f->dial);
	f->dial = NULL;
	for (int i = 0; i < 5; i++)
		assert_ok(loop_turn(f->loop, 20, NULL));
	assert_int_equal(f->calls, 0);
	net_cancel(NULL);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* and leaves no child */
}

static void a_deadline_ends_a_dial(void **state)
{
	struct fixture *f = *state;
	dial_to(f, "localhost", 1883, 0);
	assert_ok(loop_turn(f->loop, 0, NULL));
	turn_until(f->loop, &f->done);
	assert_int_equal(f->calls, 1);
	assert_int_equal(f->fd, -1);
	assert_string_not_equal(f->why.text, "");
}

static void redial(void *owner, int fd, const struct why *why)
{
	struct fixture *f = owner;
	assert_int_equal(fd, -1);
	(void)why;
	dial_to(f, "127.0.0.1", f->port, PATIENCE_MS);
}

static void the_hook_may_dial_again(void **state)
{
	struct fixture *f = *state;
	const struct dial_hooks hooks = { f, redial };
	assert_true(listen_on(f, AF_INET));
	assert_ok(net_dial(f->loop, "127.0.0.1", (uint16_t)net_free_port(), PATIENCE_MS, &hooks,
			   &f->dial, &f->why));
	assert_connected(f);
}

static void free_ports_are_free(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		int port = net_free_port();
		struct sockaddr_in at = { .sin_family = AF_INET,
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					  .sin_port = htons((uint16_t)port) };
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
		close(fd);
	}
}

/* --- asking for a status --- */

static void get(struct fixture *f, const char *path, int64_t wait_ms)
{
	const struct http_hooks hooks = { f, on_answered };
	const struct http_request q = { "127.0.0.1", path, "", f->port, wait_ms };
	assert_ok(net_http_get(f->loop, &q, &hooks, &f->get, &f->why));
}

static int status_of(struct fixture *f, const char *answer)
{
	f->answer = answer;
	f->done = false;
	get(f, "/healthz", PATIENCE_MS);
	turn_until(f->loop, &f->done);
	return f->status;
}

static void the_status_is_told(void **state)
{
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	assert_int_equal(status_of(f, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 200);
	assert_int_equal(strncmp(f->request, "GET /healthz HTTP/1.1\r\n", 23), 0);
	assert_non_null(strstr(f->request, "\r\nHost: 127.0.0.1:"));
	assert_non_null(strstr(f->request, "\r\n\r\n"));
	assert_int_equal(status_of(f, "HTTP/1.0 503 Nope\r\n\r\n"), 503);
	assert_int_equal(status_of(f, "HTTP/1.1 404\r\n\r\n"), 404);
	assert_int_equal(f->calls, 3);
}

static void what_is_not_http_is_no_status(void **state)
{
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	assert_int_equal(status_of(f, "SSH-2.0-OpenSSH\r\n"), -1);
	assert_string_not_equal(f->why.text, "");
	assert_int_equal(status_of(f, "\r\n"), -1);
	assert_int_equal(status_of(f, "HTTP/1.1"), -1);
}

static void a_long_first_line_does_no_harm(void **state)
{
	struct fixture *f = *state;
	char answer[1000] = "HTTP/1.1 200 ";
	memset(answer + 13, 'x', sizeof answer - 14);
	assert_true(listen_on(f, AF_INET));
	assert_int_equal(status_of(f, answer), 200);
}

static void a_server_that_says_nothing_is_given_up(void **state)
{
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	get(f, "/", 50);
	turn_until(f->loop, &f->done);
	assert_int_equal(f->status, -1);
	assert_string_not_equal(f->why.text, "");
}

static void no_server_is_no_status(void **state)
{
	struct fixture *f = *state;
	f->port = (uint16_t)net_free_port();
	get(f, "/", PATIENCE_MS);
	turn_until(f->loop, &f->done);
	assert_int_equal(f->status, -1);
	assert_non_null(strstr(f->why.text, "refused"));
}

static void own_headers_go_along_and_host_takes_the_place_of_ours(void **state)
{
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	const struct http_hooks hooks = { f, on_answered };
	const struct http_request q = { "127.0.0.1", "/", "X-Probe: yes\r\nhost: web\r\n", f->port,
					PATIENCE_MS };
	f->answer = "HTTP/1.1 200 OK\r\n\r\n";
	assert_ok(net_http_get(f->loop, &q, &hooks, &f->get, &f->why));
	turn_until(f->loop, &f->done);
	assert_int_equal(f->status, 200);
	assert_non_null(strstr(f->request, "\r\nX-Probe: yes\r\n"));
	assert_non_null(strstr(f->request, "\r\nhost: web\r\n"));
	assert_null(strstr(f->request, "Host: 127"));
}

static void the_own_address_is_one(void **state)
{
	char address[NET_ADDRESS_SIZE];
	unsigned char bytes[16];
	(void)state;
	net_own_address(address);
	assert_true(inet_pton(AF_INET, address, bytes) == 1 ||
		    inet_pton(AF_INET6, address, bytes) == 1);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct http_hooks hooks = { f, on_answered };
	char path[2000];
	memset(path, 'p', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	const struct http_request q = { "127.0.0.1", path, "", 80, 1000 };
	assert_err(ERR_FULL, net_http_get(f->loop, &q, &hooks, &f->get, &f->why));
	f->get = NULL;
	assert_int_equal(f->calls, 0);
}

static void a_cancelled_question_tells_nobody(void **state)
{
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	get(f, "/", 50);
	while (f->accepted < 0)
		assert_ok(loop_turn(f->loop, 50, NULL));
	net_http_cancel(f->get);
	f->get = NULL;
	assert_ok(loop_turn(f->loop, 100, NULL));
	assert_int_equal(f->calls, 0);
	net_http_cancel(NULL);
}

/* --- asking for a body --- */

static void on_type(void *owner, const char *type)
{
	struct fixture *f = owner;
	snprintf(f->type, sizeof f->type, "%s", type);
}

static void on_body(void *owner, struct bytes part)
{
	struct fixture *f = owner;
	assert_in_range(part.len, 1, sizeof f->body - f->body_len);
	memcpy(f->body + f->body_len, part.at, part.len);
	f->body_len += part.len;
}

static int body_of(struct fixture *f, const char *answer)
{
	const struct http_hooks hooks = { f, on_answered, on_type, on_body };
	const struct http_request q = { "127.0.0.1", "/metrics",  "",
					f->port,     PATIENCE_MS, .body_max = 6000 };
	f->answer = answer;
	f->done = false;
	f->body_len = 0;
	strcpy(f->type, "none");
	assert_ok(net_http_get(f->loop, &q, &hooks, &f->get, &f->why));
	turn_until(f->loop, &f->done);
	return f->status;
}

static void assert_body(const struct fixture *f, const char *expected)
{
	assert_int_equal(f->body_len, strlen(expected));
	assert_memory_equal(f->body, expected, f->body_len);
}

static void a_body_comes_in_parts(void **state)
{
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	assert_int_equal(body_of(f, "HTTP/1.1 200 OK\r\ncontent-type: text/plain; v=1\r\n"
				    "Content-Length: 5\r\n\r\nup 1\nmore"),
			 200);
	assert_body(f, "up 1\n");
	assert_string_equal(f->type, "text/plain; v=1");
	assert_non_null(strstr(f->request, "GET /metrics HTTP/1.0\r\n"));
	/* Without a length it ends with the connection. */
	assert_int_equal(body_of(f, "HTTP/1.0 200 OK\r\n\r\nup 1\n"), 200);
	assert_body(f, "up 1\n");
	assert_string_equal(f->type, "");
	assert_int_equal(body_of(f, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), 200);
	assert_int_equal(f->body_len, 0);
	static char long_body[5000] = "HTTP/1.0 200 OK\r\n\r\n";
	memset(long_body + 19, 'b', sizeof long_body - 20);
	assert_int_equal(body_of(f, long_body), 200);
	assert_body(f, long_body + 19);
}

static void a_body_is_only_read_of_a_good_answer(void **state)
{
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	assert_int_equal(body_of(f, "HTTP/1.1 404 No\r\n\r\nup 1\n"), 404);
	/* Where it leads to is not asked. */
	assert_int_equal(body_of(f, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n"),
			 302);
	assert_int_equal(f->calls, 2);
	assert_int_equal(f->body_len, 0);
	assert_string_equal(f->type, "none");
}

static void a_body_that_is_not_whole_has_failed(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nup 1\n",
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nup 1\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nup 1\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nup 1\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nxx",
		"HTTP/1.1 200 OK\r\nContent-Length: 1",
		"SSH-2.0-OpenSSH\r\n\r\n",
		"\r\n\r\n",
		"",
	};
	struct fixture *f = *state;
	assert_true(listen_on(f, AF_INET));
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		if (body_of(f, answers[i]) != -1)
			fail_msg("taken: %s", answers[i]);
		assert_string_not_equal(f->why.text, "");
	}
}

static void more_than_is_wanted_is_not_read(void **state)
{
	struct fixture *f = *state;
	static char answer[12000] = "HTTP/1.0 200 OK\r\n\r\n";
	assert_true(listen_on(f, AF_INET));
	memset(answer + 19, 'b', 6001);
	assert_int_equal(body_of(f, answer), -1);
	assert_non_null(strstr(f->why.text, "6000"));
	assert_in_range(f->body_len, 0, 6000);
	/* Headers have an end, too. */
	memset(answer + 17, 'h', 8000);
	assert_int_equal(body_of(f, answer), -1);
	assert_non_null(strstr(f->why.text, "headers"));
}

int main(int argc, char **argv)
{
	if (net_is_resolver(argc, argv))
		return 0;
#define NET_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		NET_TEST(an_address_is_connected),
		NET_TEST(an_address_of_version_6_is_connected),
		NET_TEST(a_name_is_looked_up),
		NET_TEST(nobody_listening_is_told_from_the_loop),
		NET_TEST(a_name_that_nobody_knows_is_told),
		NET_TEST(a_cancelled_dial_tells_nobody),
		NET_TEST(a_deadline_ends_a_dial),
		NET_TEST(the_hook_may_dial_again),
		NET_TEST(free_ports_are_free),
		NET_TEST(the_status_is_told),
		NET_TEST(what_is_not_http_is_no_status),
		NET_TEST(a_long_first_line_does_no_harm),
		NET_TEST(a_server_that_says_nothing_is_given_up),
		NET_TEST(no_server_is_no_status),
		NET_TEST(own_headers_go_along_and_host_takes_the_place_of_ours),
		NET_TEST(the_own_address_is_one),
		NET_TEST(a_path_that_is_too_long_is_refused),
		NET_TEST(a_cancelled_question_tells_nobody),
		NET_TEST(a_body_comes_in_parts),
		NET_TEST(a_body_is_only_read_of_a_good_answer),
		NET_TEST(a_body_that_is_not_whole_has_failed),
		NET_TEST(more_than_is_wanted_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
