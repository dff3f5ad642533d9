/*
 * handover - desks hand rollouts to the hub, wish, and look: dn/cmd/rollout of the device "hub";
 * docs/protocol.md has the messages.
 *
 * The hub that serves answers, since a prepared rollout comes as a blob; it writes rows
 * (agenda.h), and the hub that has control runs them.
 */
#pragma once

#include "cloud/hub/hub.h"
#include "sync/topic.h"

enum { HANDOVER_PIECE = 32 * 1024 }; /* bytes of a message in which a rollout is shown */

/* A letter dn/cmd/rollout. */
void handover_on_letter(struct hub *h, const struct topic *t, struct bytes payload);
