/*
 * roles - what this hub does, and for which devices, beside others at one database.
 *
 * collect: letters into the database; any number at once. control: devices' states and the
 * desired ones; serve: artifacts and files. Of these, one hub at a time does each: whoever
 * has its row of the table `lease`. A hub whose database is a file is alone.
 */
#pragma once

#include "base/err.h"
#include "cloud/hub/ledger.h"

#include <stdbool.h>
#include <stdint.h>

enum { ROLE_COLLECT = 1, ROLE_CONTROL = 2, ROLE_SERVE = 4, ROLES_ALL = 7 };

enum {
	LEASE_MS = 10 * 1000, /* a hub that was killed keeps others waiting for so long */
	LEASE_RENEW_MS = 3 * 1000,
	SHARDS_MAX = 1024,
};

struct lease {
	bool is_ours;
	int64_t until_ms; /* clock_now_ms(); counted from before the database was asked */
};

struct roles {
	unsigned mine;          /* ROLE_... */
	uint32_t shard, shards; /* shards 0: all devices */
	struct lease control, serve;
};

/* "i/N", from 0/N to N-1/N. */
enum err roles_read_shard(struct roles *r, const char *text, struct why *why);

/* Is this device ours to collect? FNV-1a of "fleet/device", modulo the shards. */
bool roles_collect_from(const struct roles *r, const struct ledger_source *s);

/* Renew or take what there is of leases. *out_gained: one more of them is ours now. */
enum err roles_renew(struct roles *r, struct ledger *l, const char *owner, bool *out_gained,
		     struct why *why);
void roles_give_up(struct roles *r, struct ledger *l, const char *owner);

/* Do we have that lease now? Without a database nobody can take it from us. */
bool roles_have(const struct roles *r, unsigned role, const struct ledger *l);
