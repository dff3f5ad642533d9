/* bundle - what of an OCI runtime's config.json our sandbox can be asked for. */
#pragma once

#include "base/arena.h"
#include "ports/cgroup.h"
#include "ports/launch.h"

#include <stdbool.h>

struct bundle {
	struct launch launch;
	struct cgroup_limits limits;
	bool has_network; /* one of its own */
};

/* Strings are kept in `arena`. User and group 0 become BUNDLE_USER: we start nothing as
 * root. ERR_INVALID: config.json is not one. */
enum { BUNDLE_USER = 65002 };
enum err bundle_read(const char *folder, struct arena *arena, struct bundle *out, struct why *why);
