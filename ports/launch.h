/*
 * launch - all that a keeper must know to start its workload.
 *
 * Written by the agent, read by a keeper that may be older or younger than
 * the agent: unknown keys are skipped, missing ones keep their zero. The form
 * is a run of NUL-terminated "key=value" entries; docs/keeper.md lists them.
 */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "ports/cgroup.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	LAUNCH_VERSION = 1,
	LAUNCH_MAX = 64 * 1024, /* bytes in written form */
	LAUNCH_HIDES_MAX = 4,
	LAUNCH_MOUNTS_MAX = VOLUMES_MAX + 8, /* and what the agent adds */
	LISTENERS_MAX = 8,                   /* sockets that a workload is handed */
	GROUPS_MAX = 16,                     /* supplementary groups of one workload */
};

/* AF_UNIX, AF_INET and AF_INET6: what a program needs that does not look after the
 * network itself. AF_NETLINK, AF_PACKET, AF_VSOCK and AF_ALG have been ways out. */
#define LAUNCH_FAMILIES (UINT64_C(1) << 1 | UINT64_C(1) << 2 | UINT64_C(1) << 10)

enum mount_kind { MOUNT_BIND, MOUNT_TMPFS, MOUNT_DEVICE };

struct launch_mount {
	enum mount_kind kind;
	const char *root;   /* bind: a folder of the host that is trusted */
	const char *source; /* bind: a path below it, no link followed; "" is root itself */
	const char *target; /* in the workload's root; of a device, below /dev */
	int64_t bytes;      /* tmpfs: its size */
	bool is_block;      /* device: block, else character */
	int64_t major, minor;
	bool read_only;
};

struct launch {
	/* Who: the agent reads these again when it adopts the workload. */
	const char *workload; /* "pod/container" */
	const char *spec;     /* digest of what it was started from */
	int64_t generation;
	int64_t instance; /* rises with each start on this boot */

	/* What. argv[0] is found in the workload's own root. */
	const char *argv[ARGS_MAX + 1];
	const char *env[ENV_MAX + 16]; /* and what the agent adds */
	const char *workdir;

	/* Where. */
	const char *hostname;
	const char *root; /* folder of an unpacked image; "/" is the host's, read-only */
	const char *hides[LAUNCH_HIDES_MAX + 1]; /* folders covered by nothing, in a host's root */
	struct launch_mount mounts[LAUNCH_MOUNTS_MAX];
	size_t mount_count;
	struct cgroup_join join;

	/* As whom, and how much. */
	int64_t uid, gid;           /* never 0 */
	int64_t groups[GROUPS_MAX]; /* supplementary, never 0 */
	size_t group_count;
	int64_t stop_signal; /* for the agent; 0: SIGTERM */
	int64_t oom_score_adj;
	int64_t idle;            /* 1: processors and disk only while nobody else wants them */
	int64_t tmp_bytes;       /* private /tmp */
	int64_t log_bytes;       /* of one log file */
	int64_t files;           /* RLIMIT_NOFILE */
	int64_t network;         /* 1: in the name space that the keeper was handed */
	int64_t listeners;       /* how many listening sockets the keeper was handed for it */
	int64_t notify;          /* 1: the keeper listens at notify.sock, sd_notify(3) */
	const char *termination; /* file inside whose content is kept at the end; NULL: none */
	int64_t hold;            /* 1: the keeper waits for another start when the workload ends */
	int64_t families;        /* of sockets, a bit for each AF_; 0: LAUNCH_FAMILIES */
};

/* Written form into `out`. ERR_FULL: it does not fit. */
enum err launch_write(const struct launch *l, char *out, size_t cap, size_t *out_len,
		      struct why *why);

/* Read it back. The strings stay in `text`, which is changed: it must live as long as
 * they do. ERR_INVALID: what is missing or wrong. */
enum err launch_take(char *text, size_t len, struct launch *out, struct why *why);

/* The same from bytes that stay as they are; strings are kept in `arena`. */
enum err launch_read(struct bytes written, struct arena *arena, struct launch *out,
		     struct why *why);
