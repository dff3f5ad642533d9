/*
 * rootfs - put together what a workload sees as /.
 *
 * Called by the sandbox in the first task, in a new mount name space; on
 * success the caller's root is the new one and nothing of the old is
 * reachable. Every target is resolved inside the new root by descriptor, so
 * that a link in an image or a volume leads nowhere else.
 *
 * Implementation: ports/linux/rootfs_mount.c.
 */
#pragma once

#include "base/err.h"
#include "ports/launch.h"

/* `folder` is an empty folder of root's that nobody else may look into (ERR_DENIED): a
 * mount point, and what other folders are covered with. */
enum err rootfs_enter(const struct launch *l, const char *folder, struct why *why);
