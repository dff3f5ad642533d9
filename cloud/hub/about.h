/* about - the command `about`: is a hub there, which one, and has it got its database? */
#pragma once

#include "cloud/hub/hub.h"

void about_on_letter(struct hub *h, const struct topic *t, struct bytes payload);
