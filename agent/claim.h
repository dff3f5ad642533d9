/*
 * claim - ask the hub for a board's first certificate, with the credential that an
 * invitation brings.
 *
 * A connection of its own, as user `claim`: nothing else of an agent is there yet. Asks
 * again until an answer holds or the time is over, and over a link that comes and goes.
 */
#pragma once

#include "base/url.h"
#include "ports/tls.h"
#include "sync/enrolment.h"

enum {
	CLAIM_AGAIN_MS = 10 * 1000, /* without an answer it is asked again */
	CLAIM_WAIT_MS = 2 * 60 * 1000,
};

/* All is borrowed until claim_certificate() returns. */
struct claim_options {
	const struct url *broker;
	struct tls_files tls;
	const char *fleet, *device, *token;
	const char *key_path; /* the key that the certificate is for */
	const char *join_dir; /* a 0700 folder for the private socket */
	int64_t wait_ms;
	void *owner;
	/* Take what was answered. A failure is told, and the right answer waited for. */
	enum err (*take)(void *owner, const struct chain *chain, struct why *why);
	/* Something that the person who waits should know. */
	void (*tell)(void *owner, const struct why *why);
};

/* OK: take() was. ERR_DENIED, ERR_CONFLICT (the token was used), ERR_INVALID: the hub refuses.
 * ERR_AGAIN: no answer in time, or interrupted; ERR_OFFLINE: never connected. */
enum err claim_certificate(const struct claim_options *options, struct why *why);
