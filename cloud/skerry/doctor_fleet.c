/*
 * doctor fleet - what is wrong with a fleet, as the broker shows it, and what to do about it.
 */
#include "cloud/skerry/doctor_fleet.h"
#include "base/text.h"
#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/hub_ask.h"
#include "ports/certificate.h"
#include "ports/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	NAMES_SHOWN = 3,
	HUB_WAIT_MS = 3 * 1000,
	ENDING_DAYS = 30, /* of a certificate: time to replace it ... */
	URGENT_DAYS = 7,  /* ... and none to lose */
};

#define DAY_MS (24LL * 60 * 60 * 1000)

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

/* --- certificates --- */

/* Is there less left than so many days? A board that renews its own is early enough until that
 * is due: its certificates may live for hours. */
static bool ends_within(const struct device_view *d, int days)
{
	const struct json *own = json_member(d->state, "identity");
	const int64_t now = clock_wall_ms();
	int64_t ends, due = 0;
	if (!json_integer(json_member(own, "expires"), &ends) &&
	    !json_integer(json_member(json_member(d->state, "certificate"), "expires"), &ends))
		return false;
	json_integer(json_member(own, "renewal"), &due);
	return ends <= now || (ends - now < days * DAY_MS && due <= now);
}

static bool is_ending(const struct device_view *d)
{
	return ends_within(d, ENDING_DAYS);
}

static bool is_urgent(const struct device_view *d)
{
	return ends_within(d, URGENT_DAYS);
}

static void examine_certificates(struct doctor *d, const struct fleet_view *v)
{
	struct finding *f = next(d, "certificates");
	struct list ending, urgent;
	collect(v, is_ending, &ending);
	collect(v, is_urgent, &urgent);
	finish(f, urgent.count ? &urgent : &ending, "no device's ends within 30 days",
	       "replace tls_cert and tls_key on the board, or have it join: skerry device add. One "
	       "that has joined renews by itself: skerry get DEVICE -o json has identity.why, and "
	       "a "
	       "hub with --ca-cert must answer");
	if (urgent.count)
		f->grade = GRADE_FAIL;
}

/* Of this desk. */
static void examine_own(struct doctor *d, const struct options *o)
{
	enum { DAY = 10 };
	struct finding *f = next(d, "desk");
	char until[24];
	struct why why;
	int64_t ends;
	if (!o->broker.tls || !o->tls.cert) {
		snprintf(f->found, sizeof f->found, "has no certificate");
		return;
	}
	if (certificate_end(o->tls.cert, &ends, &why)) {
		f->grade = GRADE_FAIL;
		snprintf(f->found, sizeof f->found, "%.190s", why.text);
		snprintf(f->remedy, sizeof f->remedy, "correct --cert, or $SKERRY_CERT");
		return;
	}
	const int64_t left_ms = ends - clock_wall_ms();
	clock_print(until, ends);
	until[DAY] = '\0';
	snprintf(f->found, sizeof f->found, "%.100s: until %s, %lld days", o->tls.cert, until,
		 (long long)(left_ms / DAY_MS));
	if (left_ms >= ENDING_DAYS * DAY_MS)
		return;
	f->grade = left_ms < URGENT_DAYS * DAY_MS ? GRADE_FAIL : GRADE_WARN;
	snprintf(f->remedy, sizeof f->remedy,
		 "have whoever runs the CA sign another one for this desk (--cert, --key)");
}

/* --- the hub --- */

static void print_hub(struct finding *f, const struct json *body, int64_t ms)
{
	const char *version = json_string(json_member(body, "version"));
	const char *database = json_string(json_member(body, "database"));
	bool ready = false;
	json_bool(json_member(body, "ready"), &ready);
	snprintf(f->found, sizeof f->found, "answers within %lld ms: version %.40s, %.40s",
		 (long long)ms, version ? version : "?", database ? database : "?");
	if (ready)
		return;
	f->grade = GRADE_FAIL;
	snprintf(f->remedy, sizeof f->remedy,
		 "its database is not there: the hub's log says why. Boards keep what they have "
		 "meanwhile");
}

static void examine_hub(struct doctor *d, struct desk *desk)
{
	struct finding *f = next(d, "hub");
	struct json *body;
	struct why why;
	const int64_t began_ms = clock_now_ms();
	enum err e = hub_ask(desk, "about", json_new_object(), HUB_WAIT_MS, &body, &why);
	if (!e) {
		print_hub(f, body, clock_now_ms() - began_ms);
		json_free(body);
		return;
	}
	f->grade = GRADE_WARN;
	snprintf(f->found, sizeof f->found, "%.190s", why.text);
	snprintf(f->remedy, sizeof f->remedy, "%s",
		 e == ERR_OFFLINE   ? "desired states go without one, telemetry and images do not: "
				      "skerry-hub --broker URL --db FILE. Boards keep what they "
				      "have until then"
		 : e == ERR_INVALID ? "one answers, and is older than this desk: update it"
				    : "the desk needs to write hub/dn/# and to read hub/up/#");
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
		examine_own(d, o);
		examine_hub(d, &desk);
		examine_devices(d, &v);
		examine_certificates(d, &v);
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
