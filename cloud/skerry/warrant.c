#include "cloud/skerry/warrant.h"

#include "base/limits.h"
#include "base/timestamp.h"
#include "cloud/skerry/seal.h"
#include "ports/clock.h"
#include "ports/digest.h"
#include "sync/anchor.h"
#include "workloads/manifest.h"

#include <stdlib.h>

/* Longer than a board is away, shorter than a key is forgotten. */
static const int64_t SPAN_MS = INT64_C(3600000) * 24 * 90;

int64_t warrant_span_ms(const struct warrant *w)
{
	const int64_t given = w->options->valid_ms;
	return given > 0 ? given : SPAN_MS;
}

/* --- reading --- */

static enum err add_trust(struct warrant *w, const char *path, struct why *why)
{
	struct json *envelope, *document = NULL;
	int64_t version = 0;
	enum err e = seal_read_file(path, &envelope, why);
	if (e)
		return e;
	json_push(w->chain, envelope);
	e = seal_open(envelope, &document, why);
	if (!e && (!json_integer(json_member(document, "version"), &version) || version < 1))
		e = why_set(why, ERR_INVALID, "this is no trust document");
	json_free(document);
	if (version > w->trust)
		w->trust = version;
	return e ? why_in(why, e, path) : OK;
}

static enum err add_signature(struct warrant *w, const char *path, struct why *why)
{
	struct json *entry;
	enum err e = seal_read_file(path, &entry, why);
	if (e)
		return e;
	json_push(w->signatures, entry);
	const char *digest = json_string(json_member(entry, "digest"));
	if (!digest || !label_is_digest(bytes_of(digest)))
		return why_set(why, ERR_INVALID,
			       "%.120s: what `skerry key sign sha256:...` has printed is expected",
			       path);
	return OK;
}

enum err warrant_open(struct warrant *w, const struct options *o, struct why *why)
{
	*w = (struct warrant){
		.options = o,
		.chain = json_new_array(),
		.signatures = json_new_array(),
	};
	enum err e = OK;
	for (size_t i = 0; i < o->trust.count && !e; i++)
		e = add_trust(w, o->trust.items[i], why);
	for (size_t i = 0; i < o->signatures.count && !e; i++)
		e = add_signature(w, o->signatures.items[i], why);
	if (!e && !o->keys.count && (o->trust.count || o->signatures.count || o->build_keys.count))
		e = why_set(why, ERR_INVALID,
			    "a state that nobody signs needs no trust: give --sign FILE.pem too");
	return e;
}

void warrant_close(struct warrant *w)
{
	json_free(w->chain);
	json_free(w->signatures);
	*w = (struct warrant){ 0 };
}

bool warrant_signs(const struct warrant *w)
{
	return w->options->keys.count > 0;
}

/* --- a device --- */

int64_t warrant_trust(const struct warrant *w, const struct device_view *d)
{
	int64_t before = 0;
	if (d->envelope)
		json_integer(json_member(d->desired, "trust"), &before);
	return w->trust > before ? w->trust : before;
}

/* A stolen broker must not have us sign what it has put below our change. */
static bool is_base_ours(const struct warrant *w, const struct device_view *d)
{
	const struct option_list *keys = &w->options->keys;
	if (!d->desired || w->options->prune)
		return true;
	for (size_t i = 0; i < keys->count && d->envelope; i++)
		if (seal_is_signed_by(d->envelope, keys->items[i]))
			return true;
	return false;
}

enum err warrant_check(const struct warrant *w, const struct device_view *d, struct why *why)
{
	const bool wants = d->envelope || json_count(json_member(d->state, "trust"));
	if (w->options->preview)
		return OK;
	if (!warrant_signs(w))
		return wants ? why_set(why, ERR_DENIED,
				       "%s takes signed states only: give --sign FILE.pem", d->name)
			     : OK;
	if (!is_base_ours(w, d))
		return why_set(why, ERR_DENIED,
			       "%s: this key has not signed the state that the broker holds, so "
			       "nothing is built on it; give all files and --prune",
			       d->name);
	if (warrant_trust(w, d))
		return OK;
	return why_set(why, ERR_INVALID,
		       "%s has no signed state yet: which trust document does it begin with? give "
		       "--trust FILE",
		       d->name);
}

/* --- images --- */

/* The digest behind "name@", or NULL. */
static const char *digest_in(const struct json *container)
{
	const char *image = json_string(json_member(container, "image"));
	const size_t len = image ? strlen(image) : 0;
	if (len < DIGEST_LEN || !label_is_digest(bytes_of(image + len - DIGEST_LEN)))
		return NULL;
	return image + len - DIGEST_LEN;
}

/* What each image of a state is given to; false ends it. */
typedef bool image_seen(void *owner, const char *digest);

static bool each_of(const struct json *containers, image_seen *on_image, void *owner)
{
	bool more = true;
	for (const struct json *c = json_first(containers); c && more; c = json_next(c)) {
		const char *digest = digest_in(c);
		more = !digest || on_image(owner, digest);
	}
	return more;
}

static bool each_image(const struct json *desired, image_seen *on_image, void *owner)
{
	bool more = true;
	const struct json *w = json_first(json_member(desired, "workloads"));
	for (; w && more; w = json_next(w)) {
		const struct json *spec = manifest_spec_of(w);
		more = each_of(json_member(spec, "initContainers"), on_image, owner) &&
		       each_of(json_member(spec, "containers"), on_image, owner);
	}
	const struct json *agent = json_member(desired, "agent");
	const char *digest = digest_in(agent);
	return more && (!digest || on_image(owner, digest));
}

static bool is_listed(void *owner, const char *digest)
{
	return seal_find_artifact(owner, digest) != NULL;
}

bool warrant_stands(const struct warrant *w, const struct device_view *d)
{
	int64_t expires_ms = 0, trust = 0;
	if (w->options->preview)
		return true;
	if (!warrant_signs(w))
		return !d->envelope;
	json_integer(json_member(d->desired, "trust"), &trust);
	struct json *artifacts = (struct json *)(uintptr_t)json_member(d->envelope, "artifacts");
	return d->envelope && trust == warrant_trust(w, d) &&
	       timestamp_read(json_string(json_member(d->desired, "expires")), &expires_ms) &&
	       expires_ms > clock_wall_ms() + warrant_span_ms(w) / 2 &&
	       each_image(d->desired, is_listed, artifacts);
}

struct listing {
	const struct warrant *w;
	const struct json *before; /* what the last state had */
	struct json *list;
	enum err e;
	struct why *why;
};

static bool list_image(void *owner, const char *digest)
{
	struct listing *l = owner;
	const struct option_list *keys = &l->w->options->build_keys;
	if (seal_find_artifact(l->list, digest))
		return true;
	const struct json *known = seal_find_artifact(l->w->signatures, digest);
	if (!known)
		known = seal_find_artifact(l->before, digest);
	struct json *entry = known ? json_copy(known) : seal_new_artifact(digest);
	for (size_t i = 0; i < keys->count && !l->e; i++)
		l->e = seal_sign(entry, digest, keys->items[i], l->why);
	if (!l->e && !json_count(json_member(entry, "sigs")))
		l->e = why_set(l->why, ERR_DENIED,
			       "%s: nobody has signed this image: give --sign-images FILE.pem, or "
			       "--signature FILE from its builder",
			       digest);
	json_push(l->list, entry);
	return !l->e;
}

/* --- sealing --- */

static enum err sign_all(const struct warrant *w, struct bytes payload, struct json *envelope,
			 struct why *why)
{
	char digest[DIGEST_SIZE];
	enum err e = OK;
	digest_of(payload, digest);
	for (size_t i = 0; i < w->options->keys.count && !e; i++)
		e = seal_sign(envelope, digest, w->options->keys.items[i], why);
	return e;
}

static enum err add_artifacts(const struct warrant *w, const struct device_view *d,
			      struct bytes payload, struct json *envelope, struct why *why)
{
	struct json *desired;
	enum err e = json_parse(payload, &desired, why);
	if (e)
		return e;
	struct listing l = {
		.w = w,
		.before = json_member(d->envelope, "artifacts"),
		.list = json_new_array(),
		.why = why,
	};
	each_image(desired, list_image, &l);
	if (!l.e && json_count(l.list) > ARTIFACTS_MAX)
		l.e = why_set(why, ERR_FULL, "more than %d signed images", ARTIFACTS_MAX);
	json_set(envelope, "artifacts", l.list);
	json_free(desired);
	return l.e;
}

enum err warrant_seal(const struct warrant *w, const struct device_view *d, struct bytes payload,
		      char **out, struct why *why)
{
	struct json *envelope = seal_new(payload);
	const struct json *before = json_member(d->envelope, "trust");
	const struct json *chain = json_count(w->chain) ? w->chain : before;
	*out = NULL;
	enum err e = sign_all(w, payload, envelope, why);
	if (chain)
		json_set(envelope, "trust", json_copy(chain));
	if (!e)
		e = add_artifacts(w, d, payload, envelope, why);
	char *text = e ? NULL : json_print(envelope);
	json_free(envelope);
	if (text && strlen(text) > DOCUMENT_MAX) {
		e = why_set(why, ERR_FULL, "a signed state of %zu bytes; %d are allowed",
			    strlen(text), DOCUMENT_MAX);
		free(text);
		text = NULL;
	}
	*out = text;
	return e;
}
