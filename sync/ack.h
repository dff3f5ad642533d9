/*
 * ack - the hub's word that it has committed letters: dn/ack.
 *
 * {"buf":"k3f9","ok":[[1842,1850]],"bad":[[1851,"why"]]}. One for another
 * `buf` is about an outbox that is gone and says nothing. One that names
 * nothing says that the hub is there and wants what is unacknowledged.
 */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "ports/json.h"

struct ack_hooks {
	void *owner;
	void (*on_ok)(void *owner, int64_t from, int64_t to);
	void (*on_bad)(void *owner, int64_t seq, const char *reason);
	void (*on_hello)(void *owner);
};

/* ERR_INVALID: not an ack; nothing was told. ERR_NOT_FOUND: for another buf. */
enum err ack_read(struct bytes payload, const char *buf, const struct ack_hooks *hooks,
		  struct why *why);
