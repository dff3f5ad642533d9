/*
 * doctor fleet - what is wrong with a fleet, as the broker shows it, and what to do about it.
 */
#include "cloud/skerry/doctor_fleet.h"
#include "base/text.h"
#include "cloud/skerry/fleet_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_SHOWN = 3 };

/* The devices that something is said of. */
struct list {
	struct text text;
	char room[128];
	size_t count;
};

static void begin(struct list *l)
{
	l->text = text_in(l->room, sizeof l->room);
	l->count = 0;
}

static void add(struct list *l, const char *device)
{
	if (l->count < NAMES_SHOWN)
		text_add(&l->text, "%s%s", l->count ? ", " : "", device);
	else if (l->count == NAMES_SHOWN)
		text_add(&l->text, ", ...");
	l->count++;
}

/* `none` where nobody is on the list, else the remedy. */
static void finish(struct finding *f, const struct list *l, const char *none, const char *remedy)
{
	f->grade = l->count ? GRADE_WARN : GRADE_OK;
	if (l->count) {
		snprintf(f->found, sizeof f->found, "%zu: %s", l->count, l->room);
		snprintf(f->remedy, sizeof f->remedy, "%s", remedy);
	} else {
		snprintf(f->found, sizeof f->found, "%s", none);
	}
}

static void collect(const struct fleet_view *v, bool (*is_so)(const struct device_view *d),
		    struct list *out)
{
	begin(out);
	for (size_t i = 0; i < v->count; i++)
		if (v->devices[i].state && is_so(&v->devices[i]))
			add(out, v->devices[i].name);
}

/* --- what may be so of a device --- */

static bool is_offline(const struct device_view *d)
{
	return !device_view_is_online(d);
}

static bool has_no_clock(const struct device_view *d)
{
	const char *clock = json_string(json_member(d->state, "clock"));
	return clock && strcmp(clock, "set") != 0;
}

static bool is_not_well(const struct device_view *d)
{
	return text_list_has("rolled-back degraded", device_view_word(d));
}

static bool has_refused(const struct device_view *d)
{
	const struct json *c = json_first(json_member(d->state, "conditions"));
	for (; c; c = json_next(c)) {
		const char *type = json_string(json_member(c, "type"));
		bool on = false;
		json_bool(json_member(c, "status"), &on);
		if (on && type &&
		    text_list_has("Rejected Conflict Stale LinkRefused SafeMode", type))
			return true;
	}
	return false;
}

static bool is_behind(const struct device_view *d)
{
	int64_t desired = 0;
	json_integer(json_member(d->desired, "generation"), &desired);
	return device_view_is_online(d) && desired > device_view_number(d, "observed");
}

static bool has_dropped(const struct device_view *d)
{
	const struct json *n = json_first(json_member(json_member(d->state, "buffer"), "dropped"));
	int64_t lost = 0;
	for (; n && !lost; n = json_next(n))
		json_integer(n, &lost);
	return lost > 0;
}

static bool takes_unsigned(const struct device_view *d)
{
	return json_type_of(json_member(d->state, "trust")) != JSON_OBJECT;
}

static bool is_another_version(const struct device_view *d)
{
	const char *agent = json_string(json_member(d->online, "agent"));
	return agent && strcmp(agent, SKERRY_VERSION) != 0;
}

static const struct examination {
	const char *check;
	bool (*is_so)(const struct device_view *d);
	const char *none, *remedy;
} examinations[] = {
	{ "offline", is_offline, "every device is online",
	  "on the board: skerry status says why the link is down; a board that is gone for good "
	  "stays listed until its retained messages are removed" },
	{ "state", is_not_well, "every device runs what it should",
	  "skerry get DEVICE says what failed, skerry logs POD -d DEVICE what it printed" },
	{ "refused", has_refused, "no device refuses anything",
	  "skerry get DEVICE has the condition with its reason" },
	{ "behind", is_behind, "every device online has seen its desired state",
	  "does the broker's access rule let the device read its dn/desired? skerry get DEVICE" },
	{ "lost", has_dropped, "no device had to drop anything",
	  "raise outbox_quota, lower what is measured, or bring the link back sooner: "
	  "skerry export carries it on a stick" },
	{ "clock", has_no_clock, "every device knows the time",
	  "an NTP client or a clock chip on the board; what it measures is dated by the hub" },
	{ "trust", takes_unsigned, "every device takes signed states only",
	  "set trust_anchor on the board: skerry key trust; see docs/security.md" },
	{ "version", is_another_version, "all have this version",
	  "update the boards, or this desk: an older one does not know every field" },
};

static struct finding *next(struct doctor *d, const char *check)
{
	struct finding *f = &d->findings[d->count++];
	*f = (struct finding){ .check = check };
	return f;
}

static void examine_broker(struct doctor *d, const struct options *o, const struct desk *desk)
{
	struct finding *f = next(d, "broker");
	snprintf(f->found, sizeof f->found, "%.100s:%u, %s", o->broker.host, o->broker.port,
		 o->broker.tls ? "TLS" : "without TLS");
	if (desk->refused) {
		f->grade = GRADE_FAIL;
		text_copy(f->remedy, sizeof f->remedy,
			  bytes_of("it refuses a subscription: the desk needs to read up/# and "
				   "dn/# of "
				   "the fleet, and to write dn/#"));
	} else if (!o->broker.tls) {
		f->grade = GRADE_WARN;
		text_copy(
			f->remedy, sizeof f->remedy,
			bytes_of("whoever is between can read and change everything: mqtts:// and "
				 "--ca, see docs/security.md"));
	}
}

static void examine_devices(struct doctor *d, const struct fleet_view *v)
{
	struct finding *f = next(d, "devices");
	size_t reported = 0;
	for (size_t i = 0; i < v->count; i++)
		reported += v->devices[i].state != NULL;
	snprintf(f->found, sizeof f->found, "%zu have reported", reported);
	if (reported)
		return;
	f->grade = GRADE_WARN;
	text_copy(
		f->remedy, sizeof f->remedy,
		bytes_of("is it this fleet (-F)? does the broker keep retained messages, and give "
			 "them to a wildcard? see docs/engines.md"));
}

enum err doctor_examine_fleet(struct doctor *d, struct options *o, struct why *why)
{
	struct desk desk = { 0 };
	struct fleet_view v = { 0 };
	struct list list;
	enum err e = desk_open(&desk, o, why);
	if (!e)
		e = fleet_view_read(&v, &desk, NULL, why);
	if (!e) {
		examine_broker(d, o, &desk);
		examine_devices(d, &v);
	}
	for (size_t i = 0; i < sizeof examinations / sizeof *examinations && !e; i++) {
		collect(&v, examinations[i].is_so, &list);
		finish(next(d, examinations[i].check), &list, examinations[i].none,
		       examinations[i].remedy);
	}
	fleet_view_free(&v);
	desk_close(&desk);
	return e;
}
