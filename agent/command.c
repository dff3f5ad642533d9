#include "agent/command.h"

#include "agent/agent.h"
#include "agent/exec.h"
#include "agent/top.h"
#include "agent/verb.h"
#include "base/log.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/digest.h"
#include "sync/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	ANSWER_OK = 200,
	ANSWER_BAD = 400,
	ANSWER_FORBIDDEN = 403,
	ANSWER_NOT_FOUND = 404,
	ANSWER_TOO_LATE = 408,
	ANSWER_CONFLICT = 409,
	ANSWER_TOO_LARGE = 413,
	ANSWER_FULL = 429,
	ANSWER_FAILED = 500,
	ANSWER_UNSURE = 503,
	WORDS_MAX = 120, /* bytes of a command line in an event */
};

void command_init(struct command *c, struct agent *agent)
{
	*c = (struct command){ .agent = agent };
}

static void drop_exec(struct command *c, struct exec *x)
{
	for (size_t i = 0; i < COMMAND_EXECS_MAX; i++)
		if (c->execs[i] == x)
			c->execs[i] = NULL;
	exec_close(x);
	free(x);
}

void command_close(struct command *c)
{
	for (size_t i = 0; i < COMMAND_EXECS_MAX; i++)
		if (c->execs[i])
			drop_exec(c, c->execs[i]);
}

/* --- answering --- */

static int code_of(enum err e)
{
	static const int codes[] = {
		[OK] = ANSWER_OK,
		[ERR_INVALID] = ANSWER_BAD,
		[ERR_NOT_FOUND] = ANSWER_NOT_FOUND,
		[ERR_CONFLICT] = ANSWER_CONFLICT,
		[ERR_FULL] = ANSWER_TOO_LARGE,
		[ERR_AGAIN] = ANSWER_TOO_LATE,
		[ERR_OFFLINE] = ANSWER_FAILED,
		[ERR_DENIED] = ANSWER_FORBIDDEN,
		[ERR_CORRUPT] = ANSWER_FAILED,
		[ERR_SYSTEM] = ANSWER_FAILED,
	};
	return codes[e];
}

static void answer_to(struct command *c, const char *requester, const char *id, int code,
		      struct json *body)
{
	char rest[TOPIC_MAX];
	struct json *j = json_new_object();
	json_set_integer(j, "v", 1);
	json_set_string(j, "id", id);
	json_set_integer(j, "code", code);
	json_set(j, "body", body);
	char *text = json_print(j);
	json_free(j);
	snprintf(rest, sizeof rest, "up/res/%s", requester);
	enum err e = link_publish(&c->agent->link, rest, bytes_of(text), 1, false, NULL);
	if (e)
		log_debug("an answer could not be published");
	free(text);
}

static void answer(struct command *c, const struct request *r, int code, struct json *body)
{
	answer_to(c, r->requester, r->id, code, body);
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

static void do_top(struct command *c, const struct request *r)
{
	answer(c, r, ANSWER_OK, top_make(c->agent));
}

static void do_certificate(struct command *c, const struct request *r)
{
	int code = ANSWER_BAD;
	const char *text = c->agent->renewal ? renewal_on_answer(c->agent->renewal, r->args, &code)
					     : "this board's certificate is its configuration's";
	answer_text(c, r, code, text);
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

/* --- what acts --- */

/* Who has asked, in words, and the bytes that he has signed. */
static struct command_author author_of(const struct request *r, char room[160])
{
	struct json *warrant = NULL;
	struct text t = text_in(room, 160);
	text_add(&t, "%.64s", r->by[0] ? r->by : r->requester);
	if (r->signers[0])
		text_add(&t, ", key %s", r->signers);
	if (r->envelope) {
		warrant = json_new_object();
		json_set_string(warrant, "keys", r->signers);
		json_set(warrant, "payload", json_copy(json_member(r->envelope, "payload")));
		json_set(warrant, "sigs", json_copy(json_member(r->envelope, "sigs")));
	}
	return (struct command_author){ room, warrant };
}

enum err command_restart(struct agent *a, const char *name, const struct command_author *author,
			 struct why *why)
{
	char message[200];
	enum err e = name ? supervisor_restart(&a->supervisor, name, why)
			  : why_set(why, ERR_INVALID, "workload: POD or POD/CONTAINER is expected");
	if (e) {
		json_free(author->warrant);
		return e;
	}
	snprintf(message, sizeof message, "by %.180s", author->by);
	event_add(&a->events, false, "Restarted", name, message, author->warrant);
	return OK;
}

enum err command_find_exec(struct agent *a, const char *name, struct workload **out,
			   struct why *why)
{
	*out = NULL;
	if (!a->config.allow_exec)
		return why_set(why, ERR_DENIED,
			       "this board's configuration does not allow it (allow_exec)");
	*out = name ? supervisor_find(&a->supervisor, name) : NULL;
	return *out ? OK : why_set(why, ERR_NOT_FOUND, "no such workload on this device");
}

void command_tell_exec(struct agent *a, const struct workload *w, const struct json *args,
		       const struct command_author *author)
{
	char message[WORDS_MAX + 200], words[WORDS_MAX];
	struct text t = text_in(words, sizeof words);
	for (const struct json *j = json_first(json_member(args, "argv")); j; j = json_next(j))
		text_add(&t, "%s%s", t.len ? " " : "", json_string(j) ? json_string(j) : "");
	snprintf(message, sizeof message, "by %.160s: %s", author->by, words);
	event_add(&a->events, false, "Exec", w->name, message, author->warrant);
}

static void do_restart(struct command *c, const struct request *r)
{
	char room[160];
	struct why why;
	const char *name = json_string(json_member(r->args, "workload"));
	const struct command_author author = author_of(r, room);
	enum err e = command_restart(c->agent, name, &author, &why);
	answer_text(c, r, code_of(e), e ? why.text : name);
}

static void on_exec_end(void *owner, struct exec *x)
{
	struct command *c = owner;
	struct json *body;
	const int code = exec_result(x, &body);
	if (x->is_lost)
		json_free(body);
	else
		answer_to(c, x->requester, x->id, code, body);
	drop_exec(c, x);
}

static enum err start_exec(struct command *c, const struct request *r, struct workload *w,
			   struct exec **place, struct why *why)
{
	char room[160];
	struct exec *x = calloc(1, sizeof *x);
	if (!x)
		return why_set(why, ERR_SYSTEM, "no memory");
	enum err e = exec_start(x, c->agent, w, r, why);
	if (e) {
		free(x);
		return e;
	}
	x->owner = c;
	x->on_end = on_exec_end;
	*place = x;
	const struct command_author author = author_of(r, room);
	command_tell_exec(c->agent, w, r->args, &author);
	return OK;
}

static void do_exec(struct command *c, const struct request *r)
{
	struct exec **place = c->execs;
	struct workload *w;
	struct why why;
	while (place < c->execs + COMMAND_EXECS_MAX && *place)
		place++;
	if (place == c->execs + COMMAND_EXECS_MAX) {
		answer_text(c, r, ANSWER_FULL, "too many commands in containers at once");
		return;
	}
	const char *name = json_string(json_member(r->args, "workload"));
	enum err e = command_find_exec(c->agent, name, &w, &why);
	if (!e)
		e = start_exec(c, r, w, place, &why);
	if (e)
		answer_text(c, r, code_of(e), why.text);
}

void command_on_delivered(struct command *c, int ticket)
{
	for (size_t i = 0; i < COMMAND_EXECS_MAX; i++)
		if (c->execs[i])
			exec_on_delivered(c->execs[i], ticket);
}

void command_on_up(struct command *c)
{
	c->id_count = 0;
}

void command_on_down(struct command *c)
{
	for (size_t i = 0; i < COMMAND_EXECS_MAX; i++)
		if (c->execs[i])
			exec_on_down(c->execs[i]);
}

/* --- once, and by whom it may --- */

static uint64_t number_of(const struct request *r)
{
	char text[LABEL_SIZE + REQUEST_ID_MAX + 2], digest[DIGEST_SIZE];
	snprintf(text, sizeof text, "%s %s", r->requester, r->id);
	digest_of(bytes_of(text), digest);
	digest[7 + 16] = '\0';
	return strtoull(digest + 7, NULL, 16);
}

/* A signed id is never forgotten before its connection ends; of others the oldest is. */
static enum err note_id(struct command *c, const struct request *r, struct why *why)
{
	const uint64_t number = number_of(r);
	const size_t kept = c->id_count < COMMAND_IDS_MAX ? c->id_count : COMMAND_IDS_MAX;
	for (size_t i = 0; i < kept; i++)
		if (c->ids[i] == number)
			return why_set(why, ERR_CONFLICT, "this command was carried out already");
	if (r->signers[0] && c->id_count >= COMMAND_IDS_MAX) {
		link_renew(&c->agent->link);
		return why_set(why, ERR_FULL,
			       "%d commands on this connection: a new one is made, ask again then",
			       COMMAND_IDS_MAX);
	}
	c->ids[c->id_count++ % COMMAND_IDS_MAX] = number;
	return OK;
}

static enum err check_author(const struct command *c, enum verb verb, const struct request *r,
			     struct why *why)
{
	const struct agent *a = c->agent;
	if (!a->anchor || r->signers[0] || !verb_needs_signature(verb, a->config.unsigned_verbs))
		return OK;
	return why_set(why, ERR_DENIED, "nobody has signed it, and this board wants that here");
}

/* Whoever may act says so once for each connection: that must not come a second time. */
static enum err check_once(struct command *c, enum verb verb, const struct request *r,
			   struct why *why)
{
	if (!verb_acts(verb))
		return OK;
	if (r->signers[0] && !c->agent->link.is_session_kept)
		return why_set(why, ERR_AGAIN,
			       "this board cannot keep the number of its connection, so a signed "
			       "command could come twice");
	return note_id(c, r, why);
}

static void carry_out(struct command *c, enum verb verb, const struct request *r)
{
	static void (*const run[])(struct command * c, const struct request *r) = {
		[VERB_PING] = do_ping, [VERB_LOGS] = do_logs,
		[VERB_TAIL] = do_tail, [VERB_TOP] = do_top,
		[VERB_WAKE] = do_wake, [VERB_RESTART] = do_restart,
		[VERB_EXEC] = do_exec, [VERB_CERTIFICATE] = do_certificate,
	};
	run[verb](c, r);
}

static void refuse(struct command *c, const struct request *r, const char *verb, int code,
		   const struct why *why)
{
	log_warn("a command was refused verb=%.20s code=%d why=\"%s\"", verb, code, why->text);
	if (r->id)
		answer_text(c, r, code, why->text);
}

void command_on_letter(struct command *c, const char *name, struct bytes payload)
{
	const struct agent *a = c->agent;
	const struct request_place place = {
		.anchor = a->anchor,
		.fleet = a->config.fleet,
		.device = a->config.device,
		.verb = name,
		.session = a->link.session,
		.wall_ms = clock_wall_ms(),
	};
	const enum verb verb = verb_find(bytes_of(name));
	struct request r;
	struct why why;
	enum err e = request_read(&r, payload, &place, &why);
	if (!e && verb == VERBS)
		e = why_set(&why, ERR_INVALID, "this device does not know this command");
	if (!e)
		e = check_author(c, verb, &r, &why);
	if (e)
		refuse(c, &r, name, code_of(e), &why);
	else if ((e = check_once(c, verb, &r, &why)))
		refuse(c, &r, name,
		       e == ERR_FULL    ? ANSWER_FULL
		       : e == ERR_AGAIN ? ANSWER_UNSURE
					: code_of(e),
		       &why);
	else
		carry_out(c, verb, &r);
	request_free(&r);
}
