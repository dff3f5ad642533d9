/*
 * enrol - boards become members: invitations, their certificates, and the end of them.
 *
 * A desk has a device awaited and gets a token for it. Whoever proves that token gets a
 * certificate for that device, once. A board whose certificate counts gets the next
 * one by signing with the key of the present one. Dismissed: its token and its
 * certificates count no more, and the list of revoked ones says so.
 */
#pragma once

#include "cloud/hub/hub.h"

enum { ENROL_LOOK_MS = 24 * 60 * 60 * 1000 }; /* the list is renewed, what has expired goes */

/* Until when a list of revoked certificates counts: a month without a hub. */
#define REVOCATION_LIFE_MS (30LL * 24 * 60 * 60 * 1000)

enum err enrol_open(struct hub *h, struct why *why);
void enrol_close(struct hub *h);

/* Connected: desks see again who is awaited. */
void enrol_on_up(struct hub *h);

/* What came below the claim's own topic, a device's up/csr, and hub/dn/cmd. */
void enrol_on_claim(struct hub *h, const struct topic *t, struct bytes payload);
void enrol_on_renewal(struct hub *h, const struct topic *t, struct bytes payload);
void enrol_on_command(struct hub *h, const struct topic *t, struct bytes payload);

/* Tell the desks of a fleet who is awaited: retained on hub/up/awaited. */
void enrol_show_awaited(struct hub *h, const char *fleet);
