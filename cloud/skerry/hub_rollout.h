/*
 * hub_rollout - rollouts that the hub runs, seen from a desk.
 */
#pragma once

#include "cloud/fleet/campaign.h"
#include "cloud/skerry/desk.h"

enum { HUB_ROLLOUT_FIND_MS = 2000 }; /* a hub that is there has answered by then */

/* Summaries of those of this fleet, an array; the caller frees it. ERR_OFFLINE: no hub. */
enum err hub_rollout_list(struct desk *d, struct json **out, struct why *why);

/* Hand one over. ERR_CONFLICT: one of its name goes on there, or too many do. */
enum err hub_rollout_start(struct desk *d, const struct campaign *c, struct why *why);

/* `batch` 0: none named. ERR_NOT_FOUND; ERR_CONFLICT: it makes no sense now. */
enum err hub_rollout_wish(struct desk *d, const char *name, const char *what, int64_t batch,
			  struct why *why);

/* How far one is, to be shown: campaign_free() *out, free() *out_wishes. ERR_NOT_FOUND. */
enum err hub_rollout_show(struct desk *d, const char *name, struct campaign *out, char **out_wishes,
			  struct why *why);
