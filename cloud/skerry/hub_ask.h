/*
 * hub_ask - have the hub do something, and hear its answer.
 */
#pragma once

#include "cloud/skerry/desk.h"
#include "ports/json.h"

enum { HUB_ASK_WAIT_MS = 15 * 1000 };

/* dn/cmd/VERB of the hub; takes the args. *out is the body of its answer, the caller's.
 * ERR_OFFLINE: none answers within `wait_ms`; ERR_NOT_FOUND, ERR_CONFLICT, ERR_INVALID,
 * ERR_DENIED: it refuses, and says why. The desk's letters are ours meanwhile; on_letter
 * gets those that are no answer to us, if it was set. */
enum err hub_ask(struct desk *d, const char *verb, struct json *args, int64_t wait_ms,
		 struct json **out, struct why *why);
