/*
 * pod - what a user's manifest asks for, after it was read and checked.
 *
 * The fields and their defaults are Kubernetes'; docs/manifest.md has the
 * table. A pod owns all it points to: pod_free() gives it back as a whole.
 */
#pragma once

#include "base/arena.h"
#include "base/label.h"
#include "base/limits.h"
#include "ports/cgroup.h"

#include <stdbool.h>
#include <stdint.h>

enum { IGNORED_MAX = 32 }; /* further ones are not told */

enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };

enum probe_kind { PROBE_NONE, PROBE_EXEC, PROBE_HTTP, PROBE_TCP };
enum probe_role { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_ROLES };

struct probe_spec {
	enum probe_kind kind;
	const char *argv[ARGS_MAX + 1]; /* exec */
	const char *host, *path;        /* httpGet, tcpSocket */
	int64_t port;
	int64_t initial_delay_ms, period_ms, timeout_ms;
	int64_t success, failure; /* in a row */
};

enum volume_kind { VOLUME_DISK, VOLUME_MEMORY, VOLUME_HOST };

struct volume_spec {
	const char *name;
	enum volume_kind kind;
	int64_t bytes;         /* memory: its size; 0: the default */
	const char *host_path; /* host: absolute, without . and .. */
};

struct volume_mount {
	const struct volume_spec *volume;
	const char *path;
	bool read_only;
};

struct env_spec {
	const char *name, *value;
};

struct container_spec {
	const char *name;
	const char *image_digest; /* "sha256:..." of an OCI manifest; NULL: the host's root */
	const char *command[ARGS_MAX + 1], *args[ARGS_MAX + 1]; /* empty: the image's */
	const char *workdir;
	struct env_spec env[ENV_MAX];
	size_t env_count;
	struct cgroup_limits limits;
	int64_t memory_request;
	struct volume_mount mounts[VOLUMES_MAX];
	size_t mount_count;
	struct probe_spec probes[PROBE_ROLES];
};

struct pod {
	struct arena arena;
	char digest[DIGEST_SIZE]; /* of the manifest: equal means nothing to do */
	const char *name;
	enum restart_policy restart;
	int64_t grace_ms;
	struct container_spec *containers;
	size_t container_count;
	struct volume_spec volumes[VOLUMES_MAX];
	size_t volume_count;
	const char *ignored[IGNORED_MAX]; /* paths of fields that say nothing to a board */
	size_t ignored_count;
};

void pod_free(struct pod *p); /* NULL is fine */
