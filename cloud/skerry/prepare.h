/*
 * prepare - from the documents of a Rollout to all the states that it may publish.
 */
#pragma once

#include "cloud/fleet/campaign.h"
#include "cloud/skerry/desk.h"
#include "cloud/skerry/fleet_view.h"

/* Read the files of the options, choose devices, pack and push images, render and sign. The
 * view is read, and read again after pushing. ERR_NOT_FOUND: no device is chosen;
 * ERR_DENIED: nobody's key; ERR_INVALID: also, every chosen device would refuse it, after
 * each was told on stderr. */
enum err prepare_campaign(struct desk *d, struct fleet_view *v, struct campaign *out,
			  struct why *why);
