#include "agent/command.h"

#include "agent/agent.h"
#include "base/log.h"
#include "base/text.h"
#include "ports/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ANSWER_OK = 200,
	ANSWER_BAD = 400,
	ANSWER_NOT_FOUND = 404,
	ANSWER_GONE = 410,
	ANSWER_FULL = 429
};

void command_init(struct command *c, struct agent *agent)
{
	*c = (struct command){ .agent = agent };
}

struct request {
	const char *id, *requester;
	const struct json *args;
};

static void answer(struct command *c, const struct request *r, int code, struct json *body)
{
	char rest[TOPIC_MAX];
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	json_set_string(j, "id", r->id);
	json_set_integer(j, "code", code);
	json_set(j, "body", body);
	char *text = json_print(j);
	json_free(j);
	snprintf(rest, sizeof rest, "up/res/%s", r->requester);
	enum err e = link_publish(&c->agent->link, rest, bytes_of(text), 1, false, NULL);
	if (e)
		log_debug("an answer could not be published");
	free(text);
}

static void answer_text(struct command *c, const struct request *r, int code, const char *text)
{
	answer(c, r, code, json_new_string(text));
}

struct json *command_logs(struct agent *a, const char *workload, int64_t count)
{
	const struct workload *w = workload ? supervisor_find(&a->supervisor, workload) : NULL;
	if (!w)
		return NULL;
	if (count < 1 || count > COMMAND_LINES_MAX)
		count = COMMAND_LINES_MAX;
	struct json *j = json_new_object();
	json_set_string(j, "workload", w->name);
	json_set(j, "lines", logbook_last(w, (size_t)count));
	return j;
}

const char *command_wake(struct agent *a, const char *workload)
{
	struct workload *w = workload ? supervisor_find(&a->supervisor, workload) : NULL;
	if (w)
		workload_wake(w);
	return w ? w->name : NULL;
}

static void do_ping(struct command *c, const struct request *r)
{
	answer_text(c, r, ANSWER_OK, SKERRY_VERSION);
}

static void do_logs(struct command *c, const struct request *r)
{
	int64_t count = 0;
	const char *workload = json_string(json_member(r->args, "workload"));
	json_integer(json_member(r->args, "n"), &count);
	struct json *body = command_logs(c->agent, workload, count);
	if (body)
		answer(c, r, ANSWER_OK, body);
	else
		answer_text(c, r, ANSWER_NOT_FOUND, "no such workload on this device");
}

static struct command_tail *find_tail(struct command *c, const char *requester)
{
	struct command_tail *free_one = NULL;
	const int64_t now = clock_now_ms();
	for (size_t i = 0; i < COMMAND_TAILS_MAX; i++) {
		struct command_tail *t = &c->tails[i];
		if (strcmp(t->requester, requester) == 0 && *requester)
			return t;
		if (!t->requester[0] || t->until_ms < now)
			free_one = t;
	}
	return free_one;
}

static void do_tail(struct command *c, const struct request *r)
{
	const char *name = json_string(json_member(r->args, "workload"));
	const struct workload *w = name ? supervisor_find(&c->agent->supervisor, name) : NULL;
	struct command_tail *t = find_tail(c, r->requester);
	if (!w || !t) {
		answer_text(c, r, w ? ANSWER_FULL : ANSWER_NOT_FOUND,
			    w ? "too many tails at once" : "no such workload on this device");
		return;
	}
	bool goes_on = strcmp(t->requester, r->requester) == 0 && strcmp(t->workload, w->name) == 0;
	t->until_ms = clock_now_ms() + COMMAND_TAIL_MS;
	if (goes_on)
		return; /* asked for again in time: no answer, the lines are it */
	t->at = logbook_end(w);
	text_copy(t->requester, sizeof t->requester, bytes_of(r->requester));
	text_copy(t->workload, sizeof t->workload, bytes_of(w->name));
	answer_text(c, r, ANSWER_OK, w->name);
}

static void do_wake(struct command *c, const struct request *r)
{
	const char *name = command_wake(c->agent, json_string(json_member(r->args, "workload")));
	answer_text(c, r, name ? ANSWER_OK : ANSWER_NOT_FOUND,
		    name ? name : "no such workload on this device");
}

void command_on_log(struct command *c, const struct workload *w)
{
	for (size_t i = 0; i < COMMAND_TAILS_MAX; i++) {
		struct command_tail *t = &c->tails[i];
		char rest[TOPIC_MAX];
		if (!t->requester[0] || strcmp(t->workload, w->name) != 0)
			continue;
		if (t->until_ms < clock_now_ms()) {
			t->requester[0] = '\0';
			continue;
		}
		struct json *j = json_new_object();
		json_set_string(j, "workload", w->name);
		json_set(j, "lines", logbook_read(w, &t->at, COMMAND_LINES_MAX));
		char *text = json_print(j);
		json_free(j);
		snprintf(rest, sizeof rest, "up/tail/%s", t->requester);
		(void)!link_publish(&c->agent->link, rest, bytes_of(text), 0, false, NULL);
		free(text);
	}
}

static bool has_expired(const struct json *j)
{
	int64_t expires_s;
	const int64_t wall = clock_wall_ms();
	return json_integer(json_member(j, "exp"), &expires_s) && clock_is_set(wall) &&
	       wall > expires_s * 1000;
}

static bool is_for_another_session(const struct command *c, const struct json *j)
{
	int64_t session;
	return json_integer(json_member(j, "session"), &session) &&
	       session != c->agent->link.session;
}

static void carry_out(struct command *c, const char *verb, const struct request *r)
{
	static const struct {
		const char *verb;
		void (*run)(struct command *c, const struct request *r);
	} verbs[] = {
		{ "ping", do_ping },
		{ "logs", do_logs },
		{ "tail", do_tail },
		{ "wake", do_wake },
	};
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(verbs[i].verb, verb) != 0)
			continue;
		verbs[i].run(c, r);
		return;
	}
	answer_text(c, r, ANSWER_BAD, "this device does not know this command");
}

void command_on_letter(struct command *c, const char *verb, struct bytes payload)
{
	struct json *j;
	struct why why;
	if (json_parse(payload, &j, &why)) {
		log_warn("a command was not understood verb=%.20s why=\"%s\"", verb, why.text);
		return;
	}
	const struct request r = {
		.id = json_string(json_member(j, "id")),
		.requester = json_string(json_member(j, "re")),
		.args = json_member(j, "args"),
	};
	/* The requester's name is one level of our own topic: nothing else fits. */
	if (!r.id || !r.requester || !label_is_valid(bytes_of(r.requester)))
		log_warn("a command without id or a usable requester was dropped verb=%.20s", verb);
	else if (has_expired(j) || is_for_another_session(c, j))
		answer_text(c, &r, ANSWER_GONE, "the command is too old");
	else
		carry_out(c, verb, &r);
	json_free(j);
}
