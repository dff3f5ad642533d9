/*
 * agenda - the rollouts that hubs run, each a row of the table `rollout`.
 *
 * A desk hands over what it has prepared, and says what it wishes; whichever hub has control
 * runs it and keeps how far it is. They meet in these rows alone: the one who talks to desks
 * need not be the one who controls.
 *
 * The ledger is the caller's and outlives the agenda. Writes belong to its open transaction.
 */
#pragma once

#include "cloud/fleet/campaign.h"
#include "cloud/hub/ledger.h"

enum {
	AGENDA_BYTES_MAX = 32 * 1024 * 1024, /* of one rollout, prepared */
	AGENDA_ROLLOUTS_MAX = 64,            /* of a fleet; one that is over makes room */
	AGENDA_OPEN_MAX = 8,                 /* of all fleets that go on at once, in memory */
	AGENDA_WISHES_MAX = 64 * 1024,       /* bytes of one rollout's wishes */
};

struct agenda {
	struct ledger *ledger;
	struct sql_query *find, *count, *count_open, *forget, *add, *load, *wish, *save, *summaries,
		*wishes, *open, *device;
};

enum err agenda_open(struct agenda *a, struct ledger *l, struct why *why);
void agenda_close(struct agenda *a);

/* Which rollout it is; `digest` is of what was prepared. */
struct agenda_key {
	char fleet[LABEL_SIZE], name[LABEL_SIZE], digest[DIGEST_SIZE];
};

/* Take one that a desk has prepared. The same again is fine. ERR_INVALID: it is none, or of
 * another fleet; ERR_CONFLICT: one of this name goes on; ERR_FULL: too many. */
enum err agenda_add(struct agenda *a, const char *fleet, struct bytes prepared,
		    char out_name[LABEL_SIZE], struct why *why);

/* All of one: what was prepared, how far it is, and *out_wishes, whose lines were obeyed; free()
 * them. ERR_NOT_FOUND. */
enum err agenda_load(struct agenda *a, const char *fleet, const char *name, struct campaign *out,
		     char **out_wishes, struct why *why);

/* A line of a wish; one that makes no sense now is refused: ERR_CONFLICT, ERR_INVALID. A
 * rollout that was over goes on with it. */
enum err agenda_wish(struct agenda *a, const char *fleet, const char *name, const char *line,
		     struct why *why);

/* All wishes of one, as lines; free() them. ERR_NOT_FOUND. */
enum err agenda_wishes(struct agenda *a, const struct agenda_key *key, char **out, struct why *why);

/* The summaries of a fleet's, the newest first: a JSON array. */
struct json *agenda_list(struct agenda *a, const char *fleet);

/* Those that go on; at most AGENDA_OPEN_MAX. */
struct agenda_entry {
	struct agenda_key key;
	int64_t wishes; /* characters of them: other than before, somebody has wished */
};
enum err agenda_list_open(struct agenda *a, struct agenda_entry out[AGENDA_OPEN_MAX],
			  size_t *out_count, struct why *why);

/* What is known of a member; the texts are borrowed until the next call. Nothing is known:
 * offline, and both are empty. */
struct agenda_sight {
	bool online;
	struct bytes state, desired;
};
enum err agenda_look(struct agenda *a, const char *fleet, const char *device,
		     struct agenda_sight *out, struct why *why);

/* How far it is; `is_over` counts if nobody has wished anything since `entry` was read. With a
 * server only the hub that has the lease `control` may, `owner`: ERR_CONFLICT, as when the row
 * is another's by now. */
enum err agenda_save(struct agenda *a, const struct agenda_entry *entry, const struct campaign *c,
		     bool is_over, const char *owner, struct why *why);
