#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/history.h"
#include "cloud/skerry/local.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL_AGAIN_MS = 10 * 1000, LINES_DEFAULT = 100, CODE_OK = 200 };

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

/* --- from the device, over the broker --- */

struct listening {
	struct desk *desk;
	const struct options *options;
	const char *device;
	bool answered;
	int64_t code;
	struct why refused;
};

static void on_letter(void *owner, const struct topic *t, struct bytes payload)
{
	struct listening *l = owner;
	struct json *j;
	if (strcmp(t->device, l->device) != 0 || json_parse(payload, &j, NULL))
		return;
	if (strcmp(t->channel, "tail") == 0) {
		print_body(l->options, j);
	} else if (strcmp(t->channel, "res") == 0) {
		const struct json *body = json_member(j, "body");
		l->answered = true;
		json_integer(json_member(j, "code"), &l->code);
		if (l->code == CODE_OK)
			print_body(l->options, body);
		else
			(void)why_set(&l->refused, OK, "%s: %.120s", l->device,
				      json_string(body) ? json_string(body) : "refused");
	}
	if (ferror(stdout))
		l->desk->interrupted = true; /* nobody reads any more */
	json_free(j);
}

static enum err ask(struct listening *l, const char *verb, const char *workload, struct why *why)
{
	char rest[TOPIC_MAX];
	struct json *j = json_new_object(), *args = json_new_object();
	json_set_integer(j, "v", 1);
	json_set_string(j, "id", verb);
	json_set_string(j, "re", l->desk->name);
	json_set_string(args, "workload", workload);
	json_set_integer(args, "n", l->options->count ? l->options->count : LINES_DEFAULT);
	json_set(j, "args", args);
	char *text = json_print(j);
	json_free(j);
	snprintf(rest, sizeof rest, "dn/cmd/%s", verb);
	enum err e = desk_send(l->desk, l->device, rest, bytes_of(text), 1, why);
	free(text);
	return e;
}

static bool is_answered(void *owner)
{
	return ((struct listening *)owner)->answered;
}

static bool never(void *owner)
{
	(void)owner;
	return false;
}

static enum err wait_for_answer(struct listening *l, struct why *why)
{
	enum err e = desk_wait(l->desk, is_answered, l, DESK_WAIT_MS, why);
	if (e == ERR_AGAIN && !l->desk->interrupted)
		return why_set(why, ERR_OFFLINE, "%s does not answer", l->device);
	if (!e && l->code != CODE_OK)
		e = why_set(why, ERR_NOT_FOUND, "%s", l->refused.text);
	return e;
}

/* The device forgets us unless we ask again: a desk that dies costs nothing. */
static enum err keep_tailing(struct listening *l, const char *workload, struct why *why)
{
	for (;;) {
		l->answered = false;
		enum err e = ask(l, "tail", workload, why);
		if (!e)
			e = desk_wait(l->desk, never, l, TAIL_AGAIN_MS, why);
		if (e != ERR_AGAIN || l->desk->interrupted)
			return e;
		if (l->answered && l->code != CODE_OK)
			return why_set(why, ERR_NOT_FOUND, "%s", l->refused.text);
	}
}

/* Which device has it? */
static enum err find_device(struct options *o, struct fleet_view *v, const char *workload,
			    const char **out, struct why *why)
{
	size_t n = strcspn(workload, "/"), found = 0;
	if (o->device_count) {
		*out = o->devices[0];
		return OK;
	}
	for (size_t i = 0; i < v->count; i++) {
		const struct json *w = json_first(json_member(v->devices[i].state, "workloads"));
		while (w && (strncmp(json_key(w), workload, n) != 0 || json_key(w)[n] != '/'))
			w = json_next(w);
		if (!w)
			continue;
		found++;
		*out = v->devices[i].name;
	}
	if (found == 1)
		return OK;
	return why_set(why, found ? ERR_INVALID : ERR_NOT_FOUND,
		       found ? "%s runs on %zu devices; name one with -d"
			     : "no device reports a workload %s (%zu)",
		       workload, found);
}

static enum err listen(struct options *o, struct desk *d, const char *workload, struct why *why)
{
	struct fleet_view v = { 0 };
	struct listening l = { .desk = d, .options = o };
	char answers[TOPIC_MAX], tail[TOPIC_MAX];
	const char *const filters[] = { answers, tail };
	enum err e = fleet_view_read(&v, d, NULL, why);
	if (!e)
		e = find_device(o, &v, workload, &l.device, why);
	const struct device_view *view = e ? NULL : fleet_view_find(&v, l.device);
	if (!e && (!view || !device_view_is_online(view)))
		e = why_set(why, ERR_OFFLINE,
			    "%s is offline, logs needs it online; what it has sent is in the hub: "
			    "skerry logs %s --db FILE",
			    l.device, workload);
	if (!e) {
		snprintf(answers, sizeof answers, "%s/up/res/%s", l.device, d->name);
		snprintf(tail, sizeof tail, "%s/up/tail/%s", l.device, d->name);
		d->owner = &l;
		d->on_letter = on_letter;
		e = desk_subscribe(d, filters, 2, why);
	}
	if (!e)
		e = ask(&l, "logs", workload, why);
	if (!e)
		e = wait_for_answer(&l, why);
	if (!e && o->follow)
		e = keep_tailing(&l, workload, why);
	fleet_view_free(&v);
	return e;
}

static enum exit_code logs_from_broker(struct options *o, const char *workload)
{
	struct desk d = { 0 };
	struct why why;
	enum err e = desk_open(&d, o, &why);
	if (!e)
		e = listen(o, &d, workload, &why);
	bool interrupted = d.interrupted;
	desk_close(&d);
	if (interrupted)
		return EXIT_CODE_INTERRUPTED;
	return exit_code_tell(e, &why);
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
