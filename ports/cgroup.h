/*
 * cgroup - limits and accounts for groups of processes.
 *
 * What the kernel offers is found out by trying, once, when the tree is
 * opened: cgroup v2, v1, or v1 for limits with v2 beside it for killing. Each
 * workload is one leaf; inner groups hold no process.
 *
 * Implementation: ports/linux/cgroup_linux.c with cgroup_probe.c, cgroup_limits.c,
 * cgroup_account.c, cgroup_devices.c and cgroup_remedy.c.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	CGROUP_MEMORY = 1,
	CGROUP_CPU = 2,
	CGROUP_PIDS = 4,
	CGROUP_CPUSET = 8,
	CGROUP_IO = 16,
};

enum {
	CGROUP_PATH_MAX = 256,
	CGROUP_JOINS_MAX = 8,
	CGROUP_DEVICES_MAX = 16,
};

#define CGROUP_KEEPERS "keepers" /* a workload's leaf has a dot in its name */

struct cgroup_tree;

struct cgroup_device {
	bool is_block;
	unsigned major, minor;
	bool read_only;
};

struct cgroup_limits {
	int64_t memory_bytes;      /* 0: no limit */
	int64_t cpu_milli;         /* thousandths of a core; 0: no limit */
	int64_t cpu_request_milli; /* weight against others; 0: the least */
	int64_t pids;              /* 0: no limit */
	/* Both best effort: not every kernel has the knobs. From `memory_high` bytes on, memory
	 * is taken back from it first, and it is slowed down; 0: never. What is idle has
	 * processors and disk only while nobody else wants them. */
	int64_t memory_high;
	bool idle;
	const char *cpus; /* "0-1,3"; NULL: all */
	/* Bytes a second to and from the disk under `disk_folder`; 0: no limit. */
	int64_t read_bps, write_bps;
	const char *disk_folder;
	/* Beside null, zero, full, random, urandom and terminals. Where the kernel cannot
	 * hold to it, the sandbox alone does. */
	struct cgroup_device devices[CGROUP_DEVICES_MAX];
	size_t device_count;
};

/* How a process gets into a leaf before its first instruction. */
struct cgroup_join {
	char into[CGROUP_PATH_MAX]; /* v2 folder for CLONE_INTO_CGROUP; "" without v2 */
	char tasks[CGROUP_JOINS_MAX][CGROUP_PATH_MAX]; /* v1: write "0"; "" ends the list */
	char oom[CGROUP_PATH_MAX]; /* file with a line "oom_kill N"; "" without memory control */
};

struct cgroup_usage {
	int64_t cpu_ms;
	int64_t memory_bytes, memory_peak; /* 0 without memory control */
	int64_t processes;
};

enum { CGROUP_UNKNOWN = -1 };

/* All that the kernel counts for a leaf since it was made, that is since the start of the
 * workload's run; CGROUP_UNKNOWN: this kernel does not. Pressure is v2's, in microseconds
 * in which some, or all, had to wait. v1 counts disk bytes that are written at once only,
 * not those that go through the page cache. */
struct cgroup_account {
	int64_t cpu_us, throttled_us;
	int64_t memory_bytes, memory_peak, working_set, major_faults, oom_kills;
	int64_t processes;
	int64_t read_bytes, written_bytes;
	int64_t cpu_some_us, memory_some_us, memory_full_us, io_some_us, io_full_us;
};

/* Find or make the group `name` that all leaves will be in. ERR_DENIED: there
 * is no cgroup file system that we may write; the reason says what to mount. */
enum err cgroup_open(const char *name, struct cgroup_tree **out, struct why *why);

/* Forget the tree; with `remove`, remove its empty groups too. NULL is fine. */
void cgroup_close(struct cgroup_tree *t, bool remove);

/* The controllers that work, CGROUP_MEMORY | ... */
unsigned cgroup_controllers(const struct cgroup_tree *t);

/* "v1: memory cpu pids, v2: kill" for logs and reports. */
void cgroup_describe(const struct cgroup_tree *t, char *out, size_t cap);

/* What makes `controller` (one of CGROUP_MEMORY ...) work on this board: the word
 * for the kernel's command line, the mount, or the kernel's option. */
void cgroup_remedy(const struct cgroup_tree *t, unsigned controller, char *out, size_t cap);

/* Make or re-use a leaf and set its limits. ERR_DENIED: a limit was asked for
 * whose controller is missing here. */
enum err cgroup_make(struct cgroup_tree *t, const char *leaf, const struct cgroup_limits *limits,
		     struct cgroup_join *out, struct why *why);

/* The leaf CGROUP_KEEPERS, which has no limits: what looks after workloads belongs
 * neither to one of them nor to the agent that started it. */
enum err cgroup_keep(struct cgroup_tree *t, struct cgroup_join *out, struct why *why);

/* Stop everything in a leaf, or let it go on where it was. What is frozen still takes
 * memory, and signals wait. */
enum err cgroup_freeze(struct cgroup_tree *t, const char *leaf, bool frozen, struct why *why);

/* Have the kernel take back what memory it can from a leaf: to swap, or pages that files
 * have. Best effort; nothing where the kernel cannot (before Linux 5.19, or v1). */
void cgroup_reclaim(struct cgroup_tree *t, const char *leaf);

/* SIGKILL everything in a leaf. */
enum err cgroup_kill(struct cgroup_tree *t, const char *leaf, struct why *why);

/* ERR_AGAIN: something still dies in there. Not there is fine. */
enum err cgroup_remove(struct cgroup_tree *t, const char *leaf, struct why *why);

enum err cgroup_read(struct cgroup_tree *t, const char *leaf, struct cgroup_usage *out);

/* The same in full; a dozen files. ERR_NOT_FOUND: there is no such leaf. */
enum err cgroup_account(const struct cgroup_tree *t, const char *leaf, struct cgroup_account *out);

/* The processes of a leaf, at most `max`; how many there are. */
size_t cgroup_processes(const struct cgroup_tree *t, const char *leaf, pid_t *out, size_t max);

/* Call `on_leaf` for each leaf that is there. */
enum err cgroup_each(struct cgroup_tree *t, void (*on_leaf)(void *owner, const char *leaf),
		     void *owner, struct why *why);
