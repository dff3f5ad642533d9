/*
 * volume - what is behind the mounts of a container.
 *
 * An emptyDir lies in state_dir/volumes/POD/NAME. Files of configs, and those
 * that a pod gets beside its image (/etc/hosts), lie in the keeper's folder in
 * memory; each container has its own, so that a mode of 0400 means its user.
 */
#pragma once

#include "ports/launch.h"
#include "workloads/resolve.h"

struct volume_order {
	struct resolver resolver;
	const char *folder; /* the keeper's */
	int64_t uid, gid;   /* of the workload */
};

/* Make what a mount needs, and say where it is. Strings live in `arena`, pod or site. */
enum err volume_mount(const struct volume_order *o, const struct volume_mount *v,
		      struct arena *arena, struct launch_mount *out, struct why *why);

/* The configs have changed: bring the files of all mounts up to date. */
enum err volume_refresh(const struct volume_order *o, struct why *why);

/* Put a file of ours in the place of the image's, read-only. */
enum err volume_bind_own(const struct volume_order *o, const char *target, struct bytes content,
			 struct arena *arena, struct launch_mount *out, struct why *why);

/* The folder into which a pod moves its finished files, with all that it needs. */
enum err volume_bind_outbox(const struct volume_order *o, const char *target, struct arena *arena,
			    struct launch_mount *out, struct why *why);

/* The entry of allow_host_path that lets a path in: itself or a folder above. NULL: none. */
const char *volume_allowed_by(const struct site *site, const char *path);

/* Bytes of a pod's emptyDir on flash. */
int64_t volume_bytes(const struct site *site, const char *pod, const char *name);

/* Bytes of what it has not finished in its outbox. */
int64_t volume_outbox_bytes(const struct site *site, const char *pod);

/* Remove the pod's emptyDir volumes. */
enum err volume_remove_all(const struct site *site, const char *pod, struct why *why);
