/*
 * view - what the hub knows of a fleet's devices, for a desk to which the broker does not
 * show it: not every engine gives retained messages through wildcards, nor those of its
 * other nodes.
 *
 * dn/cmd/view of the device "hub"; docs/protocol.md has the messages.
 */
#pragma once

#include "cloud/hub/hub.h"
#include "sync/topic.h"

/* A letter dn/cmd/view. */
void view_on_letter(struct hub *h, const struct topic *t, struct bytes payload);
