/*
 * net - TCP that goes out and UDP that comes in, and never holds up the loop.
 *
 * Names are looked up by a short-lived child process, so that a dead name
 * server costs a deadline and nothing else.
 *
 * Implementations: ports/linux/net_tcp.c, net_udp.c, net_http.c and net_address.c. A program that
 * dials must call net_is_resolver() first in main().
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "ports/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct dial;

struct dial_hooks {
	void *owner;
	/* Called once. `fd` is the callee's from here on; -1: failed, `why` says how. */
	void (*on_dialled)(void *owner, int fd, const struct why *why);
};

/* Connect to host:port, trying each of its addresses, for at most `wait_ms`. */
enum err net_dial(struct loop *l, const char *host, uint16_t port, int64_t wait_ms,
		  const struct dial_hooks *hooks, struct dial **out, struct why *why);

/* Connect from another network name space (ports/netns.h), which is the caller's still;
 * to be said before the loop turns. Names are looked up in ours. */
enum err net_dial_in(struct dial *d, int network_fd, struct why *why);

/* Give up; the hook is not called any more. NULL is fine. */
void net_cancel(struct dial *d);

/* A port of 127.0.0.1 that nobody uses right now; 0: there is none. */
int net_free_port(void);

enum { NET_ADDRESS_SIZE = 46 };

/* The address from which this machine speaks to others; 127.0.0.1 when it has no way out. */
void net_own_address(char out[NET_ADDRESS_SIZE]);

/* 127.0.0.0/8 and ::1; a name is none. */
bool net_is_loopback(const char *address);

/* A UDP socket, for socket_receive(), which the caller closes. ERR_DENIED: somebody else has
 * the port. */
enum err net_bind_udp(const char *address, uint16_t port, int *out_fd, struct why *why);

/* Datagrams that found no room in the socket since it was made; 0 where the kernel does not
 * say (before Linux 4.12). */
uint32_t net_udp_drops(int fd);

struct http_get;

struct http_hooks {
	void *owner;
	/* Called once. `status` is HTTP's; -1: there was none, `why` says how. */
	void (*on_answered)(void *owner, int status, const struct why *why);
	/* Both NULL: the body is not read. Else, for status 200 alone: its type, "" if none is
	 * said, and its parts as they come; on_answered follows when the body is whole. They
	 * must not cancel the request. */
	void (*on_type)(void *owner, const char *type);
	void (*on_body)(void *owner, struct bytes part);
};

struct http_request {
	const char *host, *path;
	const char
		*headers; /* more of them, whole lines; "" for none. Host takes the place of ours */
	uint16_t port;
	int64_t wait_ms;
	int network_fd;  /* as for net_dial_in(); 0 or less: our own */
	size_t body_max; /* bytes of a body that is read; a longer one has failed */
};

/* GET a path for its status, or for its body, too. Redirects are answers like others: they
 * are not followed. A body is asked for in HTTP/1.0, which knows no encodings. */
enum err net_http_get(struct loop *l, const struct http_request *request,
		      const struct http_hooks *hooks, struct http_get **out, struct why *why);
void net_http_cancel(struct http_get *g); /* NULL is fine */

/* When the program was started to look up a name, do so and answer true. */
bool net_is_resolver(int argc, char **argv);
