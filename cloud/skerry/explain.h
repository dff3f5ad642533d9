/*
 * explain - why something is so: a field of a manifest, pods that are to be brought to devices,
 * a pod that devices have.
 */
#pragma once

#include "base/exit_code.h"
#include "cloud/skerry/desk.h"
#include "ports/json.h"

/* Would devices run the pods of the files of -f? Nothing is published, handed over or signed. A
 * list as docs/schema/explain-files.json has it, the caller's. */
enum err explain_files(struct desk *d, struct options *o, struct json **out, struct why *why);

/* What has become of a pod on each device that has it or shall have it, and why. A list as
 * docs/schema/explain-pod.json has it. ERR_NOT_FOUND: none. */
enum err explain_pod(struct desk *d, const struct options *o, const char *pod, struct json **out,
		     struct why *why);
