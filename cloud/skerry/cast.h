/*
 * cast - the devices that files and a broker know of, with their labels.
 */
#pragma once

#include "cloud/fleet/object.h"
#include "cloud/skerry/fleet_view.h"
#include "cloud/skerry/manifest_file.h"

struct cast_device {
	char name[LABEL_SIZE];
	struct device_object object; /* what a file says about it; all NULL: nothing */
	struct json *labels;
};

/* By name. */
struct cast {
	struct cast_device *list;
	size_t count;
};

/* All that have reported, and all that Device documents name. cast_free() also after a
 * failure. The files and the view must stay. */
enum err cast_open(struct cast *c, const struct manifest_files *m, struct fleet_view *v,
		   struct why *why);
void cast_free(struct cast *c);
