/*
 * push - artifacts from an operator's desk to the hub.
 *
 * The desk says what it has (dn/cmd/push of the device "hub"); the hub pulls it
 * block by block, as devices pull from the hub, and answers when it is whole.
 */
#pragma once

#include "cloud/hub/hub.h"
#include "sync/topic.h"

void push_init(struct hub *h);

/* A letter below the hub's own dn/. */
void push_on_letter(struct hub *h, const struct topic *t, struct bytes payload);
