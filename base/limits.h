/*
 * limits - every number that bounds what the agent takes or keeps.
 *
 * docs/limits.md has one row for each: what is bounded, and what an operator
 * sees when it is reached. Limits of one file only stand in that file.
 */
#pragma once

enum {
	MESSAGE_MAX = 64 * 1024,     /* bytes of one MQTT payload: Event Grid's retained limit */
	DOCUMENT_MAX = MESSAGE_MAX,  /* bytes of one desired state */
	DOCUMENT_ARENA = 512 * 1024, /* bytes of memory for one parsed desired state */
	PATH_LIMIT = 1024,           /* bytes of one path; the kernel's 4096 is half a frame */
	TOPIC_MAX = 200,             /* bytes of one topic */

	PODS_MAX = 32,      /* pods on one board */
	CONTAINERS_MAX = 8, /* containers in one pod */
	WORKLOADS_MAX = 64, /* containers on one board */
	ENV_MAX = 64,       /* environment variables of one container */
	ARGS_MAX = 64,      /* words of one command line */
	VOLUMES_MAX = 16,   /* volumes of one pod, mounts of one container */
	CONFIGS_MAX = 64,   /* ConfigMaps and Secrets of one board */

	PIDS_PER_WORKLOAD = 128,     /* processes and threads; Kubernetes leaves it to the node */
	LOG_FILE_BYTES = 256 * 1024, /* one log file of a workload; two are kept */
	LOG_LINE_MAX = 16 * 1024,    /* longer lines are split and marked P, as in CRI */

	POINT_TAGS_MAX = 16,      /* tags of one telemetry point */
	POINT_FIELDS_MAX = 32,    /* fields of one telemetry point */
	POINT_KEY_MAX = 1024,     /* bytes of measurement, tags and field names together */
	POINT_STRING_MAX = 4096,  /* bytes of one string field */
	DATAGRAM_MAX = 32 * 1024, /* bytes of one telemetry datagram */

	BLOB_BLOCK = 64 * 1024, /* bytes of one block of an artifact */
};

/* Bytes of one artifact blob, and of one unpacked image. */
#define BLOB_MAX (256LL * 1024 * 1024)
#define IMAGE_MAX (512LL * 1024 * 1024)

/* Bytes of one layer as a tar: files, headers, and what stands behind its end. */
#define LAYER_MAX (1024LL * 1024 * 1024)
