#include "base/duration.h"
#include "base/quantity.h"
#include "cloud/skerry/local.h"
#include "cloud/skerry/table.h"
#include "cloud/skerry/terminal.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool flag(const struct json *j, const char *key)
{
	bool b = false;
	json_bool(json_member(j, key), &b);
	return b;
}

static void print_head(const struct json *s)
{
	const struct json *link = json_member(s, "link");
	char up[24], since[24];
	duration_print(up, json_integer_at(s, "agentUpMs"));
	duration_print(since, json_integer_at(link, "sinceMs"));
	printf("%s   skerryd %s   up %s   link: %s %s", json_text_at(s, "device"),
	       json_text_at(s, "agent"), up, flag(link, "up") ? "up" : "down",
	       json_member(link, "sinceMs") ? since : "");
	printf("%s%s%s\n", *json_text_at(link, "why") ? " (" : "", json_text_at(link, "why"),
	       *json_text_at(link, "why") ? ")" : "");
}

static void print_desired(const struct json *s)
{
	printf("desired    generation %lld   running %lld   %s",
	       (long long)json_integer_at(s, "observed"), (long long)json_integer_at(s, "applied"),
	       json_text_at(s, "phase"));
	const struct json *c = json_first(json_member(s, "conditions"));
	puts("");
	for (; c; c = json_next(c))
		if (*json_text_at(c, "message"))
			terminal_line(stdout, "           %s: %s", json_text_at(c, "type"),
				      json_text_at(c, "message"));
}

static void print_trust(const struct json *s)
{
	const struct json *t = json_member(s, "trust");
	char until[24];
	if (json_type_of(t) != JSON_OBJECT) {
		puts("trust: none, unsigned states are taken");
		return;
	}
	clock_print(until, json_integer_at(t, "expires"));
	printf("trust      version %lld   until %s   signed states only\n",
	       (long long)json_integer_at(t, "version"), until);
}

static void print_identity(const struct json *s)
{
	const struct json *i = json_member(s, "identity");
	char until[24], renewal[24];
	const struct json *configured = json_member(s, "certificate");
	if (configured) {
		clock_print(until, json_integer_at(configured, "expires"));
		printf("identity   tls_cert   until %s\n", until);
	}
	if (!i)
		return;
	clock_print(until, json_integer_at(i, "expires"));
	clock_print(renewal, json_integer_at(i, "renewal"));
	if (flag(i, "expired"))
		printf("identity   slot %s   EXPIRED %s\n", json_text_at(i, "slot"), until);
	else
		printf("identity   slot %s   until %s   renewed from %s\n", json_text_at(i, "slot"),
		       until, renewal);
	if (*json_text_at(i, "why"))
		printf("           %s\n", json_text_at(i, "why"));
}

static void print_workloads(const struct json *s)
{
	static const char *const titles[] = { "WORKLOAD", "STATE", "RESTARTS", "MEM",
					      "PID",      "NOTE",  NULL };
	const struct json *w = json_first(json_member(s, "workloads"));
	struct table t;
	if (!w)
		return;
	table_begin(&t, titles);
	for (; w; w = json_next(w)) {
		char used[16], limit[16];
		quantity_print(used, json_integer_at(w, "memBytes"));
		quantity_print(limit, json_integer_at(w, "memLimit"));
		table_add(&t, "%s", json_key(w));
		table_add(&t, "%s%s", json_text_at(w, "state"),
			  flag(w, "ready") || strcmp(json_text_at(w, "state"), "running") != 0
				  ? ""
				  : " (not ready)");
		table_add(&t, "%lld", (long long)json_integer_at(w, "restarts"));
		table_add(&t, "%s/%s", used, json_integer_at(w, "memLimit") ? limit : "-");
		table_add(&t, "%lld", (long long)json_integer_at(w, "pid"));
		table_add(&t, "%s", json_text_at(w, "trouble"));
	}
	table_print(&t);
}

static void print_buffer(const struct json *s)
{
	const struct json *b = json_member(s, "buffer"), *d = json_member(b, "dropped");
	char bytes[16], quota[16], age[24] = "";
	int64_t oldest = json_integer_at(b, "oldest");
	quantity_print(bytes, json_integer_at(b, "bytes"));
	quantity_print(quota, json_integer_at(b, "quota"));
	if (oldest)
		duration_print(age, clock_wall_ms() - oldest);
	printf("buffer     %lld batches  %sB of %sB%s%s   dropped %lld points, %lld lines, %lld "
	       "events\n",
	       (long long)json_integer_at(b, "batches"), bytes, quota, oldest ? ", oldest " : "",
	       age, (long long)json_integer_at(d, "tele"), (long long)json_integer_at(d, "log"),
	       (long long)json_integer_at(d, "event"));
	if (json_member(b, "daily")) {
		quantity_print(bytes, json_integer_at(b, "spent"));
		quantity_print(quota, json_integer_at(b, "daily"));
		printf("           %sB of %sB sent today%s\n", bytes, quota,
		       json_integer_at(b, "spent") < json_integer_at(b, "daily")
			       ? ""
			       : ": only events go until tomorrow");
	}
	if (*json_text_at(b, "trouble"))
		terminal_line(stdout, "           %s", json_text_at(b, "trouble"));
}

static void print_sources(const struct json *s)
{
	static const char *const titles[] = {
		"SOURCE", "POINTS", "DROPPED", "INVALID", "NOTE", NULL
	};
	const struct json *one = json_first(json_member(json_member(s, "buffer"), "sources"));
	struct table t;
	if (!one)
		return;
	table_begin(&t, titles);
	for (; one; one = json_next(one)) {
		table_add(&t, "%s", json_key(one));
		table_add(&t, "%lld", (long long)json_integer_at(one, "points"));
		table_add(&t, "%lld", (long long)json_integer_at(one, "dropped"));
		table_add(&t, "%lld", (long long)json_integer_at(one, "invalid"));
		table_add(&t, "%s", json_text_at(one, "trouble"));
	}
	table_print(&t);
}

static void print_board(const struct json *s)
{
	const struct json *f = json_member(s, "features");
	char memory[16], disk[16];
	quantity_print(memory, json_integer_at(json_member(s, "allocatable"), "memBytes"));
	quantity_print(disk, json_integer_at(json_member(s, "allocatable"), "diskBytes"));
	printf("board      %s, Linux %s   cgroup %s   free: memory %sB, disk %sB   clock %s\n",
	       json_text_at(f, "arch"), json_text_at(f, "kernel"), json_text_at(f, "cgroup"),
	       memory, disk, json_text_at(s, "clock"));
}

static void print_events(const struct json *s)
{
	enum { SHOWN = 5 };
	const struct json *e = json_first(json_member(s, "events"));
	for (int i = 0; e && i < SHOWN; e = json_next(e), i++) {
		char when[24];
		clock_print(when, json_integer_at(e, "t"));
		terminal_line(stdout, "%s %s  %s  %s  %s", i ? "          " : "events    ", when,
			      json_text_at(e, "reason"), json_text_at(e, "object"),
			      json_text_at(e, "message"));
	}
}

enum exit_code verb_status(struct options *o)
{
	struct json *request = json_new_object(), *s;
	struct why why;
	json_set_string(request, "verb", "status");
	enum err e = local_ask(o->run_dir, request, &s, &why);
	json_free(request);
	if (e)
		return exit_code_tell(e, &why);
	if (o->json) {
		char *text = json_print_pretty(s);
		puts(text);
		free(text);
	} else {
		print_head(s);
		print_trust(s);
		print_identity(s);
		print_desired(s);
		print_workloads(s);
		print_buffer(s);
		print_sources(s);
		print_board(s);
		print_events(s);
	}
	const char *phase = json_text_at(s, "phase");
	bool well = strcmp(phase, "Available") == 0 || strcmp(phase, "Unmanaged") == 0 ||
		    strcmp(phase, "Downloading") == 0 || strcmp(phase, "Progressing") == 0;
	json_free(s);
	return well ? EXIT_CODE_OK : EXIT_CODE_FAILED;
}
