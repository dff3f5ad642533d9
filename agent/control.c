#include "agent/control.h"

#include "agent/agent.h"
#include "agent/exec.h"
#include "agent/past.h"
#include "agent/top.h"
#include "base/scoped.h"
#include "ports/clock.h"
#include "ports/file.h"
#include "ports/socket.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void dismiss(struct control_guest *g)
{
	if (g->watch.fd < 0)
		return;
	loop_unwatch(g->control->agent->loop, &g->watch);
	loop_disarm(g->control->agent->loop, &g->timer);
	if (g->workload)
		workload_run_forget(g->workload);
	g->workload = NULL;
	socket_close_fds(g->fds);
	close(g->watch.fd);
	free(g->answer);
	g->answer = NULL;
	g->watch.fd = -1;
}

static struct json *refuse(const char *text)
{
	struct json *j = json_new_object();
	json_set_string(j, "error", text);
	return j;
}

static struct json *show_status(struct agent *a, const struct json *request)
{
	(void)request;
	return report_make_status(a);
}

static struct json *show_logs(struct agent *a, const struct json *request)
{
	int64_t count = 0;
	json_integer(json_member(request, "n"), &count);
	struct json *logs = command_logs(a, json_string(json_member(request, "workload")), count);
	return logs ? logs : refuse("no such workload");
}

static struct json *show_history(struct agent *a, const struct json *request)
{
	(void)request;
	return past_show(a->store);
}

static struct json *wake(struct agent *a, const struct json *request)
{
	const char *name = command_wake(a, json_string(json_member(request, "workload")));
	if (!name)
		return refuse("no such workload");
	struct json *j = json_new_object();
	json_set_string(j, "woken", name);
	return j;
}

static struct json *show_top(struct agent *a, const struct json *request)
{
	(void)request;
	return top_make(a);
}

static struct json *restart(struct agent *a, const struct json *request)
{
	static const struct command_author author = { "a technician at the board", NULL };
	struct why why;
	const char *name = json_string(json_member(request, "workload"));
	if (command_restart(a, name, &author, &why))
		return refuse(why.text);
	struct json *j = json_new_object();
	json_set_string(j, "restarted", name);
	return j;
}

/* What is in memory goes to flash now, for whoever looks there. */
static struct json *flush(struct agent *a, const struct json *request)
{
	(void)request;
	if (a->collect.loop && !collect_flush(&a->collect))
		return refuse(a->collect.trouble.text);
	compact_on_export(&a->compact);
	return json_new_object();
}

/* The hub has it, and this word of it came on a stick. */
static struct json *take_receipt(struct agent *a, const struct json *request)
{
	const struct json *receipt = json_member(request, "receipt");
	const char *file = json_string(json_member(receipt, "file"));
	if (!receipt)
		return refuse("receipt is missing");
	if (file) {
		files_on_receipt(&a->files, file);
	} else {
		char *text = json_print(receipt);
		uplink_on_ack(&a->uplink, bytes_of(text));
		free(text);
	}
	return json_new_object();
}

static struct json *carry_out(struct agent *a, uid_t uid, const struct json *request)
{
	static const struct {
		const char *verb;
		struct json *(*run)(struct agent *a, const struct json *request);
		bool root_only;
	} verbs[] = { { "status", show_status, false },   { "logs", show_logs, false },
		      { "history", show_history, false }, { "wake", wake, false },
		      { "top", show_top, false },         { "restart", restart, false },
		      { "flush", flush, true },           { "receipt", take_receipt, true } };
	const char *verb = json_string(json_member(request, "verb"));
	for (size_t i = 0; verb && i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].verb, verb) == 0)
			return verbs[i].root_only && uid != 0 && uid != geteuid()
				       ? refuse("only root may ask for that")
				       : verbs[i].run(a, request);
	return refuse("this agent knows the verbs status, logs, history, wake, top, restart, exec, "
		      "flush and receipt");
}

static void print_answer(struct control_guest *g, struct json *answer)
{
	g->answer = json_print(answer);
	json_free(answer);
	/* The newline takes the place of the NUL. */
	g->answer_len = strlen(g->answer) + 1;
	g->answer[g->answer_len - 1] = '\n';
	g->sent = 0;
}

static void send_answer(struct control_guest *g)
{
	while (g->sent < g->answer_len) {
		ssize_t n = send(g->watch.fd, g->answer + g->sent, g->answer_len - g->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			loop_change(g->control->agent->loop, &g->watch, LOOP_WRITE);
			return;
		}
		if (n < 0)
			break;
		g->sent += (size_t)n;
	}
	dismiss(g);
}

/* --- exec: the answer comes when the command has ended --- */

static void on_exec_done(void *owner, int code, const char *why)
{
	struct control_guest *g = owner;
	struct json *j = json_new_object();
	g->workload = NULL;
	if (*why)
		json_set_string(j, "error", why);
	else if (code < 0)
		json_set_string(j, "error", "not done in time: it was ended");
	else
		json_set_integer(j, "exit", code);
	print_answer(g, j);
	/* Two of our callers are in the middle of the workload: the loop sends it. */
	loop_arm(g->control->agent->loop, &g->timer, clock_now_ms() + CONTROL_WAIT_MS);
	loop_change(g->control->agent->loop, &g->watch, LOOP_READ | LOOP_WRITE);
}

/* Pipes alone: through a file or a terminal of root's, what is inside could get further. */
static bool are_pipes(const int fds[SOCKET_FDS_MAX])
{
	struct stat s;
	for (size_t i = 0; i < SOCKET_FDS_MAX; i++)
		if (fds[i] < 0 || fstat(fds[i], &s) || !S_ISFIFO(s.st_mode))
			return false;
	return true;
}

static enum err begin_exec(struct control_guest *g, const struct json *request, struct why *why)
{
	static const struct command_author author = { "root at the board", NULL };
	struct agent *a = g->control->agent;
	const struct workload_exec done = { .owner = g, .on_done = on_exec_done };
	struct keeper_command c;
	struct exec_words words;
	struct workload *w;
	if (g->uid != 0 && g->uid != geteuid())
		return why_set(why, ERR_DENIED, "only root may ask for that");
	enum err e = command_find_exec(a, json_string(json_member(request, "workload")), &w, why);
	if (!e && !are_pipes(g->fds))
		e = why_set(why, ERR_INVALID, "three pipes are expected: stdin, stdout, stderr");
	if (!e)
		e = exec_read_words(request, &words, why);
	c = (struct keeper_command){ .argv = words.argv };
	memcpy(c.fds, g->fds, sizeof c.fds);
	if (!e)
		e = exec_read_wait(request, &c.wait_ms, why);
	if (!e)
		e = workload_run(w, &c, &done, why);
	if (e)
		return e;
	g->workload = w;
	socket_close_fds(g->fds);
	loop_disarm(a->loop, &g->timer);
	command_tell_exec(a, w, request, &author);
	return OK;
}

/* True: there is something to say already. */
static bool make_answer(struct control_guest *g)
{
	struct json *request, *answer = NULL;
	struct why why;
	if (json_parse((struct bytes){ g->request, g->request_len }, &request, &why)) {
		answer = refuse(why.text);
	} else {
		const char *verb = json_string(json_member(request, "verb"));
		if (!verb || strcmp(verb, "exec") != 0)
			answer = carry_out(g->control->agent, g->uid, request);
		else if (begin_exec(g, request, &why))
			answer = refuse(why.text);
		json_free(request);
	}
	if (answer)
		print_answer(g, answer);
	return answer != NULL;
}

/* Who leaves while a command runs for him ends it. */
static void hear(struct control_guest *g)
{
	int fds[SOCKET_FDS_MAX];
	size_t n = 0;
	const size_t room = sizeof g->request - g->request_len;
	enum err e = socket_receive_fds(g->watch.fd, g->request + g->request_len, room, &n, fds);
	if (e == ERR_AGAIN)
		return;
	if (e || n == 0 || g->workload) {
		socket_close_fds(fds);
		dismiss(g);
		return;
	}
	if (fds[0] >= 0) {
		socket_close_fds(g->fds);
		memcpy(g->fds, fds, sizeof g->fds);
	}
	g->request_len += n;
	const char *newline = memchr(g->request, '\n', g->request_len);
	if (!newline && g->request_len < sizeof g->request)
		return;
	g->request_len = newline ? (size_t)(newline - g->request) : g->request_len;
	if (make_answer(g))
		send_answer(g);
}

static void on_guest(void *owner, unsigned events)
{
	struct control_guest *g = owner;
	(void)events;
	if (g->answer)
		send_answer(g);
	else
		hear(g);
}

static void on_timeout(void *owner, int64_t now_ms)
{
	(void)now_ms;
	dismiss(owner);
}

/* The mode says the same; but a mode can be changed, and a descriptor handed on. */
static bool may_come_in(const struct control *c, int fd, uid_t uid)
{
	return uid == 0 || uid == geteuid() || (c->has_group && socket_peer_is_in(fd, c->gid));
}

static void on_knock(void *owner, unsigned events)
{
	struct control *c = owner;
	struct socket_peer peer;
	int fd;
	(void)events;
	if (socket_accept(c->watch.fd, &fd, &peer))
		return;
	struct control_guest *g = c->guests;
	while (g < c->guests + CONTROL_GUESTS_MAX && g->watch.fd >= 0)
		g++;
	if (g == c->guests + CONTROL_GUESTS_MAX || !may_come_in(c, fd, peer.uid)) {
		close(fd);
		return;
	}
	*g = (struct control_guest){ .control = c, .uid = peer.uid, .fds = { -1, -1, -1 } };
	g->watch =
		(struct watch){ .fd = fd, .events = LOOP_READ, .owner = g, .on_ready = on_guest };
	g->timer = (struct timer){ .owner = g, .on_due = on_timeout };
	loop_arm(c->agent->loop, &g->timer, clock_now_ms() + CONTROL_WAIT_MS);
	if (loop_watch(c->agent->loop, &g->watch, NULL))
		dismiss(g);
}

/* Who administers the board need not be root to ask how it does. A system without that
 * group keeps the socket to root. */
static enum err let_group_in(struct control *c, const char *run_dir, const char *path,
			     struct why *why)
{
	c->has_group = group_find(CONTROL_GROUP, &c->gid) == OK;
	if (!c->has_group)
		return OK;
	enum err e = file_share(run_dir, c->gid, 0710, why);
	return e ? e : file_share(path, c->gid, 0660, why);
}

enum err control_open(struct control *c, struct agent *agent, struct why *why)
{
	char path[PATH_LIMIT];
	*c = (struct control){ .agent = agent };
	for (size_t i = 0; i < CONTROL_GUESTS_MAX; i++)
		c->guests[i].watch.fd = -1;
	c->watch =
		(struct watch){ .fd = -1, .events = LOOP_READ, .owner = c, .on_ready = on_knock };
	snprintf(path, sizeof path, "%s/control.sock", agent->config.run_dir);
	enum err e = socket_listen(path, SOCKET_STREAM, 0600, &c->watch.fd, why);
	if (!e)
		e = let_group_in(c, agent->config.run_dir, path, why);
	return e ? e : loop_watch(agent->loop, &c->watch, why);
}

void control_close(struct control *c)
{
	if (!c->agent)
		return;
	for (size_t i = 0; i < CONTROL_GUESTS_MAX; i++)
		dismiss(&c->guests[i]);
	loop_unwatch(c->agent->loop, &c->watch);
	close_quietly(c->watch.fd);
	c->agent = NULL;
}
