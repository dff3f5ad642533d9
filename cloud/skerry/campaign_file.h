/*
 * campaign_file - a desk's rollouts on its disk, below $XDG_STATE_HOME/skerry/rollouts/FLEET/NAME
 * (~/.local/state if that is not set): `prepared`, `progress`, and `wishes`, which other
 * terminals append to while one runs it.
 */
#pragma once

#include "base/limits.h"
#include "cloud/fleet/campaign.h"
#include "cloud/skerry/options.h"

struct campaign_file {
	char folder[PATH_LIMIT - 64];
	int lock_fd; /* -1: not ours */
};

/* Where it is, or would be. ERR_NOT_FOUND: nobody has a home here. */
enum err campaign_file_find(struct campaign_file *f, const char *fleet, const char *name,
			    struct why *why);

/* A new one, in place of one that is over. ERR_CONFLICT: one of this name still goes on. */
enum err campaign_file_create(struct campaign_file *f, const struct campaign *c, struct why *why);

/* Only the second half of that: no rollout of this name is here afterwards. */
enum err campaign_file_make_room(struct campaign_file *f, const char *name, struct why *why);

/* What was prepared, how far it has come, and the wishes since then. ERR_NOT_FOUND. */
enum err campaign_file_load(const struct campaign_file *f, struct campaign *out, struct why *why);

/* Is there one, readable or not? */
bool campaign_file_is_there(const struct campaign_file *f);

/* Be the only one who runs it. ERR_CONFLICT: somebody else does. */
enum err campaign_file_lock(struct campaign_file *f, struct why *why);
void campaign_file_unlock(struct campaign_file *f);

/* On the disk when it returns. */
enum err campaign_file_save(const struct campaign_file *f, const struct campaign *c,
			    struct why *why);

enum err campaign_file_wish(const struct campaign_file *f, const char *line, struct why *why);
/* All of them; "" when there is none. free() *out. */
enum err campaign_file_wishes(const struct campaign_file *f, char **out, struct why *why);

/* The name of each rollout of a fleet. */
enum err campaign_file_each(const char *fleet, void (*on_name)(void *owner, const char *name),
			    void *owner, struct why *why);
