#include "cloud/hub/control.h"

#include "base/log.h"
#include "cloud/hub/drive.h"
#include "ports/clock.h"
#include "ports/json.h"
#include "sync/desired.h"

/* What a state says of the device's place: on which connection, and how far it is. */
struct standing {
	int64_t session;
	struct desired_id id; /* without a digest */
	bool has_anchor;      /* else epochs and generations count alone */
};

static bool read_standing(const struct json *state, struct standing *out)
{
	const struct json *trust = json_member(state, "trust");
	*out = (struct standing){
		.session = json_integer_at(state, "session"),
		.id = { .trust = json_integer_at(trust, "state"),
			.epoch = json_integer_at(state, "epoch") },
		.has_anchor = json_type_of(trust) == JSON_OBJECT,
	};
	return json_integer(json_member(state, "observed"), &out->id.generation);
}

/* <0, 0, >0, as the device itself compares. */
static int compare(const struct desired_id *id, const struct standing *has)
{
	struct desired_id seen = *id;
	if (!has->has_anchor)
		seen.trust = has->id.trust;
	return desired_compare_order(&seen, &has->id);
}

/* The device has an older state than we know of: show it the newer one. */
static void show_desired(struct hub *h, const struct ledger_source *to, const struct standing *has)
{
	struct bytes document;
	struct desired_id id;
	if (ledger_get_desired(&h->ledger, to, &document, &id) || compare(&id, has) <= 0)
		return;
	log_info("desired state shown again device=%s/%s generation=%lld, it has %lld", to->fleet,
		 to->device, (long long)id.generation, (long long)has->id.generation);
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
	if (read_standing(j, &now) &&
	    (now.session != before.session || desired_compare_order(&now.id, &before.id) != 0))
		show_desired(h, &from, &now);
}

/* SQL compares epochs and generations: newer trust counts more, and begins them anew. */
static enum err set_desired(struct hub *h, const struct ledger_source *to, struct bytes payload,
			    const struct standing *its, bool *out_kept, struct why *why)
{
	struct bytes before;
	struct desired_id kept;
	enum err e = OK;
	if (its->has_anchor && ledger_get_desired(&h->ledger, to, &before, &kept) == OK) {
		if (kept.trust > its->id.trust)
			return OK;
		if (kept.trust < its->id.trust)
			e = ledger_forget_desired(&h->ledger, to, why);
	}
	if (!e)
		e = ledger_set_desired(&h->ledger, to, payload, its->id.epoch, its->id.generation,
				       why);
	*out_kept = !e && sql_changes(h->ledger.sql) > 0;
	return e;
}

static enum err keep_desired(struct hub *h, const struct ledger_source *to, struct bytes payload,
			     const struct desired *d, const struct standing *its, struct why *why)
{
	struct trail_sight sight = { to, payload, d, false, clock_wall_ms() };
	enum err e = ledger_begin(&h->ledger, why);
	if (!e)
		e = set_desired(h, to, payload, its, &sight.kept, why);
	if (!e)
		e = trail_add(&h->trail, &sight, why);
	return e ? e : ledger_mark_seen(&h->ledger, to, why);
}

/* Clearing what is not there is no news. */
static enum err forget_desired(struct hub *h, const struct ledger_source *to, struct why *why)
{
	const struct trail_sight sight = { to, { 0 }, NULL, true, clock_wall_ms() };
	struct bytes document;
	struct desired_id id;
	if (ledger_get_desired(&h->ledger, to, &document, &id))
		return OK;
	enum err e = ledger_begin(&h->ledger, why);
	if (!e)
		e = ledger_forget_desired(&h->ledger, to, why);
	return e ? e : trail_add(&h->trail, &sight, why);
}

/* Whoever published an older one did not know of it, and it is what the broker holds now. */
static void hear_desired(struct hub *h, const struct ledger_source *to, struct bytes payload,
			 const struct desired *d)
{
	struct why why;
	struct standing its = standing_before(h, to);
	its.id = d->id;
	its.id.trust = desired_named_trust(payload);
	if (keep_desired(h, to, payload, d, &its, &why))
		hub_note_trouble(h, &why);
	else
		show_desired(h, to, &its);
}

void control_on_desired(struct hub *h, const struct topic *t, struct bytes payload)
{
	const struct ledger_source to = { t->fleet, t->device };
	struct desired d;
	struct why why;
	if (!payload.len) {
		if (forget_desired(h, &to, &why))
			hub_note_trouble(h, &why);
	} else if (desired_open(payload, t->fleet, t->device, &d, &why)) {
		log_warn("desired state not kept device=%s/%s why=\"%s\"", t->fleet, t->device,
			 why.text);
		desired_free(&d);
	} else {
		hear_desired(h, &to, payload, &d);
		desired_free(&d);
	}
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
	struct desired_id id;
	if (ledger_get_desired(&h->ledger, to, &document, &id))
		return;
	const struct standing now = standing_before(h, to);
	if (compare(&id, &now) < 0) {
		log_warn("desired state not given back, the device has a newer one device=%s/%s "
			 "generation=%lld, it has %lld",
			 to->fleet, to->device, (long long)id.generation,
			 (long long)now.id.generation);
		return;
	}
	log_info("desired state given back to the broker device=%s/%s generation=%lld", to->fleet,
		 to->device, (long long)id.generation);
	hub_tell_retained(h, to, "dn/desired", document);
}

void control_end_look(struct hub *h)
{
	struct why why;
	if (ledger_each_unseen(&h->ledger, give_back, h, &why))
		hub_note_trouble(h, &why);
}
