#include "sync/request.h"

#include "ports/clock.h"

#include <inttypes.h>

/* What can be known without trusting anybody: where an answer would go. */
static void find_sender(struct request *r, const struct json *j)
{
	const char *id = json_string(json_member(j, "id"));
	const char *requester = json_string(json_member(j, "re"));
	r->id = r->requester = NULL;
	/* The requester's name is one level of our own topic: nothing else fits. */
	if (!id || !*id || strlen(id) > REQUEST_ID_MAX || !requester ||
	    !label_is_valid(bytes_of(requester)))
		return;
	r->id = id;
	r->requester = requester;
}

static enum err expect(const struct json *j, const char *key, const char *expected, struct why *why)
{
	const char *s = json_string(json_member(j, key));
	if (s && strcmp(s, expected) == 0)
		return OK;
	return why_set(why, ERR_DENIED, "%s: \"%.40s\" is expected in what was signed", key,
		       expected);
}

static enum err check_place(const struct json *j, const struct request_place *p, struct why *why)
{
	enum err e = expect(j, "apiVersion", "skerry.dev/v1", why);
	if (!e)
		e = expect(j, "kind", "Command", why);
	if (!e)
		e = expect(j, "fleet", p->fleet, why);
	if (!e)
		e = expect(j, "device", p->device, why);
	return e ? e : expect(j, "verb", p->verb, why);
}

/* The payload takes the envelope's place once its signatures count. */
static enum err open_envelope(struct request *r, const struct request_place *p, struct why *why)
{
	struct signed_text s;
	struct json *payload = NULL;
	enum err e = signed_read(r->envelope, &s, why);
	if (e)
		return e;
	if (p->anchor) {
		const struct trust *t = &p->anchor->trust;
		const enum trust_role role = trust_commander(t);
		e = trust_quorum(t, role, s.digest, &s.by, why);
		if (!e)
			trust_signers(t, role, &s.by, r->signers);
	}
	if (!e)
		e = json_parse(signed_payload(&s), &payload, why);
	signed_free(&s);
	if (e)
		return e;
	r->document = payload;
	find_sender(r, payload);
	return check_place(payload, p, why);
}

/* A clock that was never set says nothing; a floor always does. */
static int64_t earliest_now(const struct request_place *p)
{
	if (p->anchor)
		return anchor_floor(p->anchor, p->wall_ms);
	return clock_is_set(p->wall_ms) ? p->wall_ms : 0;
}

static enum err check_age(const struct request *r, const struct request_place *p, struct why *why)
{
	const struct json *exp = json_member(r->document, "exp");
	const struct json *session = json_member(r->document, "session");
	const int64_t now_ms = earliest_now(p);
	int64_t exp_ms = INT64_MAX, meant = p->session;
	char then[24], now[24];
	if ((exp && !json_integer(exp, &exp_ms)) || (session && !json_integer(session, &meant)))
		return why_set(why, ERR_INVALID, "exp, session: whole numbers are expected");
	if (r->signers[0] && (!exp || !session))
		return why_set(why, ERR_INVALID, "exp, session: a signed command names both");
	if (meant != p->session)
		return why_set(why, ERR_CONFLICT,
			       "it is meant for session %" PRId64 ", this is %" PRId64, meant,
			       p->session);
	if (r->signers[0] && p->anchor->trust.expires_ms <= now_ms)
		return why_set(why, ERR_DENIED, "the trust document has expired");
	if (exp_ms > now_ms)
		return OK;
	clock_print(then, exp_ms);
	clock_print(now, now_ms);
	return why_set(why, ERR_AGAIN, "too old: it counts until %s, here it is %s or later", then,
		       now);
}

static enum err check_sender(struct request *r, struct why *why)
{
	const char *by = json_string(json_member(r->document, "by"));
	r->args = json_member(r->document, "args");
	r->by = by ? by : "";
	if (!r->id)
		return why_set(why, ERR_INVALID, "id and re: a word and a requester are expected");
	if (strlen(r->by) > REQUEST_BY_MAX)
		return why_set(why, ERR_FULL, "by: more than %d bytes", REQUEST_BY_MAX);
	return OK;
}

enum err request_read(struct request *r, struct bytes message, const struct request_place *p,
		      struct why *why)
{
	struct json *j;
	*r = (struct request){ .by = "" };
	if (message.len > REQUEST_MAX)
		return why_set(why, ERR_FULL, "a command of %zu bytes; %d are allowed", message.len,
			       REQUEST_MAX);
	enum err e = json_parse(message, &j, why);
	if (e)
		return e;
	find_sender(r, j);
	if (json_member(j, "sigs")) {
		r->envelope = j;
		e = open_envelope(r, p, why);
	} else {
		r->document = j;
	}
	if (!e)
		e = check_sender(r, why);
	return e ? e : check_age(r, p, why);
}

void request_free(struct request *r)
{
	json_free(r->document);
	json_free(r->envelope);
	*r = (struct request){ .by = "" };
}
