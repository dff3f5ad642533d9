/*
 * command - what the cloud asks of this board while it is online: dn/cmd/{verb}.
 *
 * {"v":1,"id":"c-8f2e","re":"ops-9c1","args":{...}}; the answer goes to
 * up/res/{re} of this very device, never anywhere else. A command that comes
 * twice is answered twice but done once; one that is too old is refused. Verbs
 * here: ping, logs, tail (live lines until the requester is silent).
 */
#pragma once

#include "base/bytes.h"
#include "base/label.h"
#include "ports/json.h"
#include "ports/loop.h"

struct agent;
struct workload;

enum {
	COMMAND_TAILS_MAX = 4,
	COMMAND_TAIL_MS = 30 * 1000, /* a tail ends unless it is asked for again */
	COMMAND_LINES_MAX = 500,
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
};

void command_init(struct command *c, struct agent *agent);

/* `verb` is the last level of the topic. */
void command_on_letter(struct command *c, const char *verb, struct bytes payload);

/* A workload has printed something: tell those who listen. */
void command_on_log(struct command *c, const struct workload *w);

/* The body of an answer about logs, for the cloud and for the local socket.
 * NULL: there is no such workload. */
struct json *command_logs(struct agent *a, const char *workload, int64_t count);

/* Have a workload in standby, or an idle one, run; its whole name. NULL: there is none. */
const char *command_wake(struct agent *a, const char *workload);
