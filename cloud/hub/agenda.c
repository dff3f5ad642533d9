#include "cloud/hub/agenda.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/digest.h"
#include "ports/json.h"

#include <stdio.h>
#include <stdlib.h>

static enum err prepare_all(struct agenda *a, struct why *why)
{
	const struct {
		struct sql_query **into;
		const char *statement;
	} plan[] = {
		{ &a->find, "SELECT digest, is_over FROM rollout WHERE fleet = ?1 AND name = ?2" },
		{ &a->count, "SELECT count(*) FROM rollout WHERE fleet = ?1 AND name <> ?2" },
		{ &a->count_open, "SELECT count(*) FROM rollout WHERE is_over = 0" },
		{ &a->forget, "DELETE FROM rollout WHERE fleet = ?1 AND name ="
			      " (SELECT name FROM rollout WHERE fleet = ?1 AND is_over = 1"
			      " ORDER BY made_ms LIMIT 1)" },
		{ &a->add,
		  "INSERT INTO rollout(fleet, name, digest, prepared, progress, wishes, summary,"
		  " is_over, made_ms) VALUES(?1, ?2, ?3, ?4, ?5, '', ?6, 0, ?7)"
		  " ON CONFLICT(fleet, name) DO UPDATE SET digest = ?3, prepared = ?4,"
		  " progress = ?5, wishes = '', summary = ?6, is_over = 0, made_ms = ?7" },
		{ &a->load, "SELECT prepared, progress, wishes FROM rollout WHERE fleet = ?1"
			    " AND name = ?2" },
		{ &a->wish, "UPDATE rollout SET wishes = wishes || ?3, is_over = 0"
			    " WHERE fleet = ?1 AND name = ?2" },
		{ &a->wishes, "SELECT wishes FROM rollout WHERE fleet = ?1 AND name = ?2" },
		{ &a->summaries, "SELECT summary FROM rollout WHERE fleet = ?1"
				 " ORDER BY made_ms DESC, name" },
		{ &a->open, "SELECT fleet, name, digest, length(wishes) FROM rollout"
			    " WHERE is_over = 0 ORDER BY made_ms, fleet, name" },
		{ &a->device, "SELECT online, state, desired FROM device WHERE fleet = ?1"
			      " AND device = ?2" },
	};
	enum err e = OK;
	for (size_t i = 0; !e && i < sizeof plan / sizeof *plan; i++)
		e = sql_prepare(a->ledger->sql, plan[i].statement, plan[i].into, why);
	return e;
}

/* Of several hubs one may: whoever has lost the lease without noticing writes nothing. */
static enum err prepare_save(struct agenda *a, struct why *why)
{
	char statement[512];
	int n = snprintf(statement, sizeof statement,
			 "UPDATE rollout SET progress = ?4, summary = ?5, is_over ="
			 " CASE WHEN length(wishes) = ?7 THEN CAST(?6 AS BIGINT) ELSE 0 END"
			 " WHERE fleet = ?1 AND name = ?2 AND digest = ?3");
	if (sql_is_server(a->ledger->sql))
		snprintf(statement + n, sizeof statement - (size_t)n,
			 " AND EXISTS(SELECT 1 FROM lease WHERE lease.name = 'control'"
			 " AND owner = ?8 AND until_ms > %s)",
			 sql_now(a->ledger->sql));
	return sql_prepare(a->ledger->sql, statement, &a->save, why);
}

enum err agenda_open(struct agenda *a, struct ledger *l, struct why *why)
{
	*a = (struct agenda){ .ledger = l };
	enum err e = prepare_all(a, why);
	if (!e)
		e = prepare_save(a, why);
	if (e)
		agenda_close(a);
	return e;
}

void agenda_close(struct agenda *a)
{
	struct sql_query *all[] = { a->find, a->count,  a->count_open, a->forget,
				    a->add,  a->load,   a->wish,       a->save,
				    a->open, a->device, a->summaries,  a->wishes };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sql_finish(all[i]);
	*a = (struct agenda){ 0 };
}

static void bind_names(struct sql_query *q, const char *fleet, const char *name)
{
	sql_bind_text(q, 1, bytes_of(fleet));
	sql_bind_text(q, 2, bytes_of(name));
}

/* --- taking --- */

static enum err ask_number(struct sql_query *q, int64_t *out, struct why *why)
{
	enum err e = sql_step(q, why);
	*out = e ? 0 : sql_integer(q, 0);
	sql_rewind(q);
	return e;
}

/* ERR_AGAIN: this very one is there. */
static enum err check_name(struct agenda *a, const struct agenda_key *key, struct why *why)
{
	bind_names(a->find, key->fleet, key->name);
	enum err e = sql_step(a->find, why);
	const bool is_same = !e && bytes_are(sql_bytes(a->find, 0), key->digest);
	const bool goes_on = !e && !sql_integer(a->find, 1);
	sql_rewind(a->find);
	if (is_same)
		return ERR_AGAIN;
	if (goes_on)
		return why_set(why, ERR_CONFLICT,
			       "the rollout %s still goes on at the hub: skerry rollout undo %s "
			       "takes it back",
			       key->name, key->name);
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err make_room(struct agenda *a, const struct agenda_key *key, struct why *why)
{
	int64_t rollouts, open;
	bind_names(a->count, key->fleet, key->name);
	enum err e = ask_number(a->count, &rollouts, why);
	if (!e)
		e = ask_number(a->count_open, &open, why);
	if (!e && open >= AGENDA_OPEN_MAX)
		return why_set(why, ERR_FULL,
			       "%d rollouts go on at this hub already: wait until one is over, or "
			       "run this one with --wait",
			       AGENDA_OPEN_MAX);
	if (e || rollouts < AGENDA_ROLLOUTS_MAX)
		return e;
	sql_bind_text(a->forget, 1, bytes_of(key->fleet));
	return sql_execute(a->forget, why);
}

static enum err insert(struct agenda *a, const struct agenda_key *key, struct bytes prepared,
		       const struct campaign *c, struct why *why)
{
	struct json *j = campaign_summary(c);
	SCOPED_MEMORY char *progress = campaign_print_progress(c);
	SCOPED_MEMORY char *summary = json_print(j);
	json_free(j);
	bind_names(a->add, key->fleet, key->name);
	sql_bind_text(a->add, 3, bytes_of(key->digest));
	sql_bind_text(a->add, 4, prepared);
	sql_bind_text(a->add, 5, bytes_of(progress));
	sql_bind_text(a->add, 6, bytes_of(summary));
	sql_bind_integer(a->add, 7, c->made_ms);
	return sql_execute(a->add, why);
}

enum err agenda_add(struct agenda *a, const char *fleet, struct bytes prepared,
		    char out_name[LABEL_SIZE], struct why *why)
{
	struct campaign c;
	struct agenda_key key;
	enum err e = campaign_read(prepared, &c, why);
	if (e)
		return e;
	text_copy(key.fleet, sizeof key.fleet, bytes_of(fleet));
	text_copy(key.name, sizeof key.name, bytes_of(c.name));
	text_copy(out_name, LABEL_SIZE, bytes_of(c.name));
	digest_of(prepared, key.digest);
	if (strcmp(c.fleet, fleet) != 0)
		e = why_set(why, ERR_INVALID, "it is of the fleet %s", c.fleet);
	if (!e)
		e = ledger_begin(a->ledger, why);
	if (!e)
		e = check_name(a, &key, why);
	if (!e)
		e = make_room(a, &key, why);
	if (!e)
		e = insert(a, &key, prepared, &c, why);
	campaign_free(&c);
	return e == ERR_AGAIN ? OK : e;
}

/* --- reading --- */

/* As a string of its own. */
static enum err copy_text(struct bytes text, char **out, struct why *why)
{
	*out = strndup(text.len ? text.at : "", text.len);
	return *out ? OK : why_set(why, ERR_SYSTEM, "no memory");
}

static enum err read_all(struct sql_query *q, struct campaign *out, char **out_wishes,
			 struct why *why)
{
	enum err e = campaign_read(sql_bytes(q, 0), out, why);
	if (e)
		return e;
	e = campaign_read_progress(out, sql_bytes(q, 1), why);
	if (!e)
		e = copy_text(sql_bytes(q, 2), out_wishes, why);
	if (e)
		campaign_free(out);
	else
		campaign_obey(out, bytes_of(*out_wishes), NULL);
	return e;
}

enum err agenda_load(struct agenda *a, const char *fleet, const char *name, struct campaign *out,
		     char **out_wishes, struct why *why)
{
	*out = (struct campaign){ 0 };
	*out_wishes = NULL;
	bind_names(a->load, fleet, name);
	enum err e = sql_step(a->load, why);
	if (e == ERR_NOT_FOUND)
		e = why_set(why, e, "there is no rollout %s at this hub", name);
	else if (!e)
		e = read_all(a->load, out, out_wishes, why);
	sql_rewind(a->load);
	return e;
}

enum err agenda_wishes(struct agenda *a, const struct agenda_key *key, char **out, struct why *why)
{
	*out = NULL;
	bind_names(a->wishes, key->fleet, key->name);
	enum err e = sql_step(a->wishes, why);
	if (!e)
		e = copy_text(sql_bytes(a->wishes, 0), out, why);
	sql_rewind(a->wishes);
	return e;
}

struct json *agenda_list(struct agenda *a, const char *fleet)
{
	struct json *list = json_new_array(), *one;
	sql_bind_text(a->summaries, 1, bytes_of(fleet));
	while (sql_step(a->summaries, NULL) == OK)
		if (json_parse(sql_bytes(a->summaries, 0), &one, NULL) == OK)
			json_push(list, one);
	sql_rewind(a->summaries);
	return list;
}

enum err agenda_list_open(struct agenda *a, struct agenda_entry out[AGENDA_OPEN_MAX],
			  size_t *out_count, struct why *why)
{
	enum err e;
	*out_count = 0;
	while (!(e = sql_step(a->open, why)) && *out_count < AGENDA_OPEN_MAX) {
		struct agenda_entry *one = &out[(*out_count)++];
		text_copy(one->key.fleet, LABEL_SIZE, sql_bytes(a->open, 0));
		text_copy(one->key.name, LABEL_SIZE, sql_bytes(a->open, 1));
		text_copy(one->key.digest, DIGEST_SIZE, sql_bytes(a->open, 2));
		one->wishes = sql_integer(a->open, 3);
	}
	sql_rewind(a->open);
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err agenda_look(struct agenda *a, const char *fleet, const char *device,
		     struct agenda_sight *out, struct why *why)
{
	*out = (struct agenda_sight){ 0 };
	sql_rewind(a->device); /* what was borrowed the last time */
	bind_names(a->device, fleet, device);
	enum err e = sql_step(a->device, why);
	if (!e)
		*out = (struct agenda_sight){
			.online = sql_integer(a->device, 0) != 0,
			.state = sql_bytes(a->device, 1),
			.desired = sql_bytes(a->device, 2),
		};
	return e == ERR_NOT_FOUND ? OK : e;
}

/* --- writing --- */

enum err agenda_wish(struct agenda *a, const char *fleet, const char *name, const char *line,
		     struct why *why)
{
	struct campaign c;
	SCOPED_MEMORY char *wishes = NULL;
	enum err e = agenda_load(a, fleet, name, &c, &wishes, why);
	if (e)
		return e;
	if (strlen(wishes) + strlen(line) > AGENDA_WISHES_MAX)
		e = why_set(why, ERR_FULL, "%s: more wishes than %d bytes", name,
			    AGENDA_WISHES_MAX);
	else
		e = campaign_try(&c, line, why);
	campaign_free(&c);
	if (!e)
		e = ledger_begin(a->ledger, why);
	if (e)
		return e;
	bind_names(a->wish, fleet, name);
	sql_bind_text(a->wish, 3, bytes_of(line));
	return sql_execute(a->wish, why);
}

enum err agenda_save(struct agenda *a, const struct agenda_entry *entry, const struct campaign *c,
		     bool is_over, const char *owner, struct why *why)
{
	const struct agenda_key *key = &entry->key;
	struct json *j = campaign_summary(c);
	SCOPED_MEMORY char *progress = campaign_print_progress(c);
	SCOPED_MEMORY char *summary = json_print(j);
	json_free(j);
	enum err e = ledger_begin(a->ledger, why);
	if (e)
		return e;
	bind_names(a->save, key->fleet, key->name);
	sql_bind_text(a->save, 3, bytes_of(key->digest));
	sql_bind_text(a->save, 4, bytes_of(progress));
	sql_bind_text(a->save, 5, bytes_of(summary));
	sql_bind_integer(a->save, 6, is_over);
	sql_bind_integer(a->save, 7, entry->wishes);
	if (sql_is_server(a->ledger->sql))
		sql_bind_text(a->save, 8, bytes_of(owner));
	e = sql_execute(a->save, why);
	if (!e && sql_changes(a->ledger->sql) == 0)
		e = why_set(why, ERR_CONFLICT, "another hub runs it, or it was replaced");
	return e;
}
