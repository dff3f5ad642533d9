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

enum workload_state {
	WORKLOAD_STOPPED,  /* nothing runs, nothing is wanted */
	WORKLOAD_STARTING, /* a keeper is on its way */
	WORKLOAD_RUNNING,
	WORKLOAD_STOPPING, /* told to end */
	WORKLOAD_WAITING,  /* ended; will be started again */
	WORKLOAD_DONE,     /* ended; its restart policy leaves it at that */
	WORKLOAD_STATES,
};

enum { WORKLOAD_NAME_SIZE = 2 * LABEL_SIZE };

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
	bool ready;
	bool lacks_image; /* waits for it, not for the end of a pause */
	bool is_adopting;
	bool leaf_is_left;     /* the cgroup could not be removed yet */
	char why_stopped[160]; /* a probe's reason for the stop under way */
	struct why trouble;    /* why it is not running; empty when it is */

	/* The supervisor's: a stopped workload says so here. */
	void *owner;
	void (*on_stopped)(void *owner, struct workload *w);
};

const char *workload_state_name(enum workload_state s);

/* `pod` stays until the workload is closed. */
void workload_open(struct workload *w, const struct site *site, const struct pod *pod,
		   const struct container_spec *spec, int64_t generation);

/* For a folder that nobody wants any more: "pod.container". */
void workload_open_stray(struct workload *w, const struct site *site, const char *leaf);

/* Start, or take over what an earlier agent left running of the same pod. */
void workload_start(struct workload *w);

/* Take over whatever runs there, to be able to stop it. False: nothing does. */
bool workload_adopt(struct workload *w);

/* The image's stop signal, SIGTERM if it names none, and SIGKILL after the pod's
 * grace. on_stopped follows, at once if nothing runs. */
void workload_stop(struct workload *w);

/* Something has become known of an image: whoever waits for it tries again. */
void workload_on_image(struct workload *w, const char *digest);

/* Let go of everything in memory; what runs goes on. */
void workload_close(struct workload *w);

/* Forget the folder of a stopped workload and, unless a successor of the same
 * name comes, its user. */
void workload_remove(struct workload *w, bool has_successor);

void workload_folder(const struct workload *w, char *out, size_t cap);
