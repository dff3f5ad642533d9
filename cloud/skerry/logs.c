#include "cloud/skerry/ask.h"
#include "cloud/skerry/history.h"
#include "cloud/skerry/local.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL_AGAIN_MS = 10 * 1000, LINES_DEFAULT = 100 };

static void print_lines(const struct options *o, const struct json *lines)
{
	for (const struct json *l = json_first(lines); l; l = json_next(l)) {
		const char *text = json_string(json_member(l, "l"));
		char when[24];
		int64_t t = 0;
		json_integer(json_member(l, "t"), &t);
		clock_print(when, t);
		if (o->timestamps)
			printf("%s ", when);
		puts(text ? text : "");
	}
	fflush(stdout);
}

/* {"workload","lines"}: for programs as it came, one document in a line. */
static void print_body(const struct options *o, const struct json *body)
{
	if (!o->json) {
		print_lines(o, json_member(body, "lines"));
		return;
	}
	char *text = json_print(body);
	puts(text);
	free(text);
	fflush(stdout);
}

static bool never(void *owner)
{
	(void)owner;
	return false;
}

/* --- from the device, over the broker --- */

struct listening {
	struct ask ask;
	const struct options *options;
};

static void on_tail(void *owner, const struct json *piece)
{
	struct listening *l = owner;
	print_body(l->options, piece);
	if (ferror(stdout))
		l->ask.desk.interrupted = true; /* nobody reads any more */
}

static enum err ask(struct listening *l, const char *verb, const char *workload, struct why *why)
{
	struct json *args = json_new_object();
	json_set_string(args, "workload", workload);
	json_set_integer(args, "n", l->options->count ? l->options->count : LINES_DEFAULT);
	l->ask.verb = verb;
	return ask_send(&l->ask, args, why);
}

static enum err tell_last(struct listening *l, const char *workload, struct why *why)
{
	const struct json *body;
	enum err e = ask(l, "logs", workload, why);
	if (!e)
		e = ask_wait(&l->ask, DESK_WAIT_MS, &body, why);
	if (!e)
		print_body(l->options, body);
	return e;
}

/* The device forgets us unless we ask again: a desk that dies costs nothing. Only the first time
 * is answered, or a refusal. */
static enum err keep_tailing(struct listening *l, const char *workload, struct why *why)
{
	const struct json *body;
	for (;;) {
		enum err e = ask(l, "tail", workload, why);
		if (!e)
			e = desk_wait(&l->ask.desk, never, l, TAIL_AGAIN_MS, why);
		if (e != ERR_AGAIN || l->ask.desk.interrupted)
			return e;
		if (l->ask.is_answered && (e = ask_wait(&l->ask, 0, &body, why)))
			return e;
	}
}

static enum exit_code logs_from_broker(struct options *o, const char *workload)
{
	struct listening l = { .options = o };
	struct why why;
	enum err e = ask_open(&l.ask, o, "logs", NULL, workload, &why);
	l.ask.owner = &l;
	l.ask.on_tail = on_tail;
	if (e == ERR_OFFLINE && l.ask.device)
		fprintf(stderr, "hint: what it has sent is in the hub: skerry logs %s --db FILE\n",
			workload);
	if (!e)
		e = tell_last(&l, workload, &why);
	if (!e && o->follow)
		e = keep_tailing(&l, workload, &why);
	const bool interrupted = l.ask.desk.interrupted;
	ask_close(&l.ask);
	return interrupted ? EXIT_CODE_INTERRUPTED : exit_code_tell(e, &why);
}

/* --- on the board itself --- */

static enum exit_code logs_from_board(struct options *o, const char *workload)
{
	struct json *request = json_new_object(), *answer;
	struct why why;
	json_set_string(request, "verb", "logs");
	json_set_string(request, "workload", workload);
	json_set_integer(request, "n", o->count ? o->count : LINES_DEFAULT);
	enum err e = local_ask(o->run_dir, request, &answer, &why);
	json_free(request);
	if (!e) {
		print_body(o, answer);
		json_free(answer);
	}
	return exit_code_tell(e, &why);
}

enum exit_code verb_logs(struct options *o)
{
	struct why why;
	if (o->word_count != 1)
		return exit_code_tell(
			why_set(&why, ERR_INVALID, "which workload? POD or POD/CONTAINER"), &why);
	/* Asked for by name, the database comes before a broker of the environment. */
	if (o->database && (!o->broker_text || o->database != getenv("SKERRY_DB")))
		return history_logs(o, o->words[0]);
	if (!o->broker_text)
		return logs_from_board(o, o->words[0]);
	return logs_from_broker(o, o->words[0]);
}
