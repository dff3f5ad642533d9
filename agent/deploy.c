#include "agent/deploy.h"

#include "agent/admission.h"
#include "agent/logbook.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/digest.h"
#include "workloads/placement.h"

#include <stdio.h>

enum { LAST_LINES = 10, RETRY_MS = 60 * 1000, EVENT_MESSAGE_MAX = 512 };

const char *deploy_phase_name(enum deploy_phase p)
{
	static const char *const names[] = {
		[DEPLOY_UNMANAGED] = "Unmanaged",     [DEPLOY_DOWNLOADING] = "Downloading",
		[DEPLOY_PROGRESSING] = "Progressing", [DEPLOY_AVAILABLE] = "Available",
		[DEPLOY_ROLLED_BACK] = "RolledBack",  [DEPLOY_DEGRADED] = "Degraded",
	};
	return names[p];
}

static void set_phase(struct deploy *d, enum deploy_phase phase)
{
	d->phase = phase;
	d->phase_since_ms = clock_wall_ms();
	d->o.on_change(d->o.owner);
}

static void tell(struct deploy *d, bool warning, const char *reason, int64_t generation,
		 const char *message)
{
	char object[48];
	snprintf(object, sizeof object, "generation/%lld", (long long)generation);
	event_add(d->o.events, warning, reason, object, message, NULL);
}

static void forget_failure(struct deploy *d)
{
	d->failure.text[0] = '\0';
	json_free(d->last_words);
	d->last_words = NULL;
}

static void drop_next(struct deploy *d)
{
	fetch_stop(&d->fetch);
	unpacking_stop(&d->unpacking);
	loop_disarm(d->o.loop, &d->timer);
	loop_disarm(d->o.loop, &d->mending);
	d->image[0] = '\0';
	d->is_mending = false;
	d->trouble.text[0] = '\0';
	wanted_free(&d->wanted);
	desired_free(&d->next);
}

static enum err read_wanted(const struct deploy *d, const struct desired *from, struct wanted *out,
			    struct why *why)
{
	const struct admission a = { &d->o.supervisor->site, d->o.memory_bytes, d->o.cpu_milli };
	return admission_read(&a, from->workloads, from->configs, out, why);
}

/* --- running what is on the shelf --- */

static enum err read_slot(struct deploy *d, enum shelf_slot slot, struct desired *out,
			  struct why *why)
{
	struct bytes kept;
	enum err e = shelf_get(&d->shelf, slot, &kept);
	return e ? why_set(why, e, "nothing is kept")
		 : desired_open(kept, d->o.fleet, d->o.device, out, why);
}

static enum err reach(struct deploy *d, struct wanted *wanted, const struct desired_id *id)
{
	enum err e = supervisor_reach(d->o.supervisor, wanted, id->generation);
	if (!e)
		d->running = *id;
	return e;
}

/* False: there is no good state, or it does not read back. */
static bool run_good(struct deploy *d)
{
	struct desired good;
	struct wanted wanted;
	struct why why;
	if (read_slot(d, SHELF_GOOD, &good, &why))
		return false;
	enum err e = read_wanted(d, &good, &wanted, &why);
	if (!e && reach(d, &wanted, &good.id)) {
		wanted_free(&wanted);
		e = why_set(&why, ERR_AGAIN, "too many pods are still ending");
	}
	if (!d->newest.digest[0]) {
		d->newest = good.id;
		d->agent = good.agent;
	}
	desired_free(&good);
	if (e)
		log_err("the last good state cannot run why=\"%s\"", why.text);
	return e == OK;
}

/* --- after the switch --- */

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

/* Flash is given back when nothing needs it: what runs is unpacked. */
static void sweep(struct deploy *d)
{
	struct why why;
	if (images_sweep(d->o.images, keep_running_images, d, &why) ||
	    blobs_sweep(d->o.blobs, keep_blobs, d, &why))
		log_warn("old images stay on flash why=\"%s\"", why.text);
}

static void mend_soon(struct deploy *d)
{
	loop_arm(d->o.loop, &d->mending, 0);
}

static void become_available(struct deploy *d)
{
	struct why why;
	const int64_t generation = d->next.id.generation;
	enum err e = shelf_promote(&d->shelf, &why);
	if (e) {
		/* Tried again: a state counts as good only once flash says so. */
		log_err("generation not kept as good why=\"%s\"", why.text);
		loop_arm(d->o.loop, &d->timer, clock_now_ms() + RETRY_MS);
		return;
	}
	drop_next(d);
	supervisor_settle(d->o.supervisor);
	forget_failure(d);
	sweep(d);
	mend_soon(d);
	tell(d, false, "Available", generation, "healthy, and kept as the last good state");
	set_phase(d, DEPLOY_AVAILABLE);
}

/* The reason, and the last that the culprit said. */
static void describe_failure(struct deploy *d, const struct supervisor_health *h, const char *what)
{
	const struct workload *w = h->worst;
	forget_failure(d);
	if (!w) {
		(void)why_set(&d->failure, OK, "%s", what);
		return;
	}
	const char *trouble = w->trouble.text[0] ? w->trouble.text : workload_state_name(w->state);
	(void)why_set(&d->failure, OK, "%s: %s: %.150s", what, w->name, trouble);
	d->last_words = json_new_object();
	json_set_string(d->last_words, "workload", w->name);
	json_set(d->last_words, "lines", logbook_last(w, LAST_LINES));
}

static void give_up(struct deploy *d, const struct supervisor_health *h, const char *what)
{
	struct why why;
	char object[48];
	struct bytes good;
	const bool has_good = shelf_get(&d->shelf, SHELF_GOOD, &good) == OK;
	const bool goes_back = has_good && d->next.rolls_back;
	describe_failure(d, h, what);
	snprintf(object, sizeof object, "generation/%lld", (long long)d->next.id.generation);
	event_add(d->o.events, true, goes_back ? "RolledBack" : "Degraded", object, d->failure.text,
		  d->last_words ? json_copy(d->last_words) : NULL);
	if (!goes_back) {
		set_phase(d, DEPLOY_DEGRADED);
		return;
	}
	if (shelf_fail(&d->shelf, d->failure.text, &why))
		log_err("the failure is not on flash, after a restart it is tried again why=\"%s\"",
			why.text);
	drop_next(d);
	run_good(d);
	mend_soon(d);
	supervisor_settle(d->o.supervisor);
	set_phase(d, DEPLOY_ROLLED_BACK);
}

/* Is it healthy, for long enough, or will it never be? */
static void judge(struct deploy *d)
{
	struct supervisor_health h;
	const int64_t now = clock_now_ms();
	const int64_t deadline = d->switched_ms + d->next.progress_deadline_ms;
	supervisor_health(d->o.supervisor, &h);
	bool healthy = h.ready == h.workloads;
	if (!healthy)
		d->healthy_ms = 0;
	else if (!d->healthy_ms)
		d->healthy_ms = now;

	if (healthy && now >= d->healthy_ms + d->next.healthy_for_ms) {
		become_available(d);
		return;
	}
	if (d->phase == DEPLOY_PROGRESSING && h.failures >= DEPLOY_FAILURES_MAX) {
		give_up(d, &h, "it keeps failing");
		return;
	}
	if (d->phase == DEPLOY_PROGRESSING && now >= deadline) {
		give_up(d, &h, "not healthy in time");
		return;
	}
	int64_t due = healthy ? d->healthy_ms + d->next.healthy_for_ms : deadline;
	if (d->phase == DEPLOY_PROGRESSING && deadline < due)
		due = deadline;
	if (healthy || d->phase == DEPLOY_PROGRESSING)
		loop_arm(d->o.loop, &d->timer, due);
}

static bool is_on_trial(const struct deploy *d)
{
	return d->phase == DEPLOY_PROGRESSING || d->phase == DEPLOY_DEGRADED;
}

void deploy_on_workloads(struct deploy *d)
{
	/* From the loop, not from inside a workload's own change. */
	if (is_on_trial(d))
		loop_arm(d->o.loop, &d->timer, 0);
}

static void begin_trial(struct deploy *d)
{
	d->switched_ms = clock_now_ms();
	d->healthy_ms = 0;
	set_phase(d, DEPLOY_PROGRESSING);
	loop_arm(d->o.loop, &d->timer, 0);
}

static void switch_over(struct deploy *d)
{
	struct why why;
	/* Written before it happens: after a power cut we know what ran. */
	enum err e = shelf_try(&d->shelf, &why);
	if (!e && reach(d, &d->wanted, &d->next.id))
		e = why_set(&why, ERR_AGAIN, "too many pods of earlier states are still ending");
	if (e) {
		log_warn("the switch waits why=\"%s\"", why.text);
		loop_arm(d->o.loop, &d->timer, clock_now_ms() + RETRY_MS / 60);
		return;
	}
	d->agent = d->next.agent;
	tell(d, false, "Switched", d->next.id.generation, "");
	begin_trial(d);
}

/* --- obtaining images --- */

static void obtain(struct deploy *d);

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
	tell(d, true, reason, id->generation, message);
	d->o.on_change(d->o.owner);
}

static void reject(struct deploy *d, const struct desired_id *id, const struct why *why)
{
	answer(d, &d->rejected, id, "Rejected", why->text);
}

/* An image turned out to be unusable: the state is refused after all. */
static void give_back(struct deploy *d, const struct why *why)
{
	struct why inner;
	const struct desired_id id = d->next.id;
	if (shelf_refuse(&d->shelf, why->text, &inner))
		log_err("the refusal is not on flash why=\"%s\"", inner.text);
	drop_next(d);
	reject(d, &id, why);
	mend_soon(d);
	set_phase(d, d->running.digest[0] ? DEPLOY_AVAILABLE : DEPLOY_UNMANAGED);
}

static void tell_fetch_failed(struct deploy *d, const struct why *why)
{
	tell(d, true, "FetchFailed", d->is_mending ? d->running.generation : d->next.id.generation,
	     why->text);
}

static void try_again(struct deploy *d, const struct why *why)
{
	struct timer *t = d->is_mending ? &d->mending : &d->timer;
	d->trouble = *why;
	log_warn("an image could not be unpacked, tried again why=\"%s\"", why->text);
	d->o.on_change(d->o.owner);
	loop_arm(d->o.loop, t, clock_now_ms() + RETRY_MS);
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
	obtain(d);
}

static void on_fetched(void *owner)
{
	struct deploy *d = owner;
	d->trouble.text[0] = '\0';
	obtain(d);
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

static void finish_mending(struct deploy *d)
{
	d->is_mending = false;
	d->trouble.text[0] = '\0';
	/* While a state is on trial, images of the good one are kept for the way back. */
	if (d->phase == DEPLOY_AVAILABLE || d->phase == DEPLOY_ROLLED_BACK)
		sweep(d);
	d->o.on_change(d->o.owner);
}

/* One step on the way to having everything; called again when it is done. */
static void obtain(struct deploy *d)
{
	char blob[DIGEST_SIZE];
	struct why why;
	if (!find_image(d)) {
		if (d->is_mending)
			finish_mending(d);
		else
			switch_over(d);
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

static void on_timer(void *owner, int64_t now_ms)
{
	struct deploy *d = owner;
	(void)now_ms;
	if (is_on_trial(d))
		judge(d);
	else if (d->phase == DEPLOY_DOWNLOADING)
		obtain(d);
}

/* --- images that got lost --- */

static void on_mending_due(void *owner, int64_t now_ms)
{
	struct deploy *d = owner;
	(void)now_ms;
	const bool is_at_it = d->fetch.digest[0] || d->unpacking.process.pid;
	if (d->phase == DEPLOY_DOWNLOADING || is_at_it)
		return; /* afterwards, or already */
	d->is_mending = true;
	obtain(d);
}

void deploy_on_inspected(struct deploy *d, const char *digest, enum err e, const struct why *why)
{
	char message[sizeof why->text + DIGEST_SIZE];
	if (e == ERR_CORRUPT) {
		snprintf(message, sizeof message, "%s; %.19s is fetched again", why->text, digest);
		event_add(d->o.events, true, "ImageDamaged", "device", message, NULL);
		log_warn("an image is damaged, and fetched again why=\"%s\"", why->text);
		mend_soon(d);
	}
	supervisor_on_image(d->o.supervisor, digest);
}

/* --- a document has come --- */

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
		reject(d, &document->id, &why);
		desired_free(document);
		return;
	}
	if (d->o.is_safe_mode) {
		wanted_free(wanted);
		desired_free(document);
		d->o.on_safe_accepted(d->o.owner);
		return;
	}
	drop_next(d);
	d->next = *document;
	d->newest = document->id;
	d->wanted = *wanted;
	d->unmanaged_asked = false;
	forget_failure(d);
	d->rejected = d->conflict = d->stale = (struct deploy_answer){ 0 };
	char ignored[EVENT_MESSAGE_MAX];
	describe_ignored(d, ignored);
	tell(d, ignored[0] != '\0', "Accepted", d->next.id.generation, ignored);
	set_phase(d, DEPLOY_DOWNLOADING);
	obtain(d);
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
	enum err e = read_wanted(d, document, &wanted, &why);
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
	reject(d, &id, &why);
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
		reject(d, &document.id, &why);
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

/* --- opening --- */

/* A state was on its way when we ended: go on from the step on the shelf. */
static void resume_next(struct deploy *d)
{
	struct why why;
	enum err e = read_slot(d, SHELF_NEXT, &d->next, &why);
	if (!e)
		e = read_wanted(d, &d->next, &d->wanted, &why);
	if (e) {
		log_err("the accepted state does not read back why=\"%s\"", why.text);
		desired_free(&d->next);
		if (!d->running.digest[0] && run_good(d))
			set_phase(d, DEPLOY_AVAILABLE);
		return;
	}
	d->newest = d->next.id;
	if (d->shelf.step == SHELF_FAILED) {
		d->agent = d->next.agent;
		d->failure = d->shelf.reason;
		drop_next(d);
		set_phase(d, DEPLOY_ROLLED_BACK);
		return;
	}
	if (d->shelf.step == SHELF_REFUSED) {
		const struct desired_id *id = &d->newest;
		d->rejected = (struct deploy_answer){
			.epoch = id->epoch,
			.generation = id->generation,
			.since_ms = clock_wall_ms(),
			.why = d->shelf.reason,
		};
		drop_next(d);
		return;
	}
	set_phase(d, DEPLOY_DOWNLOADING);
	obtain(d);
}

/* Nothing runs by us. A state on its way may be what makes us crash: the next start
 * finds it given up, and the good one. */
static void rest_in_safe_mode(struct deploy *d)
{
	static const char reason[] = "the agent kept crashing while this state was on its way";
	struct desired newest;
	struct why why;
	const bool on_its_way = d->shelf.step == SHELF_FETCHING || d->shelf.step == SHELF_TRYING;
	if (on_its_way && shelf_fail(&d->shelf, reason, &why))
		log_err("the failure is not on flash why=\"%s\"", why.text);
	const enum shelf_slot slot = d->shelf.step == SHELF_NONE ? SHELF_GOOD : SHELF_NEXT;
	if (read_slot(d, slot, &newest, &why) == OK) {
		d->newest = newest.id;
		d->agent = newest.agent;
		desired_free(&newest);
	}
	d->failure = d->shelf.reason;
	set_phase(d, d->shelf.step == SHELF_FAILED ? DEPLOY_ROLLED_BACK
		     : d->newest.digest[0]         ? DEPLOY_AVAILABLE
						   : DEPLOY_UNMANAGED);
}

/* Documents on the shelf do not say whether anybody verified them; the mark does. */
static void restore_order(struct deploy *d)
{
	if (d->o.anchor)
		anchor_restore(d->o.anchor, &d->newest);
}

enum err deploy_open(struct deploy *d, const struct deploy_options *options, struct why *why)
{
	const struct fetch_hooks hooks = { d, ask_blob, on_fetched, on_fetch_trouble };
	*d = (struct deploy){ .o = *options };
	d->timer = (struct timer){ .owner = d, .on_due = on_timer };
	d->mending = (struct timer){ .owner = d, .on_due = on_mending_due };
	unpacking_init(&d->unpacking, d->o.images, d, on_unpacked);
	fetch_init(&d->fetch, d->o.loop, d->o.blobs, &hooks);
	enum err e = shelf_open(&d->shelf, d->o.store, why);
	if (e)
		return e;
	if (d->o.is_safe_mode) {
		rest_in_safe_mode(d);
		restore_order(d);
		return OK;
	}

	/* While next is on trial, good must not be started in between. */
	bool on_trial = d->shelf.step == SHELF_TRYING;
	if (!on_trial && run_good(d)) {
		supervisor_settle(d->o.supervisor); /* it has proved itself before */
		set_phase(d, DEPLOY_AVAILABLE);
		mend_soon(d);
	}
	if (d->shelf.step != SHELF_NONE)
		resume_next(d);
	restore_order(d);
	return OK;
}

bool deploy_is_at_rest(const struct deploy *d)
{
	return d->phase != DEPLOY_DOWNLOADING && d->phase != DEPLOY_PROGRESSING && !d->is_mending;
}

void deploy_close(struct deploy *d)
{
	if (!d->o.loop)
		return;
	drop_next(d);
	forget_failure(d);
	*d = (struct deploy){ 0 };
}

void deploy_on_block(struct deploy *d, const char *id, const char *offset, struct bytes payload)
{
	fetch_on_block(&d->fetch, id, offset, payload);
}

void deploy_on_up(struct deploy *d)
{
	fetch_on_up(&d->fetch);
}
