/*
 * change - what files and options ask of which devices: read, checked and packed, with
 * nothing published yet. What apply does, and what diff shows.
 */
#pragma once

#include "cloud/skerry/desk.h"
#include "cloud/skerry/intent.h"
#include "cloud/skerry/pin.h"
#include "cloud/skerry/warrant.h"

struct target {
	char name[LABEL_SIZE];
	char architecture[OCI_ARCHITECTURE_SIZE]; /* of its images; "" if nobody knows */
};

struct targets {
	struct target *list;
	size_t count;
};

/* Parts point at each other: it is not to be moved. */
struct change {
	struct desk *desk;
	struct manifest_files *files;
	struct pins pins;
	struct fleet_view view;
	struct targets targets;
	struct intent_trees trees;
	struct render_source source;
	struct warrant warrant;
	struct json *labels;     /* that it is given, with the changes of the options; or NULL */
	struct intent_wish wish; /* for the device that change_turn_to() was called with */
};

/* Read the files, choose the devices, pack images that lie here; they are pushed unless it is a
 * dry run. ERR_INVALID: files or options; ERR_NOT_FOUND: no such device. change_close() also
 * after a failure. */
enum err change_open(struct change *c, struct desk *d, const struct options *o, struct why *why);
/* The same, without the images. */
enum err change_read(struct change *c, struct desk *d, const struct options *o, struct why *why);
void change_close(struct change *c);

/* Make the wish that of the i-th target. */
void change_turn_to(struct change *c, size_t i);
