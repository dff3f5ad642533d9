/*
 * pin - images that lie at the desk become digests that a board can fetch.
 *
 * A manifest may name a folder or a tar. For each architecture among the boards
 * it is packed and handed to the hub once; before a board's desired state is
 * made, the digests for that board are put into the manifest's tree.
 */
#pragma once

#include "cloud/skerry/desk.h"
#include "cloud/skerry/manifest_file.h"
#include "cloud/skerry/scratch.h"
#include "workloads/oci.h"

enum { PIN_ARCHITECTURES_MAX = 8 };

struct pinned {
	char architecture[OCI_ARCHITECTURE_SIZE];
	char image[LABEL_SIZE + DIGEST_SIZE + 2]; /* NAME@sha256:... */
};

struct pin {
	const char *file;       /* of the manifest */
	struct json *container; /* NULL: the agent, which stands in no manifest */
	char *image;            /* as the manifest has it */
	struct pinned made[PIN_ARCHITECTURES_MAX];
	size_t count;
};

struct pins {
	const struct options *options;
	struct desk *desk;
	struct scratch scratch;
	bool opened;
	struct pin *list;
	size_t count;
	const struct pin *agent; /* of --agent; NULL: it is not given, or needs no packing */
	const char *agent_image; /* for the architecture set last; NULL: none is given */
};

/* Find what is to be pinned; nothing is packed yet. */
enum err pins_open(struct pins *p, const struct manifest_files *m, struct why *why);

/* Pack and push for an architecture; "" is one that nobody knows. */
enum err pins_make(struct pins *p, const char *architecture, struct why *why);

/* Put the digests for an architecture into the tree. */
void pins_set(struct pins *p, const char *architecture);
void pins_close(struct pins *p);
