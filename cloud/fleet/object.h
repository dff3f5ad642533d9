/*
 * object - what a person writes about a fleet: Fleet, Device and Rollout documents.
 *
 * They borrow from the tree that they were read from. A reason begins with the path of
 * what is wrong.
 */
#pragma once

#include "cloud/fleet/rollout_spec.h"
#include "workloads/placement.h"

enum object_kind { OBJECT_NONE, OBJECT_FLEET, OBJECT_DEVICE, OBJECT_ROLLOUT };

/* What kind of document this is; OBJECT_NONE: none of ours. */
enum object_kind object_kind_of(const struct json *document);

/* What devices shall run that a selector chooses: all of it, nothing else. */
struct fleet_object {
	const char *name;
	struct selector selector;
	const struct json *policy; /* NULL: none */
	const struct json *files;  /* a list of names, beside the document; NULL: none */
	const struct json *workloads, *configs; /* lists of documents; NULL: none */
};

/* What a desk knows of a device beside its report. */
struct device_object {
	const char *name;
	const struct json *labels;    /* an object of strings, or NULL: as before */
	const struct json *overrides; /* {"pod/NAME": PATCH}, or NULL */
	const char *pinned;           /* why no rollout may touch it; NULL: it may */
};

struct rollout_object {
	const char *name;
	struct rollout_spec spec;
	const char *fleet;        /* what to bring: of this name, or, if NULL, ... */
	const struct json *files; /* ... these, beside what runs already */
	bool prune;               /* ... in place of it */
};

enum err fleet_object_read(const struct json *document, struct fleet_object *out, struct why *why);
void fleet_object_free(struct fleet_object *f);

enum err device_object_read(const struct json *document, struct device_object *out,
			    struct why *why);

enum err rollout_object_read(const struct json *document, struct rollout_object *out,
			     struct why *why);
void rollout_object_free(struct rollout_object *r);

/* The labels of a device by its report, and what a desk knows of it (NULL: nothing). The
 * caller frees them. */
struct json *object_labels(const char *device, const struct json *report,
			   const struct device_object *d);
