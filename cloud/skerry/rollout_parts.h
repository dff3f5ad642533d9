/*
 * rollout_parts - what the files of the verb `rollout` share.
 */
#pragma once

#include "base/exit_code.h"
#include "cloud/skerry/campaign_file.h"
#include "cloud/skerry/desk.h"

/* What a rollout ends with, as docs/fleet.md has it; one that goes on: ok. */
enum exit_code rollout_code(const struct rollout *r);

/* Is the one that the words name this desk's? Those that it does not know may be a hub's. */
bool rollout_is_here(const struct options *o);

/* One of this desk. campaign_free() also after a failure; ERR_NOT_FOUND. */
enum err rollout_load(const struct options *o, struct campaign_file *f, struct campaign *c,
		      struct why *why);

/* A desk that speaks with a hub. ERR_NOT_FOUND: there is none, so nobody has this rollout.
 * desk_close() also after a failure. */
enum err rollout_open_hub(struct options *o, struct desk *d, struct why *why);

/* skerry rollout status */
enum exit_code rollout_status(struct options *o);
