/*
 * keeper - the agent's end of the small process beside each workload.
 *
 * A keeper is the parent of its workload and outlives the agent. It works in a
 * folder of its own: `launch` (what was started), `sock` (commands), `log.N`
 * (output, N is the offset of its first byte), `exit` (how it ended). Whoever
 * opens the folder later finds the workload, or how it ended.
 *
 * Implementation: ports/linux/keeper_socket.c; the program itself is
 * workloads/keeper.
 */
#pragma once

#include "base/err.h"
#include "ports/cgroup.h"
#include "ports/launch.h"
#include "ports/loop.h"

#include <sys/types.h>

enum {
	KEEPER_PROTOCOL = 1,          /* an agent talks to keepers of this and the last number */
	KEEPER_PACKET_MAX = 8 * 1024, /* bytes of one message on the socket */
	KEEPER_OUTPUT_MAX = 1024,     /* bytes kept of what an exec prints */
	KEEPER_COMMAND_MAX = 2048,    /* bytes of one exec, its words and a little more */
};

struct keeper;

/* How a workload ended. */
struct workload_exit {
	bool known;         /* false: the keeper died too; nobody saw the end */
	int code;           /* exit code; -1: ended by a signal, or never started */
	int signal;         /* 0: it was not a signal */
	bool oom;           /* the kernel killed for memory during this run */
	bool failed_start;  /* it never ran: `message` says why */
	bool held;          /* the keeper waits: keeper_restart() or keeper_close() */
	int64_t started_ms; /* clock_now_ms() of then; 0: never */
	int64_t ended_ms;
	char message[256];
};

enum keeper_notice { NOTICE_READY, NOTICE_STATUS, NOTICE_WATCHDOG, NOTICE_TRIGGER };

struct keeper_hooks {
	void *owner;
	void (*on_started)(void *owner, pid_t pid, int64_t started_ms);
	/* The last call; the keeper is closed when it returns, unless exit->held. */
	void (*on_exit)(void *owner, const struct workload_exit *exit);
	void (*on_log)(void *owner); /* there is more in log.N */
	/* `output` is what it printed, at most KEEPER_OUTPUT_MAX bytes. */
	void (*on_exec)(void *owner, unsigned id, int code, struct bytes output);
	/* sd_notify: `text` is the STATUS, "" otherwise. READY and STATUS come again to who
	 * adopts. */
	void (*on_notice)(void *owner, enum keeper_notice notice, const char *text);
};

/* Where the keeper program is, and what it must not be given. */
struct keeper_options {
	const char *program;         /* path of skerry-keeper */
	const char *folder;          /* 0700, one for each workload */
	struct cgroup_tree *cgroups; /* where keepers go; NULL: they stay with the agent */
	int telemetry_fd;            /* held by the keeper so that nothing sent is lost; -1: none */
	int network_fd;              /* what launch->network stands for; -1: none */
	const int *listeners;        /* launch->listeners of them */
};

/* Start a workload. What fails later arrives as an exit with failed_start. */
enum err keeper_start(struct loop *l, const struct keeper_options *o, const struct launch *launch,
		      const struct keeper_hooks *hooks, struct keeper **out, struct why *why);

/* Start the workload again in the sandbox that is there: root, volumes, user and
 * cgroup stay, all else is as `launch` says now. Only after an exit that was
 * `held`. ERR_NOT_FOUND: the keeper is gone meanwhile. */
enum err keeper_restart(struct keeper *k, const struct launch *launch, struct why *why);

/* Find the keeper of an earlier agent. on_started follows; *out_telemetry_fd is
 * the socket that it held, or -1. ERR_NOT_FOUND: there is none; keeper_last_exit(). */
enum err keeper_adopt(struct loop *l, const char *folder, const struct keeper_hooks *hooks,
		      struct keeper **out, int *out_telemetry_fd, struct why *why);

/* How the last workload of a folder ended; `known` is false when nobody wrote it. */
void keeper_last_exit(const char *folder, struct workload_exit *out);

/* Of the keeper itself; 0: it is gone. */
pid_t keeper_pid(const struct keeper *k);

enum err keeper_signal(struct keeper *k, int signo, struct why *why);

/* Run a command inside the workload; on_exec follows, with code -1 after `wait_ms`. */
enum err keeper_exec(struct keeper *k, unsigned id, const char *const *argv, int64_t wait_ms,
		     struct why *why);

/* A command that reads and writes what is handed over: stdin, stdout and stderr, which stay
 * the caller's too. on_exec says how it ended, with no output but a reason why it never ran. */
struct keeper_command {
	const char *const *argv;
	int64_t wait_ms;
	int fds[3];
};
enum err keeper_attach(struct keeper *k, unsigned id, const struct keeper_command *c,
		       struct why *why);

/* End that command before its time; on_exec follows. A keeper of an earlier version lets
 * it go on until then. */
void keeper_cancel(struct keeper *k, unsigned id);

/* Let go; keeper and workload stay, but one that is held ends. NULL is fine. */
void keeper_close(struct keeper *k);
