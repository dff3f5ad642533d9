/*
 * compose - from a container's specification to the launch of its keeper.
 *
 * Command and environment as Kubernetes puts them together with the image's,
 * $(NAME) expanded; volumes found and made; limits, user and oom score set.
 */
#pragma once

#include "ports/launch.h"
#include "workloads/configs.h"
#include "workloads/pod.h"
#include "workloads/site.h"

enum {
	TMP_DEFAULT = 16 * 1024 * 1024, /* bytes of the private /tmp and of emptyDir in memory */
	FILES_DEFAULT = 1024,           /* RLIMIT_NOFILE */
};

/* What a launch says about the one container that it is for. */
struct compose_order {
	const struct site *site;
	const struct pod *pod;
	const struct container_spec *container;
	const char *workload; /* "pod/container" */
	const char *folder;   /* the keeper's */
	const struct configs *configs;
	int64_t own_id; /* user and group of its own, where the manifest names none */
};

/* Fill what the specification decides; the caller adds cgroup and
 * instance. Strings live in `arena`, the pod or the site. */
enum err compose_launch(const struct compose_order *order, struct arena *arena, struct launch *out,
			struct why *why);

/* LISTEN_FDS, its names, and a place for LISTEN_PID: sd_listen_fds(3). */
enum err compose_listeners(const struct container_spec *c, size_t count, struct arena *arena,
			   struct launch *l, struct why *why);

/* Whose network the pod is in: never NETWORK_BOARD. */
enum network_mode compose_network(const struct site *site, const struct pod *pod);

/* Is every volume allowed here, every image one that this board may run, and every
 * config there? */
enum err compose_admit(const struct site *site, const struct pod *pod,
		       const struct configs *configs, struct why *why);

/* Replace $(NAME) by the value of NAME in `env`, $$ by $; what is not known
 * stays as it is. The result lives in `arena`; NULL: no memory. */
const char *compose_expand(struct arena *arena, const char *text, const char *const *env);
