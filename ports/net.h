/*
 * net - outgoing TCP that never holds up the loop.
 *
 * Names are looked up by a short-lived child process, so that a dead name
 * server costs a deadline and nothing else.
 *
 * Implementations: ports/linux/net_tcp.c and net_http.c. A program that dials must call
 * net_is_resolver() first in main().
 */
#pragma once

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

/* Give up; the hook is not called any more. NULL is fine. */
void net_cancel(struct dial *d);

/* A port of 127.0.0.1 that nobody uses right now; 0: there is none. */
int net_free_port(void);

struct http_get;

struct http_hooks {
	void *owner;
	/* Called once. `status` is HTTP's; -1: there was none, `why` says how. */
	void (*on_answered)(void *owner, int status, const struct why *why);
};

/* GET a path for its status; the body is not read. */
enum err net_http_get(struct loop *l, const char *host, uint16_t port, const char *path,
		      int64_t wait_ms, const struct http_hooks *hooks, struct http_get **out,
		      struct why *why);
void net_http_cancel(struct http_get *g); /* NULL is fine */

/* When the program was started to look up a name, do so and answer true. */
bool net_is_resolver(int argc, char **argv);
