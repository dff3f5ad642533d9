/*
 * exposition - the hub's numbers for Prometheus: GET /metrics on loopback.
 *
 * One request a connection, in the hub's loop. Who sends nothing, or does not read, loses
 * the connection; who asks for something else gets 404.
 */
#pragma once

#include "base/err.h"
#include "ports/loop.h"

#include <stddef.h>

enum {
	EXPOSITION_GUESTS_MAX = 8, /* further ones wait in the kernel */
	EXPOSITION_REQUEST_MAX = 2048,
	EXPOSITION_ANSWER_MAX = 8 * 1024,
	EXPOSITION_WAIT_MS = 5 * 1000,
};

struct text;
struct exposition;

/* `where` is 127.0.0.1:PORT or [::1]:PORT. on_ask writes what there is now. */
enum err exposition_open(struct loop *l, const char *where,
			 void (*on_ask)(void *owner, struct text *out), void *owner,
			 struct exposition **out, struct why *why);
void exposition_close(struct exposition *x); /* NULL is fine */
