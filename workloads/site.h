/*
 * site - what all workloads of a board share. Filled once by the agent, which
 * owns all of it and hears the news.
 */
#pragma once

#include "ports/cgroup.h"
#include "ports/loop.h"
#include "ports/store.h"
#include "workloads/inspection.h"
#include "workloads/networks.h"

struct configs;
struct pod;
struct workload;

/* Names of Kubernetes' events where it has one. */
struct workload_news {
	const struct workload *workload;
	bool warning;
	const char *reason; /* "Started", "OOMKilled", ... */
	const char *message;
};

struct site {
	struct loop *loop;
	struct cgroup_tree *cgroups;
	struct store *store;
	const struct images *images;
	struct inspection *inspection; /* of them, before they start */
	const char *device;
	const char *run_dir;   /* workloads live in run_dir/w/POD.CONTAINER */
	const char *state_dir; /* emptyDir volumes live in state_dir/volumes/POD/NAME */
	const char *keeper_program;
	const char *const *host_paths; /* what hostPath may name, or be below; ends in NULL */
	bool allow_host_image;
	enum network_mode network; /* of pods that do not say */
	struct networks *networks;
	int64_t memory_bytes, cpu_milli; /* of the board */
	const struct configs *configs;   /* of the set that is wanted now; NULL: none */

	void *owner;
	void (*on_news)(void *owner, const struct workload_news *news);
	void (*on_change)(void *owner);                  /* some state differs from before */
	void (*on_log)(void *owner, struct workload *w); /* it printed something */
	/* All of it has ended and its folder is about to be removed: the last chance
	 * to read what it printed. */
	void (*on_gone)(void *owner, struct workload *w);
	/* Make the outbox of a pod's files, state_dir/outbox/POD, open to `mode`, and watch it. */
	enum err (*open_outbox)(void *owner, const struct pod *pod, unsigned mode, struct why *why);
	/* Its telemetry socket is there; before it is closed, `fd` is -1. */
	void (*on_socket)(void *owner, struct workload *w, int fd);
};
