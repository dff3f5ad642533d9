#include "ports/keeper.h"

#include "base/scoped.h"
#include "base/text.h"
#include "ports/file.h"
#include "ports/process.h"
#include "ports/socket.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	EXIT_FILE_MAX = 2048,
	HELLO_WAIT_MS = 1000, /* a keeper answers at once; one that does not is stuck */
};

struct keeper {
	struct loop *loop;
	struct keeper_hooks hooks;
	struct process process; /* when it is our own child */
	struct watch watch;
	char folder[PATH_LIMIT];
	bool started, held;
	struct workload_exit exit;
};

static void read_ending(const char *text, struct workload_exit *out)
{
	long long started = 0, ended = 0;
	int oom = 0, failed = 0;
	*out = (struct workload_exit){ .code = -1 };
	int n = sscanf(
		text, "code %d\nsignal %d\noom %d\nfailed-start %d\nstarted-ms %lld\nended-ms %lld",
		&out->code, &out->signal, &oom, &failed, &started, &ended);
	const char *message = strstr(text, "\nmessage ");
	if (message)
		snprintf(out->message, sizeof out->message, "%.*s", (int)strcspn(message + 9, "\n"),
			 message + 9);
	out->known = n == 6;
	out->oom = oom;
	out->failed_start = failed;
	out->started_ms = started;
	out->ended_ms = ended;
}

void keeper_last_exit(const char *folder, struct workload_exit *out)
{
	char path[PATH_LIMIT + 8];
	SCOPED_MEMORY char *text = NULL;
	size_t len;
	*out = (struct workload_exit){ .code = -1 };
	snprintf(path, sizeof path, "%s/exit", folder);
	if (file_read(path, EXIT_FILE_MAX, &text, &len, NULL) == OK)
		read_ending(text, out);
}

void keeper_close(struct keeper *k)
{
	if (!k)
		return;
	loop_unwatch(k->loop, &k->watch);
	close_quietly(k->watch.fd);
	if (k->held)
		process_end(&k->process); /* nothing runs that could lose its keeper */
	else
		process_forget(&k->process);
	free(k);
}

static void hang_up(struct keeper *k)
{
	loop_unwatch(k->loop, &k->watch);
	close_quietly(k->watch.fd);
	k->watch.fd = -1;
}

/* The last word: from the packet, from the file, or from nobody. */
static void end(struct keeper *k)
{
	struct keeper_hooks hooks = k->hooks;
	struct workload_exit exit = k->exit;
	if (!exit.known)
		keeper_last_exit(k->folder, &exit);
	keeper_close(k);
	hooks.on_exit(hooks.owner, &exit);
}

/* It waits for another start: its owner's hand is on it still. */
static void hold(struct keeper *k)
{
	const struct workload_exit exit = k->exit; /* the owner may close the keeper */
	k->held = true;
	k->hooks.on_exit(k->hooks.owner, &exit);
}

/* Gone while nothing ran: that shows at the next start. */
static void lose(struct keeper *k)
{
	hang_up(k);
	process_end(&k->process);
}

/* The keeper is silent. Who has started it waits for its end too, as a turn of the loop:
 * until then something of the workload may be dying. */
static void on_silence(struct keeper *k)
{
	if (k->held)
		lose(k);
	else if (k->process.pid)
		hang_up(k);
	else
		end(k);
}

static void on_hello(struct keeper *k, const char *packet)
{
	int version, pid;
	long long started;
	/* Its workload has ended, and was not started again: then nothing has begun. */
	if (k->started || k->held ||
	    sscanf(packet, "hello %d %d %lld", &version, &pid, &started) != 3 || pid < 0)
		return;
	k->started = true;
	k->hooks.on_started(k->hooks.owner, pid, started);
}

static void on_ending(struct keeper *k, const char *text)
{
	if (k->held)
		return; /* an end is told once */
	read_ending(text, &k->exit);
	k->exit.held = strstr(text, "\nheld 1\n") != NULL;
	if (k->exit.held)
		hold(k);
	/* Else it is told when the keeper is gone too. */
}

static void on_exec(struct keeper *k, const char *packet, size_t len)
{
	unsigned id;
	int code;
	const char *output = strchr(packet, '\n');
	if (!output || sscanf(packet, "exec %u %d", &id, &code) != 2)
		return;
	output++;
	const struct bytes printed = { output, len - (size_t)(output - packet) };
	if (k->hooks.on_exec)
		k->hooks.on_exec(k->hooks.owner, id, code, printed);
}

static void on_notify(struct keeper *k, const char *text)
{
	if (!k->hooks.on_notice)
		return;
	if (strcmp(text, "ready") == 0)
		k->hooks.on_notice(k->hooks.owner, NOTICE_READY, "");
	else if (strcmp(text, "watchdog") == 0)
		k->hooks.on_notice(k->hooks.owner, NOTICE_WATCHDOG, "");
	else if (strcmp(text, "trigger") == 0)
		k->hooks.on_notice(k->hooks.owner, NOTICE_TRIGGER, "");
	else if (text_starts(text, "status "))
		k->hooks.on_notice(k->hooks.owner, NOTICE_STATUS, text + 7);
}

static void on_packet(void *owner, unsigned events)
{
	struct keeper *k = owner;
	static char packet[KEEPER_PACKET_MAX]; /* one loop, one packet at a time */
	size_t len;
	int fd;
	(void)events;
	enum err e = socket_receive_fd(k->watch.fd, packet, sizeof packet - 1, &len, &fd);
	close_quietly(fd);
	if (e == ERR_AGAIN || e == ERR_FULL)
		return;
	if (e || len == 0) {
		on_silence(k);
		return;
	}
	packet[len] = '\0';
	if (text_starts(packet, "hello "))
		on_hello(k, packet);
	else if (text_starts(packet, "exit\n"))
		on_ending(k, packet + 5);
	else if (text_starts(packet, "exec "))
		on_exec(k, packet, len);
	else if (text_starts(packet, "notify "))
		on_notify(k, packet + 7);
	else if (text_starts(packet, "log ") && k->hooks.on_log)
		k->hooks.on_log(k->hooks.owner);
}

static void on_process_exit(void *owner, int code, int signo)
{
	struct keeper *k = owner;
	(void)code;
	(void)signo;
	/* A socket that is there still may say more. */
	if (k->watch.fd < 0 && !k->held)
		end(k);
}

static enum err make(struct loop *l, const char *folder, const struct keeper_hooks *hooks,
		     struct keeper **out, struct why *why)
{
	struct keeper *k = calloc(1, sizeof *k);
	if (!k)
		return why_set(why, ERR_SYSTEM, "keeper: no memory");
	k->loop = l;
	k->hooks = *hooks;
	k->process.owner = k;
	k->process.on_exit = on_process_exit;
	k->watch =
		(struct watch){ .fd = -1, .events = LOOP_READ, .owner = k, .on_ready = on_packet };
	k->exit.code = -1;
	if (!text_copy(k->folder, sizeof k->folder, bytes_of(folder))) {
		free(k);
		return why_set(why, ERR_INVALID, "%s: the path is too long", folder);
	}
	*out = k;
	return OK;
}

static enum err write_launch(const char *folder, const struct launch *launch, struct why *why)
{
	char path[PATH_LIMIT];
	SCOPED_MEMORY char *text = malloc(LAUNCH_MAX);
	size_t len;
	if (!text)
		return why_set(why, ERR_SYSTEM, "launch: no memory");
	enum err e = launch_write(launch, text, LAUNCH_MAX, &len, why);
	if (e)
		return e;
	e = dir_make(folder, 0700, why);
	snprintf(path, sizeof path, "%s/launch", folder);
	return e ? e : file_replace(path, (struct bytes){ text, len }, false, why);
}

static enum err spawn(struct keeper *k, const struct keeper_options *o, size_t listener_count,
		      struct why *why)
{
	int ends[2];
	assert(listener_count <= LISTENERS_MAX);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
		return why_set(why, ERR_SYSTEM, "socketpair: %s", strerror(errno));
	k->watch.fd = ends[0];
	SCOPED_FD theirs = ends[1];

	const char *const argv[] = { o->program, o->folder, NULL };
	int fds[3 + LISTENERS_MAX] = { theirs, o->telemetry_fd, o->network_fd };
	for (size_t i = 0; i < listener_count; i++)
		fds[3 + i] = o->listeners[i];
	struct cgroup_join join;
	/* Where that cannot be, the workload is none the worse for it. */
	const bool apart = o->cgroups && cgroup_keep(o->cgroups, &join, NULL) == OK;
	const struct process_options options = {
		.argv = argv,
		.out_fd = -1,
		.err_fd = -1,
		.fds = fds,
		.fd_count = 3 + listener_count,
		.join = apart ? &join : NULL,
		.is_first = true,
	};
	enum err e = process_start(k->loop, &options, &k->process, why);
	return e ? e : loop_watch(k->loop, &k->watch, why);
}

enum err keeper_start(struct loop *l, const struct keeper_options *o, const struct launch *launch,
		      const struct keeper_hooks *hooks, struct keeper **out, struct why *why)
{
	struct keeper *k;
	enum err e = write_launch(o->folder, launch, why);
	if (!e)
		e = make(l, o->folder, hooks, &k, why);
	if (e)
		return e;
	e = spawn(k, o, (size_t)launch->listeners, why);
	if (e)
		keeper_close(k);
	else
		*out = k;
	return e;
}

enum err keeper_restart(struct keeper *k, const struct launch *launch, struct why *why)
{
	if (k->watch.fd < 0)
		return why_set(why, ERR_NOT_FOUND, "the keeper has ended");
	enum err e = write_launch(k->folder, launch, why);
	if (e)
		return e;
	k->held = k->started = false;
	k->exit = (struct workload_exit){ .code = -1 };
	if (socket_send(k->watch.fd, bytes_of("start")))
		return why_set(why, ERR_NOT_FOUND, "the keeper does not listen");
	return OK;
}

enum err keeper_adopt(struct loop *l, const char *folder, const struct keeper_hooks *hooks,
		      struct keeper **out, int *out_telemetry_fd, struct why *why)
{
	char path[PATH_LIMIT], packet[128];
	struct keeper *k;
	size_t len = 0;
	*out_telemetry_fd = -1;
	snprintf(path, sizeof path, "%s/sock", folder);
	enum err e = make(l, folder, hooks, &k, why);
	if (e)
		return e;
	e = socket_connect(path, SOCKET_PACKET, &k->watch.fd, why);
	if (!e) {
		struct pollfd p = { .fd = k->watch.fd, .events = POLLIN };
		if (poll(&p, 1, HELLO_WAIT_MS) != 1 ||
		    socket_receive_fd(k->watch.fd, packet, sizeof packet - 1, &len,
				      out_telemetry_fd))
			e = why_set(why, ERR_NOT_FOUND, "the keeper in %s does not answer", folder);
	}
	if (!e)
		e = loop_watch(l, &k->watch, why);
	if (e) {
		keeper_close(k);
		return e;
	}
	packet[len] = '\0';
	*out = k;
	(void)!socket_send(k->watch.fd, bytes_of("hold"));
	on_hello(k, packet);
	return OK;
}

pid_t keeper_pid(const struct keeper *k)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof peer;
	if (k->process.pid)
		return k->process.pid;
	return getsockopt(k->watch.fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ? 0 : peer.pid;
}

enum err keeper_signal(struct keeper *k, int signo, struct why *why)
{
	char packet[32];
	snprintf(packet, sizeof packet, "signal %d", signo);
	if (socket_send(k->watch.fd, bytes_of(packet)))
		return why_set(why, ERR_SYSTEM, "the keeper does not listen");
	return OK;
}

/* "exec ID WAIT" and the words behind it. */
static enum err write_command(struct text *t, unsigned id, const char *const *argv, int64_t wait_ms,
			      struct why *why)
{
	text_add(t, "exec %u %lld", id, (long long)wait_ms);
	for (; *argv; argv++) {
		text_add_bytes(t, (struct bytes){ "", 1 });
		text_add(t, "%s", *argv);
	}
	return text_is_cut(t) ? why_set(why, ERR_FULL, "a command of more than %zu bytes", t->cap)
			      : OK;
}

static enum err tell_sent(enum err e, struct why *why)
{
	return e ? why_set(why, ERR_SYSTEM, "the keeper does not listen") : OK;
}

enum err keeper_exec(struct keeper *k, unsigned id, const char *const *argv, int64_t wait_ms,
		     struct why *why)
{
	char packet[KEEPER_COMMAND_MAX];
	struct text t = text_in(packet, sizeof packet);
	enum err e = write_command(&t, id, argv, wait_ms, why);
	return e ? e : tell_sent(socket_send(k->watch.fd, text_bytes(&t)), why);
}

enum err keeper_attach(struct keeper *k, unsigned id, const struct keeper_command *c,
		       struct why *why)
{
	char packet[KEEPER_COMMAND_MAX];
	struct text t = text_in(packet, sizeof packet);
	enum err e = write_command(&t, id, c->argv, c->wait_ms, why);
	return e ? e : tell_sent(socket_send_fds(k->watch.fd, text_bytes(&t), c->fds, 3), why);
}

void keeper_cancel(struct keeper *k, unsigned id)
{
	char packet[32];
	snprintf(packet, sizeof packet, "cancel %u", id);
	(void)!socket_send(k->watch.fd, bytes_of(packet));
}
