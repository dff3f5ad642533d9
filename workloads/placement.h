/*
 * placement - does a board have what a pod asks for? Pure; a desk and a board ask alike.
 *
 * What can be asked for are labels: those of the board's configuration, those that a desk has
 * given the device, and facts, which nobody can give:
 *
 *	kubernetes.io/hostname, kubernetes.io/os, kubernetes.io/arch (amd64, arm64, arm),
 *	skerry.dev/kernel (6.1.0-18-arm64), skerry.dev/memory (MiB), skerry.dev/cpu (thousandths),
 *	skerry.dev/host-image (true, false), skerry.dev/cgroup.NAME (v1, v2),
 *	skerry.dev/seccomp (true), skerry.dev/landlock (its version)
 */
#pragma once

#include "ports/json.h"
#include "workloads/pod.h"

/* What a board says of itself; NULL, 0: not known. */
struct placement_board {
	const char *device;
	const char *architecture;              /* as images name it */
	const char *kernel, *cgroup, *sandbox; /* as in the report */
	int64_t memory_bytes, cpu_milli;
	bool host_image;
	const struct json *labels; /* of its configuration */
	const struct json *given;  /* by a desk; they win over its own */
};

/* An object of strings. The caller frees it. */
struct json *placement_labels(const struct placement_board *b);

/* ERR_INVALID: the label that the pod asks for by nodeSelector and the board has not, by the path
 * of the field. */
enum err placement_check(const struct pod *p, const struct json *labels, struct why *why);

/* ERR_DENIED: a container would run from the board's own root, and the board does not have it. */
enum err placement_check_images(const struct pod *p, bool host_image, struct why *why);

/* ERR_FULL: all pods of a state together have more containers than WORKLOADS_MAX. */
enum err placement_check_count(size_t containers, struct why *why);
