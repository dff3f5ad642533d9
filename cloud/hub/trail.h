/*
 * trail - who told which device what, and when: one row of the table `audit` for each
 * desired state that was seen on the broker.
 *
 * Rows are only ever added. Each has the hash of the one before, and `audit_end` names the
 * last: what is changed, removed or put between later is told by trail_check(). Who can write
 * the database can make a whole new chain, too; a hash that was noted elsewhere tells that.
 *
 * Writes belong to the ledger's open transaction. The ledger is the caller's and outlives the
 * trail.
 */
#pragma once

#include "cloud/hub/ledger.h"
#include "sync/desired.h"

enum {
	TRAIL_WRITER_MAX = 64,  /* bytes of it that are kept */
	TRAIL_REASON_MAX = 200, /* likewise */
};

struct trail {
	struct ledger *ledger;
	struct sql_query *has, *end, *add, *set_end;
};

/* A row. Texts are borrowed; what is not known is "" or 0. */
struct trail_row {
	int64_t seq; /* from 1, without gaps */
	const char *fleet, *device;
	int64_t epoch, generation, base;
	const char *writer, *reason; /* as the document claims; a signature proves who */
	const char *document;        /* digest of the message; "": an empty one, which forgets */
	bool kept; /* it became the newest; false: older, or second of its number */
	int64_t at_ms;
	const char *previous, *hash;
};

enum err trail_open(struct trail *t, struct ledger *l, struct why *why);
void trail_close(struct trail *t);

/* A message of this device was seen; `d` NULL: an empty one. One that has a row already gets
 * no second. */
struct trail_sight {
	const struct ledger_source *device;
	struct bytes message;
	const struct desired *d;
	bool kept;
	int64_t at_ms;
};
enum err trail_add(struct trail *t, const struct trail_sight *s, struct why *why);

/* The hash that belongs to a row, whatever it says itself. */
void trail_hash(const struct trail_row *r, char out[DIGEST_SIZE]);

/* Every row in its order, and what is wrong with it, or behind the last one (`r` NULL). */
typedef void trail_on_row(void *owner, const struct trail_row *r, const char *fault);
enum err trail_check(struct sql *s, trail_on_row *on_row, void *owner, struct why *why);
