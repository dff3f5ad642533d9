#include "base/quantity.h"
#include "cloud/skerry/ask.h"
#include "cloud/skerry/local.h"
#include "cloud/skerry/table.h"
#include "cloud/skerry/verbs.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_MS = 1000, EVERY_MS = 2000 }; /* between two looks */

static const char CLEAR[] = "\033[H\033[2J";

/* Where looks come from: this board, or one over the broker. */
struct looking {
	struct options *options;
	struct ask ask; /* not open: this board */
	bool is_there;
};

static enum err look_here(const struct looking *l, struct json **out, struct why *why)
{
	struct json *request = json_new_object();
	json_set_string(request, "verb", "top");
	enum err e = local_ask(l->options->run_dir, request, out, why);
	json_free(request);
	return e;
}

static enum err look_there(struct looking *l, struct json **out, struct why *why)
{
	const struct json *body;
	enum err e = ask_send(&l->ask, json_new_object(), why);
	if (!e)
		e = ask_wait(&l->ask, DESK_WAIT_MS, &body, why);
	if (!e)
		*out = json_copy(body);
	return e;
}

static enum err look(struct looking *l, struct json **out, struct why *why)
{
	return l->is_there ? look_there(l, out, why) : look_here(l, out, why);
}

static bool never(void *owner)
{
	(void)owner;
	return false;
}

/* ERR_AGAIN with `interrupted`: Ctrl-C. */
static enum err pause_for(struct looking *l, int64_t wait_ms, struct why *why)
{
	if (!l->is_there) {
		poll(NULL, 0, (int)wait_ms);
		return OK;
	}
	enum err e = desk_wait(&l->ask.desk, never, NULL, wait_ms, why);
	return e == ERR_AGAIN && !l->ask.desk.interrupted ? OK : e;
}

/* --- shares of the time between two looks --- */

static const struct json *find_process(const struct json *list, int64_t pid)
{
	const struct json *p = json_first(list);
	while (p && json_integer_at(p, "pid") != pid)
		p = json_next(p);
	return p;
}

/* Of one processor, with one decimal. */
static double share(const struct json *now, const struct json *before, int64_t span_ms)
{
	const int64_t spent = json_integer_at(now, "cpuMs") - json_integer_at(before, "cpuMs");
	const int64_t thousandths = span_ms > 0 && spent > 0 ? spent * 1000 / span_ms : 0;
	return (double)thousandths / 10;
}

static void add_shares(struct json *now, const struct json *before)
{
	const int64_t span = json_integer_at(now, "t") - json_integer_at(before, "t");
	const struct json *old = json_member(before, "workloads");
	const struct json *w = json_first(json_member(now, "workloads"));
	for (; w; w = json_next(w)) {
		const struct json *was = json_member(old, json_key(w));
		const struct json *p = json_first(json_member(w, "processes"));
		for (; p; p = json_next(p))
			json_set_number((struct json *)(uintptr_t)p, "cpuPercent",
					share(p,
					      find_process(json_member(was, "processes"),
							   json_integer_at(p, "pid")),
					      span));
		json_set_number((struct json *)(uintptr_t)w, "cpuPercent", share(w, was, span));
	}
}

/* --- showing --- */

static double real(const struct json *j)
{
	double n = 0;
	json_number(j, &n);
	return n;
}

static void add_row(struct table *t, const char *name, const struct json *j, const char *command)
{
	char memory[16];
	quantity_print(memory, json_integer_at(j, "memBytes"));
	table_add(t, "%s", name);
	if (json_member(j, "pid"))
		table_add(t, "%lld", (long long)json_integer_at(j, "pid"));
	else
		table_add(t, "-");
	table_add(t, "%.1f", real(json_member(j, "cpuPercent")));
	table_add(t, "%s", memory);
	table_add(t, "%s", command ? command : "");
}

static void print_table(const struct json *j)
{
	static const char *const titles[] = { "WORKLOAD", "PID", "CPU%", "MEM", "COMMAND", NULL };
	const struct json *load = json_first(json_member(j, "load"));
	char all[16], available[16], more[32];
	struct table t;
	quantity_print(all, json_integer_at(j, "memBytes"));
	quantity_print(available, json_integer_at(j, "memAvailable"));
	printf("load %.2f %.2f %.2f  cpus %lld  memory %s available of %s\n", real(load),
	       real(json_next(load)), real(json_next(json_next(load))),
	       (long long)json_integer_at(j, "cpus"), available, all);
	table_begin(&t, titles);
	const struct json *w = json_first(json_member(j, "workloads"));
	for (; w; w = json_next(w)) {
		const int64_t hidden = json_integer_at(w, "more");
		snprintf(more, sizeof more, "(and %lld more)", (long long)hidden);
		add_row(&t, json_key(w), w, hidden ? more : "");
		const struct json *p = json_first(json_member(w, "processes"));
		for (; p; p = json_next(p))
			add_row(&t, "", p, json_string(json_member(p, "command")));
	}
	table_print(&t);
	fflush(stdout);
}

static void show(const struct options *o, const struct json *j, bool is_live)
{
	if (o->json) {
		char *text = json_print(j);
		puts(text);
		free(text);
		return;
	}
	if (is_live)
		fputs(CLEAR, stdout);
	print_table(j);
}

static enum err watch(struct looking *l, struct why *why)
{
	const struct options *o = l->options;
	const bool is_live = !o->once && !o->json && isatty(STDOUT_FILENO);
	struct json *before = NULL, *now = NULL;
	enum err e = look(l, &before, why);
	for (int64_t wait = FIRST_MS; !e; wait = EVERY_MS) {
		e = pause_for(l, wait, why);
		if (!e)
			e = look(l, &now, why);
		if (e)
			break;
		add_shares(now, before);
		show(o, now, is_live);
		json_free(before);
		before = now;
		if (!is_live || ferror(stdout))
			break;
	}
	json_free(before);
	return e;
}

enum exit_code verb_top(struct options *o)
{
	struct looking l = { .options = o, .is_there = o->broker_text != NULL };
	struct why why;
	enum err e = OK;
	if (o->word_count > 1 || (o->word_count && !o->broker_text))
		e = why_set(&why, ERR_INVALID, "at most a DEVICE is expected, and a broker for it");
	if (!e && l.is_there)
		e = ask_open(&l.ask, o, "top", o->word_count ? o->words[0] : NULL, NULL, &why);
	if (!e)
		e = watch(&l, &why);
	const bool interrupted = l.ask.desk.interrupted;
	if (l.is_there)
		ask_close(&l.ask);
	return interrupted ? EXIT_CODE_INTERRUPTED : exit_code_tell(e, &why);
}
