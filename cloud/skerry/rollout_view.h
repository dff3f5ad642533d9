/*
 * rollout_view - how far a rollout is, for people and for programs.
 */
#pragma once

#include "cloud/fleet/campaign.h"

#include <stdio.h>

/* As docs/schema/rollout.json. `wishes` are lines of JSON. */
void rollout_view_print_json(const struct campaign *c, const char *wishes);

/* A head, a bar, what it waits for, and the devices that need a person. */
void rollout_view_print(const struct campaign *c);

/* What has changed, as it happens: a picture on a terminal, one line a change elsewhere. */
struct rollout_view {
	const struct campaign *campaign;
	FILE *to;
	bool is_picture;
	int lines;               /* of the picture that stands there */
	enum member_state *told; /* what was said of each member */
	enum rollout_phase phase;
	size_t batch;
	char why[sizeof(struct why)];
};

enum err rollout_view_open(struct rollout_view *v, const struct campaign *c, FILE *to,
			   struct why *why);
void rollout_view_on_change(void *view);
void rollout_view_close(struct rollout_view *v);
