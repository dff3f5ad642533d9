#include "cloud/hub/control.h"

#include "base/log.h"
#include "cloud/hub/drive.h"
#include "ports/clock.h"
#include "ports/json.h"
#include "sync/desired.h"

/* The device has an older state than we know of: show it the newer one. */
static void show_desired(struct hub *h, const struct ledger_source *to, int64_t has_epoch,
			 int64_t has_generation)
{
	struct bytes document;
	int64_t epoch, generation;
	if (ledger_get_desired(&h->ledger, to, &document, &epoch, &generation))
		return;
	if (epoch < has_epoch || (epoch == has_epoch && generation <= has_generation))
		return;
	log_info("desired state shown again device=%s/%s generation=%lld, it has %lld", to->fleet,
		 to->device, (long long)generation, (long long)has_generation);
	hub_tell_retained(h, to, "dn/desired", document);
}

static void on_presence(struct hub *h, const struct topic *t, const struct json *j)
{
	const struct ledger_source from = { t->fleet, t->device };
	struct ledger_presence p = {
		.received_ms = clock_wall_ms(),
		.boot = json_string(json_member(j, "boot")),
		.agent = json_string(json_member(j, "agent")),
		.why_left = json_string(json_member(j, "why")),
	};
	struct why why;
	if (!json_bool(json_member(j, "online"), &p.online) ||
	    !json_integer(json_member(j, "session"), &p.session))
		return;
	json_integer(json_member(j, "generation"), &p.generation);
	enum err e = ledger_begin(&h->ledger, &why);
	if (!e)
		e = ledger_set_presence(&h->ledger, &from, &p, &why);
	if (e) {
		hub_note_trouble(h, &why);
		return;
	}
	hub_commit_soon(h);
}

/* What a state says of the device's place: on which connection, and how far it is. */
struct standing {
	int64_t session, epoch, observed;
};

static bool read_standing(const struct json *state, struct standing *out)
{
	*out = (struct standing){ 0 };
	json_integer(json_member(state, "session"), &out->session);
	json_integer(json_member(state, "epoch"), &out->epoch);
	return json_integer(json_member(state, "observed"), &out->observed);
}

/* Where the device stood when it reported last; all zeroes: it is new. */
static struct standing standing_before(struct hub *h, const struct ledger_source *from)
{
	struct standing before = { 0 };
	struct bytes text;
	struct json *j;
	if (ledger_get_state(&h->ledger, from, &text) || json_parse(text, &j, NULL))
		return before;
	read_standing(j, &before);
	json_free(j);
	return before;
}

static void on_state(struct hub *h, const struct topic *t, const struct json *j,
		     struct bytes payload)
{
	const struct ledger_source from = { t->fleet, t->device };
	const struct standing before = standing_before(h, &from);
	struct standing now;
	struct why why;
	enum err e = ledger_begin(&h->ledger, &why);
	if (!e)
		e = ledger_set_state(&h->ledger, &from, payload, clock_wall_ms(), &why);
	if (e) {
		hub_note_trouble(h, &why);
		return;
	}
	hub_commit_soon(h);
	/* Once for each connection: a device that refuses it would be shown it for ever. */
	if (read_standing(j, &now) && (now.session != before.session || now.epoch != before.epoch ||
				       now.observed != before.observed))
		show_desired(h, &from, now.epoch, now.observed);
}

static enum err keep_desired(struct hub *h, const struct ledger_source *to, struct bytes payload,
			     const struct desired *d, struct why *why)
{
	struct trail_sight sight = { to, payload, d, false, clock_wall_ms() };
	enum err e = ledger_begin(&h->ledger, why);
	if (!e)
		e = ledger_set_desired(&h->ledger, to, payload, d->id.epoch, d->id.generation, why);
	sight.kept = !e && sql_changes(h->ledger.sql) > 0;
	if (!e)
		e = trail_add(&h->trail, &sight, why);
	return e ? e : ledger_mark_seen(&h->ledger, to, why);
}

/* Clearing what is not there is no news. */
static enum err forget_desired(struct hub *h, const struct ledger_source *to, struct why *why)
{
	const struct trail_sight sight = { to, { 0 }, NULL, true, clock_wall_ms() };
	struct bytes document;
	int64_t epoch, generation;
	if (ledger_get_desired(&h->ledger, to, &document, &epoch, &generation))
		return OK;
	enum err e = ledger_begin(&h->ledger, why);
	if (!e)
		e = ledger_forget_desired(&h->ledger, to, why);
	return e ? e : trail_add(&h->trail, &sight, why);
}

void control_on_desired(struct hub *h, const struct topic *t, struct bytes payload)
{
	const struct ledger_source to = { t->fleet, t->device };
	struct desired d;
	struct why why;
	const enum err e = payload.len ? desired_open(payload, t->fleet, t->device, &d, &why) : OK;
	if (e)
		log_warn("desired state not kept device=%s/%s why=\"%s\"", t->fleet, t->device,
			 why.text);
	else if (payload.len ? keep_desired(h, &to, payload, &d, &why)
			     : forget_desired(h, &to, &why))
		hub_note_trouble(h, &why);
	if (payload.len)
		desired_free(&d);
	drive_note(h, t->fleet, t->device);
	hub_commit_soon(h);
}

void control_on_document(struct hub *h, const struct topic *t, struct bytes payload)
{
	struct json *j;
	struct why why;
	if (!payload.len)
		return; /* a retained one was cleared */
	if (json_parse(payload, &j, &why)) {
		log_warn("message not understood device=%s/%s channel=%s why=\"%s\"", t->fleet,
			 t->device, t->channel, why.text);
		return;
	}
	if (strcmp(t->channel, "online") == 0)
		on_presence(h, t, j);
	else
		on_state(h, t, j, payload);
	json_free(j);
	drive_note(h, t->fleet, t->device);
}

/* --- a broker that has lost them --- */

void control_begin_look(struct hub *h)
{
	struct why why;
	h->has_recalled = false;
	if (ledger_mark_all_unseen(&h->ledger, &why))
		hub_note_trouble(h, &why);
}

/* A broker without persistence forgets retained messages when it restarts: it
 * gets them back, for devices and for desks that build on them. */
static void give_back(void *owner, const struct ledger_source *to)
{
	struct hub *h = owner;
	struct bytes document;
	int64_t epoch, generation;
	if (ledger_get_desired(&h->ledger, to, &document, &epoch, &generation))
		return;
	const struct standing now = standing_before(h, to);
	if (now.epoch > epoch || (now.epoch == epoch && now.observed > generation)) {
		log_warn("desired state not given back, the device has a newer one device=%s/%s "
			 "generation=%lld, it has %lld",
			 to->fleet, to->device, (long long)generation, (long long)now.observed);
		return;
	}
	log_info("desired state given back to the broker device=%s/%s generation=%lld", to->fleet,
		 to->device, (long long)generation);
	hub_tell_retained(h, to, "dn/desired", document);
}

void control_end_look(struct hub *h)
{
	struct why why;
	if (ledger_each_unseen(&h->ledger, give_back, h, &why))
		hub_note_trouble(h, &why);
}
