#include "cloud/hub/roles.h"

#include "base/text.h"
#include "ports/clock.h"

enum err roles_read_shard(struct roles *r, const char *text, struct why *why)
{
	const char *slash = strchr(text, '/');
	long long shard, shards;
	if (!slash ||
	    text_number((struct bytes){ text, (size_t)(slash - text) }, 0, SHARDS_MAX - 1,
			&shard) ||
	    text_number(bytes_of(slash + 1), 1, SHARDS_MAX, &shards) || shard >= shards)
		return why_set(why, ERR_INVALID,
			       "--shard %s: which of how many, 0/2 and 1/2 for two hubs; at most "
			       "%d",
			       text, SHARDS_MAX);
	r->shard = (uint32_t)shard;
	r->shards = (uint32_t)shards;
	return OK;
}

static uint32_t hash(uint32_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	return h;
}

bool roles_collect_from(const struct roles *r, const struct ledger_source *s)
{
	if (!(r->mine & ROLE_COLLECT))
		return false;
	return !r->shards ||
	       hash(hash(hash(2166136261U, s->fleet), "/"), s->device) % r->shards == r->shard;
}

static enum err renew(struct lease *lease, const char *name, struct ledger *l, const char *owner,
		      bool *out_gained, struct why *why)
{
	const int64_t until_ms = clock_now_ms() + LEASE_MS;
	const bool was_ours = lease->is_ours;
	enum err e = OK;
	if (sql_is_server(l->sql))
		e = ledger_take_lease(l, name, owner, LEASE_MS, &lease->is_ours, why);
	else
		lease->is_ours = true;
	if (!e && lease->is_ours) {
		lease->until_ms = until_ms;
		*out_gained |= !was_ours;
	}
	return e;
}

enum err roles_renew(struct roles *r, struct ledger *l, const char *owner, bool *out_gained,
		     struct why *why)
{
	enum err e = OK;
	*out_gained = false;
	if (r->mine & ROLE_CONTROL)
		e = renew(&r->control, "control", l, owner, out_gained, why);
	if (!e && (r->mine & ROLE_SERVE))
		e = renew(&r->serve, "serve", l, owner, out_gained, why);
	return e;
}

static void give_up(struct lease *lease, const char *name, struct ledger *l, const char *owner)
{
	if (lease->is_ours && ledger_is_open(l) && sql_is_server(l->sql))
		(void)!ledger_drop_lease(l, name, owner, NULL);
	lease->is_ours = false;
}

void roles_give_up(struct roles *r, struct ledger *l, const char *owner)
{
	give_up(&r->control, "control", l, owner);
	give_up(&r->serve, "serve", l, owner);
}

bool roles_have(const struct roles *r, unsigned role, const struct ledger *l)
{
	const struct lease *lease = role == ROLE_CONTROL ? &r->control : &r->serve;
	if (!(r->mine & role) || !lease->is_ours)
		return false;
	return !ledger_is_open(l) || !sql_is_server(l->sql) || clock_now_ms() < lease->until_ms;
}
