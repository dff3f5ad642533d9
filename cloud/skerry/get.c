#include "base/duration.h"
#include "base/quantity.h"
#include "cloud/fleet/answer.h"
#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/table.h"
#include "cloud/skerry/terminal.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LONG_MS = 60 * 60 * 1000,
	TOGETHER_MS = 300, /* a fleet that comes back is one picture, not a thousand */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct device_view *)a)->name, ((const struct device_view *)b)->name);
}

/* --- devices --- */

static void add_generation(struct table *t, const struct device_view *d)
{
	int64_t applied = device_view_number(d, "applied");
	int64_t desired = json_integer_at(d->desired, "generation");
	if (desired > applied)
		table_add(t, "%lld>%lld", (long long)applied, (long long)desired);
	else
		table_add(t, "%lld", (long long)applied);
}

/* Does it run something else than it should? */
static void add_drift(struct table *t, const struct device_view *d)
{
	struct state_id id;
	if (!d->state || !d->desired_text || state_id_read(bytes_of(d->desired_text), &id, NULL)) {
		table_add(t, "-");
		return;
	}
	const bool is_same = device_view_number(d, "epoch") == id.epoch &&
			     device_view_number(d, "applied") == id.generation &&
			     answer_is_same(d->state, &id);
	table_add(t, "%s", is_same ? "no" : "yes");
}

static void add_counts(struct table *t, const struct device_view *d)
{
	const struct json *w = json_member(d->state, "workloads");
	size_t running = 0;
	for (const struct json *x = json_first(w); x; x = json_next(x))
		running += strcmp(json_text_at(x, "state"), "running") == 0;
	table_add(t, "%zu/%zu", running, json_count(w));
}

static void add_buffer(struct table *t, const struct device_view *d)
{
	char size[16];
	int64_t bytes = json_integer_at(json_member(d->state, "buffer"), "bytes");
	quantity_print(size, bytes);
	table_add(t, "%s", bytes ? size : "-");
}

/* Its own, and those that a desk gives it, which win; the caller frees them. */
static struct json *labels_of(const struct device_view *d)
{
	const struct json *own = json_member(d->state, "labels");
	struct json *labels = own ? json_copy(own) : json_new_object();
	for (const struct json *l = json_first(json_member(d->desired, "labels")); l;
	     l = json_next(l)) {
		json_remove(labels, json_key(l));
		json_set(labels, json_key(l), json_copy(l));
	}
	return labels;
}

static void add_labels(struct table *t, const struct device_view *d)
{
	char text[256] = "";
	size_t len = 0;
	struct json *labels = labels_of(d);
	for (const struct json *l = json_first(labels); l && len < sizeof text - 1;
	     l = json_next(l)) {
		int n = snprintf(text + len, sizeof text - len, "%s%s=%s", len ? "," : "",
				 json_key(l), json_string(l) ? json_string(l) : "");
		len += n > 0 ? (size_t)n : 0;
	}
	json_free(labels);
	table_add(t, "%s", len ? text : "-");
}

static void print_device_table(const struct fleet_view *v, const char *only)
{
	static const char *const titles[] = { "DEVICE", "STATE", "GEN",      "DRIFT",  "WORKLOADS",
					      "BUFFER", "AGENT", "REPORTED", "LABELS", NULL };
	struct table t;
	table_begin(&t, titles);
	for (size_t i = 0; i < v->count; i++) {
		const struct device_view *d = &v->devices[i];
		char span[24];
		if (d->is_hidden || (only && strcmp(only, d->name) != 0))
			continue;
		int64_t reported = device_view_number(d, "t");
		duration_print(span, clock_wall_ms() - reported);
		table_add(&t, "%s", d->name);
		table_add(&t, "%s", device_view_word(d));
		add_generation(&t, d);
		add_drift(&t, d);
		add_counts(&t, d);
		add_buffer(&t, d);
		table_add(&t, "%s", d->online ? json_text_at(d->online, "agent") : "-");
		table_add(&t, "%s", reported ? span : "-");
		add_labels(&t, d);
	}
	table_print(&t);
}

static struct json *print_device(const struct device_view *d)
{
	struct json *j = json_new_object();
	json_set_string(j, "device", d->name);
	json_set_string(j, "status", device_view_word(d));
	json_set_integer(j, "desired", json_integer_at(d->desired, "generation"));
	json_set(j, "labels", labels_of(d));
	json_set(j, "presence", d->online ? json_copy(d->online) : json_new_null());
	json_set(j, "state", d->state ? json_copy(d->state) : json_new_null());
	return j;
}

static void print_json(struct json *j)
{
	char *text = json_print_pretty(j);
	puts(text);
	free(text);
	json_free(j);
}

/* Who may join, and has not. One that has been there before is in the table above. */
static void print_awaited(const struct fleet_view *v)
{
	const struct json *one = json_first(json_member(v->awaited, "devices"));
	for (; one; one = json_next(one)) {
		char until[24];
		clock_print(until, json_integer_at(one, "until"));
		terminal_line(stdout, "%s is awaited: it may join until %s",
			      json_text_at(one, "device"), until);
	}
}

static void get_devices(const struct options *o, const struct fleet_view *v)
{
	if (!o->json) {
		print_device_table(v, NULL);
		print_awaited(v);
		return;
	}
	struct json *list = json_new_array(), *j = json_new_object();
	for (size_t i = 0; i < v->count; i++)
		if (!v->devices[i].is_hidden)
			json_push(list, print_device(&v->devices[i]));
	json_set(j, "devices", list);
	const struct json *awaited = json_member(v->awaited, "devices");
	json_set(j, "awaited", awaited ? json_copy(awaited) : json_new_array());
	print_json(j);
}

/* --- workloads --- */

static void add_workload(struct table *t, const struct device_view *d, const struct json *w)
{
	char used[16], limit[16], age[24];
	quantity_print(used, json_integer_at(w, "memBytes"));
	quantity_print(limit, json_integer_at(w, "memLimit"));
	duration_print(age, json_integer_at(w, "upMs"));
	bool ready = false, online = device_view_is_online(d);
	json_bool(json_member(w, "ready"), &ready);
	table_add(t, "%s", json_key(w));
	table_add(t, "%s", d->name);
	table_add(t, "%s%s", json_text_at(w, "state"), online ? "" : "?");
	table_add(t, "%s", ready ? "yes" : "no");
	table_add(t, "%lld", (long long)json_integer_at(w, "restarts"));
	table_add(t, "%lld.%llds", (long long)json_integer_at(w, "cpuMs") / 1000,
		  (long long)json_integer_at(w, "cpuMs") / 100 % 10);
	table_add(t, "%s/%s", used, json_integer_at(w, "memLimit") ? limit : "-");
	table_add(t, "%s", json_integer_at(w, "upMs") ? age : "-");
}

static void print_workload_table(const struct fleet_view *v, const char *only_device)
{
	static const char *const titles[] = { "WORKLOAD", "DEVICE", "STATE", "READY", "RESTARTS",
					      "CPU",      "MEM",    "AGE",   NULL };
	struct table t;
	table_begin(&t, titles);
	for (size_t i = 0; i < v->count; i++) {
		const struct device_view *d = &v->devices[i];
		const struct json *w = json_first(json_member(d->state, "workloads"));
		for (; w && !d->is_hidden && (!only_device || strcmp(only_device, d->name) == 0);
		     w = json_next(w))
			add_workload(&t, d, w);
	}
	table_print(&t);
}

static void get_workloads(const struct options *o, const struct fleet_view *v)
{
	if (!o->json) {
		print_workload_table(v, NULL);
		return;
	}
	struct json *list = json_new_array(), *j = json_new_object();
	for (size_t i = 0; i < v->count; i++) {
		const struct json *w = json_first(json_member(v->devices[i].state, "workloads"));
		for (; w && !v->devices[i].is_hidden; w = json_next(w)) {
			struct json *one = json_copy(w);
			json_set_string(one, "workload", json_key(w));
			json_set_string(one, "device", v->devices[i].name);
			json_push(list, one);
		}
	}
	json_set(j, "workloads", list);
	print_json(j);
}

/* --- one device --- */

static void print_conditions(const struct device_view *d)
{
	const struct json *c = json_first(json_member(d->state, "conditions"));
	for (; c; c = json_next(c)) {
		bool status = false;
		json_bool(json_member(c, "status"), &status);
		terminal_line(stdout, "%-12s %-5s  %s  %s", json_text_at(c, "type"),
			      status ? "yes" : "no", json_text_at(c, "reason"),
			      json_text_at(c, "message"));
	}
}

static enum err get_one(const struct options *o, struct fleet_view *v, const char *name,
			struct why *why)
{
	const struct device_view *d = fleet_view_find(v, name);
	if (!d)
		return why_set(why, ERR_NOT_FOUND, "no device \"%.60s\" has reported in fleet %s",
			       name, o->fleet);
	if (o->json) {
		print_json(print_device(d));
		return OK;
	}
	print_device_table(v, name);
	puts("");
	print_workload_table(v, name);
	puts("");
	print_conditions(d);
	return OK;
}

static enum err show(const struct options *o, struct fleet_view *v, struct why *why)
{
	const char *what = o->word_count ? o->words[0] : "devices";
	enum err e = o->selector ? fleet_view_choose(v, o->selector, why) : OK;
	if (e)
		return e;
	if (v->count)
		qsort(v->devices, v->count, sizeof *v->devices, by_name);
	if (strcmp(what, "devices") == 0)
		get_devices(o, v);
	else if (strcmp(what, "workloads") == 0)
		get_workloads(o, v);
	else
		return get_one(o, v, what, why);
	return OK;
}

/* --- again and again --- */

struct watching {
	const struct fleet_view *view;
	size_t seen; /* of its changes */
};

static bool has_changed(void *owner)
{
	const struct watching *w = owner;
	return w->view->changes != w->seen;
}

static bool never(void *owner)
{
	(void)owner;
	return false;
}

/* Until something has changed, and what comes with it has come too. */
static enum err wait_for_change(struct desk *d, struct watching *w, struct why *why)
{
	enum err e = ERR_AGAIN;
	w->seen = w->view->changes;
	while (e == ERR_AGAIN && !d->interrupted)
		e = desk_wait(d, has_changed, w, LONG_MS, why);
	if (e)
		return e;
	e = desk_wait(d, never, NULL, TOGETHER_MS, why);
	return e == ERR_AGAIN && !d->interrupted ? OK : e;
}

static enum err watch(const struct options *o, struct desk *d, struct fleet_view *v,
		      struct why *why)
{
	const bool is_watched = terminal_is_watched(stdout);
	struct watching w = { .view = v };
	for (;;) {
		if (is_watched)
			terminal_clear(stdout);
		enum err e = show(o, v, why);
		if (!is_watched)
			puts("");
		if (!e && (fflush(stdout) || ferror(stdout)))
			return OK; /* nobody reads any more */
		if (!e)
			e = wait_for_change(d, &w, why);
		if (e)
			return e;
	}
}

static enum err get(struct options *o, struct desk *d, struct why *why)
{
	struct fleet_view v = { 0 };
	enum err e = fleet_view_read(&v, d, NULL, why);
	if (!e)
		e = o->watch ? watch(o, d, &v, why) : show(o, &v, why);
	fleet_view_free(&v);
	return e;
}

enum exit_code verb_get(struct options *o)
{
	struct desk d = { 0 };
	struct why why;
	enum err e = desk_open(&d, o, &why);
	if (!e)
		e = get(o, &d, &why);
	bool interrupted = d.interrupted;
	desk_close(&d);
	return interrupted ? EXIT_CODE_INTERRUPTED : exit_code_tell(e, &why);
}
