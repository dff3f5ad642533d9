/*
 * exec - a command in a container, for somebody who is not here: what it prints goes up in
 * pieces, on up/tail/{re}, and how it ended is the answer.
 *
 * One piece is under way at a time: a command that prints faster than the link takes it
 * waits. Nothing is taken for one while none runs.
 */
#pragma once

#include "sync/request.h"
#include "workloads/workload.h"

struct agent;

enum {
	EXEC_WAIT_DEFAULT_MS = 60 * 1000,  /* unless the request says how long */
	EXEC_WAIT_MAX_MS = 10 * 60 * 1000, /* and no longer than that */
	EXEC_OUTPUT_MAX = 1024 * 1024,     /* bytes of what one prints, then it is ended */
	EXEC_STDIN_MAX = 8 * 1024,         /* bytes that it is given to read */
	EXEC_PIECE_MAX = 16 * 1024,        /* bytes of what it prints in one message */
};

enum exec_stream { EXEC_OUT, EXEC_ERR, EXEC_STREAMS };

struct exec_source {
	struct exec *exec;
	struct watch watch; /* fd -1: it has ended */
	int64_t sent;       /* bytes */
};

struct exec {
	struct agent *agent;
	struct workload *workload; /* NULL: its command has ended */
	char id[REQUEST_ID_MAX + 1], requester[LABEL_SIZE];
	struct exec_source sources[EXEC_STREAMS];
	struct timer turn; /* to look again, from the loop */
	int ticket;        /* of the piece under way; 0: none */
	int code;
	char said[160]; /* why it never ran, or did not end by itself */
	bool is_too_long, is_lost;
	void *owner;
	void (*on_end)(void *owner, struct exec *x); /* all that it printed is up; free it */
};

/* The words of a command as the keeper wants them: "argv" of the arguments. ERR_INVALID. */
struct exec_words {
	const char *argv[ARGS_MAX + 1];
};
enum err exec_read_words(const struct json *args, struct exec_words *out, struct why *why);

/* How long it may take, of "timeoutMs". ERR_INVALID. */
enum err exec_read_wait(const struct json *args, int64_t *out_ms, struct why *why);

/* Start it. ERR_CONFLICT as for workload_run(), ERR_INVALID, ERR_FULL, ERR_SYSTEM. */
enum err exec_start(struct exec *x, struct agent *a, struct workload *w, const struct request *r,
		    struct why *why);

void exec_on_delivered(struct exec *x, int ticket);

/* Nobody hears it any more: it is ended, and on_end follows. */
void exec_on_down(struct exec *x);

/* As an HTTP code, with the body of the answer. */
int exec_result(const struct exec *x, struct json **out_body);

/* Close what is open. */
void exec_close(struct exec *x);
