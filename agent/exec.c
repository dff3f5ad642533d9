#include "agent/exec.h"

#include "agent/agent.h"
#include "base/base64.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const stream_names[] = { [EXEC_OUT] = "out", [EXEC_ERR] = "err" };

/* --- what is asked --- */

enum err exec_read_words(const struct json *args, struct exec_words *out, struct why *why)
{
	size_t n = 0;
	for (const struct json *j = json_first(json_member(args, "argv")); j; j = json_next(j)) {
		if (n == ARGS_MAX || !json_string(j))
			return why_set(why, ERR_INVALID, "argv: at most %d strings are expected",
				       ARGS_MAX);
		out->argv[n++] = json_string(j);
	}
	out->argv[n] = NULL;
	return n ? OK : why_set(why, ERR_INVALID, "argv: a command is expected");
}

enum err exec_read_wait(const struct json *args, int64_t *out_ms, struct why *why)
{
	const struct json *wait = json_member(args, "timeoutMs");
	*out_ms = EXEC_WAIT_DEFAULT_MS;
	if (!wait || (json_integer(wait, out_ms) && *out_ms > 0 && *out_ms <= EXEC_WAIT_MAX_MS))
		return OK;
	return why_set(why, ERR_INVALID, "timeoutMs: 1 to %d is expected", EXEC_WAIT_MAX_MS);
}

/* What it is to read, whole in a pipe before it starts. */
static enum err fill_stdin(const struct json *args, int fd, struct why *why)
{
	const char *text = json_string(json_member(args, "stdin"));
	const struct bytes encoded = bytes_of(text ? text : "");
	SCOPED_MEMORY char *room = NULL;
	size_t len = 0;
	if (base64_room(encoded) > EXEC_STDIN_MAX + 3)
		return why_set(why, ERR_FULL, "stdin: more than %d bytes", EXEC_STDIN_MAX);
	if (!encoded.len)
		return OK;
	room = malloc(base64_room(encoded));
	if (!room || base64_decode(encoded, room, &len))
		return why_set(why, ERR_INVALID, "stdin: base64 is expected");
	/* A pipe holds more than EXEC_STDIN_MAX. */
	if (write(fd, room, len) != (ssize_t)len)
		return why_set(why, ERR_SYSTEM, "stdin: %s", strerror(errno));
	return OK;
}

/* --- what it prints --- */

static void close_source(struct exec_source *s)
{
	if (s->watch.fd < 0)
		return;
	loop_unwatch(s->exec->agent->loop, &s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
}

static void end_early(struct exec *x)
{
	if (x->workload)
		workload_run_cancel(x->workload);
	for (size_t i = 0; i < EXEC_STREAMS; i++)
		close_source(&x->sources[i]);
}

static enum err send_piece(struct exec *x, size_t stream, struct bytes piece)
{
	char rest[TOPIC_MAX];
	SCOPED_MEMORY char *data = malloc(base64_size(piece.len));
	if (!data)
		return ERR_SYSTEM;
	base64_encode(piece, data);
	struct json *j = json_new_object();
	json_set_string(j, "id", x->id);
	json_set_string(j, "stream", stream_names[stream]);
	json_set_integer(j, "at", x->sources[stream].sent);
	json_set_string(j, "data", data);
	SCOPED_MEMORY char *text = json_print(j);
	json_free(j);
	snprintf(rest, sizeof rest, "up/tail/%s", x->requester);
	return link_publish(&x->agent->link, rest, bytes_of(text), 1, false, &x->ticket);
}

/* True: a piece is under way. */
static bool pump(struct exec *x, size_t stream)
{
	struct exec_source *s = &x->sources[stream];
	SCOPED_MEMORY char *piece = malloc(EXEC_PIECE_MAX);
	const ssize_t n = piece && s->watch.fd >= 0 ? read(s->watch.fd, piece, EXEC_PIECE_MAX) : -1;
	if (n == 0)
		close_source(s);
	if (n <= 0)
		return false;
	if (send_piece(x, stream, (struct bytes){ piece, (size_t)n })) {
		x->is_lost = true;
		end_early(x);
		return false;
	}
	s->sent += n;
	x->is_too_long = x->sources[EXEC_OUT].sent + x->sources[EXEC_ERR].sent > EXEC_OUTPUT_MAX;
	if (x->is_too_long)
		end_early(x);
	return true;
}

/* A pipe that is closed is ready for ever: none is watched while a piece is under way. */
static void watch_sources(struct exec *x, bool watch)
{
	for (size_t i = 0; i < EXEC_STREAMS; i++) {
		struct exec_source *s = &x->sources[i];
		if (s->watch.fd < 0)
			continue;
		loop_unwatch(x->agent->loop, &s->watch);
		if (watch && loop_watch(x->agent->loop, &s->watch, NULL))
			close_source(s);
	}
}

/* What is in the pipes when it has ended is all: who still holds them was left behind. */
static void on_turn(void *owner, int64_t now_ms)
{
	struct exec *x = owner;
	(void)now_ms;
	for (size_t i = 0; i < EXEC_STREAMS && !x->ticket; i++)
		pump(x, i);
	watch_sources(x, !x->ticket && x->workload);
	if (!x->ticket && !x->workload)
		x->on_end(x->owner, x); /* frees it */
}

static void look_soon(struct exec *x)
{
	loop_arm(x->agent->loop, &x->turn, 0);
}

static void on_source(void *owner, unsigned events)
{
	struct exec_source *s = owner;
	(void)events;
	watch_sources(s->exec, false);
	look_soon(s->exec);
}

void exec_on_delivered(struct exec *x, int ticket)
{
	if (ticket != x->ticket)
		return;
	x->ticket = 0;
	look_soon(x);
}

void exec_on_down(struct exec *x)
{
	x->is_lost = true;
	x->ticket = 0;
	end_early(x);
	look_soon(x);
}

static void on_done(void *owner, int code, const char *why)
{
	struct exec *x = owner;
	x->workload = NULL;
	x->code = code;
	text_copy(x->said, sizeof x->said, bytes_of(why));
	look_soon(x);
}

/* --- starting --- */

static enum err open_source(struct exec *x, size_t stream, int *out_fd, struct why *why)
{
	struct exec_source *s = &x->sources[stream];
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) || fcntl(ends[0], F_SETFL, O_NONBLOCK))
		return why_set(why, ERR_SYSTEM, "pipe: %s", strerror(errno));
	*out_fd = ends[1];
	s->watch = (struct watch){
		.fd = ends[0], .events = LOOP_READ, .owner = s, .on_ready = on_source
	};
	return OK; /* watched from the first turn on */
}

static enum err run(struct exec *x, struct workload *w, const struct json *args, struct why *why)
{
	const struct workload_exec done = { .owner = x, .on_done = on_done };
	struct exec_words words;
	struct keeper_command c = { .argv = words.argv, .fds = { -1, -1, -1 } };
	int ends[2];
	enum err e = exec_read_words(args, &words, why);
	if (!e)
		e = exec_read_wait(args, &c.wait_ms, why);
	if (!e && pipe2(ends, O_CLOEXEC))
		e = why_set(why, ERR_SYSTEM, "pipe: %s", strerror(errno));
	if (e)
		return e;
	SCOPED_FD in = ends[0];
	SCOPED_FD fill = ends[1];
	c.fds[0] = in;
	e = fill_stdin(args, fill, why);
	if (!e)
		e = open_source(x, EXEC_OUT, &c.fds[1], why);
	SCOPED_FD out = c.fds[1];
	if (!e)
		e = open_source(x, EXEC_ERR, &c.fds[2], why);
	SCOPED_FD err = c.fds[2];
	return e ? e : workload_run(w, &c, &done, why);
}

enum err exec_start(struct exec *x, struct agent *a, struct workload *w, const struct request *r,
		    struct why *why)
{
	*x = (struct exec){ .agent = a, .code = -1 };
	x->turn = (struct timer){ .owner = x, .on_due = on_turn };
	for (size_t i = 0; i < EXEC_STREAMS; i++)
		x->sources[i] = (struct exec_source){ .exec = x, .watch.fd = -1 };
	text_copy(x->id, sizeof x->id, bytes_of(r->id));
	text_copy(x->requester, sizeof x->requester, bytes_of(r->requester));
	enum err e = run(x, w, r->args, why);
	if (e) {
		exec_close(x);
		return e;
	}
	x->workload = w;
	look_soon(x);
	return OK;
}

int exec_result(const struct exec *x, struct json **out_body)
{
	char text[200];
	if (x->is_too_long) {
		snprintf(text, sizeof text, "more than %d bytes of output: it was ended",
			 EXEC_OUTPUT_MAX);
		*out_body = json_new_string(text);
		return 413;
	}
	if (x->said[0]) {
		*out_body = json_new_string(x->said);
		return x->code == 126 ? 422 : 409;
	}
	if (x->code < 0) {
		*out_body = json_new_string("not done in time: it was ended");
		return 408;
	}
	*out_body = json_new_object();
	json_set_integer(*out_body, "exit", x->code);
	json_set_integer(*out_body, "out", x->sources[EXEC_OUT].sent);
	json_set_integer(*out_body, "err", x->sources[EXEC_ERR].sent);
	return 200;
}

void exec_close(struct exec *x)
{
	if (x->workload)
		workload_run_forget(x->workload);
	x->workload = NULL;
	loop_disarm(x->agent->loop, &x->turn);
	for (size_t i = 0; i < EXEC_STREAMS; i++)
		close_source(&x->sources[i]);
}
