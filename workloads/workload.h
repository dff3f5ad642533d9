/*
 * workload - the life of one container: start, run, end, start again.
 *
 * Six states and a table say what each event means in each of them. The
 * process itself belongs to a keeper; this is what the agent knows of it, and
 * it can be forgotten and found again.
 */
#pragma once

#include "ports/keeper.h"
#include "workloads/backoff.h"
#include "workloads/checkup.h"
#include "workloads/pod.h"
#include "workloads/site.h"
#include "workloads/standby.h"

enum workload_state {
	WORKLOAD_STOPPED,  /* nothing runs, nothing is wanted */
	WORKLOAD_STARTING, /* a keeper is on its way */
	WORKLOAD_RUNNING,
	WORKLOAD_STOPPING, /* told to end */
	WORKLOAD_WAITING,  /* ended; will be started again */
	WORKLOAD_DONE,     /* ended; its restart policy leaves it at that */
	WORKLOAD_IDLE,     /* ended, because nobody is connected; a connection starts it */
	WORKLOAD_STATES,
};

/* See rest.h. */
enum rest { REST_NONE, REST_FROZEN, REST_ENDING, REST_IDLE };

enum {
	WORKLOAD_NAME_SIZE = 2 * LABEL_SIZE,
	POST_START_MAX_MS = 10 * 60 * 1000, /* a postStart hook that takes longer has failed */
};

/* A command that somebody runs in it; on_done NULL: none. */
struct workload_exec {
	unsigned id;
	void *owner;
	/* Called once. `code` is its exit code, 128 + signal, 126 it could not be started, -1 not
	 * in time or the container has ended; `why` says more, or is "". */
	void (*on_done)(void *owner, int code, const char *why);
};

struct workload {
	const struct site *site;
	const struct pod *pod; /* NULL: a stray of an earlier agent that is only to be stopped */
	const struct container_spec *spec;
	char name[WORKLOAD_NAME_SIZE]; /* "pod/container" */
	char leaf[WORKLOAD_NAME_SIZE]; /* "pod.container": of the cgroup and the folder */

	enum workload_state state;
	struct keeper *keeper; /* of what runs */
	struct keeper *held;   /* waits for the next start, between two runs */
	struct checkup checkup;
	struct timer timer; /* to start again, to kill, or to clean up */
	pid_t pid;
	int64_t generation; /* that it was started for */
	int64_t instance;
	int64_t started_ms; /* of this run */
	int64_t restarts;
	int64_t failures; /* runs that ended badly since the agent switched to this pod */
	int64_t grace_ms;
	int stop_signal; /* of what runs */
	struct backoff backoff;
	struct workload_exit last; /* `known` once there was an end */
	int telemetry_fd;
	struct action hook; /* postStart or preStop under way */
	int64_t ends_by_ms; /* end of the grace of a run that is being ended */
	bool started;       /* runs, and postStart and the startup probe are behind it */
	bool ready;
	bool lacks_image; /* waits for it, not for the end of a pause */
	bool is_adopting;
	bool is_asked_again;    /* it is being ended because somebody wants it restarted */
	bool is_given_up;       /* done, whatever its last run said: its pod has failed */
	bool is_stale;          /* a part of a config that it mounts has changed: no held keeper */
	bool lacks_leaf;        /* it waits for that to be gone */
	bool lacks_room;        /* it is stopped, while pods of higher priority need the board */
	bool leaf_is_left;      /* the cgroup could not be removed yet */
	char status[128];       /* what it last said of itself, by sd_notify */
	bool has_notified;      /* READY=1 */
	struct standby standby; /* who knocks */
	enum rest rest;
	bool was_woken; /* from standby, in this run */
	struct workload_exec exec;
	struct timer watchdog; /* it must say WATCHDOG=1 before this is due */
	char why_stopped[160]; /* a probe's or hook's reason for the end under way */
	struct why trouble;    /* why it is not running; empty when it is */

	/* Its pod's: the state, or `started`, has changed. Called last. */
	void *owner;
	void (*on_change)(void *owner, struct workload *w);
};

const char *workload_state_name(enum workload_state s);

/* `pod` stays until the workload is closed. */
void workload_open(struct workload *w, const struct site *site, const struct pod *pod,
		   const struct container_spec *spec, int64_t generation);

/* For a folder that nobody wants any more: "pod.container". */
void workload_open_stray(struct workload *w, const struct site *site, const char *leaf);

/* Take over what an earlier agent left of the same pod: running, or how it ended.
 * False: nothing of it. */
bool workload_recall(struct workload *w);

/* Start a stopped one. */
void workload_start(struct workload *w);

/* Take over whatever runs there, to be able to stop it. False: nothing does. */
bool workload_adopt(struct workload *w);

/* preStop, the image's stop signal or SIGTERM, and SIGKILL when `grace_ms` is over
 * (0: at once). It is stopped then, at once if nothing runs. */
void workload_stop(struct workload *w, int64_t grace_ms);

/* A stopped one is done for good, because its pod has failed. */
void workload_give_up(struct workload *w, const char *reason);

/* Its pod has to give way, because of `reason`; it stops, if it runs, by workload_stop(). */
void workload_give_way(struct workload *w, const char *reason);

/* A stopped one has done its work on an earlier boot, well or not. */
void workload_conclude(struct workload *w, bool well);

/* Bring the files of its volumes up to date. */
enum err workload_refresh(struct workload *w, struct why *why);

/* Something has become known of an image: whoever waits for it tries again. */
void workload_on_image(struct workload *w, const char *digest);

/* Let go of everything in memory; what runs goes on. */
void workload_close(struct workload *w);

/* Forget the folder of a stopped workload and, unless a successor of the same
 * name comes, its user. */
void workload_remove(struct workload *w, bool has_successor);

void workload_folder(const struct workload *w, char *out, size_t cap);

/* It runs, or comes to run, if it rests. */
void workload_wake(struct workload *w);

/* End the run and begin another at once, whatever its restart policy: no failure, no pause.
 * It counts as a restart. ERR_CONFLICT: there is nothing to restart, and why. */
enum err workload_restart(struct workload *w, struct why *why);

/* Run a command in its walls, as its user: never more than the workload itself may. One at a
 * time; what rests is woken first. The files of `c` stay the caller's. ERR_CONFLICT: it does not
 * run, or another command does in it. */
enum err workload_run(struct workload *w, const struct keeper_command *c,
		      const struct workload_exec *done, struct why *why);

/* End that command early; on_done follows, unless its owner is to be forgotten. */
void workload_run_cancel(struct workload *w);
void workload_run_forget(struct workload *w);

/* --- for stop.c, notify.c and rest.c, which are parts of it --- */

/* What it says of itself may have made it ready. */
void workload_look_again(struct workload *w);

/* End the run; what the restart policy says follows. */
void workload_end_unwell(struct workload *w, const char *event, const char *reason);

/* The network name space of its pod, borrowed; -1: the host's. */
int workload_network(const struct workload *w);

void workload_tell(const struct workload *w, bool warning, const char *reason, const char *message);
