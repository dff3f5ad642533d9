#include "cloud/hub/roll.h"

#include "base/base64.h"
#include "base/text.h"
#include "ports/json.h"

#include <stdlib.h>

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS enrolment("
	"  fleet TEXT NOT NULL, device TEXT NOT NULL, token TEXT NOT NULL, key TEXT,"
	"  made_ms BIGINT NOT NULL, until_ms BIGINT NOT NULL, PRIMARY KEY(fleet, device));"
	"CREATE TABLE IF NOT EXISTS certificate("
	"  fleet TEXT NOT NULL, device TEXT NOT NULL, key TEXT NOT NULL, serial TEXT NOT NULL,"
	"  from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL, revoked_ms BIGINT,"
	"  chain TEXT NOT NULL, PRIMARY KEY(fleet, device, key));";

static enum err prepare_all(struct roll *r, struct why *why)
{
	const struct {
		struct sql_query **into;
		const char *statement;
	} plan[] = {
		{ &r->invite,
		  "INSERT INTO enrolment(fleet, device, token, made_ms, until_ms)"
		  " SELECT CAST(?1 AS TEXT), CAST(?2 AS TEXT), CAST(?3 AS TEXT), CAST(?4 AS "
		  "BIGINT),"
		  " CAST(?5 AS BIGINT) WHERE (SELECT count(*) FROM enrolment"
		  " WHERE fleet = ?1 AND device <> ?2) < ?6 ON CONFLICT(fleet, device)"
		  " DO UPDATE SET token = ?3, key = NULL, made_ms = ?4, until_ms = ?5" },
		{ &r->find, "SELECT token, key, until_ms FROM enrolment WHERE fleet = ?1"
			    " AND device = ?2 AND until_ms > ?3" },
		{ &r->bind, "UPDATE enrolment SET key = ?3 WHERE fleet = ?1 AND device = ?2" },
		{ &r->forget, "DELETE FROM enrolment WHERE fleet = ?1 AND device = ?2" },
		{ &r->awaited, "SELECT device, until_ms FROM enrolment WHERE fleet = ?1"
			       " AND until_ms > ?2 AND key IS NULL ORDER BY device" },
		{ &r->fleets, "SELECT fleet FROM enrolment UNION SELECT fleet FROM certificate" },
		{ &r->certify,
		  "INSERT INTO certificate(fleet, device, key, serial, from_ms, to_ms, chain)"
		  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING" },
		{ &r->get, "SELECT chain, revoked_ms FROM certificate WHERE fleet = ?1"
			   " AND device = ?2 AND key = ?3" },
		{ &r->revoke, "UPDATE certificate SET revoked_ms = ?3 WHERE fleet = ?1"
			      " AND device = ?2 AND revoked_ms IS NULL" },
		{ &r->revoked, "SELECT serial, revoked_ms FROM certificate"
			       " WHERE revoked_ms IS NOT NULL ORDER BY revoked_ms DESC LIMIT ?1" },
		{ &r->expire_tokens, "DELETE FROM enrolment WHERE until_ms <= ?1" },
		{ &r->expire_certificates, "DELETE FROM certificate WHERE to_ms <= ?1" },
	};
	enum err e = OK;
	for (size_t i = 0; !e && i < sizeof plan / sizeof *plan; i++)
		e = sql_prepare(r->ledger->sql, plan[i].statement, plan[i].into, why);
	return e;
}

enum err roll_open(struct roll *r, struct ledger *l, struct why *why)
{
	*r = (struct roll){ .ledger = l };
	enum err e = sql_run(l->sql, schema, why);
	if (!e)
		e = prepare_all(r, why);
	if (e)
		roll_close(r);
	return e;
}

void roll_close(struct roll *r)
{
	struct sql_query *all[] = {
		r->invite,  r->find, r->bind,   r->forget,  r->awaited,       r->fleets,
		r->certify, r->get,  r->revoke, r->revoked, r->expire_tokens, r->expire_certificates
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sql_finish(all[i]);
	*r = (struct roll){ 0 };
}

static void bind_source(struct sql_query *q, const struct ledger_source *s)
{
	sql_bind_text(q, 1, bytes_of(s->fleet));
	sql_bind_text(q, 2, bytes_of(s->device));
}

enum err roll_expire(struct roll *r, int64_t now_ms, struct why *why)
{
	sql_bind_integer(r->expire_tokens, 1, now_ms);
	sql_bind_integer(r->expire_certificates, 1, now_ms);
	enum err e = ledger_begin(r->ledger, why);
	if (!e)
		e = sql_execute(r->expire_tokens, why);
	return e ? e : sql_execute(r->expire_certificates, why);
}

/* --- tokens --- */

enum err roll_invite(struct roll *r, const struct ledger_source *who, const char *token,
		     int64_t now_ms, struct why *why)
{
	bind_source(r->invite, who);
	sql_bind_text(r->invite, 3, bytes_of(token));
	sql_bind_integer(r->invite, 4, now_ms);
	sql_bind_integer(r->invite, 5, now_ms + TOKEN_LIFE_MS);
	sql_bind_integer(r->invite, 6, ENROLMENTS_MAX);
	enum err e = ledger_begin(r->ledger, why);
	if (!e)
		e = sql_execute(r->invite, why);
	if (!e && !sql_changes(r->ledger->sql))
		e = why_set(why, ERR_FULL, "%d devices are awaited already", ENROLMENTS_MAX);
	return e;
}

enum err roll_find(struct roll *r, const struct ledger_source *who, int64_t now_ms,
		   struct roll_invitation *out)
{
	struct sql_query *q = r->find;
	*out = (struct roll_invitation){ 0 };
	bind_source(q, who);
	sql_bind_integer(q, 3, now_ms);
	enum err e = sql_step(q, NULL);
	if (!e) {
		text_copy(out->token, sizeof out->token, sql_bytes(q, 0));
		if (!sql_is_null(q, 1))
			text_copy(out->key, sizeof out->key, sql_bytes(q, 1));
		out->until_ms = sql_integer(q, 2);
	}
	sql_rewind(q);
	return e;
}

enum err roll_bind(struct roll *r, const struct ledger_source *who, const char *key,
		   struct why *why)
{
	bind_source(r->bind, who);
	sql_bind_text(r->bind, 3, bytes_of(key));
	enum err e = ledger_begin(r->ledger, why);
	return e ? e : sql_execute(r->bind, why);
}

bool roll_forget(struct roll *r, const struct ledger_source *who, struct why *why)
{
	bind_source(r->forget, who);
	enum err e = ledger_begin(r->ledger, why);
	if (!e)
		e = sql_execute(r->forget, why);
	return !e && sql_changes(r->ledger->sql) > 0;
}

void roll_each_awaited(struct roll *r, const char *fleet, int64_t now_ms,
		       void (*on_one)(void *owner, const char *device, int64_t until_ms),
		       void *owner)
{
	char device[LABEL_SIZE];
	sql_bind_text(r->awaited, 1, bytes_of(fleet));
	sql_bind_integer(r->awaited, 2, now_ms);
	while (sql_step(r->awaited, NULL) == OK) {
		text_copy(device, sizeof device, sql_bytes(r->awaited, 0));
		on_one(owner, device, sql_integer(r->awaited, 1));
	}
	sql_rewind(r->awaited);
}

void roll_each_fleet(struct roll *r, void (*on_one)(void *owner, const char *fleet), void *owner)
{
	char fleet[LABEL_SIZE];
	while (sql_step(r->fleets, NULL) == OK) {
		text_copy(fleet, sizeof fleet, sql_bytes(r->fleets, 0));
		on_one(owner, fleet);
	}
	sql_rewind(r->fleets);
}

/* --- certificates --- */

enum err roll_certify(struct roll *r, const struct ledger_source *who,
		      const struct roll_certificate *c, struct why *why)
{
	bind_source(r->certify, who);
	sql_bind_text(r->certify, 3, bytes_of(c->key));
	sql_bind_text(r->certify, 4, bytes_of(c->view.serial));
	sql_bind_integer(r->certify, 5, c->view.from_ms);
	sql_bind_integer(r->certify, 6, c->view.to_ms);
	sql_bind_text(r->certify, 7, c->chain);
	enum err e = ledger_begin(r->ledger, why);
	return e ? e : sql_execute(r->certify, why);
}

/* The first of a chain is the board's own. */
static enum err read_view(struct bytes text, struct certificate_view *out, struct why *why)
{
	struct json *j;
	struct chain c;
	enum err e = json_parse(text, &j, why);
	if (e)
		return e;
	e = chain_read(j, &c, why);
	json_free(j);
	if (e)
		return e;
	e = certificate_view_of(c.der[0], out, why);
	chain_free(&c);
	return e;
}

enum err roll_get(struct roll *r, const struct ledger_source *who, const char *key,
		  struct roll_certificate *out, struct why *why)
{
	sql_rewind(r->get); /* what was borrowed the last time */
	bind_source(r->get, who);
	sql_bind_text(r->get, 3, bytes_of(key));
	enum err e = sql_step(r->get, why);
	if (e)
		return e;
	*out = (struct roll_certificate){ .key = key,
					  .chain = sql_bytes(r->get, 0),
					  .revoked_ms = sql_integer(r->get, 1) };
	return read_view(out->chain, &out->view, why);
}

enum err roll_revoke(struct roll *r, const struct ledger_source *who, int64_t now_ms,
		     int64_t *out_count, struct why *why)
{
	bind_source(r->revoke, who);
	sql_bind_integer(r->revoke, 3, now_ms);
	enum err e = ledger_begin(r->ledger, why);
	if (!e)
		e = sql_execute(r->revoke, why);
	*out_count = e ? 0 : sql_changes(r->ledger->sql);
	return e;
}

enum err roll_list_revoked(struct roll *r, struct revoked **out, size_t *out_count, struct why *why)
{
	size_t count = 0;
	struct revoked *all = calloc(REVOKED_MAX, sizeof *all);
	if (!all)
		return why_set(why, ERR_SYSTEM, "no memory");
	sql_bind_integer(r->revoked, 1, REVOKED_MAX);
	while (count < REVOKED_MAX && sql_step(r->revoked, NULL) == OK) {
		struct revoked *one = &all[count++];
		text_copy(one->serial, sizeof one->serial, sql_bytes(r->revoked, 0));
		one->at_ms = sql_integer(r->revoked, 1);
	}
	sql_rewind(r->revoked);
	*out = all;
	*out_count = count;
	return OK;
}
