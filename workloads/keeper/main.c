/*
 * skerry-keeper FOLDER - the parent of one workload, and the first process of its pid name
 * space: all that it leaves behind ends here, and with us.
 *
 * Reads FOLDER/launch, starts what it says in a sandbox, keeps its output and
 * how it ended, and does what agents ask over the socket. Descriptor 3 is the
 * connection to the agent that started us, 4 the workload's telemetry socket,
 * held so that nothing sent to it is lost while no agent lives, 5 its network
 * name space, 6 and more the listening sockets that it is handed.
 *
 * Exit code: 0, or 2 when the folder is unusable.
 */
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "workloads/keeper/door.h"
#include "workloads/keeper/errand.h"
#include "workloads/keeper/run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
	CONTROL_FD = 3,
	TELEMETRY_FD = 4,
	NETWORK_FD = 5,
	LISTENERS_FD = 6,     /* and those behind it */
	OOM_SCORE_ADJ = -900, /* the kernel should rather end a workload than its keeper */
	TELL_MAX = 640,
};

/* What is waited for, in this order. */
enum {
	ON_OUT,
	ON_ERR,
	ON_NOTICE,
	ON_DOOR,
	ON_GUESTS,
	ON_ERRANDS = ON_GUESTS + DOOR_GUESTS_MAX,
	POLLED = ON_ERRANDS + ERRANDS_MAX
};

struct keeping {
	const char *folder;
	int folder_fd;
	bool is_told_to_start; /* while nothing runs */
	bool has_run;
	int64_t told_end; /* of the log */
	struct door door;
	struct run run;
	struct errand errands[ERRANDS_MAX];
};

static void tell(struct keeping *k, const char *packet)
{
	door_tell(&k->door, bytes_of(packet));
}

static void tell_notice(void *owner, const char *packet)
{
	tell(owner, packet);
}

static void tell_log(struct keeping *k)
{
	char packet[48];
	if (k->run.journal.end == k->told_end)
		return;
	k->told_end = k->run.journal.end;
	snprintf(packet, sizeof packet, "log %lld", (long long)k->told_end);
	tell(k, packet);
}

static struct bytes say_hello(const struct keeping *k, char out[64])
{
	int n = snprintf(out, 64, "hello %d %d %lld", KEEPER_PROTOCOL, k->run.task.outer_pid,
			 (long long)k->run.ending.started_ms);
	return (struct bytes){ out, (size_t)n };
}

static void tell_errand(struct keeping *k, struct errand *e, int code, struct bytes output)
{
	static char packet[64 + KEEPER_OUTPUT_MAX];
	struct text t = text_in(packet, sizeof packet);
	text_add(&t, "exec %u %d\n", e->id, code);
	text_add_bytes(&t, output);
	door_tell(&k->door, text_bytes(&t));
}

static void run_errand(struct keeping *k, const struct errand_request *r)
{
	static struct errand nowhere; /* for the id of one that has no place */
	struct errand *free_one = NULL;
	struct why why;
	for (size_t i = 0; i < ERRANDS_MAX && !free_one; i++)
		if (!k->errands[i].task.pid)
			free_one = &k->errands[i];
	if (!free_one) {
		if (sscanf(r->text, "exec %u", &nowhere.id) == 1)
			tell_errand(k, &nowhere, -1, bytes_of("too many commands at once"));
		return;
	}
	if (errand_start(free_one, &k->run.sandbox, r, &why))
		tell_errand(k, free_one, 126, bytes_of(why.text));
}

static void cancel_errand(struct keeping *k, unsigned id)
{
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		if (k->errands[i].task.pid && k->errands[i].id == id)
			errand_cancel(&k->errands[i]);
}

static void carry_out(struct keeping *k, size_t guest, const struct errand_request *r)
{
	const pid_t pid = k->run.task.pid;
	const char *request = r->text;
	unsigned id;
	int signo;
	if (strcmp(request, "hold") == 0)
		door_hold(&k->door, guest);
	else if (!pid)
		k->is_told_to_start |= strcmp(request, "start") == 0;
	else if (sscanf(request, "signal %d", &signo) == 1 && signo > 0 && signo < NSIG)
		kill(pid, signo); /* not reaped yet: the pid is still ours */
	else if (text_starts(request, "exec "))
		run_errand(k, r);
	else if (sscanf(request, "cancel %u", &id) == 1)
		cancel_errand(k, id);
}

static void serve(struct keeping *k, size_t guest)
{
	static char request[DOOR_REQUEST_MAX];
	int fds[SOCKET_FDS_MAX];
	size_t len;
	if (!door_hear(&k->door, guest, request, &len, fds))
		return;
	carry_out(k, guest, &(struct errand_request){ request, len, fds });
	socket_close_fds(fds);
}

static void check_errands(struct keeping *k, int64_t now_ms)
{
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		struct errand *e = &k->errands[i];
		int code;
		if (!e->task.pid)
			continue;
		errand_read(e);
		if (errand_is_over(e, now_ms, &code))
			tell_errand(k, e, code, (struct bytes){ e->text, e->len });
	}
}

static int until_next_errand(const struct keeping *k)
{
	int64_t wait = -1, now = clock_now_ms();
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		int64_t left = k->errands[i].until_ms - now;
		if (k->errands[i].task.pid && (wait < 0 || left < wait))
			wait = left < 0 ? 0 : left;
	}
	return (int)wait;
}

static void fill_poll(const struct keeping *k, struct pollfd p[POLLED])
{
	const bool runs = k->run.task.pid != 0;
	p[ON_OUT].fd = k->run.pipes[JOURNAL_STDOUT];
	p[ON_ERR].fd = k->run.pipes[JOURNAL_STDERR];
	p[ON_NOTICE].fd = k->run.notice.fd;
	/* Where nothing runs, a later agent finds nothing. */
	p[ON_DOOR].fd = runs ? k->door.listener : -1;
	for (size_t i = 0; i < DOOR_GUESTS_MAX; i++)
		p[ON_GUESTS + i].fd = k->door.guests[i];
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		p[ON_ERRANDS + i].fd = k->errands[i].task.pid ? k->errands[i].output : -1;
	for (size_t i = 0; i < POLLED; i++) {
		p[i].events = POLLIN;
		p[i].revents = 0; /* a signal may be all that comes */
	}
}

/* Until something happens; an end of somebody inside comes as the one signal let through. */
static void wait_for_news(const struct keeping *k, struct pollfd p[POLLED])
{
	const int wait_ms = until_next_errand(k);
	const struct timespec rest = { wait_ms / 1000, wait_ms % 1000 * 1000000L };
	sigset_t all_but_ends;
	sigfillset(&all_but_ends);
	sigdelset(&all_but_ends, SIGCHLD);
	fill_poll(k, p);
	(void)ppoll(p, POLLED, wait_ms < 0 ? NULL : &rest, &all_but_ends);
}

static bool is_task(const struct keeping *k, pid_t pid)
{
	bool is = pid == k->run.task.pid;
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		is |= pid == k->errands[i].task.pid;
	return is;
}

/* Whoever loses his parent in here becomes our child. */
static void bury_orphans(const struct keeping *k)
{
	siginfo_t dead = { 0 };
	while (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 && dead.si_pid &&
	       !is_task(k, dead.si_pid)) {
		waitpid(dead.si_pid, NULL, 0);
		dead.si_pid = 0;
	}
}

/* Wait for something to happen, and deal with it. */
static void turn(struct keeping *k)
{
	struct pollfd p[POLLED];
	char hello[64];
	wait_for_news(k, p);
	run_take_output(&k->run);
	tell_log(k);
	check_errands(k, clock_now_ms());
	bury_orphans(k);
	if (p[ON_NOTICE].revents)
		notice_hear(&k->run.notice, tell_notice, k);
	if (p[ON_DOOR].fd >= 0 && p[ON_DOOR].revents) {
		door_admit(&k->door, say_hello(k, hello));
		notice_repeat(&k->run.notice, tell_notice, k);
	}
	for (size_t i = 0; i < DOOR_GUESTS_MAX; i++)
		if (k->door.guests[i] >= 0 && p[ON_GUESTS + i].revents)
			serve(k, i);
}

/* Whoever waits for a command that printed nothing to us hears why it has no end of its own. */
static void explain_errands(struct keeping *k)
{
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		if (k->errands[i].task.pid)
			errand_say(&k->errands[i], "the container has ended");
}

/* Nothing of the workload is left when its end is told. */
static bool finish(struct keeping *k)
{
	char packet[TELL_MAX] = "exit\n";
	explain_errands(k);
	check_errands(k, INT64_MAX);
	const bool held = run_finish(&k->run, door_is_held(&k->door));
	tell_log(k);
	size_t n = strlen(packet);
	n += ending_write(&k->run.ending, packet + n, sizeof packet - n);
	if (held)
		n += (size_t)snprintf(packet + n, sizeof packet - n, "held 1\n");
	door_tell(&k->door, (struct bytes){ packet, n });
	return held;
}

/* True: the agent wants another run. */
static bool wait_for_start(struct keeping *k)
{
	k->is_told_to_start = false;
	while (!k->is_told_to_start && door_is_held(&k->door))
		turn(k);
	return k->is_told_to_start;
}

static bool run_once(struct keeping *k)
{
	char hello[64];
	const enum err e = run_start(&k->run);
	/* The agent that wrote so came with the first place. */
	if (k->run.launch.hold && !k->has_run)
		door_hold(&k->door, 0);
	k->has_run = true;
	if (e == OK) {
		door_greet_all(&k->door, say_hello(k, hello));
		do
			turn(k);
		while (!run_is_over(&k->run));
	}
	return finish(k);
}

static void on_end(int signo)
{
	(void)signo; /* to be woken by it is all */
}

static void stay_alive(void)
{
	char adj[8];
	sigset_t all;
	const struct sigaction wake = { .sa_handler = on_end, .sa_flags = SA_NOCLDSTOP };
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sigaction(SIGCHLD, &wake, NULL);
	setsid();
	prctl(PR_SET_DUMPABLE, 0);
	SCOPED_FD fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	snprintf(adj, sizeof adj, "%d", OOM_SCORE_ADJ);
	if (fd >= 0 && write(fd, adj, strlen(adj)) < 0)
		return; /* not privileged enough; it stays as it was */
}

static int fd_if_open(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -1;
}

static enum err begin(struct keeping *k, struct why *why)
{
	/* Asked first: whatever is opened from here on may take a free number. */
	const int control = fd_if_open(CONTROL_FD), telemetry = fd_if_open(TELEMETRY_FD),
		  network = fd_if_open(NETWORK_FD);
	int listeners[LISTENERS_MAX];
	for (int i = 0; i < LISTENERS_MAX; i++) /* one behind the other */
		listeners[i] = i && listeners[i - 1] < 0 ? -1 : fd_if_open(LISTENERS_FD + i);
	/* One keeper for a folder: the lock ends with the process. */
	k->folder_fd = open(k->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->folder_fd < 0 || flock(k->folder_fd, LOCK_EX | LOCK_NB))
		return why_set(why, ERR_SYSTEM, "%s: %s", k->folder, strerror(errno));
	run_init(&k->run, k->folder, k->folder_fd);
	k->run.net_fd = network;
	memcpy(k->run.listeners, listeners, sizeof listeners);
	return door_open(&k->door, k->folder, control, telemetry, why);
}

int main(int argc, char **argv)
{
	static struct keeping k; /* all zero: it costs the file nothing */
	struct why why = { "" };
	if (argc != 2)
		return 2;
	k.folder = argv[1];
	stay_alive();
	/* An older agent has not made us the first process. */
	if (!sandbox_is_first() && sandbox_move_in(CONTROL_FD, &why))
		return 2;
	if (begin(&k, &why))
		return 2;
	while (run_once(&k) && wait_for_start(&k))
		;
	run_end(&k.run);
	door_close(&k.door, k.folder);
	return 0;
}
