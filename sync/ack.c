#include "sync/ack.h"

#include "sync/outbox.h"

static bool read_range(const struct json *pair, int64_t *from, int64_t *to)
{
	const struct json *first = json_first(pair);
	return json_count(pair) == 2 && json_integer(first, from) &&
	       json_integer(json_next(first), to) && *from >= 0 && *from <= *to;
}

static bool read_refusal(const struct json *pair, int64_t *seq, const char **reason)
{
	const struct json *first = json_first(pair);
	if (json_count(pair) != 2 || !json_integer(first, seq))
		return false;
	*reason = json_string(json_next(first));
	return *reason != NULL;
}

/* All of it is looked at before any of it is told. */
static enum err check(const struct json *ok, const struct json *bad, struct why *why)
{
	int64_t from, to;
	const char *reason;
	if ((ok && json_type_of(ok) != JSON_ARRAY) || (bad && json_type_of(bad) != JSON_ARRAY))
		return why_set(why, ERR_INVALID, "an ack whose ok or bad is no list");
	if (json_count(ok) > OUTBOX_RANGES_MAX || json_count(bad) > OUTBOX_RANGES_MAX)
		return why_set(why, ERR_INVALID, "an ack of too many ranges");
	for (const struct json *p = json_first(ok); p; p = json_next(p))
		if (!read_range(p, &from, &to))
			return why_set(why, ERR_INVALID, "an ack whose ok is no list of ranges");
	for (const struct json *p = json_first(bad); p; p = json_next(p))
		if (!read_refusal(p, &from, &reason))
			return why_set(why, ERR_INVALID, "an ack whose bad is no list of refusals");
	return OK;
}

static void tell(const struct json *ok, const struct json *bad, const struct ack_hooks *hooks)
{
	int64_t from, to;
	const char *reason;
	for (const struct json *p = json_first(ok); p; p = json_next(p))
		if (read_range(p, &from, &to))
			hooks->on_ok(hooks->owner, from, to);
	for (const struct json *p = json_first(bad); p; p = json_next(p))
		if (read_refusal(p, &from, &reason))
			hooks->on_bad(hooks->owner, from, reason);
	if (!json_count(ok) && !json_count(bad))
		hooks->on_hello(hooks->owner);
}

enum err ack_read(struct bytes payload, const char *buf, const struct ack_hooks *hooks,
		  struct why *why)
{
	struct json *j;
	enum err e = json_parse(payload, &j, why);
	if (e)
		return e;
	const struct json *ok = json_member(j, "ok"), *bad = json_member(j, "bad");
	const char *about = json_string(json_member(j, "buf"));
	if (!about)
		e = why_set(why, ERR_INVALID, "an ack without buf");
	else if ((*about || json_count(ok) || json_count(bad)) && strcmp(about, buf) != 0)
		e = why_set(why, ERR_NOT_FOUND, "an ack for buf %.20s", about);
	else
		e = check(ok, bad, why);
	if (!e)
		tell(ok, bad, hooks);
	json_free(j);
	return e;
}
