#include "cloud/hub/drive.h"

#include "base/log.h"
#include "ports/clock.h"

#include <stdlib.h>
#include <string.h>

/* One that goes on, in memory. */
struct drive {
	struct agenda_entry entry;
	struct campaign campaign;
	bool *stale;    /* members of whom something else is known */
	char *kept;     /* the progress as it was saved; NULL: not by us yet */
	bool is_wanted; /* its row was there at this look */
	bool is_bad;    /* it cannot be read: others go on */
};

static void drop(struct drive **d)
{
	if (!*d)
		return;
	campaign_free(&(*d)->campaign);
	free((*d)->stale);
	free((*d)->kept);
	free(*d);
	*d = NULL;
}

static void drop_all(struct hub *h)
{
	for (size_t i = 0; i < AGENDA_OPEN_MAX; i++)
		drop(&h->drives[i]);
}

/* --- which ones --- */

static bool is_same(const struct agenda_key *a, const struct agenda_key *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->fleet, b->fleet) == 0 &&
	       strcmp(a->digest, b->digest) == 0;
}

static enum err load(struct hub *h, struct drive *d, struct why *why)
{
	char *wishes;
	const struct agenda_key *key = &d->entry.key;
	enum err e = agenda_load(&h->agenda, key->fleet, key->name, &d->campaign, &wishes, why);
	free(wishes);
	if (e == ERR_INVALID || e == ERR_FULL) {
		log_err("rollout cannot be run fleet=%s name=%s why=\"%s\"", key->fleet, key->name,
			why->text);
		d->is_bad = true;
		return OK;
	}
	if (e)
		return e;
	d->stale = calloc(d->campaign.rollout.count + 1, sizeof *d->stale);
	if (!d->stale)
		return why_set(why, ERR_SYSTEM, "no memory");
	for (size_t i = 0; i < d->campaign.rollout.count; i++)
		d->stale[i] = true;
	log_info("rollout goes on here fleet=%s name=%s devices=%zu", key->fleet, key->name,
		 d->campaign.rollout.count);
	return OK;
}

static enum err begin(struct hub *h, const struct agenda_entry *entry, struct why *why)
{
	struct drive *d = calloc(1, sizeof *d), **place = h->drives;
	if (!d)
		return why_set(why, ERR_SYSTEM, "no memory");
	while (*place)
		place++; /* as many places as rows were listed; what is gone was dropped */
	d->entry = *entry;
	d->is_wanted = true;
	enum err e = load(h, d, why);
	if (e)
		drop(&d);
	*place = d;
	return e;
}

static enum err hear_wishes(struct hub *h, struct drive *d, const struct agenda_entry *entry,
			    struct why *why)
{
	char *wishes;
	if (d->is_bad || d->entry.wishes == entry->wishes)
		return OK;
	enum err e = agenda_wishes(&h->agenda, &entry->key, &wishes, why);
	if (!e)
		campaign_obey(&d->campaign, bytes_of(wishes), NULL);
	free(wishes);
	d->entry.wishes = entry->wishes;
	return e;
}

static struct drive *find(struct hub *h, const struct agenda_key *key)
{
	for (size_t i = 0; i < AGENDA_OPEN_MAX; i++)
		if (h->drives[i] && is_same(&h->drives[i]->entry.key, key))
			return h->drives[i];
	return NULL;
}

static void drop_unwanted(struct hub *h, const struct agenda_entry *list, size_t n)
{
	for (size_t i = 0; i < AGENDA_OPEN_MAX; i++)
		if (h->drives[i])
			h->drives[i]->is_wanted = false;
	for (size_t i = 0; i < n; i++) {
		struct drive *d = find(h, &list[i].key);
		if (d)
			d->is_wanted = true;
	}
	for (size_t i = 0; i < AGENDA_OPEN_MAX; i++)
		if (h->drives[i] && !h->drives[i]->is_wanted)
			drop(&h->drives[i]);
}

/* What is in memory becomes what the rows say. */
static enum err list(struct hub *h, struct why *why)
{
	struct agenda_entry open[AGENDA_OPEN_MAX];
	size_t n;
	enum err e = agenda_list_open(&h->agenda, open, &n, why);
	if (e)
		return e;
	drop_unwanted(h, open, n);
	for (size_t i = 0; i < n && !e; i++) {
		struct drive *d = find(h, &open[i].key);
		e = d ? hear_wishes(h, d, &open[i], why) : begin(h, &open[i], why);
	}
	return e;
}

/* --- seeing --- */

/* Somebody wrote the same generation and was first: what a device keeps is what shall stay
 * retained, for those that come later. */
static void restore_first(struct hub *h, const struct drive *d, size_t member,
			  const struct agenda_sight *seen)
{
	const struct campaign *c = &d->campaign;
	const struct ledger_source to = { c->fleet, c->rollout.members[member].name };
	struct state_id id;
	if (c->rollout.members[member].state != MEMBER_TOLD ||
	    c->seen[member].holding != HOLDING_OTHER || state_id_read(seen->desired, &id, NULL) ||
	    id.epoch != c->states[member].forward_id.epoch ||
	    id.generation != c->states[member].forward_id.generation)
		return;
	log_info("another desk was first device=%s/%s generation=%lld", to.fleet, to.device,
		 (long long)id.generation);
	hub_tell_retained(h, &to, "dn/desired", seen->desired);
}

enum err drive_see(struct hub *h, struct campaign *c, size_t member, struct agenda_sight *out,
		   struct why *why)
{
	struct json *report = NULL;
	enum err e = agenda_look(&h->agenda, c->fleet, c->rollout.members[member].name, out, why);
	if (e)
		return e;
	/* A report that reads as nothing is none. */
	if (out->state.len && json_parse(out->state, &report, NULL))
		report = NULL;
	campaign_see(c, member, out->online, report, out->desired);
	json_free(report);
	return OK;
}

static enum err see_member(struct hub *h, struct drive *d, size_t member, struct why *why)
{
	struct agenda_sight seen;
	enum err e = drive_see(h, &d->campaign, member, &seen, why);
	if (e)
		return e;
	restore_first(h, d, member, &seen);
	d->stale[member] = false;
	return OK;
}

static enum err see(struct hub *h, struct drive *d, struct why *why)
{
	enum err e = OK;
	for (size_t i = 0; i < d->campaign.rollout.count && !e; i++)
		if (d->stale[i])
			e = see_member(h, d, i, why);
	return e;
}

/* --- deciding, keeping, publishing --- */

static void publish(struct hub *h, const struct drive *d)
{
	const struct campaign *c = &d->campaign;
	for (size_t i = 0; i < c->rollout.count; i++) {
		const struct ledger_source to = { c->fleet, c->rollout.members[i].name };
		if (c->orders[i] != ORDER_NONE)
			hub_tell_retained(h, &to, "dn/desired", campaign_message(c, i));
	}
}

static enum err keep(struct hub *h, const struct drive *d, bool is_over, struct why *why)
{
	enum err e = agenda_save(&h->agenda, &d->entry, &d->campaign, is_over, h->client_id, why);
	return e ? e : hub_commit(h, why);
}

/* It is over when all that it decided was seen at the broker. */
static enum err step(struct hub *h, struct drive *d, struct why *why)
{
	struct campaign *c = &d->campaign;
	enum err e = see(h, d, why);
	if (e)
		return e;
	const size_t orders = campaign_step(c, clock_wall_ms());
	const bool is_over = !orders && rollout_is_over(&c->rollout);
	char *progress = campaign_print_progress(c);
	const bool has_changed = !d->kept || strcmp(d->kept, progress) != 0 || is_over;
	if (has_changed)
		e = keep(h, d, is_over, why);
	free(d->kept);
	d->kept = progress;
	if (!e)
		publish(h, d);
	if (!e && is_over)
		log_info("rollout is over fleet=%s name=%s phase=%s", c->fleet, c->name,
			 rollout_phase_name(c->rollout.phase));
	return e;
}

/* Control is ours, and what the broker holds has been heard. */
static bool may_run(const struct hub *h)
{
	return hub_has_control(h) && mqtt_is_up(h->mqtt) && h->is_subscribed && !h->look.armed;
}

static void look(struct hub *h)
{
	struct why why;
	enum err e = list(h, &why);
	for (size_t i = 0; i < AGENDA_OPEN_MAX && !e; i++)
		if (h->drives[i] && !h->drives[i]->is_bad)
			e = step(h, h->drives[i], &why);
	if (!e)
		return;
	/* What is in memory may be ahead of the rows: they are read again. */
	drop_all(h);
	if (e == ERR_CONFLICT) {
		log_warn("rollout left to others why=\"%s\"", why.text);
		ledger_rollback(&h->ledger);
	} else if (h->ledger.sql) {
		hub_note_trouble(h, &why);
	}
}

static void on_look(void *owner, int64_t now_ms)
{
	struct hub *h = owner;
	loop_arm(h->loop, &h->drive_look, now_ms + DRIVE_LOOK_MS);
	if (may_run(h))
		look(h);
	else
		drop_all(h);
}

/* --- from outside --- */

void drive_init(struct hub *h)
{
	h->drive_look = (struct timer){ .owner = h, .on_due = on_look };
	if (h->roles.mine & ROLE_CONTROL)
		loop_arm(h->loop, &h->drive_look, clock_now_ms() + DRIVE_LOOK_MS);
}

void drive_close(struct hub *h)
{
	drop_all(h);
}

void drive_wake(struct hub *h)
{
	if (h->roles.mine & ROLE_CONTROL)
		loop_arm(h->loop, &h->drive_look, clock_now_ms());
}

/* Members are in the order of their names. */
static int compare_names(const void *name, const void *member)
{
	return strcmp(name, ((const struct member *)member)->name);
}

void drive_note(struct hub *h, const char *fleet, const char *device)
{
	for (size_t i = 0; i < AGENDA_OPEN_MAX; i++) {
		struct drive *d = h->drives[i];
		if (!d || strcmp(d->entry.key.fleet, fleet) != 0)
			continue;
		const struct rollout *r = &d->campaign.rollout;
		const struct member *m =
			bsearch(device, r->members, r->count, sizeof *m, compare_names);
		if (!m || d->stale[m - r->members])
			continue;
		d->stale[m - r->members] = true;
		loop_arm(h->loop, &h->drive_look, clock_now_ms() + DRIVE_SOON_MS);
	}
}
