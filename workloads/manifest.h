/*
 * manifest - read a Kubernetes Pod, or what is one on a board: Deployment, DaemonSet,
 * Job, CronJob. What we do not honour is refused by name.
 *
 * A reason begins with the path of the field, such as
 * "spec.containers[0].resources.limits.memory: ...", so that the command line
 * can find its line and the cloud can show it unchanged.
 */
#pragma once

#include "ports/json.h"
#include "workloads/pod.h"

/* Where a manifest is read: a desk knows folders, a board only digests. */
enum manifest_use {
	MANIFEST_DESK,  /* `image: ./folder` is fine: it will be packed */
	MANIFEST_BOARD, /* an image must be named by its digest, or be `host` */
};

/* ERR_INVALID with the reason; the caller frees *out with pod_free(). */
enum err manifest_read(const struct json *pod, enum manifest_use use, struct pod **out,
		       struct why *why);

/* The spec of the pod inside a document of any of these kinds, or NULL. */
const struct json *manifest_spec_of(const struct json *document);
