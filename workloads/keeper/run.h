/*
 * run - one run of the workload, from its launch file to its end.
 *
 * The walls stay up between two runs where they can be made as new: then a
 * restart costs little more than an exec. Otherwise they are built again.
 */
#pragma once

#include "ports/launch.h"
#include "ports/sandbox.h"
#include "workloads/keeper/ending.h"
#include "workloads/keeper/journal.h"
#include "workloads/keeper/notice.h"

struct run {
	const char *folder;
	int folder_fd;
	char root[PATH_LIMIT]; /* where the sandbox is put together */
	struct launch launch;
	struct sandbox sandbox;
	struct sandbox_task task;   /* pid 0: nothing runs */
	int pipes[JOURNAL_STREAMS]; /* read ends; -1: ended */
	int64_t oom_before;
	struct ending ending;
	struct notice notice;
	int net_fd; /* -1: the host's network */
	int listeners[LISTENERS_MAX];
	struct journal journal; /* fd -1: not open; last, since most of it is never used */
};

/* `folder` is the keeper's; what the agent handed over is still to be filled in. *r is all
 * zero and stays so where it can: memory that is never written to is never taken. */
void run_init(struct run *r, const char *folder, int folder_fd);

/* Read the launch file and start what it says; a failure is in r->ending as well. */
enum err run_start(struct run *r);

/* Write what the pipes hold. */
void run_take_output(struct run *r);

/* Has the workload ended? */
bool run_is_over(struct run *r);

/* Nothing of it is left afterwards, and its end is on file. True: `hold` was asked for,
 * and the walls are up still, for another run_start(). */
bool run_finish(struct run *r, bool hold);

/* Take the walls down. */
void run_end(struct run *r);
