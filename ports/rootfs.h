/*
 * rootfs - put together what a workload sees as /.
 *
 * Called by the sandbox in the first process of a new mount name space; on
 * success the caller's root is the new one and nothing of the old is
 * reachable. Every target is resolved inside the new root by descriptor, so
 * that a link in an image or a volume leads nowhere else.
 *
 * Implementation: ports/linux/rootfs_mount.c.
 */
#pragma once

#include "base/err.h"
#include "ports/launch.h"

/* `folder` is an empty folder; it is used as a mount point. */
enum err rootfs_enter(const struct launch *l, const char *folder, struct why *why);
