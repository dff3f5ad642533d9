/*
 * crashes - how often this agent has ended by its own fault, and when that is too often.
 *
 * A fatal signal (SIGSEGV, SIGBUS, SIGILL, SIGFPE, and SIGABRT, which a failed
 * assertion and systemd's watchdog send) leaves one byte in STATE_DIR/crashes-VERSION.
 * A kill from outside and a power cut leave nothing: they are no fault. An agent that
 * has run for CRASHES_CALM_MS is forgiven, a new version begins anew. No flash is
 * written unless something crashes.
 */
#pragma once

#include "ports/loop.h"

#include <stdbool.h>

enum {
	CRASHES_MAX = 5, /* in a row: from then on safe mode */
	CRASHES_CALM_MS = 60 * 1000,
	CRASHES_SAFE_MS = 3600 * 1000, /* then one normal start is tried */
};

struct crashes {
	struct loop *loop;
	struct timer timer;
	bool is_safe_mode;
	void *owner;
	void (*on_try_again)(void *owner); /* safe mode has lasted long enough */
};

/* Count from now on. A process has one of them. */
void crashes_open(struct crashes *c, struct loop *loop, const char *state_dir);
void crashes_close(struct crashes *c);

/* What made it crash may be gone: the next start is a normal one. */
void crashes_forgive(struct crashes *c);
