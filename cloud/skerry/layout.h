/*
 * layout - an image that another tool has made, as it is.
 *
 * An OCI image layout, or what `docker save` writes: of old with manifest.json
 * alone, today with index.json beside it. Sizes, digests and diff_ids are
 * verified before a byte goes to the hub.
 */
#pragma once

#include "cloud/skerry/bundle.h"
#include "cloud/skerry/pack.h"

/* Of an index, the image for `architecture`; with NULL the only one there is. */
enum err layout_take(const struct bundle *b, const char *architecture, struct packed *out,
		     struct why *why);
