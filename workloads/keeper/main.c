/*
 * skerry-keeper FOLDER - the parent of one workload.
 *
 * Reads FOLDER/launch, starts what it says in a sandbox, keeps its output and
 * how it ended, and does what agents ask over the socket. Descriptor 3 is the
 * connection to the agent that started us, 4 the workload's telemetry socket,
 * held so that nothing sent to it is lost while no agent lives.
 *
 * Exit code: 0, or 2 when the folder is unusable.
 */
#include "base/scoped.h"
#include "base/text.h"
#include "ports/clock.h"
#include "ports/launch.h"
#include "ports/sandbox.h"
#include "workloads/keeper/door.h"
#include "workloads/keeper/ending.h"
#include "workloads/keeper/errand.h"
#include "workloads/keeper/journal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	CONTROL_FD = 3,
	TELEMETRY_FD = 4,
	LAUNCH_ARENA = 2 * LAUNCH_MAX,
	OOM_SCORE_ADJ = -900, /* the kernel should rather end a workload than its keeper */
	TELL_MAX = 640,
};

/* What is waited for, in this order. */
enum {
	ON_TASK,
	ON_OUT,
	ON_ERR,
	ON_DOOR,
	ON_GUESTS,
	ON_ERRANDS = ON_GUESTS + DOOR_GUESTS_MAX,
	POLLED = ON_ERRANDS + 2 * ERRANDS_MAX
};

struct keeping {
	const char *folder;
	int folder_fd;
	struct arena arena;
	struct launch launch;
	struct sandbox sandbox;
	struct sandbox_task task;
	int pipes[JOURNAL_STREAMS]; /* read ends */
	int64_t oom_before;
	int64_t told_end; /* of the log */
	struct ending ending;
	struct journal journal;
	struct door door;
	struct errand errands[ERRANDS_MAX];
};

static enum err read_launch(struct keeping *k, struct why *why)
{
	SCOPED_FD fd = openat(k->folder_fd, "launch", O_RDONLY | O_CLOEXEC);
	SCOPED_MEMORY char *text = malloc(LAUNCH_MAX);
	ssize_t n = fd < 0 || !text ? -1 : read(fd, text, LAUNCH_MAX);
	if (n < 0)
		return why_set(why, ERR_SYSTEM, "read the launch file: %s", strerror(errno));
	arena_init(&k->arena, LAUNCH_ARENA);
	return launch_read((struct bytes){ text, (size_t)n }, &k->arena, &k->launch, why);
}

static enum err start_workload(struct keeping *k, struct why *why)
{
	char root[PATH_LIMIT];
	int out[2], err[2];
	if ((size_t)snprintf(root, sizeof root, "%s/root", k->folder) >= sizeof root)
		return why_set(why, ERR_INVALID, "%s: the path is too long", k->folder);
	if (mkdirat(k->folder_fd, "root", 0700) && errno != EEXIST)
		return why_set(why, ERR_SYSTEM, "make %s: %s", root, strerror(errno));
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return why_set(why, ERR_SYSTEM, "pipe: %s", strerror(errno));
	k->pipes[JOURNAL_STDOUT] = out[0];
	k->pipes[JOURNAL_STDERR] = err[0];
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);

	SCOPED_FD out_end = out[1];
	SCOPED_FD err_end = err[1];
	k->oom_before = ending_count_oom(k->launch.join.oom);
	enum err e = sandbox_open(&k->sandbox, &k->launch, root, why);
	if (e)
		return e;
	return sandbox_start(&k->sandbox, k->launch.argv, out_end, err_end, &k->task, why);
}

static void note_exit(struct keeping *k, int status)
{
	k->ending.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	k->ending.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void tell(struct keeping *k, const char *packet)
{
	door_tell(&k->door, bytes_of(packet));
}

static void tell_log(struct keeping *k)
{
	char packet[48];
	if (k->journal.end == k->told_end)
		return;
	k->told_end = k->journal.end;
	snprintf(packet, sizeof packet, "log %lld", (long long)k->told_end);
	tell(k, packet);
}

static size_t say_hello(const struct keeping *k, char out[64])
{
	return (size_t)snprintf(out, 64, "hello %d %d %lld", KEEPER_PROTOCOL, k->task.pid,
				(long long)k->ending.started_ms);
}

static void tell_errand(struct keeping *k, struct errand *e, int code, struct bytes output)
{
	static char packet[64 + KEEPER_OUTPUT_MAX];
	struct text t = text_in(packet, sizeof packet);
	text_add(&t, "exec %u %d\n", e->id, code);
	text_add_bytes(&t, output);
	door_tell(&k->door, text_bytes(&t));
}

static void run_errand(struct keeping *k, char *request, size_t len)
{
	static struct errand nowhere; /* for the id of one that has no place */
	struct errand *free_one = NULL;
	struct why why;
	for (size_t i = 0; i < ERRANDS_MAX && !free_one; i++)
		if (!k->errands[i].task.pid)
			free_one = &k->errands[i];
	if (!free_one) {
		if (sscanf(request, "exec %u", &nowhere.id) == 1)
			tell_errand(k, &nowhere, -1, bytes_of("too many commands at once"));
		return;
	}
	if (errand_start(free_one, &k->sandbox, request, len, &why))
		tell_errand(k, free_one, 126, bytes_of(why.text));
}

static void serve(struct keeping *k, size_t guest)
{
	static char request[DOOR_REQUEST_MAX];
	size_t len;
	int signo;
	if (!door_hear(&k->door, guest, request, &len))
		return;
	if (sscanf(request, "signal %d", &signo) == 1 && signo > 0 && signo < NSIG)
		kill(k->task.pid, signo); /* not reaped yet: the pid is still ours */
	else if (text_starts(request, "exec "))
		run_errand(k, request, len);
}

static void check_errands(struct keeping *k)
{
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		struct errand *e = &k->errands[i];
		int code;
		if (!e->task.pid)
			continue;
		errand_read(e);
		if (errand_is_over(e, clock_now_ms(), &code))
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
	p[ON_TASK].fd = k->task.pidfd;
	p[ON_OUT].fd = k->pipes[JOURNAL_STDOUT];
	p[ON_ERR].fd = k->pipes[JOURNAL_STDERR];
	p[ON_DOOR].fd = k->door.listener;
	for (size_t i = 0; i < DOOR_GUESTS_MAX; i++)
		p[ON_GUESTS + i].fd = k->door.guests[i];
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		bool used = k->errands[i].task.pid != 0;
		p[ON_ERRANDS + 2 * i].fd = used ? k->errands[i].task.pidfd : -1;
		p[ON_ERRANDS + 2 * i + 1].fd = used ? k->errands[i].output : -1;
	}
	for (size_t i = 0; i < POLLED; i++)
		p[i].events = POLLIN;
}

static void take_output(struct keeping *k, enum journal_stream s)
{
	if (k->pipes[s] < 0 || journal_take(&k->journal, s, k->pipes[s]))
		return;
	close(k->pipes[s]);
	k->pipes[s] = -1;
}

/* Until the workload has ended. */
static void keep(struct keeping *k)
{
	struct pollfd p[POLLED];
	char hello[64];
	struct bytes greeting = { hello, say_hello(k, hello) };
	door_greet(&k->door, 0, greeting);
	for (;;) {
		int status;
		fill_poll(k, p);
		if (poll(p, POLLED, until_next_errand(k)) < 0 && errno != EINTR)
			return;
		take_output(k, JOURNAL_STDOUT);
		take_output(k, JOURNAL_STDERR);
		tell_log(k);
		check_errands(k);
		if (p[ON_DOOR].revents)
			door_admit(&k->door, greeting);
		for (size_t i = 0; i < DOOR_GUESTS_MAX; i++)
			if (k->door.guests[i] >= 0 && p[ON_GUESTS + i].revents)
				serve(k, i);
		if (p[ON_TASK].revents && waitpid(k->task.pid, &status, WNOHANG) == k->task.pid) {
			note_exit(k, status);
			return;
		}
	}
}

/* Nothing of the workload is left when its end is told. */
static void finish(struct keeping *k)
{
	char packet[TELL_MAX] = "exit\n";
	sandbox_close(&k->sandbox);
	for (enum journal_stream s = 0; s < JOURNAL_STREAMS; s++)
		while (k->pipes[s] >= 0)
			take_output(k, s);
	journal_close(&k->journal);
	tell_log(k);

	k->ending.oom = ending_count_oom(k->launch.join.oom) > k->oom_before;
	k->ending.ended_ms = clock_now_ms();
	(void)!ending_keep(&k->ending, k->folder_fd, NULL);
	size_t n = strlen(packet);
	n += ending_write(&k->ending, packet + n, sizeof packet - n);
	door_tell(&k->door, (struct bytes){ packet, n });
	door_close(&k->door, k->folder);
}

static void stay_alive(void)
{
	char adj[8];
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
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
	const int control = fd_if_open(CONTROL_FD), telemetry = fd_if_open(TELEMETRY_FD);
	/* One keeper for a folder: the lock ends with the process. */
	k->folder_fd = open(k->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->folder_fd < 0 || flock(k->folder_fd, LOCK_EX | LOCK_NB))
		return why_set(why, ERR_SYSTEM, "%s: %s", k->folder, strerror(errno));
	unlinkat(k->folder_fd, "exit", 0);
	return door_open(&k->door, k->folder, control, telemetry, why);
}

int main(int argc, char **argv)
{
	static struct keeping k; /* all zero: it costs the file nothing */
	struct why why = { "" };
	if (argc != 2)
		return 2;
	k.folder = argv[1];
	k.pipes[JOURNAL_STDOUT] = k.pipes[JOURNAL_STDERR] = k.journal.fd = k.ending.code = -1;
	stay_alive();
	if (begin(&k, &why))
		return 2;

	enum err e = read_launch(&k, &why);
	if (!e)
		e = journal_open(&k.journal, k.folder_fd, k.launch.log_bytes, &why);
	if (!e)
		e = start_workload(&k, &why);
	if (e) {
		k.ending.failed_start = 1;
		k.ending.message = why;
	} else {
		k.ending.started_ms = clock_now_ms();
		keep(&k);
	}
	finish(&k);
	return 0;
}
