/* apply - bring manifests to devices, and see what becomes of them. */
#pragma once

#include "cloud/skerry/desk.h"
#include "cloud/skerry/intent.h"

/* Everything `skerry apply` does, over a connection that is there. ERR_SYSTEM:
 * a device has rolled it back. */
enum err apply_files(struct desk *d, struct options *o, struct why *why);
