#include "base/base64.h"
#include "base/scoped.h"
#include "cloud/skerry/ask.h"
#include "cloud/skerry/local.h"
#include "cloud/skerry/verbs.h"
#include "ports/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { STDIN_MAX = 8 * 1024, PIECE = 2 * 1024, WAIT_MS = 60 * 1000, EXTRA_MS = 10 * 1000 };

static int64_t wait_ms(const struct options *o)
{
	return o->wait_ms > 0 ? o->wait_ms : WAIT_MS;
}

static struct json *print_argv(const struct options *o)
{
	struct json *argv = json_new_array();
	for (size_t i = 0; i < o->command_count; i++)
		json_push(argv, json_new_string(o->command[i]));
	return argv;
}

static void fill_args(const struct options *o, const char *workload, struct json *args)
{
	json_set_string(args, "workload", workload);
	json_set(args, "argv", print_argv(o));
	json_set_integer(args, "timeoutMs", wait_ms(o));
}

static bool write_all(int fd, const char *at, size_t len)
{
	while (len) {
		const ssize_t n = write(fd, at, len);
		if (n < 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* --- on a device, over the broker --- */

struct hearing {
	struct ask *ask;
	int64_t heard[3]; /* bytes of stdout and stderr, by their numbers */
	int64_t missing;
};

static void on_tail(void *owner, const struct json *piece)
{
	struct hearing *h = owner;
	const char *id = json_string(json_member(piece, "id"));
	const char *stream = json_string(json_member(piece, "stream"));
	const char *data = json_string(json_member(piece, "data"));
	int64_t at = 0;
	size_t len;
	if (!id || strcmp(id, h->ask->id) != 0 || !stream || !data)
		return;
	const int fd = strcmp(stream, "err") == 0 ? STDERR_FILENO : STDOUT_FILENO;
	SCOPED_MEMORY char *room = malloc(base64_room(bytes_of(data)));
	if (!room || base64_decode(bytes_of(data), room, &len))
		return;
	/* What came twice, as it may, is told once. */
	if (!json_integer(json_member(piece, "at"), &at) || at < h->heard[fd])
		return;
	h->missing += at - h->heard[fd];
	h->heard[fd] = at + (int64_t)len;
	if (!write_all(fd, room, len))
		h->ask->desk.interrupted = true; /* nobody reads any more */
}

/* All that our stdin has, if it is little enough. */
static enum err read_stdin(struct json *args, struct why *why)
{
	SCOPED_MEMORY char *text = malloc(STDIN_MAX + 1);
	SCOPED_MEMORY char *encoded = malloc(base64_size(STDIN_MAX));
	size_t len = 0;
	ssize_t n = 1;
	if (!text || !encoded)
		return why_set(why, ERR_SYSTEM, "no memory");
	while (n > 0 && len <= STDIN_MAX) {
		n = read(STDIN_FILENO, text + len, STDIN_MAX + 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (len > STDIN_MAX)
		return why_set(why, ERR_FULL, "more than %d bytes on stdin", STDIN_MAX);
	base64_encode((struct bytes){ text, len }, encoded);
	json_set_string(args, "stdin", encoded);
	return OK;
}

static enum err finish(const struct hearing *h, const struct json *body, int *out_code,
		       struct why *why)
{
	int64_t code = 0, out = 0, err = 0;
	if (!json_integer(json_member(body, "exit"), &code))
		return why_set(why, ERR_SYSTEM, "%s gave no exit code", h->ask->device);
	json_integer(json_member(body, "out"), &out);
	json_integer(json_member(body, "err"), &err);
	const int64_t missing =
		h->missing + out - h->heard[STDOUT_FILENO] + err - h->heard[STDERR_FILENO];
	if (missing > 0)
		fprintf(stderr, "warning: %lld bytes of output were lost on the way\n",
			(long long)missing);
	*out_code = (int)code;
	return OK;
}

static enum err exec_there(struct options *o, const char *device, const char *workload,
			   int *out_code, struct why *why)
{
	struct ask a;
	const struct json *body;
	struct json *args = json_new_object();
	struct hearing h = { .ask = &a };
	fill_args(o, workload, args);
	enum err e = ask_open(&a, o, "exec", device, workload, why);
	if (!e && o->use_stdin)
		e = read_stdin(args, why);
	if (e) {
		json_free(args);
		ask_close(&a);
		return e;
	}
	a.owner = &h;
	a.on_tail = on_tail;
	e = ask_send(&a, args, why);
	if (!e)
		e = ask_wait(&a, wait_ms(o) + EXTRA_MS, &body, why);
	if (!e)
		e = finish(&h, body, out_code, why);
	if (a.desk.interrupted)
		*out_code = EXIT_CODE_INTERRUPTED;
	ask_close(&a);
	return e;
}

/* --- on the board itself --- */

/* Ours, and those that go to the command. */
struct pipes {
	int in, out, err;
	int theirs[3];
};

static void close_pipes(struct pipes *p)
{
	close_quietly(p->in);
	close_quietly(p->out);
	close_quietly(p->err);
	for (size_t i = 0; i < 3; i++)
		close_quietly(p->theirs[i]);
	*p = (struct pipes){ -1, -1, -1, { -1, -1, -1 } };
}

static enum err open_pipes(struct pipes *p, struct why *why)
{
	int in[2], out[2], err[2];
	*p = (struct pipes){ -1, -1, -1, { -1, -1, -1 } };
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return why_set(why, ERR_SYSTEM, "pipe: %s", strerror(errno));
	*p = (struct pipes){ in[1], out[0], err[0], { in[0], out[1], err[1] } };
	return OK;
}

/* False: that end is closed, or nobody reads what comes out of it. */
static bool pass_on(int from, int to)
{
	char piece[PIECE];
	const ssize_t n = read(from, piece, sizeof piece);
	return n > 0 && write_all(to, piece, (size_t)n);
}

static void close_one(int *fd)
{
	close_quietly(*fd);
	*fd = -1;
}

/* What is ready goes on its way; an end that is over is closed. */
static void pass_or_close(const struct pollfd *ready, int *fd, int from, int to)
{
	if (ready->revents && !pass_on(from, to))
		close_one(fd);
}

/* Carry bytes both ways until the agent has the last word. */
static void pump(struct pipes *p, int agent_fd, bool use_stdin)
{
	enum { IN, OUT, ERR, AGENT, COUNT };
	if (!use_stdin)
		close_one(&p->in);
	for (;;) {
		struct pollfd polled[COUNT] = {
			[IN] = { .fd = p->in < 0 ? -1 : STDIN_FILENO, .events = POLLIN },
			[OUT] = { .fd = p->out, .events = POLLIN },
			[ERR] = { .fd = p->err, .events = POLLIN },
			[AGENT] = { .fd = agent_fd, .events = POLLIN },
		};
		if (poll(polled, COUNT, -1) < 0)
			return;
		pass_or_close(&polled[IN], &p->in, STDIN_FILENO, p->in);
		pass_or_close(&polled[OUT], &p->out, p->out, STDOUT_FILENO);
		pass_or_close(&polled[ERR], &p->err, p->err, STDERR_FILENO);
		/* What the command printed before its end is in the pipes by now. */
		if (polled[AGENT].revents && !polled[OUT].revents && !polled[ERR].revents)
			return;
	}
}

static enum err exec_here(const struct options *o, const char *workload, int *out_code,
			  struct why *why)
{
	struct json *request = json_new_object(), *answer;
	struct pipes p;
	int connected = -1;
	int64_t code = 0;
	json_set_string(request, "verb", "exec");
	fill_args(o, workload, request);
	enum err e = open_pipes(&p, why);
	if (!e)
		e = local_send(o->run_dir, request, p.theirs, &connected, why);
	json_free(request);
	SCOPED_FD fd = connected;
	for (size_t i = 0; i < 3; i++)
		close_one(&p.theirs[i]);
	if (!e) {
		pump(&p, fd, o->use_stdin);
		e = local_receive(fd, &answer, why);
	}
	close_pipes(&p);
	if (e)
		return e;
	json_integer(json_member(answer, "exit"), &code);
	*out_code = (int)code;
	json_free(answer);
	return OK;
}

enum exit_code verb_exec(struct options *o)
{
	struct why why;
	int code = 0;
	const char *device = o->word_count == 2 ? o->words[0] : NULL;
	const char *workload = o->word_count ? o->words[o->word_count - 1] : NULL;
	enum err e;
	if (o->word_count < 1 || o->word_count > 2 || !o->command_count)
		e = why_set(&why, ERR_INVALID,
			    "[DEVICE], POD or POD/CONTAINER, and -- COMMAND ... are expected");
	else if (!o->broker_text && device)
		e = options_need_broker(o, &why);
	else if (!o->broker_text)
		e = exec_here(o, workload, &code, &why);
	else
		e = exec_there(o, device, workload, &code, &why);
	if (code == EXIT_CODE_INTERRUPTED && e)
		return EXIT_CODE_INTERRUPTED;
	return e ? exit_code_tell(e, &why) : (enum exit_code)code;
}
