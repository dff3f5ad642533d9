#include "sync/anchor.h"

#include "base/limits.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "ports/clock.h"
#include "ports/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char ANCHOR_MARK_KEY[] = "trust/mark";
static const char DOCUMENT_KEY[] = "trust/document";
static const char TIME_KEY[] = "trust/time";

/* No board runs this version before it was released. */
static const int64_t RELEASED_MS = SKERRY_RELEASED_S * INT64_C(1000);

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- opening --- */

static enum err read_signed(struct bytes text, struct signed_text *out, struct why *why)
{
	struct json *j;
	*out = (struct signed_text){ 0 };
	enum err e = json_parse(text, &j, why);
	if (e)
		return e;
	e = signed_read(j, out, why);
	json_free(j);
	return e;
}

static enum err read_file(struct anchor *a, const char *path, struct why *why)
{
	char *text = NULL;
	size_t len = 0;
	struct signed_text s = { 0 };
	enum err e = file_read(path, MESSAGE_MAX, &text, &len, why);
	if (e)
		return e;
	e = read_signed((struct bytes){ text, len }, &s, why);
	if (!e)
		e = trust_first(&s, &a->trust, why);
	signed_free(&s);
	free(text);
	return e ? why_in(why, e, path) : OK;
}

/* What is in the store was verified when it was put there. A newer image wins. */
static void read_document(struct anchor *a)
{
	struct bytes kept;
	struct signed_text s;
	SCOPED_MEMORY struct trust *t = malloc(sizeof *t); /* too large for the stack */
	if (!t || store_get(a->store, DOCUMENT_KEY, &kept) || read_signed(kept, &s, NULL))
		return;
	if (trust_read(signed_payload(&s), t, NULL) == OK && t->version > a->trust.version &&
	    strcmp(t->fleet, a->trust.fleet) == 0)
		a->trust = *t;
	signed_free(&s);
}

void anchor_marked(struct anchor *a, struct bytes mark)
{
	char text[ANCHOR_MARK_MAX];
	struct desired_id id = { 0 };
	int64_t floor_ms = 0;
	if (!text_copy(text, sizeof text, mark) ||
	    sscanf(text, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %71s", &floor_ms,
		   &id.trust, &id.epoch, &id.generation, id.digest) != 5)
		return;
	a->mark = id;
	a->floor_ms = later(a->floor_ms, floor_ms);
}

static void read_time(struct anchor *a)
{
	struct bytes kept;
	long long ms = 0;
	if (store_get(a->store, TIME_KEY, &kept) || text_number(kept, 0, INT64_MAX, &ms))
		return;
	a->written_ms = ms;
	a->floor_ms = later(a->floor_ms, earlier(ms, a->trust.expires_ms));
}

enum err anchor_open(struct anchor *a, const char *path, const char *fleet, struct store *store,
		     struct why *why)
{
	struct bytes mark;
	*a = (struct anchor){ .store = store, .floor_ms = RELEASED_MS };
	enum err e = read_file(a, path, why);
	if (e)
		return e;
	if (strcmp(a->trust.fleet, fleet) != 0)
		return why_set(why, ERR_INVALID, "%.120s: fleet: \"%s\", but this is \"%s\"", path,
			       a->trust.fleet, fleet);
	read_document(a);
	a->floor_ms = later(a->floor_ms, a->trust.issued_ms);
	read_time(a);
	if (store_get(store, ANCHOR_MARK_KEY, &mark) == OK)
		anchor_marked(a, mark);
	return OK;
}

void anchor_restore(const struct anchor *a, struct desired_id *newest)
{
	/* A state from before there was an anchor is older than any signed one. */
	newest->trust = 0;
	if (!a->mark.digest[0])
		return;
	if (strcmp(a->mark.digest, newest->digest) == 0 ||
	    desired_compare(newest, &a->mark) == DESIRED_NEWER)
		*newest = a->mark;
}

/* --- time --- */

int64_t anchor_floor(const struct anchor *a, int64_t wall_ms)
{
	/* A clock that nobody has set says 1970, and is below every floor. */
	return later(a->floor_ms, earlier(wall_ms, a->trust.expires_ms));
}

enum err anchor_note_time(struct anchor *a, int64_t now_ms, int64_t wall_ms, struct why *why)
{
	char text[24];
	a->floor_ms = later(a->floor_ms, earlier(now_ms, a->trust.expires_ms));
	const int64_t floor_ms = anchor_floor(a, wall_ms);
	/* Flash wears: what an hour says again is not written again. */
	if (floor_ms < a->written_ms + ANCHOR_TIME_STEP_MS)
		return OK;
	snprintf(text, sizeof text, "%" PRId64, floor_ms);
	enum err e = store_put(a->store, TIME_KEY, bytes_of(text), why);
	if (!e)
		a->written_ms = floor_ms;
	return e;
}

/* --- trust documents --- */

static enum err adopt(struct anchor *a, const struct trust *t, const struct json *envelope,
		      struct why *why)
{
	char *text = json_print(envelope);
	enum err e = store_put(a->store, DOCUMENT_KEY, bytes_of(text), why);
	free(text);
	if (e)
		return e;
	a->trust = *t;
	a->floor_ms = later(a->floor_ms, t->issued_ms);
	return OK;
}

/* ERR_CONFLICT: one that we are past already. */
static enum err follow_one(struct anchor *a, const struct json *envelope, int64_t wall_ms,
			   struct trust *out, struct why *why)
{
	struct signed_text s;
	enum err e = signed_read(envelope, &s, why);
	if (!e)
		e = trust_next(&a->trust, &s, out, why);
	if (!e && out->expires_ms <= anchor_floor(a, wall_ms))
		e = why_set(why, ERR_INVALID, "version %" PRId64 " has expired", out->version);
	signed_free(&s);
	return e;
}

/* Documents before ours need not be signed by the roots of today: what does not follow
 * is passed over, and a->chain says why. */
static enum err follow(struct anchor *a, const struct json *chain, int64_t wall_ms, struct why *why)
{
	SCOPED_MEMORY struct trust *next = malloc(sizeof *next);
	a->chain.text[0] = '\0';
	if (chain && json_type_of(chain) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "trust: a list of envelopes is expected");
	if (json_count(chain) > TRUST_CHAIN_MAX)
		return why_set(why, ERR_FULL, "trust: more than %d documents", TRUST_CHAIN_MAX);
	if (!next)
		return why_set(why, ERR_SYSTEM, "no memory");
	for (const struct json *j = json_first(chain); j; j = json_next(j)) {
		enum err e = follow_one(a, j, wall_ms, next, &a->chain);
		if (e == ERR_CONFLICT)
			a->chain.text[0] = '\0';
		if (e)
			continue;
		e = adopt(a, next, j, why);
		if (e)
			return e;
		a->chain.text[0] = '\0';
	}
	return OK;
}

/* --- desired states --- */

/* Why something newer is not here may be what somebody needs to know. */
static enum err add_chain(const struct anchor *a, enum err e, struct why *why)
{
	struct why first = why ? *why : (struct why){ "" };
	if (!a->chain.text[0])
		return e;
	return why_set(why, e, "%.120s; trust: %.110s", first.text, a->chain.text);
}

static enum err check_signed(const struct anchor *a, const struct signed_text *s, struct why *why)
{
	enum err e = trust_quorum(&a->trust, TRUST_STATE, s->digest, &s->by, why);
	return e ? add_chain(a, e, why) : OK;
}

/* Both halves of a document's age. */
static enum err read_age(const struct json *doc, int64_t *issued_ms, int64_t *expires_ms,
			 struct why *why)
{
	if (timestamp_read(json_string(json_member(doc, "issued")), issued_ms) &&
	    timestamp_read(json_string(json_member(doc, "expires")), expires_ms) &&
	    *issued_ms < *expires_ms)
		return OK;
	return why_set(why, ERR_INVALID,
		       "issued, expires: a signed state needs two dates such as "
		       "2026-11-27T00:00:00Z, in this order");
}

static enum err check_desired(const struct anchor *a, struct desired *d, const char *device,
			      int64_t wall_ms, struct why *why)
{
	const struct json *doc = d->document;
	const int64_t floor_ms = anchor_floor(a, wall_ms);
	int64_t trust = 0, issued_ms, expires_ms;
	char then[24], now[24];
	if (!json_integer(json_member(doc, "trust"), &trust) || trust < 1)
		return why_set(why, ERR_INVALID,
			       "trust: a signed state names the version of trust that it needs");
	if (trust > a->trust.version)
		return add_chain(a,
				 why_set(why, ERR_INVALID,
					 "trust: version %" PRId64
					 " is needed, this board has %" PRId64,
					 trust, a->trust.version),
				 why);
	enum err e = read_age(doc, &issued_ms, &expires_ms, why);
	if (e)
		return e;
	const bool is_old = expires_ms <= floor_ms;
	if (is_old || a->trust.expires_ms <= floor_ms) {
		clock_print(then, is_old ? expires_ms : a->trust.expires_ms);
		clock_print(now, floor_ms);
		return why_set(why, ERR_INVALID, "expires: %s has passed on %s; it is %s or later",
			       is_old ? "this state" : "the trust document", then, now);
	}
	const struct trust_floor state = { "", d->id.epoch, d->id.generation, issued_ms };
	e = trust_check_floors(&a->trust, device, &state, why);
	if (!e)
		d->id.trust = trust;
	return e;
}

static enum err read_verified(const struct anchor *a, const struct signed_text *s,
			      const char *device, int64_t wall_ms, struct desired *out,
			      struct why *why)
{
	const bool is_known = strcmp(s->digest, a->mark.digest) == 0;
	enum err e = is_known ? OK : check_signed(a, s, why);
	if (!e)
		e = desired_read(signed_payload(s), a->trust.fleet, device, out, why);
	if (e)
		return e;
	if (is_known) {
		out->id.trust = a->mark.trust;
		return OK;
	}
	e = check_desired(a, out, device, wall_ms, why);
	if (e) {
		/* The numbers stay: a refusal names the generation that it refuses. */
		const struct desired_id id = { 0, out->id.epoch, out->id.generation, "" };
		desired_free(out);
		out->id = id;
	}
	return e;
}

enum err anchor_read(struct anchor *a, struct bytes message, const char *device, int64_t wall_ms,
		     struct desired *out, struct json **out_artifacts, struct why *why)
{
	struct json *envelope = NULL;
	struct signed_text s = { 0 };
	*out = (struct desired){ 0 };
	*out_artifacts = NULL;
	if (message.len > DOCUMENT_MAX)
		return why_set(why, ERR_FULL, "a document of %zu bytes; %d are allowed",
			       message.len, DOCUMENT_MAX);
	enum err e = json_parse(message, &envelope, why);
	if (!e && !json_member(envelope, "sigs"))
		e = why_set(why, ERR_DENIED,
			    "nobody has signed it, and this board takes signed states only");
	if (!e)
		e = signed_read(envelope, &s, why);
	if (!e)
		e = follow(a, json_member(envelope, "trust"), wall_ms, why);
	if (!e)
		*out_artifacts = json_detach(envelope, "artifacts");
	/* Two trees of 64 KiB at a time would be one too many. */
	json_free(envelope);
	if (!e)
		e = read_verified(a, &s, device, wall_ms, out, why);
	signed_free(&s);
	if (e) {
		json_free(*out_artifacts);
		*out_artifacts = NULL;
	}
	return e;
}

enum err anchor_check_artifact(const struct anchor *a, const struct json *artifacts,
			       const char *digest, struct why *why)
{
	struct signatures by;
	if (artifacts && json_type_of(artifacts) != JSON_ARRAY)
		return why_set(why, ERR_INVALID, "artifacts: a list is expected");
	if (json_count(artifacts) > ARTIFACTS_MAX)
		return why_set(why, ERR_FULL, "artifacts: more than %d", ARTIFACTS_MAX);
	for (const struct json *j = json_first(artifacts); j; j = json_next(j)) {
		const char *named = json_string(json_member(j, "digest"));
		if (!named || strcmp(named, digest) != 0)
			continue;
		enum err e = signatures_read(json_member(j, "sigs"), &by, why);
		if (!e)
			e = trust_quorum(&a->trust, TRUST_ARTIFACT, digest, &by, why);
		return e ? why_in(why, e, digest) : OK;
	}
	return why_set(why, ERR_DENIED, "%s: nobody has signed this image", digest);
}

struct bytes anchor_mark(const struct anchor *a, const struct desired *d, int64_t wall_ms,
			 char room[ANCHOR_MARK_MAX])
{
	int64_t issued_ms = 0, expires_ms = 0;
	struct text t = text_in(room, ANCHOR_MARK_MAX);
	(void)!read_age(d->document, &issued_ms, &expires_ms, NULL);
	const int64_t floor_ms =
		later(anchor_floor(a, wall_ms), earlier(issued_ms, a->trust.expires_ms));
	text_add(&t, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s", floor_ms, d->id.trust,
		 d->id.epoch, d->id.generation, d->id.digest);
	return text_bytes(&t);
}
