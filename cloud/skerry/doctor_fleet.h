/* doctor_fleet - the doctor's findings of a whole fleet, from the desk. */
#pragma once

#include "agent/doctor.h"
#include "cloud/skerry/options.h"

/* Add to the findings. ERR_OFFLINE, ERR_DENIED: there is nothing to examine. */
enum err doctor_examine_fleet(struct doctor *d, struct options *o, struct why *why);
