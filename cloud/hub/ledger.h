/*
 * ledger - the hub's tables.
 *
 * device, batch, point, event and log; names and columns are part of the
 * contract (docs/protocol.md), users query them. Plain SQL through ports/sql.h,
 * written once for SQLite and for servers that speak PostgreSQL.
 *
 * Letters wait in memory (letters.h) until ledger_commit() makes them durable; what is
 * known of devices and files is written at once, in a transaction that it ends.
 * A batch is written whole or, if any of it is bad, not at all.
 *
 * On a server any call may answer ERR_OFFLINE: close, and open again later.
 */
#pragma once

#include "base/err.h"
#include "base/label.h"
#include "cloud/hub/depot.h"
#include "cloud/hub/letters.h"
#include "cloud/hub/schema.h"
#include "ports/sql.h"
#include "sync/desired.h"
#include "sync/point.h"

struct ledger {
	struct sql *sql;         /* NULL: closed */
	char id[SCHEMA_ID_SIZE]; /* of the database, for ever; "" for a file */
	struct sql_query *presence, *state, *desired, *get_desired, *get_state, *forget_desired,
		*mark_seen, *online, *unseen, *file, *has_file, *lease, *count_online, *devices;
	struct letters letters; /* the owner may set on_settled after opening */
	bool in_transaction;
};

/* Open or create, a file or postgresql://...; ERR_INVALID: a newer schema than ours, or a
 * wrong address. */
enum err ledger_open(struct ledger *l, const char *where, struct why *why);
void ledger_close(struct ledger *l);
bool ledger_is_open(const struct ledger *l);
/* Does nothing wait for a commit? */
bool ledger_is_idle(const struct ledger *l);

enum err ledger_begin(struct ledger *l, struct why *why);
/* Trouble: nothing of the transaction is kept, and of the letters those that were told. */
enum err ledger_commit(struct ledger *l, struct why *why);
/* Forget the transaction and the letters. */
void ledger_rollback(struct ledger *l);

/* Begin a batch. ERR_CONFLICT: it waits already, and nothing is to be done; one that is in
 * the database shows at the commit. OK: its items follow, then ledger_batch_end(). */
enum err ledger_batch_begin(struct ledger *l, const struct ledger_batch *b, struct why *why);
/* Keep it, or with `keep` false forget all of it. */
void ledger_batch_end(struct ledger *l, bool keep);

/* `time_ms` is the point's in milliseconds since 1970, whatever its own clock says. */
enum err ledger_add_point(struct ledger *l, const struct ledger_source *s, const struct point *p,
			  int64_t time_ms, struct why *why);

struct ledger_event {
	int64_t time_ms;
	const char *type, *reason, *object, *message, *more; /* more: JSON or NULL */
};
enum err ledger_add_event(struct ledger *l, const struct ledger_source *s,
			  const struct ledger_event *e, struct why *why);

struct ledger_line {
	int64_t time_ms;
	const char *pod, *container, *stream, *text;
};
enum err ledger_add_line(struct ledger *l, const struct ledger_source *s,
			 const struct ledger_line *line, struct why *why);

/* A file that lies in the depot at `path`, relative to its folder. */
enum err ledger_add_file(struct ledger *l, const struct ledger_source *s,
			 const struct depot_file *f, const char *path, int64_t received_ms,
			 struct why *why);
bool ledger_has_file(struct ledger *l, const struct ledger_source *s, const char *id);

/* Presence; one of an older session than the newest is ignored. */
struct ledger_presence {
	bool online;
	int64_t session, generation, received_ms;
	const char *boot, *agent, *why_left;
};
enum err ledger_set_presence(struct ledger *l, const struct ledger_source *s,
			     const struct ledger_presence *p, struct why *why);

/* The reported state as it came. */
enum err ledger_set_state(struct ledger *l, const struct ledger_source *s, struct bytes document,
			  int64_t received_ms, struct why *why);

/* The desired state, if it is newer than the one that is kept, by epoch and generation. */
enum err ledger_set_desired(struct ledger *l, const struct ledger_source *s, struct bytes document,
			    int64_t epoch, int64_t generation, struct why *why);
enum err ledger_forget_desired(struct ledger *l, const struct ledger_source *s, struct why *why);

/* The state reported last; borrowed until the next call. ERR_NOT_FOUND. */
enum err ledger_get_state(struct ledger *l, const struct ledger_source *s, struct bytes *document);

/* Kept document and its order, without a digest, the trust as it names it; borrowed until the next
 * call. ERR_NOT_FOUND. */
enum err ledger_get_desired(struct ledger *l, const struct ledger_source *s, struct bytes *document,
			    struct desired_id *out);

/* Up to `limit` devices of a fleet whose names come after `after`, in the order of their names,
 * with the presence that was heard last; all zeroes and "": none was. */
typedef void ledger_on_presence(void *owner, const struct ledger_source *s,
				const struct ledger_presence *p);
enum err ledger_each_device(struct ledger *l, const char *fleet, const char *after, int64_t limit,
			    ledger_on_presence *on_device, void *owner, struct why *why);

/* The broker still has this device's desired state. */
enum err ledger_mark_seen(struct ledger *l, const struct ledger_source *s, struct why *why);
/* A new connection: nothing has been seen on it yet. */
enum err ledger_mark_all_unseen(struct ledger *l, struct why *why);

/* One row that several hubs want: ours for `ms` from now on, by the database's clock, if
 * nobody else has it. */
enum err ledger_take_lease(struct ledger *l, const char *name, const char *owner, int64_t ms,
			   bool *out_taken, struct why *why);
enum err ledger_drop_lease(struct ledger *l, const char *name, const char *owner, struct why *why);

enum err ledger_count_online(struct ledger *l, int64_t *out, struct why *why);

/* Every device that is online; every one whose desired state was not seen. */
typedef void ledger_on_device(void *owner, const struct ledger_source *s);
enum err ledger_each_online(struct ledger *l, ledger_on_device *on_device, void *owner,
			    struct why *why);
enum err ledger_each_unseen(struct ledger *l, ledger_on_device *on_device, void *owner,
			    struct why *why);
