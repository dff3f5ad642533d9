/*
 * drive - run rollouts: see, decide, keep, publish, and again.
 *
 * The hub that has control does it, with the same decisions as a desk (cloud/fleet). Nothing is
 * published that is not kept as decided, so a hub can be killed at any moment: the next one
 * reads the rows (agenda.h), sees what the broker and the devices have, and goes on. It holds
 * no key: every state was made, and signed, by the desk.
 */
#pragma once

#include "cloud/hub/hub.h"

enum {
	DRIVE_LOOK_MS = 1000, /* between two looks at the clock and at wishes */
	DRIVE_SOON_MS = 100,  /* devices report in flocks: they are looked at together */
};

void drive_init(struct hub *h);
void drive_close(struct hub *h);

/* A rollout or a wish has come: look now. */
void drive_wake(struct hub *h);

/* What the database knows of a member now; of the device in `*out` on success, until the next
 * statement. */
enum err drive_see(struct hub *h, struct campaign *c, size_t member, struct agenda_sight *out,
		   struct why *why);

/* Something else is known of a device. */
void drive_note(struct hub *h, const char *fleet, const char *device);
