#include "agent/deploy_parts.h"

#include "agent/past.h"
#include "base/log.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/digest.h"
#include "workloads/placement.h"

#include <stdio.h>

enum { EVENT_MESSAGE_MAX = 512 };

/* Who shows the same document again gets no second answer: it would be shown again. */
static void answer(struct deploy *d, struct deploy_answer *a, const struct desired_id *id,
		   const char *reason, const char *message)
{
	const char *digest = id->epoch || id->generation ? "" : id->digest;
	if (a->epoch == id->epoch && a->generation == id->generation &&
	    strcmp(a->digest, digest) == 0 && strcmp(a->why.text, message) == 0)
		return;
	*a = (struct deploy_answer){
		.epoch = id->epoch,
		.generation = id->generation,
		.since_ms = clock_wall_ms(),
	};
	strcpy(a->digest, digest);
	(void)why_set(&a->why, OK, "%s", message);
	deploy_tell(d, true, reason, id->generation, message);
	d->o.on_change(d->o.owner);
}

void deploy_reject(struct deploy *d, const struct desired_id *id, const struct why *why)
{
	answer(d, &d->rejected, id, "Rejected", why->text);
}

static void become_unmanaged(struct deploy *d)
{
	if (d->unmanaged_asked)
		return;
	d->unmanaged_asked = true;
	event_add(d->o.events, false, "Unmanaged", "device",
		  "the desired state is empty: what runs goes on", NULL);
	d->o.on_change(d->o.owner);
}

/* What of its document a board does not look at: one warning, of all pods. */
static void describe_ignored(const struct deploy *d, char out[EVENT_MESSAGE_MAX])
{
	struct text t = text_in(out, EVENT_MESSAGE_MAX);
	if (d->next.warning[0])
		text_add(&t, "%s", d->next.warning);
	for (size_t i = 0; i < d->wanted.count; i++) {
		const struct pod *p = d->wanted.pods[i];
		for (size_t k = 0; k < p->ignored.count; k++)
			text_add(&t, "%s%s%s%s", t.len ? ", " : "", k ? "" : p->name, k ? "" : ": ",
				 p->ignored.paths[k]);
	}
}

/* On flash, and with it how far a signed state may never fall back. */
static enum err keep(struct deploy *d, const struct desired *document, struct bytes text,
		     struct why *why)
{
	char room[ANCHOR_MARK_MAX];
	struct anchor *a = d->o.anchor;
	const struct bytes none = { NULL, 0 };
	const struct bytes mark = a ? anchor_mark(a, document, clock_wall_ms(), room) : none;
	enum err e = shelf_accept(&d->shelf, text, mark, why);
	if (!e && a)
		anchor_marked(a, mark);
	return e;
}

static void accept(struct deploy *d, struct desired *document, struct bytes text,
		   struct wanted *wanted)
{
	struct why why;
	enum err e = keep(d, document, text, &why);
	if (e) {
		wanted_free(wanted);
		deploy_reject(d, &document->id, &why);
		desired_free(document);
		return;
	}
	if (past_add(d->o.store, &document->id, clock_wall_ms(), &why))
		log_warn("not in the list of past states why=\"%s\"", why.text);
	if (d->o.is_safe_mode) {
		wanted_free(wanted);
		desired_free(document);
		d->o.on_safe_accepted(d->o.owner);
		return;
	}
	deploy_drop_next(d);
	d->next = *document;
	d->newest = document->id;
	d->wanted = *wanted;
	d->unmanaged_asked = false;
	deploy_forget_failure(d);
	d->rejected = d->conflict = d->stale = (struct deploy_answer){ 0 };
	char ignored[EVENT_MESSAGE_MAX];
	describe_ignored(d, ignored);
	deploy_tell(d, ignored[0] != '\0', "Accepted", d->next.id.generation, ignored);
	deploy_set_phase(d, DEPLOY_DOWNLOADING);
	deploy_obtain(d);
}

/* The signer of the state says that it runs here, the builder that it is his: both. */
static enum err check_image(const struct deploy *d, const struct wanted *w, size_t pod,
			    const struct json *artifacts, struct why *why)
{
	const struct pod *p = w->pods[pod];
	enum err e = OK;
	for (size_t k = 0; k < p->container_count && !e; k++) {
		const char *digest = p->containers[k].image_digest;
		if (digest && !wanted_is_image_known(w, pod, k))
			e = anchor_check_artifact(d->o.anchor, artifacts, digest, why);
	}
	return e ? why_in(why, e, p->name) : OK;
}

static enum err check_images(const struct deploy *d, const struct wanted *w,
			     const struct desired_agent *agent, const struct json *artifacts,
			     struct why *why)
{
	enum err e = OK;
	if (!d->o.anchor)
		return OK;
	for (size_t i = 0; i < w->count && !e; i++)
		e = check_image(d, w, i, artifacts, why);
	if (!e && label_is_digest(bytes_of(agent->image)))
		e = anchor_check_artifact(d->o.anchor, artifacts, agent->image, why);
	return e;
}

/* Only when a state comes: labels that change later end nothing that runs. */
static enum err check_places(const struct deploy *d, const struct desired *document,
			     const struct wanted *w, struct why *why)
{
	char where[32];
	struct json *labels = NULL;
	enum err e = OK;
	for (size_t i = 0; i < w->count && !e; i++) {
		if (!w->pods[i]->selector_count)
			continue;
		if (!labels)
			labels = d->o.labels(d->o.owner, json_member(document->document, "labels"));
		snprintf(where, sizeof where, "workloads[%zu]", i);
		e = placement_check(w->pods[i], labels, why);
		if (e)
			e = why_in(why, e, where);
	}
	json_free(labels);
	return e;
}

static void consider(struct deploy *d, struct desired *document, const struct json *artifacts,
		     struct bytes text)
{
	struct wanted wanted;
	struct why why;
	const struct desired_id id = document->id;
	enum err e = deploy_read_wanted(d, document, &wanted, &why);
	if (!e) {
		e = check_places(d, document, &wanted, &why);
		if (!e)
			e = check_images(d, &wanted, &document->agent, artifacts, &why);
		if (!e) {
			accept(d, document, text, &wanted);
			return;
		}
		wanted_free(&wanted);
	}
	desired_free(document);
	deploy_reject(d, &id, &why);
}

static enum err read_message(struct deploy *d, struct bytes text, struct desired *out,
			     struct json **artifacts, struct why *why)
{
	struct anchor *a = d->o.anchor;
	*artifacts = NULL;
	if (!a)
		return desired_open(text, d->o.fleet, d->o.device, out, why);
	const int64_t version = a->trust.version;
	enum err e = anchor_read(a, text, d->o.device, clock_wall_ms(), out, artifacts, why);
	if (a->trust.version != version) {
		char object[48];
		snprintf(object, sizeof object, "trust/%lld", (long long)a->trust.version);
		event_add(d->o.events, false, "TrustChanged", object, "", NULL);
		log_info("newer trust document version=%lld", (long long)a->trust.version);
		d->o.on_change(d->o.owner);
	}
	return e;
}

void deploy_on_document(struct deploy *d, struct bytes text)
{
	struct desired document;
	struct json *artifacts;
	struct why why;
	if (!text.len) {
		become_unmanaged(d);
		return;
	}
	if (read_message(d, text, &document, &artifacts, &why)) {
		digest_of(text, document.id.digest);
		deploy_reject(d, &document.id, &why);
		return;
	}
	const struct desired_id id = document.id;
	switch (desired_compare(&d->newest, &id)) {
	case DESIRED_NEWER:
		consider(d, &document, artifacts, text);
		json_free(artifacts);
		return;
	case DESIRED_SAME:
		d->unmanaged_asked = false;
		break;
	case DESIRED_CONFLICT:
		answer(d, &d->conflict, &id, "Conflict",
		       "another document of this generation was accepted first");
		break;
	case DESIRED_STALE:
	default:
		answer(d, &d->stale, &id, "Stale", "a newer generation was accepted before");
		break;
	}
	json_free(artifacts);
	desired_free(&document);
}
