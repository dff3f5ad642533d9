#include "cloud/skerry/explain.h"

#include "base/duration.h"
#include "base/text.h"
#include "cloud/fleet/named.h"
#include "cloud/skerry/table.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"
#include "workloads/guide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A field and all below it. */
struct choice {
	const char *path; /* "" for everything */
	size_t count;
};

static bool is_chosen(const struct choice *c, const struct guide_entry *e)
{
	return !*c->path || guide_is_below(e, c->path);
}

static void print_json(const struct choice *c)
{
	size_t n;
	const struct guide_entry *all = guide_all(&n);
	struct json *list = json_new_array();
	for (size_t i = 0; i < n; i++) {
		if (!is_chosen(c, &all[i]))
			continue;
		struct json *j = json_new_object();
		json_set_string(j, "field", all[i].path);
		json_set_string(j, "what", guide_verdict_name(all[i].verdict));
		json_set_string(j, "default", all[i].fallback);
		json_set_string(j, "sentence", all[i].sentence);
		json_push(list, j);
	}
	char *text = json_print_pretty(list);
	puts(text);
	free(text);
	json_free(list);
}

static void print_field(const struct guide_entry *e)
{
	printf("%s: %s\n", e->path, guide_verdict_name(e->verdict));
	if (*e->fallback)
		printf("  default: %s\n", e->fallback);
	if (*e->sentence)
		printf("  %s\n", e->sentence);
}

static void print_below(const struct choice *c)
{
	static const char *const titles[] = { "FIELD", "", "DEFAULT", "", NULL };
	struct table t;
	size_t n;
	const struct guide_entry *all = guide_all(&n), *self = guide_find(c->path);
	table_begin(&t, titles);
	for (size_t i = 0; i < n; i++) {
		if (!is_chosen(c, &all[i]) || &all[i] == self)
			continue;
		table_add(&t, "%s", all[i].path);
		table_add(&t, "%s", guide_verdict_name(all[i].verdict));
		table_add(&t, "%s", *all[i].fallback ? all[i].fallback : "-");
		table_add(&t, "%s", all[i].sentence);
	}
	table_print(&t);
}

static size_t count_below(const struct choice *c)
{
	size_t n, found = 0;
	const struct guide_entry *all = guide_all(&n), *self = guide_find(c->path);
	for (size_t i = 0; i < n; i++)
		found += is_chosen(c, &all[i]) && &all[i] != self;
	return found;
}

static enum exit_code explain_field(const struct options *o)
{
	struct choice c = { .path = o->word_count ? o->words[0] : "" };
	const struct guide_entry *self = guide_find(c.path);
	struct why why;
	if (o->device_count || o->selector)
		return exit_code_tell(
			why_set(&why, ERR_INVALID, "devices of what? give -f FILE or pod/NAME too"),
			&why);
	c.count = count_below(&c);
	if (!self && c.count == 0)
		return exit_code_tell(
			why_set(&why, ERR_NOT_FOUND,
				"no field \"%.100s\" is known; they begin with the kind, such as "
				"pod.spec.containers",
				c.path),
			&why);
	if (o->json) {
		print_json(&c);
		return EXIT_CODE_OK;
	}
	if (self)
		print_field(self);
	if (c.count)
		print_below(&c);
	return EXIT_CODE_OK;
}

/* --- devices --- */

static void add_displaced(char *text, size_t size, const struct json *row)
{
	const struct json *first = json_first(json_member(row, "displaces"));
	for (const struct json *l = first; l; l = json_next(l)) {
		const size_t len = strlen(text);
		snprintf(text + len, size - len, "%s%s", l == first ? "; before " : ", ",
			 json_string(l));
	}
}

static void add_absence(char *text, size_t size, const struct json *row)
{
	char span[24];
	const size_t len = strlen(text);
	int64_t reported = 0;
	bool online = true;
	json_bool(json_member(row, "online"), &online);
	if (online || !json_integer(json_member(row, "reported"), &reported))
		return;
	duration_print(span, clock_wall_ms() - reported);
	snprintf(text + len, size - len, "%soffline, last report %s ago", len ? "; " : "", span);
}

static void add_event(char *text, size_t size, const struct json *row)
{
	char span[24];
	int64_t t = 0;
	const struct json *event = json_member(row, "event");
	const size_t len = strlen(text);
	if (!event)
		return;
	json_integer(json_member(event, "t"), &t);
	duration_print(span, clock_wall_ms() - t);
	snprintf(text + len, size - len, "%slast event %s ago: %s %s", len ? "; " : "", span,
		 json_text_at(event, "reason"), json_text_at(event, "message"));
}

/* Each row's members of these names, and WHY. */
static void print_rows(const struct json *rows, const char *const *keys, const char *const *titles)
{
	struct table t;
	table_begin(&t, titles);
	for (const struct json *row = json_first(rows); row; row = json_next(row)) {
		char text[1024];
		for (size_t i = 0; keys[i]; i++)
			table_add(&t, "%s",
				  *json_text_at(row, keys[i]) ? json_text_at(row, keys[i]) : "-");
		snprintf(text, sizeof text, "%s", json_text_at(row, "why"));
		add_displaced(text, sizeof text, row);
		add_event(text, sizeof text, row);
		add_absence(text, sizeof text, row);
		table_add(&t, "%s", *text ? text : "-");
	}
	table_print(&t);
}

static const char POD_PREFIX[] = "pod/";

static bool is_about_a_pod(const struct options *o)
{
	return o->word_count && text_starts(o->words[0], POD_PREFIX);
}

static void show_rows(const struct options *o, const struct json *rows)
{
	static const char *const files[] = { "device", "pod", "verdict", NULL };
	static const char *const pod[] = { "device", "workload", "state", "reason", NULL };
	static const char *const files_titles[] = { "DEVICE", "POD", "VERDICT", "WHY", NULL };
	static const char *const pod_titles[] = { "DEVICE", "WORKLOAD", "STATE",
						  "REASON", "WHY",      NULL };
	if (o->json) {
		char *text = json_print_pretty(rows);
		puts(text);
		free(text);
	} else if (is_about_a_pod(o)) {
		print_rows(rows, pod, pod_titles);
	} else {
		print_rows(rows, files, files_titles);
	}
}

static enum err ask_devices(struct desk *d, struct options *o, struct json **out, struct why *why)
{
	if (is_about_a_pod(o))
		return explain_pod(d, o, o->words[0] + sizeof POD_PREFIX - 1, out, why);
	return explain_files(d, o, out, why);
}

static enum exit_code explain_devices(struct options *o)
{
	struct desk d = { 0 };
	struct json *rows = NULL;
	struct why why;
	enum err e = o->word_count && o->file_count
			     ? why_set(&why, ERR_INVALID, "FIELD, pod/NAME or -f FILE? one of them")
			     : desk_open(&d, o, &why);
	if (!e)
		e = ask_devices(&d, o, &rows, &why);
	if (!e)
		show_rows(o, rows);
	json_free(rows);
	const bool interrupted = d.interrupted;
	desk_close(&d);
	return interrupted ? EXIT_CODE_INTERRUPTED : exit_code_tell(e, &why);
}

enum exit_code verb_explain(struct options *o)
{
	return o->file_count || is_about_a_pod(o) ? explain_devices(o) : explain_field(o);
}
