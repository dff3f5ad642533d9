/*
 * serve - answers blob/get from a folder of blobs: the other side of fetch.
 *
 * Used by the hub for devices, and by the command line for the hub.
 */
#pragma once

#include "ports/blobs.h"

struct serve_hooks {
	void *owner;
	/* Publish below the asker's topic; `rest` is "blob/{id}/{offset}". */
	void (*answer)(void *owner, const char *rest, struct bytes payload);
};

/* ERR_INVALID: not a request. A blob that is not there is answered with
 * blob/{id}/err and a sentence. */
enum err serve_blocks(const struct blobs *b, struct bytes request, const struct serve_hooks *hooks,
		      struct why *why);
