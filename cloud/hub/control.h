/*
 * control - what devices say of themselves, and the desired states that they are shown.
 *
 * A device whose report names an older state than the newest known is shown that one, once
 * for each connection; a broker that has lost its retained messages gets them back.
 */
#pragma once

#include "cloud/hub/hub.h"
#include "sync/topic.h"

/* up/online or up/state, and dn/desired of a device. */
void control_on_document(struct hub *h, const struct topic *t, struct bytes payload);
void control_on_desired(struct hub *h, const struct topic *t, struct bytes payload);

/* Before the broker tells what is retained: nothing has been seen of it yet. */
void control_begin_look(struct hub *h);
/* After it: give back what it does not have. */
void control_end_look(struct hub *h);
