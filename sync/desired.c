#include "sync/desired.h"

#include "base/duration.h"
#include "base/limits.h"
#include "base/text.h"
#include "ports/digest.h"
#include "sync/signed.h"

#include <stdio.h>

#define API_VERSION "skerry.dev/v1"

static enum err expect_string(const struct json *document, const char *key, const char *expected,
			      struct why *why)
{
	const char *s = json_string(json_member(document, key));
	if (s && strcmp(s, expected) == 0)
		return OK;
	return why_set(why, ERR_INVALID, "%s: \"%.60s\", but \"%s\" is expected", key,
		       s ? s : "(missing)", expected);
}

static enum err read_count(const struct json *document, const char *key, int64_t *out,
			   struct why *why)
{
	if (json_integer(json_member(document, key), out) && *out >= 0)
		return OK;
	return why_set(why, ERR_INVALID, "%s: a whole number is expected", key);
}

static enum err read_span(const struct json *policy, const char *key, int64_t *ms, struct why *why)
{
	struct why inner;
	const struct json *j = json_member(policy, key);
	const char *s = json_string(j);
	if (!j)
		return OK;
	if (!s || duration_ms(bytes_of(s), ms, &inner))
		return why_set(why, ERR_INVALID, "policy.%s: %s", key,
			       s ? inner.text : "a duration such as \"30s\" is expected");
	return OK;
}

static enum err read_policy(const struct json *policy, struct desired *d, struct why *why)
{
	if (policy && json_type_of(policy) != JSON_OBJECT)
		return why_set(why, ERR_INVALID, "policy: an object is expected");
	const struct json *rollback = json_member(policy, "rollback");
	const char *s = json_string(rollback);
	if (rollback && (!s || (strcmp(s, "auto") != 0 && strcmp(s, "off") != 0)))
		return why_set(why, ERR_INVALID,
			       "policy.rollback: \"auto\" or \"off\" is expected");
	d->rolls_back = !s || strcmp(s, "auto") == 0;
	d->healthy_for_ms = HEALTHY_FOR_DEFAULT_MS;
	enum err e = read_span(policy, "healthyFor", &d->healthy_for_ms, why);
	d->progress_deadline_ms = d->healthy_for_ms + PROGRESS_EXTRA_MS;
	return e ? e : read_span(policy, "progressDeadline", &d->progress_deadline_ms, why);
}

static void warn_unknown(const struct json *object, const char *where, const char *const *known,
			 struct text *t)
{
	for (const struct json *m = json_first(object); m; m = json_next(m)) {
		const char *const *k = known;
		while (*k && strcmp(*k, json_key(m)) != 0)
			k++;
		if (!*k)
			text_add(t, "%s%s%.40s", t->len ? ", " : "", where, json_key(m));
	}
}

static void collect_warnings(struct desired *d)
{
	static const char *const known[] = {
		"apiVersion", "kind",   "fleet",   "device", "epoch",  "generation",
		"issued",     "writer", "base",    "reason", "policy", "workloads",
		"configs",    "trust",  "expires", "agent",  "labels", NULL,
	};
	static const char *const policies[] = { "rollback", "healthyFor", "progressDeadline",
						NULL };
	struct text t = text_in(d->warning, sizeof d->warning);
	warn_unknown(d->document, "", known, &t);
	warn_unknown(json_member(d->document, "policy"), "policy.", policies, &t);
}

/* "NAME@sha256:...": the name is for people. */
static enum err read_agent(const struct json *agent, struct desired_agent *out, struct why *why)
{
	const struct json *attempt = json_member(agent, "attempt");
	const char *image = json_string(json_member(agent, "image"));
	const size_t len = image ? strlen(image) : 0;
	const char *digest = len > DIGEST_LEN ? image + len - DIGEST_LEN : image;
	if (!agent)
		return OK;
	if (!image || (strcmp(image, "package") != 0 && !label_is_digest(bytes_of(digest))))
		return why_set(why, ERR_INVALID,
			       "agent.image: NAME@sha256:... or \"package\" is expected");
	if (attempt && (!json_integer(attempt, &out->attempt) || out->attempt < 0))
		return why_set(why, ERR_INVALID, "agent.attempt: a whole number is expected");
	strcpy(out->image, digest);
	return OK;
}

static enum err read_members(struct desired *d, const char *fleet, const char *device,
			     struct why *why)
{
	const struct json *doc = d->document;
	enum err e = json_type_of(doc) == JSON_OBJECT
			     ? OK
			     : why_set(why, ERR_INVALID, "the document is not an object");
	/* Whatever is wrong, the refusal names what it refuses. */
	(void)!read_count(doc, "epoch", &d->id.epoch, NULL);
	(void)!read_count(doc, "generation", &d->id.generation, NULL);
	if (!e)
		e = expect_string(doc, "apiVersion", API_VERSION, why);
	if (!e)
		e = expect_string(doc, "kind", "DesiredState", why);
	if (!e)
		e = expect_string(doc, "fleet", fleet, why);
	if (!e)
		e = expect_string(doc, "device", device, why);
	if (!e)
		e = read_count(doc, "epoch", &d->id.epoch, why);
	if (!e)
		e = read_count(doc, "generation", &d->id.generation, why);
	if (!e)
		e = read_policy(json_member(doc, "policy"), d, why);
	if (!e)
		e = read_agent(json_member(doc, "agent"), &d->agent, why);
	if (e)
		return e;

	d->workloads = json_member(doc, "workloads");
	if (json_type_of(d->workloads) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "workloads: a list is expected");
	if (json_count(d->workloads) > PODS_MAX)
		return why_set(why, ERR_FULL, "workloads: more than %d pods", PODS_MAX);
	d->configs = json_member(doc, "configs");
	if (d->configs && json_type_of(d->configs) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "configs: a list is expected");
	if (json_count(d->configs) > CONFIGS_MAX)
		return why_set(why, ERR_FULL, "configs: more than %d", CONFIGS_MAX);
	return OK;
}

enum err desired_read(struct bytes document, const char *fleet, const char *device,
		      struct desired *out, struct why *why)
{
	*out = (struct desired){ 0 };
	if (document.len > DOCUMENT_MAX)
		return why_set(why, ERR_FULL, "a document of %zu bytes; %d are allowed",
			       document.len, DOCUMENT_MAX);
	enum err e = json_parse(document, &out->document, why);
	if (!e)
		e = read_members(out, fleet, device, why);
	if (e) {
		/* The numbers stay: a refusal names the generation that it refuses. */
		json_free(out->document);
		out->document = NULL;
		out->workloads = out->configs = NULL;
		return e;
	}
	digest_of(document, out->id.digest);
	collect_warnings(out);
	return OK;
}

/* ERR_NOT_FOUND: it is no envelope. */
static enum err open_envelope(struct bytes message, struct signed_text *out, struct why *why)
{
	struct json *j = NULL;
	enum err e = ERR_NOT_FOUND;
	if (message.len <= DOCUMENT_MAX && signed_is_likely(message) &&
	    json_parse(message, &j, NULL) == OK && json_member(j, "payload"))
		e = signed_read(j, out, why);
	json_free(j);
	return e;
}

enum err desired_open(struct bytes message, const char *fleet, const char *device,
		      struct desired *out, struct why *why)
{
	struct signed_text s = { 0 };
	*out = (struct desired){ 0 };
	enum err e = open_envelope(message, &s, why);
	if (e == ERR_NOT_FOUND)
		return desired_read(message, fleet, device, out, why);
	if (!e)
		e = desired_read(signed_payload(&s), fleet, device, out, why);
	signed_free(&s);
	return e;
}

int64_t desired_named_trust(struct bytes message)
{
	struct signed_text s = { 0 };
	struct json *j = NULL;
	int64_t trust = 0;
	if (open_envelope(message, &s, NULL) == OK &&
	    json_parse(signed_payload(&s), &j, NULL) == OK)
		trust = json_integer_at(j, "trust");
	json_free(j);
	signed_free(&s);
	return trust;
}

void desired_free(struct desired *d)
{
	json_free(d->document);
	*d = (struct desired){ 0 };
}

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int desired_compare_order(const struct desired_id *a, const struct desired_id *b)
{
	int order = compare_numbers(a->trust, b->trust);
	if (order == 0)
		order = compare_numbers(a->epoch, b->epoch);
	return order ? order : compare_numbers(a->generation, b->generation);
}

enum desired_order desired_compare(const struct desired_id *kept, const struct desired_id *new_id)
{
	const int order = desired_compare_order(new_id, kept);
	if (!kept->digest[0] || order > 0)
		return DESIRED_NEWER;
	if (order < 0)
		return DESIRED_STALE;
	return strcmp(kept->digest, new_id->digest) == 0 ? DESIRED_SAME : DESIRED_CONFLICT;
}
