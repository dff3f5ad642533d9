/*
 * fuzz_http - what a pod answers to a probe or a scrape: pieces, one after the other.
 *
 * The first byte chooses whether the body is read. It ends once, with a reason.
 */
#include "ports/net.h"
#include "tests/fuzz/fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 4096, PIECES_MAX = 64, TURNS_MAX = 64 };

struct fixture {
	int server;
	size_t answers, types, body;
	int status;
};

struct dial {
	struct dial_hooks hooks;
};

static struct dial dialled;

/* In place of ports/linux/net_tcp.c: the connection is there. */
enum err net_dial(struct loop *l, const char *host, uint16_t port, int64_t wait_ms,
		  const struct dial_hooks *hooks, struct dial **out, struct why *why)
{
	(void)l;
	(void)host;
	(void)port;
	(void)wait_ms;
	(void)why;
	dialled.hooks = *hooks;
	*out = &dialled;
	return OK;
}

enum err net_dial_in(struct dial *d, int network_fd, struct why *why)
{
	(void)d;
	(void)network_fd;
	(void)why;
	return OK;
}

void net_cancel(struct dial *d)
{
	(void)d;
}

static void on_answered(void *owner, int status, const struct why *why)
{
	struct fixture *f = owner;
	assert(status >= 0 || why->text[0]);
	f->status = status;
	assert(++f->answers == 1);
}

static void on_type(void *owner, const char *type)
{
	struct fixture *f = owner;
	assert(!strpbrk(type, "\r\n") && ++f->types == 1);
}

static void on_body(void *owner, struct bytes part)
{
	struct fixture *f = owner;
	assert(part.len && f->types == 1 && !f->answers);
	f->body += part.len;
	assert(f->body <= BODY_MAX);
}

static void turn(struct loop *loop)
{
	for (int i = 0; i < 3; i++)
		if (loop_turn(loop, 0, NULL))
			abort();
}

static void say(struct fixture *f, struct loop *loop, struct bytes rest)
{
	for (size_t i = 0; rest.len && i < PIECES_MAX && !f->answers; i++) {
		const struct bytes piece = fuzz_piece(&rest);
		(void)!send(f->server, piece.at, piece.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		turn(loop);
	}
	shutdown(f->server, SHUT_WR);
	for (int i = 0; i < TURNS_MAX && !f->answers; i++)
		turn(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes rest = { (const char *)at, len };
	struct fixture f = { .status = 0 };
	const bool reads_body = fuzz_byte(&rest) & 1;
	struct loop *loop;
	struct http_get *get;
	int ends[2];
	const struct why none = { "" };
	const struct http_request request = { .host = "127.0.0.1",
					      .path = "/metrics",
					      .headers = "",
					      .port = 80,
					      .wait_ms = 60000,
					      .body_max = BODY_MAX };
	const struct http_hooks hooks = { &f, on_answered, reads_body ? on_type : NULL,
					  reads_body ? on_body : NULL };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) ||
	    loop_open(&loop, NULL) || net_http_get(loop, &request, &hooks, &get, NULL))
		abort();
	f.server = ends[0];
	dialled.hooks.on_dialled(dialled.hooks.owner, ends[1], &none);
	turn(loop);
	say(&f, loop, rest);
	assert(f.answers == 1); /* whoever has hung up is not waited for */
	close(f.server);
	loop_close(loop);
	return 0;
}
