#include "workloads/keeper/errand.h"

#include "base/scoped.h"
#include "ports/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* The words behind the head, as an argument list. */
static bool split_words(char *request, size_t len, const char *argv[ERRAND_WORDS_MAX + 1])
{
	size_t n = 0;
	char *end = request + len;
	for (char *word = request + strlen(request) + 1; word < end; word += strlen(word) + 1) {
		if (n == ERRAND_WORDS_MAX)
			return false;
		argv[n++] = word;
	}
	argv[n] = NULL;
	return n > 0;
}

/* With a pipe of our own: what it prints is kept here. */
static enum err start_heard(struct errand *e, struct sandbox *s, const char *const *argv,
			    struct why *why)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) || fcntl(ends[0], F_SETFL, O_NONBLOCK))
		return why_set(why, ERR_SYSTEM, "pipe: %s", strerror(errno));

	SCOPED_FD read_end = ends[0];
	SCOPED_FD write_end = ends[1];
	const struct sandbox_files files = { .out_fd = write_end, .err_fd = write_end };
	enum err err = sandbox_start(s, argv, &files, &e->task, why);
	if (!err)
		e->output = take_fd(&read_end);
	return err;
}

enum err errand_start(struct errand *e, struct sandbox *s, const struct errand_request *r,
		      struct why *why)
{
	const char *argv[ERRAND_WORDS_MAX + 1];
	long long wait_ms;
	if (sscanf(r->text, "exec %u %lld", &e->id, &wait_ms) != 2 ||
	    !split_words(r->text, r->len, argv))
		return why_set(why, ERR_INVALID, "not understood");
	const bool is_attached = r->fds[0] >= 0 && r->fds[1] >= 0 && r->fds[2] >= 0;
	const struct sandbox_files files = { r->fds[0], r->fds[1], r->fds[2], NULL, 0 };
	e->output = -1;
	e->len = 0;
	e->until_ms = clock_now_ms() + wait_ms;
	return is_attached ? sandbox_start(s, argv, &files, &e->task, why)
			   : start_heard(e, s, argv, why);
}

void errand_say(struct errand *e, const char *text)
{
	if (e->len == 0)
		e->len = (size_t)snprintf(e->text, sizeof e->text, "%s", text);
}

void errand_cancel(struct errand *e)
{
	e->until_ms = 0;
}

void errand_read(struct errand *e)
{
	char rest[256];
	while (e->output >= 0) {
		size_t room = sizeof e->text - e->len;
		ssize_t n = room ? read(e->output, e->text + e->len, room)
				 : read(e->output, rest, sizeof rest);
		if (n == 0) { /* polled on, its end would be news at every turn */
			close(e->output);
			e->output = -1;
		}
		if (n <= 0)
			return;
		if (room)
			e->len += (size_t)n;
	}
}

bool errand_is_over(struct errand *e, int64_t now_ms, int *out_code)
{
	int status;
	pid_t pid = waitpid(e->task.pid, &status, WNOHANG);
	*out_code = -1;
	if (pid == 0 && now_ms < e->until_ms)
		return false;
	if (pid == 0) {
		kill(-e->task.pid, SIGKILL); /* it leads a session of its own */
		kill(e->task.pid, SIGKILL);
		waitpid(e->task.pid, &status, 0);
	} else if (WIFEXITED(status)) {
		*out_code = WEXITSTATUS(status);
	} else {
		*out_code = 128 + WTERMSIG(status);
	}
	errand_read(e);
	close_quietly(e->output);
	e->task.pid = 0;
	return true;
}
