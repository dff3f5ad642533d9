/*
 * compose_file - a service of a compose file as a pod.
 *
 * What a board has another word for is taken over; what it cannot do is dropped, and each
 * drop is told with what to do instead. Pure: nothing is read but the tree.
 */
#pragma once

#include "base/err.h"
#include "ports/json.h"

/* `field` is the path below the service, such as "ports[0]". */
typedef void compose_told(void *owner, const char *field, const char *note);

struct compose_notes {
	void *owner;
	compose_told *take;
};

/* The caller frees *out. ERR_INVALID: the field that is wrong and why, "field: reason". */
enum err compose_service(const char *name, const struct json *service,
			 const struct compose_notes *notes, struct json **out, struct why *why);
