/*
 * renewal - which certificate a board shows, and the next one in time.
 *
 * At two thirds of its life, and a share of it that differs from board to board, the
 * next one is asked for over the running link, with a new key, signed by the present
 * one. What comes is kept in the other slot and tried at once: the board leaves in
 * peace and connects with it. When the broker has taken a message of that connection
 * (CONNACK and the first PUBACK), it is the one in use. Until then the old one stays, and
 * each second attempt is with it; a certificate that fails three times where the old
 * one connects is given up.
 *
 * Nothing is due, and nothing has expired, while nobody has set the clock.
 */
#pragma once

#include "agent/event.h"
#include "agent/identity.h"
#include "sync/link.h"

enum {
	RENEWAL_AGAIN_MS = 30 * 1000,       /* without an answer; doubles ... */
	RENEWAL_AGAIN_MAX_MS = 3600 * 1000, /* ... up to this, and this after a refusal */
	RENEWAL_TRY_MS = 10 * 1000,         /* on the old one again: until the next try */
	RENEWAL_TRIES_MAX = 3,
};

struct renewal {
	struct loop *loop;
	struct link *link;
	struct events *events;
	const char *device;
	struct identity identity;
	struct certificate_view view; /* of the certificate of the present attempt */
	char shown;                   /* its slot */
	char cert[IDENTITY_PATH_MAX], key[IDENTITY_PATH_MAX];
	bool old_next;  /* the next attempt is with the one in use, whatever else there is */
	unsigned tries; /* of a new one that failed */
	unsigned asked;
	int64_t not_before_ms; /* not asked again before, since boot */
	struct timer timer;
	struct why why; /* what was wrong last; "": nothing */
};

/* NULL in *out: this board has no identity of its own to renew. ERR_DENIED: joining was cut off. */
enum err renewal_open(struct renewal **out, struct loop *l, const struct config *c,
		      struct why *why);
void renewal_close(struct renewal *r); /* NULL is fine */

/* For struct link_hooks; r->link and r->events are set by then. ERR_DENIED: it has expired. */
enum err renewal_on_dial(struct renewal *r, struct tls_files *files, struct why *why);
void renewal_on_proved(struct renewal *r);
void renewal_on_up(struct renewal *r);

/* The command `certificate`: 200 and the certificates, or why there are none. The text answers it;
 * *out_code is 200 or 400. */
const char *renewal_on_answer(struct renewal *r, const struct json *args, int *out_code);

/* When a certificate is to be renewed: two thirds, and up to a twelfth more by its key. */
int64_t renewal_due_ms(const struct certificate_view *v);

/* For report and status. */
struct json *renewal_report(const struct renewal *r);
