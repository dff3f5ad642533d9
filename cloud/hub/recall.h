/*
 * recall - ask the broker by name for what it did not show.
 *
 * Not every engine gives retained messages through wildcards (docs/engines.md). Without
 * this the hub would take what it has not seen for lost, and give back a state that a desk
 * has replaced meanwhile.
 */
#pragma once

#include "cloud/hub/hub.h"

/* Ask for the presence, report and desired state of each device whose desired state was not
 * seen on this connection. False: there is none. */
bool recall_unseen(struct hub *h);
