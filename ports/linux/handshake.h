/*
 * handshake - carries a TLS handshake through the loop, for a while.
 *
 * Private to ports/linux: between dialling a broker and joining it to libmosquitto.
 */
#pragma once

#include "ports/loop.h"
#include "ports/tls.h"

struct handshake {
	struct loop *loop; /* NULL: nothing is under way */
	struct tls *tls;
	struct watch watch;
	struct timer deadline;
	void *owner;
	/* Called once, from the loop. `fd` is the callee's from here on; -1: failed. */
	void (*on_secured)(void *owner, int fd, const struct why *why);
};

/* `tls` is prepared, and borrowed; `fd` is taken, also when it fails. owner and
 * on_secured are set. */
enum err handshake_start(struct handshake *h, struct loop *l, struct tls *tls, int fd,
			 struct why *why);

/* Give up; the hook is not called any more. Not under way: nothing happens. */
void handshake_cancel(struct handshake *h);
