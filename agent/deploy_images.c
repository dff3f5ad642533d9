#include "agent/deploy_parts.h"

#include "base/log.h"
#include "ports/clock.h"

#include <stdio.h>

static bool keep_running_images(void *owner, const char *digest)
{
	const struct deploy *d = owner;
	if (d->o.needs_image(d->o.owner, digest))
		return true;
	for (size_t i = 0; i < PLAN_HAVE_MAX; i++) {
		const struct running_pod *r = d->o.supervisor->pods[i];
		for (size_t k = 0; r && r->pod && k < r->pod->container_count; k++) {
			const char *used = r->pod->containers[k].image_digest;
			if (used && strcmp(used, digest) == 0)
				return true;
		}
	}
	return false;
}

static bool keep_blobs(void *owner, const char *digest)
{
	const struct deploy *d = owner;
	(void)digest;
	return d->o.needs_blobs(d->o.owner);
}

void deploy_sweep(struct deploy *d)
{
	struct why why;
	if (images_sweep(d->o.images, keep_running_images, d, &why) ||
	    blobs_sweep(d->o.blobs, keep_blobs, d, &why))
		log_warn("old images stay on flash why=\"%s\"", why.text);
}

void deploy_mend_soon(struct deploy *d)
{
	loop_arm(d->o.loop, &d->mending, 0);
}

/* An image turned out to be unusable: the state is refused after all. */
static void give_back(struct deploy *d, const struct why *why)
{
	struct why inner;
	const struct desired_id id = d->next.id;
	if (shelf_refuse(&d->shelf, why->text, &inner))
		log_err("the refusal is not on flash why=\"%s\"", inner.text);
	deploy_note_end(d, "refused", why->text);
	deploy_drop_next(d);
	deploy_reject(d, &id, why);
	deploy_mend_soon(d);
	deploy_set_phase(d, d->running.digest[0] ? DEPLOY_AVAILABLE : DEPLOY_UNMANAGED);
}

static void tell_fetch_failed(struct deploy *d, const struct why *why)
{
	deploy_tell(d, true, "FetchFailed",
		    d->is_mending ? d->running.generation : d->next.id.generation, why->text);
}

static void try_again(struct deploy *d, const struct why *why)
{
	struct timer *t = d->is_mending ? &d->mending : &d->timer;
	d->trouble = *why;
	log_warn("an image could not be unpacked, tried again why=\"%s\"", why->text);
	d->o.on_change(d->o.owner);
	loop_arm(d->o.loop, t, clock_now_ms() + DEPLOY_RETRY_MS);
}

/* A new state with a bad image is refused; what runs waits for a better day. */
static void on_bad_image(struct deploy *d, const struct why *why)
{
	if (d->is_mending)
		try_again(d, why);
	else
		give_back(d, why);
}

static void on_unpacked(void *owner, enum err e, const struct why *why)
{
	struct deploy *d = owner;
	if (e == ERR_INVALID) {
		on_bad_image(d, why);
		return;
	}
	if (e == ERR_CORRUPT) {
		/* The blobs were right once; they are fetched anew. */
		(void)!blobs_sweep(d->o.blobs, keep_blobs, d, NULL);
		tell_fetch_failed(d, why);
	}
	if (e) {
		try_again(d, why);
		return;
	}
	inspection_pass(d->o.inspection, d->image);
	supervisor_on_image(d->o.supervisor, d->image);
	d->image[0] = '\0';
	deploy_obtain(d);
}

static void on_fetched(void *owner)
{
	struct deploy *d = owner;
	d->trouble.text[0] = '\0';
	deploy_obtain(d);
}

static void on_fetch_trouble(void *owner, const struct why *why)
{
	struct deploy *d = owner;
	d->trouble = *why;
	tell_fetch_failed(d, why);
	d->o.on_change(d->o.owner);
}

static enum err ask_blob(void *owner, struct bytes request)
{
	struct deploy *d = owner;
	return d->o.ask_blob(d->o.owner, request);
}

static bool lacks_image(struct deploy *d, const struct pod *p)
{
	for (size_t k = 0; k < p->container_count; k++) {
		const char *digest = p->containers[k].image_digest;
		if (!digest || image_is_ready(d->o.images, digest))
			continue;
		strcpy(d->image, digest);
		return true;
	}
	return false;
}

/* The next image that is not unpacked: of the state on its way, or of what runs. */
static bool find_image(struct deploy *d)
{
	bool found = false;
	if (!d->is_mending) {
		for (size_t i = 0; i < d->wanted.count && !found; i++)
			found = lacks_image(d, d->wanted.pods[i]);
		return found;
	}
	for (size_t i = 0; i < PLAN_HAVE_MAX && !found; i++) {
		const struct running_pod *r = d->o.supervisor->pods[i];
		found = r && r->pod && lacks_image(d, r->pod);
	}
	return found;
}

/* While a state is on trial, images of the good one are kept for the way back. */
static bool may_sweep(const struct deploy *d)
{
	return d->phase == DEPLOY_AVAILABLE || d->phase == DEPLOY_ROLLED_BACK;
}

static void finish_mending(struct deploy *d)
{
	d->is_mending = false;
	d->trouble.text[0] = '\0';
	if (may_sweep(d))
		deploy_sweep(d);
	d->o.on_change(d->o.owner);
}

void deploy_on_gone(struct deploy *d)
{
	if (may_sweep(d))
		deploy_mend_soon(d);
}

void deploy_obtain(struct deploy *d)
{
	char blob[DIGEST_SIZE];
	struct why why;
	if (!find_image(d)) {
		if (d->is_mending)
			finish_mending(d);
		else
			deploy_switch_over(d);
		return;
	}
	enum err e = image_missing_blob(d->o.images, d->image, blob, &why);
	if (e == OK) {
		fetch_start(&d->fetch, blob);
		return;
	}
	if (e == ERR_NOT_FOUND) {
		e = unpacking_start(&d->unpacking, d->o.loop, d->image, &why);
	}
	if (e == ERR_INVALID || (e == ERR_FULL && d->phase == DEPLOY_DOWNLOADING))
		on_bad_image(d, &why);
	else if (e)
		on_unpacked(d, e, &why);
}

static void on_mending_due(void *owner, int64_t now_ms)
{
	struct deploy *d = owner;
	(void)now_ms;
	const bool is_at_it = d->fetch.digest[0] || d->unpacking.process.pid;
	if (d->phase == DEPLOY_DOWNLOADING || is_at_it)
		return; /* afterwards, or already */
	d->is_mending = true;
	deploy_obtain(d);
}

void deploy_init_images(struct deploy *d)
{
	const struct fetch_hooks hooks = { d, ask_blob, on_fetched, on_fetch_trouble };
	d->mending = (struct timer){ .owner = d, .on_due = on_mending_due };
	unpacking_init(&d->unpacking, d->o.images, d, on_unpacked);
	fetch_init(&d->fetch, d->o.loop, d->o.blobs, &hooks);
}

void deploy_on_inspected(struct deploy *d, const char *digest, enum err e, const struct why *why)
{
	char message[sizeof why->text + DIGEST_SIZE];
	if (e == ERR_CORRUPT) {
		snprintf(message, sizeof message, "%s; %.19s is fetched again", why->text, digest);
		event_add(d->o.events, true, "ImageDamaged", "device", message, NULL);
		log_warn("an image is damaged, and fetched again why=\"%s\"", why->text);
		deploy_mend_soon(d);
	}
	supervisor_on_image(d->o.supervisor, digest);
}

void deploy_on_block(struct deploy *d, const char *id, const char *offset, struct bytes payload)
{
	fetch_on_block(&d->fetch, id, offset, payload);
}

void deploy_on_up(struct deploy *d)
{
	fetch_on_up(&d->fetch);
}
