/*
 * cage - a mount name space of our own in which the board is read-only.
 *
 * Hostile tests run nowhere else: what they lead astray finds a root that nobody can write,
 * and ends with this process. Only a fresh /tmp and the cgroup file systems can be written.
 */
#pragma once

#include "base/err.h"
#include "base/scoped.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAGE_MOUNTS_MAX = 256 };

struct cage_mount {
	char path[256], options[128], type[32];
};

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime - ext3 ..." */
static inline bool cage_read_mount(const char *line, struct cage_mount *m)
{
	const char *rest = strstr(line, " - ");
	return rest && sscanf(line, "%*s %*s %*s %*s %255s %127s", m->path, m->options) == 2 &&
	       sscanf(rest, " - %31s", m->type) == 1;
}

static inline size_t cage_mounts(struct cage_mount out[CAGE_MOUNTS_MAX])
{
	char line[1024];
	size_t n = 0;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	while (f && n < CAGE_MOUNTS_MAX && fgets(line, sizeof line, f))
		n += cage_read_mount(line, &out[n]);
	if (f)
		fclose(f);
	return n;
}

static inline bool cage_may_be_written(const struct cage_mount *m)
{
	return strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0 ||
	       (strcmp(m->path, "/tmp") == 0 && strcmp(m->type, "tmpfs") == 0);
}

/* Below a later mount at the same place: it cannot be named. */
static inline bool cage_is_hidden(const struct cage_mount *mounts, size_t n, size_t at)
{
	for (size_t i = at + 1; i < n; i++)
		if (strcmp(mounts[i].path, mounts[at].path) == 0)
			return true;
	return access(mounts[at].path, F_OK) != 0;
}

static int cage_outside = -1; /* the name space that we came from */

/* Is this process in a cage? Asked of the kernel, not of a memory of having made one: our
 * mounts are not those that we came from, and none of them takes anything. */
static inline bool cage_is_closed(void)
{
	static struct cage_mount mounts[CAGE_MOUNTS_MAX];
	struct stat own, before;
	if (stat("/proc/self/ns/mnt", &own) || fstat(cage_outside, &before) ||
	    own.st_ino == before.st_ino)
		return false;
	const size_t n = cage_mounts(mounts);
	bool has_scratch = false;
	for (size_t i = 0; i < n; i++) {
		if (!cage_may_be_written(&mounts[i]) && !cage_is_hidden(mounts, n, i) &&
		    strncmp(mounts[i].options, "ro", 2) != 0)
			return false;
		has_scratch |= strcmp(mounts[i].path, "/tmp") == 0;
	}
	return n > 0 && n < CAGE_MOUNTS_MAX && has_scratch;
}

static inline bool cage_protect(const struct cage_mount *m)
{
	return cage_may_be_written(m) ||
	       mount(NULL, m->path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0 ||
	       errno == ENOENT || errno == EINVAL;
}

/* Needs root. The caller must not hold a folder of the board open for writing. */
static inline enum err cage_enter(struct why *why)
{
	static struct cage_mount mounts[CAGE_MOUNTS_MAX];
	cage_outside = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (cage_outside < 0 || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("cage", "/tmp", "tmpfs", 0, "mode=1777,size=64m"))
		return why_set(why, ERR_SYSTEM, "no cage: %s", strerror(errno));
	const size_t n = cage_mounts(mounts);
	for (size_t i = 0; i < n; i++)
		if (!cage_protect(&mounts[i]))
			return why_set(why, ERR_SYSTEM, "no cage: %s: %s", mounts[i].path,
				       strerror(errno));
	if (!cage_is_closed())
		return why_set(why, ERR_SYSTEM, "no cage: something can be written");
	return OK;
}
