/*
 * pod - what a user's manifest asks for, after it was read and checked.
 *
 * The fields and their defaults are Kubernetes'; docs/manifest.md has the
 * table. A pod owns all it points to: pod_free() gives it back as a whole.
 */
#pragma once

#include "base/arena.h"
#include "base/cron.h"
#include "base/label.h"
#include "base/limits.h"
#include "ports/cgroup.h"
#include "workloads/networks.h"
#include "workloads/telemetry.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	IGNORED_MAX = 32,        /* further ones are not told */
	ENV_FROM_MAX = 16,       /* sources of one container's environment */
	SOURCES_MAX = 16,        /* of one projected volume */
	ITEMS_MAX = 64,          /* files named for one source */
	LABELS_MAX = 64,         /* labels, annotations, and nodeSelector, of one pod */
	HOST_ALIASES_MAX = 16,   /* entries, and names in one */
	NAME_SERVERS_MAX = 3,    /* what resolvers read */
	SEARCHES_MAX = 8,        /* search domains, and options */
	POD_GROUPS_MAX = 8,      /* supplementalGroups */
	PORTS_MAX = 8,           /* of one container */
	ACTION_HEADERS_MAX = 512 /* bytes of an httpGet's own headers */
};

/* The higher stays when not all fit; a manifest has them as priorityClassName. */
enum priority {
	PRIORITY_IDLE = -2000, /* takes only what is over */
	PRIORITY_LOW = -1000,
	PRIORITY_NORMAL = 0,
	PRIORITY_HIGH = 1000,
	PRIORITY_CRITICAL = 2000,
};

enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };

/* What is done for a probe or a hook. */
enum action_kind { ACTION_NONE, ACTION_EXEC, ACTION_HTTP, ACTION_TCP, ACTION_SLEEP };

struct action_spec {
	enum action_kind kind;
	const char *argv[ARGS_MAX + 1]; /* exec */
	const char *host, *path;        /* httpGet, tcpSocket */
	const char *headers;            /* httpGet: whole lines, "" for none */
	int64_t port;
	int64_t sleep_ms;
};

enum probe_role { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_ROLES };

struct probe_spec {
	struct action_spec action;
	int64_t initial_delay_ms, period_ms, timeout_ms;
	int64_t success, failure; /* in a row */
	int64_t grace_ms;         /* of a restart that it asks for; -1: the pod's */
};

enum config_kind { CONFIG_MAP, CONFIG_SECRET };

/* A ConfigMap or Secret that the pod names. */
struct config_ref {
	enum config_kind kind;
	const char *name;
	bool optional;
};

enum value_kind { VALUE_TEXT, VALUE_KEY, VALUE_FIELD, VALUE_RESOURCE };

/* Where a text comes from: it stands there, or a config, the pod or a container has it. */
struct value_spec {
	enum value_kind kind;
	const char *text; /* literal; or "metadata.name", "limits.memory" */
	const char *key;  /* of `config`; or of labels and annotations */
	struct config_ref config;
	const char *container; /* whose resource; NULL: its own */
	int64_t divisor_milli;
};

struct env_spec {
	const char *name;
	struct value_spec value;
};

/* Every key of a config as a variable. */
struct env_from {
	const char *prefix;
	struct config_ref config;
};

/* One file of a volume. */
struct volume_item {
	const char *path;
	struct value_spec value;
	int64_t mode; /* -1: the volume's */
};

/* Files from one config, or from the pod itself. */
struct volume_source {
	bool takes_all; /* every key of the config, under its own name */
	struct config_ref config;
	struct volume_item *items;
	size_t item_count;
};

enum volume_kind { VOLUME_DISK, VOLUME_MEMORY, VOLUME_HOST, VOLUME_FILES };

enum host_type {
	HOST_ANY,
	HOST_FOLDER,
	HOST_FOLDER_MADE, /* DirectoryOrCreate */
	HOST_FILE,
	HOST_FILE_MADE, /* FileOrCreate */
	HOST_SOCKET,
	HOST_CHARACTER, /* CharDevice: a node of the workload's own */
	HOST_BLOCK,     /* BlockDevice */
};

struct volume_spec {
	const char *name;
	enum volume_kind kind;
	int64_t bytes; /* memory: its size; disk: more than that ends the pod; 0: none given */
	const char *host_path; /* host: absolute, without . and .. */
	enum host_type host_type;
	struct volume_source *sources; /* files */
	size_t source_count;
	int64_t mode; /* files: their mode */
};

struct volume_mount {
	const struct volume_spec *volume;
	const char *path;
	const char *below; /* subPath; "" for the whole volume */
	bool read_only;
};

/* 0: not said. */
struct security_spec {
	int64_t uid, gid;
	bool non_root;
};

/* A port that a container says it listens at. */
struct port_spec {
	const char *name; /* "" for none */
	const char *host; /* hostIP; NULL: all addresses */
	int64_t number;
};

enum container_role { CONTAINER_MAIN, CONTAINER_INIT, CONTAINER_SIDECAR };

enum hook_role { HOOK_START, HOOK_STOP, HOOK_ROLES };

struct container_spec {
	const char *name;
	const char *where; /* "spec.initContainers[0]" */
	enum container_role role;
	const char *image_digest; /* "sha256:..." of an OCI manifest; NULL: the host's root */
	bool of_host;             /* image: host */
	const char *command[ARGS_MAX + 1], *args[ARGS_MAX + 1]; /* empty: the image's */
	const char *workdir;
	struct env_spec env[ENV_MAX];
	size_t env_count;
	struct env_from env_from[ENV_FROM_MAX];
	size_t env_from_count;
	struct cgroup_limits limits;
	int64_t memory_request;
	bool has_requests; /* of its own; else they are its limits */
	struct volume_mount mounts[VOLUMES_MAX];
	size_t mount_count;
	struct probe_spec probes[PROBE_ROLES];
	struct action_spec hooks[HOOK_ROLES];
	struct security_spec security;
	struct port_spec ports[PORTS_MAX];
	size_t port_count;
	const char *termination; /* terminationMessagePath */
};

struct pair {
	const char *name, *value;
};

/* A line of the pod's own /etc/hosts. */
struct host_alias {
	const char *address;
	const char *names[HOST_ALIASES_MAX];
	size_t name_count;
};

struct dns_spec {
	bool is_own; /* /etc/resolv.conf is made of what follows; else the image's or the board's */
	const char *servers[NAME_SERVERS_MAX], *searches[SEARCHES_MAX];
	size_t server_count, search_count;
	struct pair options[SEARCHES_MAX]; /* value NULL: a word alone */
	size_t option_count;
};

/* A pod that ends. */
struct job_spec {
	int64_t backoff_limit; /* failures after the first before it has failed */
	int64_t ttl_ms;        /* what it left goes so long after its end; -1: with the job */
};

/* When a job runs. */
struct schedule_spec {
	struct cron cron;
	bool suspended, replaces;
	int64_t deadline_ms; /* to start late; -1: any time */
};

/* Paths of fields that say nothing to a board. */
struct ignored {
	const char *paths[IGNORED_MAX];
	size_t count;
};

/* Figures that a pod shows over HTTP: the annotations prometheus.io/..., as clusters have them. */
struct scrape_spec {
	bool on;
	int64_t port;
	const char *path;
	int64_t interval_ms;
};

/* What Kubernetes has no field for: annotations below skerry.dev/, for all containers. */
struct board_spec {
	enum network_mode network;
	int64_t families;            /* of sockets, beside the usual: a bit for each AF_ */
	const char *cpus;            /* NULL: all */
	int64_t read_bps, write_bps; /* 0: no limit */
	bool notifies;               /* ready when it says so, by sd_notify */
	int64_t watchdog_ms;         /* it must say so as often; 0: not */
	bool standby;                /* frozen while nobody is connected */
	int64_t idle_ms;             /* quiet for so long, it rests; 0: never */
	struct telemetry_spec telemetry;
	int64_t outbox_bytes; /* files that wait for the hub; 0: it has no outbox */
	struct scrape_spec scrape;
};

/* Containers stand in the order of their start: init containers first. */
struct pod {
	struct arena arena;
	char digest[DIGEST_SIZE]; /* of the manifest: equal means nothing to do */
	const char *name, *name_space, *hostname;
	const char *where; /* path of the pod's spec in its document */
	bool is_job, is_scheduled;
	struct job_spec job;
	struct schedule_spec schedule;
	struct pair labels[LABELS_MAX], annotations[LABELS_MAX];
	size_t label_count, annotation_count;
	struct pair *selector; /* nodeSelector: labels that the board must have */
	size_t selector_count;
	enum restart_policy restart;
	enum priority priority;
	int64_t grace_ms;
	int64_t deadline_ms; /* activeDeadlineSeconds; 0: none */
	struct container_spec *containers;
	size_t container_count, init_count;
	struct volume_spec volumes[VOLUMES_MAX];
	size_t volume_count;
	struct security_spec security;
	int64_t groups[POD_GROUPS_MAX];
	size_t group_count;
	int64_t fs_group; /* 0: none */
	struct host_alias aliases[HOST_ALIASES_MAX];
	size_t alias_count;
	struct dns_spec dns;
	struct board_spec board;
	struct ignored ignored;
};

void pod_free(struct pod *p); /* NULL is fine */
