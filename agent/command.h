/*
 * command - what the cloud asks of this board while it is online: dn/cmd/{verb}.
 *
 * The answer goes to up/res/{re} of this very device, never anywhere else. What reads is
 * answered as often as it comes; what acts is done once: its id is remembered as long as the
 * connection lasts, and who signs must name the connection. With a trust anchor, what acts
 * must be signed (agent/verb.h). What was done says an event, with who asked and the very bytes
 * that were signed.
 */
#pragma once

#include "base/bytes.h"
#include "base/label.h"
#include "ports/json.h"
#include "ports/loop.h"

struct agent;
struct exec;
struct workload;

enum {
	COMMAND_TAILS_MAX = 4,
	COMMAND_TAIL_MS = 30 * 1000, /* a tail ends unless it is asked for again */
	COMMAND_LINES_MAX = 500,
	COMMAND_IDS_MAX = 256, /* ids of what was done on this connection */
	COMMAND_EXECS_MAX = 2, /* commands in containers at a time */
};

struct command_tail {
	char requester[LABEL_SIZE]; /* "" : free */
	char workload[2 * LABEL_SIZE];
	int64_t at; /* offset in its output */
	int64_t until_ms;
};

struct command {
	struct agent *agent;
	struct command_tail tails[COMMAND_TAILS_MAX];
	struct exec *execs[COMMAND_EXECS_MAX]; /* NULL: free */
	uint64_t ids[COMMAND_IDS_MAX];         /* beginnings of digests */
	size_t id_count;
};

void command_init(struct command *c, struct agent *agent);
void command_close(struct command *c);

/* `verb` is the last level of the topic. */
void command_on_letter(struct command *c, const char *verb, struct bytes payload);

/* The broker has a piece of what an exec printed. */
void command_on_delivered(struct command *c, int ticket);

/* A new connection knows nothing of the last one's commands. */
void command_on_up(struct command *c);
void command_on_down(struct command *c);

/* A workload has printed something: tell those who listen. */
void command_on_log(struct command *c, const struct workload *w);

/* The body of an answer about logs, for the cloud and for the local socket.
 * NULL: there is no such workload. */
struct json *command_logs(struct agent *a, const char *workload, int64_t count);

/* Have a workload in standby, or an idle one, run; its whole name. NULL: there is none. */
const char *command_wake(struct agent *a, const char *workload);

/* Restart a pod or one container of it, and say who asked for it in an event. ERR_NOT_FOUND,
 * ERR_CONFLICT, ERR_INVALID: no name. */
struct command_author {
	const char *by;       /* a name, or what is known of it */
	struct json *warrant; /* what was signed, for the event; taken; NULL: nothing */
};
enum err command_restart(struct agent *a, const char *name, const struct command_author *author,
			 struct why *why);

/* The container for an exec: ERR_DENIED where the configuration does not allow it,
 * ERR_NOT_FOUND, ERR_INVALID. */
enum err command_find_exec(struct agent *a, const char *name, struct workload **out,
			   struct why *why);

/* Say in an event that a command runs in a container, and for whom. */
void command_tell_exec(struct agent *a, const struct workload *w, const struct json *args,
		       const struct command_author *author);
